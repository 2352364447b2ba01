//! SIGXFSZ, by which a process ends that writes past RLIMIT_FSIZE: setrlimit(2). Ignored, the write fails with EFBIG, which
//! is said as any other error is.

use nix::libc;

/// From here on a file that grows too large is an error like others.
pub fn fail_past_file_size() {
    // SAFETY: no handler of ours is called.
    unsafe {
        libc::signal(libc::SIGXFSZ, libc::SIG_IGN);
    }
}
