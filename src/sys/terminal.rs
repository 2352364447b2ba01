//! The width of the terminal: TIOCGWINSZ of ioctl_tty(2), for which nix only has a macro of unsafe
//! code.

use nix::libc;

/// Returns the number of columns of the terminal on stdout; `None` if stdout is not a terminal or
/// the terminal does not report its width.
pub fn terminal_width() -> Option<usize> {
    let mut size = libc::winsize { ws_row: 0, ws_col: 0, ws_xpixel: 0, ws_ypixel: 0 };
    // SAFETY: the kernel writes a winsize, to which the pointer points, and reads nothing.
    let result = unsafe { libc::ioctl(libc::STDOUT_FILENO, libc::TIOCGWINSZ, &raw mut size) };
    (result == 0 && size.ws_col > 0).then_some(usize::from(size.ws_col))
}
