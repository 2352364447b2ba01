//! Frames of HTTP/2 on a wire. RFC 9113, sections 4 and 6.

use super::Http2Error;
use crate::net::socket::WireError;
use crate::net::wire::Wire;

pub const DATA: u8 = 0;
pub const HEADERS: u8 = 1;
pub const RST_STREAM: u8 = 3;
pub const SETTINGS: u8 = 4;
pub const PUSH_PROMISE: u8 = 5;
pub const PING: u8 = 6;
pub const GOAWAY: u8 = 7;
pub const WINDOW_UPDATE: u8 = 8;
pub const CONTINUATION: u8 = 9;

/// Flag of SETTINGS and PING.
pub const ACK: u8 = 0x1;
/// Flag of DATA and HEADERS.
pub const END_STREAM: u8 = 0x1;
/// Flag of HEADERS and CONTINUATION.
pub const END_HEADERS: u8 = 0x4;
/// Flag of DATA and HEADERS.
const PADDED: u8 = 0x8;
/// Flag of HEADERS.
const PRIORITY: u8 = 0x20;

/// The largest payload in both directions, in bytes: the initial SETTINGS_MAX_FRAME_SIZE.
pub const LARGEST: usize = 16 << 10;
/// The length of the header before the payload, in bytes.
const HEADER: usize = 9;
/// How much is read at once, in bytes.
const PIECE: usize = 4096;
/// The most frames without data that are accepted in an exchange; a dozen is usual.
const FRAME_LIMIT: u32 = 1000;

/// A frame as it was received.
#[derive(Debug)]
pub struct Frame {
    pub kind: u8,
    pub flags: u8,
    pub stream: u32,
    pub payload: Vec<u8>,
}

impl Frame {
    /// Returns whether this flag is set.
    pub fn has(&self, flag: u8) -> bool {
        self.flags & flag != 0
    }

    /// Returns the payload of DATA or HEADERS without padding and priority; `None` if it is too
    /// short. Sections 6.1 and 6.2.
    pub fn content(&self) -> Option<&[u8]> {
        let mut content = self.payload.as_slice();
        if self.has(PADDED) {
            let (&padding, rest) = content.split_first()?;
            content = rest.get(..rest.len().checked_sub(usize::from(padding))?)?;
        }
        if self.kind == HEADERS && self.has(PRIORITY) {
            content = content.get(5..)?;
        }
        Some(content)
    }

    /// Returns the number of 32 bits at this offset of the payload.
    pub fn number(&self, at: usize) -> Option<u32> {
        self.payload.get(at..)?.first_chunk().map(|bytes| u32::from_be_bytes(*bytes))
    }
}

/// Both directions of a connection, as frames.
#[derive(Debug)]
pub struct Frames {
    received: Vec<u8>,
    unsent: Vec<u8>,
    count: u32,
}

impl Frames {
    /// Frames on a new connection; the preface is sent before the first one.
    pub fn new(preface: &[u8]) -> Self {
        Frames { received: Vec::new(), unsent: preface.to_vec(), count: 0 }
    }

    /// Queues a frame, to be sent before the next read.
    pub fn queue(&mut self, kind: u8, flags: u8, stream: u32, payload: &[u8]) {
        // Never longer than LARGEST.
        let length = u32::try_from(payload.len()).unwrap_or_default();
        self.unsent.extend_from_slice(length.to_be_bytes().get(1..).unwrap_or_default());
        self.unsent.extend_from_slice(&[kind, flags]);
        self.unsent.extend_from_slice(&stream.to_be_bytes());
        self.unsent.extend_from_slice(payload);
    }

    /// Sends what is queued; errors are ignored.
    pub fn flush(&mut self, wire: &mut Wire) {
        let _ = wire.write_all(&self.unsent);
        self.unsent.clear();
    }

    /// Does not count the last frame: it has data, whose amount the reader bounds.
    pub fn forgive(&mut self) {
        self.count = self.count.saturating_sub(1);
    }

    /// Returns the next frame.
    pub fn next(&mut self, wire: &mut Wire) -> Result<Frame, Http2Error> {
        self.count += 1;
        if self.count > FRAME_LIMIT {
            return Err(Http2Error::Excess("no end after 1000 frames"));
        }
        self.fill(wire, HEADER)?;
        let Some(&[high, middle, low, kind, flags, ref stream @ ..]) = self.received.first_chunk::<HEADER>()
        else {
            return Err(Http2Error::Wire(WireError::closed()));
        };
        let stream = u32::from_be_bytes(*stream) & 0x7fff_ffff;
        let length = u32::from_be_bytes([0, high, middle, low]) as usize;
        if length > LARGEST {
            return Err(Http2Error::Excess("a frame is larger than 16 KiB"));
        }
        self.fill(wire, HEADER + length)?;
        let rest = self.received.split_off(HEADER + length);
        let payload = std::mem::replace(&mut self.received, rest).split_off(HEADER);
        Ok(Frame { kind, flags, stream, payload })
    }

    /// Reads until this many bytes were received.
    fn fill(&mut self, wire: &mut Wire, length: usize) -> Result<(), Http2Error> {
        let mut piece = [0; PIECE];
        while self.received.len() < length {
            match wire.write_all(&self.unsent) {
                // A peer that accepts no more may have said why: that has to be read.
                Ok(()) | Err(WireError::Failed(_)) => self.unsent.clear(),
                Err(error) => return Err(Http2Error::Unsent(error)),
            }
            match wire.read(&mut piece).map_err(Http2Error::Wire)? {
                0 => return Err(Http2Error::Wire(WireError::closed())),
                count => self.received.extend_from_slice(piece.get(..count).unwrap_or_default()),
            }
            if self.count == 1 && !may_be_first(&self.received) {
                return Err(Http2Error::NotHttp2);
            }
        }
        Ok(())
    }
}

/// Returns whether this may be the beginning of a server's first frame: SETTINGS (section 3.4), or
/// GOAWAY from a server that rejects us, of less than 64 KiB, on stream 0.
fn may_be_first(bytes: &[u8]) -> bool {
    bytes.iter().take(HEADER).enumerate().all(|(at, &byte)| match at {
        1 | 2 => true,
        3 => matches!(byte, SETTINGS | GOAWAY),
        _ => byte == 0,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn padding_and_priority_are_not_content() {
        let content = |kind, flags, payload: &[u8]| {
            Frame { kind, flags, stream: 1, payload: payload.to_vec() }.content().map(<[u8]>::to_vec)
        };
        assert_eq!(content(DATA, 0, b"abc").unwrap(), b"abc");
        assert_eq!(content(DATA, PRIORITY, b"abc").unwrap(), b"abc");
        assert_eq!(content(DATA, PADDED, b"\x02abc\0\0").unwrap(), b"abc");
        assert_eq!(content(DATA, PADDED, b"\x02\0\0").unwrap(), b"");
        assert_eq!(content(HEADERS, PADDED | PRIORITY, b"\x01\0\0\0\0\x10abc\0").unwrap(), b"abc");
        for (flags, payload) in [(PADDED, &b""[..]), (PADDED, b"\x03ab"), (PRIORITY, b"\0\0\0\0")] {
            assert_eq!(content(HEADERS, flags, payload), None, "{payload:?}");
        }
    }

    #[test]
    fn how_an_http2_server_begins() {
        for bytes in [&b""[..], b"\0", b"\0\0\x12\x04\0\0\0\0\0\0\x03", b"\0\0\x08\x07\0\0\0\0\0"] {
            assert!(may_be_first(bytes), "{bytes:?}");
        }
        for bytes in [
            &b"H"[..],
            b"HTTP/1.1 400 Bad Request\r\n",
            b"\x15\x03\x01\0\x02\x02F",
            b"\0\0\0\x04\x01\0\0\0\0",
            b"\0\0\0\x04\0\0\0\0\x01",
            b"\0\0\0\0\0\0\0\0\0",
        ] {
            assert!(!may_be_first(bytes), "{bytes:?}");
        }
    }
}
