//! `http TARGET`: an HTTP endpoint answers as expected. RFC 9110, RFC 9112, RFC 9113, RFC 6455.

mod answer;
mod body;
mod data;
mod expected;
mod foreign;
pub mod json;
mod request;
mod show;
mod websocket;

use std::sync::Arc;
use std::time::{Duration, Instant};

use self::body::Assertion;
use self::expected::Expected;
use self::request::{Changes, Request};
use self::show::Show;
use self::websocket::SWITCHING;
use super::secure::{self, Secure};
use super::{Attempt, Check, Kind, Need, layers};
use crate::args::{Given, Opt, UsageError, flag, operand, option, option_list};
use crate::net::target::{Endpoint, HOST_PORT, HostPort, SocketPath};
use crate::net::url::Url;
use crate::net::wire::LEAVE_TIME;
use crate::outcome::{Finding, Reached, Verdict};
use crate::text::{ELLIPSIS, clip, mark_foreign};
use crate::units::{self, StatusSet};

/// The default of `--max-body`, in bytes.
const MAX_BODY: u64 = 64 << 10;
/// The maximum of `--max-body` if the whole body must be kept, in bytes.
const KEPT_LIMIT: u64 = 8 << 20;
/// The maximum of `--follow`.
const FOLLOW_LIMIT: u64 = 50;

pub(super) const KIND: Kind = Kind {
    name: "http",
    summary: "an HTTP endpoint answers as expected",
    options: &[OPTIONS, layers::OPTIONS, secure::OPTIONS],
    plan,
    examples: r"porthole http :8080/healthz
porthole http :8080/healthz --status 200 --field /status=UP
porthole http http://app/health --unix /run/app.sock
porthole http ws://:8080/socket --show head
porthole http :${PORT:-8080}/ -H 'Authorization: Bearer ${file:/run/secrets/token}'",
    foreign: foreign::FOREIGN,
};

/// The forms of TARGET in this build.
const FORMS: &str = if cfg!(feature = "tls") {
    "a URL (http://, https://, ws://, wss://), :port/path or host:port/path"
} else {
    "a URL (http://, ws://), :port/path or host:port/path"
};
/// The options that a WebSocket has no use for: it is asked for by a GET of HTTP/1, and its answer
/// has no body.
const UNUSED_BY_WEBSOCKETS: [&str; 7] =
    ["method", "data", "http2", "contains", "not-contains", "matches", "field"];

const OPTIONS: &[Opt] = &[
    operand("TARGET", FORMS),
    option("method", "M", "the method (GET; POST with --data)").short('X'),
    option_list("header", "'NAME: VALUE'", "a header, repeatable; Host: replaces the one from the URL")
        .short('H'),
    option("data", "TEXT", "the request body").short('d'),
    option("user", "NAME:PASSWORD", "basic authentication"),
    option("status", "LIST", "what is healthy: 200, 200,204, 200-299, 2xx (200-399)").short('s'),
    option_list("expect-header", "'NAME[: VALUE]'", "the response has this header, repeatable"),
    option_list("contains", "TEXT", "the body contains this text, repeatable"),
    option_list("not-contains", "TEXT", "the body does not contain this text, repeatable"),
    option_list("matches", "REGEX", "the body matches this; ^ and $ match at each line; repeatable"),
    option_list("field", "POINTER[=VALUE]", "the JSON body has this value at this JSON Pointer, repeatable"),
    option("max-body", "SIZE", "read at most this much of the body (64k)"),
    option("show", "WHAT", "print the response below the verdict: head, body or all"),
    flag("http2", "use HTTP/2: in plain text without asking first, by ALPN with TLS"),
    option("follow", "N", "follow at most N redirects, to the same host only (0)"),
    option("connect", "TARGET", "connect to this address; the Host header stays that of the URL"),
    option("unix", "PATH", "connect to this Unix socket; the Host header stays that of the URL"),
];

#[derive(Debug)]
struct Http {
    url: Url,
    /// The endpoint to connect to.
    endpoint: Endpoint,
    /// Whether `--connect` or `--unix` replaces the endpoint of the URL.
    elsewhere: bool,
    request: Request,
    secure: Option<Secure>,
    wanted: Wanted,
    follow: u64,
}

/// What the answer has to be like, and what is shown of it.
#[derive(Debug)]
struct Wanted {
    status: StatusSet,
    headers: Vec<Expected>,
    assertions: Arc<[Assertion]>,
    max_body: usize,
    show: Show,
}

fn plan(given: &mut Given<'_>) -> Result<Box<dyn Check>, UsageError> {
    let target = given.text("TARGET")?.unwrap_or_default();
    let url = Url::parse(&target).map_err(|expected| given.unexpected("TARGET", &expected))?;
    if let Some(user_info) = &url.user_info {
        request::hide_user(given, user_info);
    }
    if url.is_websocket
        && let Some(name) = UNUSED_BY_WEBSOCKETS.iter().find(|name| given.has(name))
    {
        return Err(given.wrong(name, "cannot be used with a WebSocket"));
    }
    let request = request::plan(given, url.is_websocket)?;
    let wanted = wanted(given, &url)?;
    if !wanted.assertions.is_empty() && request.method == "HEAD" {
        return Err(given.wrong("method", "the response to HEAD has no body to assert anything about"));
    }
    let expected = "a number from 0 to 50";
    let follow = given
        .parsed("follow", expected, |text| units::number(text, FOLLOW_LIMIT).ok_or(expected))?
        .unwrap_or_default();
    let need = match (url.tls, follow) {
        (true, _) => Need::Always,
        (false, 0) => Need::Unused,
        (false, _) => Need::Perhaps,
    };
    // RFC 9113, section 3.2: the name of HTTP/2 over TLS.
    let secure = secure::plan(given, &need, request.is_http2.then_some(b"h2"))?;
    let connect = given.parsed("connect", HOST_PORT, HostPort::parse)?;
    let unix = if given.has("unix") { Some(given.path("unix", SocketPath::parse)?) } else { None };
    let elsewhere = connect.is_some() || unix.is_some();
    let endpoint = match (connect, unix) {
        (Some(_), Some(_)) => return Err(given.wrong("unix", "cannot be used together with --connect")),
        (None, Some(path)) => Endpoint::Unix(path),
        (place, None) => Endpoint::Tcp(place.unwrap_or_else(|| url.place.clone())),
    };
    Ok(Box::new(Http { url, endpoint, elsewhere, request, secure, wanted, follow }))
}

/// Returns what the answer has to be like.
#[inline(never)]
fn wanted(given: &mut Given<'_>, url: &Url) -> Result<Wanted, UsageError> {
    let max_body = given.parsed("max-body", units::SIZE, units::size)?.unwrap_or(MAX_BODY);
    let show = show::plan(given)?;
    if max_body > KEPT_LIMIT && (show.body || given.has("matches") || given.has("field")) {
        let message = "expected at most 8M with --matches, --field or --show, which keep the whole body";
        return Err(given.wrong("max-body", message));
    }
    let status = given.parsed("status", units::STATUS, StatusSet::parse)?;
    let (mut headers, mut assertions) = (Vec::new(), Vec::new());
    for (name, text) in given.texts(&["expect-header", "contains", "not-contains", "matches", "field"])? {
        // Such as "${READY:-}": each body contains it, and matches it.
        if text.value.is_empty() && !matches!(name, "field" | "expect-header") {
            return Err(given.wrong(name, "expected at least one character to look for"));
        }
        assertions.push(match name {
            "expect-header" => {
                headers.push(Expected::parse(given, text)?);
                continue;
            }
            "contains" => Assertion::Contains(text),
            "not-contains" => Assertion::Lacks(text),
            "matches" => body::matches(given, text)?,
            _ => body::field(given, text)?,
        });
    }
    let default = || if url.is_websocket { StatusSet::only(SWITCHING) } else { StatusSet::default() };
    Ok(Wanted {
        status: status.unwrap_or_else(default),
        headers,
        assertions: assertions.into(),
        max_body: usize::try_from(max_body).unwrap_or(usize::MAX),
        show,
    })
}

impl Check for Http {
    fn target(&self) -> Vec<u8> {
        if self.elsewhere { self.endpoint.behind(&self.url) } else { self.url.to_string().into_bytes() }
    }

    fn endpoint(&self) -> Option<&Endpoint> {
        Some(&self.endpoint)
    }

    fn run(&self, attempt: &Attempt) -> Finding {
        let mut url = self.url.clone();
        let mut changes = Changes::default();
        let mut redirects = 0;
        // How long the ends of the connections before redirects took: all of them share the time
        // limit of one.
        let mut leaving = Duration::ZERO;
        loop {
            let endpoint =
                if self.elsewhere { self.endpoint.clone() } else { Endpoint::Tcp(url.place.clone()) };
            let mut answer = match self.request.send(changes, &url, &endpoint, self.secure.as_ref(), attempt)
            {
                Ok(answer) => answer,
                Err(finding) => return without(leaving, redirected(*finding, redirects, &url)),
            };
            let typed = answer.redirect();
            let next = typed.as_deref().map(|location| url.join(location));
            let location = next.as_ref().and_then(|next| Some(next.as_ref().ok()?.to_string()));
            let words = answer.status_words();
            // What was found, or the finding if the rest of the response does not matter.
            let found = match next.filter(|_| self.follow > 0) {
                None if self.wanted.status.contains(answer.status()) => Ok(words),
                None => {
                    Ok(match location.as_deref().or(typed.as_deref().filter(|typed| !typed.contains('@'))) {
                        Some(place) => format!("{words} to {}", shown(place)),
                        None => words,
                    })
                }
                Some(Ok(next)) if next.place.host != url.place.host => {
                    Ok(format!("{words}, not followed to another host, {}", shown(&next.to_string())))
                }
                Some(Ok(next)) if next.tls && self.secure.is_none() => {
                    let next = shown(&next.to_string());
                    Err(Finding::unhealthy(format!("{words} to {next}, but this build has no TLS")))
                }
                Some(Ok(_)) if redirects == self.follow => {
                    Err(Finding::unhealthy(format!("{words} after {redirects} redirects"))
                        .expected(format!("at most {} (--follow)", self.follow)))
                }
                Some(Ok(next)) => {
                    let start = Instant::now();
                    answer.leave(LEAVE_TIME.saturating_sub(leaving));
                    leaving += start.elapsed();
                    redirects += 1;
                    self.request.redirect(answer.status(), &mut changes);
                    changes.is_anonymous |= (next.tls, &next.place) != (url.tls, &url.place);
                    url = next;
                    continue;
                }
                Some(Err(expected)) => {
                    Err(Finding::unhealthy(words + " with an invalid Location").expected(expected))
                }
            };
            let finding = match found {
                Ok(found) => answer.judge(&self.wanted, found),
                Err(finding) => finding,
            };
            return without(leaving, redirected(answer.describe(finding.ours(), location), redirects, &url));
        }
    }
}

/// Shows the target of a redirect without its query and without what follows a `;`: these may
/// contain a session ID, which changes from one run to the next.
fn shown(url: &str) -> String {
    let end = url.find(['?', ';']).unwrap_or(url.len());
    let (place, rest) = url.split_at_checked(end).unwrap_or((url, ""));
    let mut shown = clip(place.as_bytes());
    if let Some(mark) = rest.chars().next() {
        shown.push(mark);
        shown.push_str(ELLIPSIS);
    }
    mark_foreign(&shown)
}

/// Excludes the time of ending connections from the time of the attempt.
fn without(leaving: Duration, mut finding: Finding) -> Finding {
    let decided = finding.decided.unwrap_or_else(Instant::now);
    finding.decided = Some(decided.checked_sub(leaving).unwrap_or(decided));
    finding
}

/// Adds the URL that the followed redirects led to.
fn redirected(mut finding: Finding, redirects: u64, url: &Url) -> Finding {
    if redirects > 0 {
        // The target itself was: only a server that it redirected to may not have been.
        finding.reached = Reached::Connected;
        finding.push("redirects", redirects.into());
        finding.push("url", url.to_string().into());
        if finding.verdict != Verdict::Healthy {
            finding.found = format!("redirected to {}: {}", shown(&url.to_string()), finding.found);
        }
    }
    finding
}
