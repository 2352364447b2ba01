//! A quick test whether a word may occur in a text: only if all its letters do.

/// The letters that occur in a text, in either case, a bit for each. Other bytes share these bits.
#[derive(Debug, Clone, Copy)]
pub(super) struct Letters(u32);

impl Letters {
    /// Returns the letters of a text.
    pub const fn of(text: &[u8]) -> Self {
        let (mut letters, mut rest) = (0, text);
        while let [byte, tail @ ..] = rest {
            // The case of a letter is in another bit.
            letters |= 1 << (*byte & 31);
            rest = tail;
        }
        Letters(letters)
    }

    /// Returns the letters of each of these words.
    #[expect(clippy::indexing_slicing, reason = "the compiler evaluates it")]
    pub const fn of_each<const N: usize>(words: &[&str]) -> [Self; N] {
        let (mut letters, mut at) = ([Letters(0); N], 0);
        while at < N {
            letters[at] = Letters::of(words[at].as_bytes());
            at += 1;
        }
        letters
    }

    /// Returns whether a text with these letters may contain one of the words.
    pub fn may_have(self, words: &[Self]) -> bool {
        words.iter().any(|word| word.0 & !self.0 == 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_text_with_all_letters_may_have_a_word() {
        let words: [Letters; 2] = Letters::of_each(&["PASS", "-S"]);
        for (text, may_have) in
            [("", false), ("sap", true), ("--PASSWORD", true), ("apt", false), ("m-s", true)]
        {
            assert_eq!(Letters::of(text.as_bytes()).may_have(&words), may_have, "{text}");
        }
    }
}
