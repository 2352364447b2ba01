//! The request of an http check: from options to the bytes on the wire.

use std::time::Instant;

use super::answer::{Answer, failure};
use super::data;
use crate::args::{Given, UsageError};
use crate::check::Attempt;
use crate::check::headers::{self, Header, USER_AGENT, is_token, split_once};
use crate::check::layers::{self, Layers};
use crate::check::secure::Secure;
use crate::net::connect::{open, phases};
use crate::net::exchange::Exchange;
use crate::net::proxy_protocol::ProxyProtocol;
use crate::net::target::Endpoint;
use crate::net::url::Url;
use crate::outcome::{Finding, Reached};

/// The request without its URL.
#[derive(Debug)]
pub(super) struct Request {
    pub(super) method: String,
    headers: Vec<Header>,
    body: Option<String>,
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

pub(super) fn plan(given: &mut Given<'_>) -> Result<Request, UsageError> {
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
    let own = |name: &str| matches!(name, "content-length" | "transfer-encoding" | "connection");
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
    Ok(Request { method, headers, body, proxy })
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
    use base64::Engine as _;
    format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(user_info))
}

impl Request {
    /// Sends the request to the endpoint and returns the response once its final head is received.
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
            finding.decided = Some(connection.wire.settle());
            finding.reached = Reached::Connected;
            finding
        })?;
        if url.tls {
            ends.push(("tls", Instant::now()));
        }
        let exchange = Exchange::new(connection.wire);
        let result = exchange.run(&self.bytes(changes, url), self.method(changes) == "HEAD");
        let state = exchange.state();
        let sent = state.sent.filter(|_| state.awaiting);
        drop(state);
        let now = Instant::now();
        ends.push(("request", sent.unwrap_or(now)));
        ends.extend(sent.map(|_| ("head", now)));
        let phases = phases(start, &ends);
        match result {
            Ok((head, framing)) => Ok(Answer { head, framing, body: None, exchange, facts, phases }),
            Err(error) => {
                let mut finding = failure(&error, &exchange, attempt.deadline).ours();
                finding.facts.extend(facts);
                let mut state = exchange.state();
                let decided = Some(state.wire.settle());
                state.wire.leave();
                Err(Box::new(Finding { phases, decided, reached: Reached::Connected, ..finding }))
            }
        }
    }

    /// Encodes the request, with header names as they were typed. RFC 9112, section 2.1.
    fn bytes(&self, changes: Changes, url: &Url) -> Vec<u8> {
        let method = self.method(changes);
        let mut out = format!("{method} {} HTTP/1.1\r\n", url.path);
        let mut push = |name: &str, value: &str| {
            for part in [name, ": ", value, "\r\n"] {
                out.push_str(part);
            }
        };
        let is_given = |name: &str| self.headers(changes).any(|header| header.is(name));
        let mut default = |name: &str, value: &str| {
            if !is_given(name) {
                push(name, value);
            }
        };
        default("Host", &url.host_header());
        if let Some(user_info) = &url.user_info {
            default("Authorization", &basic(user_info));
        }
        default("User-Agent", USER_AGENT);
        default("Accept", "*/*");
        for header in self.headers(changes) {
            push(&header.name, &header.value);
        }
        let body = self.body.as_deref().filter(|_| !changes.is_get);
        // As in curl: a method that normally has a body declares an empty one.
        let empty = matches!(method, "POST" | "PUT" | "PATCH").then_some("");
        if let Some(body) = body.or(empty) {
            push("Content-Length", &body.len().to_string());
        }
        push("Connection", "close");
        out.push_str("\r\n");
        out.push_str(body.unwrap_or_default());
        out.into_bytes()
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn basic_authentication() {
        // The example in RFC 7617, section 2.
        assert_eq!(basic(b"Aladdin:open sesame"), "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==");
    }
}
