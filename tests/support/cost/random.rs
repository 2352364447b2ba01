//! Pseudorandom numbers, the same in every run: Marsaglia's xorshift, "Xorshift RNGs" (2003).

/// A sequence of numbers.
pub struct Random(u64);

impl Default for Random {
    fn default() -> Self {
        Random(0x9E37_79B9_7F4A_7C15)
    }
}

impl Random {
    /// Returns a number below `limit`, or `None` if `limit` is 0.
    pub fn below(&mut self, limit: usize) -> Option<usize> {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 33).ok()?.checked_rem(limit)
    }
}
