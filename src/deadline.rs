//! One deadline for everything that can wait.
//!
//! Invariant: no function takes a bare timeout. A peer that sends one byte per second can extend a
//! timeout per read, but not a deadline.

use std::os::fd::BorrowedFd;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

/// A point on the monotonic clock at which an attempt ends.
#[derive(Debug, Clone, Copy)]
pub struct Deadline {
    limit: Duration,
    end: Instant,
}

/// The deadline has passed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Passed;

impl Deadline {
    /// Returns the deadline that is `limit` from now.
    pub fn after(limit: Duration) -> Self {
        Deadline { limit, end: Instant::now() + limit }
    }

    /// Returns how far away the deadline was when it was created.
    pub fn limit(&self) -> Duration {
        self.limit
    }

    /// Returns the remaining time.
    pub fn remaining(&self) -> Result<Duration, Passed> {
        let left = self.end.saturating_duration_since(Instant::now());
        if left.is_zero() { Err(Passed) } else { Ok(left) }
    }

    /// Returns this deadline, or the one that is `at_most` from now if that is sooner.
    #[must_use]
    pub fn at_most(self, at_most: Duration) -> Self {
        let sooner = Instant::now() + at_most;
        if sooner < self.end { Deadline { limit: at_most, end: sooner } } else { self }
    }

    /// Waits until one of the descriptors has an event that its entry requests, but no longer than
    /// `at_most`. Returns whether one has. poll(2).
    pub fn wait_any(&self, entries: &mut [PollFd<'_>], at_most: Duration) -> Result<bool, Passed> {
        let until = Instant::now() + at_most;
        loop {
            let left = self.remaining()?;
            let pause = left.min(until.saturating_duration_since(Instant::now()));
            // Rounded up: poll counts in milliseconds, and a timeout of 0 would spin through the
            // last one.
            let up = u64::from(pause.subsec_nanos() % 1_000_000 > 0);
            let millis = pause.as_secs().saturating_mul(1000) + u64::from(pause.subsec_millis()) + up;
            match poll(entries, PollTimeout::try_from(millis).unwrap_or(PollTimeout::MAX)) {
                Ok(0) if Instant::now() < until => {}
                Ok(ready) => return Ok(ready > 0),
                Err(Errno::EINTR | Errno::EAGAIN | Errno::ENOMEM) => {}
                // EINVAL and EFAULT cannot come from porthole's memory or descriptors. They are
                // treated as if the deadline had passed.
                Err(_) => return Err(Passed),
            }
        }
    }

    /// Waits until this descriptor has one of the events `what`.
    pub fn wait(&self, descriptor: BorrowedFd<'_>, what: PollFlags) -> Result<(), Passed> {
        while !self.wait_any(&mut [PollFd::new(descriptor, what)], self.remaining()?)? {}
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write as _;
    use std::os::fd::AsFd as _;
    use std::os::unix::net::UnixStream;

    #[test]
    fn silence_ends_at_the_deadline() {
        let (near, _far) = UnixStream::pair().unwrap();
        let deadline = Deadline::after(Duration::from_millis(30));
        let start = Instant::now();
        assert_eq!(deadline.wait(near.as_fd(), PollFlags::POLLIN), Err(Passed));
        assert!(start.elapsed() >= Duration::from_millis(30));
        assert_eq!(deadline.remaining(), Err(Passed));
    }

    #[test]
    fn data_ends_the_wait() {
        let (near, mut far) = UnixStream::pair().unwrap();
        far.write_all(b"x").unwrap();
        let deadline = Deadline::after(Duration::from_mins(1));
        assert_eq!(deadline.wait(near.as_fd(), PollFlags::POLLIN), Ok(()));
    }

    #[test]
    fn the_sooner_one_counts() {
        let deadline = Deadline::after(Duration::from_mins(1));
        assert_eq!(deadline.at_most(Duration::from_secs(1)).limit(), Duration::from_secs(1));
        assert_eq!(deadline.at_most(Duration::from_secs(90)).limit(), Duration::from_mins(1));
    }
}
