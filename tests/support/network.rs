//! A separate network namespace for a test, in which all sockets belong to the test.

use std::io::ErrorKind;
use std::net::TcpListener;
use std::process::Command;
use std::time::{Duration, Instant};

use nix::sched::{CloneFlags, unshare};

use super::skip::skip;

/// How long a test may wait on a busy machine.
const TIMEOUT: Duration = Duration::from_secs(30);

/// A python3 script that executes the program named by its arguments without netlink sockets: a
/// seccomp(2) filter makes socket(2) for that family fail with EPERM.
#[allow(dead_code, reason = "not every test binary needs it")]
pub const NO_NETLINK: &str = r#"
import ctypes, os, platform, struct, sys
call = {"x86_64": 41, "aarch64": 198}.get(platform.machine())
if call is None:
    sys.exit(77)
code = [(0x20, 0, 0, 0), (0x15, 0, 3, call), (0x20, 0, 0, 16), (0x15, 0, 1, 16), (6, 0, 0, 0x50001), (6, 0, 0, 0x7fff0000)]
filter = ctypes.create_string_buffer(b"".join(struct.pack("=HBBI", *line) for line in code))
program = ctypes.create_string_buffer(struct.pack("@HP", len(code), ctypes.addressof(filter)))
libc = ctypes.CDLL(None, use_errno=True)
if libc.prctl(38, 1, 0, 0, 0) or libc.prctl(22, 2, program, 0, 0):
    sys.exit(77)
os.execv(sys.argv[1], sys.argv[1:])
"#;

/// Binds a listener to this address. An earlier listener may still hold it: a child that another
/// test has forked keeps it open until it calls exec.
#[allow(dead_code, reason = "not every test binary needs it")]
pub fn bound(address: &str) -> TcpListener {
    let start = Instant::now();
    loop {
        match TcpListener::bind(address) {
            Err(error) if error.kind() == ErrorKind::AddrInUse && start.elapsed() < TIMEOUT => {
                std::thread::yield_now();
            }
            listener => return listener.unwrap(),
        }
    }
}

/// Runs the test in a thread with a new network namespace, which the programs that it starts share.
/// Loopback is up. If that is not possible, reports the test as skipped.
#[track_caller]
pub fn in_own_network(test: impl FnOnce() + Send + 'static) {
    match Command::new("ip").arg("-V").output() {
        Err(error) if error.kind() == ErrorKind::NotFound => return skip("ip is not installed"),
        _ => {}
    }
    let thread = std::thread::spawn(move || {
        // unshare(2) moves only the calling thread.
        if unshare(CloneFlags::CLONE_NEWNET).is_err() {
            return false;
        }
        let up = Command::new("ip").args(["link", "set", "lo", "up"]).status().unwrap();
        assert!(up.success());
        test();
        true
    });
    match thread.join() {
        Ok(true) => {}
        Ok(false) => skip("cannot create a network namespace here"),
        Err(panic) => std::panic::resume_unwind(panic),
    }
}
