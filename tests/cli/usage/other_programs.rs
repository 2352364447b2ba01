//! The names, options and targets of other programs are answered with those of porthole.

use super::{DURATION, HOST_PORT, STATUS};
use crate::support::command::{has_feature, porthole};

const LISTEN_TARGET: &str = "expected a port from 1 to 65535, a Unix socket's path with a / in it, or @name";

const CURL_SILENT: &str = "-s is --status here and takes a value; curl's -s is not needed";

/// Returns the advice; in a build without TLS, it refers to the full build.
fn with_tls(what: &str) -> String {
    if has_feature("tls") { what.to_owned() } else { format!("{what} of the full build") }
}

fn leave_out(why: &str) -> String {
    format!("leave it out: {why}")
}

/// Asserts that these words are refused with this advice, which shows no secret.
fn assert_advised(rows: &[(&str, &str, String)]) {
    for (arguments, wrong, advice) in rows {
        let command = arguments.split(' ').next().unwrap();
        let arguments = arguments.replace("URL", "http://me:t0psecret@localhost:1/");
        porthole(arguments.split(' ')).refused(&format!("{command}: {wrong}; {advice}"));
    }
}

/// The names of other programs are answered with those of porthole.
#[test]
fn names_of_other_programs_are_answered_with_a_command() {
    let full = |what: &str| {
        let probe = "the full build of porthole has commands that look inside";
        if has_feature("inspect") { what.to_owned() } else { probe.to_owned() }
    };
    for (name, advice) in [
        ("curl", "use porthole http URL".to_owned()),
        ("nc", "use porthole tcp HOST:PORT".to_owned()),
        ("websocat", "use porthole http ws://HOST:PORT/".to_owned()),
        ("pg_isready", "use porthole postgres HOST:5432".to_owned()),
        ("wait-for-it.sh", "use porthole tcp HOST:PORT".to_owned()),
        ("./wait-for", "use porthole tcp HOST:PORT".to_owned()),
        ("../bin/wait-for-it.sh", "use porthole tcp HOST:PORT".to_owned()),
        ("/usr/bin/mysqladmin", "use porthole mysql HOST:3306".to_owned()),
        ("mongosh", "use porthole mongodb HOST:27017".to_owned()),
        ("/opt/kafka/bin/kafka-broker-api-versions.sh", "use porthole kafka HOST:9092".to_owned()),
        ("mosquitto_sub", "use porthole mqtt HOST:1883".to_owned()),
        ("netstat", full("use porthole ss, or ip route for netstat -r")),
        ("ifconfig", full("use porthole ip addr")),
        ("htop", full("use porthole top")),
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

/// The options of curl and wget are answered with those of porthole.
#[test]
fn options_of_curl_and_wget_are_answered_with_advice() {
    const WHOLE: &str = "use -t DUR, which limits the whole check";
    const FAILS: &str = "an error status is unhealthy by default, and curl's -f, -s and -S are not needed";
    const FAMILY: &str = "write an address instead of the host name: 127.0.0.1 or [::1]";
    const ONE_LINE: &str = "the verdict is one line; -q prints none when healthy";
    const UNPRINTED: &str = "the body is printed only with --show, and never written to a file";
    assert_advised(&[
        ("http --cacert /x URL", "unknown option --cacert", with_tls("use --ca-file PATH")),
        ("http --unix-socket=/x URL", "unknown option --unix-socket", "use --unix PATH".to_owned()),
        ("http -m 3 URL", "unknown option -m", WHOLE.to_owned()),
        ("http -L URL", "unknown option -L", "use --follow N".to_owned()),
        ("http -I URL", "unknown option -I", "use --method HEAD".to_owned()),
        ("http -u a:b URL", "unknown option -u", "use --user NAME:PASSWORD".to_owned()),
        ("http -fsS URL", "unknown option -f", leave_out(FAILS)),
        ("http --spider URL", "unknown option --spider", leave_out(UNPRINTED)),
        ("http -qO- URL", "unknown option -O", leave_out(UNPRINTED)),
        (
            "http --no-check-certificate URL",
            "unknown option --no-check-certificate",
            with_tls("use --insecure"),
        ),
        ("http -x URL URL", "unknown option -x", "leave it out: no proxy is ever used".to_owned()),
        ("http -s URL", "TARGET is missing", CURL_SILENT.to_owned()),
        (
            "http --compressed URL",
            "unknown option --compressed",
            leave_out("the body is requested without compression"),
        ),
        ("http --fail-with-body URL", "unknown option --fail-with-body", leave_out(FAILS)),
        ("http --retry-delay 1 URL", "unknown option --retry-delay", "use --every DUR".to_owned()),
        (
            "http --retry-connrefused URL",
            "unknown option --retry-connrefused",
            leave_out("--wait tries again after any failure"),
        ),
        ("http -nv URL", "unknown option -nv", leave_out(ONE_LINE)),
        ("http --no-verbose URL", "unknown option --no-verbose", leave_out(ONE_LINE)),
        ("http --server-response URL", "unknown option --server-response", "use --show head".to_owned()),
        ("http --h2c URL", "unknown option --h2c", "use --http2".to_owned()),
        (
            "http --haproxy-protocol URL",
            "unknown option --haproxy-protocol",
            "use --proxy-protocol 1".to_owned(),
        ),
        ("http --websocket URL", "unknown option --websocket", "write a ws:// URL".to_owned()),
        ("http URL --expect-status 200", "unknown option --expect-status", "use --status LIST".to_owned()),
        ("http --ipv4 URL", "unknown option --ipv4", FAMILY.to_owned()),
        ("http -6 URL", "unknown option -6", FAMILY.to_owned()),
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
            .refused(&format!("http: --status: {STATUS}, got '{value}'; {CURL_SILENT}"));
    }
}

/// The options of other programs are answered likewise.
#[test]
fn options_of_other_programs_are_answered_with_advice() {
    const WHOLE: &str = "use -t DUR, which limits the whole check";
    const ACCOUNT: &str = "leave it out: the check needs no account or password";
    assert_advised(&[
        ("postgres -p 5432", "unknown option -p", "write the port into the target: HOST:PORT".to_owned()),
        ("postgres :1 -U app", "unknown option -U", "leave it out: the check does not log in".to_owned()),
        ("mysql -pt0psecret", "unknown option -p", ACCOUNT.to_owned()),
        ("mysql --password=t0psecret", "unknown option --password", ACCOUNT.to_owned()),
        ("mysql -P 3306", "unknown option -P", "write the port into the target: HOST:PORT".to_owned()),
        (
            "mysql --host=localhost",
            "unknown option --host",
            "write the server as the target: porthole mysql :3306".to_owned(),
        ),
        (
            "postgres --host localhost",
            "unknown option --host",
            "write the server as the target: porthole postgres :5432".to_owned(),
        ),
        (
            "redis :1 ping",
            "unexpected argument 'ping'",
            "leave it out: the check needs no command".to_owned(),
        ),
        (
            "kafka --bootstrap-server localhost:9092",
            "unknown option --bootstrap-server",
            "write the server as the target: porthole kafka :9092".to_owned(),
        ),
        (
            "mongodb :1 --eval ping",
            "unknown option --eval",
            "leave it out: the check needs no command".to_owned(),
        ),
        ("mongodb :1 --tlsCAFile ca.pem", "unknown option --tlsCAFile", with_tls("use --ca-file PATH")),
        (
            "nats --server localhost:4222",
            "unknown option --server",
            "write the server as the target: porthole nats :4222".to_owned(),
        ),
        ("mqtt :1 -W 3", "unknown option -W", WHOLE.to_owned()),
        (
            "mqtt :1 -P t0psecret",
            "unknown option -P",
            "leave it out: the check needs no password, identifier or topic".to_owned(),
        ),
        ("mqtt :1 --cafile ca.pem", "unknown option --cafile", with_tls("use --ca-file PATH")),
        ("grpc -addr=:5000", "unknown option -addr", "write HOST:PORT as the target".to_owned()),
        ("grpc :1 -service=x", "unknown option -service", "use --service NAME".to_owned()),
        ("grpc :1 -connect-timeout 1s", "unknown option -connect-timeout", WHOLE.to_owned()),
        ("tcp -z :1", "unknown option -z", "leave it out: it is not needed here".to_owned()),
        (
            "tcp localhost:1 5432",
            "unexpected argument '5432'",
            "write host and port as one word: HOST:PORT".to_owned(),
        ),
    ]);
    // This is parsed as `-t` with the value `ls`.
    let advice = with_tls("use --tls");
    porthole(["grpc", ":1", "-tls"]).refused(&format!("--timeout: {DURATION}, got 'ls'; {advice}"));
}

/// So are the targets of other programs.
#[test]
fn targets_of_other_programs_are_answered_with_advice() {
    const URL: &str = "write only the HOST:PORT of the URL";
    let servers = format!("{HOST_PORT}, or the path of a Unix socket");
    let grpc = format!("{HOST_PORT}, or unix:///PATH");
    for (arguments, expected, advice) in [
        ("redis redis://me:t0psecret@localhost:1/2", servers.as_str(), URL),
        ("postgres postgresql://me:t0psecret@localhost/app", &servers, URL),
        ("mongodb mongodb://me:t0psecret@localhost:1/app", &servers, URL),
        ("nats nats://localhost:1", &servers, URL),
        ("tcp http://localhost:1/", HOST_PORT, "use porthole http URL"),
        ("redis http://localhost:1/", &servers, "use porthole http URL"),
        ("grpc http://localhost:1", &grpc, URL),
        ("listen :80", LISTEN_TARGET, "write 80"),
        ("listen 0.0.0.0:80", LISTEN_TARGET, "write 80 --address 0.0.0.0"),
        ("listen [::1]:80", LISTEN_TARGET, "write 80 --address ::1"),
        ("listen localhost:80", LISTEN_TARGET, "write 80"),
    ] {
        let (command, target) = arguments.split_once(' ').unwrap();
        let name = if command == "listen" { "PORT" } else { "TARGET" };
        let target = target.replace("me:t0psecret", "…");
        porthole(arguments.split(' '))
            .refused(&format!("{command}: {name}: {expected}, got '{target}'; {advice}"));
    }
}
