//! What is left to do where the program cannot go on: a line on stderr and exit status 1, as for any other error.
//!
//! This is the one exception to "only main.rs ends the process". A release build is made with
//! `panic=immediate-abort`: without memory, after a panic, or where std cannot set itself up, it would end by SIGILL or
//! SIGABRT, without a word and with a status of its own.

use nix::libc;

/// Ends the program with these words. It allocates nothing, takes no lock and runs no destructor, so it may be called in the
/// midst of an allocation and by a signal handler.
#[cold]
pub(super) fn end(words: &[u8]) -> ! {
    // SAFETY: the kernel reads the words, no more than their length; _exit(2) does not return.
    unsafe {
        // Where they cannot be written there is nobody to tell.
        let _ = libc::write(libc::STDERR_FILENO, words.as_ptr().cast(), words.len());
        libc::_exit(1)
    }
}

/// A block of memory, if there is one; without memory the program ends here. Nobody could go on: the few in std that ask for
/// memory in a way that may fail do so for files that are small, or of which little is read.
pub(super) fn unless_null(block: *mut u8) -> *mut u8 {
    if block.is_null() {
        end(b"porthole: out of memory\n");
    }
    block
}

#[cfg(target_env = "musl")]
pub use self::aborts::explain_aborts;

/// From here on an abort is said to be an internal error. The host's own build has panic messages and needs no more.
#[cfg(not(target_env = "musl"))]
pub fn explain_aborts() {}

#[cfg(target_env = "musl")]
mod aborts {
    use std::ffi::{c_int, c_void};
    use std::ptr;
    use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

    use nix::libc;

    use super::end;

    /// The signal of the instruction that a panic comes to: `ud2` or `brk`.
    const SIGNAL: c_int = if cfg!(target_arch = "x86_64") { libc::SIGILL } else { libc::SIGTRAP };
    /// Hand the handler a siginfo; there is a restorer: asm/signal.h.
    const SA_SIGINFO: usize = 4;
    const SA_RESTORER: usize = 0x0400_0000;
    /// In front of the address of that instruction.
    const WORDS: &[u8] = b"porthole: internal error at 0x";
    /// The digits of an address.
    const DIGITS: usize = 16;

    /// Whether std has set itself up.
    static STARTED: AtomicBool = AtomicBool::new(false);

    /// From here on an abort is said to be an internal error, and where.
    pub fn explain_aborts() {
        STARTED.store(true, Relaxed);
        // handler, flags, restorer, mask: as the kernel takes them on both processors. Not by musl's sigaction(3), which costs a
        // second call. The handler does not return, so where it would return to does not matter.
        let action = [on_signal as *const () as usize, SA_SIGINFO | SA_RESTORER, 0, 0];
        // SAFETY: the kernel reads the four words, and the handler does only what signal-safety(7) allows. Where the call is
        // refused, an abort is as it was.
        unsafe {
            libc::syscall(
                libc::SYS_rt_sigaction,
                SIGNAL,
                action.as_ptr(),
                ptr::null::<usize>(),
                size_of::<u64>(),
            );
        }
    }

    /// The binary is linked to a fixed place, so the address tells where in the code it was.
    extern "C" fn on_signal(_signal: c_int, info: *mut libc::siginfo_t, _context: *mut c_void) {
        // SAFETY: the kernel hands over the siginfo of a signal that an instruction caused.
        let address = unsafe { (*info).si_addr() }.addr();
        let mut text = [b'\n'; WORDS.len() + DIGITS + 1];
        let digits = (0..DIGITS).rev().map(|place| (address >> (place * 4)) & 0xf);
        let digits = digits.filter_map(|digit| b"0123456789abcdef".get(digit).copied());
        for (to, from) in text.iter_mut().zip(WORDS.iter().copied().chain(digits)) {
            *to = from;
        }
        end(&text)
    }

    /// `abort(3)` in place of musl's, which std calls before `main` where it cannot set itself up, and hardly anywhere else.
    // SAFETY: the symbol is the C library's own, with its signature.
    #[unsafe(no_mangle)]
    extern "C" fn abort() -> ! {
        end(if STARTED.load(Relaxed) {
            b"porthole: internal error\n"
        } else {
            b"porthole: cannot start: poll(2) or sigaction(2) is refused, or a standard stream is closed and there is no \
              /dev/null to take its place\n"
        })
    }
}
