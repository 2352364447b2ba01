//! Asking name servers for the addresses of a name: over UDP, and over TCP for an answer that does not fit.
//! RFC 1035, section 4.2.
//!
//! As in libc, A and AAAA are asked for side by side, a server after the other, until one answers; each has its share of
//! the one deadline, so that a silent one does not use up the time of the next. Datagrams are taken only
//! from the server that was asked (connected sockets), and for the questions that were asked (RFC 5452).

use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::io;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::os::fd::AsFd as _;

use nix::poll::{PollFd, PollFlags};
use nix::sys::socket::SockType;

use super::connect::{begin, open};
use super::deadline::Deadline;
use super::dns::{A, AAAA, NXDOMAIN, Name, Question, Reply, SERVFAIL, code_words};
use super::local::Reach;
use super::resolv_conf::ResolvConf;
use super::target::{Endpoint, Host, HostPort};
use super::wire::{Wire, WireError};
use super::words;
use crate::units::show_duration;

/// Where name servers listen.
const PORT: u16 = 53;
/// The most that is read at once, in bytes: eight times what RFC 1035 allows a datagram.
const PIECE: usize = 4096;
/// How much is kept of what is no answer, in bytes.
const KEPT: usize = 64;
/// What is said of that.
const GARBAGE: &str = "what came is no answer to the question";

/// What the servers say of one name.
#[derive(Debug, Default)]
pub struct Answer {
    /// The server that says so; none where the questions are not answered.
    pub server: Option<IpAddr>,
    /// Whether the name exists.
    pub exists: bool,
    /// Its addresses, IPv4 before IPv6.
    pub addresses: Vec<IpAddr>,
    /// Where the questions are not answered: each server, and why.
    pub failures: Vec<(String, String)>,
    /// Whether one of them failed, which may be for this name alone.
    pub servfail: bool,
    /// The beginning of what one of them sent that is no answer.
    pub garbage: Vec<u8>,
    /// Whether A and AAAA are answered.
    pub settled: [bool; 2],
}

/// A way to the name servers.
pub struct Resolver<'a> {
    conf: &'a ResolvConf,
    /// Where connections may go.
    reach: Reach,
    /// Which server is asked first: the one that answered last.
    first: usize,
}

/// A server in the course of one name's questions.
struct Peer {
    server: IpAddr,
    /// Where connections may go.
    reach: Reach,
    socket: Option<UdpSocket>,
    /// Which questions it has answered, for good or ill.
    replied: [bool; 2],
    failure: Option<String>,
}

impl<'a> Resolver<'a> {
    /// The way to the servers of this configuration.
    pub fn new(conf: &'a ResolvConf, reach: Reach) -> Self {
        Resolver { conf, reach, first: 0 }
    }

    /// What the servers say of this name.
    pub fn ask(&mut self, name: &Name, deadline: Deadline) -> Answer {
        let questions = questions(name);
        let mut answer = Answer::default();
        let mut peers = Vec::new();
        for &server in &self.conf.servers {
            let failure = (!self.reach.allows(server)).then(|| "not asked without --remote".to_owned());
            peers.push(Peer { server, reach: self.reach, socket: None, replied: [false; 2], failure });
        }
        let count = peers.len().max(1);
        let turns = count * self.conf.attempts;
        for turn in 0..turns {
            let at = |turn: usize| (self.first + turn) % count;
            let waits = |turn: &usize| peers.get(at(*turn)).is_some_and(|peer| peer.failure.is_none());
            if !waits(&turn) {
                continue;
            }
            // At least this turn, and at most 15.
            let to_come = u32::try_from((turn..turns).filter(waits).count()).unwrap_or(1).max(1);
            let share = deadline.remaining().unwrap_or_default() / to_come;
            let share = deadline.at_most(share.min(self.conf.timeout));
            let at = at(turn);
            if let Some(peer) = peers.get_mut(at) {
                peer.send(&questions, answer.settled);
            }
            listen(&mut peers, at, &questions, &mut answer, share, deadline);
            if answer.settled == [true, true] {
                break;
            }
        }
        // One type of address is enough; that there is none has to be said of both.
        if answer.settled != [true, true] && answer.addresses.is_empty() {
            answer.server = None;
            let silent = match deadline.remaining() {
                Ok(_) => "no answer".to_owned(),
                Err(_) => {
                    ["timed out after ", &show_duration(deadline.limit()), " waiting for an answer"].concat()
                }
            };
            for peer in &peers {
                let reason = peer.failure.as_ref().unwrap_or(&silent).clone();
                answer.failures.push((peer.server.to_string(), reason));
            }
        }
        let first = self.conf.servers.iter().position(|server| Some(*server) == answer.server);
        self.first = first.unwrap_or(self.first);
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
    [(first, A), (second, AAAA)].map(|(id, kind)| Question { id, name, kind })
}

/// Takes what the servers send until nothing more is to come of the one whose turn it is, or its share of the
/// time is over. An answer that comes late from one before it counts as well. The whole of what is left is for an answer
/// that is there and only has to be fetched.
fn listen(
    peers: &mut [Peer],
    turn: usize,
    questions: &[Question<'_>; 2],
    answer: &mut Answer,
    share: Deadline,
    whole: Deadline,
) {
    loop {
        let [a, aaaa] = answer.settled;
        let open = peers.get(turn).is_some_and(|peer| {
            let [replied_a, replied_aaaa] = peer.replied;
            peer.socket.is_some() && !((a || replied_a) && (aaaa || replied_aaaa))
        });
        let mut entries = Vec::new();
        for peer in peers.iter() {
            if let Some(socket) = &peer.socket {
                entries.push(PollFd::new(socket.as_fd(), PollFlags::POLLIN));
            }
        }
        if !open || share.wait_any(&mut entries, share.limit()).is_err() {
            return;
        }
        for peer in peers.iter_mut() {
            peer.receive(questions, answer, whole);
        }
    }
}

impl Peer {
    /// Sends what is not settled yet. A datagram that the system does not take now is as one that is lost.
    fn send(&mut self, questions: &[Question<'_>; 2], settled: [bool; 2]) {
        if self.socket.is_none() {
            // Connected, so that only the server's datagrams come.
            match begin(SocketAddr::new(self.server, PORT), SockType::Datagram) {
                Ok(socket) => self.socket = Some(socket.into()),
                Err(errno) => self.fail(&errno.into()),
            }
        }
        for (question, settled) in questions.iter().zip(settled) {
            if !settled
                && let Some(socket) = &self.socket
                && let Err(error) = socket.send(&question.message())
            {
                self.fail(&error);
            }
        }
    }

    /// Takes one datagram, if there is one.
    // Apart, so that its buffer is not in the frame of every caller, whose code it would make larger.
    #[inline(never)]
    fn receive(&mut self, questions: &[Question<'_>; 2], answer: &mut Answer, deadline: Deadline) {
        let Some(socket) = &self.socket else { return };
        let mut buffer = [0; PIECE];
        let message = match socket.recv(&mut buffer) {
            Ok(length) => buffer.get(..length).unwrap_or_default(),
            Err(error) => return self.fail(&error),
        };
        let places = questions.iter().zip(&mut self.replied).zip(&mut answer.settled);
        for ((question, replied), settled) in places {
            let Some(mut reply) = question.reply(message) else { continue };
            *replied = true;
            if reply == Reply::Truncated {
                match over_tcp(question, self.server, self.reach, deadline) {
                    Ok(whole) => reply = whole,
                    Err(why) => {
                        let why = ["the answer is too long for UDP, and over TCP: ", &why].concat();
                        self.failure = Some(why);
                        return;
                    }
                }
            }
            let mut found = Vec::new();
            match reply {
                Reply::Addresses(addresses) if !*settled => {
                    answer.exists = true;
                    found = addresses;
                }
                Reply::Code(NXDOMAIN) if !*settled => {}
                Reply::Code(code) if code != NXDOMAIN => {
                    answer.servfail |= code == SERVFAIL;
                    self.failure = Some(code_words(code).to_owned());
                    return;
                }
                // Asked twice, answered twice.
                _ => return,
            }
            *settled = true;
            // The server that has an address says more than the one that has none.
            if answer.server.is_none() || (answer.addresses.is_empty() && !found.is_empty()) {
                answer.server = Some(self.server);
            }
            if question.kind == A {
                std::mem::swap(&mut answer.addresses, &mut found);
            }
            answer.addresses.append(&mut found);
            return;
        }
        answer.garbage = message.get(..KEPT).unwrap_or(message).to_vec();
        self.failure.get_or_insert_with(|| GARBAGE.to_owned());
    }

    /// What the system says of the socket: ICMP's "port unreachable" comes as "connection refused" (udp(7)).
    fn fail(&mut self, error: &io::Error) {
        if !matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted) {
            self.failure = Some(words(error));
            self.socket = None;
        }
    }
}

/// The reply over TCP.
fn over_tcp(
    question: &Question<'_>,
    server: IpAddr,
    reach: Reach,
    deadline: Deadline,
) -> Result<Reply, String> {
    let endpoint = Endpoint::Tcp(HostPort { host: Host::Address(server), port: PORT });
    let mut connection = open(&endpoint, reach, deadline).map_err(|finding| {
        let mut found = finding.found;
        // Without the address, which is added to every reason.
        found.truncate(found.rfind(" (").unwrap_or(found.len()));
        found
    })?;
    let reply = talk(question, &mut connection.wire);
    reply.map_err(|error| error.reason(deadline, "waiting for the answer"))?.ok_or_else(|| GARBAGE.to_owned())
}

/// Each message stands behind its length: RFC 1035, section 4.2.2.
// Apart for its buffer, as Peer::receive.
#[inline(never)]
fn talk(question: &Question<'_>, wire: &mut Wire) -> Result<Option<Reply>, WireError> {
    let message = question.message();
    let length = u16::try_from(message.len()).unwrap_or_default().to_be_bytes();
    wire.write_all(&[length.as_slice(), message.as_slice()].concat())?;
    let mut received: Vec<u8> = Vec::new();
    let mut piece = [0; PIECE];
    loop {
        if let Some((&length, rest)) = received.split_first_chunk()
            && let Some(message) = rest.get(..usize::from(u16::from_be_bytes(length)))
        {
            return Ok(question.reply(message).filter(|reply| *reply != Reply::Truncated));
        }
        let count = wire.read(&mut piece)?;
        if count == 0 {
            return Ok(None);
        }
        received.extend_from_slice(piece.get(..count).unwrap_or_default());
    }
}
