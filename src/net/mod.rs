//! From a target to a connection, under one deadline and the local rule.

pub mod connect;
pub mod dns;
pub mod exchange;
pub mod greetings;
pub mod head;
pub mod hosts;
pub mod http1;
pub mod http2;
pub mod local;
pub mod lookup;
pub mod proxy_protocol;
pub mod resolv_conf;
pub mod resolver;
pub mod sha1;
pub mod socket;
pub mod target;
#[cfg(feature = "tls")]
pub mod tls;
pub mod transport;
pub mod url;
pub mod wire;

/// Returns `503 Service Unavailable`, or the number alone if it has no name.
pub fn status_words(status: u16) -> String {
    match ureq::http::StatusCode::from_u16(status).ok().and_then(|known| known.canonical_reason()) {
        Some(reason) => format!("{status} {reason}"),
        None => status.to_string(),
    }
}
