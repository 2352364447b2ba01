//! Hostile images and launchers: whatever porthole is started in, it ends by itself, in time, with
//! exit status 0 or 1, and says why if it is 1. What is broken is never healthy.
//!
//! tests/cli/refused.rs has what needs no launcher of its own: too little memory, too few
//! descriptors, an empty root, set-user-ID programs.

mod launcher;
mod sealed;
mod seccomp;
mod start;
mod streams;
mod trace;

use std::net::TcpListener;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use launcher::Expected;

use super::cost;
use super::place::Place;
use super::server::{Server, Step, answer, closed_port, response, send};

/// A gRPC server's first frame, the SETTINGS, and its answer: HEADERS, DATA with SERVING, and the
/// trailers. RFC 9113
const SETTINGS: &[u8] = b"\0\0\0\x04\0\0\0\0\0";
const SERVING: &[u8] = b"\0\0\x14\x01\x04\0\0\0\x01\x88\x0f\x10\x10application/grpc\
    \0\0\x07\0\0\0\0\0\x01\0\0\0\0\x02\x08\x01\
    \0\0\x0f\x01\x05\0\0\0\x01\0\x0bgrpc-status\x010";
/// The end of a call of grpc.health.v1.Health/Check: DATA with an empty message.
const CALL: &[u8] = b"\0\0\x05\0\x01\0\0\0\x01\0\0\0\0\0";

/// What the commands check and inspect.
struct Targets {
    http: Server,
    unix: Server,
    redis: Server,
    grpc: Server,
    place: Place,
    /// Nobody accepts its connections.
    listener: TcpListener,
}

/// A command, and what its result has to be.
type Case = (Vec<String>, Expected);

impl Targets {
    fn new() -> Self {
        let body = "x".repeat(100_000) + "ready";
        let targets = Targets {
            http: Server::new(answer(response("200 OK", &body))),
            unix: Server::unix(vec![send("220 ready\r\n"), Step::Hold]),
            redis: Server::new(vec![Step::Until(b"PING\r\n"), send("+PONG\r\n"), Step::Hold]),
            grpc: Server::new(vec![send(SETTINGS), Step::Until(CALL), send(SERVING), Step::Hold]),
            place: Place::new(),
            listener: TcpListener::bind("127.0.0.1:0").unwrap(),
        };
        targets.place.file("text", "a line\n".repeat(1000));
        targets
    }

    /// Returns checks of what is in order and of what is not, of each kind.
    fn checks(&self) -> Vec<Case> {
        let [http, redis, grpc] = [&self.http, &self.redis, &self.grpc].map(Server::address);
        let (text, port) = (self.place.path("text"), self.listener.local_addr().unwrap().port());
        let socket = self.unix.socket().display();
        let closed = closed_port();
        let healthy = [
            format!("http http://{http}/"),
            format!("http http://{http}/ --contains ready --max-body 1M"),
            format!("tcp {http}"),
            format!("unix {socket} --expect 220"),
            format!("redis {redis}"),
            format!("grpc {grpc}"),
            format!("file {text} --contains line"),
            "process --pid 1".to_owned(),
            format!("listen {port}"),
            format!("http http://{http}/ and tcp {redis} and file {text}"),
        ];
        let broken = [
            format!("http http://{http}/ --status 500"),
            format!("http http://{http}/ --contains nothing --max-body 1M"),
            // Never answers.
            format!("http http://127.0.0.1:{port}/ --timeout 100ms"),
            format!("tcp 127.0.0.1:{closed}"),
            format!("unix {socket} --expect 220x --timeout 100ms"),
            format!("redis {grpc} --timeout 100ms"),
            format!("grpc {http} --timeout 100ms"),
            format!("file {text} --contains nothing"),
            format!("file {text} --min-size 1G"),
            "process no-such-process".to_owned(),
            format!("listen {closed}"),
            format!("http http://{http}/ and tcp 127.0.0.1:{closed}"),
            "no-command".to_owned(),
        ];
        let mut cases: Vec<Case> = healthy.iter().map(|line| (words(line), Expected::Healthy)).collect();
        cases.extend(broken.iter().map(|line| (words(line), Expected::Broken)));
        cases.extend(negated(&cases));
        cases
    }
}

/// Returns checks that differ in their system calls, of what is in order and of what is not: of this
/// server, of this file of lines, and of a port on which something listens.
fn typical_checks(http: &Server, text: &str, port: u16) -> Vec<Case> {
    let (http, closed) = (http.address(), closed_port());
    let healthy = [
        format!("http http://{http}/"),
        format!("tcp {http}"),
        format!("file {text} --contains line"),
        "process --pid 1".to_owned(),
        format!("listen {port}"),
    ];
    let broken = [
        format!("http http://{http}/ --status 500"),
        format!("tcp 127.0.0.1:{closed}"),
        format!("file {text} --contains nothing"),
        "process no-such-process".to_owned(),
        format!("listen {closed}"),
    ];
    let mut cases: Vec<Case> = healthy.iter().map(|line| (words(line), Expected::Healthy)).collect();
    cases.extend(broken.iter().map(|line| (words(line), Expected::Broken)));
    cases.extend(negated(&cases));
    cases
}

/// Returns checks with TLS, of this server.
fn tls_checks(server: &cost::server::Server) -> Option<Vec<Case>> {
    let tls = server.tls()?;
    let (address, trust) = (tls.address, tls.certificate.display());
    let healthy =
        [format!("http https://{address}/ --ca-file {trust}"), format!("tls {address} --ca-file {trust}")];
    let broken = [
        // Not trusted.
        format!("tls {address}"),
        format!("tls {address} --ca-file {trust} --min-days 60"),
        format!("http https://{address}/ --ca-file {trust} --status 500"),
    ];
    let mut cases: Vec<Case> = healthy.iter().map(|line| (words(line), Expected::Healthy)).collect();
    cases.extend(negated(&cases));
    cases.extend(broken.iter().map(|line| (words(line), Expected::Broken)));
    Some(cases)
}

/// Returns inspections, among them of the files of this place.
fn inspections(place: &Place) -> Vec<Case> {
    let (folder, text) = (place.path(""), place.file("text", "a line\n".repeat(1000)));
    [
        "ps".to_owned(),
        "ss".to_owned(),
        "lsof -p self".to_owned(),
        "limits".to_owned(),
        "doctor".to_owned(),
        "mounts".to_owned(),
        "ip".to_owned(),
        format!("ls -R {folder}"),
        format!("cat {text}"),
        format!("grep -rn line {folder}"),
        format!("tar cf - {text}"),
    ]
    .map(|line| (words(&line), Expected::Any))
    .into()
}

/// Returns checks that what is in order is not: `not http http://…`. A check that could not be made
/// does not hold here either.
fn negated(cases: &[Case]) -> Vec<Case> {
    let of_one = |case: &&Case| case.1 == Expected::Healthy && !case.0.contains(&"and".to_owned());
    let not = |case: &Case| ([&["not".to_owned()], &case.0[..]].concat(), Expected::Broken);
    cases.iter().filter(of_one).map(not).collect()
}

fn words(line: &str) -> Vec<String> {
    line.split(' ').map(str::to_owned).collect()
}

/// Returns the build with all features, if it is there.
fn full() -> Option<PathBuf> {
    programs().into_iter().find(|program| program.ends_with("porthole"))
}

/// Returns the static binaries.
fn programs() -> Vec<PathBuf> {
    super::binaries().into_iter().map(|(path, _)| path).collect()
}

/// How many cases run at a time: a run mostly waits.
const THREADS: usize = 6;

/// Runs each case, and asserts that nothing is wrong with any of them.
#[track_caller]
fn each<T: Sync>(threads: usize, cases: &[T], run: impl Fn(&T) -> Result<(), String> + Sync) {
    let next = AtomicUsize::new(0);
    let work = || {
        let mut problems = Vec::new();
        while let Some(case) = cases.get(next.fetch_add(1, Relaxed)) {
            problems.extend(run(case).err());
        }
        problems
    };
    let problems: Vec<String> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    });
    assert!(problems.is_empty(), "{} of {}:\n{}", problems.len(), cases.len(), problems.join("\n\n"));
}
