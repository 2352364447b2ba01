//! The request of an http check: from options to the bytes on the wire.

use std::time::Instant;

use super::answer::{Answer, failure};
use super::data;
use super::websocket::Opening;
use crate::args::{Given, UsageError};
use crate::check::Attempt;
use crate::check::headers::{self, Header, USER_AGENT, base64, is_token, split_once};
use crate::check::layers::{self, Layers};
use crate::check::secure::Secure;
use crate::net::connect::{open, phases};
use crate::net::exchange::Exchange;
use crate::net::head::push_line;
use crate::net::http2::hpack::push_field;
use crate::net::proxy_protocol::ProxyProtocol;
use crate::net::target::Endpoint;
use crate::net::url::Url;
use crate::net::wire::LEAVE_TIME;
use crate::outcome::{Finding, Reached};

/// The request without its URL.
#[derive(Debug)]
pub(super) struct Request {
    pub(super) method: String,
    headers: Vec<Header>,
    body: Option<String>,
    /// Whether HTTP/2 is spoken.
    pub(super) is_http2: bool,
    /// What precedes it on the connection.
    proxy: Option<ProxyProtocol>,
}

/// How redirects have changed the request.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Changes {
    /// It is now a GET without a body.
    is_get: bool,
    /// It is without credentials, like curl's requests to another port or scheme of the host: that
    /// may be another server.
    pub(super) is_anonymous: bool,
}

/// Returns the request for a URL of http, or of a WebSocket.
#[inline(never)]
pub(super) fn plan(given: &mut Given<'_>, is_websocket: bool) -> Result<Request, UsageError> {
    let is_http2 = given.has("http2");
    let body = given.unshown("data")?;
    if let Some(body) = &body {
        given.hide(body.as_bytes(), "<data>");
        given.hide_parts(data::values(body), "<data>");
    }
    let fallback = if body.is_some() { "POST" } else { "GET" };
    let expected = "a method such as GET, HEAD or POST";
    let method = given
        .parsed("method", expected, |text| is_token(text).then(|| text.to_owned()).ok_or(expected))?
        .unwrap_or_else(|| fallback.to_owned());
    if method == "CONNECT" {
        return Err(given.wrong("method", "CONNECT is not supported: it opens a tunnel"));
    }
    let own = |name: &str| match name {
        "content-length" | "transfer-encoding" | "connection" => true,
        // HTTP/2 has no upgrade: RFC 9113, section 8.6.
        "upgrade" | "sec-websocket-key" | "sec-websocket-version" => is_http2 || is_websocket,
        _ => false,
    };
    let mut headers = headers::plan(given, &own)?;
    if headers.iter().filter(|header| header.is("Host")).count() > 1 {
        return Err(given.wrong("header", "Host can be given only once"));
    }
    if let Some(user) = given.unshown("user")? {
        if !user.as_bytes().contains(&b':') {
            return Err(given.unexpected_unshown("user", "NAME:PASSWORD"));
        }
        headers.retain(|header| !header.is("Authorization"));
        headers.push(Header::new("Authorization", basic(user.as_bytes())));
        hide_user(given, user.as_bytes());
    }
    if body.is_some() && !headers.iter().any(|header| header.is("Content-Type")) {
        // As curl does with --data.
        headers.push(Header::new("Content-Type", "application/x-www-form-urlencoded"));
    }
    let proxy = layers::proxy_protocol(given)?;
    Ok(Request { method, headers, body, is_http2, proxy })
}

/// Hides `user:password` from output: the whole, the password, and its encoded form.
pub(super) fn hide_user(given: &mut Given<'_>, user_info: &[u8]) {
    given.hide(user_info, "<user>");
    given.hide(split_once(basic(user_info).as_bytes(), b' ').1, "<user>");
    // The name may be a token, with an empty password.
    let (name, password) = split_once(user_info, b':');
    given.hide(if password.is_empty() { name } else { password }, "<user>");
}

/// Encodes credentials for basic authentication. RFC 7617.
fn basic(user_info: &[u8]) -> String {
    format!("Basic {}", base64(user_info))
}

impl Request {
    /// Sends the request to the endpoint and returns the response once its final head is received.
    #[inline(never)]
    pub(super) fn send(
        &self,
        changes: Changes,
        url: &Url,
        endpoint: &Endpoint,
        secure: Option<&Secure>,
        attempt: &Attempt,
    ) -> Result<Answer, Box<Finding>> {
        let start = Instant::now();
        let mut connection = open(endpoint, attempt.reach, attempt.deadline)?;
        let mut ends = vec![("resolve", connection.resolved), ("connect", Instant::now())];
        let secure = secure.filter(|_| url.tls).map(|secure| (secure, &url.place.host));
        let facts = Layers { proxy: self.proxy, secure }.begin(&mut connection).map_err(|mut finding| {
            finding.is_undecided |= connection.wire.is_prevented();
            finding.decided = Some(connection.wire.settle());
            finding.reached = Reached::Connected;
            finding
        })?;
        if url.tls {
            ends.push(("tls", Instant::now()));
        }
        let opening = url.is_websocket.then(Opening::new);
        let mut exchange = Exchange::new(connection.wire, self.is_http2);
        let head = self.head(changes, url, opening.as_ref());
        let body = self.body(changes).unwrap_or_default();
        let result = exchange.run(head, body.as_bytes(), self.method(changes) == "HEAD");
        let state = exchange.state();
        let sent = state.sent.filter(|_| state.awaiting);
        drop(state);
        let now = Instant::now();
        ends.push(("request", sent.unwrap_or(now)));
        ends.extend(sent.map(|_| ("head", now)));
        let phases = phases(start, &ends);
        match result {
            Ok(head) => Ok(Answer::new(head, exchange, opening, facts, phases)),
            Err(error) => {
                let mut finding = failure(&error, &exchange, url.is_websocket).ours();
                finding.facts.extend(facts);
                finding.is_undecided |= exchange.state().wire.is_prevented();
                let decided = Some(exchange.leave(LEAVE_TIME));
                Err(Box::new(Finding { phases, decided, reached: Reached::Connected, ..finding }))
            }
        }
    }

    /// Encodes the head of the request: for HTTP/1 with header names as they were typed (RFC 9112,
    /// section 2.1), for HTTP/2 as a header block (RFC 9113, section 8.3.1).
    #[inline(never)]
    fn head(&self, changes: Changes, url: &Url, opening: Option<&Opening>) -> Vec<u8> {
        let method = self.method(changes);
        let mut out = Fields { bytes: Vec::new(), is_http2: self.is_http2 };
        let given = |name: &str| self.headers(changes).find(|header| header.is(name));
        let host = url.host_header();
        if self.is_http2 {
            out.push(":method", method);
            out.push(":scheme", if url.tls { "https" } else { "http" });
            out.push(":authority", given("Host").map_or(&host, |header| &header.value));
            out.push(":path", &url.path);
        } else {
            for part in [method, " ", &url.path, " HTTP/1.1\r\n"] {
                out.bytes.extend_from_slice(part.as_bytes());
            }
        }
        let login = url.user_info.as_deref().map(basic).unwrap_or_default();
        for &(name, value) in &[
            ("Host", host.as_str()),
            ("Authorization", &login),
            ("User-Agent", USER_AGENT),
            ("Accept", "*/*"),
        ] {
            if !value.is_empty() && given(name).is_none() {
                out.push(name, value);
            }
        }
        for header in self.headers(changes) {
            out.push(&header.name, &header.value);
        }
        // As in curl: a method that normally has a body declares an empty one.
        let empty = matches!(method, "POST" | "PUT" | "PATCH").then_some("");
        if let Some(body) = self.body(changes).or(empty) {
            out.push("Content-Length", &body.len().to_string());
        }
        out.push("Connection", if opening.is_some() { "Upgrade" } else { "close" });
        if let Some(opening) = opening {
            // RFC 6455, section 4.1.
            out.push("Upgrade", "websocket");
            out.push("Sec-WebSocket-Version", "13");
            out.push("Sec-WebSocket-Key", &opening.key);
        }
        if !self.is_http2 {
            out.bytes.extend_from_slice(b"\r\n");
        }
        out.bytes
    }

    fn body(&self, changes: Changes) -> Option<&str> {
        self.body.as_deref().filter(|_| !changes.is_get)
    }

    fn method(&self, changes: Changes) -> &str {
        if changes.is_get { "GET" } else { &self.method }
    }

    /// Returns the given headers, without those that a redirect removed.
    fn headers(&self, changes: Changes) -> impl Iterator<Item = &Header> {
        self.headers.iter().filter(move |header| {
            let is_gone = changes.is_get && header.is("Content-Type")
                || changes.is_anonymous && (header.is("Authorization") || header.is("Cookie"));
            !is_gone
        })
    }

    /// Changes the request after this redirect. RFC 9110, 15.4: 303 requests a GET, and after 301
    /// and 302 every client changes POST to GET.
    pub(super) fn redirect(&self, status: u16, changes: &mut Changes) {
        let method = self.method(*changes);
        changes.is_get |= match status {
            303 => method != "HEAD",
            301 | 302 => method == "POST",
            _ => false,
        };
    }
}

/// The fields of a request.
struct Fields {
    bytes: Vec<u8>,
    is_http2: bool,
}

impl Fields {
    /// Appends a field. HTTP/2 has others in place of some of HTTP/1, or none: RFC 9113, sections
    /// 8.2.2 and 8.3.1. Like curl, the check leaves those out that the user gives.
    #[inline(never)]
    fn push(&mut self, name: &str, value: &str) {
        if !self.is_http2 {
            push_line(&mut self.bytes, name.as_bytes(), value.as_bytes());
            return;
        }
        let name = name.to_ascii_lowercase();
        let is_of_http1 = matches!(name.as_str(), "host" | "connection" | "keep-alive" | "proxy-connection");
        if !is_of_http1 && (name != "te" || value.eq_ignore_ascii_case("trailers")) {
            push_field(&mut self.bytes, name.as_bytes(), value.as_bytes());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn basic_authentication() {
        // The example in RFC 7617, section 2.
        assert_eq!(basic(b"Aladdin:open sesame"), "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==");
    }
}
