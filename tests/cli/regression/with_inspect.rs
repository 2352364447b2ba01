//! Of inspections, and of `--explain`.

use crate::support::command::porthole;
use crate::support::server::{Server, Step, folder};
use crate::support::skip::has_ipv6;

/// `--explain` once said of a socket that it had just connected to that nobody listened on it: it was bound by
/// another path.
#[test]
fn explain_knows_a_socket_by_its_other_names() {
    let server = Server::unix(vec![Step::Hold]);
    let link = server.socket().with_file_name("link");
    std::os::unix::fs::symlink("server.sock", &link).unwrap();
    let link = link.to_str().unwrap();
    let ran = porthole(["unix", link, "--expect", "x", "-t", "200ms", "--explain"]).run();
    let lines: Vec<&str> = ran.stdout.lines().collect();
    assert_eq!(lines[0], format!("unhealthy: unix {link}: timed out after 200 ms waiting for \"x\""));
    let us = format!(
        "  a socket with this name is listening in this network namespace, held by pid {} (",
        std::process::id()
    );
    assert!(lines[1].starts_with(&us), "{}", ran.story());
}

/// A listener on the other family is what `--explain` is for.
#[test]
fn explain_says_who_listens_where() {
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

/// A listener on `[::]` that takes no IPv4 was once said to listen there, with nobody waiting.
#[test]
fn explain_knows_of_sockets_that_take_ipv6_only() {
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

/// A hole that began where the buffer was full but for one byte once ended the file.
#[test]
fn grep_goes_on_behind_a_hole_at_the_end_of_its_buffer() {
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

/// `hexdump --json` once held all that `--max` let it in memory, and ended by a signal where there was not so much.
#[test]
fn hexdump_as_json_is_bounded() {
    porthole(["hexdump", "--json", "--max", "1G", "/bin/sh"]).run().is(
        1,
        r#"{"errors": ["--max 1 GiB: with --json at most 4 MiB, which are held in memory (without it any size will do)"]}"#,
        "porthole: hexdump: --max 1 GiB: with --json at most 4 MiB, which are held in memory (without it any size will do)",
    );
}

/// What lists something has its list where that cannot be had, too.
#[test]
fn keys_stay_whatever_fails() {
    for (command, list) in
        [("mounts", "mounts"), ("df", "filesystems"), ("ss", "sockets"), ("ps", "processes")]
    {
        let ran = porthole([command, "--json", "--proc", "/nowhere"]).run();
        let json: serde_json::Value = serde_json::from_str(&ran.stdout).unwrap();
        assert_eq!((ran.status, &json[list]), (Some(1), &serde_json::json!([])), "{}", ran.story());
        assert_eq!(json["errors"].as_array().map(Vec::len), Some(1), "{}", ran.story());
    }
}

/// `grep -h` once printed the help, and was 0 whatever the file held; `find -name` was no option.
#[test]
fn letters_of_grep_and_words_of_find() {
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

/// What is left out of `ps aux` was once looked for in a list of words in one string, so that `ps 'aux auxw'` listed every
/// process, and `env` showed the value of a variable called `HOME PWD`.
#[test]
fn several_words_are_none_of_a_list() {
    for name in ["aux auxw", "aux ax"] {
        porthole(["ps", name]).run().is(1, "", &format!("porthole: ps: {name}: no such process"));
    }
    let ran = porthole(["env", "-p", "self"]).env("HOME PWD", "t0psecret").run();
    assert!(!ran.stdout.contains("t0psecret"), "{}", ran.story());
    porthole(["ls ls"]).refused("unknown command 'ls ls'; see porthole --help");
}
