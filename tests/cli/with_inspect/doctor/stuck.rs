//! Processes that do not run.

use std::os::unix::process::CommandExt as _;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::{STATUS, World};
use crate::support::command::{porthole, until};
use crate::support::processes::{Made, Sleeper};

#[test]
fn a_stopped_process_is_an_error() {
    let sleeper = Sleeper::called("stopped", &[]);
    let pid = sleeper.pid();
    let doctor = || porthole(["doctor", "-p", &pid.to_string()]).run();
    assert!(!doctor().stdout.contains("is stopped"));
    let signal = |signal| kill(Pid::from_raw(pid.cast_signed()), signal).unwrap();
    signal(Signal::SIGSTOP);
    let finding = format!(
        "error: pid {pid} (sleep) is stopped: it does not run until it receives SIGCONT\n    \
             seen: /proc/{pid}/stat: state T\n    \
             Docker: docker run --rm --pid container:NAME busybox kill -CONT {pid}\n    \
             Kubernetes: kubectl debug POD --image busybox --target CONTAINER -- kill -CONT {pid}\n"
    );
    let ran = until(doctor, |out| out.contains(&finding));
    assert_eq!(ran.status, Some(1), "{}", ran.story());
    signal(Signal::SIGCONT);
    until(doctor, |out| !out.contains("is stopped"));
}

/// The first process of a container is reached by `docker kill`; a child is only a part.
#[test]
fn stopped_children_are_warnings_and_other_processes_do_not_matter() {
    let world = World::new();
    world.proc.process(1, &Made { name: b"server", ppid: 0, state: 'T', ..Made::default() }, b"/server\0");
    world.proc.process(5, &Made { name: b"worker", state: 'T', ..Made::default() }, b"worker\0");
    world.proc.process(6, &Made { name: b"other", state: 'T', ppid: 0, ..Made::default() }, b"other\0");
    let ran = world.run(&[]);
    for line in [
        "error: pid 1 (server) is stopped: ",
        "    Docker: docker kill --signal CONT NAME\n",
        "warning: pid 5 (worker) is stopped: ",
        "    Docker: docker run --rm --pid container:NAME busybox kill -CONT 5\n",
        "\npid 1 (server): 1 error, 1 warning\n",
    ] {
        assert!(ran.stdout.contains(line), "{line}{}", ran.story());
    }
}

/// `docker kill` reaches the init, which then passes on no signal.
#[test]
fn a_stopped_init_is_a_warning() {
    let world = World::new();
    world.proc.process(1, &Made { name: b"docker-init", ppid: 0, state: 'T', ..Made::default() }, b"init\0");
    world.proc.process(7, &Made { name: b"server", ..Made::default() }, b"/server\0");
    let ran = world.run(&[]);
    for line in [
        "warning: pid 1 (docker-init) is stopped: ",
        "    Docker: docker kill --signal CONT NAME\n",
        "\npid 7 (server): 1 warning\n",
    ] {
        assert!(ran.stdout.contains(line), "{line}{}", ran.story());
    }
}

/// One that is only busy with a disk wakes up in between.
#[test]
fn a_process_in_lasting_uninterruptible_sleep_is_a_warning() {
    let world = World::new();
    world.proc.process(1, &Made { name: b"server", ppid: 0, state: 'D', ..Made::default() }, b"/server\0");
    world.file("1/wchan", "nfs_wait_client_init_complete");
    world.file("1/status", format!("{STATUS}voluntary_ctxt_switches:\t7\n"));
    world.prints(
        &[],
        0,
        "warning: pid 1 (server) is in uninterruptible sleep: it waits in the kernel, usually for a disk or a file server\n    \
             seen: @/1/stat: state D\n    \
             seen: @/1/wchan: nfs_wait_client_init_complete\n    \
             Application: porthole df shows which file system does not answer\n    \
             Kubernetes: check the volume's server, and the events of the PersistentVolumeClaim and of the node\n\
         pid 1 (server): 1 warning",
    );
    let sleeper = Sleeper::called("awake", &[]);
    let ran = porthole(["doctor", "-p", &sleeper.pid().to_string()]).run();
    assert!(!ran.stdout.contains("uninterruptible"), "{}", ran.story());
}

/// The parent of a process after vfork(2) is in that state until its child calls execve(2).
#[test]
fn a_real_process_in_uninterruptible_sleep_is_found() {
    let script = "import ctypes, time\nlibc = ctypes.CDLL(None)\n\
        if libc.vfork() == 0:\n    time.sleep(600)";
    let mut command = std::process::Command::new("python3");
    let mut child = command.args(["-c", script]).process_group(0).spawn().unwrap();
    let pid = child.id().to_string();
    let finding = format!("warning: pid {pid} (python3) is in uninterruptible sleep: ");
    until(|| porthole(["doctor", "-p", &pid]).run(), |out| out.contains(&finding));
    // The child runs in its memory, and both are of one process group.
    kill(Pid::from_raw(-child.id().cast_signed()), Signal::SIGKILL).unwrap();
    child.wait().unwrap();
}
