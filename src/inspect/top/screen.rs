//! A terminal that is drawn again and again: without echo, so that a key works at once, and put back
//! as it was at the end. termios(3)
//!
//! Invariant: no signal that can be handled ends the process while the terminal is changed. They
//! are blocked and read from a descriptor (signalfd(2)).

use std::io;
use std::os::fd::AsFd as _;

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags};
use nix::sys::signal::{SigSet, Signal, raise};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use nix::sys::termios::{LocalFlags, SetArg, SpecialCharacterIndices, Termios, tcgetattr, tcsetattr};
use nix::unistd::read;

use crate::deadline::Deadline;
use crate::error::Error;

/// Hides the cursor, and cuts lines that are too wide: DECTCEM and DECAWM.
pub const BEGIN: &[u8] = b"\x1b[?25l\x1b[?7l";
/// Undoes that, on a line of its own.
pub const END: &[u8] = b"\x1b[?7h\x1b[?25h\n";

/// The signals that would end the process, stop it, or that tell it of another size.
const SIGNALS: [Signal; 6] =
    [Signal::SIGHUP, Signal::SIGINT, Signal::SIGQUIT, Signal::SIGTERM, Signal::SIGTSTP, Signal::SIGWINCH];

/// Why a wait has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wake {
    /// Its time is over.
    Time,
    /// It was told to end: `q`, Ctrl-C, the end of the terminal, or a signal.
    End,
    /// It was told to stop for now: Ctrl-Z.
    Stopped,
    /// The terminal has another size.
    Resized,
}

/// Waits without a terminal.
pub fn sleep(deadline: Deadline) -> Wake {
    std::thread::sleep(deadline.remaining().unwrap_or_default());
    Wake::Time
}

/// The terminal, which is put back when this is dropped.
pub struct Screen {
    /// How it was; `None` if stdin is not a terminal.
    saved: Option<Termios>,
    signals: SignalFd,
    /// Which signals were blocked.
    mask: SigSet,
}

impl Screen {
    /// Changes the terminal. It has to be called before any thread is started, which would receive
    /// the signals.
    pub fn open() -> Result<Self, Error> {
        let ours = SigSet::from_iter(SIGNALS);
        let mask = SigSet::thread_get_mask()?;
        ours.thread_block()?;
        let signals = SignalFd::with_flags(&ours, SfdFlags::SFD_NONBLOCK | SfdFlags::SFD_CLOEXEC);
        let signals = signals.inspect_err(|_| {
            let _ = mask.thread_set_mask();
        })?;
        let screen = Screen { saved: tcgetattr(io::stdin()).ok(), signals, mask };
        screen.change();
        Ok(screen)
    }

    /// Turns off echo and line input. If that fails, the keys just need a newline.
    fn change(&self) {
        if let Some(saved) = &self.saved {
            let mut changed = saved.clone();
            changed.local_flags.remove(LocalFlags::ECHO | LocalFlags::ICANON);
            for (index, value) in [(SpecialCharacterIndices::VMIN, 1), (SpecialCharacterIndices::VTIME, 0)] {
                if let Some(place) = changed.control_chars.get_mut(index as usize) {
                    *place = value;
                }
            }
            let _ = tcsetattr(io::stdin(), SetArg::TCSANOW, &changed);
        }
    }

    fn restore(&self) {
        if let Some(saved) = &self.saved {
            let _ = tcsetattr(io::stdin(), SetArg::TCSANOW, saved);
        }
    }

    /// Waits until the deadline, or until there is something to do before.
    pub fn wait(&self, deadline: Deadline) -> Wake {
        let stdin = io::stdin();
        loop {
            let Ok(left) = deadline.remaining() else { return Wake::Time };
            let mut entries = vec![PollFd::new(self.signals.as_fd(), PollFlags::POLLIN)];
            if self.saved.is_some() {
                entries.push(PollFd::new(stdin.as_fd(), PollFlags::POLLIN));
            }
            if !deadline.wait_any(&mut entries, left).unwrap_or(false) {
                continue;
            }
            let has_input = entries.get(1).is_some_and(|entry| entry.any().unwrap_or(false));
            if let Ok(Some(signal)) = self.signals.read_signal() {
                return match i32::try_from(signal.ssi_signo).map(Signal::try_from) {
                    Ok(Ok(Signal::SIGWINCH)) => Wake::Resized,
                    Ok(Ok(Signal::SIGTSTP)) => Wake::Stopped,
                    _ => Wake::End,
                };
            }
            let mut keys = [0; 64];
            match if has_input { read(&stdin, &mut keys) } else { continue } {
                Ok(count) => {
                    let keys = keys.get(..count).unwrap_or_default();
                    // Ctrl-C too, where the terminal makes no signal of it.
                    if keys.is_empty() || keys.iter().any(|key| matches!(key, b'q' | b'Q' | 3)) {
                        return Wake::End;
                    }
                }
                Err(Errno::EINTR | Errno::EAGAIN) => {}
                Err(_) => return Wake::End,
            }
        }
    }

    /// Stops the process, with the terminal as it was, until it is told to continue. As always, the
    /// kernel ignores this if no shell could do that: signal(7), setpgid(2).
    pub fn stop(&mut self) {
        self.restore();
        let stop = SigSet::from_iter([Signal::SIGTSTP]);
        let _ = raise(Signal::SIGTSTP).and_then(|()| stop.thread_unblock());
        let _ = stop.thread_block();
        // Whoever stopped it may have changed the terminal.
        self.saved = tcgetattr(io::stdin()).ok().or(self.saved.take());
        self.change();
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        self.restore();
        // What has arrived since then ended the process too, in good order; and if the terminal is
        // gone, SIGHUP may be on its way.
        while let Ok(Some(_)) = self.signals.read_signal() {}
        let mut mask = self.mask;
        mask.add(Signal::SIGHUP);
        let _ = mask.thread_set_mask();
    }
}
