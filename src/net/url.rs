//! HTTP URLs of health checks, and where redirects lead. RFC 3986; RFC 9110, section 4.2.

use std::fmt::{self, Write as _};

use super::target::{Host, HostPort, parse_port};
use crate::text::encode;

/// What [`Url::parse`] expects.
pub const URL: &str = "http://host:port/path, :port/path or host:port/path";

/// What is expected if the scheme is another one.
const SCHEME: &str = "an http:// or https:// URL";
/// A parsed URL without a fragment. Its `Display` omits the user info, so that it may be printed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Url {
    /// Whether the scheme is https or wss.
    pub tls: bool,
    /// Whether the scheme is ws or wss. RFC 6455, section 3.
    pub is_websocket: bool,
    /// The host and port, which may be the scheme's default.
    pub place: HostPort,
    /// The host as text.
    host: String,
    /// Whether the port was typed, and is therefore shown.
    explicit_port: bool,
    /// Path and query, never empty.
    pub path: String,
    /// `user:password`, percent-decoded; the password may be empty.
    pub user_info: Option<Vec<u8>>,
}

impl Url {
    /// Parses `http://host:port/path?query`, `https://…`, or a short form, which is http:
    /// `:8080/healthz`, `host:8080/healthz`. A port without a host is one of localhost. The error says
    /// what was expected.
    pub fn parse(text: &str) -> Result<Self, String> {
        let (scheme, rest) = split_scheme(text).unwrap_or(("http", text));
        let is = |name: &str| scheme.eq_ignore_ascii_case(name);
        let (tls, is_websocket) = (is("https") || is("wss"), is("ws") || is("wss"));
        if !tls && !is_websocket && !is("http") {
            return Err(SCHEME.to_owned());
        }
        let short = rest.len() == text.len();
        let (authority, tail) = split_before(rest, b"/?#");
        let (user_info, place) = match authority.rsplit_once('@') {
            Some((user_info, place)) => (Some(credentials(user_info)), place),
            None => (None, authority),
        };
        let (host, port) = split_port(place);
        if short && port.is_none() {
            return Err(if host.bytes().all(|b| b.is_ascii_digit()) && !host.is_empty() {
                format!("{URL}; write a bare port as :{host}")
            } else {
                URL.to_owned()
            });
        }
        let host = match host {
            // `https://:8443/` too: `http http://:8080/ or http https://:8080/`.
            "" if short || port.is_some_and(|port| !port.is_empty()) => Host::localhost(),
            host => Host::parse(host)?,
        };
        let host_text = host.to_string();
        let explicit_port = port.is_some_and(|port| !port.is_empty());
        let port = match port {
            // RFC 3986, 3.2.3: an empty port is the default.
            None | Some("") if !short => default_port(tls),
            port => port.and_then(parse_port).ok_or("a port from 1 to 65535")?,
        };
        let path = path_and_query(tail)?;
        let place = HostPort { host, port };
        Ok(Url { tls, is_websocket, place, host: host_text, explicit_port, path, user_info })
    }

    /// Resolves a `location` in a response from this URL. RFC 3986, section 5.2. User info is kept
    /// only for the same scheme, host and port. A server names its WebSocket by http:// too.
    #[inline(never)]
    pub fn join(&self, location: &str) -> Result<Self, String> {
        let (reference, _) = split_before(location, b"#");
        let (path, query) = split_before(reference, b"?");
        let without_scheme = reference.starts_with("//");
        let mut url = if without_scheme || split_before(reference, b":/?").1.starts_with(':') {
            let scheme = if self.tls { "https:" } else { "http:" };
            let absolute = [if without_scheme { scheme } else { "" }, reference].concat();
            if split_scheme(&absolute).is_none() {
                return Err(SCHEME.to_owned());
            }
            Url::parse(&absolute)?
        } else {
            let (base, own_query) = split_before(&self.path, b"?");
            let path = if path.is_empty() {
                [base, if reference.is_empty() { own_query } else { query }].concat()
            } else {
                let folder = base.get(..base.rfind('/').unwrap_or_default()).unwrap_or_default();
                let beginning = if path.starts_with('/') { ["", ""] } else { [folder, "/"] };
                without_dots(&[&beginning.concat(), path].concat()) + query
            };
            let mut url = self.clone();
            url.path = path_and_query(&path)?;
            url
        };
        if url.is_websocket && !self.is_websocket {
            return Err(SCHEME.to_owned());
        }
        url.is_websocket = self.is_websocket;
        if url.user_info.is_none() && (url.tls, &url.place) == (self.tls, &self.place) {
            url.user_info.clone_from(&self.user_info);
        }
        Ok(url)
    }

    fn host_and_port(&self) -> String {
        [&self.host, ":", &self.place.port.to_string()].concat()
    }

    /// Returns the value of the `Host` header, without the port if it is the scheme's default.
    pub fn host_header(&self) -> String {
        if self.place.port == default_port(self.tls) { self.host.clone() } else { self.host_and_port() }
    }
}

impl fmt::Display for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match (self.is_websocket, self.tls) {
            (false, false) => "http://",
            (false, true) => "https://",
            (true, false) => "ws://",
            (true, true) => "wss://",
        })?;
        f.write_str(&if self.explicit_port { self.host_and_port() } else { self.host.clone() })?;
        f.write_str(&self.path)
    }
}

/// Returns the port of a URL that names none.
fn default_port(tls: bool) -> u16 {
    if tls { 443 } else { 80 }
}

/// Splits the text before the first of these ASCII characters.
fn split_before<'a>(text: &'a str, marks: &[u8]) -> (&'a str, &'a str) {
    let at = text.bytes().position(|byte| marks.contains(&byte)).unwrap_or(text.len());
    text.split_at_checked(at).unwrap_or((text, ""))
}

/// Splits off the scheme. A `://` after the first `/`, `?` or `#` is part of the path or query.
fn split_scheme(text: &str) -> Option<(&str, &str)> {
    let (scheme, rest) = split_before(text, b"/?#");
    Some((scheme.strip_suffix(':')?, rest.strip_prefix("//")?))
}

/// Splits `host:port`, but not within the brackets of an IPv6 address.
fn split_port(place: &str) -> (&str, Option<&str>) {
    match place.rsplit_once(':') {
        Some((host, port)) if !port.as_bytes().contains(&b']') => (host, Some(port)),
        _ => (place, None),
    }
}

/// Returns path and query without the fragment, beginning with `/`; an error if a character is not
/// allowed in a request line.
fn path_and_query(tail: &str) -> Result<String, String> {
    let (tail, _) = split_before(tail, b"#");
    if let Some(bad) =
        tail.chars().find(|&c| !c.is_ascii_graphic() || matches!(c, '"' | '<' | '>' | '`' | '\\'))
    {
        let mut encoded = String::new();
        for byte in encode(bad.encode_utf8(&mut [0; 4])).iter() {
            // Writing to a String cannot fail.
            let _ = write!(encoded, "%{byte:02X}");
        }
        return Err(format!("a URL with '{bad}' written as {encoded}"));
    }
    Ok(if tail.starts_with('/') { tail.to_owned() } else { format!("/{tail}") })
}

/// Resolves `.` and `..`: RFC 3986, 5.2.4.
fn without_dots(path: &str) -> String {
    let mut out = String::new();
    let mut is_folder = false;
    for segment in path.split('/').skip(1) {
        is_folder = matches!(segment, "." | "..");
        if !is_folder {
            out.push('/');
            out.push_str(segment);
        } else if segment == ".." {
            out.truncate(out.rfind('/').unwrap_or_default());
        }
    }
    if is_folder {
        out.push('/');
    }
    out
}

/// Returns user info as basic authentication requires it, with a colon.
fn credentials(user_info: &str) -> Vec<u8> {
    let mut decoded = percent_decoded(user_info.as_bytes());
    if !user_info.as_bytes().contains(&b':') {
        decoded.push(b':');
    }
    decoded
}

/// Decodes `%41`; a `%` that is not followed by two hexadecimal digits is kept.
pub fn percent_decoded(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((&first, tail)) = rest.split_first() {
        let digits =
            if first == b'%' { tail.get(..2).and_then(|d| std::str::from_utf8(d).ok()) } else { None };
        let byte = digits
            .filter(|d| d.bytes().all(|b| b.is_ascii_hexdigit()))
            .and_then(|d| u8::from_str_radix(d, 16).ok());
        out.push(byte.unwrap_or(first));
        rest = if byte.is_some() { tail.get(2..).unwrap_or_default() } else { tail };
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls() {
        for (text, shown, place) in [
            (":8080/healthz", "http://localhost:8080/healthz", "localhost:8080"),
            (":8080", "http://localhost:8080/", "localhost:8080"),
            ("http://:8080/", "http://localhost:8080/", "localhost:8080"),
            ("https://:8443", "https://localhost:8443/", "localhost:8443"),
            ("host:8080/healthz", "http://host:8080/healthz", "host:8080"),
            ("[::1]:8080", "http://[::1]:8080/", "[::1]:8080"),
            ("http://127.0.0.1/", "http://127.0.0.1/", "127.0.0.1:80"),
            ("http://127.0.0.1:/x", "http://127.0.0.1/x", "127.0.0.1:80"),
            ("https://Host", "https://host/", "host:443"),
            ("HTTP://host:80?a=b", "http://host:80/?a=b", "host:80"),
            ("http://host/a#frag", "http://host/a", "host:80"),
            ("ws://host/chat", "ws://host/chat", "host:80"),
            ("WSS://host", "wss://host/", "host:443"),
            ("http://user:p%40ss@host/a", "http://host/a", "host:80"),
            ("http://a@b@host/a", "http://host/a", "host:80"),
            (":80/a:b@c", "http://localhost:80/a:b@c", "localhost:80"),
            (":80/ok?next=http://x/", "http://localhost:80/ok?next=http://x/", "localhost:80"),
            ("h:80?ftp://x", "http://h:80/?ftp://x", "h:80"),
            (":80/http://x", "http://localhost:80/http://x", "localhost:80"),
        ] {
            let url = Url::parse(text).unwrap_or_else(|e| panic!("{text}: {e}"));
            assert_eq!((url.to_string().as_str(), url.place.to_string().as_str()), (shown, place), "{text}");
        }
        assert_eq!(Url::parse("http://u:p%40s%zz@h").unwrap().user_info.unwrap(), b"u:p@s%zz");
    }

    #[test]
    fn invalid_urls() {
        for (text, part) in [
            ("", URL),
            ("8080", ":8080"),
            ("host/path", URL),
            ("ftp://host/", "http://"),
            ("://host/", "http://"),
            ("http://", "a host name"),
            ("http://:/", "a host name"),
            ("http://host:0/", "a port from 1"),
            ("http://host:65536/", "a port from 1"),
            ("http://host:abc/", "a port from 1"),
            (":/x", "a port from 1"),
            ("http://::1/", "a host name or address"),
            ("http://[::1/", "in brackets"),
            (":80/a b", "%20"),
            (":80/é", "%C3%A9"),
            (":80/\n", "%0A"),
        ] {
            let error = Url::parse(text).unwrap_err();
            assert!(error.contains(part), "{text}: {error}");
        }
    }

    #[test]
    fn where_redirects_lead() {
        let base = Url::parse("http://u:p@host:8080/a/b?q=1").unwrap();
        for (location, target) in [
            ("/login", "http://host:8080/login"),
            ("c", "http://host:8080/a/c"),
            ("./c?x=/../y", "http://host:8080/a/c?x=/../y"),
            ("../c", "http://host:8080/c"),
            ("../../../c", "http://host:8080/c"),
            ("..", "http://host:8080/"),
            ("?r=2", "http://host:8080/a/b?r=2"),
            ("", "http://host:8080/a/b?q=1"),
            ("//other/x", "http://other/x"),
            ("https://host/x#f", "https://host/x"),
            ("http://host:9090", "http://host:9090/"),
            ("http://HOST:8080/x", "http://host:8080/x"),
            ("https://host:8080/x", "https://host:8080/x"),
        ] {
            let url = base.join(location).unwrap_or_else(|e| panic!("{location}: {e}"));
            assert_eq!(url.to_string(), target, "{location}");
            let same = url.place == base.place && !url.tls;
            assert_eq!(url.user_info.is_some(), same, "{location}");
        }
        for location in ["mailto:x@y", "mailto:x@y:1?http://z", "ftp://host/", "http://host:0/", "/a b"] {
            assert!(base.join(location).is_err(), "{location}");
        }
    }
}
