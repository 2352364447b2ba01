//! Bugs of the inspections and of `--explain`.

use crate::support::command::porthole;
use crate::support::server::{Server, Step, folder};
use crate::support::skip::has_ipv6;

/// `--explain` once reported that nobody listened on a socket to which the check had just
/// connected: the socket was bound by another path.
#[test]
fn explain_recognizes_a_socket_by_its_other_names() {
    let server = Server::unix(vec![Step::Hold]);
    let link = server.socket().with_file_name("link");
    std::os::unix::fs::symlink("server.sock", &link).unwrap();
    let link = link.to_str().unwrap();
    let ran = porthole(["unix", link, "--expect", "x", "-t", "1s", "--explain"]).run();
    let lines: Vec<&str> = ran.stdout.lines().collect();
    assert_eq!(lines[0], format!("unhealthy: unix {link}: timed out after 1 s waiting for \"x\""));
    let us = format!(
        "  a socket with this name is listening in this network namespace, held by pid {} (",
        std::process::id()
    );
    assert!(lines[1].starts_with(&us), "{}", ran.story());
}

/// The purpose of `--explain`: it finds a listener on the other address family.
#[test]
fn explain_reports_a_listener_on_the_other_address_family() {
    if !has_ipv6() {
        return;
    }
    let server = Server::on("[::1]:0", vec![vec![Step::Hold]]).unasked();
    let port = server.port();
    let ran = porthole(["tcp", &format!("127.0.0.1:{port}"), "--explain"]).run();
    let lines: Vec<&str> = ran.stdout.lines().collect();
    assert_eq!((ran.status, ran.stderr.as_str()), (Some(1), ""), "{}", ran.story());
    assert_eq!(lines[0], format!("unhealthy: tcp 127.0.0.1:{port}: connection refused (127.0.0.1)"));
    assert_eq!(lines[1], format!("  TCP port {port} has a listener, but only at [::1]:{port}"));
    assert!(lines[2].starts_with("  the container's first process is pid 1 ("), "{}", ran.story());
}

/// A listener on `[::]` that does not accept IPv4 was once reported as listening on the target,
/// with an empty queue.
#[test]
fn explain_reports_a_listener_that_accepts_ipv6_only() {
    if !has_ipv6() {
        return;
    }
    let script = "import socket, sys\ns = socket.socket(socket.AF_INET6)\n\
                  s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)\ns.bind(('::', 0))\ns.listen()\n\
                  print(s.getsockname()[1], flush=True)\nsys.stdin.read()";
    let mut server = std::process::Command::new("python3")
        .args(["-c", script])
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let mut port = String::new();
    std::io::BufRead::read_line(&mut std::io::BufReader::new(server.stdout.take().unwrap()), &mut port)
        .unwrap();
    let port = port.trim();
    let ran = porthole(["tcp", &format!("127.0.0.1:{port}"), "--explain"]).run();
    drop(server.stdin.take());
    server.wait().unwrap();
    ran.is(
        1,
        &format!(
            "unhealthy: tcp 127.0.0.1:{port}: connection refused (127.0.0.1)\n  [::]:{port} accepts IPv6 only (IPV6_V6ONLY)"
        ),
        "",
    );
}

/// A hole that began one byte before the end of the buffer was once taken for the end of the file.
#[test]
fn grep_continues_after_a_hole_at_the_end_of_its_buffer() {
    let folder = folder();
    let path = folder.join("file");
    std::fs::write(&path, ["\n", &"a".repeat((1 << 20) - 1)].concat()).unwrap();
    let mut file = std::fs::OpenOptions::new().write(true).open(&path).unwrap();
    std::io::Seek::seek(&mut file, std::io::SeekFrom::Start(2 << 20)).unwrap();
    std::io::Write::write_all(&mut file, b"\nneedle here\n").unwrap();
    let ran = porthole(["grep", "needle", path.to_str().unwrap()]).run();
    std::fs::remove_dir_all(folder).unwrap();
    assert_eq!(ran.status, Some(0), "{}", ran.story());
}

/// `hexdump --json` once held in memory as much as `--max` allowed, and was killed by a signal if
/// there was not enough.
#[test]
fn hexdump_as_json_is_bounded() {
    porthole(["hexdump", "--json", "--max", "1G", "/bin/sh"]).run().has(
        1,
        &serde_json::json!({"errors": ["--max 1 GiB: with --json at most 4 MiB, which are held in memory (without it any size will do)"]}),
        "porthole: hexdump: --max 1 GiB: with --json at most 4 MiB, which are held in memory (without it any size will do)",
    );
}

/// An inspection that prints a list prints an empty list if it cannot read anything.
#[test]
fn json_has_its_list_even_after_an_error() {
    for (command, list) in
        [("mounts", "mounts"), ("df", "filesystems"), ("ss", "sockets"), ("ps", "processes")]
    {
        let ran = porthole([command, "--json", "--proc", "/nowhere"]).run();
        let json: serde_json::Value = serde_json::from_str(&ran.stdout).unwrap();
        assert_eq!((ran.status, &json[list]), (Some(1), &serde_json::json!([])), "{}", ran.story());
        assert_eq!(json["errors"].as_array().map(Vec::len), Some(1), "{}", ran.story());
    }
}

/// `grep -h` once printed the help and exited with 0 whatever the file contained, and `find` did
/// not know `-name`.
#[test]
fn options_of_grep_and_find_have_their_usual_meaning() {
    let folder = folder();
    let file = folder.join("notes");
    std::fs::write(&file, "one\ntwo\n").unwrap();
    let (folder, file) = (folder.to_str().unwrap(), file.to_str().unwrap());
    porthole(["grep", "-h", "three", file]).run().is(1, "", "");
    porthole(["grep", "-rh", "two", folder]).healthy("two");
    porthole(["grep", "-H", "two", file]).healthy(&format!("{file}:two"));
    porthole(["find", folder, "-name", "no*", "-type", "f", "-maxdepth", "1"]).healthy(file);
    std::fs::remove_dir_all(folder).unwrap();
}

/// The words that `ps aux` ignores were once looked up in a single string, so `ps 'aux auxw'`
/// listed every process. Likewise, `env` printed the value of a variable called `HOME PWD`.
#[test]
fn an_argument_of_several_words_is_not_a_known_word() {
    for name in ["aux auxw", "aux ax"] {
        porthole(["ps", name]).run().is(1, "", &format!("porthole: ps: {name}: no such process"));
    }
    let ran = porthole(["env", "-p", "self"]).env("HOME PWD", "t0psecret").run();
    assert!(!ran.stdout.contains("t0psecret"), "{}", ran.story());
    porthole(["ls ls"]).refused("unknown command 'ls ls'; see porthole --help");
}
