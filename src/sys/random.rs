//! getrandom(2), which nix does not have.

use nix::libc;

/// Returns a number that nobody can guess; 0 in the first moments after the machine has started, as
/// the kernel has none yet.
pub fn random_number() -> u32 {
    let mut number = 0_u32;
    let place = &raw mut number;
    // SAFETY: the kernel writes only into the number.
    unsafe {
        libc::getrandom(place.cast(), size_of::<u32>(), libc::GRND_NONBLOCK);
    }
    number
}
