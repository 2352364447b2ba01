//! The answers of name servers about a name, or why there are none.

use std::io;
use std::net::IpAddr;

use nix::errno::Errno;

use crate::error::describe;
use crate::net::dns::{AddressType, code_words};
use crate::net::socket::WireError;

/// The answer of the servers about one name.
#[derive(Debug)]
pub enum Answer {
    /// It has addresses.
    Found(Found),
    /// It exists and has no address, according to this server.
    NoAddress(IpAddr),
    /// It does not exist: NXDOMAIN from this server.
    NoName(IpAddr),
    /// Whether it has an address is unknown.
    Unanswered(Unanswered),
}

/// The addresses of a name.
#[derive(Debug)]
pub struct Found {
    /// The server that returned them.
    pub server: IpAddr,
    /// IPv4 before IPv6.
    pub addresses: Vec<IpAddr>,
    /// The type that was not answered, if there is one.
    pub unanswered: Option<AddressType>,
}

/// Which servers did not answer, and why.
#[derive(Debug)]
pub struct Unanswered {
    /// Each server that was queried and has not answered everything.
    pub failures: Vec<(IpAddr, Failure)>,
    /// What is known if one of the two types was answered.
    pub half: Option<Half>,
    /// The beginning of a message from one of them that is not an answer.
    pub garbage: Vec<u8>,
}

/// Only one of the two types was answered, with no address.
#[derive(Debug)]
pub struct Half {
    /// The type that was not answered.
    pub unanswered: AddressType,
    /// Whether the name exists, according to the answer for the other type.
    pub other_exists: bool,
}

/// Why a server gave no answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Failure {
    /// The local rule forbids querying it.
    Forbidden,
    /// It replied with this error code.
    Code(u8),
    /// It did not reply within its share of the time.
    Silent,
    /// What it sent does not answer the question.
    Garbage,
    /// It closed the connection.
    Closed,
    /// The system's reason. ICMP's "port unreachable" appears as "connection refused" (udp(7)).
    System(Errno),
    /// Its answer does not fit a datagram, and over TCP this happened.
    OverTcp(Box<Failure>),
}

impl Failure {
    /// Returns the reason in words: `no reply`.
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

    /// Returns the same with these servers: `no reply from 127.0.0.53`.
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
    /// Returns the reasons in words, each with the servers that share it: `SERVFAIL from 10.0.0.1;
    /// no reply from 10.0.0.2, 10.0.0.3`.
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

    /// Returns whether another name may be tried after this one: a server replied, about this name
    /// alone. A silent server would be silent then too.
    pub fn leads_on(&self) -> bool {
        self.half.is_some() || self.failures.iter().any(|(_, failure)| matches!(failure, Failure::Code(_)))
    }
}
