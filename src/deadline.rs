//! One wall-clock deadline for everything that can wait.
//!
//! Invariant: no function takes a bare timeout. A peer that sends a byte a second cannot stretch a
//! deadline as it stretches a timeout per read.

use std::os::fd::BorrowedFd;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

/// A moment on the monotonic clock by which an attempt is over.
#[derive(Debug, Clone, Copy)]
pub struct Deadline {
    limit: Duration,
    end: Instant,
}

/// The deadline has passed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Passed;

impl Deadline {
    /// The deadline that is this far away.
    pub fn after(limit: Duration) -> Self {
        Deadline { limit, end: Instant::now() + limit }
    }

    /// How far away it was when it was made.
    pub fn limit(&self) -> Duration {
        self.limit
    }

    /// How far away it still is.
    pub fn remaining(&self) -> Result<Duration, Passed> {
        let left = self.end.saturating_duration_since(Instant::now());
        if left.is_zero() { Err(Passed) } else { Ok(left) }
    }

    /// This deadline, or the one that is `at_most` away if that comes first.
    #[must_use]
    pub fn at_most(self, at_most: Duration) -> Self {
        let sooner = Instant::now() + at_most;
        if sooner < self.end { Deadline { limit: at_most, end: sooner } } else { self }
    }

    /// Waits until one of the descriptors is ready for what its entry asks, or for `at_most`.
    /// Returns whether one is. poll(2).
    pub fn wait_any(&self, entries: &mut [PollFd<'_>], at_most: Duration) -> Result<bool, Passed> {
        let until = Instant::now() + at_most;
        loop {
            let left = self.remaining()?;
            let pause = left.min(until.saturating_duration_since(Instant::now()));
            // Rounded up, for poll counts in milliseconds and must not spin through the last one.
            let up = u64::from(pause.subsec_nanos() % 1_000_000 > 0);
            let millis = pause.as_secs().saturating_mul(1000) + u64::from(pause.subsec_millis()) + up;
            match poll(entries, PollTimeout::try_from(millis).unwrap_or(PollTimeout::MAX)) {
                Ok(0) if Instant::now() < until => {}
                Ok(ready) => return Ok(ready > 0),
                Err(Errno::EINTR | Errno::EAGAIN | Errno::ENOMEM) => {}
                // EINVAL, EFAULT: no memory or descriptor of ours is behind that; as if nothing came.
                Err(_) => return Err(Passed),
            }
        }
    }

    /// Waits until this descriptor is ready for `what`.
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
