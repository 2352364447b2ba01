//! `dns NAME`: a name resolves, according to the name servers in `/etc/resolv.conf`, or one name
//! server answers.
//!
//! `/etc/hosts` does not affect the verdict, which is about the servers. If it has the name too,
//! the check reports that, because applications look there first (nsswitch.conf(5)).

#[cfg(feature = "remote")]
use std::net::IpAddr;
use std::slice::from_ref;

use super::foreign::WHOLE;
use super::{Attempt, Check, Kind};
use crate::args::Hint::{LeaveOut, Say, Use};
use crate::args::{Foreign, Given, Row, Text, UsageError, flag, operand, option, option_list};
use crate::net::dns::{Name, RecordType};
#[cfg(feature = "remote")]
use crate::net::hosts::in_file;
#[cfg(feature = "remote")]
use crate::net::lookup::Lookup;
use crate::net::lookup::look_up;
use crate::net::resolv_conf::NameServer;
use crate::net::resolver::{Answer, Query};
use crate::net::target::{Endpoint, Host};
use crate::outcome::{Fact, Finding, Verdict};
use crate::text::list;

/// What NAME is in a build that has a search list.
const SEARCHED: &str = "the name; a trailing dot disables the search list";
/// What is expected as NAME.
const NAME: &str = "a name such as db.example.org, or an address with --type PTR";
/// What is expected as `--server`.
const SERVER: &str = "an address, as in 127.0.0.1, 127.0.0.1:5353 or [::1]:5353";
/// What is expected as `--type`.
const TYPE: &str = "A, AAAA, TXT, SRV, MX, CNAME, NS, SOA, PTR or CAA";
/// What is expected as `--expect`.
const ADDRESS: &str = "an address such as 10.0.0.5 or fd00::5";
/// Why name servers on other machines are not queried, after their names.
const FORBIDDEN: &str = if cfg!(feature = "remote") {
    ", which only --remote allows"
} else {
    ", and this build asks only local name servers"
};

pub(super) const KIND: Kind = Kind {
    name: "dns",
    summary: "a name resolves, or a name server answers as expected",
    options: &[&[
        operand("NAME", if cfg!(feature = "remote") { SEARCHED } else { "the name" }),
        option("server", "ADDR[:PORT]", "ask this server for the name as it is (those of resolv.conf)"),
        option("type", "TYPE", "A, AAAA, TXT, SRV, MX, CNAME, NS, SOA, PTR, CAA (A and AAAA)"),
        flag("tcp", "ask over TCP"),
        option_list("expect", "VALUE", "the answer has this, as dig prints it; repeatable"),
    ]],
    plan,
    examples: r"porthole dns db
porthole dns example.org --server 127.0.0.1:5353 --type MX --expect '10 mail.example.org'",
    foreign: Foreign { rows: &[FOREIGN], value },
};

/// Words of dig, host and nslookup.
const FOREIGN: &[Row] = &[
    (&["-p", "-port", "--port"], Say("write the port into --server ADDR:PORT")),
    (&["-x"], Use("--type PTR, and the address as NAME")),
    (&["+tcp", "+vc", "-T", "-vc"], Use("--tcp")),
    (&["-query", "-querytype"], Use("--type TYPE")),
    (&["-W"], WHOLE),
    (&["+short", "-4", "-6"], LeaveOut("it is not needed here")),
];

/// `@SERVER` and TYPE are operands of dig, and `-t` is the type in dig and host.
fn value(name: &str, value: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(value).ok()?;
    let is_type = RecordType::named(text).is_some();
    let advice = match name {
        "timeout" if is_type => "-t is --timeout here; use --type TYPE",
        "" if is_type => "use --type TYPE",
        "" | "NAME" if text.starts_with('@') => "use --server ADDR[:PORT]",
        _ => return None,
    };
    Some(advice.to_owned())
}

#[derive(Debug, Default)]
struct Dns {
    /// The name as it was typed.
    typed: String,
    /// The name that is queried.
    name: String,
    server: Option<NameServer>,
    /// The type, unless any address suffices.
    kind: Option<&'static RecordType>,
    over_tcp: bool,
    /// What is expected in the answer, as it would be there and as it may be shown.
    expected: Vec<Text>,
}

fn plan(given: &mut Given<'_>) -> Result<Box<dyn Check>, UsageError> {
    let mut dns = Box::<Dns>::default();
    dns.typed = given.text("NAME")?.unwrap_or_default().to_ascii_lowercase();
    if let Some(text) = given.unshown("server")? {
        dns.server = NameServer::parse(&text);
        if dns.server.is_none() {
            return Err(given.unexpected("server", SERVER));
        }
    }
    if let Some(text) = given.unshown("type")? {
        dns.kind = RecordType::named(&text);
        if dns.kind.is_none() {
            return Err(given.unexpected("type", TYPE));
        }
    }
    dns.name = match dns.typed.parse() {
        Ok(address) if dns.kind.is_some_and(RecordType::is_of_address) => Name::reverse(address),
        _ => dns.typed.clone(),
    };
    if !matches!(Host::parse(&dns.name), Ok(Host::Name(_))) || Name::parse(&dns.name).is_none() {
        return Err(given.unexpected("NAME", NAME));
    }
    dns.over_tcp = given.has("tcp");
    dns.expected = given.texts(&["expect"])?.into_iter().map(|(_, text)| text).collect();
    for text in &mut dns.expected {
        match dns.kind.unwrap_or(RecordType::A).expected(&text.value) {
            Some(value) => text.value = value,
            None => return Err(given.unexpected_unshown("expect", ADDRESS)),
        }
    }
    Ok(dns)
}

impl Check for Dns {
    fn target(&self) -> Vec<u8> {
        self.typed.clone().into_bytes()
    }

    fn endpoint(&self) -> Option<&Endpoint> {
        None
    }

    fn run(&self, attempt: &Attempt) -> Finding {
        let query = match &self.kind {
            None => Query { over_tcp: self.over_tcp, ..Query::ADDRESSES },
            Some(kind) => Query { types: from_ref(kind), wanted: kind.name, over_tcp: self.over_tcp },
        };
        let lookup = look_up(&self.name, query, self.server, attempt.reach, attempt.deadline);
        let finding = self.judge(&lookup.answer);
        #[cfg(feature = "remote")]
        if finding.verdict != Verdict::Refused {
            return self.described(finding, lookup, attempt);
        }
        finding
    }
}

impl Dns {
    /// Returns whether the answers consist of addresses.
    fn has_addresses(&self) -> bool {
        self.kind.is_none_or(RecordType::is_address)
    }

    /// Returns the verdict.
    fn judge(&self, answer: &Answer) -> Finding {
        let mut words = answer.words.clone();
        if answer.is_forbidden {
            words += FORBIDDEN;
            return Finding::new(Verdict::Refused, words);
        }
        let mut finding = Finding::unhealthy(words);
        if let Some(server) = &answer.server {
            finding.push("server", server.clone().into());
        }
        let texts = &answer.found.texts;
        if texts.is_empty() {
            finding.is_undecided = answer.is_unmade;
            return finding.quoting("received", &answer.garbage);
        }
        let mut lacking = Vec::new();
        for text in &self.expected {
            if !texts.contains(&text.value) {
                lacking.push(text.shown.clone());
            }
        }
        if lacking.is_empty() {
            finding.verdict = Verdict::Healthy;
        } else {
            finding.expected = Some(list(&lacking));
        }
        finding.timed = true;
        finding.push(if self.has_addresses() { "addresses" } else { "values" }, fact(texts));
        finding
    }

    /// Adds to the finding what was queried.
    #[cfg(feature = "remote")]
    fn described(&self, mut finding: Finding, lookup: Lookup, attempt: &Attempt) -> Finding {
        finding.details = lookup.details;
        if !lookup.answer.found.texts.is_empty() {
            finding.push("name", lookup.name.into());
        }
        finding.push("tried", fact(&lookup.tried));
        if self.server.is_none() && self.has_addresses() {
            let name = self.name.strip_suffix('.').unwrap_or(&self.name);
            let hosts = in_file(name, attempt.deadline).unwrap_or_default();
            let hosts: Vec<String> = hosts.iter().map(IpAddr::to_string).collect();
            if !hosts.is_empty() {
                finding.details.push(format!("applications use {} from /etc/hosts", list(&hosts)));
                finding.push("hosts", fact(&hosts));
            }
        }
        finding
    }
}

/// Returns the texts for programs.
fn fact(texts: &[String]) -> Fact {
    Fact::List(texts.iter().cloned().map(Fact::Text).collect())
}
