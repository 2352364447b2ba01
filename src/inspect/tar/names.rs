//! The names of members, and which ones are excluded, as in GNU tar: "Absolute File Names" and
//! "Controlling Pattern-Matching" in its manual.

use crate::view::glob::fits;

/// Returns the length of the leading part that is removed from a member's name, because it could
/// lead out of the directory in which the archive is unpacked: all up to the last `..`, and the
/// slashes after it or at the beginning.
pub fn leading(name: &[u8]) -> usize {
    let mut end = 0;
    let mut start = 0;
    for part in name.split(|&b| b == b'/') {
        if part == b".." {
            end = start + part.len();
        }
        start += part.len() + 1;
    }
    let rest = name.get(end..).unwrap_or_default();
    end + rest.iter().take_while(|&&b| b == b'/').count()
}

/// Returns the name without trailing slashes, as tar does. One slash stays if there is nothing
/// else.
pub fn trimmed(name: &[u8]) -> &[u8] {
    let end = name.iter().rposition(|&b| b != b'/').map_or(1, |at| at + 1);
    name.get(..end).unwrap_or(name)
}

/// Whether a pattern matches the name or what follows one of its slashes. A star matches slashes
/// too.
pub fn is_excluded(patterns: &[Vec<u8>], name: &[u8]) -> bool {
    let starts_component = |at: &usize| name.get(*at).is_some_and(|&b| b != b'/');
    let slashes = name.iter().enumerate().filter(|(_, byte)| **byte == b'/').map(|(at, _)| at + 1);
    let mut starts = std::iter::once(0).chain(slashes.filter(starts_component));
    !patterns.is_empty()
        && starts.any(|start| {
            let rest = name.get(start..).unwrap_or_default();
            patterns.iter().any(|pattern| fits(pattern, rest))
        })
}

/// Whether a named path is excluded, or a directory above it.
pub fn is_excluded_from_above(patterns: &[Vec<u8>], name: &[u8]) -> bool {
    let slashes = name.iter().enumerate().filter(|(_, byte)| **byte == b'/').map(|(at, _)| at);
    let mut ends = slashes.chain([name.len()]);
    ends.any(|end| is_excluded(patterns, name.get(..end).unwrap_or_default()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn leading_parts_that_could_lead_elsewhere_are_removed() {
        for (name, rest) in [
            ("a/b", "a/b"),
            ("/a", "a"),
            ("//a", "a"),
            ("/", ""),
            ("..", ""),
            ("../a", "a"),
            ("a/../b", "b"),
            ("a/..//b/..c", "b/..c"),
            ("/../..", ""),
            ("./a", "./a"),
            ("...", "..."),
            ("", ""),
        ] {
            assert_eq!(&name[leading(name.as_bytes())..], rest, "{name}");
        }
        for (name, expected) in [("a", "a"), ("a/", "a"), ("a//", "a"), ("/", "/"), ("//", "/"), ("", "")] {
            assert_eq!(trimmed(name.as_bytes()), expected.as_bytes(), "{name}");
        }
    }

    #[test]
    fn exclusion_patterns() {
        for (pattern, name, expected) in [
            ("b", "a/b", true),
            ("b", "a/bb", false),
            ("b", "b/c", false),
            ("a/b", "x/a/b", true),
            ("*/c", "a/b/c", true),
            ("a*c", "x/a/b/c", true),
            ("/a", "/a", true),
            ("/a", "x/a", false),
            ("a", "/a", true),
            ("b/", "a/b", false),
            ("", "a", false),
            ("*", "a", true),
        ] {
            assert_eq!(is_excluded(&[pattern.into()], name.as_bytes()), expected, "{pattern} {name}");
        }
        assert!(is_excluded_from_above(&[b"x".into(), b"b".into()], b"a/b/c"));
        assert!(!is_excluded_from_above(&[b"c".into()], b"a/b"));
        assert!(!is_excluded(&[], b"a"));
    }
}
