//! Querying name servers about a name: over UDP, and over TCP for an answer that does not fit. RFC
//! 1035, section 4.2.
//!
//! As in libc, A and AAAA are queried in parallel, at one server after the other, until one
//! answers. Each server has its share of the one deadline, so that a silent one does not use up the
//! time of the next. Datagrams are only accepted from a server that was queried, and only for the
//! questions that were sent (RFC 5452); others do not end the wait for an answer.
//!
//! Unlike in libc, an address of either family suffices, whatever happens to the other question:
//! its answer is awaited only a little longer (RFC 8305, section 3).

mod exchange;
mod tcp;

use std::fmt::Write as _;
use std::mem::swap;
use std::os::fd::AsFd as _;
use std::time::Duration;

use nix::poll::{PollFd, PollFlags};

use self::exchange::{Exchange, State};
use self::tcp::{NoReply, over_tcp};
use super::dns::{Found, NOERROR, NXDOMAIN, Name, Question, RecordType, Reply, code_words, is_reply};
use super::local::Reach;
use super::resolv_conf::ResolvConf;
use crate::deadline::Deadline;
use crate::sys::random_number;
use crate::text::list;

/// The most that is read at once, in bytes: eight times what RFC 1035 allows a datagram.
const PIECE: usize = 4096;
/// How much is kept of a message that is not an answer, in bytes.
const KEPT: usize = 64;
/// How long the second answer is awaited at most once the first may suffice. If less than four
/// times that is left of the deadline, it is a quarter of what is left: connecting takes time too.
const GRACE: Duration = Duration::from_secs(1);

/// What is asked about names.
#[derive(Debug, Clone, Copy)]
pub struct Query<'a> {
    /// The types that are queried: one, or those of addresses.
    pub types: &'a [&'static RecordType],
    /// Their names in a sentence.
    pub wanted: &'static str,
    /// Whether all questions are put over TCP.
    pub over_tcp: bool,
}

impl Query<'static> {
    /// The addresses.
    pub const ADDRESSES: Query<'static> =
        Query { types: RecordType::ADDRESSES, wanted: "A or AAAA", over_tcp: false };
}

/// The answer of the servers about one name.
#[derive(Debug, Default)]
pub struct Answer {
    /// The data of the queried types.
    pub found: Found,
    /// The answer in words: `10.0.0.5 (from 10.0.0.1)`, or why there is no data, with each server:
    /// `SERVFAIL (10.0.0.1); no reply (10.0.0.2)`.
    pub words: String,
    /// The server that answered; of two, the one that has data.
    pub server: Option<String>,
    /// The code of a reply; of several, the lowest: NOERROR if the name exists.
    pub code: Option<usize>,
    /// Whether all types were answered.
    pub is_complete: bool,
    /// Whether the local rule forbids querying any of the servers.
    pub is_forbidden: bool,
    /// Whether there is no data because a server could not be asked: this process or machine lacks
    /// something, or the file that names the servers cannot be read.
    pub is_unmade: bool,
    /// The beginning of a message that is not the reply of a name server.
    pub garbage: Vec<u8>,
}

/// What an answer says about a name.
#[cfg(feature = "remote")]
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rank {
    /// It has data.
    Data,
    /// Whether it has data is unknown.
    Unknown,
    /// It exists, but has no data.
    NoData,
    /// It does not exist.
    NoName,
}

#[cfg(feature = "remote")]
impl Answer {
    /// Returns whether another name may be tried after this one: a server replied, about this name
    /// alone. A silent server would be silent then too.
    pub fn leads_on(&self) -> bool {
        self.found.texts.is_empty() && self.code.is_some()
    }

    /// Returns its precedence over answers about other names: the lowest decides, and of several
    /// about names that do not exist, the last.
    pub fn rank(&self) -> Rank {
        match self.code {
            _ if !self.found.texts.is_empty() => Rank::Data,
            _ if !self.is_complete => Rank::Unknown,
            Some(NOERROR) => Rank::NoData,
            _ => Rank::NoName,
        }
    }
}

/// Queries the servers of this configuration about a name, beginning with the one at the place
/// `first`. That becomes the one that answered.
// Not inlined, like the functions below: in a large frame every access to a variable takes more
// bytes.
#[inline(never)]
pub fn ask(
    conf: &ResolvConf,
    first: &mut usize,
    query: Query<'_>,
    name: &Name,
    reach: Reach,
    deadline: Deadline,
) -> Answer {
    let mut answer = Answer { is_forbidden: true, ..Answer::default() };
    let mut inquiry =
        Inquiry { query, open: 0, answered: *first, whole: deadline, grace: None, answer: &mut answer };
    let mut exchanges = Vec::new();
    for (place, server) in conf.servers.iter().enumerate() {
        let is_allowed = reach.allows(server.0.ip());
        inquiry.answer.is_forbidden &= !is_allowed;
        let state = if is_allowed { State::Pending } else { State::Forbidden };
        let mut bit = 1;
        for kind in query.types {
            // The ID cannot be guessed.
            let question = Question { id: (random_number() & 0xffff) as u16, name, kind };
            exchanges.push(Exchange {
                server,
                place,
                question,
                bit,
                socket: None,
                state,
                why: String::new(),
                is_unasked: false,
            });
            inquiry.open |= bit;
            bit <<= 1;
        }
    }
    let count = conf.servers.len();
    let turns = count * conf.attempts;
    for turn in 0..turns {
        let place = |turn: usize| (*first + turn) % count;
        let waits = |turn: &usize| inquiry.waiting(&exchanges, Some(place(*turn))) > 0;
        // At most 15.
        let to_come = (turn..turns).filter(waits).count();
        let Ok(left) = inquiry.limit().remaining() else { break };
        let share = deadline.at_most(part(left, to_come).min(conf.timeout));
        inquiry.hold(&mut exchanges, place(turn), share);
    }
    *first = inquiry.answered;
    inquiry.finish(&exchanges);
    answer.is_complete = inquiry.open == 0;
    answer
}

/// Returns one of this many equal parts of a time.
fn part(time: Duration, parts: usize) -> Duration {
    time / u32::try_from(parts).unwrap_or(1).max(1)
}

/// The questions about one name, and their answers so far.
struct Inquiry<'a> {
    query: Query<'a>,
    /// The bits of the types that are not answered.
    open: u8,
    /// The place of the server that answered.
    answered: usize,
    whole: Deadline,
    /// Until when the other answer is awaited, once one may suffice.
    grace: Option<Deadline>,
    answer: &'a mut Answer,
}

impl Inquiry<'_> {
    /// Returns when the inquiry ends.
    #[inline(never)]
    fn limit(&self) -> Deadline {
        self.grace.unwrap_or(self.whole)
    }

    /// Returns whether an exchange may still answer an open question.
    fn waits_for(&self, exchange: &Exchange<'_>) -> bool {
        exchange.state == State::Pending && self.open & exchange.bit != 0
    }

    /// Returns how many exchanges may, with the server at this place or with all.
    #[inline(never)]
    fn waiting(&self, exchanges: &[Exchange<'_>], place: Option<usize>) -> usize {
        let is_there = |exchange: &Exchange<'_>| place.is_none_or(|place| exchange.place == place);
        exchanges.iter().filter(|exchange| is_there(exchange) && self.waits_for(exchange)).count()
    }

    /// Puts the open questions to the server at this place. Receives datagrams until it has none
    /// left, or its share of the time is over. A late answer from an earlier server counts as well.
    #[inline(never)]
    fn hold(&mut self, exchanges: &mut [Exchange<'_>], place: usize, share: Deadline) {
        let mut is_sent = false;
        while self.waiting(exchanges, Some(place)) > 0 {
            let Ok(left) = share.remaining() else { return };
            if is_sent {
                let mut entries = Vec::new();
                for socket in exchanges.iter().filter_map(|exchange| exchange.socket.as_ref()) {
                    entries.push(PollFd::new(socket.as_fd(), PollFlags::POLLIN));
                }
                if self.limit().wait_any(&mut entries, left).is_err() {
                    return;
                }
            }
            for at in 0..exchanges.len() {
                let waiting = self.waiting(exchanges, None);
                let Some(exchange) = exchanges.get_mut(at) else { return };
                if !self.waits_for(exchange) {
                    exchange.socket = None;
                } else if is_sent {
                    self.receive(exchange, waiting);
                } else if exchange.place != place {
                    // Its turn is later, or was before.
                } else if self.query.over_tcp {
                    self.fetch(exchange, waiting);
                } else {
                    exchange.send();
                }
            }
            is_sent = true;
        }
    }

    /// Receives one datagram, if there is one.
    // Separate, so that its buffer is not in the frame of every caller, which would make the code
    // larger.
    #[inline(never)]
    fn receive(&mut self, exchange: &mut Exchange<'_>, waiting: usize) {
        let Some(socket) = &exchange.socket else { return };
        let mut buffer = [0; PIECE];
        let message = match socket.recv(&mut buffer) {
            Ok(length) => buffer.get(..length).unwrap_or_default(),
            Err(error) => return exchange.take_error(&error),
        };
        match exchange.question.reply(message) {
            Ok(reply) if reply.is_truncated => {
                self.fetch(exchange, waiting);
                if exchange.state == State::Failed {
                    exchange.why = ["truncated reply, and over TCP: ", &exchange.why].concat();
                }
            }
            Ok(reply) => self.take(exchange, reply),
            Err(why) => {
                why.clone_into(&mut exchange.why);
                // Of two types the first, so that it is the same each time.
                if exchange.bit == 1 && !is_reply(message) {
                    // A query that comes back begins with its ID, which is different each time.
                    let steady = message.strip_prefix(&exchange.question.id.to_be_bytes());
                    let steady = steady.unwrap_or(message);
                    self.answer.garbage = steady.get(..KEPT).unwrap_or(steady).to_vec();
                }
            }
        }
    }

    /// Puts the question over TCP. It may use all of the remaining time except for the shares of
    /// the others.
    fn fetch(&mut self, exchange: &mut Exchange<'_>, waiting: usize) {
        let limit = self.limit();
        let share = part(limit.remaining().unwrap_or_default(), waiting);
        match over_tcp(&exchange.question, exchange.server, limit.at_most(share)) {
            Ok(reply) => self.take(exchange, reply),
            Err(NoReply { words, is_unasked }) => {
                exchange.is_unasked = is_unasked;
                exchange.end(State::Failed, words);
            }
        }
    }

    /// Takes the reply of a server to an open question.
    fn take(&mut self, exchange: &mut Exchange<'_>, reply: Reply) {
        let Reply { code, mut found, .. } = reply;
        let is_answer = code == NOERROR || code == NXDOMAIN;
        let state = if is_answer { State::Answered } else { State::Failed };
        exchange.end(state, code_words(code, found.is_alias, self.query.wanted));
        let answer = &mut *self.answer;
        answer.code = Some(answer.code.unwrap_or(code).min(code));
        if !is_answer {
            return;
        }
        self.open &= !exchange.bit;
        // No addresses of one family says nothing about the other family. No such name does, but
        // not all servers mean it.
        let is_empty = found.texts.is_empty();
        if (code == NXDOMAIN || !is_empty) && self.grace.is_none() {
            let left = self.whole.remaining().unwrap_or_default();
            self.grace = Some(self.whole.at_most(GRACE.min(left / 4)));
        }
        // A server with an address takes precedence over one without.
        if answer.server.is_none() || (answer.found.texts.is_empty() && !is_empty) {
            self.answered = exchange.place;
            answer.server = Some(exchange.server.to_string());
        }
        if exchange.bit == 1 {
            // IPv4 before IPv6.
            swap(&mut answer.found.texts, &mut found.texts);
        }
        answer.found.texts.append(&mut found.texts);
        #[cfg(feature = "remote")]
        answer.found.addresses.append(&mut found.addresses);
    }

    /// Completes the answer.
    #[inline(never)]
    fn finish(&mut self, exchanges: &[Exchange<'_>]) {
        self.answer.is_unmade = exchanges.iter().any(|exchange| exchange.is_unasked);
        let Answer { words, found, server, .. } = &mut *self.answer;
        let unanswered = exchanges.iter().find(|exchange| self.open & exchange.bit != 0);
        let kind = unanswered.map(|exchange| exchange.question.kind.name).unwrap_or_default();
        let server = server.as_deref().unwrap_or_default();
        // Writing to a String cannot fail.
        if !found.texts.is_empty() {
            // Some resolvers wait for both types.
            let missing = if kind.is_empty() { "" } else { "; no answer for " };
            let _ = write!(words, "{} (from {server}{missing}{kind})", list(&found.texts));
            return;
        }
        let mut last = "";
        for exchange in exchanges {
            let why = match exchange.state {
                State::Forbidden => "a name server elsewhere",
                _ if exchange.why.is_empty() => "no reply",
                _ => &exchange.why,
            };
            let counts = match unanswered {
                Some(open) => open.bit == exchange.bit && exchange.is_explained(),
                // One server usually answers both questions in the same way.
                None => exchange.state == State::Answered && why != last,
            };
            if counts {
                let semicolon = if words.is_empty() { "" } else { "; " };
                let _ = write!(words, "{semicolon}{why} ({})", exchange.server);
                last = why;
            }
        }
        if words.is_empty() {
            *words += "no time was left to ask a server";
        }
        // Both types were asked for, and one was answered.
        if !server.is_empty() && !kind.is_empty() {
            *words += " for ";
            *words += kind;
        }
    }
}
