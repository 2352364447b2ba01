//! What cannot be reached: a port by clients, an application by connections, a file by its
//! application.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, chown};

use super::{
    Diagnosis, IN_ORDER, PATIENT, advice, assert_finding_in_manual, assert_in_manual, has_init, image, until,
};
use crate::engine::{self, Container, Folder};
use crate::scenarios::assert_in_page;
use crate::skip::{has_ipv6, is_root, skip};

#[test]
fn a_service_on_the_ipv6_loopback_only() {
    if !engine::is_there() || !has_init() || !has_ipv6() {
        return;
    }
    let image = image();
    // Without this, a container without a network has no ::1.
    let ipv6 = ["--sysctl", "net.ipv6.conf.lo.disable_ipv6=0"];
    let run = |address: &str| {
        let address = format!("ADDRESS={address}");
        let container = Container::run(&image, &[&IN_ORDER[..], &ipv6, &["--env", &address]].concat());
        container.until_listening(8080);
        container
    };
    let container = run("[::1]");
    let check = |container: &Container, url: &str| container.exec(&["/porthole", "http", url]);
    let (status, stdout, _) = check(&container, "http://127.0.0.1:8080/healthz");
    assert_eq!(status, Some(1));
    assert_in_manual(&stdout);
    let expect = ["--expect-port", "8080"];
    let diagnosis = Diagnosis::of(&container, &expect);
    let text =
        "TCP port 8080 is bound to ::1 only: it is unreachable from 127.0.0.1 and from outside the container";
    let finding = diagnosis.assert_finding("error", text, &["/net/tcp6: LISTEN [::1]:8080"]);
    assert_eq!(diagnosis.status, Some(1));
    assert_finding_in_manual(&container.exec(&["/porthole", "doctor", "--expect-port", "8080"]).1, text);
    // Either check the address where it listens, or let it listen on another address.
    let place = advice(finding, "Docker").split("porthole tcp ").nth(1).unwrap();
    assert_eq!(container.exec(&["/porthole", "tcp", place]).0, Some(0));
    let address = advice(finding, "Application").split("such as HOST=").nth(1).unwrap();
    let container = run(address);
    Diagnosis::of(&container, &expect).assert_in_order();
    assert_eq!(check(&container, "http://127.0.0.1:8080/healthz").0, Some(0));
}

#[test]
fn a_secret_that_only_root_can_read() {
    if !engine::is_there() || !has_init() {
        return;
    }
    if !is_root() {
        return skip("only root can create files that belong to root");
    }
    let folder = Folder::new("root");
    let secret = folder.0.join("db");
    fs::write(&secret, "hunter2\n").unwrap();
    fs::set_permissions(&secret, fs::Permissions::from_mode(0o400)).unwrap();
    let image = image();
    let mount = format!("{}:/run/secrets/db:ro", secret.display());
    let container = Container::run(&image, &[&IN_ORDER[..], &["-v", &mount]].concat());
    container.until_listening(8080);
    // It is found without being asked for, and is an error if it is expected.
    let seen = ["/run/secrets/db: owner 0:0 mode 0400 does not let others read"];
    let plain = Diagnosis::of(&container, &[]);
    let text = "(service) cannot read /run/secrets/db";
    plain.assert_finding("warning", text, &seen);
    assert_in_page(text);
    let expect = ["--expect-file", "/run/secrets/db"];
    let diagnosis = Diagnosis::of(&container, &expect);
    let finding = diagnosis.assert_finding("error", "(service) cannot read /run/secrets/db", &seen);
    assert_eq!(diagnosis.status, Some(1));
    let stdout = container.exec(&["/porthole", "doctor", "--expect-file", "/run/secrets/db"]).1;
    assert_finding_in_manual(&stdout, "cannot read");
    let change = advice(finding, "Docker");
    let owner = change.strip_prefix("chown ").and_then(|rest| rest.split(' ').next()).unwrap();
    let (uid, gid) = owner.split_once(':').unwrap();
    chown(&secret, uid.parse().ok(), gid.parse().ok()).unwrap();
    Diagnosis::of(&container, &expect).assert_in_order();
    Diagnosis::of(&container, &[]).assert_in_order();
}

#[test]
fn a_full_accept_queue() {
    if !engine::is_there() || !has_init() {
        return;
    }
    let image = image();
    // A backlog of two, to which the kernel adds one.
    let short = ["--init", "--sysctl", "net.core.somaxconn=2"];
    let container =
        Container::run_words(&image, &[&PATIENT[..], &short].concat(), &["listen", "0.0.0.0:8080"]);
    let (status, stdout, _) =
        container.exec(&["/porthole", "listen", "8080", "--wait", "60s", "--every", "50ms"]);
    assert_eq!(status, Some(0), "{stdout}");
    let connect = || container.exec(&["/porthole", "tcp", "127.0.0.1:8080"]);
    for _ in 0..3 {
        assert_eq!(connect().0, Some(0));
    }
    let diagnosis =
        until(|| Diagnosis::of(&container, &[]), |diagnosis| diagnosis.find("accept queue").is_some());
    let full = "the accept queue of 0.0.0.0:8080 is full: 3 connections wait, new ones are dropped";
    let seen = ["/net/tcp: 0.0.0.0:8080 LISTEN, accept queue 3", "sock_diag(7): backlog 2"];
    let finding = diagnosis.assert_finding("error", full, &seen);
    assert_in_page(full);
    assert!(advice(finding, "Application").starts_with("find out why it does not accept"));
    assert_eq!((diagnosis.findings().len(), diagnosis.status), (1, Some(1)), "{}", diagnosis.json);
    let stdout = container.exec(&["/porthole", "doctor"]).1;
    assert_finding_in_manual(&stdout, full);
    // A further connection times out, and --explain says why.
    let (status, stdout, _) =
        container.exec(&["/porthole", "tcp", "127.0.0.1:8080", "-t", "200ms", "--explain"]);
    assert_eq!(status, Some(1));
    assert_in_manual(stdout.lines().nth(1).unwrap());
    // A service that accepts.
    let container = Container::run(&image, &short);
    container.until_listening(8080);
    until(|| Diagnosis::of(&container, &[]), |diagnosis| diagnosis.find("accept").is_none())
        .assert_in_order();
}
