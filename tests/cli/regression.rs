//! What once went wrong, a test each.

use crate::support::command::{has_feature, porthole};
use crate::support::server::{Server, Step, answer, folder, response};
use crate::support::skip::has_ipv6;

/// The static build once wrote `GET / ` without a version: a formatting trait was compiled away.
#[test]
fn the_request_line_is_whole() {
    let server = Server::new(answer(response("200 OK", "")));
    porthole(["http", &server.url("/")])
        .healthy(&format!("healthy: http {}: 200 OK in <T>", server.url("/")));
    assert!(server.asked()[0].starts_with("GET / HTTP/1.1\r\n"), "{}", server.asked()[0]);
}

/// `--contains` once looked at the whole body again for each piece of it, and ran out of time at a megabyte.
#[test]
fn a_large_body_is_looked_at_once() {
    let body = response("200 OK", &format!("{}end", "x".repeat(8 << 20)));
    let server = Server::new(answer(body));
    let url = server.url("/");
    porthole(["http", &url, "--contains", "end", "--max-body", "10M", "-t", "20s"])
        .healthy(&format!("healthy: http {url}: 200 OK in <T>"))
        .within(std::time::Duration::from_secs(10));
}

/// `--explain` once said of a socket that it had just connected to that nobody listened on it: it was bound by
/// another path.
#[test]
fn explain_knows_a_socket_by_its_other_names() {
    let server = Server::unix(vec![Step::Hold]);
    let link = server.socket().with_file_name("link");
    std::os::unix::fs::symlink("server.sock", &link).unwrap();
    let link = link.to_str().unwrap();
    let run = porthole(["unix", link, "--expect", "x", "-t", "200ms", "--explain"]);
    if !has_feature("inspect") {
        drop(server.unasked());
        run.refused("unix: --explain is not in this build; the full build of porthole has it");
        return;
    }
    let ran = run.run();
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
    let run = porthole(["tcp", &format!("127.0.0.1:{port}"), "--explain"]);
    if !has_feature("inspect") {
        run.refused("tcp: --explain is not in this build; the full build of porthole has it");
        return;
    }
    let ran = run.run();
    let lines: Vec<&str> = ran.stdout.lines().collect();
    assert_eq!((ran.status, ran.stderr.as_str()), (Some(1), ""), "{}", ran.story());
    assert_eq!(lines[0], format!("unhealthy: tcp 127.0.0.1:{port}: connection refused (127.0.0.1)"));
    assert_eq!(lines[1], format!("  TCP port {port} has a listener, but only at [::1]:{port}"));
    assert!(lines[2].starts_with("  the container's first process is pid 1 ("), "{}", ran.story());
}

/// A listener on `[::]` that takes no IPv4 was once said to listen there, with nobody waiting.
#[test]
fn explain_knows_of_sockets_that_take_ipv6_only() {
    if !has_ipv6() || !has_feature("inspect") {
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

/// The longest line of a request was once taken without the header that the user info of a URL becomes.
#[test]
fn long_user_info_is_sent() {
    let server = Server::new(answer(response("200 OK", "")));
    let place = server.address();
    porthole(["http", &format!("http://u:{}@{place}/", "p".repeat(5000))])
        .healthy(&format!("healthy: http http://{place}/: 200 OK in <T>"));
    assert!(
        server.asked()[0].to_ascii_lowercase().contains("authorization: basic "),
        "{}",
        server.asked()[0]
    );
}

/// A secret in a host name was once printed, in lower case, and so was one cookie of several, and what a server escapes.
#[test]
fn secrets_are_known_however_they_are_written() {
    let ran = porthole(["tcp", "${APP_SECRET}:80"]).env("APP_SECRET", "AbCdEfGh").run();
    let all = [ran.stdout.as_str(), &ran.stderr].concat();
    assert!(
        !all.to_ascii_lowercase().contains("abcdefgh") && all.contains("${APP_SECRET}"),
        "{}",
        ran.story()
    );

    let server = Server::new(answer(response("401 Unauthorized", r"no tok\/en+1 nor sid-t0psecret")));
    let url = server.url("/");
    let headers = ["-H", "Authorization: Bearer tok/en+1", "-H", "Cookie: theme=dark; sid=sid-t0psecret"];
    let ran = porthole([&["http", &url], &headers[..]].concat()).run();
    let body = "; body: no <header authorization> nor <header cookie>";
    assert!(ran.stdout.trim_end().ends_with(body), "{}", ran.story());
}

/// A hole that began where the buffer was full but for one byte once ended the file.
#[test]
fn grep_goes_on_behind_a_hole_at_the_end_of_its_buffer() {
    if !has_feature("inspect") {
        return;
    }
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
    if !has_feature("inspect") {
        return;
    }
    porthole(["hexdump", "--json", "--max", "1G", "/bin/sh"]).run().is(
        1,
        r#"{"errors": ["--max 1 GiB: with --json at most 4 MiB, which are held in memory (without it any size will do)"]}"#,
        "porthole: hexdump: --max 1 GiB: with --json at most 4 MiB, which are held in memory (without it any size will do)",
    );
}

/// What lists something has its list where that cannot be had, too.
#[test]
fn keys_stay_whatever_fails() {
    if !has_feature("inspect") {
        return;
    }
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
    if !has_feature("inspect") {
        return;
    }
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
    if !has_feature("inspect") {
        return;
    }
    for name in ["aux auxw", "aux ax"] {
        porthole(["ps", name]).run().is(1, "", &format!("porthole: ps: {name}: no such process"));
    }
    let ran = porthole(["env", "-p", "self"]).env("HOME PWD", "t0psecret").run();
    assert!(!ran.stdout.contains("t0psecret"), "{}", ran.story());
    porthole(["ls ls"]).refused("unknown command 'ls ls'; see porthole --help");
}
