//! The size of the terminal: TIOCGWINSZ of ioctl_tty(2), for which nix only has a macro of unsafe
//! code.

use nix::libc;

/// The columns of a terminal that does not report its width: `docker exec -it` often starts a
/// command before it sets the size.
const DEFAULT_COLUMNS: usize = 100;

/// Returns the number of columns of the terminal on stdout; `None` if stdout is not a terminal.
pub fn terminal_width() -> Option<usize> {
    let (columns, _) = terminal_size()?;
    Some(if columns == 0 { DEFAULT_COLUMNS } else { columns })
}

/// Returns the numbers of columns and rows of the terminal on stdout, each 0 if the terminal does
/// not report it; `None` if stdout is not a terminal.
pub fn terminal_size() -> Option<(usize, usize)> {
    let mut size = libc::winsize { ws_row: 0, ws_col: 0, ws_xpixel: 0, ws_ypixel: 0 };
    // SAFETY: the kernel writes a winsize, to which the pointer points, and reads nothing.
    let result = unsafe { libc::ioctl(libc::STDOUT_FILENO, libc::TIOCGWINSZ, &raw mut size) };
    (result == 0).then_some((size.ws_col.into(), size.ws_row.into()))
}
