//! Wrong usage is one line on stderr that names the argument and what was expected; help goes to stdout.

use std::io::Read as _;
use std::process::{Command, Stdio};

use crate::support::command::{binary, has_feature, porthole};
use crate::support::server::{Server, answer, response};

const DURATION: &str = "expected a duration such as 500ms, 2s or 1m30s, more than zero and at most 1h";
const HOST_PORT: &str = "expected host:port, [::1]:port, :port or port, with a port from 1 to 65535";
const SIZE: &str = "expected a size such as 512, 64k or 10M (powers of 1024)";
const STATUS: &str = "expected status codes such as 200, 200,204, 200-299 or 2xx";

#[test]
fn wrong_arguments() {
    for (arguments, message) in [
        ("nope", "'nope' is no command; porthole --help lists them"),
        ("-q", "no command is given; porthole --help lists them"),
        ("--help=1", "--help takes no value; see porthole --help"),
        ("--version=1 http :80", "http: --version takes no value; see porthole http --help"),
        ("http :80 --help=1", "http: --help takes no value; see porthole http --help"),
        ("-t", "--timeout needs a value; see porthole --help"),
        ("help nope", "'nope' is no command; porthole --help lists them"),
        ("http", "http: TARGET is missing; see porthole http --help"),
        ("unix", "unix: PATH is missing; see porthole unix --help"),
        ("http :80 :81", "http: unexpected argument ':81'; see porthole http --help"),
        ("http :80 --bogus", "http: unknown option --bogus; see porthole http --help"),
        ("tcp :80 -x", "tcp: unknown option -x; see porthole tcp --help"),
        ("http :80 -s", "http: --status needs a value; see porthole http --help"),
        ("http :80 --json=1", "http: --json takes no value; see porthole http --help"),
        ("http :80 -s 200 -s 201", "http: --status is given twice; see porthole http --help"),
        ("-t 1s http :80 and tcp :80 -t 2s", "--timeout is given twice; it belongs to the whole run"),
        ("http :80 -q and tcp :80 --quiet", "--quiet is given twice; it belongs to the whole run"),
        ("http :80 -q -v", "--quiet and --verbose cannot be used together"),
        ("http :80 --every 1s", "--every is the pause between the attempts of --wait, which is not given"),
        ("http :80 and tcp", "tcp: TARGET is missing; see porthole tcp --help"),
        ("http :80 --connect :1 --unix /x", "http: --unix: cannot be used together with --connect"),
        ("http :80 -X CONNECT", "http: --method: CONNECT asks for a tunnel, which is no health check"),
        (
            "http :80 -H Content-Length:3",
            "http: --header: content-length is set by porthole itself and cannot be given",
        ),
        ("http :80 -H Host:a -H host:b", "http: --header: Host can be given only once"),
        (
            "http :80 --matches (",
            "http: --matches: not a regular expression: found open group without closing ')'",
        ),
        (
            "http :80 --matches (x{50}){50}",
            "http: --matches: expected an expression of at most 64 KiB once compiled",
        ),
        (
            "http :80 --matches x --max-body 9M",
            "http: --max-body: expected at most 8M, for --matches and --field keep all of it",
        ),
        (
            "http :80 --field / --max-body 8193k",
            "http: --max-body: expected at most 8M, for --matches and --field keep all of it",
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
        .refused("51 checks are given; one run makes at most 50");
    porthole(["tcp", ":80", "--expect", ""])
        .refused("tcp: --expect: expected at least one character to look for");
    porthole(["tcp", ":80", "--send", r"\q"])
        .refused(r"tcp: --send: expected text in which \\ is followed by r, n, t, 0, xNN or \\, got '\\q'");
    porthole(["http", ":80", "-X", "A B"])
        .refused("http: --method: expected a method such as GET, HEAD or POST, got 'A B'");
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
    porthole(["explain"]).refused("'explain' is no command; porthole --help lists them");
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
        ("grep -v x /x", "--invert-match: lines that do not match cannot be asked for"),
        ("grep -e x /x", "--regexp: TEXT stands without it; several are one expression: -E 'one|two'"),
        ("tail -f /x", "--follow: every command ends here: call it again for what has come since"),
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
    for target in ["0", ":65536", "abc", "host:abc", "::1:80", "[::1]", "ho st:1", "http://x:1"] {
        porthole(["tcp", target]).refused(&format!("tcp: TARGET: {HOST_PORT}, got '{target}'"));
        porthole(["http", ":80", "--connect", target])
            .refused(&format!("http: --connect: {HOST_PORT}, got '{target}'"));
    }
    for value in ["", "x", "1.5k", "-1"] {
        porthole(["http", ":80", "--max-body", value])
            .refused(&format!("http: --max-body: {SIZE}, got '{value}'"));
    }
    for value in ["", "20", "200-", "abc", "299-200"] {
        porthole(["http", ":80", "--status", value])
            .refused(&format!("http: --status: {STATUS}, got '{value}'"));
    }
    for (target, expected) in [
        (":0/", "a port from 1 to 65535"),
        (":65536/", "a port from 1 to 65535"),
        ("ftp://x/", "an http:// or https:// URL"),
        ("host/x", "http://host:port/path, :port/path or host:port/path"),
        ("8080", "http://host:port/path, :port/path or host:port/path; a port alone is written :8080"),
        (":80/a b", "a URL in which ' ' is written %20"),
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
    porthole(["no\x1b[2Jpe"]).refused(r"'no\x1b[2Jpe' is no command; porthole --help lists them");
    porthole(["tcp", "a\nb:1"]).refused(&format!(r"tcp: TARGET: {HOST_PORT}, got 'a\nb:1'"));
}

#[test]
fn arguments_that_are_not_utf8() {
    use std::os::unix::ffi::OsStrExt as _;
    let odd = std::ffi::OsStr::from_bytes(b"\xff");
    porthole([std::ffi::OsStr::new("http"), odd]).refused("http: TARGET: expected UTF-8 text");
    porthole([odd]).refused("'\u{fffd}' is no command; porthole --help lists them");
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
    for arguments in ["help", "-h", "-q --help", "-qh", "-t --help http :80", "-t -h"] {
        assert_eq!(porthole(arguments.split(' ')).run().stdout, long.stdout, "{arguments}");
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
    assert_eq!(porthole(["help", "http"]).run().stdout, http.stdout);
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
    for arguments in
        ["-V", "-qV", "-q --version", "http :80 --version", "http -V", "-t 1s tcp :80 and tcp -qV"]
    {
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
        .args(["tcp", "abc", "--help"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let mut stderr = String::new();
    child.stderr.take().unwrap().read_to_string(&mut stderr).unwrap();
    assert_eq!((child.wait().unwrap().code(), stderr.as_str()), (Some(0), ""));
}
