//! The first process and its signals, zombies, and the choice of the process to examine.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::symlink;
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use super::{IN_ORDER, STATUS, World};
use crate::support::command::{binary, output, porthole, until};
use crate::support::processes::{Made, Sleeper};
use crate::support::skip::{is_root, skip};

#[test]
fn a_first_process_that_sigterm_does_not_end_is_a_warning() {
    let signals = |caught: &str, ignored: &str, blocked: &str| {
        STATUS
            .replace("SigCgt:\t0000000000004000", &format!("SigCgt:\t{caught}"))
            .replace("SigIgn:\t0", &format!("SigIgn:\t{ignored}"))
            .replace("SigBlk:\t0", &format!("SigBlk:\t{blocked}"))
    };
    let world = World::new();
    world.file("1/status", signals("0", "4000", "0")).prints(
        &[],
        0,
        "warning: pid 1 (server) ignores SIGTERM, so it is killed when the grace period ends\n    \
             seen: @/1/status: SigIgn: 0000000000004000 has SIGTERM\n    \
             Application: handle SIGTERM: stop accepting requests, finish the pending ones, exit\n\
         pid 1 (server): 1 warning",
    );
    world.file("1/status", signals("0", "0", "0")).prints(
        &[],
        0,
        "warning: pid 1 (server) has no handler for SIGTERM, and the kernel does not deliver it to PID 1 without one, so it is killed when the grace period ends\n    \
             seen: @/1/status: SigCgt: 0000000000000000 and SigIgn: 0000000000000000 lack SIGTERM\n    \
             Application: handle SIGTERM: stop accepting requests, finish the pending ones, exit\n    \
             Docker: --init (in Compose: init: true)\n    \
             Kubernetes: shareProcessNamespace: true, so that the application is not the first process\n\
         pid 1 (server): 1 warning",
    );
    let ran = world.file("1/status", signals("2", "0", "0")).run(&[]);
    assert!(
        ran.stdout.contains("    Docker: STOPSIGNAL SIGINT in the Dockerfile or --stop-signal SIGINT"),
        "{}",
        ran.story()
    );
    // A blocked signal may be received in another way, which proc does not show.
    let in_order = IN_ORDER;
    world.file("1/status", signals("0", "0", "4000")).prints(&[], 0, in_order);
    world.file("1/status", signals("0", "0", "0")).file("1/wchan", "do_sigtimedwait.isra.0").prints(
        &[],
        0,
        in_order,
    );
    fs::remove_file(format!("{}/1/wchan", world.proc.path())).unwrap();
    // The signal ends any process that is not PID 1.
    world.file("1/status", signals("0", "0", "0").replace("NSpid:\t1", "NSpid:\t77\t7")).prints(
        &[],
        0,
        in_order,
    );
    world.proc.process(
        1,
        &Made { name: b"sh", ppid: 0, ..Made::default() },
        b"/bin/sh\0-c\0app --password x\0",
    );
    world.file("1/status", signals("0", "0", "0")).prints(
        &[],
        0,
        "warning: pid 1 (sh) is a shell, which does not pass SIGTERM on to the application, so it is killed when the grace period ends\n    \
             seen: @/1/cmdline: /bin/sh -c app --password <1 byte>\n    \
             seen: @/1/status: SigCgt: 0000000000000000 and SigIgn: 0000000000000000 lack SIGTERM\n    \
             Docker: ENTRYPOINT [\"/application\"] in exec form, or at the end of the script: exec /application\n    \
             Kubernetes: command: [\"/application\"] without sh -c\n\
         pid 1 (sh): 1 warning",
    );
}

#[test]
fn zombies_are_listed_with_their_parent() {
    let mut child =
        Command::new("sh").args(["-c", "/bin/true & /bin/true & exec sleep 600"]).spawn().unwrap();
    let pid = child.id().to_string();
    let finding = format!(
        "warning: 2 zombies, which pid {pid} (sleep) does not wait for: each counts against the pids limit\n"
    );
    let ran = until(|| porthole(["doctor", "-p", &pid]).run(), |out| out.contains(&finding));
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(ran.stdout.contains(&format!("{finding}    seen: /proc/")), "{}", ran.story());
    assert!(ran.stdout.contains(" (true), state Z\n"), "{}", ran.story());
    assert!(
        ran.stdout.contains(&format!("    Application: pid {pid} (sleep) must wait for its children")),
        "{}",
        ran.story()
    );
    // PID 1 is not their parent, so an init in its place would not help.
    assert!(!ran.stdout.contains("--init"), "{}", ran.story());
}

/// An init would reap orphans; the advice says that it does not reap the application's own
/// children.
#[test]
fn for_zombies_of_the_first_process_an_init_is_advised() {
    let world = World::new();
    world.proc.process(5, &Made { name: b"job", state: 'Z', ..Made::default() }, b"");
    world.prints(
        &[],
        0,
        "warning: 1 zombie, which pid 1 (server) does not wait for: each counts against the pids limit\n    \
             seen: @/5/stat: pid 5 (job), state Z\n    \
             Application: pid 1 (server) must wait for its children (wait(2), or SIGCHLD ignored)\n    \
             Docker: --init (in Compose: init: true), which reaps orphans, but not the application's own children\n    \
             Kubernetes: shareProcessNamespace: true, so that the pause process reaps orphans\n\
         pid 1 (server): 1 warning",
    );
}

/// The first process of a pod holds its namespaces; it is not the application.
#[test]
fn in_a_pod_the_application_is_examined() {
    let world = World::new();
    let path = world.proc.path();
    for pid in [7, 9] {
        let made = Made { name: b"app", ppid: 0, ..Made::default() };
        world.proc.process(pid, &made, b"/app\0");
        world.file(&format!("{pid}/status"), STATUS.replace("NSpid:\t1", &format!("NSpid:\t{pid}")));
    }
    world.proc.process(1, &Made { name: b"pause", ppid: 0, ..Made::default() }, b"/pause\0");
    // porthole runs in one of the containers too.
    fs::remove_file(format!("{path}/self")).unwrap();
    symlink("7", format!("{path}/self")).unwrap();
    let json: Value = serde_json::from_str(&world.run(&["--json"]).stdout).unwrap();
    assert_eq!((&json["pid"], &json["process"]), (&json!(9), &json!("app")));
    assert_eq!(json["findings"], json!([]));
    // Nothing shows which of several containers is meant.
    world.proc.process(12, &Made { name: b"proxy", ppid: 0, start: 1, ..Made::default() }, b"/proxy\0");
    let ran = world.run(&[]);
    let path = world.proc.path();
    let start = format!(
        "hint: the pod has 2 containers, or someone ran exec in it; this one started first, porthole doctor -p PID examines another\n    \
             seen: {path}: pid 9 (app), 12 (proxy)\n\
         pid 9 (app): 1 hint\n"
    );
    assert_eq!((ran.status, ran.stdout), (Some(0), start));
    // The application may be behind an init, which also has adopted orphans, or behind two of them.
    for (pid, name, ppid, start) in [
        (9, &b"tini"[..], 0, 0),
        (20, b"app", 9, 7),
        (21, b"dumb-init", 9, 6),
        (22, b"app", 21, 9),
        (23, b"app", 21, 8),
    ] {
        world.proc.process(pid, &Made { name, ppid, start, ..Made::default() }, b"/app\0");
        world.file(&format!("{pid}/status"), STATUS.replace("NSpid:\t1", &format!("NSpid:\t{pid}")));
    }
    let json: Value = serde_json::from_str(&world.run(&["--json"]).stdout).unwrap();
    assert_eq!((&json["pid"], &json["process"]), (&json!(23), &json!("app")));
    // When porthole runs in one of the containers, that one is examined: both see the same mounts.
    world
        .file("12/mountinfo", "1 0 0:1 / / rw - overlay o rw\n")
        .file("7/mountinfo", "1 0 0:1 / / rw - overlay o rw\n");
    let json: Value = serde_json::from_str(&world.run(&["--json"]).stdout).unwrap();
    assert_eq!((&json["pid"], &json["findings"]), (&json!(12), &json!([])));
}

/// Neither an init in front of the application nor the orphans that the init adopted are examined.
#[test]
fn the_application_behind_an_init_is_examined() {
    let world = World::new();
    for (pid, ppid, state, start) in
        [(5, 1, 'S', 9), (7, 1, 'S', 2), (8, 7, 'S', 1), (9, 0, 'S', 1), (10, 1, 'Z', 1)]
    {
        world.proc.process(pid, &Made { name: b"app", ppid, state, start, ..Made::default() }, b"/app\0");
        let status = STATUS.replace("NSpid:\t1", &format!("NSpid:\t{pid}"));
        world.file(&format!("{pid}/status"), status.replace("SigCgt:\t0000000000004000", "SigCgt:\t0"));
    }
    for (first, pid) in [("tini", 7), ("docker-init", 7), ("sh", 1), ("server", 1)] {
        world.proc.process(1, &Made { name: first.as_bytes(), ppid: 0, ..Made::default() }, b"/first\0");
        let ran = world.run(&["--json"]);
        let json: Value = serde_json::from_str(&ran.stdout).unwrap();
        assert_eq!(json["pid"], json!(pid), "{first}: {}", ran.story());
        // SIGTERM ends a process that is not PID 1.
        assert!(pid == 1 || !ran.stdout.contains("SIGTERM"), "{first}: {}", ran.story());
    }
}

/// A shell is recognized by its command line: a script's process is named after its file, and
/// busybox is many programs.
#[test]
fn shells_are_recognized_by_their_command_lines() {
    let world = World::new();
    for (name, command, is_shell) in [
        (&b"entry.sh"[..], &b"/bin/sh\0/entry.sh\0"[..], true),
        (b"busybox", b"/bin/busybox\0sh\0-c\0app\0", true),
        (b"bash", b"-bash\0", true),
        (b"busybox", b"busybox\0httpd\0-f\0", false),
        (b"sh", b"/app\0--shell\0sh\0", false),
    ] {
        world.proc.process(1, &Made { name, ppid: 0, ..Made::default() }, command);
        // The shell itself has a handler for SIGINT.
        let ran = world.file("1/status", STATUS.replace("SigCgt:\t0000000000004000", "SigCgt:\t2")).run(&[]);
        assert_eq!(
            ran.stdout.contains(" is a shell, which does not pass SIGTERM on"),
            is_shell,
            "{}",
            ran.story()
        );
        assert_eq!(ran.stdout.contains("STOPSIGNAL SIGINT"), !is_shell, "{}", ran.story());
        // With a trap for SIGTERM.
        world.file("1/status", STATUS).prints(
            &[],
            0,
            &IN_ORDER.replace("server", &String::from_utf8_lossy(name)),
        );
    }
}

/// A PID 1 that waits with sigwait(3) has no handler and does not block SIGTERM while it waits, yet
/// the signal ends it.
#[test]
fn a_first_process_that_waits_for_sigterm_is_in_order() {
    if !is_root() {
        return skip("only root can create a pid namespace");
    }
    let script = "import signal\nsignal.pthread_sigmask(signal.SIG_BLOCK, [15])\nprint(flush=True)\nsignal.sigwait([15])";
    let mut parent = Command::new("unshare")
        .args(["--pid", "--fork", "--kill-child", "python3", "-c", script])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(parent.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let task = parent.id();
    let pid = fs::read_to_string(format!("/proc/{task}/task/{task}/children")).unwrap().trim().to_owned();
    let ran = until(|| porthole(["doctor", "-p", &pid]).run(), |out| !out.contains("SIGTERM"));
    assert!(ran.stdout.contains(&format!("pid {pid} (python3)")), "{}", ran.story());
    parent.kill().unwrap();
    parent.wait().unwrap();
}

/// A process that blocks SIGTERM, and neither reads it through signalfd(2) nor waits for it, never
/// receives it.
#[test]
fn a_blocked_sigterm_that_nothing_receives_is_a_warning() {
    let world = World::new();
    let status = |blocked: &str| format!("{STATUS}State:\tS (sleeping)\n").replace("SigBlk:\t0", blocked);
    let all = status("SigBlk:\t0000000000004000");
    let in_order = IN_ORDER;
    let finding = "warning: pid 1 (server) blocks SIGTERM and never waits for it, so it is killed when the grace period ends\n    \
             seen: @/1/status: SigBlk: 0000000000004000 has SIGTERM, in every thread\n    \
             seen: @/1/fd: no signalfd(2) for it\n    \
             Application: unblock it at startup with sigprocmask(2): the signal mask is inherited across fork(2) and execve(2)\n\
         pid 1 (server): 1 warning";
    world.file("1/status", &all).file("1/task/1/status", &all).prints(&[], 0, finding);
    // Another thread takes it, or waits for it, which unblocks it meanwhile.
    world.file("1/task/9/status", status("SigBlk:\t0")).prints(&[], 0, in_order);
    world.file("1/task/9/status", &all).prints(&[], 0, finding);
    let signalfd = format!("{}/1/fd/5", world.proc.path());
    symlink("anon_inode:[signalfd]", signalfd).unwrap();
    world.file("1/fdinfo/5", "pos:\t0\nsigmask:\t0000000000000002\n").prints(&[], 0, finding);
    world.file("1/fdinfo/5", "pos:\t0\nsigmask:\t0000000000004002\n").prints(&[], 0, in_order);
    fs::remove_file(format!("{}/1/fdinfo/5", world.proc.path())).unwrap();
    world.prints(&[], 0, in_order);
}

/// A signal mask is inherited across execve(2); this holds for any process, not just PID 1.
#[test]
fn an_inherited_block_of_sigterm_is_a_warning() {
    let blocks = "import ctypes, os, signal, threading\nsignal.pthread_sigmask(signal.SIG_BLOCK, [15])\n";
    for (then, is_lost) in [
        ("print(flush=True)\nos.execvp('sleep', ['blocked', '600'])", true),
        (
            "print(flush=True)\nthreading.Thread(target=signal.sigwait, args=[[15]]).start()\nsignal.pause()",
            false,
        ),
        (
            "ctypes.CDLL(None).signalfd(-1, (ctypes.c_ulong * 16)(1 << 14), 0)\nprint(flush=True)\nsignal.pause()",
            false,
        ),
    ] {
        let mut command = Command::new("python3");
        let command = command.args(["-c", &[blocks, then].concat()]).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let pid = child.id().to_string();
        let prints = |out: &str| out.contains(" blocks SIGTERM and ") == is_lost;
        until(|| porthole(["doctor", "-p", &pid]).run(), prints);
        child.kill().unwrap();
        child.wait().unwrap();
    }
}

/// A process that has ended has no further findings.
#[test]
fn a_process_that_has_ended_is_the_only_finding() {
    let mut sleeper = Sleeper::called("ended", &[]);
    sleeper.end();
    let pid = sleeper.pid();
    let ran = porthole(["doctor", "-p", &pid.to_string(), "--expect-port", "80"]).run();
    let finding = format!(
        "error: pid {pid} (sleep) is a zombie: it has ended, but its parent has not waited for it\n    \
             seen: /proc/{pid}/stat: state Z\n\
         pid {pid} (sleep): 1 error\n"
    );
    assert_eq!((ran.status, ran.stdout, ran.stderr.as_str()), (Some(1), finding, ""));
    // A kernel thread (pid 2, if visible) does nothing that could be expected.
    if fs::read("/proc/2/cmdline").is_ok_and(|text| text.is_empty()) {
        let ran = porthole(["doctor", "-p", "2", "--expect-port", "80"]).run();
        assert!(
            ran.status == Some(1) && ran.stdout.contains(" is a kernel thread, which neither listens"),
            "{}",
            ran.story()
        );
        assert_eq!(porthole(["doctor", "-p", "2"]).run().status, Some(0));
    }
}

/// A process whose first thread has ended looks like a zombie, but is not one.
#[test]
fn a_process_without_its_first_thread_is_not_a_zombie() {
    let world = World::new();
    world.proc.process(5, &Made { name: b"job", state: 'Z', threads: 3, ..Made::default() }, b"");
    world.prints(&[], 0, IN_ORDER);
}

/// In a container of its own, porthole is PID 1, and findings about itself are of no interest.
#[test]
fn porthole_does_not_examine_itself_unless_named() {
    if !is_root() {
        return skip("only root can create a pid namespace");
    }
    let mut command = Command::new("unshare");
    let ran = output(command.args(["--pid", "--fork", "--mount-proc", &binary(), "doctor"]));
    let finding = "hint: only porthole itself is visible: the application is in another pid namespace\n    \
         seen: /proc: pid 1 (porthole)\n    \
         Kubernetes: kubectl debug --target=CONTAINER (targetContainerName), or shareProcessNamespace: true of the pod\n    \
         Docker: --pid container:NAME, or docker exec NAME /porthole doctor; if it does not stay up: --volumes-from NAME\n";
    assert!(ran.status == Some(0) && ran.stdout.contains(finding), "{}", ran.story());
    for about_itself in ["SIGTERM", "runs as root", "may gain privileges", "may make any system call"] {
        assert!(!ran.stdout.contains(about_itself), "{}", ran.story());
    }
    // Unless it is named on the command line.
    let mut command = Command::new("unshare");
    let ran = output(command.args(["--pid", "--fork", "--mount-proc", &binary(), "doctor", "-p", "1"]));
    assert!(ran.stdout.contains("has no handler for SIGTERM"), "{}", ran.story());
}
