//! Looking a name up at the name servers of `/etc/resolv.conf`, in each domain of its search list,
//! or at one server. `dns` shows this, and with `--remote` every other check resolves names like
//! this.
//!
//! A build without the feature `remote` ignores the search list: the servers that it may query,
//! those of a container engine or of the machine itself, know names as they are.

use std::path::Path;
use std::time::Duration;

#[cfg(not(feature = "remote"))]
use super::dns::Name;
use super::local::Reach;
use super::resolv_conf::{NameServer, ResolvConf};
#[cfg(feature = "remote")]
use super::resolver::Rank;
use super::resolver::{Answer, Query, ask};
use crate::deadline::Deadline;
use crate::files::read_in_time;
#[cfg(feature = "remote")]
use crate::text::list;

/// The file of resolv.conf(5).
const RESOLV_CONF: &str = "/etc/resolv.conf";
/// The most of it that is read, in bytes.
const RESOLV_CONF_LIMIT: u64 = 64 << 10;

/// Which server is queried if the file cannot be read.
const INSTEAD: &str = ", so 127.0.0.1 is queried";

/// The result of looking a name up.
#[derive(Debug, Default)]
pub struct Lookup {
    /// The answer that decides: the one with data, or else the first about a name that may have
    /// some, or else the first about one that exists. Its words are those about the whole lookup.
    pub answer: Answer,
    /// The name that the answer is about.
    #[cfg(feature = "remote")]
    pub name: String,
    /// The names that were queried, in order.
    #[cfg(feature = "remote")]
    pub tried: Vec<String>,
    /// What was queried, a sentence each.
    #[cfg(feature = "remote")]
    pub details: Vec<String>,
}

/// Looks a name up. If a server is given, it is asked for the name as it is.
pub fn look_up(
    name: &str,
    query: Query<'_>,
    server: Option<NameServer>,
    reach: Reach,
    deadline: Deadline,
) -> Lookup {
    let mut lookup = Lookup::default();
    let mut conf = ResolvConf::default();
    // Why the file could not be read.
    let mut unread = String::new();
    let mut is_unmade = false;
    if let Some(server) = server {
        conf.servers.push(server);
        // The deadline is the limit.
        conf.timeout = Duration::MAX;
    } else {
        let text = read_in_time(Path::new(RESOLV_CONF), RESOLV_CONF_LIMIT, deadline);
        conf.read(text.as_deref().unwrap_or_default());
        if let Err(why) = text {
            is_unmade = why.is_denied() || why.is_uninformative();
            unread = format!("{RESOLV_CONF}: {why}");
        }
        #[cfg(feature = "remote")]
        lookup.describe(&conf, &unread);
    }
    #[cfg(feature = "remote")]
    lookup.try_candidates(name, &conf, !unread.is_empty(), query, reach, deadline);
    #[cfg(not(feature = "remote"))]
    if let Some(name) = Name::parse(name) {
        lookup.answer = ask(&conf, &mut 0, query, &name, reach, deadline);
    }
    lookup.answer.is_unmade |= is_unmade;
    let Answer { words, found, .. } = &mut lookup.answer;
    if !unread.is_empty() && found.texts.is_empty() {
        let (semicolon, instead) = if words.is_empty() { ("", "") } else { ("; ", INSTEAD) };
        *words += semicolon;
        *words += &unread;
        *words += instead;
    }
    lookup
}

#[cfg(feature = "remote")]
impl Lookup {
    /// Tells which servers are queried, and for which names.
    fn describe(&mut self, conf: &ResolvConf, unread: &str) {
        let servers: Vec<String> = conf.servers.iter().map(NameServer::to_string).collect();
        let search = if conf.search.is_empty() { "none" } else { &conf.search.join(", ") };
        self.details.push(format!("servers {}; search {search}; ndots {}", list(&servers), conf.ndots));
        for odd in &conf.odd {
            self.details.push(format!("{RESOLV_CONF}: nameserver {odd} is ignored"));
        }
        if !unread.is_empty() {
            self.details.push(format!("{unread}{INSTEAD}"));
        }
    }

    /// Tries each candidate for this name until one has data. As in glibc, the next one is tried
    /// after a name that does not exist or has no such data, and after an error code, but not after
    /// silence.
    fn try_candidates(
        &mut self,
        name: &str,
        conf: &ResolvConf,
        is_unread: bool,
        query: Query<'_>,
        reach: Reach,
        deadline: Deadline,
    ) {
        let mut first = 0;
        for candidate in &conf.candidates(name) {
            // Reading the file took all the time, or the names before this one did.
            if (is_unread || !self.tried.is_empty()) && deadline.remaining().is_err() {
                break;
            }
            let answer = ask(conf, &mut first, query, candidate, reach, deadline);
            let shown = candidate.shown();
            let is_last = !answer.leads_on();
            self.details.push(format!("{shown}: {}", answer.words));
            self.tried.push(shown.clone());
            let rank = answer.rank();
            if self.tried.len() == 1 || rank < self.answer.rank() || self.answer.rank() == Rank::NoName {
                self.answer = answer;
                self.name = shown;
            }
            if is_last {
                break;
            }
        }
        if !self.tried.is_empty() {
            // The root is only a dot.
            let typed = name.strip_suffix('.').filter(|typed| !typed.is_empty());
            self.complete(typed.unwrap_or(name));
        } else if !is_unread {
            self.answer.words += "not a domain name";
        }
    }

    /// Adds to the words of the answer which names were queried.
    fn complete(&mut self, typed: &str) {
        let (rank, words) = (self.answer.rank(), &mut self.answer.words);
        if self.answer.is_forbidden {
            return;
        }
        if self.name != typed && rank == Rank::Data {
            // In the brackets, behind the server.
            words.pop();
            *words = [words, ", for ", &self.name, ")"].concat();
        } else if self.name != typed && rank != Rank::NoName {
            *words = [words, " for ", &self.name].concat();
        }
        if self.tried.len() > 1 && rank >= Rank::NoData {
            *words = [words, "; tried ", &list(&self.tried)].concat();
        }
    }
}
