//! How protocols found on a wrong port begin: what a server sends first, or in reply to what it
//! does not understand.

/// A protocol that is known by how it begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    /// HTTP/1.
    Http,
    /// HTTP/2.
    Http2,
    /// TLS.
    Tls,
    /// SSH.
    Ssh,
    /// SMTP or FTP, which begin alike.
    SmtpOrFtp,
    /// Redis.
    Redis,
    /// memcached.
    Memcached,
    /// AMQP.
    Amqp,
    /// PostgreSQL.
    Postgres,
    /// MySQL.
    Mysql,
    /// NATS.
    Nats,
}

impl Protocol {
    /// Its name in a message.
    pub fn name(self) -> &'static str {
        self.names().0
    }

    /// Its name in a message, and the check that speaks it, if one does.
    const fn names(self) -> (&'static str, &'static str) {
        match self {
            Protocol::Http => ("HTTP", "http"),
            Protocol::Http2 => ("HTTP/2", "grpc"),
            Protocol::Tls => ("TLS", "tls"),
            Protocol::Ssh => ("SSH", ""),
            Protocol::SmtpOrFtp => ("SMTP or FTP", ""),
            Protocol::Redis => ("Redis", "redis"),
            Protocol::Memcached => ("memcached", "memcached"),
            Protocol::Amqp => ("AMQP", "amqp"),
            Protocol::Postgres => ("PostgreSQL", "postgres"),
            Protocol::Mysql => ("MySQL", "mysql"),
            Protocol::Nats => ("NATS", "nats"),
        }
    }
}

/// Protocols that begin with fixed bytes.
const TEXTS: &[(&[u8], Protocol)] = &[
    (b"HTTP/", Protocol::Http),
    // An error page without a head, which some servers send if a request has no valid version.
    (b"<!DOCTYPE HTML", Protocol::Http),
    (b"<html>", Protocol::Http),
    (b"PRI * HTTP/2.0", Protocol::Http2),
    // An alert: RFC 8446, section 5.1. A TLS server answers with one if it receives anything else.
    (b"\x15\x03", Protocol::Tls),
    (b"SSH-", Protocol::Ssh),
    (b"220 ", Protocol::SmtpOrFtp),
    (b"220-", Protocol::SmtpOrFtp),
    (b"-ERR ", Protocol::Redis),
    (b"-NOAUTH ", Protocol::Redis),
    (b"-DENIED ", Protocol::Redis),
    (b"ERROR\r\n", Protocol::Memcached),
    (b"AMQP", Protocol::Amqp),
    (b"INFO {", Protocol::Nats),
];

/// Returns the protocol of a server that began like this, if it is known and not the one that the
/// check speaks.
pub fn other(opening: &[u8], check: &str) -> Option<Protocol> {
    let text = TEXTS.iter().find(|(beginning, _)| opening.starts_with(beginning));
    let known = text.map(|(_, protocol)| *protocol).or_else(|| first_message(opening))?;
    (known.names().1 != check).then_some(known)
}

/// Returns the part of an opening that is the same in every connection. In MySQL's greeting, the
/// connection number and a scramble follow the version.
pub fn steady(opening: &[u8]) -> &[u8] {
    match opening {
        [_, _, 0, 0, 10, version @ ..] => {
            let end = version.iter().position(|&byte| byte == 0);
            end.and_then(|end| opening.get(..end + 6)).unwrap_or(opening)
        }
        _ => opening,
    }
}

/// Returns the protocol whose first message this is.
fn first_message(opening: &[u8]) -> Option<Protocol> {
    match opening {
        // SETTINGS, a list of entries of six bytes, or GOAWAY: RFC 9113, section 6.
        [0, 0, length, 4, 0, 0, 0, 0, 0, ..] if length % 6 == 0 => Some(Protocol::Http2),
        [0, 0, 8..=255, 7, 0, 0, 0, 0, 0, ..] => Some(Protocol::Http2),
        // `ErrorResponse` and its length; the first field is the severity.
        [b'E', 0, 0, _, _, b'S', ..] => Some(Protocol::Postgres),
        // The first packet: version 10 of the handshake and then the server's version, or an error.
        [_, _, 0, 0, 10, b'0'..=b'9', ..] | [_, _, 0, 0, 0xff, _, 3..=15, ..] => Some(Protocol::Mysql),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_part_that_is_the_same_each_time() {
        assert_eq!(steady(b"J\0\0\0\n8.0.36\0\x08\0\0\0\x1dn>8Y"), b"J\0\0\0\n8.0.36\0");
        for opening in [&b"J\0\0\0\n8.0.36"[..], b"J\0\0\0\n", b"hello\0there", b""] {
            assert_eq!(steady(opening), opening);
        }
    }

    #[test]
    fn openings() {
        for (opening, check, name) in [
            (&b"HTTP/1.1 400 Bad Request\r\n"[..], "redis", Some("HTTP")),
            (b"HTTP/1.1 400 Bad Request\r\n", "http", None),
            // From Python's http.server and nginx.
            (b"<!DOCTYPE HTML>\n<html", "redis", Some("HTTP")),
            (b"<html>\r\n<head>", "redis", Some("HTTP")),
            (b"\x15\x03\x01\0\x02\x02\x46", "http", Some("TLS")),
            (b"SSH-2.0-OpenSSH_9.2\r\n", "http", Some("SSH")),
            (b"220 mail.example ESMTP\r\n", "tls", Some("SMTP or FTP")),
            (b"220-welcome\r\n", "grpc", Some("SMTP or FTP")),
            (b"-ERR unknown command 'GET'\r\n", "http", Some("Redis")),
            (b"-ERR unknown command 'GET'\r\n", "redis", None),
            (b"-NOAUTH Authentication required.\r\n", "http", Some("Redis")),
            (b"ERROR\r\nERROR\r\n", "http", Some("memcached")),
            (b"AMQP\0\0\x09\x01", "http", Some("AMQP")),
            (b"INFO {\"server_id\":\"N", "http", Some("NATS")),
            (b"INFO {\"server_id\":\"N", "nats", None),
            // From nghttp2, grpc-go and netty.
            (b"\0\0\x12\x04\0\0\0\0\0\0\x03\0\0\0\x64", "http", Some("HTTP/2")),
            (b"\0\0\0\x04\0\0\0\0\0", "http", Some("HTTP/2")),
            (b"\0\0\x41\x07\0\0\0\0\0\0\0\0\0\0\0\0\x01", "http", Some("HTTP/2")),
            (b"\0\0\x0c\x04\0\0\0\0\0", "grpc", None),
            (b"\0\0\x0d\x04\0\0\0\0\0", "http", None),
            (b"PRI * HTTP/2.0\r\n", "tls", Some("HTTP/2")),
            (b"E\0\0\0\x84SFATAL\0VFATAL\0C0A000\0", "http", Some("PostgreSQL")),
            (b"E\0\0\0\x84SFATAL\0VFATAL\0C0A000\0", "postgres", None),
            (b"J\0\0\0\n8.0.36\0", "http", Some("MySQL")),
            // Host '…' is not allowed to connect.
            (b"D\0\0\0\xffj\x04Host", "http", Some("MySQL")),
            (b"J\0\0\0\n8.0.36\0", "mysql", None),
            (b"\x20\x02\0\x05", "http", None),
            (b"ok", "http", None),
            (b"", "http", None),
        ] {
            let found = other(opening, check).map(Protocol::name);
            assert_eq!(found, name, "{check}: {}", opening.escape_ascii());
        }
    }
}
