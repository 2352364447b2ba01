//! The width of the terminal: ioctl_tty(2), TIOCGWINSZ, which nix has only a macro of unsafe code for.

use nix::libc;

/// The columns of the terminal that stdout is; nothing where it is none or does not say.
pub fn terminal_width() -> Option<usize> {
    let mut size = libc::winsize { ws_row: 0, ws_col: 0, ws_xpixel: 0, ws_ypixel: 0 };
    // SAFETY: the kernel writes a winsize, which is what the pointer leads to, and reads nothing.
    let result = unsafe { libc::ioctl(libc::STDOUT_FILENO, libc::TIOCGWINSZ, &raw mut size) };
    (result == 0 && size.ws_col > 0).then_some(usize::from(size.ws_col))
}
