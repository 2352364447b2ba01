//! The request of an http check: from options to bytes on a wire.

use std::time::Instant;

use ureq::http::header::{self, HeaderName, HeaderValue};
use ureq::http::{Method, Request as HttpRequest, Uri};

use super::answer::{Answer, failure};
use super::data;
use crate::check::Attempt;
use crate::check::headers::{self, USER_AGENT, halves};
use crate::check::secure::{self, Secure};
use crate::cli::{Given, UsageError};
use crate::net::connect::{open, phases};
use crate::net::target::Endpoint;
use crate::net::transport::Exchange;
use crate::net::url::Url;
use crate::outcome::Finding;

/// What is sent, but for the URL.
#[derive(Debug)]
pub(super) struct Request {
    pub(super) method: Method,
    headers: Vec<(HeaderName, HeaderValue)>,
    body: Option<String>,
}

/// What redirects have changed of it.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Changes {
    /// It is a GET now, with no body.
    is_get: bool,
    /// It is without what the first server knows the user by, as what curl sends to another port or scheme of the
    /// host: another server may stand there.
    pub(super) is_anonymous: bool,
}

pub(super) fn plan(given: &mut Given<'_>) -> Result<Request, UsageError> {
    let body = given.unshown("data")?;
    if let Some(body) = &body {
        given.hide(body.as_bytes(), "<data>");
        for value in data::values(body) {
            given.hide(&value, "<data>");
        }
    }
    let fallback = if body.is_some() { Method::POST } else { Method::GET };
    let expected = "a method such as GET, HEAD or POST";
    let method = given
        .parsed("method", expected, |text| Method::from_bytes(text.as_bytes()).map_err(|_| expected))?
        .unwrap_or(fallback);
    if method == Method::CONNECT {
        return Err(given.wrong("method", "CONNECT asks for a tunnel, which is no health check"));
    }
    let own = |name: &str| matches!(name, "content-length" | "transfer-encoding" | "connection");
    let mut headers = headers::plan(given, &own)?;
    if headers.iter().filter(|(name, _)| *name == header::HOST).count() > 1 {
        return Err(given.wrong("header", "Host can be given only once"));
    }
    if let Some(user) = given.unshown("user")? {
        if !user.as_bytes().contains(&b':') {
            return Err(given.unexpected_unshown("user", "NAME:PASSWORD"));
        }
        headers.retain(|(name, _)| name != header::AUTHORIZATION);
        headers.push((header::AUTHORIZATION, basic(user.as_bytes())));
        hide_user(given, user.as_bytes());
    }
    if body.is_some() && !headers.iter().any(|(name, _)| *name == header::CONTENT_TYPE) {
        // As curl does with --data.
        headers.push((header::CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded")));
    }
    Ok(Request { method, headers, body })
}

/// Notes what must not be printed of `user:password`: that, the password, and what goes over the wire.
pub(super) fn hide_user(given: &mut Given<'_>, user_info: &[u8]) {
    given.hide(user_info, "<user>");
    given.hide(halves(basic(user_info).as_bytes(), b' ').1, "<user>");
    // A token may stand in place of the name, with no password.
    let (name, password) = halves(user_info, b':');
    given.hide(if password.is_empty() { name } else { password }, "<user>");
}

/// RFC 7617.
fn basic(user_info: &[u8]) -> HeaderValue {
    use base64::Engine as _;
    let encoded = base64::engine::general_purpose::STANDARD.encode(user_info);
    // Base64 is always a valid header value.
    HeaderValue::try_from(format!("Basic {encoded}")).unwrap_or(HeaderValue::from_static(""))
}

impl Request {
    /// Sends it to the endpoint and returns once the head of the final response is there.
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
        let facts = secure::begin(
            secure.filter(|_| url.tls).map(|secure| (secure, &url.place.host)),
            &mut connection,
        )?;
        if url.tls {
            ends.push(("tls", Instant::now()));
        }
        let exchange = Exchange::new(connection.wire);

        let head = self.head(changes, url)?;
        let longest = head.headers().iter().map(|(name, value)| name.as_str().len() + value.len() + 4);
        let longest = longest.max().unwrap_or_default().max(url.path.len() + 64);
        let agent = exchange.agent(longest);
        // As curl does: a method that is for sending something says that it sends nothing.
        let empty = matches!(*head.method(), Method::POST | Method::PUT | Method::PATCH).then_some("");
        let result = match self.body.as_deref().filter(|_| !changes.is_get).or(empty) {
            Some(body) => agent.run(head.map(|()| body)),
            None => agent.run(head),
        };
        let mut state = exchange.state();
        state.head_is_over = true;
        let sent = state.sent.filter(|_| state.awaiting);
        drop(state);
        let now = Instant::now();
        ends.push(("request", sent.unwrap_or(now)));
        ends.extend(sent.map(|_| ("head", now)));
        let phases = phases(start, &ends);
        match result {
            Ok(response) => Ok(Answer { response, exchange, facts, phases }),
            Err(error) => {
                let mut finding = failure(&error, &exchange, attempt.deadline);
                finding.facts.extend(facts);
                Err(Box::new(Finding { phases, ..finding }))
            }
        }
    }

    /// The request for this URL. Its scheme is http in any case: TLS, where it is spoken, is the wire's, and ureq
    /// would ask its transport for it.
    fn head(&self, changes: Changes, url: &Url) -> Result<HttpRequest<()>, Box<Finding>> {
        let mut request = HttpRequest::new(());
        *request.method_mut() = self.method(changes).clone();
        // Only what goes on the request line: user info is a header by now, and Host is given below.
        *request.uri_mut() = Uri::try_from(format!("http://{}{}", url.place, url.path))
            .map_err(|e| Box::new(Finding::unhealthy(format!("the URL cannot be sent: {e}"))))?;
        let headers = request.headers_mut();
        headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
        let mut default = |name: HeaderName, value: HeaderValue| {
            if !self.headers(changes).any(|(known, _)| *known == name) {
                headers.insert(name, value);
            }
        };
        default(header::USER_AGENT, HeaderValue::from_static(USER_AGENT));
        // The parts of a URL hold nothing that a header value cannot.
        default(
            header::HOST,
            HeaderValue::try_from(url.host_header()).unwrap_or(HeaderValue::from_static("")),
        );
        if let Some(user_info) = &url.user_info {
            default(header::AUTHORIZATION, basic(user_info));
        }
        for (name, value) in self.headers(changes) {
            headers.append(name.clone(), value.clone());
        }
        Ok(request)
    }

    fn method(&self, changes: Changes) -> &Method {
        if changes.is_get { &Method::GET } else { &self.method }
    }

    /// The headers that were given, without those that a redirect took away.
    fn headers(&self, changes: Changes) -> impl Iterator<Item = &(HeaderName, HeaderValue)> {
        self.headers.iter().filter(move |(name, _)| match *name {
            header::CONTENT_TYPE => !changes.is_get,
            header::AUTHORIZATION | header::COOKIE => !changes.is_anonymous,
            _ => true,
        })
    }

    /// What is sent after this redirect. RFC 9110, 15.4: 303 asks for GET, and after 301 and 302 every
    /// client makes a GET of a POST.
    pub(super) fn redirect(&self, status: u16, changes: &mut Changes) {
        let method = self.method(*changes);
        changes.is_get |= match status {
            303 => method != Method::HEAD,
            301 | 302 => method == Method::POST,
            _ => false,
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn basic_authentication() {
        // The example of RFC 7617, section 2.
        assert_eq!(basic(b"Aladdin:open sesame"), "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==");
    }
}
