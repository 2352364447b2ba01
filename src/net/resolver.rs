//! Querying name servers for the addresses of a name: over UDP, and over TCP for an answer that
//! does not fit. RFC 1035, section 4.2.
//!
//! As in libc, A and AAAA are queried in parallel, at one server after the other, until one
//! answers. Each server has its share of the one deadline, so that a silent one does not use up the
//! time of the next. Datagrams are only accepted from a server that was queried (connected
//! sockets), and only for the questions that were sent (RFC 5452).
//!
//! Unlike in libc, an address of either family suffices, whatever happens to the other question:
//! its answer is awaited only a little longer (RFC 8305, section 3).

mod answer;
mod peer;
mod tcp;

use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::net::{IpAddr, SocketAddr};
use std::os::fd::AsFd as _;
use std::time::Duration;

use nix::poll::{PollFd, PollFlags};
use nix::sys::socket::SockType;

pub use self::answer::{Answer, Failure, Found, Half, Unanswered};
use self::peer::{Peer, State};
use self::tcp::over_tcp;
use super::dns::{AddressType, NXDOMAIN, Name, Question, Reply};
use super::local::Reach;
use super::resolv_conf::ResolvConf;
use super::socket::begin;
use crate::deadline::Deadline;

/// The port of name servers.
const PORT: u16 = 53;
/// The most that is read at once, in bytes: eight times what RFC 1035 allows a datagram.
const PIECE: usize = 4096;
/// The length of a message's header, in bytes. RFC 1035, section 4.1.1.
const HEADER: usize = 12;
/// The length of the ID that it begins with.
const ID: usize = 2;
/// How much is kept of a message that is not an answer, in bytes.
const KEPT: usize = 64;
/// How long the second answer is awaited at most once the first may suffice. If less than four
/// times that is left of the deadline, it is a quarter of what is left: connecting takes time too.
const GRACE: Duration = Duration::from_secs(1);

/// Queries the name servers of a configuration.
pub struct Resolver<'a> {
    conf: &'a ResolvConf,
    /// Where connections may go.
    reach: Reach,
    /// Which server is queried first: the one that answered last.
    first: usize,
}

impl<'a> Resolver<'a> {
    /// A resolver with the servers of this configuration.
    pub fn new(conf: &'a ResolvConf, reach: Reach) -> Self {
        Resolver { conf, reach, first: 0 }
    }

    /// Queries the servers for the addresses of this name.
    pub fn ask(&mut self, name: &Name, deadline: Deadline) -> Answer {
        let mut peers = Vec::new();
        for &server in &self.conf.servers {
            let state =
                if self.reach.allows(server) { State::Open } else { State::Failed(Failure::Forbidden) };
            peers.push(Peer { server, socket: None, is_odd: false, states: [state.clone(), state] });
        }
        let mut inquiry = Inquiry {
            questions: questions(name),
            replies: [None, None],
            garbage: Vec::new(),
            whole: deadline,
            grace: None,
        };
        let count = peers.len().max(1);
        let turns = count * self.conf.attempts;
        for turn in 0..turns {
            let at = |turn: usize| (self.first + turn) % count;
            let waits = |turn: &usize| peers.get(at(*turn)).is_some_and(|peer| inquiry.waits_for(peer));
            if !waits(&turn) {
                continue;
            }
            let Ok(left) = inquiry.limit().remaining() else { break };
            // At least this turn, and at most 15.
            let to_come = u32::try_from((turn..turns).filter(waits).count()).unwrap_or(1).max(1);
            let share = deadline.at_most((left / to_come).min(self.conf.timeout));
            let at = at(turn);
            if let Some(peer) = peers.get_mut(at) {
                inquiry.send(peer);
            }
            inquiry.listen(&mut peers, at, share);
            inquiry.fetch(&mut peers);
        }
        let answer = inquiry.answer(peers);
        if let Answer::Found(Found { server, .. }) | Answer::NoAddress(server) | Answer::NoName(server) =
            &answer
        {
            let first = self.conf.servers.iter().position(|known| known == server);
            self.first = first.unwrap_or(self.first);
        }
        answer
    }
}

/// Returns the questions for A and AAAA, each with an ID that cannot be guessed: the keys of the
/// standard library's hashes come from the system's randomness.
fn questions(name: &Name) -> [Question<'_>; 2] {
    let random = RandomState::new().build_hasher().finish();
    let (first, second) = ((random & 0xffff) as u16, (random >> 16 & 0xffff) as u16);
    // Only the ID tells them apart if a server leaves the question out.
    let second = if first == second { !second } else { second };
    [(first, AddressType::A), (second, AddressType::Aaaa)].map(|(id, kind)| Question { id, name, kind })
}

/// The two questions about one name, and their answers so far.
struct Inquiry<'a> {
    questions: [Question<'a>; 2],
    /// The server that answered each, and the addresses; `None` in place of them if there is no
    /// such name.
    replies: [Option<(IpAddr, Option<Vec<IpAddr>>)>; 2],
    /// The beginning of a message that is not an answer.
    garbage: Vec<u8>,
    whole: Deadline,
    /// Until when the other answer is awaited, once one may suffice.
    grace: Option<Deadline>,
}

impl Inquiry<'_> {
    /// Returns when the inquiry ends.
    fn limit(&self) -> Deadline {
        self.grace.unwrap_or(self.whole)
    }

    /// Returns whether an unanswered question is in one of these states at this server.
    fn has(&self, peer: &Peer, states: &[State]) -> bool {
        self.replies.iter().zip(&peer.states).any(|(reply, state)| reply.is_none() && states.contains(state))
    }

    /// Returns whether this server may still answer an open question.
    fn waits_for(&self, peer: &Peer) -> bool {
        self.has(peer, &[State::Open, State::Truncated])
    }

    /// Sends the open questions to this server. A datagram that the system does not accept now is
    /// treated as lost.
    fn send(&self, peer: &mut Peer) {
        if peer.socket.is_none() {
            // Connected, so that only the server's datagrams are received.
            match begin(SocketAddr::new(peer.server, PORT), SockType::Datagram) {
                Ok(socket) => peer.socket = Some(socket.into()),
                Err(errno) => return peer.fail(errno.into()),
            }
        }
        for (at, question) in self.questions.iter().enumerate() {
            let is_open = peer.states.get(at) == Some(&State::Open);
            if is_open
                && self.replies.get(at).is_some_and(Option::is_none)
                && let Some(socket) = &peer.socket
                && let Err(error) = socket.send(&question.message())
            {
                peer.fail(error);
            }
        }
    }

    /// Receives datagrams until the server whose turn it is has no open question, or its share of
    /// the time is over. A late answer from an earlier server counts as well.
    fn listen(&mut self, peers: &mut [Peer], turn: usize, share: Deadline) {
        loop {
            let is_open =
                peers.get(turn).is_some_and(|peer| peer.socket.is_some() && self.has(peer, &[State::Open]));
            let mut entries = Vec::new();
            for peer in peers.iter() {
                if let Some(socket) = &peer.socket {
                    entries.push(PollFd::new(socket.as_fd(), PollFlags::POLLIN));
                }
            }
            let Ok(left) = share.remaining() else { return };
            if !is_open || self.limit().wait_any(&mut entries, left).is_err() {
                return;
            }
            for peer in peers.iter_mut() {
                self.receive(peer);
            }
        }
    }

    /// Receives one datagram, if there is one.
    // Separate, so that its buffer is not in the frame of every caller, which would make the code
    // larger.
    #[inline(never)]
    fn receive(&mut self, peer: &mut Peer) {
        let Some(socket) = &peer.socket else { return };
        let mut buffer = [0; PIECE];
        let message = match socket.recv(&mut buffer) {
            Ok(length) => buffer.get(..length).unwrap_or_default(),
            Err(error) => return peer.fail(error),
        };
        for at in 0..self.questions.len() {
            if let Some(reply) = self.questions.get(at).and_then(|question| question.reply(message)) {
                return self.take(peer, at, reply);
            }
        }
        peer.is_odd = true;
        // A DNS message begins with its ID, which is different each time.
        let said = if message.len() < HEADER { message } else { message.get(ID..).unwrap_or_default() };
        self.garbage = said.get(..KEPT).unwrap_or(said).to_vec();
    }

    /// Fetches the answers that did not fit a datagram. The answers exist, so they may use all of
    /// the remaining time except for the shares of the other servers.
    fn fetch(&mut self, peers: &mut [Peer]) {
        let others = peers.iter().filter(|peer| self.waits_for(peer)).count();
        let others = u32::try_from(others).unwrap_or(1).max(1);
        for peer in peers {
            for at in 0..self.questions.len() {
                let is_known = self.replies.get(at).is_some_and(Option::is_some);
                let (Some(State::Truncated), false, Some(question)) =
                    (peer.states.get(at), is_known, self.questions.get(at))
                else {
                    continue;
                };
                let limit = self.limit();
                let share = limit.remaining().unwrap_or_default() / others;
                match over_tcp(question, peer.server, limit.at_most(share)) {
                    Ok(Reply::Code(code)) if code != NXDOMAIN => {
                        peer.set(at, State::Failed(Failure::OverTcp(Box::new(Failure::Code(code)))));
                    }
                    Ok(reply) => self.take(peer, at, reply),
                    Err(why) => peer.set(at, State::Failed(Failure::OverTcp(Box::new(why)))),
                }
            }
        }
    }

    /// Takes the reply of a server to a question.
    fn take(&mut self, peer: &mut Peer, at: usize, reply: Reply) {
        let addresses = match reply {
            Reply::Truncated => return peer.set(at, State::Truncated),
            Reply::Code(code) if code != NXDOMAIN => {
                return peer.set(at, State::Failed(Failure::Code(code)));
            }
            Reply::Code(_) => None,
            Reply::Addresses(addresses) => Some(addresses),
        };
        peer.set(at, State::Answered);
        // No addresses of one family says nothing about the other family. No such name does, but
        // not all servers mean it.
        let may_suffice = addresses.as_ref().is_none_or(|addresses| !addresses.is_empty());
        // A question that is sent twice may be answered twice.
        if let Some(place @ None) = self.replies.get_mut(at) {
            *place = Some((peer.server, addresses));
        }
        if may_suffice && self.grace.is_none() {
            let left = self.whole.remaining().unwrap_or_default();
            self.grace = Some(self.whole.at_most(GRACE.min(left / 4)));
        }
    }

    /// Returns the result.
    fn answer(self, peers: Vec<Peer>) -> Answer {
        let is_open = self.replies.each_ref().map(Option::is_none);
        let mut addresses = Vec::new();
        let (mut server, mut exists, mut unanswered) = (None, false, None);
        for (kind, reply) in AddressType::ALL.into_iter().zip(self.replies) {
            let Some((from, found)) = reply else {
                unanswered = unanswered.or(Some(kind));
                continue;
            };
            exists |= found.is_some();
            let found = found.unwrap_or_default();
            // A server with an address takes precedence over one without.
            if server.is_none() || (addresses.is_empty() && !found.is_empty()) {
                server = Some(from);
            }
            addresses.extend(found);
        }
        match (server, unanswered) {
            (Some(server), _) if !addresses.is_empty() => {
                Answer::Found(Found { server, addresses, unanswered })
            }
            // One type of address is enough; only both answers can tell that there is none.
            (Some(server), None) if exists => Answer::NoAddress(server),
            (Some(server), None) => Answer::NoName(server),
            _ => {
                let failures = peers.into_iter().filter_map(|peer| peer.failure(is_open)).collect();
                let half = unanswered
                    .filter(|_| server.is_some())
                    .map(|unanswered| Half { unanswered, other_exists: exists });
                Answer::Unanswered(Unanswered { failures, half, garbage: self.garbage })
            }
        }
    }
}
