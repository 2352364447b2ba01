//! Breaks lines between words, for a terminal.

/// The fewest characters of a line for which it is broken.
const NARROWEST: usize = 20;
/// How much further than the first the other lines of a paragraph are indented.
const INDENT: usize = 2;

/// Breaks text into lines of at most `width` characters, of which the first follows `begun` others.
/// The other lines are indented a little further than the text. A word that is longer than a line
/// stays whole, so that it can be copied.
pub fn wrapped(text: &str, begun: usize, width: usize) -> String {
    let words = text.trim_start_matches(' ');
    let indent = text.len() - words.len() + INDENT;
    if begun + text.chars().count() <= width || width < indent + NARROWEST {
        return text.to_owned();
    }
    let mut out = " ".repeat(indent - INDENT);
    let mut column = begun + out.len();
    let mut is_first = true;
    // A space that follows another belongs to the line.
    for word in words.split(' ') {
        let length = word.chars().count();
        if !is_first && column + 1 + length > width {
            out.push('\n');
            out.push_str(&" ".repeat(indent));
            column = indent;
        } else if !is_first {
            out.push(' ');
            column += 1;
        }
        out.push_str(word);
        column += length;
        is_first = false;
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_break_between_words() {
        let text = "the kernel killed a process for lack of memory";
        for (text, begun, width, expected) in [
            (text, 0, 80, text.to_owned()),
            (text, 0, 46, text.to_owned()),
            (text, 0, 45, "the kernel killed a process for lack of\n  memory".to_owned()),
            (text, 5, 46, "the kernel killed a process for lack of\n  memory".to_owned()),
            (text, 0, 22, "the kernel killed a\n  process for lack of\n  memory".to_owned()),
            (": a b", 30, 34, ": a\n  b".to_owned()),
            // Too narrow for words.
            (text, 0, 21, text.to_owned()),
        ] {
            assert_eq!(wrapped(text, begun, width), expected, "{width}");
        }
        let seen = "    seen: /a/very/long/path/that/does/not/fit: says so";
        assert_eq!(
            wrapped(seen, 0, 30),
            "    seen:\n      /a/very/long/path/that/does/not/fit:\n      says so"
        );
    }

    #[test]
    fn only_spaces_at_breaks_are_lost() {
        for width in 0..60 {
            for text in ["", " ", "  a  b", "é ü ö  wörter und noch mehr davon, ohne Ende", "x   y   z   "]
            {
                let broken = wrapped(text, 3, width);
                let compact =
                    |text: &str| text.chars().filter(|c| !matches!(c, ' ' | '\n')).collect::<String>();
                assert_eq!(compact(&broken), compact(text), "{width} {text:?}");
            }
        }
    }
}
