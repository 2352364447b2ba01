//! `tls TARGET`: a certificate is valid, and for how long. RFC 8446, RFC 5280.

use super::foreign::TLS;
use super::layers::Layers;
use super::{Attempt, Check, Kind, Need, layers, secure, stream};
use crate::args::Hint::Say;
use crate::args::{Foreign, Given, Row, UsageError, operand};
use crate::net::proxy_protocol::ProxyProtocol;
use crate::net::target::{Endpoint, HOST_PORT, HostPort};
use crate::outcome::Finding;

pub(super) const KIND: Kind = Kind {
    name: "tls",
    summary: "a certificate is valid, and for long enough",
    options: &[
        &[operand("TARGET", "host:port, :port or port; no host means localhost")],
        secure::OPTIONS,
        layers::OPTIONS,
    ],
    plan,
    examples: r"porthole tls :8443 --server-name app.example --min-days 14
porthole tls :8443 --ca-file /etc/ssl/internal-ca.pem",
    foreign: Foreign::rows(&[TLS, FOREIGN]),
};

const FOREIGN: &[Row] = &[(&["https://"], Say("write only the HOST:PORT of the URL"))];

#[derive(Debug)]
struct Tls {
    target: HostPort,
    endpoint: Endpoint,
    proxy: Option<ProxyProtocol>,
    secure: Option<secure::Secure>,
}

fn plan(given: &mut Given<'_>) -> Result<Box<dyn Check>, UsageError> {
    let target = given.operand("TARGET", HOST_PORT, HostPort::parse)?;
    let endpoint = Endpoint::Tcp(target.clone());
    let secure = secure::plan(given, &Need::Always, None)?;
    let proxy = layers::proxy_protocol(given)?;
    Ok(Box::new(Tls { target, endpoint, proxy, secure }))
}

impl Check for Tls {
    fn target(&self) -> Vec<u8> {
        self.target.to_string().into_bytes()
    }

    fn endpoint(&self) -> Option<&Endpoint> {
        Some(&self.endpoint)
    }

    fn run(&self, attempt: &Attempt) -> Finding {
        let Some(secure) = &self.secure else { return Finding::unhealthy("no TLS") };
        let layers = Layers { proxy: self.proxy, secure: None };
        stream::over(&self.endpoint, layers, attempt, "tls", &mut |wire| {
            let peer = match secure.start(wire, &self.target.host, true) {
                Err(finding) => return *finding,
                Ok(peer) => peer,
            };
            let (found, left) = match &peer.certificate {
                Some(certificate) => (secure::describe(certificate), secure::days_left(certificate)),
                None => ("a certificate that cannot be read".to_owned(), String::new()),
            };
            let asks = if peer.wants_certificate { ", asks for a client certificate" } else { "" };
            let mut finding = Finding::healthy(format!("{found}{left}{asks}"));
            finding.steady = Some(found + asks);
            finding.facts = secure::facts(&peer);
            secure::describe_handshake(&mut finding, &peer);
            finding
        })
    }
}
