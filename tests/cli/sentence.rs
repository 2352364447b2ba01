//! `and`, `or`, `not`: several checks in one process, with one verdict.

use std::time::Duration;

use crate::support::command::{Ran, has_feature, porthole};
use crate::support::place::Place;
use crate::support::server::{Server, Step, answer, closed_port, response, send};
use crate::support::skip::{is_root, skip, skip_by_design};

#[test]
fn all_healthy_checks_make_a_healthy_verdict() {
    let http = Server::new(answer(response("200 OK", "ok")));
    let tcp = Server::new(vec![Step::Hold]);
    let unix = Server::unix(vec![Step::Hold]);
    let path = unix.socket().to_str().unwrap();
    porthole(["http", &http.url("/"), "and", "tcp", &tcp.address().to_string(), "and", "unix", path]).healthy(
        &format!(
            "healthy: http {}: 200 OK in <T>\nhealthy: tcp {}: connected in <T>\nhealthy: unix {path}: connected in <T>",
            http.url("/"),
            tcp.address()
        ),
    );
}

#[test]
fn failed_checks_are_printed_first_and_decide_the_verdict() {
    let http = Server::new(answer(response("200 OK", "ok")));
    let port = closed_port();
    let target = format!("127.0.0.1:{port}");
    let failed = format!("unhealthy: tcp {target}: connection refused (127.0.0.1)");
    let healthy = format!("healthy: http {}: 200 OK in <T>", http.url("/"));
    porthole(["http", &http.url("/"), "and", "tcp", &target]).unhealthy(&format!("{failed}\n{healthy}"));
    porthole(["tcp", &target, "and", "http", &http.url("/")]).unhealthy(&format!("{failed}\n{healthy}"));
    porthole(["http", &http.url("/"), "and", "tcp", &target, "-q"]).unhealthy(&failed);
}

#[test]
fn checks_run_in_parallel() {
    let slow = Server::new(vec![Step::Hold]);
    let url = slow.url("/");
    let line = format!("unhealthy: http {url}: timed out after 1 s waiting for the response head");
    let arguments = "http URL -t 1s and http URL and http URL and http URL and http URL and http URL"
        .replace("URL", &url);
    porthole(arguments.split(' ')).unhealthy(&[line.as_str(); 6].join("\n")).within(Duration::from_secs(5));
}

#[test]
fn fifty_checks_use_little_memory() {
    let server =
        Server::new(vec![Step::Request, send("HTTP/1.1 200 OK\r\nX: "), Step::Flood(vec![b'x'; 4096])]);
    let arguments = vec![format!("http {}", server.url("/")); 50].join(" and ");
    let ran = porthole(arguments.split(' ')).in_little_memory().run();
    assert_eq!(ran.stdout.lines().count(), 50, "{}", ran.story());
    let line = format!("unhealthy: http {}: the response head is too large", server.url("/"));
    assert!(ran.stdout.lines().all(|found| found.starts_with(&line)), "{}", ran.story());
}

/// Runs as another user, who may have only this one process.
#[test]
fn checks_run_in_turn_if_no_thread_can_be_started() {
    if !is_root() {
        return skip("only root can become another user");
    }
    let slow = Server::new(vec![Step::Hold]);
    let good = Server::new(vec![Step::Hold]);
    let (url, good) = (slow.url("/"), good.address());
    let healthy = format!("healthy: tcp {good}: connected in <T>");
    porthole(["tcp", &good.to_string(), "and", "tcp", &good.to_string()])
        .one_process()
        .healthy(&format!("{healthy}\n{healthy}"));
    porthole(["http", &url, "-t", "300ms", "and", "tcp", &good.to_string()]).one_process().unhealthy(&format!(
        "unhealthy: http {url}: timed out after 300 ms waiting for the response head\n\
         unhealthy: tcp {good}: not run: no thread could be started (pids limit), and the checks before it used all the time"
    ));
}

#[test]
fn and_is_an_ordinary_word_as_the_value_of_an_option() {
    let server = Server::new(answer(response("200 OK", "this and that")));
    porthole(["http", &server.url("/"), "--contains", "and", "--contains", "that"])
        .healthy(&format!("healthy: http {}: 200 OK in <T>", server.url("/")));
}

#[test]
fn json_keeps_the_order_of_the_command_line() {
    let server = Server::new(vec![Step::Hold]);
    let address = server.address().to_string();
    let closed = format!("127.0.0.1:{}", closed_port());
    let json = porthole(["tcp", &address, "and", "tcp", &closed, "--json"]).json();
    assert_eq!(json["healthy"], false);
    let targets: Vec<&str> =
        json["checks"].as_array().unwrap().iter().map(|c| c["target"].as_str().unwrap()).collect();
    assert_eq!(targets, [address, closed]);
}

#[test]
fn one_alternative_suffices() {
    let server = Server::new(vec![Step::Hold]);
    let good = server.address().to_string();
    let bad = format!("127.0.0.1:{}", closed_port());
    let healthy = format!("healthy: tcp {good}: connected in <T>");
    let failed = format!("unhealthy: tcp {bad}: connection refused (127.0.0.1)");
    // What decided comes first.
    porthole(["tcp", &bad, "or", "tcp", &good]).healthy(&format!("{healthy}\n{failed}"));
    porthole(["tcp", &good, "or", "tcp", &bad]).healthy(&format!("{healthy}\n{failed}"));
    porthole(["tcp", &bad, "or", "tcp", &bad]).unhealthy(&format!("{failed}\n{failed}"));
    // `and` binds tighter than `or`.
    porthole(["tcp", &good, "or", "tcp", &bad, "and", "tcp", &bad])
        .healthy(&format!("{healthy}\n{failed}\n{failed}"));
    porthole(["tcp", &bad, "and", "tcp", &good, "or", "tcp", &bad])
        .unhealthy(&format!("{failed}\n{failed}\n{healthy}"));
    porthole(["tcp", &bad, "or", "tcp", &good, "-q"]).healthy("");
    porthole(["tcp", &bad, "and", "tcp", &good, "-q"]).unhealthy(&failed);
}

#[test]
fn not_turns_the_verdict_round() {
    let server = Server::new(vec![Step::Hold]);
    let good = server.address().to_string();
    let port = closed_port();
    let bad = format!("127.0.0.1:{port}");
    let gone = format!("healthy: not tcp {bad}: connection refused (127.0.0.1)");
    let there = format!("unhealthy: not tcp {good}: connected");
    porthole(["not", "tcp", &bad]).healthy(&gone);
    porthole(["not", "tcp", &good]).unhealthy(&there);
    porthole(["-t", "1s", "not", "tcp", &bad, "-q"]).healthy("");
    porthole(["tcp", &good, "and", "not", "tcp", &bad])
        .healthy(&format!("healthy: tcp {good}: connected in <T>\n{gone}"));
    porthole(["not", "tcp", &good, "or", "not", "tcp", &bad]).healthy(&format!("{gone}\n{there}"));
    // What the check expected is not what the sentence expects.
    let answer = Server::new(answer(response("503 Service Unavailable", "db: no connection")));
    let url = answer.url("/");
    porthole(["not", "http", &url]).healthy(&format!("healthy: not http {url}: 503 Service Unavailable"));
    let json = porthole(["not", "tcp", &bad, "and", "tcp", &good, "--json"]).json();
    assert_eq!((&json["healthy"], &json["checks"][0]["healthy"]), (&true.into(), &true.into()));
    assert_eq!(json["checks"][0]["not"], true);
    assert_eq!(json["checks"][1].get("not"), None);
}

#[test]
fn a_check_that_cannot_be_made_fails_under_not_too() {
    // The local rule: no connection is made.
    let why = "192.0.2.1 is not an address of this machine, so no connection is made";
    let ran = porthole(["not", "tcp", "192.0.2.1:80"]).run();
    assert_eq!((ran.status, ran.stdout.as_str()), (Some(1), ""), "{}", ran.story());
    assert!(ran.stderr.starts_with(&format!("porthole: not tcp 192.0.2.1:80: {why}")), "{}", ran.story());
    // It does not end the wait for an alternative.
    let server = Server::new(vec![Step::Hold]);
    let good = server.address().to_string();
    let ran = porthole(["tcp", "192.0.2.1:80", "or", "tcp", &good, "--wait", "5s"]).run();
    assert_eq!(ran.status, Some(0), "{}", ran.story());
}

/// The same trouble has the same words: an age, the size of a file that is being written, a queue and
/// pids differ each time.
#[test]
fn what_differs_each_time_is_not_in_a_verdict_that_not_turned_round() {
    let place = Place::new();
    let path = place.file("beat", "ready");
    porthole(["not", "file", &path, "--max-age", "7d", "--contains", "ready"]).unhealthy(&format!(
        "unhealthy: not file {path}: is a regular file, modified in the last 7 days, contains \"ready\""
    ));
    porthole(["not", "file", &path]).unhealthy(&format!("unhealthy: not file {path}: is a regular file"));
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port().to_string();
    let ran = porthole(["not", "listen", &port]).run();
    let listens = format!("unhealthy: not listen {port}: listening on 127.0.0.1:{port}, ");
    assert!(ran.stdout.starts_with(&listens) && !ran.stdout.contains("queue"), "{}", ran.story());
    // What others listen on is of no interest if nobody is expected to.
    let free = closed_port().to_string();
    porthole(["not", "listen", &free])
        .healthy(&format!("healthy: not listen {free}: nothing listens on TCP port {free}"));
    let link = place.path("the-sleeper");
    std::os::unix::fs::symlink("/bin/sleep", &link).unwrap();
    let _sleeper = Ended(std::process::Command::new(&link).arg("1000").spawn().unwrap());
    porthole(["not", "process", "the-sleeper"]).unhealthy("unhealthy: not process the-sleeper: 1 running");
}

/// A process that ends with the test.
struct Ended(std::process::Child);

impl Drop for Ended {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Without file descriptors nothing is known about the service. Of two checks of a silent server, one
/// gets the last descriptor, which the dynamic linker needs too, and the other one none.
#[test]
fn a_check_that_lacks_file_descriptors_fails_under_not_too() {
    let server = Server::new(vec![Step::Hold]);
    let unix = Server::unix(vec![Step::Hold]);
    let (target, url) = (server.address().to_string(), server.url("/"));
    let path = unix.socket().to_str().unwrap();
    for check in [
        &["tcp", &target, "--expect", "x"][..],
        &["unix", path, "--expect", "x"],
        &["http", &url],
        &["redis", &target],
        &["grpc", &target],
    ] {
        let sentence = [&["not"], check, &["and", "not"], check].concat();
        let ran = porthole(sentence).under(&["prlimit", "--nofile=4"]).run();
        assert_lacking(&ran);
    }
}

/// The static binary needs no descriptor to start.
#[test]
fn what_is_read_or_asked_without_file_descriptors_fails_under_not_too() {
    if std::env::var_os("PORTHOLE_BIN").is_none() {
        return skip_by_design("the dynamic linker needs a file descriptor");
    }
    let place = Place::new();
    let file = place.file("state", "ready");
    for check in [
        &["file", &file, "--contains", "gone"][..],
        &["dns", "localhost", "--server", "127.0.0.1:9"],
        &["dns", "localhost", "--server", "127.0.0.1:9", "--tcp"],
        &["dns", "localhost"],
        &["tcp", "localhost:9"],
    ] {
        assert_lacking(&porthole([&["not"], check].concat()).under(&["prlimit", "--nofile=3"]).run());
    }
}

/// Asserts that a check was unhealthy for lack of file descriptors.
#[track_caller]
fn assert_lacking(ran: &Ran) {
    // The words of glibc and of musl.
    let words = ["too many open files", "no file descriptors available"];
    let lacks =
        |line: &str| line.starts_with("unhealthy: not ") && words.iter().any(|words| line.contains(words));
    assert!(ran.status == Some(1) && ran.stdout.lines().any(lacks), "{}", ran.story());
}

#[test]
fn wait_waits_for_the_sentence() {
    let port = closed_port();
    let bad = format!("127.0.0.1:{port}");
    let gone = format!("healthy: not tcp {bad}: connection refused (127.0.0.1)");
    porthole(["not", "tcp", &bad, "--wait", "10s"]).healthy(&gone).within(Duration::from_secs(5));
    // A file that appears during the wait.
    let place = Place::new();
    let path = place.path("ready");
    let file = path.clone();
    let waiting = std::thread::spawn(move || {
        porthole(["tcp", &bad, "or", "file", &file, "--wait", "20s", "--every", "20ms"]).run()
    });
    place.file("ready", "");
    let ran = waiting.join().unwrap();
    assert!(ran.stdout.starts_with(&format!("healthy: file {path}: ")), "{}", ran.story());
}

#[test]
fn the_words_of_a_sentence_before_anything_but_a_check_are_explained() {
    for (words, why) in [
        ("not", "porthole: expected a check after 'not', as in porthole not listen 8080"),
        ("tcp :1 and", "porthole: tcp: expected a check after 'and', as in porthole tcp :80 and tcp :81"),
        ("tcp :1 or not", "porthole: tcp: expected a check after 'not', as in porthole not listen 8080"),
        (
            "tcp :1 and -t 1s tcp :1",
            "porthole: tcp: expected a check after 'and', got '-t'; options follow its name",
        ),
        ("not -q tcp :1", "porthole: expected a check after 'not', got '-q'; options follow its name"),
        (
            "tcp :1 not tcp :1",
            "porthole: tcp: put and or or between two checks, as in tcp :80 and not tcp :81",
        ),
        ("tcp :1 tcp :2", "porthole: tcp: unexpected argument 'tcp'; put and or or between two checks"),
        (
            "and tcp :1",
            "porthole: unknown command 'and'; it joins two checks, as in porthole tcp :80 and tcp :81",
        ),
        ("! tcp :1", "porthole: unknown command '!'; write not, as in porthole not listen 8080"),
        (
            "tcp :1 AND tcp :1",
            "porthole: tcp: unexpected argument 'AND'; put the word and between two checks",
        ),
        ("not x", "porthole: unknown check 'x' after 'not'; see porthole --help"),
        ("not not tcp :1", "porthole: 'not not' is not a sentence; write 'not' once, or leave it out"),
        (
            "tcp :1 and not not tcp :1",
            "porthole: 'not not' is not a sentence; write 'not' once, or leave it out",
        ),
        ("tcp :1 or htp :2", "porthole: tcp: unknown check 'htp' after 'or'; did you mean 'http'?"),
        (
            "tcp :1 and not lissten 2",
            "porthole: tcp: unknown check 'lissten' after 'not'; did you mean 'listen'?",
        ),
    ] {
        porthole(words.split(' ')).run().is(1, "", why);
    }
}

#[test]
fn an_inspection_is_no_check() {
    if !has_feature("inspect") {
        return skip_by_design("this build has no inspections");
    }
    let why = "porthole: tcp: 'ps' is no check, so it cannot follow 'and'";
    porthole(["tcp", ":1", "and", "ps"]).run().is(1, "", why);
}
