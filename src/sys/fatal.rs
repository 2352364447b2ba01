//! The end of a program that cannot continue: a line on stderr and exit status 1, as for any other
//! error.
//!
//! Only main.rs ends the process; this is the one exception. The static binaries are built with
//! `panic=immediate-abort`. Without this module, SIGILL or SIGABRT would kill them without a
//! message when memory runs out, when something panics, or when std cannot initialize itself.
//!
//! Segmentation faults are not caught. They occur if the stack may not grow (RLIMIT_STACK below
//! about 40 KiB), if arch_prctl(2) is refused, or if mprotect(2) is refused with ENOSYS, which musl
//! treats as success when it creates a thread's stack.

use nix::libc;

/// Prints these words and ends the program. It allocates nothing, takes no lock and runs no
/// destructor, so that the allocator and a signal handler may call it.
#[cold]
pub(super) fn end(words: &[u8]) -> ! {
    // SAFETY: the kernel reads the words, and at most their length; _exit(2) does not return.
    unsafe {
        // If the write fails, there is nowhere to report it.
        let _ = libc::write(libc::STDERR_FILENO, words.as_ptr().cast(), words.len());
        libc::_exit(1)
    }
}

/// Returns the allocated block. If it is null, the program ends here. Nothing is lost by that,
/// because porthole and its dependencies allocate infallibly. Only the file readers of std use
/// try_reserve(), and they read little.
pub(super) fn unless_null(block: *mut u8) -> *mut u8 {
    if block.is_null() {
        end(b"porthole: out of memory\n");
    }
    block
}

#[cfg(target_env = "musl")]
pub use self::aborts::explain_aborts;

/// Does nothing: builds for the host have panic messages.
#[cfg(not(target_env = "musl"))]
pub fn explain_aborts() {}

#[cfg(target_env = "musl")]
mod aborts {
    use std::ffi::{c_int, c_void};
    use std::ptr;
    use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

    use nix::libc;

    use super::end;

    /// The signal that the last instruction of a panic raises: `ud2` or `brk`.
    const SIGNAL: c_int = if cfg!(target_arch = "x86_64") { libc::SIGILL } else { libc::SIGTRAP };
    /// The handler receives a siginfo, and a restorer is given: asm/signal.h.
    const SA_SIGINFO: usize = 4;
    const SA_RESTORER: usize = 0x0400_0000;
    /// The message, up to the address of that instruction.
    const WORDS: &[u8] = b"porthole: internal error at 0x";
    /// The number of digits of an address.
    const DIGITS: usize = 16;

    /// Whether std has initialized itself.
    static STARTED: AtomicBool = AtomicBool::new(false);

    /// Reports a panic or an abort from here on as an internal error.
    pub fn explain_aborts() {
        STARTED.store(true, Relaxed);
        // Handler, flags, restorer and mask, in the kernel's layout, which is the same on both
        // architectures. musl's sigaction(3) would make a second system call. The handler never
        // returns, so the restorer may be null.
        let action = [on_signal as *const () as usize, SA_SIGINFO | SA_RESTORER, 0, 0];
        // SAFETY: the kernel reads the four words, and the handler does only what signal-safety(7)
        // allows. If the call is refused, a panic still ends the program by the signal.
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

    /// Reports the address of the instruction. As the binary is linked at a fixed address, that
    /// identifies the place in the code.
    extern "C" fn on_signal(_signal: c_int, info: *mut libc::siginfo_t, _context: *mut c_void) {
        // SAFETY: the kernel passes a valid siginfo. For a signal that a process sent, this reads
        // other fields as the address.
        let address = unsafe { (*info).si_addr() }.addr();
        let mut text = [b'\n'; WORDS.len() + DIGITS + 1];
        let digits = (0..DIGITS).rev().map(|place| (address >> (place * 4)) & 0xf);
        let digits = digits.filter_map(|digit| b"0123456789abcdef".get(digit).copied());
        for (to, from) in text.iter_mut().zip(WORDS.iter().copied().chain(digits)) {
            *to = from;
        }
        end(&text)
    }

    /// Replaces musl's `abort(3)`. std calls it before `main` if it cannot initialize itself, and
    /// hardly anywhere else.
    // SAFETY: the symbol is the C library's own, with its signature.
    #[unsafe(no_mangle)]
    extern "C" fn abort() -> ! {
        end(if STARTED.load(Relaxed) {
            b"porthole: internal error\n"
        } else {
            b"porthole: cannot start: poll(2) or sigaction(2) is refused, or a standard stream is closed and \
              /dev/null is missing\n"
        })
    }
}
