//! Looking a name up at the name servers of `/etc/resolv.conf`, in each domain of its search list.
//! `dns` shows this, and with `--remote` every other check resolves names like this.

use std::fmt::Write as _;
use std::path::Path;

use super::local::Reach;
use super::resolv_conf::ResolvConf;
use super::resolver::{Answer, Found, Resolver, Unanswered};
use crate::deadline::Deadline;
use crate::error::Error;
use crate::files::read_in_time;

/// The file of resolv.conf(5).
pub const RESOLV_CONF: &str = "/etc/resolv.conf";
/// The most of it that is read, in bytes.
const RESOLV_CONF_LIMIT: u64 = 64 << 10;
/// The most names that a reason lists.
const LISTED: usize = 8;

/// The result of looking a name up.
#[derive(Debug)]
pub struct Lookup {
    /// The name without a trailing dot.
    typed: String,
    /// The name servers and search list that were used.
    pub conf: ResolvConf,
    /// Why the file could not be read, so that defaults were used.
    pub unread: Option<Error>,
    /// Each name that was queried, in order, with the answer. Only the last one can have addresses.
    pub tried: Vec<(String, Answer)>,
}

/// Tries each candidate for this name until one has an address. As in glibc, the next one is tried
/// after a name that does not exist or has no address, and after an error code, but not after
/// silence.
pub fn look_up(name: &str, reach: Reach, deadline: Deadline) -> Lookup {
    let text = read_in_time(Path::new(RESOLV_CONF), RESOLV_CONF_LIMIT, deadline);
    let conf = ResolvConf::parse(text.as_deref().unwrap_or_default());
    let mut tried = Vec::new();
    let mut resolver = Resolver::new(&conf, reach);
    for candidate in &conf.candidates(name) {
        // Reading the file took all the time, or the names before this one did.
        if (text.is_err() || !tried.is_empty()) && deadline.remaining().is_err() {
            break;
        }
        let answer = resolver.ask(candidate, deadline);
        let leads_on = match &answer {
            Answer::Found(_) => false,
            Answer::NoAddress(_) | Answer::NoName(_) => true,
            Answer::Unanswered(unanswered) => unanswered.leads_on(),
        };
        tried.push((candidate.to_string(), answer));
        if !leads_on {
            break;
        }
    }
    Lookup { typed: name.strip_suffix('.').unwrap_or(name).to_owned(), unread: text.err(), conf, tried }
}

impl Lookup {
    /// Returns the addresses, and the name that has them.
    pub fn found(&self) -> Option<(&str, &Found)> {
        match self.tried.last() {
            Some((name, Answer::Found(found))) => Some((name, found)),
            _ => None,
        }
    }

    /// Returns the first name that may or may not have an address: this takes precedence over the
    /// other answers.
    pub fn unanswered(&self) -> Option<(&str, &Unanswered)> {
        self.tried.iter().find_map(|(name, answer)| match answer {
            Answer::Unanswered(unanswered) => Some((name.as_str(), unanswered)),
            _ => None,
        })
    }

    /// Returns why there are no addresses, in words.
    pub fn reason(&self) -> String {
        let mut reason = match (self.unanswered(), self.tried.last()) {
            (Some((name, unanswered)), _) => {
                let mut reason = unanswered.words();
                let other = if name == self.typed { "" } else { name };
                // Writing to a String cannot fail.
                let _ = match &unanswered.half {
                    Some(half) => {
                        let of = if other.is_empty() { "" } else { " of " };
                        let (kind, answered) = (half.unanswered.name(), half.unanswered.other().name());
                        let known = if half.other_exists { "no address" } else { "NXDOMAIN" };
                        write!(reason, ", asked for {kind}{of}{other} ({answered}: {known})")
                    }
                    None if other.is_empty() => Ok(()),
                    None => write!(reason, ", asked for {other}"),
                };
                reason
            }
            (None, Some((_, Answer::NoAddress(server) | Answer::NoName(server)))) => {
                let existing = self.tried.iter().find(|(_, answer)| matches!(answer, Answer::NoAddress(_)));
                let mut reason = match existing {
                    Some((name, _)) => format!("{name} exists but has no address (from {server}"),
                    None => format!("no such name (NXDOMAIN from {server}"),
                };
                let names: Vec<&str> =
                    self.tried.iter().map(|(name, _)| name.as_str()).take(LISTED).collect();
                if names != [self.typed.as_str()] {
                    let etc = if self.tried.len() > LISTED { ", …" } else { "" };
                    let _ = write!(reason, "; tried {}{etc}", names.join(", "));
                }
                reason + ")"
            }
            _ => String::new(),
        };
        match &self.unread {
            Some(why) if self.tried.is_empty() => format!("{RESOLV_CONF}: {why}"),
            Some(why) => {
                let _ = write!(reason, "; {}", instead(why));
                reason
            }
            None if self.tried.is_empty() => "not a domain name".to_owned(),
            None => reason,
        }
    }
}

/// Returns which server is queried if the file cannot be read for this reason.
pub fn instead(error: &Error) -> String {
    format!("{RESOLV_CONF}: {error}, so 127.0.0.1 is queried")
}
