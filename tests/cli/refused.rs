//! What the system refuses: memory, descriptors, single system calls. Whatever it refuses, the
//! program exits with 0 or 1 and prints something; no signal kills it.

use std::ffi::CString;
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use nix::libc;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::support::command::{Ran, binary, copy_program, for_other_users, has_feature, output, porthole};
use crate::support::place::Place;
use crate::support::server::{Server, Step, answer, closed_port, response, send};
use crate::support::skip::{is_root, skip, skip_by_design};

/// A user and group without rights.
const NOBODY: u32 = 65534;
/// How long a program may take to start.
const START_LIMIT: Duration = Duration::from_secs(30);

/// Returns whether this is a static binary. If something is refused to the host's own build, the
/// loader, glibc and std's panics end the program in ways of their own.
fn is_static() -> bool {
    let is_static = std::env::var_os("PORTHOLE_BIN").is_some();
    if !is_static {
        skip_by_design("only the static binaries are built to survive this");
    }
    is_static
}

/// Asserts that the program exited by itself and printed something.
#[track_caller]
fn assert_exited(ran: &Ran) {
    assert!(matches!(ran.status, Some(0 | 1)), "{}", ran.story());
    assert!(!ran.stdout.is_empty() || !ran.stderr.is_empty(), "{}", ran.story());
}

/// The targets of the checks and inspections.
struct Targets {
    place: Place,
    http: Server,
    unix: Server,
}

impl Targets {
    fn new() -> Self {
        let place = Place::new();
        place.file("text", "a line\n".repeat(10_000));
        Targets {
            place,
            http: Server::new(answer(response("200 OK", &"x".repeat(300_000)))),
            unix: Server::unix(vec![send("220 ready\r\n"), Step::Hold]),
        }
    }

    fn commands(&self) -> Vec<Vec<String>> {
        let (url, port) = (self.http.url("/"), self.http.address().port());
        let (folder, socket) = (self.place.path(""), self.unix.socket());
        let (text, socket) = (self.place.path("text"), socket.to_str().unwrap());
        let mut lines = vec![
            "--help".to_owned(),
            "no-command".to_owned(),
            format!("http {url}"),
            format!("http {url} -v --matches ^x"),
            format!("unix {socket} --expect 220"),
            format!("file {text} --contains nothing"),
            "process --pid 1".to_owned(),
            "process timeout".to_owned(),
            format!("listen {port}"),
            format!("http {url} and tcp 127.0.0.1:1 and file {text}"),
        ];
        if has_feature("inspect") {
            lines.extend([
                format!("ls -R {folder}"),
                format!("grep -rn line {folder}"),
                format!("tar cf - {folder}"),
                "ps".to_owned(),
                "ss".to_owned(),
                "lsof".to_owned(),
                "limits".to_owned(),
                "doctor".to_owned(),
                "report".to_owned(),
            ]);
        }
        lines.iter().map(|line| line.split(' ').map(str::to_owned).collect()).collect()
    }
}

impl Targets {
    /// Checks of what is not healthy.
    fn broken(&self) -> Vec<Vec<String>> {
        let (url, port) = (self.http.url("/"), closed_port());
        let text = self.place.path("text");
        let lines = [
            format!("http {url} --status 500"),
            format!("http {url} --contains nothing --max-body 1M"),
            format!("tcp 127.0.0.1:{port}"),
            format!("listen {port}"),
            format!("file {text} --contains nothing"),
            format!("file {text} --min-size 1G"),
            "process nothing".to_owned(),
        ];
        lines.iter().map(|line| line.split(' ').map(str::to_owned).collect()).collect()
    }
}

/// Returns whether strace(1), which makes the system calls fail, is installed; reports a skip if
/// not.
fn has_strace() -> bool {
    let has = Command::new("strace").arg("--version").output().is_ok();
    if !has {
        skip("strace is not installed");
    }
    has
}

#[test]
fn a_refused_system_call_does_not_crash_porthole() {
    if !is_static() || !has_strace() {
        return;
    }
    let targets = Targets::new();
    // Not tested: without write(2) nothing can be printed, and without arch_prctl(2) musl cannot
    // set up even the first thread.
    for call in [
        "clone",
        "close",
        "connect",
        "fcntl",
        "fstat",
        "futex",
        "getdents64",
        "getrandom",
        "mmap",
        "mprotect",
        "mremap",
        "munmap",
        "poll",
        "read",
        "recvfrom",
        "rt_sigaction",
        "rt_sigprocmask",
        "sendto",
        "socket",
        "set_tid_address",
    ] {
        for error in ["EPERM", "ENOSYS"] {
            // musl takes that for success when it creates a thread's stack.
            if (call, error) == ("mprotect", "ENOSYS") {
                continue;
            }
            // The question mark: not every architecture has every call.
            let inject = format!("inject=?{call}:error={error}");
            let words = ["strace", "-f", "-qq", "-o", "/dev/null", "-e", &inject];
            let run = |command| {
                let ran = porthole(command).under(&words).run();
                assert_exited(&ran);
                ran
            };
            // A thousand runs are enough.
            if error == "EPERM" {
                targets.commands().into_iter().for_each(|command| drop(run(command)));
            }
            // Whatever is refused, what is broken is not healthy.
            for command in targets.broken() {
                let ran = run(command);
                assert_eq!(ran.status, Some(1), "{call}, {error}: {}", ran.story());
            }
        }
    }
}

/// A program of root that anybody may start would read any file for them.
#[test]
fn a_set_user_id_program_refuses_to_run() {
    let Some(folder) = for_other_users() else { return };
    let program = folder.join("porthole");
    for (mode, runs) in [(0o755, true), (0o4755, false), (0o2755, false)] {
        fs::set_permissions(&program, fs::Permissions::from_mode(mode)).unwrap();
        let mut command = Command::new(&program);
        command.args(["file", "/"]).uid(NOBODY).gid(NOBODY).current_dir("/");
        let ran = output(&mut command);
        if runs {
            assert_eq!((ran.status, &*ran.stderr), (Some(0), ""), "{}", ran.story());
        } else {
            let why = "porthole: refusing to run as a set-user-ID or set-group-ID program: anyone could use \
                it to read files as its owner; remove the bit with chmod ug-s";
            ran.is(1, "", why);
        }
    }
}

/// Sets file capabilities, which are permitted and effective: the extended attribute of
/// capabilities(7), `struct vfs_cap_data` of linux/capability.h. Returns whether the file system has
/// them.
#[allow(unsafe_code, reason = "nix has no setxattr")]
fn give_capabilities(program: &Path, capabilities: u32) -> bool {
    const REVISION_2: u32 = 0x0200_0000;
    const EFFECTIVE: u32 = 1;
    let words = [REVISION_2 | EFFECTIVE, capabilities, 0, 0, 0];
    let value: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
    let path = CString::new(program.as_os_str().as_bytes()).unwrap();
    let name = c"security.capability";
    // SAFETY: the kernel reads the strings, and as many bytes of the value as it has.
    unsafe { libc::setxattr(path.as_ptr(), name.as_ptr(), value.as_ptr().cast(), value.len(), 0) == 0 }
}

/// The same is true of a program that may read any file.
#[test]
fn a_program_with_file_capabilities_refuses_to_run() {
    const DAC_READ_SEARCH: u32 = 1 << 2;
    let Some(folder) = for_other_users() else { return };
    let program = folder.join("porthole");
    let run = |user| {
        let mut command = Command::new(&program);
        output(command.args(["file", "/"]).uid(user).gid(user).current_dir("/"))
    };
    if !give_capabilities(&program, DAC_READ_SEARCH) {
        return skip("the file system has no file capabilities");
    }
    let why = "porthole: refusing to run with file capabilities: anyone could use them through it; remove them with \
        setcap -r, and give capabilities to the container instead";
    run(NOBODY).is(1, "", why);
    // They give root nothing that it does not have, and no_new_privs disables them.
    assert_eq!(run(0).status, Some(0));
    let mut command = Command::new("setpriv");
    command.args(["--reuid=65534", "--regid=65534", "--clear-groups", "--no-new-privs"]);
    // The first program still has root's capabilities: setpriv(1) keeps them.
    command.args(["sh", "-c", r#"exec "$@""#, "sh"]);
    let ran = output(command.arg(&program).args(["file", "/"]).current_dir("/"));
    assert_eq!((ran.status, &*ran.stderr), (Some(0), ""), "{}", ran.story());
    // Ambient capabilities are the container's.
    let ambient = ["--inh-caps=+dac_read_search", "--ambient-caps=+dac_read_search"];
    copy_program(binary(), folder.join("plain"));
    let mut command = Command::new("setpriv");
    command.args(["--reuid=65534", "--regid=65534", "--clear-groups"]).args(ambient);
    let ran = output(command.arg(folder.join("plain")).args(["file", "/"]).current_dir("/"));
    assert_eq!((ran.status, &*ran.stderr), (Some(0), ""), "{}", ran.story());
    fs::remove_dir_all(&folder).unwrap();
}

/// std itself aborts silently if it cannot start.
#[test]
fn a_start_that_fails_in_std_is_reported() {
    if !is_static() || !has_strace() {
        return;
    }
    for calls in ["?poll,?ppoll", "rt_sigaction"] {
        let inject = format!("inject={calls}:error=EPERM");
        porthole(["--version"]).under(&["strace", "-qq", "-o", "/dev/null", "-e", &inject]).refused(
            "cannot start: poll(2) or sigaction(2) is refused, or a standard stream is closed and \
             /dev/null is missing",
        );
    }
}

/// A large block that grows is moved by mremap(2), or copied if that fails.
#[test]
fn a_block_that_cannot_be_moved_is_copied() {
    if !has_strace() {
        return;
    }
    let (place, body) = (Place::new(), "x".repeat(300_000));
    let (log, server) = (place.path("log"), Server::new(answer(response("200 OK", &body))));
    let words = ["strace", "-f", "-qq", "-o", &log, "-e", "inject=mremap:error=EPERM"];
    let ran = porthole(["http", &server.url("/"), "--matches", "x$", "--max-body", "1M"]).under(&words).run();
    let healthy = format!("healthy: http {}: 200 OK in <T>", server.url("/"));
    ran.is(0, &healthy, "");
    assert!(fs::read_to_string(log).unwrap().contains("(INJECTED)"), "no block had to be moved");
}

#[test]
fn too_little_memory_does_not_crash_porthole() {
    if !is_static() {
        return;
    }
    let targets = Targets::new();
    // With less, the kernel cannot even load the program: execve(2).
    let mut least = fs::metadata(binary()).unwrap().len();
    let starts =
        |size| porthole(["--version"]).under(&["prlimit", &format!("--as={size}")]).run().status == Some(0);
    while !starts(least) {
        least += 32 << 10;
        assert!(least < 16 << 20, "it does not start in 16 MiB");
    }
    let mut was_short = false;
    for size in (0..24).map(|step| least + step * (64 << 10)) {
        for command in targets.commands() {
            let ran = porthole(command).under(&["prlimit", &format!("--as={size}")]).run();
            assert_exited(&ran);
            if ran.stderr.ends_with("porthole: out of memory\n") {
                assert_eq!(ran.status, Some(1), "{}", ran.story());
                was_short = true;
            }
        }
    }
    assert!(was_short, "memory was sufficient each time");
}

#[test]
fn too_few_descriptors_do_not_crash_porthole() {
    if !is_static() {
        return;
    }
    let targets = Targets::new();
    for most in 0..9 {
        for command in targets.commands() {
            assert_exited(&porthole(command).under(&["prlimit", &format!("--nofile={most}")]).run());
        }
    }
}

#[test]
fn small_limits_do_not_crash_porthole() {
    if !is_static() {
        return;
    }
    let targets = Targets::new();
    // A stack of less than 40 KiB ends the program when it starts: src/sys/fatal.rs.
    for limit in ["--stack=131072", "--fsize=0", "--cpu=5", "--core=0", "--memlock=0", "--sigpending=0"] {
        for command in targets.commands() {
            assert_exited(&porthole(command).under(&["prlimit", limit]).run());
        }
        for command in targets.broken() {
            let ran = porthole(command).under(&["prlimit", limit]).run();
            assert_eq!(ran.status, Some(1), "{limit}: {}", ran.story());
        }
    }
}

/// execve(2) without any argument gives one that is empty, since Linux 5.18.
#[test]
fn a_program_without_a_name_is_porthole() {
    let version = output(Command::new(binary()).arg0("").arg("--version"));
    assert!(version.stdout.starts_with("porthole "), "{}", version.story());
    let ran = output(Command::new(binary()).arg0(""));
    assert_exited(&ran);
    assert_eq!(ran.status, Some(1), "{}", ran.story());
}

/// No /proc, no /dev, nothing: std opens /dev/null in place of a closed standard stream.
#[test]
fn an_empty_root_does_not_crash_porthole() {
    if !is_static() {
        return;
    }
    if !is_root() {
        return skip("only root can change its root");
    }
    let (mut targets, root) = (Targets::new(), Place::new());
    // Its socket does not exist below the new root.
    targets.unix = targets.unix.unasked();
    copy_program(binary(), root.path("porthole"));
    let run = |arguments: &[String], closed: &str| {
        // The first argument is the program outside; the copy inside is run instead.
        let script = format!("shift; exec chroot {} /porthole \"$@\" {closed}", root.path(""));
        porthole(arguments).under(&["sh", "-c", &script, "sh"]).run()
    };
    for command in targets.commands() {
        assert_exited(&run(&command, ""));
    }
    for closed in ["<&-", ">&-"] {
        run(&["--version".to_owned()], closed).is(
            1,
            "",
            "porthole: cannot start: poll(2) or sigaction(2) is refused, or a standard stream is closed and \
             /dev/null is missing",
        );
    }
}

/// A panic raises a signal. No way to cause a panic is known, so the test sends the signal.
#[test]
fn an_abort_is_reported_with_its_address() {
    if !is_static() {
        return;
    }
    let signal = if cfg!(target_arch = "x86_64") { Signal::SIGILL } else { Signal::SIGTRAP };
    let mut command = Command::new(binary());
    command.args(["tcp", "127.0.0.1:1", "--wait", "60s"]);
    let child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let (start, pid) = (Instant::now(), child.id());
    let is_caught = || {
        let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
        let caught = status.lines().find_map(|line| line.strip_prefix("SigCgt:\t")).unwrap();
        u64::from_str_radix(caught, 16).unwrap() >> (signal as u32 - 1) & 1 == 1
    };
    while !is_caught() && start.elapsed() < START_LIMIT {
        std::thread::yield_now();
    }
    kill(Pid::from_raw(pid.cast_signed()), signal).unwrap();
    let output = child.wait_with_output().unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    let address =
        stderr.strip_prefix("porthole: internal error at 0x").and_then(|rest| rest.strip_suffix('\n'));
    assert_eq!((output.status.code(), output.stdout.as_slice()), (Some(1), &b""[..]), "{stderr}");
    assert!(address.is_some_and(|address| u64::from_str_radix(address, 16).is_ok()), "{stderr}");
}
