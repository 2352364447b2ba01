//! `dns NAME`: a name resolves, according to the name servers in `/etc/resolv.conf`.
//!
//! `/etc/hosts` does not affect the verdict, which is about the servers. If it has the name too,
//! the check reports that, because applications look there first (nsswitch.conf(5)).

use std::fmt::Write as _;
use std::net::IpAddr;

use super::{Attempt, Check, Kind};
use crate::args::{Foreign, Given, UsageError, operand, option_list};
use crate::net::connect::list;
use crate::net::dns::Name;
use crate::net::hosts::in_file;
use crate::net::local::Reach;
use crate::net::lookup::{Lookup, RESOLV_CONF, instead, look_up};
use crate::net::resolver::{Answer, Found};
use crate::net::target::{Endpoint, Host};
use crate::outcome::{Fact, Finding, Verdict};

/// The maximum number of addresses in a line.
const LISTED: usize = 8;
/// What is expected as NAME.
const NAME: &str = "a name such as db or db.example.org";
/// What is expected as `--expect`.
const ADDRESS: &str = "an address such as 10.0.0.5 or fd00::5";

pub(super) const KIND: Kind = Kind {
    name: "dns",
    summary: "a name resolves (asks a name server, so it needs --remote)",
    options: &[&[
        operand("NAME", "the name; a trailing dot disables the search list"),
        option_list("expect", "ADDRESS", "the name has this address, repeatable"),
    ]],
    plan,
    examples: r"porthole dns db --remote
porthole dns db.example.org. --remote --expect 10.0.0.5 -v",
    foreign: Foreign::NONE,
};

#[derive(Debug)]
struct Dns {
    name: String,
    expected: Vec<IpAddr>,
}

fn plan(given: &mut Given<'_>) -> Result<Box<dyn Check>, UsageError> {
    let name = match given.text("NAME")?.as_deref().map(Host::parse) {
        Some(Ok(Host::Name(name))) if Name::parse(&name).is_some() => name,
        _ => return Err(given.unexpected("NAME", NAME)),
    };
    let mut expected = Vec::new();
    for (_, text) in given.texts(&["expect"])? {
        expected.push(text.value.parse().map_err(|_| given.unexpected_unshown("expect", ADDRESS))?);
    }
    Ok(Box::new(Dns { name, expected }))
}

impl Check for Dns {
    fn target(&self) -> Vec<u8> {
        self.name.clone().into_bytes()
    }

    fn endpoint(&self) -> Option<&Endpoint> {
        None
    }

    fn run(&self, attempt: &Attempt) -> Finding {
        if attempt.reach == Reach::Local {
            let found = "the check asks a name server, which only --remote allows";
            return Finding::new(Verdict::Refused, found);
        }
        let lookup = look_up(&self.name, attempt.reach, attempt.deadline);
        let mut finding = match lookup.found() {
            Some((name, found)) => self.judge(name, found),
            None => nothing(&lookup),
        };
        self.describe(&mut finding, &lookup, attempt);
        finding
    }
}

impl Dns {
    /// Returns the name without its trailing dot.
    fn typed(&self) -> &str {
        self.name.strip_suffix('.').unwrap_or(&self.name)
    }

    /// Returns the verdict on the addresses of this name.
    fn judge(&self, name: &str, found: &Found) -> Finding {
        let shown = sorted(&found.addresses);
        let (place, comma) = if name == self.typed() { ("", "") } else { (name, ", ") };
        // Some resolvers wait for both types.
        let missing = match found.unanswered {
            Some(kind) => ["; no answer for ", kind.name()].concat(),
            None => String::new(),
        };
        let server = found.server;
        let mut finding =
            Finding::new(Verdict::Healthy, format!("{shown} ({place}{comma}from {server}{missing})"));
        finding.expected = self.missing(&found.addresses);
        if finding.expected.is_some() {
            finding.verdict = Verdict::Unhealthy;
        }
        finding.timed = true;
        finding.facts = vec![
            ("addresses", facts(&found.addresses)),
            ("server", server.to_string().into()),
            ("name", name.to_owned().into()),
        ];
        finding
    }

    /// Returns the expected addresses that are missing.
    fn missing(&self, addresses: &[IpAddr]) -> Option<String> {
        let mut missing = self.expected.clone();
        missing.retain(|address| !addresses.contains(address));
        if missing.is_empty() { None } else { Some(sorted(&missing)) }
    }

    /// Adds the queries and their results to the finding.
    fn describe(&self, finding: &mut Finding, lookup: &Lookup, attempt: &Attempt) {
        let conf = &lookup.conf;
        let search = if conf.search.is_empty() { "none" } else { &conf.search.join(", ") };
        let servers = shown(&conf.servers);
        let mut details = vec![format!("servers {servers}; search {search}; ndots {}", conf.ndots)];
        for odd in &conf.odd {
            details.push(format!("{RESOLV_CONF}: nameserver {odd} is ignored"));
        }
        details.extend(lookup.unread.as_ref().map(instead));
        let mut names = Vec::new();
        for (name, answer) in &lookup.tried {
            details.push(format!("{name}: {}", result(answer)));
            names.push(Fact::Text(name.clone()));
        }
        finding.facts.push(("tried", Fact::List(names)));
        let hosts = in_file(self.typed(), attempt.deadline).unwrap_or_default();
        if !hosts.is_empty() {
            details.push(format!("applications use {} from /etc/hosts", shown(&hosts)));
            finding.facts.push(("hosts", facts(&hosts)));
        }
        finding.details = details;
    }
}

/// Returns the verdict if there are no addresses.
fn nothing(lookup: &Lookup) -> Finding {
    let finding = Finding::unhealthy(lookup.reason());
    match (lookup.unanswered(), lookup.tried.last()) {
        (Some((_, unanswered)), _) => finding.quoting("received", &unanswered.garbage),
        (None, Some((_, Answer::NoAddress(server) | Answer::NoName(server)))) => {
            finding.fact("server", server.to_string())
        }
        _ => finding,
    }
}

/// Describes the result of querying one name.
fn result(answer: &Answer) -> String {
    match answer {
        Answer::Found(found) => format!("{}, from {}", sorted(&found.addresses), found.server),
        Answer::NoAddress(server) => format!("no address, from {server}"),
        Answer::NoName(server) => format!("no such name (NXDOMAIN), from {server}"),
        Answer::Unanswered(unanswered) => unanswered.words(),
    }
}

fn facts(addresses: &[IpAddr]) -> Fact {
    Fact::List(addresses.iter().map(|address| Fact::Text(address.to_string())).collect())
}

/// As [`shown`], but sorted: servers vary the order of their answers.
fn sorted(addresses: &[IpAddr]) -> String {
    let mut addresses = addresses.to_vec();
    addresses.sort_unstable();
    shown(&addresses)
}

/// Lists the first addresses, separated by commas, and counts the rest.
fn shown(addresses: &[IpAddr]) -> String {
    let mut shown = list(addresses.get(..LISTED).unwrap_or(addresses).iter());
    let more = addresses.len().saturating_sub(LISTED);
    if more > 0 {
        // Writing to a String cannot fail.
        let _ = write!(shown, " and {more} more");
    }
    shown
}
