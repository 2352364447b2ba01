//! The resource limits of a process: `limits`, proc_pid_limits(5), getrlimit(2).

/// A resource limit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rlimit {
    /// The kernel's name for it, without `Max`: `open files`.
    pub name: String,
    /// The limit in effect; `None` if there is no limit.
    pub soft: Option<u64>,
    /// The value to which the process may raise it.
    pub hard: Option<u64>,
    /// The unit: `bytes`, `files`; some limits have none.
    pub unit: String,
}

/// Parses the text of the file: a heading, then one limit a line. Other lines are skipped.
pub fn parse(text: &[u8]) -> Vec<Rlimit> {
    let lines = text.split(|&b| b == b'\n');
    lines.filter_map(|line| parse_line(std::str::from_utf8(line).ok()?)).collect()
}

/// `Max open files            1024                 4096                 files     `
fn parse_line(line: &str) -> Option<Rlimit> {
    let words: Vec<&str> = line.strip_prefix("Max ")?.split_ascii_whitespace().collect();
    let at = words.iter().position(|word| value(word).is_some())?;
    let (name, values) = words.split_at_checked(at)?;
    let (soft, hard) = (value(values.first()?)?, value(values.get(1)?)?);
    if name.is_empty() {
        return None;
    }
    let unit = values.get(2).copied().unwrap_or_default().to_owned();
    Some(Rlimit { name: name.join(" "), soft, hard, unit })
}

/// Parses a number, or `unlimited` as `None`.
#[allow(clippy::option_option, reason = "not a value, or a value that means no limit")]
fn value(word: &str) -> Option<Option<u64>> {
    if word == "unlimited" { Some(None) } else { word.parse().ok().map(Some) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_real_table() {
        let text = include_bytes!("../../tests/fixtures/linux-6.18-limits");
        let limits = parse(text);
        assert_eq!(limits.len(), 16);
        let of = |name: &str| {
            let limit = limits.iter().find(|limit| limit.name == name).unwrap();
            (limit.soft, limit.hard, limit.unit.as_str())
        };
        assert_eq!(of("open files"), (Some(1024), Some(4096), "files"));
        assert_eq!(of("stack size"), (Some(8_388_608), None, "bytes"));
        assert_eq!(of("cpu time"), (None, None, "seconds"));
        assert_eq!(of("nice priority"), (Some(0), Some(0), ""));
        assert_eq!(of("realtime timeout"), (None, None, "us"));
    }

    #[test]
    fn other_lines_are_skipped() {
        assert_eq!(parse(b"\nMax\nMax x\nMax x 1\nMax 1 2 s\nMax x y z s\nx 1 2 s\nMax \xff 1 2 s"), []);
    }
}
