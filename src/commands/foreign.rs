//! The names of other programs and what to write instead. The options of other programs that a
//! command recognizes are a field of its [`Kind`](crate::check::Kind).
//!
//! A row is removed once porthole has that word itself. A test verifies this, and that whatever a
//! hint names exists.

use std::ffi::OsStr;

use super::{find_kind, is_elsewhere, is_option_elsewhere};
use crate::args::Hint::{self, Example, LeaveOut, Say, Use};
use crate::args::{Row, is_operand};
use crate::bytes::find;

/// Programs that check something.
const COMMANDS: &[Row] = &[
    (&["curl", "wget", "https"], Use("http URL")),
    (&["websocat", "wscat", "ws", "wss"], Use("http ws://HOST:PORT/")),
    (&["nc", "ncat", "netcat", "telnet", "socat", "ping", "wait-for-it", "wait-for"], Use("tcp HOST:PORT")),
    (&["openssl"], Use("tls HOST:PORT")),
    (&["grpcurl", "grpc_health_probe", "grpc-health-probe"], Use("grpc HOST:PORT")),
    (&["pg_isready", "psql"], Use("postgres HOST:5432")),
    (&["mysqladmin", "mariadb-admin", "mariadb"], Use("mysql HOST:3306")),
    (&["redis-cli", "valkey-cli", "valkey"], Use("redis HOST:6379")),
    (&["rabbitmq-diagnostics", "rabbitmqctl", "rabbitmq"], Use("amqp HOST:5672")),
    (&["mongosh", "mongo"], Use("mongodb HOST:27017")),
    (&["kafka-topics", "kafka-broker-api-versions", "kcat"], Use("kafka HOST:9092")),
    (&["mosquitto_sub", "mosquitto_pub"], Use("mqtt HOST:1883")),
    (&["dig", "nslookup", "host", "getent"], Use("dns NAME")),
    (&["pgrep", "pidof"], Use("process NAME")),
    (&["test", "["], Use("file PATH")),
    (&["timeout"], Say("use -t DUR after a check")),
    (&["and", "or"], Say("it joins two checks, as in porthole tcp :80 and tcp :81")),
    (&["!"], Say("write not, as in porthole not listen 8080")),
    (&["sleep", "wait", "watch"], Say("use --wait DUR after a check")),
    (
        &["kill", "killall", "pkill"],
        Say("porthole sends no signals: stop or restart the container from outside"),
    ),
    (
        &["sh", "bash", "ash"],
        Say("porthole runs no shell, and none of its commands needs one: see porthole --help"),
    ),
];

/// Programs that show something.
#[cfg(feature = "inspect")]
const INSPECTIONS: &[Row] = &[
    (&["netstat"], Use("ss, or ip route for netstat -r")),
    (&["fuser"], Use("ss")),
    (&["htop", "atop"], Use("top")),
    (&["pstree"], Use("ps --tree")),
    (&["w"], Use("ps")),
    (&["free", "vmstat", "ulimit", "nproc"], Use("limits")),
    (&["uptime"], Use("cat /proc/uptime /proc/loadavg")),
    (&["uname"], Use("cat /proc/version")),
    (&["hostname"], Use("cat /proc/sys/kernel/hostname")),
    (&["ifconfig"], Use("ip addr")),
    (&["route"], Use("ip route")),
    (&["arp"], Use("ip neigh")),
    (&["mount", "findmnt"], Use("mounts")),
    (&["lsblk"], Use("df")),
    (&["ncdu"], Use("du PATH")),
    (&["tree", "which", "whereis", "locate"], Use("find PATH")),
    (&["dir", "ll"], Use("ls")),
    (&["less", "more", "vi", "vim", "nano"], Use("cat PATH")),
    (&["egrep", "fgrep", "awk", "sed", "strings"], Use("grep TEXT PATH")),
    (&["od", "xxd", "hd"], Use("hexdump PATH")),
    (&["md5sum", "sha1sum", "sha512sum", "cksum"], Use("sha256sum PATH")),
    (&["readlink", "realpath"], Use("stat PATH")),
    (&["namei", "getfacl"], Use("access PATH")),
    (&["printenv", "export", "set"], Use("env")),
    (&["whoami", "groups", "lsns", "capsh", "getpcaps"], Use("id")),
    (&["strace", "ltrace", "gdb"], Use("doctor, which explains what is wrong without tracing")),
    (&["systemctl", "service", "supervisorctl"], Use("process NAME")),
    (
        &["cp", "mv", "rm", "mkdir", "touch", "chmod", "chown", "ln"],
        Say("porthole changes nothing: it only reads"),
    ),
];
/// The most common ones, so that `htop` is not taken for `http`.
#[cfg(not(feature = "inspect"))]
const INSPECTIONS: &[Row] = &[(
    &["netstat", "ifconfig", "htop", "free", "mount", "vi"],
    Say("the full build of porthole has commands that look inside"),
)];

/// Words of a shell, which mean nothing without one.
const SHELL: &[Row] = &[
    (
        &["||", "|", ";", ">/dev/null", "2>&1"],
        LeaveOut("no shell reads this line, and a failed check exits with 1 anyway"),
    ),
    (&["&&", "AND"], Say("put the word and between two checks")),
    (&["OR"], Say("put the word or between two checks")),
    (&["!", "NOT"], Say("put the word not before a check, in front of its name")),
];

/// Returns what to do about this word in place of a command: `curl`, `/usr/bin/curl`,
/// `./wait-for-it.sh`.
pub(super) fn command(name: &[u8]) -> Option<String> {
    let is_path = name.starts_with(b"/") || name.starts_with(b".");
    let name = if is_path { name.rsplit(|&b| b == b'/').next()? } else { name };
    let name = name.strip_suffix(b".sh").unwrap_or(name);
    look_up(COMMANDS, name).or_else(|| look_up(INSPECTIONS, name)).map(|hint| words(hint, "porthole ", ""))
}

/// Returns what to do about this option or argument of our command. Programs written in Go accept
/// `--addr` for `-addr`.
pub(super) fn argument(command: &str, word: &[u8]) -> Option<String> {
    let with_one_dash = word.get(1..).filter(|rest| rest.starts_with(b"-")).unwrap_or(word);
    let kind = find_kind(OsStr::new(command));
    let (tables, examples) = kind.map_or((&[][..], ""), |kind| (kind.foreign.rows, kind.examples));
    let hint = tables.iter().find_map(|rows| look_up(rows, word).or_else(|| look_up(rows, with_one_dash)));
    hint.or_else(|| look_up(SHELL, word)).map(|hint| words(hint, "", examples))
}

/// Returns what to do about this unexpected value of an argument.
pub(super) fn advice(command: &str, name: &str, given: &[u8]) -> Option<String> {
    // Of a URL only the scheme is looked up.
    let scheme = find(given, b"://").and_then(|at| given.get(..at + 3));
    value(command, name, given)
        .or_else(|| argument(command, scheme.unwrap_or(given)).filter(|_| is_operand(name)))
}

/// Returns what to do about the value of an option, if another program's option of that letter
/// takes none or something else; or about a surplus operand, for which the option is empty.
pub(super) fn value(command: &str, option: &str, value: &[u8]) -> Option<String> {
    (find_kind(OsStr::new(command))?.foreign.value)(option, value)
}

fn look_up(rows: &[Row], word: &[u8]) -> Option<Hint> {
    rows.iter().find(|(words, _)| words.iter().any(|known| known.as_bytes() == word)).map(|&(_, hint)| hint)
}

/// The hint as a sentence; `prefix` precedes what to use, and `examples` are those of the command.
fn words(hint: Hint, prefix: &str, examples: &str) -> String {
    match hint {
        Use(text) => {
            let word = text.split([' ', ',']).next().unwrap_or_default();
            let place =
                if is_elsewhere(word) || is_option_elsewhere(word) { " of the full build" } else { "" };
            format!("use {prefix}{text}{place}")
        }
        LeaveOut(why) => format!("leave it out: {why}"),
        Say(text) => text.to_owned(),
        Example => {
            let first = examples.lines().next().unwrap_or_default();
            ["write the server as the target: ", first].concat()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::KINDS;
    use crate::commands::command_names;
    use crate::commands::page::Page;

    /// The first word of what a hint says to use.
    fn used(hint: Hint) -> Option<&'static str> {
        match hint {
            Use(text) => text.split([' ', ',']).next(),
            LeaveOut(_) | Say(_) | Example => None,
        }
    }

    #[test]
    fn no_command_of_ours_is_foreign_and_hints_name_commands() {
        let mut seen: Vec<&str> = Vec::new();
        for &(words, hint) in COMMANDS.iter().chain(INSPECTIONS) {
            for word in words {
                assert!(!command_names().any(|name| name == *word) && !is_elsewhere(word), "{word} is ours");
                assert!(!seen.contains(word), "{word} is there twice");
                seen.push(word);
            }
            if let Some(word) = used(hint).filter(|word| !word.starts_with('-')) {
                assert!(command_names().any(|name| name == word) || is_elsewhere(word), "{word}");
            }
        }
    }

    #[test]
    fn no_option_of_ours_is_foreign_and_hints_name_options() {
        for kind in KINDS {
            let page = Page::of(kind);
            let is_ours = |word: &str| page.all_options().any(|option| option.is_called(word));
            for &(words, hint) in kind.foreign.rows.iter().copied().flatten() {
                assert!(words.iter().all(|word| !is_ours(word)), "{} {words:?}", kind.name);
                let word = used(hint);
                assert!(
                    word.is_none_or(|word| is_ours(word) || is_option_elsewhere(word)),
                    "{} {word:?}",
                    kind.name
                );
            }
        }
    }
}
