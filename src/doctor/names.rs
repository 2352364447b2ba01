//! Name resolution: what resolv.conf(5) says.

use std::io::Read as _;
use std::net::{IpAddr, Ipv6Addr};
use std::path::Path;
use std::sync::Arc;

use nix::errno::Errno;

use super::finding::{Finding, Level, first_of};
use super::network::has_network;
use super::servers::{self, FILE};
use super::variables::Variables;
use super::{Case, Request};
use crate::error::{Cause, Error};
use crate::net::resolv_conf::{MOST_SERVERS, ResolvConf};
use crate::text::decode;
use crate::view::root::Root;

/// The most that is read of it, in bytes.
const FILE_LIMIT: u64 = 64 << 10;
/// The most search domains that every resolver uses: MAXDNSRCH of older glibc.
const MAX_DOMAINS: usize = 6;

pub(super) fn diagnose(case: &mut Case<'_>, request: &Request) {
    // A container without a network resolves no names.
    if !has_network(case) {
        return;
    }
    let Some(root) = &case.root else { return case.skipped.push(FILE) };
    let root = Arc::clone(root);
    let text = match case.with_timeout(move || read(&root)) {
        Ok(text) => text,
        Err(error) if is_unreadable_for_process(case, &error) => {
            let what = format!("no readable {FILE}: resolvers fall back to 127.0.0.1");
            case.add(
                Finding::new(Level::Warning, what)
                    .seen(FILE, error.reason())
                    .kubernetes("dnsPolicy: ClusterFirst")
                    .docker("--dns ADDRESS"),
            );
            return;
        }
        Err(error) => return case.unread.push(error.at(Path::new(FILE))),
    };
    let conf = ResolvConf::parse(&text);
    let environ = case.environ.clone().unwrap_or_default();
    let external = Variables::parse(&environ).external_host(conf.ndots);
    let external = external.map(|(name, dots)| (case.path("environ"), decode(name), dots));
    case.findings.extend(assess(&text, &conf, external));
    if conf.is_named {
        servers::diagnose(case, &conf, request);
    }
}

/// Reads resolv.conf.
fn read(root: &Root) -> Result<Vec<u8>, Error> {
    let (file, _) = root.open(Path::new(FILE), false)?;
    let mut text = Vec::new();
    // If reading fails midway, the part before that still counts.
    let _ = file.take(FILE_LIMIT).read_to_end(&mut text);
    Ok(text)
}

/// Whether the process cannot read the file either: it does not exist, or porthole runs as the same
/// user.
fn is_unreadable_for_process(case: &Case<'_>, error: &Error) -> bool {
    let is_same_user = case.status.known.ids && case.own_status.uids[3] == case.status.uids[3];
    let is_missing = error.is_absent() || error.cause == Cause::System(Errno::ELOOP);
    is_missing || is_same_user && !error.is_unanswered()
}

/// A variable that names an external host: its source, its name, and the dots in the host.
type External = (String, String, usize);

/// Returns what is wrong with the contents of the file. An external host is one that it makes
/// expensive.
fn assess(text: &[u8], conf: &ResolvConf, external: Option<External>) -> Vec<Finding> {
    let mut findings = Vec::new();
    addresses(conf, &mut findings);
    server_lines(text, &mut findings);
    search(text, conf, external, &mut findings);
    findings
}

/// Adds findings about missing and invalid addresses of name servers.
fn addresses(conf: &ResolvConf, findings: &mut Vec<Finding>) {
    let is_zoned = |text: &String| is_zoned(text);
    if !conf.is_named && !conf.odd.iter().any(is_zoned) {
        findings.push(
            Finding::new(
                Level::Warning,
                "no nameserver in /etc/resolv.conf: resolvers fall back to 127.0.0.1",
            )
            .seen(FILE, "no nameserver line with an address")
            .kubernetes("dnsPolicy: ClusterFirst, or dnsConfig.nameservers")
            .docker("--dns ADDRESS"),
        );
    }
    if !conf.odd.iter().all(is_zoned) {
        findings.push(
            Finding::new(Level::Warning, "a nameserver line without a valid address is ignored")
                .seen(FILE, format!("nameserver {}", conf.odd.join(", nameserver ")))
                .kubernetes("dnsConfig.nameservers")
                .docker("--dns ADDRESS"),
        );
    }
}

/// Adds findings about `nameserver` lines with valid addresses that resolvers do not use.
fn server_lines(text: &[u8], findings: &mut Vec<Finding>) {
    let (mut returns, mut unused, mut count) = (Vec::new(), Vec::new(), 0);
    for line in text.split(|&b| b == b'\n') {
        let Some(name) = server_of(line) else { continue };
        let shown = decode(line);
        if name.ends_with('\r') {
            returns.push(shown.clone());
        }
        if name.trim_end().parse::<IpAddr>().is_ok() || is_zoned(&name) {
            count += 1;
            unused.extend((count > MOST_SERVERS).then_some(shown));
        }
    }
    if !returns.is_empty() {
        findings.push(
            Finding::new(
                Level::Warning,
                "glibc ignores a nameserver line that ends in a carriage return (Windows line ending)",
            )
            .seen(FILE, first_of(returns, MOST_SERVERS))
            .kubernetes("dnsConfig.nameservers")
            .docker("--dns ADDRESS, or convert the mounted file (dos2unix)"),
        );
    }
    if !unused.is_empty() {
        findings.push(
            Finding::new(
                Level::Warning,
                format!("{count} name servers are configured, but only the first {MOST_SERVERS} are used"),
            )
            .seen(FILE, first_of(unused, MOST_SERVERS))
            .kubernetes("dnsConfig.nameservers: those of dnsPolicy come first; with dnsPolicy: None there are no others")
            .docker("--dns ADDRESS, at most three times"),
        );
    }
}

/// Adds findings about the search domains and `ndots`.
fn search(text: &[u8], conf: &ResolvConf, external: Option<External>, findings: &mut Vec<Finding>) {
    let line_with = |keyword: &str, word: &str| {
        let lines = text.split(|&b| b == b'\n').filter(|line| line.starts_with(keyword.as_bytes()));
        lines.map(decode).rfind(|line| line.contains(word)).unwrap_or_default()
    };
    let domains = conf.search.len();
    if domains > MAX_DOMAINS {
        findings.push(
            Finding::new(
                Level::Warning,
                format!(
                    "{domains} search domains: some resolvers use only {MAX_DOMAINS}, and each costs two queries"
                ),
            )
            .seen(FILE, line_with("search", ""))
            .kubernetes("dnsPolicy: None, and dnsConfig with the nameservers and searches that are needed")
            .docker("--dns-search DOMAIN"),
        );
    }
    if let Some((source, name, dots)) = external.filter(|_| domains > 0) {
        let queries = domains * 2;
        let s = if dots == 1 { "" } else { "s" };
        findings.push(
            Finding::new(
                Level::Hint,
                format!(
                    "an external name with fewer than {} dots costs {queries} queries before the right one",
                    conf.ndots
                ),
            )
            .seen(FILE, line_with("options", "ndots"))
            .seen(source, format!("{name} names such a host, with {dots} dot{s}"))
            .kubernetes("dnsConfig: {options: [{name: ndots, value: \"1\"}]}")
            .application("end external names with a dot: api.example.org."),
        );
    }
}

/// Whether this is an IPv6 address with a zone, such as `fe80::1%eth0`, which other resolvers
/// accept.
fn is_zoned(text: &str) -> bool {
    text.split_once('%').is_some_and(|(address, _)| address.parse::<Ipv6Addr>().is_ok())
}

/// Returns the address in a `nameserver` line. glibc ends it only at a space or a tab (res_init.c);
/// to other resolvers a carriage return is white space too.
fn server_of(line: &[u8]) -> Option<String> {
    let rest = line.strip_prefix(b"nameserver").filter(|rest| matches!(rest, [b' ' | b'\t', ..]))?;
    let word = rest.split(|&b| b == b' ' || b == b'\t').find(|word| !word.is_empty())?;
    Some(decode(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn findings(text: &str) -> Vec<String> {
        let conf = ResolvConf::parse(text.as_bytes());
        let external = (conf.ndots > 2).then(|| ("environ".to_owned(), "API_URL".to_owned(), 2));
        assess(text.as_bytes(), &conf, external).into_iter().map(|finding| finding.what).collect()
    }

    #[test]
    fn findings_of_a_file() {
        assert!(findings("nameserver 10.0.0.10\nsearch a b\noptions ndots:2\n").is_empty());
        assert_eq!(
            findings("search a\n"),
            ["no nameserver in /etc/resolv.conf: resolvers fall back to 127.0.0.1"]
        );
        assert!(findings("nameserver x\n")[1].starts_with("a nameserver line without a valid address"));
        // If no line names a server, resolvers fall back to 127.0.0.1, whatever other lines there
        // are.
        let nobody = "no nameserver in /etc/resolv.conf: resolvers fall back to 127.0.0.1";
        for text in [
            ";nameserver 10.0.0.10\n",
            "nameservers 10.0.0.10\n",
            "nameserver 10.0.0\n",
            " nameserver 10.0.0.10\n",
        ] {
            assert_eq!(findings(text)[0], nobody, "{text}");
        }
        assert!(findings("nameserver 10.0.0.9 # of a VPN\r\nnameserver\t::1\t\r\n").is_empty());
        let returns = "glibc ignores a nameserver line that ends in a carriage return (Windows line ending)";
        assert_eq!(findings("nameserver 10.0.0.9\r\nnameserver ::1\n"), [returns]);
        let many = "nameserver 10.0.0.1\nnameserver fe80::1%eth0\nnameserver x\nnameserver 10.0.0.3\n";
        assert_eq!(findings(many).len(), 1);
        assert_eq!(
            findings(&format!("{many}nameservers 10.0.0.4\nnameserver 10.0.0.5\n"))[1..],
            ["4 name servers are configured, but only the first 3 are used"]
        );
        assert!(findings("nameserver ::1\nsearch a b c d e f g\n")[0].starts_with("7 search domains: "));
        assert_eq!(
            findings("nameserver ::1\nsearch a.svc b c\noptions ndots:5\n"),
            ["an external name with fewer than 5 dots costs 6 queries before the right one"]
        );
        assert!(findings("nameserver ::1\noptions ndots:5\n").is_empty());
    }
}
