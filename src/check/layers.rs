//! What lies between a connection and the protocol of a check: the header of the PROXY protocol, then
//! TLS.

use super::secure::{self, Secure};
use crate::args::{Given, Opt, UsageError, option};
use crate::net::connect::Connection;
use crate::net::proxy_protocol::{ProxyProtocol, VERSION};
use crate::net::target::Host;
use crate::outcome::{Fact, Finding};

/// The layers of one connection.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Layers<'a> {
    /// The version of the PROXY protocol.
    pub proxy: Option<ProxyProtocol>,
    /// TLS, with a server of this name.
    pub secure: Option<(&'a Secure, &'a Host)>,
}

/// The option for checks that can introduce themselves to a server behind a load balancer.
pub(super) const OPTIONS: &[Opt] =
    &[option("proxy-protocol", "VERSION", "first send the PROXY protocol's header of this version: 1 or 2")];

/// Returns the requested version of the PROXY protocol.
pub(super) fn proxy_protocol(given: &mut Given<'_>) -> Result<Option<ProxyProtocol>, UsageError> {
    given.parsed("proxy-protocol", VERSION, ProxyProtocol::parse)
}

impl Layers<'_> {
    /// Begins them on a new connection. Returns the facts about the connection, its address first;
    /// if the TLS handshake fails, the finding has them.
    pub fn begin(self, connection: &mut Connection) -> Result<Vec<(&'static str, Fact)>, Box<Finding>> {
        self.introduce(connection);
        let mut facts = vec![("address", connection.address.clone())];
        if let Some((secure, host)) = self.secure {
            match secure::start(secure, &mut connection.wire, host) {
                Ok(more) => facts.extend(more),
                Err(mut finding) => {
                    finding.prepend_facts(facts);
                    return Err(finding);
                }
            }
        }
        Ok(facts)
    }

    /// Sends only the header of the PROXY protocol.
    pub fn introduce(self, connection: &mut Connection) {
        if let Some(version) = self.proxy {
            connection.wire.introduce(version.header());
        }
    }
}
