//! Looking a name up at the name servers of `/etc/resolv.conf`, under each name that its search list makes of it: what
//! `dns` shows, and what every other check does with a name under `--remote`.

use std::fmt::Write as _;
use std::path::Path;

use super::local::Reach;
use super::resolv_conf::ResolvConf;
use super::resolver::{Answer, Found, Resolver, Unanswered};
use crate::deadline::Deadline;
use crate::files::read_in_time;

/// The file of resolv.conf(5).
pub const RESOLV_CONF: &str = "/etc/resolv.conf";
/// The most of it that is read, in bytes.
const RESOLV_CONF_LIMIT: u64 = 64 << 10;
/// The most names that a reason lists.
const LISTED: usize = 8;

/// What came of a name.
#[derive(Debug)]
pub struct Lookup {
    /// The name without a dot at its end.
    typed: String,
    /// Who was asked, and how.
    pub conf: ResolvConf,
    /// Why that is not what the file says: it cannot be read.
    pub unread: Option<String>,
    /// Each name that was asked for and what the servers say of it, in that order. Only the last has addresses.
    pub tried: Vec<(String, Answer)>,
}

/// Tries each name that this one may stand for until one has an address. As in glibc, one that does not exist or has no
/// address leads on to the next, and so does an error code; silence does not.
pub fn look_up(name: &str, reach: Reach, deadline: Deadline) -> Lookup {
    let text = read_in_time(Path::new(RESOLV_CONF), RESOLV_CONF_LIMIT, deadline);
    let conf = ResolvConf::parse(text.as_deref().unwrap_or_default());
    let mut tried = Vec::new();
    let mut resolver = Resolver::new(&conf, reach);
    for candidate in &conf.candidates(name) {
        // The file took all the time, or the names before this one.
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
    Lookup {
        typed: name.strip_suffix('.').unwrap_or(name).to_owned(),
        unread: text.err().map(|unread| unread.why),
        conf,
        tried,
    }
}

impl Lookup {
    /// The addresses, and the name that has them.
    pub fn found(&self) -> Option<(&str, &Found)> {
        match self.tried.last() {
            Some((name, Answer::Found(found))) => Some((name, found)),
            _ => None,
        }
    }

    /// The first name of which it is not known whether it has an address: no other answer makes up for that.
    pub fn unanswered(&self) -> Option<(&str, &Unanswered)> {
        self.tried.iter().find_map(|(name, answer)| match answer {
            Answer::Unanswered(unanswered) => Some((name.as_str(), unanswered)),
            _ => None,
        })
    }

    /// Why there are no addresses, in words.
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

/// What is asked where the file cannot be read for this reason.
pub fn instead(why: &str) -> String {
    format!("{RESOLV_CONF}: {why}, so 127.0.0.1 is queried")
}
