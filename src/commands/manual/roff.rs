//! The language of man pages: groff_char(7), man(7).

use std::fmt::Write as _;

/// The text as roff, so that each character is shown as it is, and can be copied.
pub(super) fn text(plain: &str) -> String {
    let mut out = String::new();
    for c in plain.chars() {
        match c {
            '\\' => out.push_str(r"\e"),
            '-' => out.push_str(r"\-"),
            '\'' => out.push_str(r"\(aq"),
            '`' => out.push_str(r"\(ga"),
            '^' => out.push_str(r"\(ha"),
            '~' => out.push_str(r"\(ti"),
            '"' => out.push_str(r"\(dq"),
            // At the start of a line it would be a request.
            '.' if out.is_empty() => out.push_str(r"\&."),
            c if c.is_ascii() => out.push(c),
            c => {
                // Writing to a String cannot fail.
                let _ = write!(out, r"\[u{:04X}]", u32::from(c));
            }
        }
    }
    out
}

/// The text in bold, as for what is typed as it is.
pub(super) fn bold(plain: &str) -> String {
    format!(r"\fB{}\fR", text(plain))
}

/// The text in italics, as for what stands for something else.
pub(super) fn italic(plain: &str) -> String {
    format!(r"\fI{}\fR", text(plain))
}

/// Lines that are shown as they are, indented.
pub(super) fn verbatim<'a>(lines: impl Iterator<Item = &'a str>) -> String {
    let mut out = ".PP\n.RS 4\n.EX\n".to_owned();
    for line in lines {
        out += &text(line);
        out.push('\n');
    }
    out + ".EE\n.RE\n"
}

#[test]
fn text_is_escaped() {
    for (plain, roff) in [
        ("-t, --timeout", r"\-t, \-\-timeout"),
        (r"\r \\", r"\er \e\e"),
        ("'it' `x` ^ ~ \"", r"\(aqit\(aq \(gax\(ga \(ha \(ti \(dq"),
        (".x.y", r"\&.x.y"),
        ("a…", r"a\[u2026]"),
    ] {
        assert_eq!(text(plain), roff, "{plain}");
    }
}
