//! Searching for bytes in bytes.

/// Returns the position of the first `needle` in `haystack`.
pub fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    if needle.is_empty() {
        return Some(0);
    }
    haystack.windows(needle.len()).position(|window| window == needle)
}

/// Whether the word is one of the list, in which each has a space on both sides.
pub fn is_listed(list: &str, word: &[u8]) -> bool {
    find(list.as_bytes(), &[b" ", word, b" "].concat()).is_some()
}
