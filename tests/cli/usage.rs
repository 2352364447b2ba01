//! Wrong usage is one line on stderr that names the argument and what was expected; help goes to stdout.

use std::ffi::OsStr;
use std::io::Read as _;
use std::os::unix::ffi::OsStrExt as _;
use std::process::{Command, Stdio};

use crate::support::command::{binary, has_feature, porthole};
use crate::support::server::{Server, Step, answer, response};

const DURATION: &str = "expected a duration such as 500ms, 2s or 1m30s, more than zero and at most 1h";
const HOST_PORT: &str = "expected host:port, [::1]:port, :port or port, with a port from 1 to 65535";
const PLACE: &str = "expected a port from 1 to 65535, a Unix socket's path with a / in it, or @name";
const SIZE: &str = "expected a size such as 512, 64k or 10M (powers of 1024)";
const STATUS: &str = "expected status codes such as 200, 200,204, 200-299 or 2xx";

#[test]
fn wrong_arguments() {
    for (arguments, message) in [
        ("nope", "unknown command 'nope'; see porthole --help"),
        ("-q", "no command given; see porthole --help"),
        ("-t -h", "no command given; see porthole --help"),
        ("--help=1", "--help takes no value; see porthole --help"),
        ("--version=1 http :80", "http: --version takes no value; see porthole http --help"),
        ("http :80 --help=1", "http: --help takes no value; see porthole http --help"),
        ("-t", "--timeout needs a value; see porthole --help"),
        ("help nope", "unknown command 'nope'; see porthole --help"),
        ("help http :80", "help: expected one command, as in porthole help http"),
        ("-q help", "help: expected one command, as in porthole help http"),
        ("http", "http: TARGET is missing; see porthole http --help"),
        ("unix", "unix: PATH is missing; see porthole unix --help"),
        ("http :80 :81", "http: unexpected argument ':81'; see porthole http --help"),
        ("http :80 --bogus", "http: unknown option --bogus; see porthole http --help"),
        ("tcp :80 -x", "tcp: unknown option -x; see porthole tcp --help"),
        ("http :80 -s", "http: --status needs a value; see porthole http --help"),
        ("http :80 --json=1", "http: --json takes no value; see porthole http --help"),
        ("http :80 -s 200 -s 201", "http: --status is given twice; see porthole http --help"),
        ("-t 1s http :80 and tcp :80 -t 2s", "--timeout is given twice; it applies to the whole run"),
        ("http :80 -q and tcp :80 --quiet", "--quiet is given twice; it applies to the whole run"),
        ("http :80 -q -v", "--quiet and --verbose cannot be used together"),
        ("http :80 --every 1s", "--every needs --wait: it is the pause between two attempts"),
        ("http :80 and tcp", "tcp: TARGET is missing; see porthole tcp --help"),
        ("http :80 --connect :1 --unix /x", "http: --unix: cannot be used together with --connect"),
        ("http :80 -X CONNECT", "http: --method: CONNECT is not supported: it opens a tunnel"),
        (
            "http :80 -H Content-Length:3",
            "http: --header: content-length is set by porthole and cannot be overridden",
        ),
        ("http :80 -H Host:a -H host:b", "http: --header: Host can be given only once"),
        (
            "http :80 --matches (",
            "http: --matches: not a regular expression: found open group without closing ')'",
        ),
        (
            "http :80 --matches (x{50}){50}",
            "http: --matches: the regular expression is too large: more than 64 KiB once compiled",
        ),
        (
            "http :80 --matches x --max-body 9M",
            "http: --max-body: expected at most 8M with --matches or --field, which keep the whole body",
        ),
        (
            "http :80 --field / --max-body 8193k",
            "http: --max-body: expected at most 8M with --matches or --field, which keep the whole body",
        ),
        (
            "http :80 --field status=UP",
            "http: --field: expected a JSON Pointer such as /status, or /status=UP",
        ),
        ("http :80 --follow 51", "http: --follow: expected a number from 0 to 50, got '51'"),
    ] {
        porthole(arguments.split(' ')).refused(message);
    }
    porthole(vec!["tcp :80"; 51].join(" and ").split(' '))
        .refused("51 checks given; one run makes at most 50");
    porthole(["tcp", ":80", "--expect", ""])
        .refused("tcp: --expect: expected at least one character to look for");
    porthole(["tcp", ":80", "--send", r"\q"])
        .refused(r"tcp: --send: expected text in which \\ is followed by r, n, t, 0, xNN or \\, got '\\q'");
    porthole(["http", ":80", "-X", "A B"])
        .refused("http: --method: expected a method such as GET, HEAD or POST, got 'A B'");
}

/// Whoever carries `pg_isready -h HOST` over must not have a probe that is green for ever: help and the version are 0 only
/// where nothing else is asked for.
#[test]
fn help_stands_alone() {
    const ALONE: &str = "and cannot be used with other arguments";
    for (arguments, command, word) in [
        ("postgres -h localhost -p 1", "postgres", "-h"),
        ("postgres -U app -h localhost", "postgres", ""),
        ("redis -h localhost ping", "redis", "-h"),
        ("mysql ping -h localhost", "mysql", "-h"),
        ("mysql -h localhost", "mysql", "-h"),
        ("amqp -h localhost", "amqp", "-h"),
        ("memcached -h localhost", "memcached", "-h"),
        ("http :1 -h", "http", "-h"),
        ("http --help :1", "http", "--help"),
        ("http -q --help", "http", "--help"),
        ("http -qh :1", "http", "-h"),
        ("http --help --help", "http", "--help"),
        ("-h http :1", "http", "-h"),
        ("-t 1s http --help", "http", "--help"),
        ("http :1 and tcp :1 -h", "tcp", "-h"),
        ("http -h and tcp :1", "http", "-h"),
        ("http and tcp --help", "http", ""),
        ("tcp :1 --help --json", "tcp", "--help"),
        ("http http://localhost:1/ -V", "http", "-V"),
        ("http --version :1", "http", "--version"),
        ("-V tcp :1", "tcp", "-V"),
        ("-t 1s tcp :80 and tcp -qV", "tcp", "-V"),
        ("-t 1s --help", "", "--help"),
        ("-q -V", "", "-V"),
        ("-qh", "", "-h"),
        ("-qV", "", "-V"),
        ("--help --json", "", "--help"),
    ] {
        let ran = porthole(arguments.split(' ')).run();
        assert_eq!((ran.status, ran.stdout.as_str()), (Some(1), ""), "{}", ran.story());
        if word.is_empty() {
            continue;
        }
        let prints = if word.contains(['h', 'p']) { "help" } else { "the version" };
        let said = match command {
            "" => format!("porthole: {word} prints {prints} {ALONE}; see porthole --help\n"),
            "http" | "tcp" => {
                format!(
                    "porthole: {command}: {word} prints {prints} {ALONE}; see porthole {command} --help\n"
                )
            }
            server => format!(
                "porthole: {server}: {word} prints {prints} {ALONE}; write the server as the target: \
                 porthole {server} localhost:"
            ),
        };
        assert!(ran.stderr.starts_with(&said), "{said}\n{}", ran.story());
    }
    porthole(["postgres", "-h", "localhost", "-p", "1"]).refused(&format!(
        "postgres: -h prints help {ALONE}; write the server as the target: porthole postgres localhost:5432"
    ));
    // A host is meant only where one may follow the letter.
    for (arguments, word, is_host) in [
        ("postgres --help -v", "--help", false),
        ("postgres --help localhost", "--help", false),
        ("postgres -h -v", "-h", false),
        ("postgres -qh", "-h", false),
        ("postgres -hv", "-h", false),
        ("postgres -hlocalhost", "-h", true),
        ("postgres -h /run/postgresql", "-h", true),
    ] {
        let advice = if is_host {
            "write the server as the target: porthole postgres localhost:5432"
        } else {
            "see porthole postgres --help"
        };
        porthole(arguments.split(' ')).refused(&format!("postgres: {word} prints help {ALONE}; {advice}"));
    }
    // A value that looks so is a value, and what stands behind -- is an operand.
    porthole(["tcp", ":0", "--send", "-h"]).refused(&format!("tcp: TARGET: {HOST_PORT}, got ':0'"));
    porthole(["-t", "--help", "tcp", ":1"]).refused(&format!("--timeout: {DURATION}, got '--help'"));
    porthole(["process", "--", "--help"])
        .unhealthy("unhealthy: process --help: none running, expected at least 1");
    if !has_feature("inspect") {
        return;
    }
    for arguments in [
        "ps -h x",
        "ls --help /",
        "cat -h /etc/passwd",
        "-h ps x",
        "id -V --json",
        "df --help /",
        "tail -h /",
    ] {
        let ran = porthole(arguments.split(' ')).run();
        assert_eq!((ran.status, ran.stdout.as_str()), (Some(1), ""), "{}", ran.story());
        assert!(ran.stderr.contains(ALONE), "{}", ran.story());
    }
    // By habit -h is for people there.
    for arguments in ["df -h", "df -h /", "ls -h /"] {
        let ran = porthole(arguments.split(' ')).run();
        assert!(ran.status == Some(0) && !ran.stdout.contains("Usage:"), "{}", ran.story());
    }
    for arguments in ["df --help", "-h ls", "help df", "tar -h", "ps -h"] {
        let ran = porthole(arguments.split(' ')).run();
        assert!(ran.status == Some(0) && ran.stdout.contains("Usage:"), "{}", ran.story());
    }
}

/// A slip of the fingers is answered with what was meant.
#[test]
fn did_you_mean() {
    for (arguments, message) in [
        ("htp :1", "unknown command 'htp'; did you mean 'http'?"),
        ("HTTP :1", "unknown command 'HTTP'; did you mean 'http'?"),
        ("help tpc", "unknown command 'tpc'; did you mean 'tcp'?"),
        ("postgers :1", "unknown command 'postgers'; did you mean 'postgres'?"),
        ("postgresql :1", "unknown command 'postgresql'; did you mean 'postgres'?"),
        ("proc x", "unknown command 'proc'; did you mean 'process'?"),
        ("http :1 --conatins x", "http: unknown option --conatins; did you mean --contains?"),
        ("http :1 --STATUS=200", "http: unknown option --STATUS; did you mean --status?"),
        ("http :1 --con x", "http: unknown option --con; did you mean --contains or --connect?"),
        ("http :1 --timout 2s", "http: unknown option --timout; did you mean --timeout?"),
        ("http :1 -timeout 2s", "http: unexpected argument '2s'; did you mean --timeout?"),
        ("http :1 -timeout=2s", &format!("--timeout: {DURATION}, got 'imeout=2s'; did you mean --timeout?")),
        ("tcp :1 -expect x", "tcp: unknown option -expect; did you mean --expect?"),
        ("http :1 and tpc :2", "http: unknown check 'tpc' after 'and'; did you mean 'tcp'?"),
        ("http :1 and nope :2", "http: unknown check 'nope' after 'and'; see porthole --help"),
        ("http :1 and", "http: unexpected argument 'and'; see porthole http --help"),
        ("x", "unknown command 'x'; see porthole --help"),
    ] {
        porthole(arguments.split(' ')).refused(message);
    }
    if has_feature("inspect") {
        for (arguments, message) in [
            ("sl", "unknown command 'sl'; did you mean 'ls'?"),
            ("pss", "unknown command 'pss'; did you mean 'ps'?"),
            ("grp x", "unknown command 'grp'; did you mean 'grpc' or 'grep'?"),
            ("ls --recursiv /", "ls: unknown option --recursiv; did you mean --recursive?"),
        ] {
            porthole(arguments.split(' ')).refused(message);
        }
    }
}

const SILENT: &str = "-s is --status here and takes a value; curl's -s is not needed";

/// What only the full build has is advised as that of the full build.
fn with_tls(what: &str) -> String {
    if has_feature("tls") { what.to_owned() } else { format!("{what} of the full build") }
}

fn leave(why: &str) -> String {
    format!("leave it out: {why}")
}

/// These words are refused, with this advice, and show no secret.
fn advised(rows: &[(&str, &str, String)]) {
    for (arguments, wrong, advice) in rows {
        let command = arguments.split(' ').next().unwrap();
        let arguments = arguments.replace("URL", "http://me:t0psecret@localhost:1/");
        porthole(arguments.split(' ')).refused(&format!("{command}: {wrong}; {advice}"));
    }
}

/// The names of other programs are answered with ours.
#[test]
fn names_of_other_programs() {
    let full = |what: &str| {
        let probe = "the full build of porthole has commands that look inside";
        if has_feature("inspect") { what.to_owned() } else { probe.to_owned() }
    };
    for (name, advice) in [
        ("curl", "use porthole http URL".to_owned()),
        ("nc", "use porthole tcp HOST:PORT".to_owned()),
        ("pg_isready", "use porthole postgres HOST:5432".to_owned()),
        ("wait-for-it.sh", "use porthole tcp HOST:PORT".to_owned()),
        ("./wait-for", "use porthole tcp HOST:PORT".to_owned()),
        ("../bin/wait-for-it.sh", "use porthole tcp HOST:PORT".to_owned()),
        ("/usr/bin/mysqladmin", "use porthole mysql HOST:3306".to_owned()),
        ("netstat", full("use porthole ss")),
        ("top", full("use porthole ps")),
        ("free", full("use porthole limits")),
        ("mount", full("use porthole mounts")),
        ("kill", "porthole sends no signals: stop or restart the container from outside".to_owned()),
        (
            "/bin/sh",
            "porthole runs no shell, and none of its commands needs one: see porthole --help".to_owned(),
        ),
        (":8080/healthz", "name a check first: porthole http URL".to_owned()),
    ] {
        porthole([name, "x"]).refused(&format!("unknown command '{name}'; {advice}"));
    }
    porthole(["http://me:t0psecret@host/"])
        .refused("unknown command 'http://…@host/'; name a check first: porthole http URL");
}

/// The options of curl and wget are answered with ours.
#[test]
fn options_of_curl_and_wget() {
    const WHOLE: &str = "use -t DUR, which limits the whole check";
    const FAILS: &str = "an error status is unhealthy by default, and curl's -f, -s and -S are not needed";
    const FAMILY: &str = "write an address instead of the host name: 127.0.0.1 or [::1]";
    const ONE_LINE: &str = "the verdict is one line; -q prints none when healthy";
    const UNPRINTED: &str = "the body is neither printed nor written to a file";
    advised(&[
        ("http --cacert /x URL", "unknown option --cacert", with_tls("use --ca-file PATH")),
        ("http --unix-socket=/x URL", "unknown option --unix-socket", "use --unix PATH".to_owned()),
        ("http -m 3 URL", "unknown option -m", WHOLE.to_owned()),
        ("http -L URL", "unknown option -L", "use --follow N".to_owned()),
        ("http -I URL", "unknown option -I", "use --method HEAD".to_owned()),
        ("http -u a:b URL", "unknown option -u", "use --user NAME:PASSWORD".to_owned()),
        ("http -fsS URL", "unknown option -f", leave(FAILS)),
        ("http --spider URL", "unknown option --spider", leave(UNPRINTED)),
        ("http -qO- URL", "unknown option -O", leave(UNPRINTED)),
        (
            "http --no-check-certificate URL",
            "unknown option --no-check-certificate",
            with_tls("use --insecure"),
        ),
        ("http -x URL URL", "unknown option -x", "leave it out: no proxy is ever used".to_owned()),
        ("http -s URL", "TARGET is missing", SILENT.to_owned()),
        (
            "http --compressed URL",
            "unknown option --compressed",
            leave("the body is requested without compression"),
        ),
        ("http --fail-with-body URL", "unknown option --fail-with-body", leave(FAILS)),
        ("http --retry-delay 1 URL", "unknown option --retry-delay", "use --every DUR".to_owned()),
        (
            "http --retry-connrefused URL",
            "unknown option --retry-connrefused",
            leave("--wait tries again after any failure"),
        ),
        ("http -nv URL", "unknown option -nv", leave(ONE_LINE)),
        ("http --no-verbose URL", "unknown option --no-verbose", leave(ONE_LINE)),
        (
            "http --server-response URL",
            "unknown option --server-response",
            leave("the verdict includes the status; --json prints more"),
        ),
        ("http --ipv4 URL", "unknown option --ipv4", FAMILY.to_owned()),
        ("http -6 URL", "unknown option -6", FAMILY.to_owned()),
        ("http --http2 URL", "unknown option --http2", leave("the check uses HTTP/1.1")),
        (
            "http --data-urlencode a=b URL",
            "unknown option --data-urlencode",
            "use --data TEXT, which is sent as it is".to_owned(),
        ),
        (
            "http URL || exit 1",
            "unexpected argument '||'",
            "leave it out: no shell reads this line, and a failed check exits with 1 anyway".to_owned(),
        ),
        ("http URL && tcp :1", "unexpected argument '&&'", "put the word and between two checks".to_owned()),
    ]);
    for value in ["-S", "-f", "f"] {
        porthole(["http", "-s", value, ":1"])
            .refused(&format!("http: --status: {STATUS}, got '{value}'; {SILENT}"));
    }
}

/// So are those of other programs.
#[test]
fn options_of_other_programs() {
    const WHOLE: &str = "use -t DUR, which limits the whole check";
    const ACCOUNT: &str = "leave it out: the check needs no account or password";
    advised(&[
        ("postgres -p 5432", "unknown option -p", "write the port into the target: HOST:PORT".to_owned()),
        ("postgres :1 -U app", "unknown option -U", "leave it out: the check does not log in".to_owned()),
        ("mysql -pt0psecret", "unknown option -p", ACCOUNT.to_owned()),
        ("mysql --password=t0psecret", "unknown option --password", ACCOUNT.to_owned()),
        ("mysql -P 3306", "unknown option -P", "write the port into the target: HOST:PORT".to_owned()),
        (
            "mysql --host=localhost",
            "unknown option --host",
            "write the server as the target: porthole mysql localhost:3306".to_owned(),
        ),
        (
            "postgres --host localhost",
            "unknown option --host",
            "write the server as the target: porthole postgres localhost:5432".to_owned(),
        ),
        ("redis :1 ping", "unexpected argument 'ping'", "leave it out: the check asks by itself".to_owned()),
        ("grpc -addr=:5000", "unknown option -addr", "write HOST:PORT without an option in front".to_owned()),
        ("grpc :1 -service=x", "unknown option -service", "use --service NAME".to_owned()),
        ("grpc :1 -connect-timeout 1s", "unknown option -connect-timeout", WHOLE.to_owned()),
        ("tcp -z :1", "unknown option -z", "leave it out: it is not needed here".to_owned()),
        (
            "tcp localhost:1 5432",
            "unexpected argument '5432'",
            "write host and port as one word: HOST:PORT".to_owned(),
        ),
    ]);
    // `-t` with the value `ls`.
    let advice = with_tls("use --tls");
    porthole(["grpc", ":1", "-tls"]).refused(&format!("--timeout: {DURATION}, got 'ls'; {advice}"));
}

/// And what other programs take as the target.
#[test]
fn targets_of_other_programs() {
    const URL: &str = "write only the HOST:PORT of the URL";
    let servers = format!("{HOST_PORT}, or the path of a Unix socket");
    for (arguments, expected, advice) in [
        ("redis redis://me:t0psecret@localhost:1/2", servers.as_str(), URL),
        ("postgres postgresql://me:t0psecret@localhost/app", &servers, URL),
        ("tcp http://localhost:1/", HOST_PORT, "use porthole http URL"),
        ("redis http://localhost:1/", &servers, "use porthole http URL"),
        ("grpc http://localhost:1", HOST_PORT, URL),
        ("listen :80", PLACE, "write 80"),
        ("listen 0.0.0.0:80", PLACE, "write 80 --address 0.0.0.0"),
        ("listen [::1]:80", PLACE, "write 80 --address ::1"),
        ("listen localhost:80", PLACE, "write 80"),
    ] {
        let (command, target) = arguments.split_once(' ').unwrap();
        let name = if command == "listen" { "PORT" } else { "TARGET" };
        let target = target.replace("me:t0psecret", "…");
        porthole(arguments.split(' '))
            .refused(&format!("{command}: {name}: {expected}, got '{target}'; {advice}"));
    }
}

/// What only the full build has is known to the other.
#[test]
fn what_another_build_has() {
    for (feature, arguments, what) in [
        ("tls", "tls 1", "tls"),
        ("tls", "grpc 1 --tls", "grpc: --tls"),
        ("tls", "grpc 1 -k", "grpc: -k"),
        ("tls", "http :1 --min-days=3", "http: --min-days"),
        ("remote", "dns x", "dns"),
        ("remote", "tcp 1 --remote", "tcp: --remote"),
        ("remote", "--remote", "--remote"),
        ("inspect", "tcp 1 --explain", "tcp: --explain"),
        ("inspect", "ps", "ps"),
        ("inspect", "help access", "access"),
        ("inspect", "tar cf - /", "tar"),
        ("inspect", "install /x", "install"),
        ("inspect", "report", "report"),
    ] {
        if !has_feature(feature) {
            porthole(arguments.split(' '))
                .refused(&format!("{what} is not in this build; the full build of porthole has it"));
        }
    }
    porthole(["explain"]).refused("unknown command 'explain'; see porthole --help");
    porthole(["tcp", "1", "--ps"]).refused("tcp: unknown option --ps; see porthole tcp --help");
}

/// What hands type by themselves is understood, and where it cannot be, the reason is said.
#[test]
fn habits() {
    if !has_feature("inspect") {
        return;
    }
    let folder = crate::support::server::folder();
    let (file, below) = (folder.join("file"), folder.join("below"));
    let lines: Vec<String> = (1..40).map(|n| format!("line {n}\n")).collect();
    std::fs::write(&file, lines.concat()).unwrap();
    std::fs::create_dir(&below).unwrap();
    std::fs::write(below.join("inner"), "none\n").unwrap();
    let expand = |words: &str| {
        let words = words.replace("FILE", file.to_str().unwrap()).replace("FOLDER", folder.to_str().unwrap());
        words.split(' ').map(ToOwned::to_owned).collect::<Vec<_>>()
    };
    for (typed, meant) in [
        ("ls -la FOLDER", "ls FOLDER"),
        ("ls -lahR FOLDER", "ls -R FOLDER"),
        ("ls -h FOLDER", "ls FOLDER"),
        ("hexdump -C FILE", "hexdump FILE"),
        ("head -5 FILE", "head -n 5 FILE"),
        ("tail -20 FILE", "tail --lines 20 FILE"),
        ("head --bytes 1k FILE", "cat FILE"),
        ("tail -c 100000 FILE", "cat FILE"),
        ("head -c 64 -n 1 FILE", "head -c 64 FILE"),
        ("grep -nF line FILE", "grep -n line FILE"),
    ] {
        let (typed, meant) = (porthole(expand(typed)).run(), porthole(expand(meant)).run());
        assert_eq!((typed.status, typed.stderr.as_str()), (Some(0), ""), "{}", typed.story());
        assert_eq!(typed.stdout, meant.stdout);
    }
    for (words, stdout) in [
        ("head -c 7 FILE", "line 1"),
        ("tail -c 5 FILE", "e 39"),
        ("grep -rl line FOLDER", "FILE"),
        ("grep -lE [0-9]3 FILE FILE", "FILE\nFILE"),
        ("grep -q line FILE", ""),
    ] {
        porthole(expand(words)).healthy(&stdout.replace("FILE", file.to_str().unwrap()));
    }
    porthole(expand("grep -q other FILE")).unhealthy("");
    let ran = porthole(expand("ls -ld FOLDER")).run();
    assert!(ran.stdout.starts_with('d') && ran.stdout.lines().count() == 1, "{}", ran.story());
    for words in ["ps aux", "ps -ef", "ps -eA", "ss -tlnp", "ss -tulpn", "ss -p", "df -h /", "df -k /"] {
        let ran = porthole(words.split(' ')).run();
        assert!(ran.status == Some(0) && ran.stdout.lines().count() > 0, "{}", ran.story());
    }
    for (words, why) in [
        ("grep -v x /x", "--invert-match: lines that do not match cannot be selected"),
        ("grep -e x /x", "--regexp: give TEXT without it; for several, use -E 'one|two'"),
        ("tail -f /x", "--follow: porthole commands always end: run it again to see what was added"),
        ("ls -lt /x", "unknown option -t"),
    ] {
        let command = words.split(' ').next().unwrap();
        porthole(words.split(' ')).refused(&format!("{command}: {why}; see porthole {command} --help"));
    }
    let help = porthole(["ls", "--help"]).run();
    assert!(help.stdout.contains("      --help ") && !help.stdout.contains("-h, "), "{}", help.story());
    std::fs::remove_dir_all(folder).unwrap();
}

#[test]
fn wrong_values() {
    for value in ["0", "0s", "2h", "abc", "-1s", "1h1s", "1.s"] {
        porthole(["tcp", ":80", "--timeout", value])
            .refused(&format!("--timeout: {DURATION}, got '{value}'"));
        porthole(["tcp", ":80", &format!("--wait={value}")])
            .refused(&format!("--wait: {DURATION}, got '{value}'"));
    }
    porthole(["tcp", ":80"])
        .env("PORTHOLE_TIMEOUT", "soon")
        .refused(&format!("PORTHOLE_TIMEOUT: {DURATION}, got 'soon'"));
    for target in ["0", ":65536", "abc", "host:abc", "::1:80", "[::1]", "ho st:1", "x://x:1"] {
        porthole(["tcp", target]).refused(&format!("tcp: TARGET: {HOST_PORT}, got '{target}'"));
        porthole(["http", ":80", "--connect", target])
            .refused(&format!("http: --connect: {HOST_PORT}, got '{target}'"));
    }
    for value in ["", "x", "1.5k", "-1"] {
        porthole(["http", ":80", "--max-body", value])
            .refused(&format!("http: --max-body: {SIZE}, got '{value}'"));
    }
    for value in ["", "20", "200-", "299-200"] {
        porthole(["http", ":80", "--status", value])
            .refused(&format!("http: --status: {STATUS}, got '{value}'"));
    }
    for (target, expected) in [
        (":0/", "a port from 1 to 65535"),
        (":65536/", "a port from 1 to 65535"),
        ("ftp://x/", "an http:// or https:// URL"),
        ("host/x", "http://host:port/path, :port/path or host:port/path"),
        ("8080", "http://host:port/path, :port/path or host:port/path; write a bare port as :8080"),
        (":80/a b", "a URL with ' ' written as %20"),
        ("http://[::1/", "an IPv6 address in brackets, such as [::1]"),
    ] {
        porthole(["http", target]).refused(&format!("http: TARGET: expected {expected}, got '{target}'"));
    }
    let long = "/x".repeat(60);
    porthole(["unix", &long]).refused(&format!(
        "unix: PATH: expected the path of a Unix socket, at most 107 bytes long (or @name for an abstract one), got '{}…'",
        &long[..100]
    ));
}

#[test]
fn what_was_typed_is_escaped_once() {
    porthole(["no\x1b[2Jpe"]).refused(r"unknown command 'no\x1b[2Jpe'; see porthole --help");
    porthole(["tcp", "a\nb:1"]).refused(&format!(r"tcp: TARGET: {HOST_PORT}, got 'a\nb:1'"));
}

/// Each byte of an argument that is not UTF-8 is shown as what it is, whichever message repeats it.
#[test]
fn arguments_that_are_not_utf8() {
    let run = |words: &[&[u8]]| porthole(words.iter().map(|word| OsStr::from_bytes(word)));
    let see = |command: &str| format!("; see porthole {command} --help");
    for (words, message) in [
        (&[&b"\xff"[..]][..], r"unknown command '\xff'; see porthole --help".to_owned()),
        (&[b"-\xff"], r"unknown option -\xff; see porthole --help".to_owned()),
        (&[b"help", b"\xc3"], r"unknown command '\xc3'; see porthole --help".to_owned()),
        (&[b"http", b"\xff"], r"http: TARGET: expected UTF-8 text, got '\xff'".to_owned()),
        (&[b"http", b":1", b"--a\xfeb=1"], format!(r"http: unknown option --a\xfeb{}", see("http"))),
        (&[b"tcp", b":1", b"-q\xffz"], format!(r"tcp: unknown option -\xff{}", see("tcp"))),
        (&[b"tcp", b":1", b"\xe9t\xe9"], format!(r"tcp: unexpected argument '\xe9t\xe9'{}", see("tcp"))),
        (
            &[b"tcp", b":1", b"and", b"\xff"],
            r"tcp: unknown check '\xff' after 'and'; see porthole --help".to_owned(),
        ),
        (&[b"tcp", b":1", b"-t", b"\xff"], format!(r"--timeout: {DURATION}, got '\xff'")),
        (&[b"tcp", b"h\xffst:1"], r"tcp: TARGET: expected UTF-8 text, got 'h\xffst:1'".to_owned()),
        (
            &[b"redis", b"h\xffst:1"],
            format!(r"redis: TARGET: {HOST_PORT}, or the path of a Unix socket, got 'h\xffst:1'"),
        ),
        (
            &[b"tcp", b":1", b"--send", b"\xff\\q"],
            r"tcp: --send: expected text in which \\ is followed by r, n, t, 0, xNN or \\, got '\xff\\q'"
                .to_owned(),
        ),
        // It may be a secret.
        (&[b"http", b":1", b"--data", b"\xff"], "http: --data: expected UTF-8 text".to_owned()),
        (
            &[b"http", b":1", b"-d", b"${file:/no\xff}"],
            r"http: --data: ${file:/no\xff}: no such file or directory".to_owned(),
        ),
    ] {
        run(words).refused(&message);
    }
    run(&[b"file", b"/no\xff"]).unhealthy(r"unhealthy: file /no\xff: no such file or directory");
    run(&[b"unix", b"/no\xff"]).unhealthy(r"unhealthy: unix /no\xff: no such socket");
    run(&[b"process", b"no\xff"]).unhealthy(r"unhealthy: process no\xff: none running, expected at least 1");

    let server = Server::new(vec![Step::Send("hello".into())]);
    let at = server.address().to_string();
    run(&[b"tcp", at.as_bytes(), b"--expect", b"\xff\xfe"]).unhealthy(&format!(
        "unhealthy: tcp {at}: the server closed the connection, expected \"{}\"; received: hello",
        r"\xff\xfe"
    ));
    drop(server);

    // In JSON a message is text, and the target is bytes.
    let folder = crate::support::server::folder();
    let link = folder.join("link");
    std::os::unix::fs::symlink(OsStr::from_bytes(b"/no\xff"), &link).unwrap();
    let link = link.to_str().unwrap();
    porthole(["file", link])
        .unhealthy(&format!(r"unhealthy: file {link}: no such file or directory: a link to /no\xff"));
    let json = porthole(["file", link, "--json"]).json();
    assert_eq!(json["checks"][0]["reason"], r"no such file or directory: a link to /no\xff");
    let json = run(&[b"file", b"/no\xff", b"--json"]).json();
    assert_eq!(json["checks"][0]["target"], serde_json::json!({"bytes": "L25v/w=="}));
    std::fs::remove_dir_all(folder).unwrap();
}

/// The same of inspections: paths, names, and what a link says.
#[test]
fn names_that_are_not_utf8_in_inspections() {
    if !has_feature("inspect") {
        return;
    }
    let run = |words: &[&[u8]]| porthole(words.iter().map(|word| OsStr::from_bytes(word)));
    for command in ["ls", "stat", "cat", "head", "tail", "find", "hexdump", "sha256sum", "df", "mounts"] {
        run(&[command.as_bytes(), b"/no\xff"]).run().is(
            1,
            "",
            &format!(r"porthole: {command}: /no\xff: no such file or directory"),
        );
    }
    for (words, message) in [
        (&[&b"grep"[..], b"x", b"/no\xff"][..], r"grep: /no\xff: no such file or directory"),
        (&[b"ps", b"no\xff"], r"ps: no\xff: no such process"),
        (&[b"ps", b"--proc", b"/no\xff"], r"ps: /no\xff: no proc is mounted there"),
        (&[b"id", b"--proc", b"/no\xff"], r"id: /no\xff: no proc is mounted there"),
        (&[b"ls", b"-p", b"1", b"--proc", b"/no\xff"], r"ls: /no\xff: no proc is mounted there"),
        (&[b"env", b"NO\xff"], r"env: NO\xff: not set"),
        (&[b"env", b"A\xff="], r"env: NAME: expected the name of a variable, got 'A\xff='"),
        (&[b"ls", b"--sort\xff"], r"ls: unknown option --sort\xff; see porthole ls --help"),
    ] {
        run(words).run().is(1, "", &format!("porthole: {message}"));
    }
    let folder = crate::support::server::folder();
    let odd = folder.join(OsStr::from_bytes(b"o\xffd"));
    std::os::unix::fs::symlink(OsStr::from_bytes(b"/no\xfe"), &odd).unwrap();
    let there = folder.to_str().unwrap();
    let words = [OsStr::new("stat"), odd.as_os_str()];
    let ran = porthole(words).run();
    let line = r"resolves to: nothing (/no\xfe: no such file or directory)";
    assert!(ran.stdout.contains(line), "{}", ran.story());
    let ran = porthole([OsStr::new("access"), odd.as_os_str()]).run();
    let said = [ran.stdout.as_str(), &ran.stderr].concat();
    assert!(said.contains(&format!(r"{there}/o\xffd")) && !said.contains('\u{fffd}'), "{}", ran.story());
    // As JSON the path is bytes, and the error is text.
    let json = run(&[b"ls", b"--json", b"/no\xff"]).run();
    let json: serde_json::Value = serde_json::from_str(&json.stdout).unwrap();
    assert_eq!(json["errors"][0], r"/no\xff: no such file or directory");
    std::fs::remove_dir_all(folder).unwrap();
}

#[test]
fn options_of_a_run_may_stand_anywhere() {
    let server = Server::new(answer(response("500 No", "")));
    let url = server.url("/");
    let line = format!("unhealthy: http {url}: 500 Internal Server Error, expected 200-399");
    for arguments in
        ["-q -t 1s http URL", "http -q URL -t1s", "--timeout=1s http URL --quiet", "-qt 1s http URL"]
    {
        porthole(arguments.replace("URL", &url).split(' ')).unhealthy(&line);
    }
    porthole(["http", &url]).env("PORTHOLE_TIMEOUT", "1s").unhealthy(&line);
}

#[test]
fn no_arguments_print_the_commands_and_are_no_verdict() {
    let ran = porthole::<&str>([]).run();
    assert_eq!((ran.status, ran.stderr.as_str()), (Some(1), ""), "{}", ran.story());
    for word in ["http TARGET", "tcp TARGET", "unix PATH", "--help"] {
        assert!(ran.stdout.contains(word), "{}", ran.story());
    }
}

#[test]
fn help_names_every_option() {
    let long = porthole(["--help"]).run();
    assert_eq!((long.status, long.stderr.as_str()), (Some(0), ""));
    for option in
        ["--timeout", "--wait", "--every", "--json", "--quiet", "--verbose", "--version", "and COMMAND"]
    {
        assert!(long.stdout.contains(option), "{option}\n{}", long.story());
    }
    assert_eq!(long.stdout.contains("--remote"), has_feature("remote"));
    assert_eq!(long.stdout.contains("--explain"), has_feature("inspect"));
    for arguments in ["help", "-h", "help --help", "help -h", "help help"] {
        let ran = porthole(arguments.split(' ')).run();
        assert_eq!((&ran.stdout, ran.status), (&long.stdout, Some(0)), "{arguments}");
    }
    let http = porthole(["http", "--help"]).run();
    assert_eq!((http.status, http.stderr.as_str()), (Some(0), ""));
    for option in [
        "--method",
        "--header",
        "--data",
        "--user",
        "--status",
        "--contains",
        "--matches",
        "--field",
        "--max-body",
        "--follow",
        "--connect",
        "--unix",
        "--timeout",
    ] {
        assert!(http.stdout.contains(option), "{option}\n{}", http.story());
    }
    assert_eq!(http.stdout.contains("https://"), has_feature("tls"), "{}", http.story());
    for arguments in ["help http", "http -h", "--help http", "-h http"] {
        let ran = porthole(arguments.split(' ')).run();
        assert_eq!((&ran.stdout, ran.status), (&http.stdout, Some(0)), "{arguments}");
    }
    assert!(http.stdout.lines().all(|line| line.len() <= 100), "{}", http.story());
}

#[test]
fn version_names_features_and_target() {
    let ran = porthole(["--version"]).run();
    assert!(
        ran.stdout.starts_with("porthole 0.1.0 (features: ") && ran.stdout.contains("; target: "),
        "{}",
        ran.story()
    );
    for arguments in ["-V", "http -V", "http --version", "-V http"] {
        let again = porthole(arguments.split(' ')).run();
        assert_eq!((again.stdout.as_str(), again.status), (ran.stdout.as_str(), Some(0)), "{arguments}");
    }
}

#[test]
fn by_the_name_of_a_check_it_is_that_check() {
    let folder = crate::support::server::folder();
    let link = folder.join("tcp");
    std::os::unix::fs::symlink(binary(), &link).unwrap();
    let output = Command::new(&link).arg("abc").output().unwrap();
    assert!(String::from_utf8(output.stderr).unwrap().starts_with("porthole: tcp: TARGET: expected"));
    std::fs::remove_dir_all(folder).unwrap();
}

#[test]
fn a_reader_that_went_away_is_no_error() {
    let mut child = Command::new(binary())
        .args(["tcp", "--help"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let mut stderr = String::new();
    child.stderr.take().unwrap().read_to_string(&mut stderr).unwrap();
    assert_eq!((child.wait().unwrap().code(), stderr.as_str()), (Some(0), ""));
}

/// Help that nobody can read is no answer, and says so; the verdict of a check stays what it is.
#[test]
fn what_cannot_be_written_is_said() {
    let full = || std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let run = |words: &str| {
        let output =
            Command::new(binary()).args(words.split(' ')).env_clear().stdout(full()).output().unwrap();
        (output.status.code(), String::from_utf8(output.stderr).unwrap())
    };
    let said = "porthole: cannot write to standard output: no space left on device\n";
    for words in ["--help", "--version", "help", "http --help", "http -V"] {
        assert_eq!(run(words), (Some(1), said.to_owned()), "{words}");
    }
    assert_eq!(run("file /dev/null --absent").0, Some(1));
    assert_eq!(run("file /nowhere --absent"), (Some(0), String::new()));
}
