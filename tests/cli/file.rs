//! `porthole file`.

use std::fs::{self, File};
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, SystemTime};

use serde_json::json;

use crate::support::command::{for_other_users, has_feature, output, porthole};
use crate::support::processes::printed;
use crate::support::server::folder;
use crate::support::skip::skip;

/// Three days and a minute: no test runs long enough to change how this age is printed.
const AGE: Duration = Duration::from_mins(3 * 24 * 60 + 1);

/// A folder that is removed with its contents.
struct TempFolder(PathBuf);

impl TempFolder {
    fn new() -> Self {
        TempFolder(folder())
    }

    fn path(&self, name: &str) -> String {
        self.0.join(name).to_str().unwrap().to_owned()
    }

    /// Writes a file with this content, last modified three days ago.
    fn old_file(&self, name: &str, content: impl AsRef<[u8]>) -> String {
        let path = self.path(name);
        fs::write(&path, content).unwrap();
        set_modified(&path, SystemTime::now() - AGE);
        path
    }
}

impl Drop for TempFolder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn set_modified(path: &str, when: SystemTime) {
    File::open(path).unwrap().set_modified(when).unwrap();
}

/// Returns when the file was last modified, as date(1) prints it.
fn modification_time(path: &str) -> String {
    printed(&["date", "-u", "-r", path, "+%Y-%m-%dT%H:%M:%SZ"])
}

#[test]
fn a_file_that_exists_is_healthy() {
    let temp = TempFolder::new();
    let path = temp.old_file("beat", "hello world\n");
    porthole(["file", &path]).healthy(&format!("healthy: file {path}: 12 bytes, modified 3 days ago"));
    let link = temp.path("link");
    symlink(&path, &link).unwrap();
    porthole(["file", &link]).healthy(&format!("healthy: file {link}: 12 bytes, modified 3 days ago"));
    let json = porthole(["file", &path, "--json"]).json();
    let facts = &json["checks"][0]["facts"];
    let age = facts["age_ms"].as_f64().unwrap();
    assert!((AGE.as_secs_f64() * 1e3..AGE.as_secs_f64() * 1e3 + 6e4).contains(&age), "{json}");
    assert_eq!(*facts, json!({"type": "file", "size": 12, "age_ms": facts["age_ms"]}));
}

#[test]
fn files_of_any_type_have_an_age_but_only_regular_ones_content() {
    let temp = TempFolder::new();
    fs::create_dir(temp.path("folder")).unwrap();
    set_modified(&temp.path("folder"), SystemTime::now() - AGE);
    let _socket = UnixListener::bind(temp.path("socket")).unwrap();
    fifo(&temp.path("fifo"));
    for (name, what, kind) in
        [("folder", "a directory", "directory"), ("socket", "a socket", "socket"), ("fifo", "a FIFO", "fifo")]
    {
        let path = temp.path(name);
        let json = porthole(["file", &path, "--json"]).json();
        let check = &json["checks"][0];
        assert!(check["reason"].as_str().unwrap().starts_with(&format!("{what}, modified ")), "{json}");
        assert_eq!((&check["facts"]["type"], &check["facts"]["size"]), (&json!(kind), &json!(null)));
        for option in [["--contains", "x"], ["--min-size", "1"]] {
            porthole(["file", &path, option[0], option[1]])
                .unhealthy(&format!("unhealthy: file {path}: is {what}, expected a regular file"))
                .within(Duration::from_secs(5));
        }
    }
    porthole(["file", "/dev/null", "--contains", "x"])
        .unhealthy("unhealthy: file /dev/null: is a character device, expected a regular file");
    let folder = temp.path("folder");
    let when = modification_time(&folder);
    porthole(["file", &folder, "--max-age", "1h"])
        .unhealthy(&format!("unhealthy: file {folder}: a directory, last modified {when}, older than 60 m"));
}

fn fifo(path: &str) {
    assert!(Command::new("mkfifo").arg(path).status().unwrap().success());
}

#[test]
fn a_missing_file_is_reported_with_its_cause() {
    let temp = TempFolder::new();
    let none = temp.path("none");
    porthole(["file", &none]).unhealthy(&format!("unhealthy: file {none}: no such file or directory"));
    let dangling = temp.path("dangling");
    symlink("/none/\x1b", &dangling).unwrap();
    porthole(["file", &dangling, "--max-age", "1s"])
        .unhealthy(&format!("unhealthy: file {dangling}: no such file or directory: a link to /none/\\x1b"));
    let below = format!("{}/x", temp.old_file("file", ""));
    porthole(["file", &below]).unhealthy(&format!("unhealthy: file {below}: not a directory"));
    let looping = temp.path("looping");
    symlink("looping", &looping).unwrap();
    let ran = porthole(["file", &looping, "--absent"]).run();
    assert!(ran.status == Some(1) && ran.stdout.contains("symbolic link"), "{}", ran.story());
}

#[test]
fn absent_expects_nothing_at_the_path() {
    let temp = TempFolder::new();
    let none = temp.path("none");
    porthole(["file", &none, "--absent"])
        .healthy(&format!("healthy: file {none}: no such file or directory"));
    let old = temp.old_file("old", "x");
    porthole(["file", &format!("{old}/x"), "--absent"])
        .healthy(&format!("healthy: file {old}/x: not a directory"));
    porthole(["file", &old, "--absent"])
        .unhealthy(&format!("unhealthy: file {old}: is a regular file, expected nothing at this path"));
}

#[test]
fn a_file_older_than_max_age_is_unhealthy() {
    let temp = TempFolder::new();
    let path = temp.old_file("beat", "");
    let when = modification_time(&path);
    porthole(["file", &path, "--max-age", "30s"])
        .unhealthy(&format!("unhealthy: file {path}: 0 bytes, last modified {when}, older than 30 s"));
    set_modified(&path, SystemTime::now());
    let ran = porthole(["file", &path, "--max-age", "1h"]).run();
    assert_eq!(ran.status, Some(0), "{}", ran.story());
    // The same failure is reported in the same words, however long it lasts: Kubernetes counts
    // events by their text.
    set_modified(&path, SystemTime::now() - Duration::from_millis(45_050));
    let when = modification_time(&path);
    let words = format!("{path}: 0 bytes, last modified {when}, older than 45 s");
    loop {
        porthole(["file", &path, "--max-age", "45s"]).unhealthy(&format!("unhealthy: file {words}"));
        let json = porthole(["file", &path, "--max-age", "45s", "--json"]).json();
        if json["checks"][0]["facts"]["age_ms"].as_f64().unwrap() > 46_500.0 {
            break;
        }
    }
}

#[test]
fn a_modification_time_in_the_future_is_reported() {
    let temp = TempFolder::new();
    let path = temp.old_file("beat", "");
    set_modified(&path, SystemTime::now() + AGE);
    let found = format!("file {path}: 0 bytes, modified 3 days in the future");
    let future = format!("unhealthy: file {path}: last modified in the future");
    porthole(["file", &path, "--max-age", "30s"]).unhealthy(&future);
    porthole(["file", &path]).healthy(&format!("healthy: {found}"));
    let json = porthole(["file", &path, "--max-age", "30s", "--json"]).json();
    assert!(json["checks"][0]["facts"]["age_ms"].as_f64().unwrap() < 0.0, "{json}");
    // Clocks may differ slightly, but not by whole seconds.
    set_modified(&path, SystemTime::now() + Duration::from_secs(20));
    let ran = porthole(["file", &path, "--max-age", "30s"]).run();
    assert!(ran.status == Some(1) && ran.stdout == format!("{future}\n"), "{}", ran.story());
    set_modified(&path, SystemTime::now() + Duration::from_millis(900));
    let ran = porthole(["file", &path, "--max-age", "1m"]).run();
    assert_eq!(ran.status, Some(0), "{}", ran.story());
}

#[test]
fn an_age_may_be_days() {
    let temp = TempFolder::new();
    // Three days old.
    let path = temp.old_file("beat", "");
    for age in ["4d", "3d1h", "100h"] {
        assert_eq!(porthole(["file", &path, "--max-age", age]).run().status, Some(0), "{age}");
    }
    for (age, shown) in [("26h", "26 h"), ("2d12h", "2 days 12 h"), ("1d", "24 h")] {
        let ran = porthole(["file", &path, "--max-age", age]).run();
        assert!(ran.stdout.ends_with(&format!(", older than {shown}\n")), "{}", ran.story());
    }
    porthole(["file", &path, "--max-age", "1w"]).refused(
        "file: --max-age: expected a duration such as 30s, 26h, 7d or 1d4h, more than zero, got '1w'",
    );
}

#[test]
fn a_file_smaller_than_min_size_is_unhealthy() {
    let temp = TempFolder::new();
    let path = temp.old_file("state", vec![0; 2048]);
    porthole(["file", &path, "--min-size", "2k"])
        .healthy(&format!("healthy: file {path}: 2 KiB, modified 3 days ago"));
    porthole(["file", &path, "--min-size", "1M"])
        .unhealthy(&format!("unhealthy: file {path}: 2 KiB, expected at least 1 MiB"));
}

#[test]
fn content_is_found_anywhere_and_never_printed() {
    let temp = TempFolder::new();
    for before in [0, 8190, 8192, 16_383, (1 << 20) - 5] {
        let path = temp.old_file("state", format!("{}ready", "x".repeat(before)));
        let ran = porthole(["file", &path, "--contains", "ready"]).run();
        assert_eq!((ran.status, ran.stderr.as_str()), (Some(0), ""), "{before}\n{}", ran.story());
        assert!(ran.stdout.ends_with(" modified 3 days ago, contains \"ready\"\n"), "{}", ran.story());
    }
    let path = temp.old_file("state", "the secret is out\n");
    let missing = format!("unhealthy: file {path}: does not contain \"ready\"");
    porthole(["file", &path, "--contains", "ready"]).unhealthy(&missing);
    // A file that has grown since does not change the message.
    fs::write(&path, "the secret is out\nand more of it\n").unwrap();
    porthole(["file", &path, "--contains", "ready"]).unhealthy(&missing);
    let long = "x".repeat(20_000);
    let path = temp.old_file("state", format!("{long}{long}y"));
    let ran = porthole(["file", &path, "--contains", &format!("{long}y")]).run();
    assert_eq!(ran.status, Some(0), "{}", ran.story());
}

#[test]
fn only_the_first_mebibyte_is_searched_for_content() {
    let temp = TempFolder::new();
    let path = temp.old_file("state", vec![b'x'; 1 << 20]);
    let found = format!("unhealthy: file {path}: does not contain \"ready\"");
    porthole(["file", &path, "--contains", "ready"]).unhealthy(&found);
    let path = temp.old_file("state", [vec![b'x'; 2 << 20].as_slice(), b"ready", &[0; 1019]].concat());
    porthole(["file", &path, "--contains", "ready"]).unhealthy(&format!("{found} within the first 1 MiB"));
}

#[test]
fn a_file_that_cannot_be_read_gives_no_verdict() {
    let Some(folder) = for_other_users() else { return };
    let unreadable = folder.join("unreadable");
    fs::write(&unreadable, "ready").unwrap();
    fs::set_permissions(&unreadable, fs::Permissions::from_mode(0o600)).unwrap();
    let closed = folder.join("closed");
    fs::create_dir(&closed).unwrap();
    fs::set_permissions(&closed, fs::Permissions::from_mode(0o700)).unwrap();
    let denied = |path: &Path, option: &[&str]| {
        let mut command = Command::new("setpriv");
        command.args(["--reuid", "65532", "--regid", "65532", "--clear-groups"]);
        command.arg(folder.join("porthole")).arg("file").arg(path).args(option);
        output(&mut command).is(
            1,
            "",
            &format!(
                "porthole: file {}: permission denied; run the check as a user who may read it",
                path.display()
            ),
        );
    };
    denied(&unreadable, &["--contains", "ready"]);
    denied(&closed.join("x"), &[]);
    denied(&closed.join("x"), &["--absent"]);
    fs::remove_dir_all(folder).unwrap();
}

#[test]
fn usage_errors_are_explained() {
    porthole(["file"]).refused("file: PATH is missing; see porthole file --help");
    porthole(["file", ""]).refused("file: PATH: expected the path of a file, got ''");
    porthole(["file", "/x", "--max-age", "2x"]).refused(
        "file: --max-age: expected a duration such as 30s, 26h, 7d or 1d4h, more than zero, got '2x'",
    );
    porthole(["file", "/x", "--min-size", "1.5k"])
        .refused("file: --min-size: expected a size such as 512, 64k or 10M (powers of 1024), got '1.5k'");
    porthole(["file", "/x", "--contains", ""])
        .refused("file: --contains: expected at least one character to look for");
    for option in [["--max-age", "1s"], ["--min-size", "1"], ["--contains", "x"]] {
        porthole(["file", "/x", "--absent", option[0], option[1]])
            .refused(&format!("file: {}: cannot be used together with --absent", option[0]));
    }
}

/// A FUSE server that answers until it is mounted, and never again. It implements the protocol by
/// hand: fuse(4), the kernel's fuse.h.
const UNRESPONSIVE_SERVER: &str = r#"
import ctypes, os, struct, sys
fuse = os.open("/dev/fuse", os.O_RDWR)
options = b"fd=%d,rootmode=40000,user_id=0,group_id=0,allow_other" % fuse
libc = ctypes.CDLL(None, use_errno=True)
if libc.mount(b"porthole", sys.argv[1].encode(), b"fuse", 0, options):
    sys.exit(77)
request = os.read(fuse, 1 << 20)
unique = struct.unpack_from("=Q", request, 8)[0]
answer = struct.pack("=IIIIHHIIHHI28x", 7, 31, 0, 0, 0, 0, 4096, 1, 0, 0, 0)
os.write(fuse, struct.pack("=IiQ", 16 + len(answer), 0, unique) + answer)
print("mounted", flush=True)
sys.stdin.read()
"#;

#[test]
fn checks_on_an_unresponsive_file_system_time_out() {
    let Some(folder) = for_other_users() else { return };
    fs::create_dir(folder.join("dead")).unwrap();
    let script = "cd \"$1\"; mkfifo in out; sleep 60 > in & wait=$!; python3 -c \"$2\" \"$1/dead\" < in > out & server=$!
        read -r word < out || exit 77
        [ \"$word\" = mounted ] || exit 77
        shift 2; \"$@\"; status=$?; kill $wait $server; exit $status";
    let path = format!("{}/dead/x", folder.display());
    let timed_out = "timed out after 500 ms looking at the file";
    let expression = format!("${{file:{path}}}");
    let mut runs = vec![
        (vec!["file", &path], format!("unhealthy: file {path}: {timed_out}\n"), String::new()),
        (
            vec!["process", "--pid-file", &path],
            format!("unhealthy: process {path}: {timed_out}\n"),
            String::new(),
        ),
        (
            vec!["listen", &path],
            format!("unhealthy: listen {path}: timed out after 500 ms looking at the socket\n"),
            String::new(),
        ),
        (
            vec!["unix", &path],
            format!("unhealthy: unix {path}: timed out after 500 ms looking at the socket\n"),
            String::new(),
        ),
        (
            vec!["file", &path, "and", "file", "/", "and", "file", &path],
            format!(
                "unhealthy: file {path}: {timed_out}\nunhealthy: file {path}: {timed_out}\nhealthy: file /: "
            ),
            String::new(),
        ),
        (
            vec!["tcp", ":1", "--send", &expression],
            String::new(),
            format!("porthole: tcp: --send: {expression}: the file system does not answer within 500 ms\n"),
        ),
    ];
    if has_feature("tls") {
        for option in ["--ca-file", "--client-cert"] {
            let error =
                format!("porthole: tls: {option}: {path}: the file system does not answer within 500 ms\n");
            runs.push((vec!["tls", ":1", option, &path], String::new(), error));
        }
    }
    for (arguments, stdout, stderr) in runs {
        for name in ["in", "out"] {
            let _ = fs::remove_file(folder.join(name));
        }
        let mut command = Command::new("/usr/bin/timeout");
        command
            .args(["30", "unshare", "--mount", "sh", "-c", script, "sh"])
            .arg(&folder)
            .arg(UNRESPONSIVE_SERVER);
        command.arg(folder.join("porthole")).args(["-t", "500ms"]).args(&arguments);
        let ran = output(&mut command);
        if ran.status == Some(77) || ran.stderr.starts_with("unshare: ") {
            skip("cannot mount a FUSE file system");
            break;
        }
        assert!(ran.stdout.starts_with(&stdout) && ran.stderr.starts_with(&stderr), "{}", ran.story());
        assert_eq!(ran.status, Some(1), "{}", ran.story());
    }
    fs::remove_dir_all(folder).unwrap();
}
