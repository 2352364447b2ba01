//! SIGXFSZ, which ends a process that writes past RLIMIT_FSIZE: setrlimit(2). If the signal is
//! ignored, the write fails with EFBIG, which is reported like any other error.

use nix::libc;

/// Makes a file that grows too large an ordinary error from here on.
pub fn fail_past_file_size() {
    // SAFETY: no signal handler is installed.
    unsafe {
        libc::signal(libc::SIGXFSZ, libc::SIG_IGN);
    }
}
