//! The messages of grpc.health.v1 as they are on the wire.
//!
//! Length-prefixed messages: https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md
//! Health: https://github.com/grpc/grpc/blob/master/doc/health-checking.md
//! Protocol Buffers: https://protobuf.dev/programming-guides/encoding/

/// Names of `HealthCheckResponse.ServingStatus`, from 0.
const STATUSES: [&str; 4] = ["UNKNOWN", "SERVING", "NOT_SERVING", "SERVICE_UNKNOWN"];

/// A `HealthCheckRequest` for this service, with its prefix.
pub(super) fn request(service: &str) -> Vec<u8> {
    let mut message = Vec::new();
    if !service.is_empty() {
        // Field 1, of a length that a varint has.
        message.push(0x0a);
        let mut length = service.len();
        while length > 0x7f {
            message.extend(u8::try_from(length & 0x7f | 0x80));
            length >>= 7;
        }
        message.extend(u8::try_from(length));
        message.extend_from_slice(service.as_bytes());
    }
    let mut framed = vec![0];
    framed.extend_from_slice(&u32::try_from(message.len()).unwrap_or_default().to_be_bytes());
    framed.extend_from_slice(&message);
    framed
}

/// The status that a response's body holds, or what is wrong with it.
pub(super) fn response(body: &[u8]) -> Result<String, &'static str> {
    let Some((&[flag, a, b, c, d], message)) = body.split_first_chunk() else {
        return Err("the response has no message");
    };
    if flag != 0 {
        return Err("the message is compressed, but compression was not offered");
    }
    if u32::from_be_bytes([a, b, c, d]) as usize != message.len() {
        return Err("the message does not have the length it declares");
    }
    let status = status(message).ok_or("the message is not a HealthCheckResponse")?;
    let known = usize::try_from(status).ok().and_then(|status| STATUSES.get(status));
    Ok(known.map_or_else(|| format!("status {status}"), |name| (*name).to_owned()))
}

/// Field 1 of a `HealthCheckResponse`, the last where it comes several times; unknown fields are skipped.
fn status(mut message: &[u8]) -> Option<u64> {
    let mut status = 0;
    while !message.is_empty() {
        let tag = varint(&mut message)?;
        let skipped = match tag & 7 {
            0 => {
                let value = varint(&mut message)?;
                if tag == 1 << 3 {
                    status = value;
                }
                0
            }
            1 => 8,
            2 => varint(&mut message)?,
            5 => 4,
            _ => return None,
        };
        // Field 0 does not exist, and 1 is a varint.
        if tag >> 3 == 0 || (tag >> 3 == 1 && tag & 7 != 0) {
            return None;
        }
        message = message.get(usize::try_from(skipped).ok()?..)?;
    }
    Some(status)
}

fn varint(message: &mut &[u8]) -> Option<u64> {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let (&byte, rest) = message.split_first()?;
        *message = rest;
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests() {
        assert_eq!(request(""), b"\0\0\0\0\0");
        assert_eq!(request("db"), b"\0\0\0\0\x04\x0a\x02db");
        let long = request(&"x".repeat(300));
        assert_eq!(long[..8], *b"\0\0\0\x01\x2f\x0a\xac\x02");
        assert_eq!(long.len(), 308);
    }

    #[test]
    fn responses() {
        for (body, status) in [
            (&b"\0\0\0\0\x02\x08\x01"[..], "SERVING"),
            (b"\0\0\0\0\x02\x08\x02", "NOT_SERVING"),
            (b"\0\0\0\0\x02\x08\x03", "SERVICE_UNKNOWN"),
            // The default is not sent.
            (b"\0\0\0\0\0", "UNKNOWN"),
            (b"\0\0\0\0\x02\x08\x07", "status 7"),
            // Fields 2 to 4 of other types, and a number of two bytes that field 1 is not.
            (b"\0\0\0\0\x17\x10\xac\x02\x1a\x02hi\x25abcd\x29abcdefgh\x08\x01", "SERVING"),
        ] {
            assert_eq!(response(body).as_deref(), Ok(status), "{body:?}");
        }
    }

    #[test]
    fn not_responses() {
        let no_response = "the message is not a HealthCheckResponse";
        for (body, why) in [
            (&b""[..], "the response has no message"),
            (b"\0\0\0\0", "the response has no message"),
            (b"\x01\0\0\0\x02\x08\x01", "the message is compressed, but compression was not offered"),
            (b"\0\0\0\0\x03\x08\x01", "the message does not have the length it declares"),
            (b"\0\xff\xff\xff\xff\x08\x01", "the message does not have the length it declares"),
            (b"\0\0\0\0\x02\x08\x01\0\0\0\0\0", "the message does not have the length it declares"),
            (b"\0\0\0\0\x01\x08", no_response),
            (b"\0\0\0\0\x02\x08\xff", no_response),
            (b"\0\0\0\0\x03\x0a\x01x", no_response),
            (b"\0\0\0\0\x02\x12\x7f", no_response),
            (b"\0\0\0\0\x02\x00\x01", no_response),
            (b"\0\0\0\0\x01\x0b", no_response),
            (b"\0\0\0\0\x0c\x12\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01x", no_response),
            (b"\0\0\0\0\x0c\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", no_response),
        ] {
            assert_eq!(response(body), Err(why), "{body:?}");
        }
    }
}
