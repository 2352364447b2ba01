//! `--wait` and `--every`.

use std::os::fd::AsRawFd as _;
use std::time::Duration;

use nix::sys::socket::{
    AddressFamily, Backlog, SockFlag, SockType, SockaddrIn, bind, getsockname, listen, socket,
};

use crate::support::command::porthole;
use crate::support::server::{Server, Step, answer, closed_port, response};

#[test]
fn a_check_is_repeated_until_it_is_healthy() {
    let not_yet = answer(response("503 Service Unavailable", "starting"));
    let server = Server::scripts(vec![not_yet.clone(), not_yet, answer(response("200 OK", "ok"))]);
    let url = server.url("/");
    porthole(["http", &url, "--wait", "30s", "--every", "10ms"])
        .healthy(&format!("healthy: http {url}: 200 OK in <T> (3 attempts in <T>)"))
        .within(Duration::from_secs(20));
    assert_eq!(server.asked().len(), 3);
}

#[test]
fn a_check_is_unhealthy_once_the_time_is_up() {
    let target = format!("127.0.0.1:{}", closed_port());
    let wait = ["tcp", &target, "--wait", "400ms", "--every", "100ms"];
    let line = format!("unhealthy: tcp {target}: connection refused (127.0.0.1)");
    let ran = porthole(wait).unhealthy(&line).within(Duration::from_secs(8));
    assert!(ran.elapsed >= Duration::from_millis(400), "{}", ran.story());
    // The number of attempts and their time differ from run to run, so only --verbose and JSON
    // report them.
    let ran = porthole(wait.iter().chain(&["-v"])).run();
    assert!(ran.stdout.starts_with(&line) && ran.stdout.contains(" attempts in "), "{}", ran.story());
}

#[test]
fn the_wait_also_bounds_a_single_attempt() {
    let server = Server::new(vec![Step::Hold]);
    let url = server.url("/");
    porthole(["http", &url, "--timeout", "50s", "--wait", "300ms"])
        .unhealthy(&format!("unhealthy: http {url}: timed out after 300 ms waiting for the response head"))
        .within(Duration::from_secs(8));
}

#[test]
fn a_service_that_starts_late_is_healthy_in_the_end() {
    // Bound but not listening: the port is ours, and connections to it are refused.
    let family = AddressFamily::Inet;
    let late = socket(family, SockType::Stream, SockFlag::SOCK_CLOEXEC, None).unwrap();
    bind(late.as_raw_fd(), &SockaddrIn::new(127, 0, 0, 1, 0)).unwrap();
    let target = format!("127.0.0.1:{}", getsockname::<SockaddrIn>(late.as_raw_fd()).unwrap().port());
    // Each attempt connects to this server, so it shows when the next one has begun.
    let witness = Server::new(vec![Step::Hold]);
    let waiting = {
        let arguments = format!("tcp {} and tcp {target} --wait 50s --every 20ms --json", witness.address());
        std::thread::spawn(move || porthole(arguments.split(' ')).json())
    };
    while witness.asked().len() < 2 {
        std::thread::yield_now();
    }
    listen(&late, Backlog::new(8).unwrap()).unwrap();
    let json = waiting.join().unwrap();
    assert_eq!(json["healthy"], true, "{json}");
    assert!(json["attempts"].as_u64().unwrap() >= 2, "{json}");
}

#[test]
fn a_terminal_shows_the_attempts() {
    let target = format!("127.0.0.1:{}", closed_port());
    // script(1) gives the program a terminal.
    let command = format!("{} tcp {target} --wait 300ms --every 100ms", crate::support::command::binary());
    let output = std::process::Command::new("script").args(["-qec", &command, "/dev/null"]).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        text.contains("\r\x1b[Kattempt 1, ") && text.contains(" left: tcp connection refused"),
        "{text:?}"
    );
    assert!(text.contains(&format!("\r\x1b[Kunhealthy: tcp {target}: connection refused")), "{text:?}");
}
