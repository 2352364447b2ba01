//! What does not reach what it is to reach: a client a port, a connection its application, an application a file.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, chown};

use super::{
    IN_ORDER, PATIENT, Said, advice, has_init, image, is_found_in_readme, is_in_readme, options, until,
};
use crate::engine::{self, Container, Folder};
use crate::skip::{has_ipv6, is_root, skip};

#[test]
fn a_service_at_the_loopback_of_ipv6_only() {
    if !engine::is_there() || !has_init() || !has_ipv6() {
        return;
    }
    let image = image();
    // Without these a container without a network has no ::1.
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
    is_in_readme(&stdout);
    let expect = ["--expect-port", "8080"];
    let said = Said::of(&container, &expect);
    let text =
        "TCP port 8080 is bound to ::1 only: it is unreachable from 127.0.0.1 and from outside the container";
    let finding = said.finds("error", text, &["/net/tcp6: LISTEN [::1]:8080"]);
    assert_eq!(said.status, Some(1));
    is_found_in_readme(&container.exec(&["/porthole", "doctor", "--expect-port", "8080"]).1, text);
    // A check that fits it as it is, or another address.
    let place = advice(finding, "Docker").split("porthole tcp ").nth(1).unwrap();
    assert_eq!(container.exec(&["/porthole", "tcp", place]).0, Some(0));
    let address = advice(finding, "Application").split("such as HOST=").nth(1).unwrap();
    let container = run(address);
    Said::of(&container, &expect).is_in_order();
    assert_eq!(check(&container, "http://127.0.0.1:8080/healthz").0, Some(0));
}

#[test]
fn a_secret_that_only_root_may_read() {
    if !engine::is_there() || !has_init() {
        return;
    }
    if !is_root() {
        return skip("only root makes files of root");
    }
    let folder = Folder::new("root");
    let secret = folder.0.join("db");
    fs::write(&secret, "hunter2\n").unwrap();
    fs::set_permissions(&secret, fs::Permissions::from_mode(0o400)).unwrap();
    let image = image();
    let mount = format!("{}:/run/secrets/db:ro", secret.display());
    let container = Container::run(&image, &[&IN_ORDER[..], &["-v", &mount]].concat());
    container.until_listening(8080);
    let expect = ["--expect-file", "/run/secrets/db"];
    let said = Said::of(&container, &expect);
    let seen = ["/run/secrets/db: owner 0:0 mode 0400 does not let others read"];
    let finding = said.finds("error", "(service) cannot read /run/secrets/db", &seen);
    assert_eq!(said.status, Some(1));
    let stdout = container.exec(&["/porthole", "doctor", "--expect-file", "/run/secrets/db"]).1;
    is_found_in_readme(&stdout, "cannot read");
    let change = advice(finding, "Docker");
    let owner = change.strip_prefix("chown ").and_then(|rest| rest.split(' ').next()).unwrap();
    let (uid, gid) = owner.split_once(':').unwrap();
    chown(&secret, uid.parse().ok(), gid.parse().ok()).unwrap();
    Said::of(&container, &expect).is_in_order();
}

#[test]
fn a_full_accept_queue_and_no_place_to_write() {
    if !engine::is_there() || !has_init() {
        return;
    }
    let image = image();
    // A queue of two, of which the kernel makes three.
    let short = ["--init", "--sysctl", "net.core.somaxconn=2"];
    let container =
        Container::run_words(&image, &[&PATIENT[..], &short].concat(), &["listens", "0.0.0.0:8080"]);
    let (status, stdout, _) =
        container.exec(&["/porthole", "listen", "8080", "--wait", "60s", "--every", "50ms"]);
    assert_eq!(status, Some(0), "{stdout}");
    let connect = || container.exec(&["/porthole", "tcp", "127.0.0.1:8080"]);
    for _ in 0..3 {
        assert_eq!(connect().0, Some(0));
    }
    let said = until(|| Said::of(&container, &[]), |said| said.has("accept queue").is_some());
    let full = "the accept queue of 0.0.0.0:8080 is full: 3 connections wait, new ones are dropped";
    let seen = ["/net/tcp: 0.0.0.0:8080 LISTEN, accept queue 3", "sock_diag(7): backlog 2"];
    let finding = said.finds("error", full, &seen);
    assert!(advice(finding, "Application").starts_with("find out why it does not accept"));
    let no_place = "the root file system is read-only, and /tmp is not writable";
    let finding = said.finds("warning", no_place, &["/mountinfo: / ro", "/tmp: no such file or directory"]);
    assert_eq!((said.findings().len(), said.status), (2, Some(1)), "{}", said.json);
    let stdout = container.exec(&["/porthole", "doctor"]).1;
    is_found_in_readme(&stdout, full);
    is_found_in_readme(&stdout, no_place);
    // Who comes now is not let in, and told why.
    let (status, stdout, _) =
        container.exec(&["/porthole", "tcp", "127.0.0.1:8080", "-t", "200ms", "--explain"]);
    assert_eq!(status, Some(1));
    is_in_readme(stdout.lines().nth(1).unwrap());
    // A service that accepts, with a /tmp.
    let mended = [&short[..], &options(advice(finding, "Docker"))].concat();
    let container = Container::run(&image, &mended);
    container.until_listening(8080);
    until(|| Said::of(&container, &[]), |said| said.has("accept").is_none()).is_in_order();
}
