//! Standard output of an inspection, buffered.
//!
//! std's `Stdout` looks for newlines in all that is written and splits it there. An answer may have
//! gigabytes, and only its end has to be flushed.

use std::io;

use nix::errno::Errno;
use nix::unistd::write;

/// The size of the buffer, in bytes.
const BUFFER: usize = 32 << 10;

/// Standard output and what has not been written to it yet.
pub(super) struct Output {
    held: Vec<u8>,
}

impl Output {
    pub fn new() -> Self {
        Output { held: Vec::with_capacity(BUFFER) }
    }

    /// Holds these bytes back if there is room for all of them, and returns whether there is.
    pub fn hold(&mut self, pieces: &[&[u8]]) -> bool {
        let has_room = self.held.len() + pieces.iter().map(|piece| piece.len()).sum::<usize>() <= BUFFER;
        if has_room {
            for piece in pieces {
                self.held.extend_from_slice(piece);
            }
        }
        has_room
    }

    /// Returns whether nothing is held back.
    pub fn is_empty(&self) -> bool {
        self.held.is_empty()
    }

    /// Writes what is held back, and then these bytes unless they can be held back.
    pub fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        let written = write_all(&self.held);
        self.held.clear();
        written?;
        if self.hold(&[bytes]) { Ok(()) } else { write_all(bytes) }
    }
}

fn write_all(bytes: &[u8]) -> io::Result<()> {
    let mut rest = bytes;
    while !rest.is_empty() {
        match write(io::stdout(), rest) {
            Ok(0) => return Err(Errno::EIO.into()),
            Ok(count) => rest = rest.get(count..).unwrap_or_default(),
            Err(Errno::EINTR) => {}
            Err(errno) => return Err(errno.into()),
        }
    }
    Ok(())
}
