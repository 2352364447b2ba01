//! Inspection in the container itself by `docker exec`, and from a second container that shares its
//! pid namespace.

use crate::engine::{self, Container, Image};

/// The service, with a secret in its environment.
const SERVICE: &str = "ENV API_TOKEN=hunter2hunter2\nENTRYPOINT [\"/service\"]";

/// Runs porthole in the container, asserts its exit status, and returns stdout and stderr.
#[track_caller]
fn run(container: &Container, words: &str, status: i32) -> (String, String) {
    let words: Vec<&str> = std::iter::once("/porthole").chain(words.split(' ')).collect();
    let (found, stdout, stderr) = container.exec(&words);
    assert_eq!(found, Some(status), "{words:?}: {stdout}{stderr}");
    (stdout, stderr)
}

/// Asserts that the text contains each part.
#[track_caller]
fn assert_contains(text: &str, parts: &[&str]) {
    for part in parts {
        assert!(text.contains(part), "{part:?} is not in:\n{text}");
    }
}

#[test]
fn from_inside_as_nonroot_with_a_read_only_root() {
    if !engine::is_there() {
        return;
    }
    let image = Image::from_scratch(SERVICE);
    let container =
        Container::run(&image, &["--memory", "64m", "--pids-limit", "50", "--tmpfs", "/tmp:size=1m"]);
    container.until_listening(8080);
    for (words, parts) in [
        ("ps", &["PID", "/service", "65532"][..]),
        ("env", &["environment of pid 1 (service)\n", "API_TOKEN=<14 bytes>", "PATH=/"]),
        ("env --reveal API_TOKEN API_TOKEN", &["API_TOKEN=hunter2hunter2"]),
        ("ls /", &["porthole", "service", "-rwxr-xr-x"]),
        ("stat /service", &["/service", "0755"]),
        ("find / --name service --type f --max-depth 1", &["/service\n"]),
        ("access /service --exec", &["yes"]),
        ("sha256sum /service", &["  /service\n"]),
        ("hexdump /service --max 16", &["7f 45 4c 46"]),
        ("grep -r nobody-would-have-this-text /etc/hosts /etc/hostname", &[]),
        ("mounts /", &["ro"]),
        ("mounts", &["/tmp", "/proc"]),
        ("df /tmp", &["1.0M", "/tmp"]),
        ("ss", &["0.0.0.0:8080", "service"]),
        ("ip addr", &["lo", "127.0.0.1/8"]),
        ("lsof -p 1", &["/service"]),
        ("id", &["65532"]),
        ("limits", &["64M", "50"]),
    ] {
        let status = i32::from(words.starts_with("grep"));
        let (stdout, stderr) = run(&container, words, status);
        assert_contains(&stdout, parts);
        assert!(!stderr.contains("porthole's own"), "{stderr}");
    }
    let (stdout, _) = run(&container, "ps --json", 0);
    let json: serde_json::Value = serde_json::from_str(&stdout).unwrap();
    assert_eq!(json["processes"][0]["pid"], 1, "{stdout}");
}

#[test]
fn from_a_second_container_that_shares_the_pid_namespace() {
    if !engine::is_there() {
        return;
    }
    let image = Image::from_scratch(SERVICE);
    let target = Container::run(&image, &[]);
    target.until_listening(8080);
    let debug = |options: &[&str]| {
        let pid = format!("container:{}", target.0);
        Container::run_bare(&image, &[&["--pid", &pid, "--network", "none", "--read-only"], options].concat())
    };
    // Root with Docker's capabilities, which do not include SYS_PTRACE.
    let plain = debug(&["--user", "0:0"]);
    assert_contains(&run(&plain, "ps service", 0).0, &["/service", "65532"]);
    assert_contains(&run(&plain, "mounts -p 1", 0).0, &["ro"]);
    // What is of a process is the application's, not that of the debug container.
    let heading = "limits of pid 1 (service)\n";
    assert!(
        run(&plain, "limits", 1).0.starts_with(heading) || run(&plain, "limits", 0).0.starts_with(heading)
    );
    let own = "-p self shows porthole's own";
    assert_contains(&run(&plain, "env", 1).1, &["/proc/1/environ: permission denied", own]);
    assert_contains(&run(&plain, "env -p self", 0).0, &["environment of pid "]);
    // What is of a container is that of the debug container, which stderr says once.
    let notes = |container: &Container, words: &str, what: &str| {
        let (_, stderr) = run(container, words, 0);
        let note = format!("the {what} porthole's own; to see what pid 1 (service) sees, add -p 1\n");
        assert_eq!(stderr.matches(&note).count(), 1, "{words}: {stderr}");
    };
    notes(&plain, "ls /", "files are");
    notes(&plain, "df", "files are");
    notes(&plain, "ss", "network is");
    notes(&plain, "ip", "network is");
    // The network of the target, through proc, although ours is another.
    assert_contains(&run(&plain, "ss -p 1", 0).0, &["0.0.0.0:8080"]);
    for words in ["env -p 1", "ls -p 1 /", "cat -p 1 /etc/hosts", "lsof -p 1"] {
        let (stdout, stderr) = run(&plain, words, 1);
        assert_contains(&stderr, &["permission denied", "uid is 65532, ours is 0", "SYS_PTRACE"]);
        assert!(!stdout.contains("hunter2"), "{stdout}");
    }
    let same_user = debug(&["--user", "65532:0"]);
    assert_contains(&run(&same_user, "env -p 1", 1).1, &["gid is 65532, ours is 0"]);
    let same_ids = debug(&["--user", "65532:65532"]);
    assert_contains(&run(&same_ids, "env -p 1", 0).0, &["API_TOKEN=<14 bytes>"]);
    assert_contains(&run(&same_ids, "ls -p 1 /", 0).0, &["service"]);
    let tracer = debug(&["--user", "0:0", "--cap-add", "SYS_PTRACE"]);
    assert_contains(&run(&tracer, "env -p 1 --reveal-all", 0).0, &["API_TOKEN=hunter2hunter2"]);
    assert_contains(&run(&tracer, "ls -p 1 /", 0).0, &["service"]);
    notes(&tracer, "ls /", "files are");
    assert_contains(&run(&tracer, "ss -p 1", 0).0, &["0.0.0.0:8080", "service"]);
    assert_contains(&run(&tracer, "lsof -p 1", 0).0, &["/service"]);
}
