//! `grpc TARGET`: a gRPC service reports SERVING.
//!
//! grpc.health.v1 over HTTP/2: https://github.com/grpc/grpc/blob/master/doc/health-checking.md and
//! https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md

mod answer;
mod message;

use std::time::Duration;

use self::answer::number;
use super::foreign::{TARGET, TLS, WHOLE};
use super::headers::{self, Header, USER_AGENT};
use super::http2::failure;
use super::layers::{self, Layers};
use super::secure::{self, Secure};
use super::{Attempt, Check, Kind, stream};
use crate::args::Hint::{LeaveOut, Say, Use};
use crate::args::{Foreign, Given, Row, UsageError, operand, option, option_list};
use crate::deadline::Deadline;
use crate::net::http2::hpack::push_field;
use crate::net::http2::{Client, Http2Error, field};
use crate::net::proxy_protocol::ProxyProtocol;
use crate::net::status_words;
use crate::net::target::{Endpoint, Host, HostPort, SocketPath};
use crate::net::wire::Wire;
use crate::outcome::Finding;

/// Headers reserved for HTTP/2 and gRPC, besides names that begin with `grpc-`.
const RESERVED: &[&str] =
    &["connection", "content-length", "content-type", "host", "te", "transfer-encoding", "upgrade"];

/// How much longer the server's deadline is than ours, so that its timer does not expire first. The
/// server notices anyway when the check disconnects.
const GRACE: Duration = Duration::from_millis(100);

pub(super) const KIND: Kind = Kind {
    name: "grpc",
    summary: "a gRPC service reports SERVING (grpc.health.v1)",
    options: &[
        &[
            operand("TARGET", "host:port, :port, port (no host: localhost) or unix:///PATH").optional(),
            option("service", "NAME", "the service to ask about (default: the server as a whole)"),
            option_list("header", "'NAME: VALUE'", "metadata, repeatable").short('H'),
            option("unix", "PATH", "connect to this Unix socket; :authority is TARGET, or localhost"),
        ],
        layers::OPTIONS,
        secure::SPEAK,
        secure::OPTIONS,
    ],
    plan,
    examples: r"porthole grpc :50051
porthole grpc :50051 --service shop.Cart -H 'authorization: Bearer ${file:/run/secrets/token}'
porthole grpc --unix /run/app.sock",
    foreign: Foreign::rows(&[TLS, FOREIGN]),
};

/// Options of grpc-health-probe and grpcurl.
const FOREIGN: &[Row] = &[
    (&["-addr"], TARGET),
    (&["-service"], Use("--service NAME")),
    (&["-connect-timeout", "-rpc-timeout"], WHOLE),
    (&["-rpc-header"], Use("--header 'NAME: VALUE'")),
    (&["-plaintext"], LeaveOut("without --tls the check uses plain text")),
    (&["-tls"], Use("--tls")),
    (&["-tls-no-verify"], Use("--insecure")),
    (&["-tls-ca-cert"], Use("--ca-file PATH")),
    #[cfg(feature = "tls")]
    (&["-tls-client-cert"], Use("--client-cert PATH")),
    #[cfg(feature = "tls")]
    (&["-tls-client-key"], Use("--client-key PATH")),
    #[cfg(feature = "tls")]
    (&["-tls-server-name"], Use("--server-name NAME")),
    (&["grpc://", "http://", "https://"], Say("write only the HOST:PORT of the URL")),
];

/// What is expected as TARGET.
const PLACE: &str = "host:port, [::1]:port, :port or port, with a port from 1 to 65535, or unix:///PATH";

/// Parses a target: `host:port` or a short form, or a Unix socket as gRPC's clients name it,
/// <https://github.com/grpc/grpc/blob/master/doc/naming.md>.
fn endpoint(text: &str) -> Result<Endpoint, &'static str> {
    let Some(path) = text.strip_prefix("unix:") else {
        return HostPort::parse(text).map(Endpoint::Tcp).map_err(|_| PLACE);
    };
    let path = path.strip_prefix("//").filter(|path| path.starts_with('/')).unwrap_or(path);
    SocketPath::parse(path.into()).map(Endpoint::Unix)
}

#[derive(Debug)]
struct Grpc {
    /// What is called `:authority`, unless it is localhost.
    target: Option<HostPort>,
    /// The endpoint to connect to.
    endpoint: Endpoint,
    /// `None` means the server as a whole, which is the empty name on the wire.
    service: Option<String>,
    metadata: Vec<Header>,
    proxy: Option<ProxyProtocol>,
    secure: Option<Secure>,
}

fn plan(given: &mut Given<'_>) -> Result<Box<dyn Check>, UsageError> {
    let typed = given.parsed("TARGET", PLACE, endpoint)?;
    let unix = if given.has("unix") { Some(given.path("unix", SocketPath::parse)?) } else { None };
    let (target, endpoint) = match (typed, unix) {
        (None, None) => return Err(given.wrong("TARGET", "expected a target, or --unix PATH")),
        (Some(Endpoint::Unix(_)), Some(_)) => {
            return Err(given.wrong("unix", "cannot be used together with unix: as TARGET"));
        }
        (None, Some(path)) => (None, Endpoint::Unix(path)),
        (Some(Endpoint::Tcp(place)), Some(path)) => (Some(place), Endpoint::Unix(path)),
        (Some(Endpoint::Tcp(place)), None) => (Some(place.clone()), Endpoint::Tcp(place)),
        (Some(endpoint), None) => (None, endpoint),
    };
    let service = given.text("service")?.filter(|name| !name.is_empty());
    let metadata = headers::plan(given, &|name| name.starts_with("grpc-") || RESERVED.contains(&name))?;
    // RFC 9113, 3.3: the name of HTTP/2 over TLS.
    let secure = secure::plan_if_requested(given, Some(b"h2"))?;
    let proxy = layers::proxy_protocol(given)?;
    Ok(Box::new(Grpc { target, endpoint, service, metadata, proxy, secure }))
}

impl Check for Grpc {
    fn target(&self) -> Vec<u8> {
        match (&self.endpoint, &self.target) {
            (Endpoint::Unix(_), Some(target)) => self.endpoint.behind(target),
            (endpoint, _) => endpoint.shown(),
        }
    }

    fn endpoint(&self) -> Option<&Endpoint> {
        Some(&self.endpoint)
    }

    fn run(&self, attempt: &Attempt) -> Finding {
        let host = self.target.as_ref().map_or_else(Host::localhost, |target| target.host.clone());
        let secure = self.secure.as_ref().map(|secure| (secure, &host));
        let layers = Layers { proxy: self.proxy, secure };
        stream::over(&self.endpoint, layers, attempt, "call", &mut |wire| {
            let mut client = Client::new();
            let mut finding = self
                .call(&mut client, wire)
                .unwrap_or_else(|trouble| failure(&trouble, client.awaiting(), wire, "--tls"))
                .ours();
            client.leave(wire);
            if let Some(service) = &self.service {
                finding.prepend_facts(vec![("service", service.clone().into())]);
            }
            finding
        })
    }
}

/// Whether this is gRPC's content type, alone or followed by a message format or parameters.
fn is_grpc(content_type: &[u8]) -> bool {
    let rest = content_type.strip_prefix(b"application/grpc");
    matches!(rest.map(<[u8]>::first), Some(None | Some(b'+' | b';')))
}

impl Grpc {
    /// Calls the health service and returns the finding.
    fn call(&self, client: &mut Client, wire: &mut Wire) -> Result<Finding, Http2Error> {
        client.handshake(wire)?;
        let body = message::request(self.service.as_deref().unwrap_or_default());
        let block = self.header_block(wire.deadline());
        let head = client.request(wire, &block, &body)?;
        let status = number(head, ":status").filter(|&status| status >= 100);
        let status = status.ok_or(Http2Error::Invalid("a response without :status"))?;
        let content_type = field(head, "content-type").unwrap_or_default();
        let mut finding = if status != 200 {
            Finding::unhealthy(status_words(u16::try_from(status).unwrap_or_default())).expected("200 OK")
        } else if !is_grpc(content_type) {
            Finding::unhealthy("the response is not gRPC")
                .expected("content-type application/grpc")
                .quoting("content_type", content_type)
        } else {
            let (body, trailers) = client.rest(wire)?;
            self.judge(body, trailers)
        };
        finding.timed = true;
        finding.facts.push(("http_status", status.into()));
        Ok(finding)
    }

    /// Returns the header fields of the request, in the order that PROTOCOL-HTTP2 prescribes.
    fn header_block(&self, deadline: Deadline) -> Vec<u8> {
        let mut block = Vec::new();
        let mut push = |name: &str, value: &str| push_field(&mut block, name.as_bytes(), value.as_bytes());
        push(":method", "POST");
        push(":scheme", if self.secure.is_some() { "https" } else { "http" });
        push(":path", "/grpc.health.v1.Health/Check");
        let authority = self.target.as_ref().map_or_else(|| "localhost".to_owned(), HostPort::to_string);
        push(":authority", &authority);
        push("te", "trailers");
        let left = deadline.remaining().unwrap_or_default() + GRACE;
        let millis = left.as_secs() * 1000 + u64::from(left.subsec_millis());
        push("grpc-timeout", &format!("{millis}m"));
        push("content-type", "application/grpc");
        if !self.metadata.iter().any(|header| header.is("user-agent")) {
            push("user-agent", USER_AGENT);
        }
        for header in &self.metadata {
            // HTTP/2 requires names in lower case (RFC 9113, section 8.2.1).
            push(&header.name.to_ascii_lowercase(), &header.value);
        }
        block
    }
}
