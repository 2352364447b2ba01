//! Parts of a message that come from outside or from an argument, marked in the text itself.

use std::ops::Range;

use super::decoded::{encode, may_carry};

/// The code points before and after [foreign](mark_foreign) text.
const AROUND: [char; 2] = ['\u{10ff7e}', '\u{10ff7f}'];

/// Marks a part of a message that comes from outside or from an argument, for the report; see
/// `Finding::is_ours`.
pub fn mark_foreign(text: &str) -> String {
    let [opens, closes] = AROUND;
    format!("{opens}{}{closes}", without_marks(text))
}

/// Returns the text without the marks of [foreign](mark_foreign) parts.
fn without_marks(text: &str) -> String {
    text.replace(AROUND, "")
}

/// Returns the bytes of a message ([`encode`]) and the ranges of them that are
/// [foreign](mark_foreign).
pub fn parts(text: &str) -> (Vec<u8>, Vec<Range<usize>>) {
    if !may_carry(text) {
        return (text.as_bytes().to_vec(), Vec::new());
    }
    let (mut bytes, mut foreign, mut start) = (Vec::new(), Vec::new(), None);
    for piece in text.split_inclusive(AROUND) {
        bytes.extend_from_slice(&encode(piece.trim_end_matches(AROUND)));
        if piece.ends_with(AROUND[0]) {
            start = Some(bytes.len());
        } else if let Some(start) = start.take() {
            foreign.push(start..bytes.len());
        }
    }
    (bytes, foreign)
}

#[cfg(test)]
mod tests {
    use super::super::decoded::decode;
    use super::*;

    #[test]
    fn foreign_parts_of_a_message() {
        let [opens, closes] = AROUND;
        let message = format!(
            "a {} é {}",
            mark_foreign(&decode(b"b\xff")),
            mark_foreign(&format!("c{opens}{closes}d"))
        );
        assert_eq!(parts(&message), (b"a b\xff \xc3\xa9 cd".to_vec(), vec![2..4, 8..10]));
        assert_eq!(parts(&format!("{closes}a{opens}b{closes}{opens}c")), (b"abc".to_vec(), vec![1..2, 2..3]));
        assert_eq!(parts("a"), (b"a".to_vec(), vec![]));
        assert_eq!(parts(""), (vec![], vec![]));
    }
}
