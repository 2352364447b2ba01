//! Habitual words and letters of ps(1), ss(8), ls(1) and others that change nothing here: `ps aux`,
//! `ls -la`. They are removed before the options are read, so that neither help nor the commands
//! deal with them. Words with another spelling here, such as `find -name`, are replaced.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt as _;

use crate::args::{Opt, takes_next, with_letter};
use crate::inspect::Habits;

/// Returns the words without those that change nothing, with synonyms replaced, and with `-n5` for
/// the `-5` of head(1) and tail(1) and `-C5` for that of grep(1).
pub(super) fn without_habits(habits: &Habits, options: &[&Opt], words: &[OsString]) -> Vec<OsString> {
    let mut out = Vec::new();
    let mut rest = words.iter();
    while let Some(word) = rest.next() {
        let bytes = word.as_encoded_bytes();
        if habits.words.iter().any(|word| word.as_bytes() == bytes) {
            continue;
        }
        let mut kept = bytes.to_vec();
        if let Some((_, ours)) = habits.synonyms.iter().find(|(word, _)| word.as_bytes() == bytes) {
            kept = ours.as_bytes().to_vec();
        } else if let [b'-', cluster @ ..] = bytes
            && cluster.first().is_some_and(|&letter| letter != b'-')
        {
            let next = rest.as_slice().first().map_or(&b""[..], |next| next.as_encoded_bytes());
            kept.truncate(1);
            let synonym = push_cluster(habits, options, cluster, next, &mut kept);
            out.extend(synonym.map(OsString::from));
            if kept.len() == 1 {
                continue;
            }
        }
        let kept = OsString::from_vec(kept);
        let has_value = takes_next(options, &kept);
        out.push(kept);
        if has_value {
            out.extend(rest.next().cloned());
        } else if bytes == b"--" {
            break;
        }
    }
    out.extend(rest.cloned());
    out
}

/// Appends to `kept` the letters that mean something; `next` is the next word.
/// Returns the option that replaces a letter: grep(1) has `-h` and `-H`, and `-h` is help in other
/// commands.
fn push_cluster(
    habits: &Habits,
    options: &[&Opt],
    cluster: &[u8],
    next: &[u8],
    kept: &mut Vec<u8>,
) -> Option<&'static str> {
    if let Some(letter) = habits.number_is.filter(|_| cluster.iter().all(u8::is_ascii_digit)) {
        kept.extend_from_slice(letter.encode_utf8(&mut [0; 4]).as_bytes());
        kept.extend_from_slice(cluster);
        return None;
    }
    let mut synonym = None;
    let nothing = habits.letters.as_bytes();
    for (at, letter) in cluster.iter().enumerate() {
        // A process ID follows, or `self`.
        let is_value = || {
            let rest = cluster.get(at + 1..).filter(|rest| !rest.is_empty()).unwrap_or(next);
            matches!(rest.first(), Some(b'0'..=b'9' | b'=')) || rest == b"self"
        };
        if let Some(&(_, name)) = habits.letter_synonyms.iter().find(|(known, _)| known == letter) {
            synonym = Some(name);
        }
        if nothing.contains(letter) || habits.before_pid == Some(*letter) && !is_value() {
            continue;
        }
        kept.push(*letter);
        if with_letter(options, *letter).is_some_and(Opt::takes_value) {
            kept.extend_from_slice(cluster.get(at + 1..).unwrap_or_default());
            break;
        }
    }
    synonym
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::page::Page;

    #[test]
    fn habits_are_removed_or_replaced() {
        for (typed, meant) in [
            ("ps aux", ""),
            ("ps -ef", ""),
            ("ps -aux", ""),
            ("ps -e -A nginx", "nginx"),
            ("ps -u root", "-u root"),
            ("ps -ep 7", "-p 7"),
            ("ps -p aux", "-p aux"),
            ("ps -- aux", "-- aux"),
            ("ps --proc -e -e", "--proc -e"),
            ("ps --proc=/x -e", "--proc=/x"),
            ("ls -la /etc", "/etc"),
            ("ls -lahR -", "-R -"),
            ("ls -h", ""),
            ("ls -t", "-t"),
            ("ls -lp7a", "-p7a"),
            ("df -h", ""),
            ("cat -h", "-h"),
            ("hexdump -C x", "x"),
            ("ss -tlnp", "-tln"),
            ("ss -tlpn", "-tln"),
            ("ss -plnt", "-lnt"),
            ("grep -rh x y", "--no-filename -r x y"),
            ("grep -H x", "--with-filename x"),
            ("grep -- -h", "-- -h"),
            ("find / -name h -print", "/ --name h"),
            ("find -maxdepth 1", "--max-depth 1"),
            ("lsof -nP", ""),
            ("ss -p", ""),
            ("ss -p -t", "-t"),
            ("ss -p 7", "-p 7"),
            ("ss -tp 7", "-tp 7"),
            ("ss -tp7", "-tp7"),
            ("ss -p x", "x"),
            ("head -5 x", "-n5 x"),
            ("tail -20", "-n20"),
            ("grep -2 x", "-C2 x"),
            ("tail -n -5", "-n -5"),
            ("tail -5x", "-5x"),
            ("ls -5", "-5"),
        ] {
            let mut words = typed.split(' ').map(OsString::from);
            let command = words.next().unwrap();
            let page = Page::named(&command).unwrap();
            let options: Vec<&Opt> = page.all_options().collect();
            let left = without_habits(&page.properties.habits, &options, &words.collect::<Vec<_>>());
            assert_eq!(left.join(std::ffi::OsStr::new(" ")), *meant, "{typed}");
        }
    }
}
