//! What hands type by themselves at ps(1), ss(8), ls(1) and others, and what changes nothing here: `ps aux`, `ls -la`.
//! It is left out before the options are read, so that neither help nor the commands have to know of it.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt as _;

use super::Opt;
use crate::expand::is_listed;

/// A command, the letters of options that change nothing there, and the words.
const HABITS: [(&str, &str, &str); 8] = [
    // All processes in full, and wide.
    ("ps", "eAfw", " aux auxw auxww auxf -aux ax "),
    // The processes, see below.
    ("ss", "", ""),
    // All of it in full, an entry a line.
    ("ls", "laA1h", ""),
    ("df", "hk", ""),
    ("hexdump", "C", ""),
    ("grep", "F", ""),
    ("head", "", ""),
    ("tail", "", ""),
];

/// The letters that change nothing for this command.
pub(super) fn letters(command: &str) -> &'static str {
    HABITS.iter().find(|(of, ..)| *of == command).map_or("", |(_, letters, _)| letters)
}

/// The words without what changes nothing, and with `-n 5` for the `-5` of head(1) and tail(1).
pub(super) fn without(command: &str, options: &[&Opt], words: &[OsString]) -> Vec<OsString> {
    let Some((_, letters, whole)) = HABITS.iter().find(|(of, ..)| *of == command) else {
        return words.to_vec();
    };
    let takes_value = |letter: u8| {
        options.iter().any(|option| option.takes_value() && option.short == Some(char::from(letter)))
    };
    let mut out = Vec::new();
    let mut rest = words.iter();
    while let Some(word) = rest.next() {
        let bytes = word.as_encoded_bytes();
        let cluster = bytes.strip_prefix(b"-").unwrap_or_default();
        if bytes == b"--" {
            out.push(word.clone());
            break;
        } else if is_listed(whole, bytes) {
            continue;
        } else if cluster.is_empty() || cluster.starts_with(b"-") {
            out.push(word.clone());
            if options.iter().any(|option| option.takes_value() && option.ends(bytes)) && !cluster.is_empty()
            {
                out.extend(rest.next().cloned());
            }
            continue;
        }
        let mut kept = b"-".to_vec();
        if matches!(command, "head" | "tail") && cluster.iter().all(u8::is_ascii_digit) {
            kept.push(b'n');
            kept.extend_from_slice(cluster);
            out.push(OsString::from_vec(kept));
            continue;
        }
        let mut behind = cluster;
        while let Some((&letter, tail)) = behind.split_first() {
            behind = tail;
            // The processes are always shown: only before a number is it that of one.
            let is_processes = command == "ss"
                && letter == b'p'
                && match tail.first() {
                    Some(next) => !next.is_ascii_digit() && *next != b'=',
                    None => {
                        rest.as_slice().first().is_none_or(|next| next.as_encoded_bytes().starts_with(b"-"))
                    }
                };
            if is_processes || letters.as_bytes().contains(&letter) {
                continue;
            }
            kept.push(letter);
            if takes_value(letter) {
                kept.extend_from_slice(tail);
                break;
            }
        }
        if kept.len() > 1 {
            let is_open = behind.is_empty() && kept.last().is_some_and(|&letter| takes_value(letter));
            out.push(OsString::from_vec(kept));
            if is_open {
                out.extend(rest.next().cloned());
            }
        }
    }
    out.extend(rest.cloned());
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::{flag, option};

    #[test]
    fn what_changes_nothing_is_left_out() {
        let options = [
            option("pid", "PID", "").short('p'),
            option("lines", "N", "").short('n'),
            option("proc", "DIR", ""),
            flag("recursive", "").short('R'),
            flag("tcp", "").short('t'),
            flag("listening", "").short('l'),
        ];
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
            ("ss -p", ""),
            ("ss -p -t", "-t"),
            ("ss -p 7", "-p 7"),
            ("ss -tp 7", "-tp 7"),
            ("ss -tp7", "-tp7"),
            ("ss -p x", "-p x"),
            ("head -5 x", "-n5 x"),
            ("tail -20", "-n20"),
            ("tail -n -5", "-n -5"),
            ("tail -5x", "-5x"),
            ("ls -5", "-5"),
        ] {
            let mut words = typed.split(' ').map(OsString::from);
            let command = words.next().unwrap();
            // Elsewhere -n has no value.
            let has = |option: &&Opt| option.name != "lines" || command == "tail";
            let options: Vec<&Opt> = options.iter().filter(has).collect();
            let left = without(command.to_str().unwrap(), &options, &words.collect::<Vec<_>>());
            assert_eq!(left.join(std::ffi::OsStr::new(" ")), *meant, "{typed}");
        }
    }
}
