//! Files that porthole cannot read, and why.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use super::{IN_ORDER, World};
use crate::support::command::{copy_program, for_other_users, output, porthole};
use crate::support::elsewhere::Elsewhere;
use crate::support::processes::Sleeper;

/// An unreadable file does not stop the other checks.
#[test]
fn unreadable_files_are_reported_and_the_other_checks_run() {
    let world = World::new();
    let path = world.proc.path();
    for file in ["cgroup", "mountinfo", "net/tcp", "net/dev", "limits"] {
        fs::remove_file(format!("{path}/1/{file}")).unwrap();
    }
    let ran = world.run(&[]);
    assert_eq!(
        (ran.status, ran.stdout.as_str()),
        (
            Some(0),
            "in order: pid 1 (server): nothing stands out; some checks could not be made; not asked: which port is expected (--expect-port)\n"
        )
    );
    // An expectation that cannot be checked is not met.
    let unchecked = format!(
        "error: cannot tell whether anything listens on TCP port 80\n    \
             seen: {path}/1/net/tcp: no such file or directory\n\
         pid 1 (server): 1 error\n"
    );
    let ran = world.run(&["--expect-port", "80"]);
    assert_eq!((ran.status, &ran.stdout), (Some(1), &unchecked));
    for file in ["cgroup", "mountinfo", "net/tcp"] {
        let line = format!("porthole: doctor: not checked: {path}/1/{file}: no such file or directory\n");
        assert!(ran.stderr.contains(&line), "{}", ran.story());
    }
    let json: Value = serde_json::from_str(&world.run(&["--json"]).stdout).unwrap();
    assert_eq!(
        (json["findings"].as_array().unwrap().len(), json["errors"].as_array().unwrap().len()),
        (0, 3)
    );
    for file in ["status", "cgroup", "mountinfo", "net/tcp", "net/dev", "limits", "cmdline"] {
        world.file(&format!("1/{file}"), b"\xff\xfe(\n\x1b[2J: ) -1 18446744073709551616\n\0".repeat(50));
    }
    let ran = world.run(&["--expect-port", "80", "--expect-file", "/x\n"]);
    assert!(ran.status == Some(1) && !ran.stdout.contains('\x1b'), "{}", ran.story());
    porthole(["doctor", "-p", "7", "--proc", path]).refused("doctor: pid 7: no such process");
    porthole(["doctor", "--proc", "/none"]).refused("doctor: /none: no such file or directory");
}

#[test]
#[allow(clippy::too_many_lines, reason = "a table of cases")]
fn the_rule_that_denies_access_is_named() {
    let Some(programs) = for_other_users() else { return };
    copy_program("/bin/sleep", programs.join("unreadable"));
    fs::set_permissions(programs.join("unreadable"), fs::Permissions::from_mode(0o111)).unwrap();
    let run = |ids: [&str; 2], pid: u32, more: &[&str]| {
        let mut command = Command::new("setpriv");
        command.args([
            format!("--reuid={}", ids[0]),
            format!("--regid={}", ids[1]),
            "--clear-groups".to_owned(),
        ]);
        command.args(more).arg(programs.join("porthole")).args(["doctor", "-p", &pid.to_string()]);
        output(&mut command)
    };
    let theirs = Sleeper::owned(Path::new("/bin/sleep"), 65_532, 65_532);
    // Through a shell, because setpriv itself still has the capabilities to read the program.
    let unreadable = programs.join("unreadable");
    let mut command = Command::new("setpriv");
    command.args(["--reuid=65532", "--regid=65532", "--clear-groups", "sh", "-c", "exec \"$0\" 600"]);
    let hidden = Sleeper::start(command.arg(&unreadable), unreadable.to_str().unwrap());
    let roots = Sleeper::owned(Path::new("/bin/sleep"), 0, 0);
    for (ids, pid, name, more, rule, skipped, change) in [
        (
            ["65532", "0"],
            theirs.pid(),
            "sleep",
            &[][..],
            "it runs as group 65532, porthole as 0",
            "",
            "securityContext: {runAsUser: 65532, runAsGroup: 65532}; or kubectl debug --target=CONTAINER --profile=general (adds SYS_PTRACE), and --custom with a securityContext of runAsUser: 0, runAsNonRoot: false\n",
        ),
        (
            ["1000", "1000"],
            theirs.pid(),
            "sleep",
            &[],
            "it runs as user 65532, porthole as 1000",
            "the number of open files",
            "    Docker: --user 65532:65532, or --cap-add SYS_PTRACE --user 0 for the container that runs porthole\n",
        ),
        (
            ["0", "0"],
            theirs.pid(),
            "sleep",
            &["--bounding-set=-sys_ptrace"],
            "it runs as user 65532, porthole as 0",
            "",
            "--cap-add SYS_PTRACE",
        ),
        // A pod with `runAsNonRoot` needs two settings to run as root.
        (
            ["65532", "65532"],
            roots.pid(),
            "sleep",
            &[],
            "it runs as user 0, porthole as 65532",
            "the number of open files",
            "securityContext: {runAsUser: 0, runAsGroup: 0, runAsNonRoot: false}; or kubectl debug",
        ),
        (
            ["65532", "65532"],
            hidden.pid(),
            "unreadable",
            &[],
            "it is not dumpable, or in another user namespace",
            "the number of open files",
            "    Application: make the binary readable (chmod +r), without file capabilities; no prctl(PR_SET_DUMPABLE, 0)\n",
        ),
    ] {
        let ran = run(ids, pid, more);
        let finding = format!(" of pid {pid} ({name}): {rule}");
        let line = ran.stdout.lines().next().unwrap();
        assert!(
            line.starts_with("warning: cannot read ")
                && line.contains("exe, cwd, root, ")
                && line.contains(&finding),
            "{finding}\n{}",
            ran.story()
        );
        assert!(line.contains(skipped) && ran.stdout.contains(change), "{}", ran.story());
        assert!(ran.stdout.contains(": permission denied\n"), "{}", ran.story());
        assert_eq!(ran.status, Some(0), "{}", ran.story());
    }
    // SYS_PTRACE grants access to what ptrace(2) guards, but not to files with a mode for their
    // owner only.
    let ran = run(["0", "0"], theirs.pid(), &["--bounding-set=-dac_override,-dac_read_search"]);
    let line = format!(
        "warning: cannot read environ, fd of pid {} (sleep): it runs as user 65532, porthole as 0, and only its own user may read them; ",
        theirs.pid()
    );
    let change =
        "    Docker: --cap-add SYS_PTRACE --cap-add DAC_READ_SEARCH for the container that runs porthole\n";
    assert!(ran.stdout.starts_with(&line) && ran.stdout.contains(change), "{}", ran.story());
    let ran = run(["65532", "65532"], theirs.pid(), &[]);
    assert!(!ran.stdout.contains("may not be read"), "{}", ran.story());
    fs::remove_dir_all(programs).unwrap();
}

/// A process whose state cannot be read is reported.
#[test]
fn processes_with_a_malformed_stat_are_reported() {
    let world = World::new();
    let path = world.proc.path();
    let reports = |end: &str| {
        let line = format!("porthole: doctor: not checked: {path}/8/stat: malformed process state{end}\n");
        let ran = world.run(&[]);
        assert!(ran.status == Some(0) && ran.stderr == line, "{}", ran.story());
        assert!(
            ran.stdout.ends_with("listening on no TCP port; some checks could not be made; not asked: which port is expected (--expect-port)\n"),
            "{}",
            ran.story()
        );
    };
    world.file("8/stat", "odd");
    reports("");
    world.file("9/stat", "odd").file("10/stat", "odd");
    reports(", and 2 more");
}

/// Root without a capability is not advised to run as root.
#[test]
fn root_without_a_capability_is_not_advised_to_be_root() {
    let Some(programs) = for_other_users() else { return };
    let roots = Sleeper::owned(Path::new("/bin/sleep"), 0, 0);
    for (command, words) in
        [("doctor", "drop: [\"ALL\"]"), ("id", "porthole lacks: run with the capability SYS_PTRACE")]
    {
        let mut as_root = Command::new("setpriv");
        as_root.args(["--bounding-set=-sys_ptrace,-sys_admin", "sh", "-c", "exec \"$0\" \"$@\""]);
        as_root.arg(programs.join("porthole")).args([command, "-p", &roots.pid().to_string()]);
        let ran = output(&mut as_root);
        let output = [ran.stdout.as_str(), &ran.stderr].concat();
        assert!(output.contains(words), "{}", ran.story());
        assert!(!output.contains("run as 0:0") && !output.contains("--user 0:0"), "{}", ran.story());
    }
    fs::remove_dir_all(programs).unwrap();
}

/// Lines missing from `status` prove nothing, and a missing `status` does not end the run.
#[test]
fn missing_lines_of_status_prove_nothing() {
    let world = World::new();
    world.file("1/status", "Name:\tserver\n").prints(&[], 0, IN_ORDER);
    let path = world.proc.path();
    // A process without ids is not taken for root, which may read everything.
    let ran = world.file("root/x", "").run(&["--expect-file", "/x"]);
    let finding = "error: cannot tell whether pid 1 (server) can read /x\n";
    assert!(ran.status == Some(1) && ran.stdout.starts_with(finding), "{}", ran.story());
    fs::remove_file(format!("{path}/1/status")).unwrap();
    let ran = world.file("groups/app/memory.events", "oom_kill 1\n").run(&[]);
    assert!(
        ran.stdout.starts_with("error: the kernel killed a process for lack of memory"),
        "{}",
        ran.story()
    );
    let line = format!("porthole: doctor: not checked: {path}/1/status: no such file or directory\n");
    assert!(ran.status == Some(1) && ran.stderr.contains(&line), "{}", ran.story());
}

/// If porthole cannot search the process's directories, it cannot tell whether the process may read
/// a file.
#[test]
fn a_file_that_porthole_cannot_look_up_is_undecided() {
    let Some(elsewhere) = Elsewhere::mounted("mount -t tmpfs own \"$1\"") else { return };
    let Some(programs) = for_other_users() else { return };
    let pid = elsewhere.pid();
    let mut command = Command::new("setpriv");
    command.args(["--reuid=65532", "--regid=65532", "--clear-groups"]).arg(programs.join("porthole"));
    let ran = output(command.args(["doctor", "-p", &pid, "--expect-file", "/etc/passwd"]));
    let finding = format!("error: cannot tell whether pid {pid} (sh) can read /etc/passwd\n");
    assert!(ran.status == Some(1) && ran.stdout.starts_with(&finding), "{}", ran.story());
    assert!(ran.stdout.contains("; not checked for that reason: "), "{}", ran.story());
    fs::remove_dir_all(programs).unwrap();
}
