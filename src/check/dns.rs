//! `dns NAME`: a name resolves, by the word of the name servers of `/etc/resolv.conf`.
//!
//! What `/etc/hosts` says is not asked, for this is about the servers; where the name stands there too, that is
//! said, because applications take it from there first (nsswitch.conf(5)).

use std::fmt::Write as _;
use std::net::IpAddr;
use std::path::Path;

use super::{Attempt, Check, Kind};
use crate::cli::{Given, UsageError, operand, option_list};
use crate::files::read_regular;
use crate::net::connect::{grouped, list};
use crate::net::dns::Name;
use crate::net::hosts::in_file;
use crate::net::local::Reach;
use crate::net::resolv_conf::ResolvConf;
use crate::net::resolver::Resolver;
use crate::net::target::{Endpoint, Host};
use crate::outcome::{Fact, Finding, Verdict};

/// The file of resolv.conf(5).
const RESOLV_CONF: &str = "/etc/resolv.conf";
/// The most of it that is read, in bytes.
const RESOLV_CONF_LIMIT: u64 = 64 << 10;
/// The most names or addresses that a line lists.
const LISTED: usize = 8;
/// What NAME has to be.
const NAME: &str = "a name such as db or db.example.org";
/// What `--expect` has to be.
const ADDRESS: &str = "an address such as 10.0.0.5 or fd00::5";

pub(super) const KIND: Kind = Kind {
    name: "dns",
    summary: "a name resolves (asks a name server, so it needs --remote)",
    options: &[&[
        operand("NAME", "the name; with a dot at its end it is tried as it is, not in the search list"),
        option_list("expect", "ADDRESS", "this is among the addresses, repeatable"),
    ]],
    plan,
    examples: r"porthole dns db --remote
porthole dns db.example.org. --remote --expect 10.0.0.5 -v",
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
    for text in given.texts("expect")? {
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
        let text = read_regular(Path::new(RESOLV_CONF), RESOLV_CONF_LIMIT);
        let conf = ResolvConf::parse(text.as_deref().unwrap_or_default());
        let mut finding = Finding::unhealthy("");
        let tried = self.search(&conf, attempt, &mut finding);
        self.describe(&mut finding, &tried, &conf, text.err().map(|unread| unread.why));
        finding
    }
}

/// A name, and what came of it.
type Tried = (String, String);

impl Dns {
    /// The name without a dot at its end.
    fn typed(&self) -> &str {
        self.name.strip_suffix('.').unwrap_or(&self.name)
    }

    /// Tries each name until one has an address. As in glibc, a name that does not exist or has no address leads
    /// on to the next, and so does SERVFAIL; silence does not.
    fn search(&self, conf: &ResolvConf, attempt: &Attempt, finding: &mut Finding) -> Vec<Tried> {
        let mut resolver = Resolver::new(conf, attempt.reach);
        let mut tried: Vec<Tried> = Vec::new();
        // Why it is not known whether the name resolves, the last server that answered, a name that exists.
        let mut failed = false;
        let mut last = None;
        let mut existing = None;
        for candidate in &conf.candidates(&self.name) {
            let name = candidate.to_string();
            let other = name != self.typed();
            let answer = resolver.ask(candidate, attempt.deadline);
            let Some(server) = answer.server else {
                let why = grouped(&answer.failures);
                if !failed {
                    finding.found.clone_from(&why);
                    if other {
                        finding.found.push_str(", asked for ");
                        finding.found.push_str(&name);
                    }
                    if !answer.garbage.is_empty() {
                        finding.facts.push(("received", answer.garbage.clone().into()));
                        finding.quote = Some(("received", answer.garbage));
                    }
                }
                tried.push((name, why));
                failed = true;
                if answer.servfail {
                    continue;
                }
                return tried;
            };
            if !answer.addresses.is_empty() {
                let shown = shown(&answer.addresses);
                let (place, comma) = if other { (name.as_str(), ", ") } else { ("", "") };
                // Applications wait for both.
                let missing = match answer.settled {
                    [true, true] => "",
                    [true, false] => "; AAAA is not answered",
                    _ => "; A is not answered",
                };
                finding.found = format!("{shown} ({place}{comma}from {server}{missing})");
                finding.expected = self.missing(&answer.addresses);
                if finding.expected.is_none() {
                    finding.verdict = Verdict::Healthy;
                }
                finding.timed = true;
                finding.quote = None;
                finding.facts = vec![
                    ("addresses", facts(&answer.addresses)),
                    ("server", server.to_string().into()),
                    ("name", name.clone().into()),
                ];
                tried.push((name, format!("{shown}, from {server}")));
                return tried;
            }
            let what = if answer.exists { "no address" } else { "no such name (NXDOMAIN)" };
            if answer.exists && existing.is_none() {
                existing = Some(name.clone());
            }
            tried.push((name, format!("{what}, from {server}")));
            last = Some(server);
        }
        if let Some(server) = last.filter(|_| !failed) {
            let mut names = String::new();
            for (name, _) in tried.get(..LISTED).unwrap_or(&tried) {
                names.push_str(if names.is_empty() { "" } else { ", " });
                names.push_str(name);
            }
            let (and, more) = if names == self.typed() { ("", "") } else { ("; tried ", names.as_str()) };
            let etc = if tried.len() > LISTED { ", …" } else { "" };
            let (subject, what) = match &existing {
                Some(name) => (name.as_str(), " exists but has no address (from "),
                None => ("", "no such name (NXDOMAIN from "),
            };
            finding.found = format!("{subject}{what}{server}{and}{more}{etc})");
            finding.timed = true;
            finding.facts.push(("server", server.to_string().into()));
        }
        tried
    }

    /// The addresses that are expected and did not come.
    fn missing(&self, addresses: &[IpAddr]) -> Option<String> {
        let mut missing = self.expected.clone();
        missing.retain(|address| !addresses.contains(address));
        if missing.is_empty() { None } else { Some(shown(&missing)) }
    }

    /// With what was asked, and what came of it.
    fn describe(&self, finding: &mut Finding, tried: &[Tried], conf: &ResolvConf, unread: Option<String>) {
        let search = if conf.search.is_empty() { "none" } else { &conf.search.join(", ") };
        let servers = shown(&conf.servers);
        let mut details = vec![format!("servers {servers}; search {search}; ndots {}", conf.ndots)];
        for odd in &conf.odd {
            details.push(format!("{RESOLV_CONF}: nameserver {odd} is passed over"));
        }
        if let Some(why) = unread {
            let why = format!("{RESOLV_CONF}: {why}, so 127.0.0.1 is asked");
            if finding.verdict != Verdict::Healthy {
                finding.found.push_str("; ");
                finding.found.push_str(&why);
            }
            details.push(why);
        }
        let mut names = Vec::new();
        for (name, result) in tried {
            details.push(format!("{name}: {result}"));
            names.push(Fact::Text(name.clone()));
        }
        finding.facts.push(("tried", Fact::List(names)));
        let hosts = in_file(self.typed()).unwrap_or_default();
        if !hosts.is_empty() {
            details.push(format!("applications take {} from /etc/hosts", shown(&hosts)));
            finding.facts.push(("hosts", facts(&hosts)));
        }
        finding.details = details;
    }
}

fn facts(addresses: &[IpAddr]) -> Fact {
    Fact::List(addresses.iter().map(|address| Fact::Text(address.to_string())).collect())
}

/// The first of them, with commas between, and how many more there are.
fn shown(addresses: &[IpAddr]) -> String {
    let mut shown = list(addresses.get(..LISTED).unwrap_or(addresses).iter());
    let more = addresses.len().saturating_sub(LISTED);
    if more > 0 {
        // Writing to a String cannot fail.
        let _ = write!(shown, " and {more} more");
    }
    shown
}
