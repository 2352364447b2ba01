//! A usage error is one line on stderr that names the argument and says what was expected; help
//! goes to stdout.

mod bytes;
mod help;
mod other_programs;
mod with_inspect;
mod without_inspect;

use crate::support::command::{has_feature, porthole};
use crate::support::server::{Server, answer, response};

const ALONE: &str = "and cannot be used with other arguments";
const DURATION: &str = "expected a duration such as 500ms, 2s or 1m30s, more than zero and at most 1h";

const HOST_PORT: &str = "expected host:port, [::1]:port, :port or port, with a port from 1 to 65535";

const SIZE: &str = "expected a size such as 512, 64k or 10M (powers of 1024)";

const STATUS: &str = "expected status codes such as 200, 200,204, 200-299 or 2xx";

#[test]
fn wrong_arguments_are_named() {
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
            "http: --matches: invalid regular expression: found open group without closing ')'",
        ),
        (
            "http :80 --matches (x{50}){50}",
            "http: --matches: the regular expression is too large: more than 64 KiB once compiled",
        ),
        (
            "http :80 --matches x --max-body 9M",
            "http: --max-body: expected at most 8M with --matches, --field or --show, which keep the whole body",
        ),
        (
            "http :80 --field / --max-body 8193k",
            "http: --max-body: expected at most 8M with --matches, --field or --show, which keep the whole body",
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
        .refused("51 checks given; the limit for one run is 50");
    porthole(["tcp", ":80", "--expect", ""])
        .refused("tcp: --expect: expected at least one character to look for");
    porthole(["tcp", ":80", "--send", r"\q"])
        .refused(r"tcp: --send: expected text in which \\ is followed by r, n, t, 0, xNN or \\, got '\\q'");
    porthole(["http", ":80", "-X", "A B"])
        .refused("http: --method: expected a method such as GET, HEAD or POST, got 'A B'");
}

/// A probe that is copied from `pg_isready -h HOST` must not be healthy forever: help and the
/// version exit with 0 only if nothing else is requested.
#[test]
fn help_cannot_be_combined_with_other_arguments() {
    for (arguments, command, word) in [
        ("postgres -h localhost -p 1", "postgres", "-h"),
        ("postgres -U app -h localhost", "postgres", ""),
        ("redis -h localhost ping", "redis", "-h"),
        ("mysql ping -h localhost", "mysql", "-h"),
        ("mysql -h localhost", "mysql", "-h"),
        ("amqp -h localhost", "amqp", "-h"),
        ("memcached -h localhost", "memcached", "-h"),
        ("mqtt -h localhost -p 1883", "mqtt", "-h"),
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
        assert_eq!(ran.status, Some(1), "{}", ran.story());
        let is_document = arguments.contains("--json") && ran.stdout.starts_with("{\"errors\": [\"");
        assert!(ran.stdout.is_empty() || is_document, "{}", ran.story());
        if word.is_empty() {
            continue;
        }
        let prints = if word.contains(['h', 'p']) { "help" } else { "the version" };
        let expected = match command {
            "" => format!("porthole: {word} prints {prints} {ALONE}; see porthole --help\n"),
            "http" | "tcp" => {
                format!(
                    "porthole: {command}: {word} prints {prints} {ALONE}; see porthole {command} --help\n"
                )
            }
            server => format!(
                "porthole: {server}: {word} prints {prints} {ALONE}; write the server as the target: \
                 porthole {server} :"
            ),
        };
        assert!(ran.stderr.starts_with(&expected), "{expected}\n{}", ran.story());
    }
    porthole(["postgres", "-h", "localhost", "-p", "1"]).refused(&format!(
        "postgres: -h prints help {ALONE}; write the server as the target: porthole postgres :5432"
    ));
    // A host is assumed only if one may follow the letter.
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
            "write the server as the target: porthole postgres :5432"
        } else {
            "see porthole postgres --help"
        };
        porthole(arguments.split(' ')).refused(&format!("postgres: {word} prints help {ALONE}; {advice}"));
    }
    // A value that looks like an option is still a value, and what follows -- is an operand.
    porthole(["tcp", ":0", "--send", "-h"]).refused(&format!("tcp: TARGET: {HOST_PORT}, got ':0'"));
    porthole(["-t", "--help", "tcp", ":1"]).refused(&format!("--timeout: {DURATION}, got '--help'"));
    porthole(["process", "--", "--help"])
        .unhealthy("unhealthy: process --help: none running, expected at least 1");
}

/// Mistyped words are answered with a suggestion.
#[test]
fn mistyped_words_get_a_suggestion() {
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
        ("-timeout 2s http :1", "unknown command '2s'; did you mean --timeout?"),
        ("--request - tcp :1", "tcp: unknown option --request; see porthole tcp --help"),
        ("tcp :1 -expect x", "tcp: unknown option -expect; did you mean --expect?"),
        ("http :1 and tpc :2", "http: unknown check 'tpc' after 'and'; did you mean 'tcp'?"),
        ("http :1 and nope :2", "http: unknown check 'nope' after 'and'; see porthole --help"),
        ("http :1 and", "http: expected a check after 'and', as in porthole tcp :80 and tcp :81"),
        ("x", "unknown command 'x'; see porthole --help"),
    ] {
        porthole(arguments.split(' ')).refused(message);
    }
}

/// The other builds know the names of what only the full build has.
#[test]
fn features_of_the_full_build_are_named_in_other_builds() {
    for (feature, arguments, what) in [
        ("tls", "tls 1", "tls"),
        ("tls", "grpc 1 --tls", "grpc: --tls"),
        ("tls", "grpc 1 -k", "grpc: -k"),
        ("tls", "http :1 --min-days=3", "http: --min-days"),
        ("remote", "dns x --remote", "dns: --remote"),
        ("remote", "tcp 1 --remote", "tcp: --remote"),
        ("remote", "--remote", "--remote"),
        ("inspect", "tar cf - /", "tar"),
        ("inspect", "install /x", "install"),
    ] {
        if !has_feature(feature) {
            porthole(arguments.split(' '))
                .refused(&format!("{what} is not in this build; the full build of porthole has it"));
        }
    }
    porthole(["explain"]).refused("unknown command 'explain'; see porthole --help");
    porthole(["tcp", "1", "--ps"]).refused("tcp: unknown option --ps; see porthole tcp --help");
}

#[test]
fn wrong_values_are_quoted_with_what_was_expected() {
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
fn options_of_a_run_are_accepted_anywhere() {
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
