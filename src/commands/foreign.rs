//! The words of other programs, and what to write here: people come from curl, wget, pg_isready, netstat, top.
//!
//! A row is a word, or several for the same thing. A row goes once porthole has that word itself: a test holds this, and that
//! what is advised is there.

use super::{is_elsewhere, is_option_elsewhere};

/// What to do about a word of another program.
#[derive(Debug, Clone, Copy)]
enum Advice {
    /// To write this.
    Use(&'static str),
    /// To leave it out, for this reason.
    Drop(&'static str),
    /// Something else.
    Say(&'static str),
}

use Advice::{Drop, Say, Use};

/// Words, and what to do about them.
type Row = (&'static [&'static str], Advice);

/// Programs that check.
const COMMANDS: &[Row] = &[
    (&["curl", "wget", "https"], Use("http URL")),
    (&["nc", "ncat", "netcat", "telnet", "socat", "ping", "wait-for-it", "wait-for"], Use("tcp HOST:PORT")),
    (&["openssl"], Use("tls HOST:PORT")),
    (&["grpcurl", "grpc_health_probe", "grpc-health-probe"], Use("grpc HOST:PORT")),
    (&["pg_isready", "psql"], Use("postgres HOST:5432")),
    (&["mysqladmin", "mariadb-admin", "mariadb"], Use("mysql HOST:3306")),
    (&["redis-cli", "valkey-cli"], Use("redis HOST:6379")),
    (&["rabbitmq-diagnostics", "rabbitmqctl"], Use("amqp HOST:5672")),
    (&["mongosh", "mongo"], Use("tcp HOST:27017")),
    (&["dig", "nslookup", "host", "getent"], Use("dns NAME")),
    (&["pgrep", "pidof"], Use("process NAME")),
    (&["test", "["], Use("file PATH")),
    (&["timeout"], Say("use -t DUR behind a check")),
    (&["sleep", "wait", "watch"], Say("use --wait DUR behind a check")),
    (
        &["kill", "killall", "pkill"],
        Say("porthole sends no signals: stop or restart the container from outside"),
    ),
    (
        &["sh", "bash", "ash"],
        Say("porthole runs no shell, and none of its commands needs one: see porthole --help"),
    ),
];

/// Programs that look.
#[cfg(feature = "inspect")]
const INSPECTIONS: &[Row] = &[
    (&["netstat", "fuser"], Use("ss")),
    (&["top", "htop", "pstree", "w"], Use("ps")),
    (&["free", "vmstat", "ulimit", "nproc"], Use("limits")),
    (&["uptime"], Use("cat /proc/uptime /proc/loadavg")),
    (&["uname"], Use("cat /proc/version")),
    (&["hostname"], Use("cat /proc/sys/kernel/hostname")),
    (&["ip", "ifconfig"], Use("cat /proc/net/fib_trie (addresses) or /proc/net/dev")),
    (&["route"], Use("cat /proc/net/route")),
    (&["arp"], Use("cat /proc/net/arp")),
    (&["mount", "findmnt"], Use("mounts")),
    (&["lsblk"], Use("df")),
    (&["du", "tree", "which", "whereis", "locate"], Use("find PATH")),
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
/// The probe knows the commonest, and does not take `top` for `tcp`.
#[cfg(not(feature = "inspect"))]
const INSPECTIONS: &[Row] = &[(
    &["netstat", "top", "free", "mount", "ip", "du", "vi"],
    Say("the full build of porthole has commands that look inside"),
)];

/// The options of other programs, and arguments of theirs that are none here, by our commands.
const OPTIONS: &[(&[&str], &[Row])] = &[
    (&["http"], HTTP),
    (&["http", "grpc", "tls"], TLS),
    (&["grpc"], GRPC),
    (&["tcp", "unix"], STREAM),
    (&["postgres", "mysql", "redis", "amqp", "memcached"], SERVER),
];

const WHOLE: Advice = Use("-t DUR, which bounds all of the check");
const PORT: Advice = Say("write the port into the target: HOST:PORT");
const TARGET: Advice = Say("write HOST:PORT without an option in front");

/// Of curl and wget.
const HTTP: &[Row] = &[
    (&["--unix-socket"], Use("--unix PATH")),
    (&["-m", "--max-time", "--connect-timeout", "-T"], WHOLE),
    (&["-L", "--location", "--max-redirs", "--max-redirect"], Use("--follow N")),
    (&["-I", "--head"], Use("--method HEAD")),
    (&["--request"], Use("--method M")),
    (&["-u", "--http-user"], Use("--user NAME:PASSWORD")),
    (&["--post-data", "--data-raw", "--data-binary", "-F", "--form"], Use("--data TEXT")),
    (&["-A", "-U", "--user-agent"], Use("--header 'User-Agent: TEXT'")),
    (&["-b", "--cookie"], Use("--header 'Cookie: NAME=VALUE'")),
    (&["--resolve", "--connect-to"], Use("--connect HOST:PORT")),
    (&["--retry", "--tries"], Use("--wait DUR")),
    (
        &["-f", "-S", "--fail", "--show-error", "--silent"],
        Drop("an error status is unhealthy by default, and curl's -f, -s and -S are not needed"),
    ),
    (
        &["--spider", "-o", "-O", "--output", "--output-document"],
        Drop("the body is not printed, nor written to a file"),
    ),
    (&["-i", "-w", "--include", "--write-out"], Drop("the verdict names the status; --json says more")),
    (&["-x", "--proxy", "--noproxy", "--no-proxy"], Drop("no proxy is ever used")),
    (&["--http1.1", "--http2-prior-knowledge"], Drop("HTTP/1.1 is spoken")),
    (&["-G", "--get"], Say("write the query into the URL")),
    (&["-p", "-P", "--port"], PORT),
    (&["-4", "-6"], Say("write an address in place of the host: 127.0.0.1 or [::1]")),
];

/// Of curl, wget and openssl.
const TLS: &[Row] = &[
    (&["--cacert", "--ca-certificate"], Use("--ca-file PATH")),
    (&["-E", "--cert", "--certificate"], Use("--client-cert PATH")),
    (&["--key", "--private-key"], Use("--client-key PATH")),
    (&["--no-check-certificate"], Use("--insecure")),
    (&["--sni", "-servername"], Use("--server-name NAME")),
    #[cfg(feature = "tls")]
    (&["--capath", "--ca-directory"], Say("set the variable SSL_CERT_DIR")),
    #[cfg(feature = "tls")]
    (&["-connect"], TARGET),
];

/// Of grpc-health-probe and grpcurl.
const GRPC: &[Row] = &[
    (&["-addr"], TARGET),
    (&["-service"], Use("--service NAME")),
    (&["-connect-timeout", "-rpc-timeout"], WHOLE),
    (&["-rpc-header"], Use("--header 'NAME: VALUE'")),
    (&["-plaintext"], Drop("without --tls the check speaks plain text")),
    (&["-tls"], Use("--tls")),
    (&["-tls-no-verify"], Use("--insecure")),
    (&["-tls-ca-cert"], Use("--ca-file PATH")),
    #[cfg(feature = "tls")]
    (&["-tls-client-cert"], Use("--client-cert PATH")),
    #[cfg(feature = "tls")]
    (&["-tls-client-key"], Use("--client-key PATH")),
    #[cfg(feature = "tls")]
    (&["-tls-server-name"], Use("--server-name NAME")),
];

/// Of nc.
const STREAM: &[Row] = &[
    (&["-z", "-n"], Drop("it is not needed here")),
    (&["-w"], WHOLE),
    (&["-u"], Say("for UDP use porthole listen PORT --udp")),
    (&["-U"], Say("for a Unix socket use porthole unix PATH")),
];

/// Of pg_isready, mysqladmin and redis-cli.
const SERVER: &[Row] = &[
    (&["-p", "-P", "--port"], PORT),
    (&["-S", "-s", "--socket"], Say("write the socket's path as the target")),
    (
        &["-U", "-u", "-a", "-d", "-n", "--user", "--username", "--password", "--dbname"],
        Drop("the check does not log in"),
    ),
    (&["--connect-timeout"], WHOLE),
    (&["ping"], Drop("the check asks by itself")),
];

/// What a shell understands and a command line without one does not.
const SHELL: &[Row] = &[
    (
        &["||", "|", ";", ">/dev/null", "2>&1"],
        Drop("no shell reads this line, and a check that fails exits with 1 already"),
    ),
    (&["&&"], Say("use the word and before another check")),
];

/// Where `-h HOST` says which server is meant, and what is written here.
const SERVERS: [(&str, &str); 5] = [
    ("postgres", "porthole postgres localhost:5432"),
    ("mysql", "porthole mysql localhost:3306"),
    ("redis", "porthole redis localhost:6379"),
    ("amqp", "porthole amqp localhost:5672"),
    ("memcached", "porthole memcached localhost:11211"),
];

/// What to do about this word in place of a command.
pub(super) fn command(name: &[u8]) -> Option<String> {
    let name = if name.starts_with(b"/") { name.rsplit(|&b| b == b'/').next()? } else { name };
    find(COMMANDS, name).or_else(|| find(INSPECTIONS, name)).map(|advice| advice.words("porthole "))
}

/// What to do about this option, or this argument, of our command. Programs in Go take `--addr` for `-addr`.
pub(super) fn argument(command: &str, word: &[u8]) -> Option<String> {
    let with_one_dash = word.get(1..).filter(|rest| rest.starts_with(b"-")).unwrap_or(word);
    let mut tables =
        OPTIONS.iter().filter(|(commands, _)| commands.contains(&command)).map(|&(_, rows)| rows);
    let advice = tables.find_map(|rows| find(rows, word).or_else(|| find(rows, with_one_dash)));
    advice.or_else(|| find(SHELL, word)).map(|advice| advice.words(""))
}

/// What to do about the value of this argument of a command that is not what was expected.
pub(super) fn advice(command: &str, name: &str, given: &[u8]) -> Option<String> {
    let is_operand = name.starts_with(|c: char| c.is_ascii_uppercase());
    let advice = value(command, name, given).map(ToOwned::to_owned);
    advice.or_else(|| argument(command, given).filter(|_| is_operand))
}

/// What to write in place of `-h HOST` for the check of a server.
pub(super) fn host(command: &str) -> Option<String> {
    let (_, example) = SERVERS.iter().find(|(name, _)| *name == command)?;
    Some(format!("write the server as the target: {example}"))
}

/// What to do about the value that an option took, where another program's option of that letter takes none.
pub(super) fn value(command: &str, option: &str, value: &[u8]) -> Option<&'static str> {
    let is_list = value.first().is_none_or(u8::is_ascii_digit);
    (command == "http" && option == "status" && !is_list)
        .then_some("-s is --status here and takes a value; curl's -s is not needed")
}

fn find(rows: &[Row], word: &[u8]) -> Option<Advice> {
    rows.iter()
        .find(|(words, _)| words.iter().any(|known| known.as_bytes() == word))
        .map(|&(_, advice)| advice)
}

impl Advice {
    fn words(self, prefix: &str) -> String {
        match self {
            Use(text) => {
                let word = text.split([' ', ',']).next().unwrap_or_default();
                let place =
                    if is_elsewhere(word) || is_option_elsewhere(word) { " of the full build" } else { "" };
                format!("use {prefix}{text}{place}")
            }
            Drop(why) => format!("leave it out: {why}"),
            Say(text) => text.to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::command_names;
    use crate::commands::page::Page;
    use std::ffi::OsStr;

    /// The first word of an advice to use something.
    fn used(advice: Advice) -> Option<&'static str> {
        match advice {
            Use(text) => text.split([' ', ',']).next(),
            Drop(_) | Say(_) => None,
        }
    }

    #[test]
    fn no_command_of_ours_is_foreign_and_what_is_advised_is_there() {
        let mut seen: Vec<&str> = Vec::new();
        for &(words, advice) in COMMANDS.iter().chain(INSPECTIONS) {
            for word in words {
                assert!(!command_names().any(|name| name == *word) && !is_elsewhere(word), "{word} is ours");
                assert!(!seen.contains(word), "{word} is there twice");
                seen.push(word);
            }
            if let Some(word) = used(advice).filter(|word| !word.starts_with('-')) {
                assert!(command_names().any(|name| name == word) || is_elsewhere(word), "{word}");
            }
        }
    }

    #[test]
    fn no_option_of_ours_is_foreign_and_what_is_advised_is_there() {
        for (commands, rows) in OPTIONS {
            for name in *commands {
                let Some(page) = Page::named(OsStr::new(name)) else {
                    assert!(is_elsewhere(name), "{name}");
                    continue;
                };
                let is_ours = |word: &str| {
                    page.all_options().any(|option| {
                        word.strip_prefix("--") == Some(option.name)
                            || word.strip_prefix('-').is_some_and(|letter| {
                                letter.chars().count() == 1 && letter.chars().next() == option.short
                            })
                    })
                };
                for &(words, advice) in *rows {
                    assert!(words.iter().all(|word| !is_ours(word)), "{name} {words:?}");
                    let word = used(advice);
                    assert!(
                        word.is_none_or(|word| is_ours(word) || is_option_elsewhere(word)),
                        "{name} {word:?}"
                    );
                }
            }
        }
        assert!(SERVERS.iter().all(|(name, _)| Page::named(OsStr::new(name)).is_some()));
    }
}
