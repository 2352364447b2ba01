//! A network namespace of a test's own, where every socket is its.

use std::io::ErrorKind;
use std::net::TcpListener;
use std::process::Command;
use std::time::{Duration, Instant};

use nix::sched::{CloneFlags, unshare};

use super::skip::skip;

/// How long what a test waits for may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(30);

/// A script of python3 that becomes the program that its arguments name, to which the kernel refuses netlink sockets: a
/// filter of seccomp(2) that fails socket(2) of that family with EPERM.
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

/// A listener at this address, which an earlier one may still have: a child that another test forks holds that until it has
/// become another program.
#[allow(dead_code, reason = "not every test binary needs it")]
pub fn bound(address: &str) -> TcpListener {
    let start = Instant::now();
    loop {
        match TcpListener::bind(address) {
            Err(error) if error.kind() == ErrorKind::AddrInUse && start.elapsed() < PATIENCE => {
                std::thread::yield_now();
            }
            listener => return listener.unwrap(),
        }
    }
}

/// Runs the test in a thread that is in a network namespace of its own, as are the programs that it starts; says aloud
/// where none can be had. Loopback is up.
#[track_caller]
pub fn in_own_network(test: impl FnOnce() + Send + 'static) {
    match Command::new("ip").arg("-V").output() {
        Err(error) if error.kind() == ErrorKind::NotFound => return skip("ip is not installed"),
        _ => {}
    }
    let thread = std::thread::spawn(move || {
        // unshare(2) moves the calling thread alone.
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
        Ok(false) => skip("no network namespace can be had here"),
        Err(panic) => std::panic::resume_unwind(panic),
    }
}
