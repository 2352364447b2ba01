//! A network namespace of a test's own, where every socket is its.

use std::io::ErrorKind;
use std::process::Command;

use nix::sched::{CloneFlags, unshare};

use super::skip::skip;

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
