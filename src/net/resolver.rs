//! Asking name servers for the addresses of a name: over UDP, and over TCP for an answer that does not fit.
//! RFC 1035, section 4.2.
//!
//! As in libc, A and AAAA are asked for side by side, a server after the other, until one answers; each has its share of
//! the one deadline, so that a silent one does not use up the time of the next. Datagrams are taken only
//! from the server that was asked (connected sockets), and for the questions that were asked (RFC 5452).
//!
//! Unlike in libc, an address of either family suffices, whatever became of the other question: it is waited for only a
//! little longer (RFC 8305, section 3).

mod answer;

use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::io;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::os::fd::AsFd as _;
use std::time::Duration;

use nix::poll::{PollFd, PollFlags};
use nix::sys::socket::SockType;

pub use self::answer::{Answer, Failure, Found, Half, Unanswered};
use super::dns::{AddressType, NXDOMAIN, Name, Question, Reply};
use super::local::Reach;
use super::resolv_conf::ResolvConf;
use super::socket::{Stream, WireError, begin, finish};
use super::wire::Wire;
use crate::deadline::{Deadline, Passed};

/// Where name servers listen.
const PORT: u16 = 53;
/// The most that is read at once, in bytes: eight times what RFC 1035 allows a datagram.
const PIECE: usize = 4096;
/// The length of a message's header, in bytes. RFC 1035, section 4.1.1.
const HEADER: usize = 12;
/// The length of the number that it begins with.
const NUMBER: usize = 2;
/// How much is kept of what is no answer, in bytes.
const KEPT: usize = 64;
/// The most that the second question is waited for once the first has an answer that may do. Where less than four times as
/// much is left of the deadline, it is a quarter of that: connecting takes time too.
const GRACE: Duration = Duration::from_secs(1);

/// A way to the name servers.
pub struct Resolver<'a> {
    conf: &'a ResolvConf,
    /// Where connections may go.
    reach: Reach,
    /// Which server is asked first: the one that answered last.
    first: usize,
}

impl<'a> Resolver<'a> {
    /// The way to the servers of this configuration.
    pub fn new(conf: &'a ResolvConf, reach: Reach) -> Self {
        Resolver { conf, reach, first: 0 }
    }

    /// What the servers say of this name.
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

/// For A and for AAAA, each with a number that cannot be guessed: the keys of the standard library's hashes come
/// from the system's randomness.
fn questions(name: &Name) -> [Question<'_>; 2] {
    let random = RandomState::new().build_hasher().finish();
    let (first, second) = ((random & 0xffff) as u16, (random >> 16 & 0xffff) as u16);
    // Told apart by the number alone where a server leaves the question out.
    let second = if first == second { !second } else { second };
    [(first, AddressType::A), (second, AddressType::Aaaa)].map(|(id, kind)| Question { id, name, kind })
}

/// The two questions about one name, and what they have come to.
struct Inquiry<'a> {
    questions: [Question<'a>; 2],
    /// The server that answers, with the addresses, or with none where there is no such name.
    replies: [Option<(IpAddr, Option<Vec<IpAddr>>)>; 2],
    /// The beginning of what is no answer.
    garbage: Vec<u8>,
    whole: Deadline,
    /// How long the other question is waited for, once one has an answer that may do.
    grace: Option<Deadline>,
}

/// A server in the course of one name's questions.
struct Peer {
    server: IpAddr,
    socket: Option<UdpSocket>,
    /// Where each question is.
    states: [State; 2],
    /// Whether it sent what is no answer.
    is_odd: bool,
}

/// Where a server is with a question.
#[derive(Clone, PartialEq, Eq)]
enum State {
    /// It has not replied.
    Open,
    /// It has, and the answer is to be fetched over TCP.
    Truncated,
    /// It has answered.
    Answered,
    /// It will not answer.
    Failed(Failure),
}

impl Inquiry<'_> {
    /// When it is over.
    fn limit(&self) -> Deadline {
        self.grace.unwrap_or(self.whole)
    }

    /// Whether a question without an answer is in one of these states with this server.
    fn has(&self, peer: &Peer, states: &[State]) -> bool {
        self.replies.iter().zip(&peer.states).any(|(reply, state)| reply.is_none() && states.contains(state))
    }

    /// Whether this server may still answer something that is not known.
    fn waits_for(&self, peer: &Peer) -> bool {
        self.has(peer, &[State::Open, State::Truncated])
    }

    /// Asks this server what is not known yet. A datagram that the system does not take now is as one that is lost.
    fn send(&self, peer: &mut Peer) {
        if peer.socket.is_none() {
            // Connected, so that only the server's datagrams come.
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

    /// Takes what the servers send until nothing more is to come of the one whose turn it is, or its share of the
    /// time is over. An answer that comes late from one before it counts as well.
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

    /// Takes one datagram, if there is one.
    // Apart, so that its buffer is not in the frame of every caller, whose code it would make larger.
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
        // A message of DNS begins with its number, which is another each time.
        let said = if message.len() < HEADER { message } else { message.get(NUMBER..).unwrap_or_default() };
        self.garbage = said.get(..KEPT).unwrap_or(said).to_vec();
    }

    /// Fetches what did not fit a datagram. The whole of what is left is for an answer that is there, but for what other
    /// servers may need.
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

    /// What a server replies to a question.
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
        // That there are no addresses of one family says nothing of the other. No such name does, but not every server
        // means it.
        let may_do = addresses.as_ref().is_none_or(|addresses| !addresses.is_empty());
        // Asked twice, answered twice.
        if let Some(place @ None) = self.replies.get_mut(at) {
            *place = Some((peer.server, addresses));
        }
        if may_do && self.grace.is_none() {
            let left = self.whole.remaining().unwrap_or_default();
            self.grace = Some(self.whole.at_most(GRACE.min(left / 4)));
        }
    }

    /// What came of it.
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
            // The server that has an address says more than the one that has none.
            if server.is_none() || (addresses.is_empty() && !found.is_empty()) {
                server = Some(from);
            }
            addresses.extend(found);
        }
        match (server, unanswered) {
            (Some(server), _) if !addresses.is_empty() => {
                Answer::Found(Found { server, addresses, unanswered })
            }
            // One type of address is enough; that there is none has to be said of both.
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

impl Peer {
    fn set(&mut self, at: usize, state: State) {
        if let Some(place) = self.states.get_mut(at) {
            *place = state;
        }
    }

    /// What the system says of the socket: ICMP's "port unreachable" comes as "connection refused" (udp(7)).
    fn fail(&mut self, error: io::Error) {
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

    /// Why this server did not answer what is still open; nothing where it was not asked.
    fn failure(self, is_open: [bool; 2]) -> Option<(IpAddr, Failure)> {
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

/// The reply over TCP.
fn over_tcp(question: &Question<'_>, server: IpAddr, deadline: Deadline) -> Result<Reply, Failure> {
    let socket = begin(SocketAddr::new(server, PORT), SockType::Stream).map_err(Failure::System)?;
    deadline.wait(socket.as_fd(), PollFlags::POLLOUT).map_err(|Passed| Failure::Silent)?;
    let stream = finish(socket).map_err(Failure::System)?;
    let mut wire = Wire::new(Stream::Tcp(stream), deadline);
    // There is one question, and whole is its answer: the side that asked closes then (RFC 7766, section 6.2.1).
    wire.leave_at_once();
    talk(question, &mut wire)?.ok_or(Failure::Garbage)
}

/// Each message stands behind its length: RFC 1035, section 4.2.2.
// Apart for its buffer, as Inquiry::receive.
#[inline(never)]
fn talk(question: &Question<'_>, wire: &mut Wire) -> Result<Option<Reply>, Failure> {
    let message = question.message();
    let length = u16::try_from(message.len()).unwrap_or_default().to_be_bytes();
    // Whether an end is seen as one, here or below, is a matter of who is faster.
    let closed = |error: WireError| if error.is_hung_up() { Failure::Closed } else { error.into() };
    wire.write_all(&[length.as_slice(), message.as_slice()].concat()).map_err(closed)?;
    let mut received: Vec<u8> = Vec::new();
    let mut piece = [0; PIECE];
    loop {
        if let Some((&length, rest)) = received.split_first_chunk()
            && let Some(message) = rest.get(..usize::from(u16::from_be_bytes(length)))
        {
            return Ok(question.reply(message).filter(|reply| *reply != Reply::Truncated));
        }
        let count = wire.read(&mut piece).map_err(closed)?;
        if count == 0 {
            return Err(Failure::Closed);
        }
        received.extend_from_slice(piece.get(..count).unwrap_or_default());
    }
}
