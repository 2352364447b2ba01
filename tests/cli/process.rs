//! `porthole process`.

mod with_inspect;

use std::fs;
use std::os::unix::fs::symlink;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::{Pid, gettid};
use serde_json::json;

use crate::support::command::{
    Ran, binary, copy_program, for_other_users, has_feature, output, porthole, started,
};
use crate::support::server::folder;
use crate::support::skip::skip;

/// A program that does nothing, and is killed when dropped.
struct Running(Child);

impl Running {
    fn start(program: &Path, first_word: &str, duration: &str) -> Self {
        let mut command = Command::new(program);
        command.arg0(first_word).arg(duration).stdin(Stdio::null());
        let running = Running(started(&mut command, Command::spawn));
        // spawn returns after execve(2), but the new name may be set a moment later.
        running.until("it has its name", |stat| !stat.contains(&our_name()));
        running
    }

    fn pid(&self) -> u32 {
        self.0.id()
    }

    fn until(&self, what: &str, holds: impl Fn(&str) -> bool) {
        let start = Instant::now();
        let path = format!("/proc/{}/stat", self.pid());
        while !holds(&String::from_utf8_lossy(&fs::read(&path).unwrap())) {
            assert!(start.elapsed() < Duration::from_secs(30), "not yet: {what}");
            std::thread::yield_now();
        }
    }

    fn until_state(&self, state: &str) {
        self.until(state, |stat| stat.rsplit_once(") ").unwrap().1.starts_with(state));
    }

    fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(self.pid().cast_signed()), signal).unwrap();
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn our_name() -> String {
    fs::read_to_string("/proc/thread-self/comm").unwrap().trim_end().to_owned()
}

/// A folder of programs with names that are unique to this test.
struct Programs {
    folder: PathBuf,
    unique: String,
}

impl Programs {
    fn new() -> Self {
        let folder = folder();
        let name = folder.file_name().unwrap().to_str().unwrap();
        let unique = name.replace("porthole-test-", "p");
        Programs { folder, unique }
    }

    /// Links to sleep(1): the process has the name of the link, and its executable keeps its own.
    fn link(&self, name: &str) -> PathBuf {
        let path = self.folder.join(name);
        symlink("/bin/sleep", &path).unwrap();
        path
    }

    fn copy(&self, name: &str) -> PathBuf {
        let path = self.folder.join(name);
        copy_program("/bin/sleep", &path);
        path
    }

    fn file(&self, content: impl AsRef<[u8]>) -> String {
        let path = self.folder.join("pid");
        fs::write(&path, content).unwrap();
        path.to_str().unwrap().to_owned()
    }
}

impl Drop for Programs {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.folder);
    }
}

#[test]
fn processes_are_counted() {
    let programs = Programs::new();
    let name = programs.unique.as_str();
    let program = programs.link(name);
    porthole(["process", name])
        .unhealthy(&format!("unhealthy: process {name}: none running, expected at least 1"));
    porthole(["process", name, "--max", "0"]).healthy(&format!("healthy: process {name}: none running"));
    let one = Running::start(&program, "x", "600");
    porthole(["process", name]).healthy(&format!("healthy: process {name}: 1 running (pid {})", one.pid()));
    let two = Running::start(&program, "x", "600");
    let mut pids = [one.pid(), two.pid()];
    pids.sort_unstable();
    let found = format!("process {name}: 2 running (pid {}, {})", pids[0], pids[1]);
    for (options, expected) in [
        (&["--max", "1"][..], "1 to 1"),
        (&["--min", "3"], "at least 3"),
        (&["--min", "3", "--max", "3"], "exactly 3"),
        (&["--min", "3", "--max", "4"], "3 to 4"),
        (&["--min", "0", "--max", "1"], "at most 1"),
        (&["--max", "0"], "none"),
    ] {
        let expected = if expected == "1 to 1" { "exactly 1" } else { expected };
        porthole(["process", name].iter().chain(options))
            .unhealthy(&format!("unhealthy: process {name}: 2 running, expected {expected}"));
    }
    for options in [&["--min", "2"][..], &["--min", "1", "--max", "2"], &["--min", "0"]] {
        porthole(["process", name].iter().chain(options)).healthy(&format!("healthy: {found}"));
    }
    let json = porthole(["process", name, "--json"]).json();
    assert_eq!(json["checks"][0]["facts"], json!({"pids": pids, "stopped": [], "zombies": []}));
}

#[test]
fn stopped_processes_count_as_running_and_zombies_do_not() {
    let programs = Programs::new();
    let name = programs.unique.as_str();
    let program = programs.link(name);
    let zombie = Running::start(&program, "x", "0");
    zombie.until_state("Z");
    let zombie_pid = zombie.pid();
    porthole(["process", name])
        .unhealthy(&format!("unhealthy: process {name}: none running, only zombies, expected at least 1"));
    porthole(["process", "--pid", &zombie_pid.to_string()])
        .unhealthy(&format!("unhealthy: process {zombie_pid}: pid {zombie_pid} ({name}) is a zombie"));
    // The message does not depend on how many there are.
    let another = Running::start(&program, "x", "0");
    another.until_state("Z");
    let many = format!("unhealthy: process {name}: none running, only zombies, expected at least 1");
    porthole(["process", name]).unhealthy(&many);
    drop(another);
    let stopped = Running::start(&program, "x", "600");
    stopped.signal(Signal::SIGSTOP);
    stopped.until_state("T");
    let pid = stopped.pid();
    porthole(["process", name]).healthy(&format!(
        "healthy: process {name}: 1 running (pid {pid}), 1 stopped (pid {pid}), 1 zombie (pid {zombie_pid})"
    ));
    porthole(["process", "--pid", &pid.to_string()])
        .healthy(&format!("healthy: process {pid}: pid {pid} ({name}) is stopped"));
    let json = porthole(["process", "--pid", &zombie_pid.to_string(), "--json"]).json();
    assert_eq!(json["checks"][0]["facts"], json!({"pid": zombie_pid, "process": name, "state": "Z"}));
}

#[test]
fn a_name_matches_the_process_its_executable_or_its_first_word() {
    let programs = Programs::new();
    // Longer than the 15 bytes that the kernel keeps of a name.
    let long = format!("{}-a-long-name-to-keep", programs.unique);
    let program = programs.copy(&long);
    let word = format!("{}-word", programs.unique);
    let running = Running::start(&program, &format!("/x/{word}"), "600");
    let found = format!("1 running (pid {})", running.pid());
    let path = program.to_str().unwrap();
    let first_word = format!("/x/{word}");
    for name in [&long, &long[..15], path, &word, &first_word] {
        porthole(["process", name]).healthy(&format!("healthy: process {name}: {found}"));
    }
    let other = format!("{}-another", &long[..15]);
    for name in [&long[..14], &long[..16], &other, &format!("/y/{word}"), &format!("/y/{long}")] {
        porthole(["process", name])
            .unhealthy(&format!("unhealthy: process {name}: none running, expected at least 1"));
    }
    // The program is replaced while it runs, as in an upgrade.
    fs::remove_file(&program).unwrap();
    porthole(["process", &long]).healthy(&format!("healthy: process {long}: {found}"));
}

#[test]
fn a_name_may_contain_any_character() {
    let programs = Programs::new();
    let odd = format!("a) Z (b\n\x1b{}", std::process::id() % 1000);
    let running = Running::start(&programs.link(&odd), "x", "600");
    let shown = odd.replace('\n', "\\n").replace('\x1b', "\\x1b");
    porthole(["process", &odd])
        .healthy(&format!("healthy: process {shown}: 1 running (pid {})", running.pid()));
    let pid = running.pid();
    porthole(["process", "--pid", &pid.to_string()])
        .healthy(&format!("healthy: process {pid}: pid {pid} ({shown}) is running"));
}

#[test]
fn kernel_threads_are_found_by_their_name() {
    // The first kernel thread is not visible in a container.
    if fs::read_to_string("/proc/2/comm").is_ok_and(|name| name == "kthreadd\n") {
        porthole(["process", "kthreadd"]).healthy("healthy: process kthreadd: 1 running (pid 2)");
    }
}

#[test]
fn the_check_never_counts_itself() {
    let programs = Programs::new();
    let name = programs.unique.as_str();
    let link = programs.folder.join(name);
    symlink(binary(), &link).unwrap();
    let none = format!("unhealthy: process {name}: none running, expected at least 1");
    let run = |arguments: &[&str]| output(Command::new(&link).args(arguments));
    run(&["process", name]).is(1, &none, "");
    // It does not count the threads that it has for several checks either.
    run(&["process", name, "and", "process", name]).is(1, &format!("{none}\n{none}"), "");
    // A pid file from before a restart may contain the process ID that the check now has.
    let file = programs.file("");
    let script = format!("echo $$ > {file}; echo $$; exec {} process --pid-file {file}", binary());
    let ran = output(Command::new("/bin/sh").args(["-c", &script]));
    let (pid, verdict) = ran.stdout.split_once('\n').unwrap();
    assert_eq!(verdict, format!("unhealthy: process {file}: pid {pid} is this check itself\n"));
}

#[test]
fn a_pid_file_names_the_process() {
    let programs = Programs::new();
    let running = Running::start(&programs.link(&programs.unique), "x", "600");
    let pid = running.pid();
    for content in [format!("{pid}"), format!(" {pid}\r\n"), format!("{pid}\n/var/lib/data\n5432\n")] {
        let file = programs.file(&content);
        porthole(["process", "--pid-file", &file])
            .healthy(&format!("healthy: process {file}: pid {pid} ({}) is running", programs.unique));
    }
    drop(running);
    let file = programs.file(format!("{pid}\n"));
    porthole(["process", "--pid-file", &file])
        .unhealthy(&format!("unhealthy: process {file}: pid {pid}: no such process"));
    porthole(["process", "--pid-file", &file, "--max", "0"])
        .healthy(&format!("healthy: process {file}: pid {pid}: no such process"));
}

#[test]
fn a_pid_file_without_a_process_id_is_unhealthy() {
    let programs = Programs::new();
    let not_a_pid = "the first line of the pid file is not a process ID";
    let large = "1".repeat(5000);
    for (content, reason) in [
        (&b""[..], "the pid file is empty"),
        (b" \n\n", "the pid file is empty"),
        (b"secret\n", not_a_pid),
        (b"\n7\n", not_a_pid),
        (b"7 8\n", not_a_pid),
        (b"-7", not_a_pid),
        (b"+7", not_a_pid),
        (b"0", not_a_pid),
        (b"4194305", not_a_pid),
        (b"99999999999999999999", not_a_pid),
        (b"\xff\x1b", not_a_pid),
        (large.as_bytes(), "larger than 4 KiB"),
    ] {
        let file = programs.file(content);
        porthole(["process", "--pid-file", &file]).unhealthy(&format!("unhealthy: process {file}: {reason}"));
    }
    porthole(["process", "--pid-file", "/none/pid"])
        .unhealthy("unhealthy: process /none/pid: no such file or directory");
    let folder = programs.folder.to_str().unwrap();
    porthole(["process", "--pid-file", folder])
        .unhealthy(&format!("unhealthy: process {folder}: not a regular file"));
}

#[test]
fn a_thread_is_not_a_process() {
    let tid = gettid();
    porthole(["process", "--pid", &tid.to_string()])
        .unhealthy(&format!("unhealthy: process {tid}: pid {tid} is a thread of pid {}", std::process::id()));
}

/// Runs porthole as another user in a mount namespace, after this script. Skips and returns `None`
/// if the namespace cannot be created.
fn in_mount_namespace(script: &str, folder: &Path, arguments: &[&str]) -> Option<Ran> {
    let script = format!("{script}\nexec setpriv --reuid 65532 --regid 65532 --clear-groups \"$@\"");
    let mut command = Command::new("unshare");
    command.args(["--mount", "sh", "-c", &script, "sh"]).arg(folder.join("porthole")).args(arguments);
    let ran = output(&mut command);
    if ran.status == Some(77) || ran.stderr.starts_with("unshare: ") {
        skip(&format!("cannot create a mount namespace: {}", ran.stderr));
        return None;
    }
    Some(ran)
}

#[test]
fn hidden_processes_do_not_count_as_absent() {
    let Some(folder) = for_other_users() else { return };
    let running = Running::start(Path::new("/bin/sleep"), "x", "600");
    let (pid, file) = (running.pid().to_string(), folder.join("pid"));
    fs::write(&file, format!("{pid}\n")).unwrap();
    let file = file.to_str().unwrap();
    let hidden = "mount -t proc -o hidepid=2 proc /proc || exit 77";
    for arguments in [
        &["process", "x"][..],
        &["process", "--pid", "1"],
        &["process", "x", "--max", "0"],
        &["process", "--pid", &pid],
        &["process", "--pid", &pid, "--max", "0"],
        &["process", "--pid-file", file, "--max", "0"],
    ] {
        let Some(ran) = in_mount_namespace(hidden, &folder, arguments) else { break };
        let words = arguments.strip_suffix(&["--max", "0"]).unwrap_or(arguments);
        let start = format!(
            "porthole: process {}: processes of other users are hidden in /proc (hidepid=",
            words.last().unwrap()
        );
        assert!(ran.status == Some(1) && ran.stdout.is_empty(), "{}", ran.story());
        assert!(ran.stderr.starts_with(&start), "{}", ran.story());
        assert!(ran.stderr.ends_with("); run the check as their user\n"), "{}", ran.story());
    }
    // The kernel knows that a process does not exist, whatever proc hides.
    drop(running);
    if let Some(ran) = in_mount_namespace(hidden, &folder, &["process", "--pid", &pid, "--max", "0"]) {
        ran.is(0, &format!("healthy: process {pid}: pid {pid}: no such process"), "");
    }
    fs::remove_dir_all(folder).unwrap();
}

/// Other processes are hidden even if the first process belongs to the same user and is visible.
#[test]
fn processes_may_be_hidden_though_the_first_is_visible() {
    let Some(folder) = for_other_users() else { return };
    // The first process switches to the check's user; the process that is searched for stays
    // root's.
    let start = "mount -t proc -o hidepid=2 proc /proc || exit 77
        sleep 600 & exec setpriv --reuid 65532 --regid 65532 --clear-groups sh -c '\"$@\"; exit $?' sh \"$@\"";
    let mut runs = vec![vec!["process", "sleep"], vec!["process", "sleep", "--max", "0"]];
    if has_feature("inspect") {
        runs.push(vec!["ps", "sleep"]);
    }
    for arguments in runs {
        let mut command = Command::new("unshare");
        command.args(["--mount", "--pid", "--fork", "--kill-child", "sh", "-c", start, "sh"]);
        let ran = output(command.arg(folder.join("porthole")).args(&arguments));
        if ran.status == Some(77) || ran.stderr.starts_with("unshare: ") {
            skip(&format!("cannot create a pid namespace: {}", ran.stderr));
            break;
        }
        assert!(ran.status == Some(1) && ran.stdout.is_empty(), "{}", ran.story());
        assert!(ran.stderr.contains("of other users are hidden"), "{}", ran.story());
    }
    fs::remove_dir_all(folder).unwrap();
}

#[test]
fn a_process_whose_state_cannot_be_read_does_not_count_as_absent() {
    let Some(folder) = for_other_users() else { return };
    // A fabricated proc: only root may read one process's state, and another's is malformed.
    let script = "mount -t tmpfs made /proc || exit 77
        mkdir /proc/1 /proc/7 /proc/8; ln -s 8 /proc/self
        echo '1 (init) S 0 1' > /proc/1/stat; echo '8 (check) R 1 1' > /proc/8/stat
        echo '7 (app) S 1 1' > /proc/7/stat; chmod 600 /proc/7/stat";
    let malformed_state = "mount -t tmpfs made /proc || exit 77
        mkdir /proc/9; ln -s 8 /proc/self; echo odd > /proc/9/stat";
    let file = folder.join("pid");
    fs::write(&file, "7\n").unwrap();
    let file = file.to_str().unwrap();
    let denied =
        "/proc/7/stat: permission denied; run the check as the user of the processes, or with CAP_SYS_PTRACE";
    let odd = "/proc/9/stat: malformed process state";
    for (script, arguments, target, why) in [
        (script, &["process", "--pid", "7"][..], "7", denied),
        (script, &["process", "--pid", "7", "--max", "0"], "7", denied),
        (script, &["process", "--pid-file", file, "--max", "0"], file, denied),
        (script, &["process", "app"], "app", denied),
        (script, &["process", "app", "--max", "0"], "app", denied),
        (malformed_state, &["process", "--pid", "9", "--max", "0"], "9", odd),
        (malformed_state, &["process", "app", "--max", "0"], "app", odd),
    ] {
        let Some(ran) = in_mount_namespace(script, &folder, arguments) else { break };
        ran.is(1, "", &format!("porthole: process {target}: {why}"));
    }
    if let Some(ran) =
        in_mount_namespace("mount -t tmpfs made /proc || exit 77", &folder, &["process", "app", "--max", "0"])
    {
        ran.is(1, "", "porthole: process app: no processes are visible: /proc is not mounted");
    }
    fs::remove_dir_all(folder).unwrap();
}

#[test]
fn a_process_is_found_by_its_arguments() {
    let programs = Programs::new();
    let name = programs.unique.as_str();
    let program = programs.link(name);
    let words = format!("{name}-queue:work --tries=3");
    let none = format!("unhealthy: process {words}: none running, expected at least 1");
    porthole(["process", "--args", &words]).unhealthy(&none);
    let worker = Running::start(&program, &words, "600");
    let other = Running::start(&program, "other", "600");
    let found = format!("1 running (pid {})", worker.pid());
    porthole(["process", "--args", &words]).healthy(&format!("healthy: process {words}: {found}"));
    // Across the border of two words, as for pgrep -f.
    let end = format!("{name}-queue:work --tries=3 600");
    porthole(["process", "--args", &end]).healthy(&format!("healthy: process {end}: {found}"));
    // What is given together holds together.
    porthole(["process", name, "--args", &words])
        .healthy(&format!("healthy: process {name} {words}: {found}"));
    porthole(["process", "sh", "--args", &words])
        .unhealthy(&format!("unhealthy: process sh {words}: none running, expected at least 1"));
    let pid = worker.pid().to_string();
    porthole(["process", name, "--pid", &pid])
        .healthy(&format!("healthy: process {name} {pid}: pid {pid} ({name}) is running"));
    let wrong = other.pid().to_string();
    porthole(["process", "--args", &words, "--pid", &wrong]).unhealthy(&format!(
        "unhealthy: process {words} {wrong}: pid {wrong} ({name}) has other arguments, expected \"{words}\""
    ));
    porthole(["process", "sh", "--pid", &pid])
        .unhealthy(&format!("unhealthy: process sh {pid}: pid {pid} ({name}) has another name, expected sh"));
    let file = programs.file(&wrong);
    porthole(["process", "--pid", &pid, "--pid-file", &file]).unhealthy(&format!(
        "unhealthy: process {pid} {file}: the pid file has another process ID, expected {pid}"
    ));
    let file = programs.file(&pid);
    porthole(["process", "--pid", &pid, "--pid-file", &file])
        .healthy(&format!("healthy: process {pid} {file}: pid {pid} ({name}) is running"));
}

#[test]
fn usage_errors_are_explained() {
    porthole(["process"]).refused("process: NAME: expected a name, --args, --pid or --pid-file");
    porthole(["process", "--args", ""])
        .refused("process: --args: expected at least one character to look for");
    porthole(["process", ""]).refused("process: NAME: expected the name of a process, got ''");
    for pid in ["0", "x", "-1", "4194305"] {
        porthole(["process", "--pid", pid])
            .refused(&format!("process: --pid: expected a process ID from 1 to 4194304, got '{pid}'"));
    }
    for count in ["x", "-1", "4194305"] {
        porthole(["process", "a", "--max", count]).refused(&format!(
            "process: --max: expected a number of processes, from 0 to 4194304, got '{count}'"
        ));
    }
    porthole(["process", "a", "--min", "2", "--max", "1"]).refused("process: --min: is more than --max");
}

#[test]
fn an_executable_that_cannot_be_read_may_be_the_one() {
    let Some(folder) = for_other_users() else { return };
    let programs = Programs::new();
    let program = programs.copy(&programs.unique);
    let link = programs.link(&format!("{}-x", programs.unique));
    fs::remove_file(&link).unwrap();
    symlink(&program, &link).unwrap();
    let running = Running::start(&link, "renamed", "600");
    let name = programs.unique.as_str();
    porthole(["process", name])
        .healthy(&format!("healthy: process {name}: 1 running (pid {})", running.pid()));
    let run = |arguments: &[&str]| {
        let mut command = Command::new("setpriv");
        command.args(["--reuid", "65532", "--regid", "65532", "--clear-groups"]);
        output(command.arg(folder.join("porthole")).arg("process").args(arguments))
    };
    for arguments in [&[name][..], &[name, "--max", "0"]] {
        let ran = run(arguments);
        let reason = format!("cannot be read, so any of them may be {name}; run the check as");
        assert!(ran.status == Some(1) && ran.stdout.is_empty(), "{}", ran.story());
        assert!(ran.stderr.contains(&reason), "{}", ran.story());
    }
    if has_feature("inspect") {
        let mut command = Command::new("setpriv");
        command.args(["--reuid", "65532", "--regid", "65532", "--clear-groups"]);
        let ran = output(command.arg(folder.join("porthole")).args(["ps", name]));
        let start = format!("porthole: ps: {name}: no such process visible; the executable");
        assert!(ran.status == Some(1) && ran.stderr.starts_with(&start), "{}", ran.story());
    }
    // Verdicts that they cannot change are still given.
    let other = format!("{name}-x");
    run(&[&other]).is(0, &format!("healthy: process {other}: 1 running (pid {})", running.pid()), "");
    run(&[&other, "--max", "0"]).is(1, &format!("unhealthy: process {other}: 1 running, expected none"), "");
    run(&[name, "--min", "0"]).is(0, &format!("healthy: process {name}: none running"), "");
    let ran = run(&[name, "--min", "4194304"]);
    ran.is(1, &format!("unhealthy: process {name}: none running, expected at least 4194304"), "");
    fs::remove_dir_all(folder).unwrap();
}
