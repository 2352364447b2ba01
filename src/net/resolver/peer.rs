//! A name server while it is queried.

use std::io;
use std::net::{IpAddr, UdpSocket};

use super::answer::Failure;

/// A server and how far it is with the questions about one name.
pub struct Peer {
    /// Its address.
    pub server: IpAddr,
    /// The socket for datagrams, once it was queried.
    pub socket: Option<UdpSocket>,
    /// The state of each question.
    pub states: [State; 2],
    /// Whether it sent something that is not an answer.
    pub is_odd: bool,
}

/// How far a server is with a question.
#[derive(Clone, PartialEq, Eq)]
pub enum State {
    /// It has not replied.
    Open,
    /// It has, but the answer has to be fetched over TCP.
    Truncated,
    /// It has answered.
    Answered,
    /// It will not answer.
    Failed(Failure),
}

impl Peer {
    /// Sets the state of a question.
    pub fn set(&mut self, at: usize, state: State) {
        if let Some(place) = self.states.get_mut(at) {
            *place = state;
        }
    }

    /// Takes an error of the socket: ICMP's "port unreachable" appears as "connection refused"
    /// (udp(7)).
    pub fn fail(&mut self, error: io::Error) {
        if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted) {
            return;
        }
        let why = Failure::from(error);
        for state in &mut self.states {
            if *state == State::Open {
                *state = State::Failed(why.clone());
            }
        }
        self.socket = None;
    }

    /// Returns why this server did not answer the open questions; `None` if it was not queried.
    pub fn failure(self, is_open: [bool; 2]) -> Option<(IpAddr, Failure)> {
        let was_asked = self.socket.is_some();
        let states = self.states.into_iter().zip(is_open).filter(|(_, is_open)| *is_open);
        let mut failures = states.filter_map(|(state, _)| match state {
            State::Failed(why) => Some(why),
            State::Open if was_asked => Some(if self.is_odd { Failure::Garbage } else { Failure::Silent }),
            State::Truncated => Some(Failure::OverTcp(Box::new(Failure::Silent))),
            State::Open | State::Answered => None,
        });
        failures.next().map(|why| (self.server, why))
    }
}
