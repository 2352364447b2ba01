//! `porthole lsof`: open files, in a fabricated proc mount, of real processes, and compared with
//! lsof(8).

use std::fs::{self, File, OpenOptions};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::command::{binary, for_other_users, output, porthole};
use crate::support::proc_tree::ProcTree;
use crate::support::server::folder;
use crate::support::skip::{skip, skip_by_design};

/// How long a test waits for its child on a busy machine.
const TIMEOUT: Duration = Duration::from_secs(30);

/// A sleep(1) process, killed when dropped.
struct Sleeper(Child);

impl Sleeper {
    fn start(command: &mut Command) -> Self {
        let sleeper = Sleeper(command.arg("600").spawn().unwrap());
        // Before execve(2), the descriptors are those of the test.
        sleeper.until("comm", |text| text == "sleep\n");
        sleeper
    }

    /// Waits until this file in the process's proc directory satisfies the predicate.
    #[track_caller]
    fn until(&self, file: &str, holds: impl Fn(&str) -> bool) {
        let start = Instant::now();
        while !holds(&fs::read_to_string(format!("/proc/{}/{file}", self.pid())).unwrap()) {
            assert!(start.elapsed() < TIMEOUT, "{file} of the child");
            std::thread::yield_now();
        }
    }

    fn pid(&self) -> String {
        self.0.id().to_string()
    }

    /// The current user, as porthole shows it.
    fn user() -> String {
        let uid = nix::unistd::getuid().as_raw();
        let passwd = fs::read_to_string("/etc/passwd").unwrap_or_default();
        let known = passwd.lines().find_map(|line| {
            let fields: Vec<&str> = line.split(':').collect();
            (fields.get(2) == Some(&uid.to_string().as_str())).then(|| fields[0].to_owned())
        });
        known.unwrap_or_else(|| uid.to_string())
    }
}

impl Drop for Sleeper {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn files(arguments: &[&str]) -> Vec<Value> {
    let ran = porthole([&["lsof", "--json"], arguments].concat()).run();
    let mut json: Value =
        serde_json::from_str(&ran.stdout).unwrap_or_else(|e| panic!("{e}\n{}", ran.story()));
    assert_eq!(ran.status, Some(0), "{}", ran.story());
    serde_json::from_value(json["files"].take()).unwrap()
}

#[test]
fn an_unknown_user_is_not_taken_for_root() {
    let tree = ProcTree::new(4);
    tree.process(7, "app", &[(0, "pipe:[1]")]);
    tree.file("7/status", "");
    let words = ["lsof", "-p", "7", "--proc", tree.path()];
    let error = format!("{}/7/status: has no Uid line", tree.path());
    porthole(words).run().is(
        0,
        "PID  PROCESS  USER  FD  TYPE  SIZE  NAME\n  7  app      ?     0   FIFO     -  pipe:[1]",
        &format!("porthole: lsof: {error}"),
    );
    let ran = porthole([&words[..], &["--json"]].concat()).run();
    let json: Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!((&json["files"][0]["uid"], &json["errors"]), (&Value::Null, &json!([error])));
}

/// A socket without an address is not one that has none.
#[test]
fn missing_tables_of_sockets_are_mentioned() {
    let tree = ProcTree::new(4);
    tree.process(7, "app", &[(3, "socket:[101]")]);
    let words = ["lsof", "-p", "7", "--proc", tree.path()];
    let why =
        format!("the addresses of sockets are missing: {}/7/net/tcp: no such file or directory", tree.path());
    porthole(words).run().is(
        0,
        "PID  PROCESS  USER  FD  TYPE  SIZE  NAME\n  7  app      0     3   sock     -  socket:[101]",
        &format!("porthole: lsof: {why}"),
    );
    assert_eq!(porthole([&words[..], &["--json"]].concat()).run().content()["errors"], json!([why]));
}

#[test]
fn files_of_every_type_are_listed() {
    let tree = ProcTree::new(4);
    let place = folder();
    let file = place.join("da\nta");
    fs::write(&file, vec![0; 1_300_000]).unwrap();
    let (file, at) = (file.to_str().unwrap(), place.to_str().unwrap());
    tree.process(
        7,
        "app",
        &[
            (0, "/dev/null"),
            (1, "pipe:[300]"),
            (3, file),
            (4, "socket:[100]"),
            (10, "socket:[101]"),
            (11, "socket:[102]"),
            (12, "socket:[103]"),
            (13, "socket:[104]"),
            (14, "socket:[999]"),
            (15, "anon_inode:[eventpoll]"),
        ],
    );
    tree.link("7/cwd", at);
    tree.link("7/root", "/");
    for (number, info) in
        [(0, "pos:\t0\nflags:\t0100000\n"), (3, "pos:\t42\nflags:\t0100002\n"), (4, "flags:\t02\n")]
    {
        tree.file(&format!("7/fdinfo/{number}"), info);
    }
    tree.file("7/fdinfo/1", "pos:\t0\nflags:\t01\n");
    tree.network(
        7,
        &[
            " 0: 0100007F:1F90 00000000:0000 0A 0:0 00:0 0 0 0 100 1 0 100 0",
            " 1: 0100007F:1F90 0100007F:9DB4 01 0:0 00:0 0 0 0 101 1 0 100 0",
        ],
        &["90: 00000000:0035 00000000:0000 07 0:0 00:0 0 0 0 102 2 0 0"],
        "0: 00000002 00000000 00010000 0001 01 103 /run/a b\n0: 00000003 00000000 00000000 0001 03 104\n",
    );
    let table = format!(
        "PID  PROCESS  USER  FD    TYPE  SIZE  NAME\n  \
         7  app      root  cwd   DIR      -  {at}\n  \
         7  app      root  root  DIR      -  /\n  \
         7  app      root  0r    CHR      -  /dev/null\n  \
         7  app      root  1w    FIFO     -  pipe:[300]\n  \
         7  app      root  3u    REG   1.3M  {at}/da\\nta\n  \
         7  app      root  4u    sock     -  TCP 127.0.0.1:8080 (LISTEN)\n  \
         7  app      root  10    sock     -  TCP 127.0.0.1:8080->127.0.0.1:40372 (ESTAB)\n  \
         7  app      root  11    sock     -  UDP 0.0.0.0:53\n  \
         7  app      root  12    sock     -  unix stream /run/a b (LISTEN)\n  \
         7  app      root  13    sock     -  unix stream socket:[104] (ESTAB)\n  \
         7  app      root  14    sock     -  socket:[999]\n  \
         7  app      root  15    anon     -  anon_inode:[eventpoll]"
    );
    porthole(["lsof", "--proc", tree.path()]).run().is(0, &table, "");
    porthole(["lsof", "--proc", tree.path(), "-p", "7"]).run().is(0, &table, "");
    porthole(["lsof", "--proc", tree.path(), "--deleted"]).run().is(
        0,
        "PID  PROCESS  USER  FD  TYPE  SIZE  HELD  NAME",
        "",
    );
    assert_eq!(
        files(&["--proc", tree.path()])[4],
        json!({"pid": 7, "process": "app", "uid": 0, "user": "root", "fd": "3", "mode": "u", "file_type": "REG",
               "size": 1_300_000, "offset": 42, "deleted": false, "name": file})
    );
    fs::remove_dir_all(place).unwrap();
}

#[test]
fn deleted_files_are_listed_with_the_space_they_hold() {
    let place = folder();
    let at = place.to_str().unwrap();
    let (gone, there) = (place.join("gone"), place.join("there (deleted)"));
    fs::write(&gone, vec![7; 1 << 20]).unwrap();
    fs::write(&there, "x").unwrap();
    let mut command = Command::new("sleep");
    command.stdin(File::open(&gone).unwrap()).stdout(File::open(&there).unwrap());
    command.stderr(OpenOptions::new().append(true).open(&gone).unwrap());
    let sleeper = Sleeper::start(&mut command);
    fs::remove_file(&gone).unwrap();
    let pid = sleeper.pid();
    let found = files(&["--deleted", "-p", &pid]);
    let held = found[0]["held"].as_u64().unwrap();
    assert!(held >= 1 << 20, "{found:?}");
    let file = |fd: &str, mode: &str| {
        json!({"pid": sleeper.0.id(), "process": "sleep", "uid": nix::unistd::getuid().as_raw(), "user": Sleeper::user(),
               "fd": fd, "mode": mode, "file_type": "REG", "size": 1 << 20, "offset": 0, "held": held, "deleted": true,
               "name": format!("{at}/gone (deleted)")})
    };
    assert_eq!(found, [file("0", "r"), file("2", "w")]);
    let ran = porthole(["lsof", "--deleted", "-p", &pid]).run();
    let lines: Vec<&str> = ran.stdout.lines().collect();
    assert_eq!(lines.len(), 4, "{}", ran.story());
    assert!(
        lines[1].ends_with(&format!("{at}/gone (deleted)")) && lines[1].contains("  1.0M  "),
        "{}",
        ran.story()
    );
    assert!(lines[3].starts_with("1 deleted file holds 1."), "{}", ran.story());
    // It is listed among all processes too, and a file whose name merely ends in " (deleted)" is
    // not.
    let ran = porthole(["lsof", "--deleted"]).run();
    assert!(
        ran.stdout.contains(&format!("{at}/gone (deleted)")) && !ran.stdout.contains("there (deleted)"),
        "{}",
        ran.story()
    );
    fs::remove_dir_all(place).unwrap();
}

#[test]
fn a_deleted_library_that_is_still_mapped_is_listed() {
    let maps = fs::read_to_string("/proc/self/maps").unwrap();
    let library =
        maps.split_ascii_whitespace().find(|word| word.contains("/libgcc_s") || word.contains("/libm."));
    let Some(library) = library.map(PathBuf::from) else {
        return skip_by_design("this test has no shared library to copy");
    };
    let place = folder();
    let copies = [place.join("gone.so"), place.join("there (deleted)")];
    for copy in &copies {
        fs::copy(&library, copy).unwrap();
    }
    let [gone, there] = copies.map(|copy| copy.to_str().unwrap().to_owned());
    let mut command = Command::new("sleep");
    // ld.so(8) splits the list at spaces.
    let linked = place.join("link.so");
    std::os::unix::fs::symlink(&there, &linked).unwrap();
    command.env("LD_PRELOAD", format!("{gone}:{}", linked.to_str().unwrap())).stdin(Stdio::null());
    let sleeper = Sleeper::start(&mut command);
    sleeper.until("maps", |maps| maps.contains(&gone) && maps.contains(&there));
    let size = fs::metadata(&gone).unwrap().len();
    fs::remove_file(&gone).unwrap();
    let found = files(&["--deleted", "-p", &sleeper.pid()]);
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!((&found[0]["fd"], &found[0]["name"]), (&json!("mem"), &json!(format!("{gone} (deleted)"))));
    // Reading the size takes a capability that few have.
    assert!(found[0]["size"] == json!(size) || found[0]["size"].is_null(), "{found:?}");
    fs::remove_dir_all(place).unwrap();
}

#[test]
fn a_fifo_is_listed_but_not_opened() {
    let place = folder();
    let fifo = place.join("fifo");
    nix::unistd::mkfifo(&fifo, nix::sys::stat::Mode::S_IRWXU).unwrap();
    let both = OpenOptions::new().read(true).write(true).open(&fifo).unwrap();
    let sleeper = Sleeper::start(Command::new("sleep").stdin(both));
    let found = files(&["-p", &sleeper.pid()]);
    let fifo = found.iter().find(|file| file["fd"] == "0").unwrap();
    assert_eq!((&fifo["file_type"], &fifo["mode"], fifo.get("size")), (&json!("FIFO"), &json!("u"), None));
    fs::remove_dir_all(place).unwrap();
}

#[test]
fn the_files_are_those_of_lsof() {
    let place = folder();
    let file = place.join("out");
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let mut command = Command::new("sleep");
    command
        .current_dir(&place)
        .stdin(std::os::fd::OwnedFd::from(listener))
        .stdout(File::create(&file).unwrap());
    let sleeper = Sleeper::start(command.stderr(Stdio::null()));
    let ours = files(&["-p", &sleeper.pid()]);
    let get =
        |fd: &str| ours.iter().find(|file| file["fd"] == fd).unwrap_or_else(|| panic!("{fd}: {ours:?}"));
    assert_eq!(get("0")["name"], format!("TCP 127.0.0.1:{port} (LISTEN)"));
    let theirs = match Command::new("lsof").args(["-n", "-P", "-p", &sleeper.pid(), "-F", "ftan"]).output() {
        Err(error) if error.kind() == ErrorKind::NotFound => return skip("lsof is not installed"),
        output => String::from_utf8(output.unwrap().stdout).unwrap(),
    };
    let mut compared = 0;
    for file in theirs.split("\nf").skip(1) {
        let field = |letter: char| {
            file.lines().skip(1).find_map(|line| line.strip_prefix(letter)).unwrap_or_default()
        };
        let fd = match file.lines().next().unwrap() {
            "rtd" => "root",
            "txt" => "exe",
            other @ ("cwd" | "0" | "1" | "2") => other,
            // Libraries, and whatever the test runner has left open.
            _ => continue,
        };
        let ours = get(fd);
        let kind = if field('t') == "IPv4" { "sock" } else { field('t') };
        let mode = field('a').trim();
        assert_eq!(
            (ours["file_type"].as_str(), ours["mode"].as_str().unwrap_or_default()),
            (Some(kind), mode),
            "{file}"
        );
        if kind == "sock" {
            assert_eq!(field('n'), format!("127.0.0.1:{port}"));
        } else {
            assert_eq!(ours["name"], field('n'));
        }
        compared += 1;
    }
    assert_eq!(compared, 6, "{theirs}");
    fs::remove_dir_all(place).unwrap();
}

#[test]
fn processes_that_cannot_be_inspected_are_reported() {
    let Some(folder) = for_other_users() else { return };
    let sleeper = Sleeper::start(&mut Command::new("sleep"));
    let run = |arguments: &[&str]| {
        let mut command = Command::new("setpriv");
        command
            .args(["--reuid=61532", "--regid=61532", "--clear-groups"])
            .arg(folder.join("porthole"))
            .args(arguments);
        output(&mut command)
    };
    let why = "permission denied: its uid is 0, ours is 61532: run as 0:0, or as root with the capability SYS_PTRACE";
    let ran = run(&["lsof", "-p", &sleeper.pid()]);
    assert_eq!((ran.status, ran.stdout.as_str()), (Some(1), ""), "{}", ran.story());
    assert!(
        ran.stderr.starts_with(&format!("porthole: lsof: /proc/{}/cwd: {why}", sleeper.pid())),
        "{}",
        ran.story()
    );
    let ran = run(&["lsof"]);
    assert!(
        (ran.status, ran.stdout.as_str()) == (Some(1), "")
            && ran.stderr.starts_with("porthole: lsof: the open files of ")
            && ran.stderr.contains(why),
        "{}",
        ran.story()
    );
    assert_eq!(ran.stderr.lines().count(), 1, "{}", ran.story());
    fs::remove_dir_all(folder).unwrap();
}

#[test]
fn a_proc_without_processes_is_an_error() {
    let tree = ProcTree::new(4);
    let none = format!("{}: no processes", tree.path());
    porthole(["lsof", "--proc", tree.path()]).refused(&format!("lsof: {none}"));
    porthole(["lsof", "--json", "--proc", tree.path()]).run().has(
        1,
        &json!({"files": [], "errors": [none]}),
        &format!("porthole: lsof: {none}"),
    );
    // The remains of a process that has just ended count as none.
    tree.file("7/x", "");
    porthole(["lsof", "--proc", tree.path()]).refused(&format!("lsof: {none}"));
    tree.file("7/stat", "7 (a) S 1 7");
    porthole(["lsof", "-p", "7", "--proc", tree.path()])
        .refused(&format!("lsof: {}/7/fd: no such file or directory", tree.path()));
    // A directory `007` is not a process, even though its name is a number.
    tree.file("007/stat", "7 (a) S 1 7");
    assert_eq!(porthole(["ps", "--proc", tree.path()]).run().stdout.lines().count(), 2);
}

#[test]
fn zombies_and_ended_processes_are_errors() {
    let mut ended = Command::new("true").spawn().unwrap();
    let pid = ended.id().to_string();
    let status = format!("/proc/{pid}/stat");
    let start = Instant::now();
    while !fs::read_to_string(&status).unwrap().contains(") Z ") {
        assert!(start.elapsed() < TIMEOUT);
        std::thread::yield_now();
    }
    let why = format!("lsof: pid {pid} (true) is a zombie: it has ended and no longer has fd");
    porthole(["lsof", "-p", &pid]).refused(&why);
    porthole(["lsof", "--deleted", "-p", &pid]).refused(&why);
    porthole(["ss", "-p", &pid]).run().is(
        1,
        "",
        &format!("porthole: ss: pid {pid} (true) is a zombie: it has ended and no longer has net/tcp"),
    );
    ended.wait().unwrap();
    if !Path::new(&status).exists() {
        porthole(["lsof", "-p", &pid]).run().is(
            1,
            "",
            &format!("porthole: lsof: pid {pid}: no such process"),
        );
    }
}

/// A file that cannot be opened for lack of descriptors is not absent.
#[test]
fn a_lack_of_descriptors_is_reported() {
    let tree = ProcTree::new(4);
    tree.process(7, "app", &[(0, "/dev/null")]);
    let proc = tree.path();
    let why = format!("cannot read the open files of 1 process: {proc}/7/stat: ");
    let mut command = Command::new("sh");
    command.args(["-c", "ulimit -n 4; exec \"$@\"", "sh", &binary(), "lsof", "--proc", proc]);
    let ran = output(&mut command);
    // The C libraries word EMFILE differently.
    let is_reported = ran.stderr.starts_with(&format!("porthole: lsof: {why}"));
    assert!(ran.status == Some(1) && is_reported && ran.stderr.lines().count() == 1, "{}", ran.story());
}
