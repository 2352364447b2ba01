//! What name servers say of a name, or why they say nothing.

use std::io;
use std::net::IpAddr;

use nix::errno::Errno;

use crate::error::describe;
use crate::net::dns::{AddressType, code_words};
use crate::net::socket::WireError;

/// What the servers say of one name.
#[derive(Debug)]
pub enum Answer {
    /// It has addresses.
    Found(Found),
    /// It exists and has no address, by the word of this server.
    NoAddress(IpAddr),
    /// It does not exist: NXDOMAIN of this server.
    NoName(IpAddr),
    /// Whether it has an address is not known.
    Unanswered(Unanswered),
}

/// The addresses of a name.
#[derive(Debug)]
pub struct Found {
    /// The server that has them.
    pub server: IpAddr,
    /// IPv4 before IPv6.
    pub addresses: Vec<IpAddr>,
    /// The type that is not answered, if there is one.
    pub unanswered: Option<AddressType>,
}

/// Which servers did not answer, and why.
#[derive(Debug)]
pub struct Unanswered {
    /// Each server that was asked and has not answered everything.
    pub failures: Vec<(IpAddr, Failure)>,
    /// The half that is answered; `None` if neither type is.
    pub half: Option<Half>,
    /// The beginning of what one of them sent that is no answer.
    pub garbage: Vec<u8>,
}

/// One of the two types is answered, and has no address.
#[derive(Debug)]
pub struct Half {
    /// The type that is not answered.
    pub unanswered: AddressType,
    /// Whether the name exists, by the answer for the other type.
    pub other_exists: bool,
}

/// Why a server gave no answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Failure {
    /// The local rule forbids to ask it.
    Forbidden,
    /// It replied with this error code.
    Code(u8),
    /// It did not reply in its share of the time.
    Silent,
    /// What it sent is no answer to the question.
    Garbage,
    /// It closed the connection.
    Closed,
    /// The system's reason. ICMP's "port unreachable" comes as "connection refused" (udp(7)).
    System(Errno),
    /// Its answer does not fit a datagram, and over TCP this happened.
    OverTcp(Box<Failure>),
}

impl Failure {
    /// In words: `no reply`.
    pub fn reason(&self) -> String {
        match self {
            Failure::Forbidden => "may not be asked without --remote".to_owned(),
            Failure::Code(code) => code_words(*code),
            Failure::Silent => "no reply".to_owned(),
            Failure::Garbage => "invalid reply".to_owned(),
            Failure::Closed => "the connection was closed".to_owned(),
            Failure::System(errno) => describe(&io::Error::from(*errno)),
            Failure::OverTcp(why) => ["truncated reply, and over TCP: ", &why.reason()].concat(),
        }
    }

    /// The same of these servers: `no reply from 127.0.0.53`.
    fn of(&self, servers: &str) -> String {
        match self {
            Failure::Forbidden => format!("{servers} {}", self.reason()),
            Failure::System(_) | Failure::Closed => format!("{} ({servers})", self.reason()),
            Failure::OverTcp(why) => {
                format!("truncated reply from {servers}, and over TCP: {}", why.reason())
            }
            Failure::Code(_) | Failure::Silent | Failure::Garbage => {
                format!("{} from {servers}", self.reason())
            }
        }
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Failure::System(Errno::from_raw(error.raw_os_error().unwrap_or(Errno::EIO as i32)))
    }
}

impl From<WireError> for Failure {
    fn from(error: WireError) -> Self {
        match error {
            WireError::TimedOut => Failure::Silent,
            WireError::Failed(error) => error.into(),
            #[cfg(feature = "tls")]
            WireError::Tls(_) => Failure::Garbage,
        }
    }
}

impl Unanswered {
    /// In words, the servers that share a reason behind it: `SERVFAIL from 10.0.0.1; no reply from 10.0.0.2, 10.0.0.3`.
    pub fn words(&self) -> String {
        if self.failures.is_empty() {
            return "no time was left to ask a server".to_owned();
        }
        let mut reasons: Vec<String> = Vec::new();
        for (at, (_, failure)) in self.failures.iter().enumerate() {
            if self.failures.iter().take(at).any(|(_, earlier)| earlier == failure) {
                continue;
            }
            let servers: Vec<String> = self
                .failures
                .iter()
                .filter(|(_, other)| other == failure)
                .map(|(server, _)| server.to_string())
                .collect();
            reasons.push(failure.of(&servers.join(", ")));
        }
        reasons.join("; ")
    }

    /// Whether another name may be tried after this one: a server was heard, and spoke of this name alone. A silent one
    /// would be as silent then.
    pub fn leads_on(&self) -> bool {
        self.half.is_some() || self.failures.iter().any(|(_, failure)| matches!(failure, Failure::Code(_)))
    }
}
