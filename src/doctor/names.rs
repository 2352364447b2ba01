//! Name resolution: what resolv.conf(5) says.

use std::io::Read as _;
use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;

use nix::errno::Errno;

use super::finding::{Finding, Level, few};
use super::{Asked, Case, LIMIT};
use crate::error::Cause;
use crate::net::resolv_conf::{MOST_SERVERS, ResolvConf};
#[cfg(feature = "remote")]
use crate::procfs::handle::Handle;
use crate::text::decode;

/// The file of resolv.conf(5).
const FILE: &str = "/etc/resolv.conf";
/// The most search domains that every resolver takes: MAXDNSRCH of older glibc.
const DOMAINS: usize = 6;
/// From this many dots on, most names of the outside are tried in all search domains first.
const DOTS: usize = 3;

pub(super) fn look(case: &mut Case<'_>, asked: &Asked) {
    // A container without a network resolves nothing.
    let has_network = case.process.read("net/dev", LIMIT).is_ok_and(|text| has_interface(&text));
    if !has_network {
        return;
    }
    let Some(root) = &case.root else { return case.skipped.push(FILE) };
    let root = Arc::clone(root);
    let text = case.patient(move || {
        let path = Path::new(FILE);
        if let Err(error) = root.meta(path, true) {
            let is_absent = error.is_absent() || error.cause == Cause::System(Errno::ELOOP);
            return Ok(Err((error, is_absent)));
        }
        let opened = root.open(path, false).map_err(|error| (error, false));
        Ok(opened.map(|(file, _)| {
            let mut text = Vec::new();
            // What could be read of it counts.
            let _ = file.take(LIMIT as u64).read_to_end(&mut text);
            text
        }))
    });
    // What keeps us from it keeps such a process from it too.
    let is_same_user = case.status.known.ids && case.ours.uids[3] == case.status.uids[3];
    let text = match text {
        Ok(Ok(text)) => text,
        Ok(Err((why, is_absent))) if is_absent || is_same_user => {
            let what = format!("no readable {FILE}: resolvers fall back to 127.0.0.1");
            case.add(
                Finding::new(Level::Warning, what)
                    .seen(FILE, why.reason())
                    .kubernetes("dnsPolicy: ClusterFirst")
                    .docker("--dns ADDRESS"),
            );
            return;
        }
        Ok(Err((why, _))) | Err(why) => return case.unread.push(why.at(Path::new(FILE))),
    };
    let conf = ResolvConf::parse(&text);
    for finding in judge(&text, &conf) {
        case.add(finding);
    }
    #[cfg(feature = "remote")]
    if asked.remote && conf.is_named {
        if is_of_our_network(case) {
            servers::look(case, &conf);
        } else {
            case.unread.push(format!("whether the servers in {FILE} answer: the process is in another network namespace, or its namespace cannot be read").into());
        }
    }
    #[cfg(not(feature = "remote"))]
    let _ = asked.remote;
}

/// Whether what we ask comes from where it asks.
#[cfg(feature = "remote")]
fn is_of_our_network(case: &Case<'_>) -> bool {
    let ours = case.target.ourselves().ok();
    // What is made up has none.
    !case.target.is_of_kernel()
        || ours.is_some_and(|ours| {
            let network = |process: &Handle| process.link("ns/net").ok();
            ours.pid == case.process.pid
                || network(&ours).is_some_and(|ours| network(case.process) == Some(ours))
        })
}

/// Whether there is an interface besides the loopback: proc_pid_net(5), `net/dev`.
fn has_interface(text: &[u8]) -> bool {
    let name =
        |line: &[u8]| line.iter().position(|&b| b == b':').and_then(|at| line.get(..at)).map(<[u8]>::to_vec);
    text.split(|&b| b == b'\n').filter_map(name).any(|name| name.trim_ascii() != b"lo")
}

/// What is to be said of the file by itself.
fn judge(text: &[u8], conf: &ResolvConf) -> Vec<Finding> {
    let mut findings = Vec::new();
    let line_with = |keyword: &str, word: &str| {
        let lines = text.split(|&b| b == b'\n').filter(|line| line.starts_with(keyword.as_bytes()));
        lines.map(decode).rfind(|line| line.contains(word))
    };
    let line = |keyword: &str| line_with(keyword, "");
    // An address with a zone, fe80::1%eth0, is one for others.
    let is_zoned = |text: &String| {
        text.split_once('%').is_some_and(|(address, _)| address.parse::<std::net::Ipv6Addr>().is_ok())
    };
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
    let (mut returns, mut beyond, mut count) = (Vec::new(), Vec::new(), 0);
    for line in text.split(|&b| b == b'\n') {
        let Some(name) = server_of(line) else { continue };
        let shown = decode(line);
        if name.ends_with('\r') {
            returns.push(shown.clone());
        }
        if name.trim_end().parse::<IpAddr>().is_ok() || is_zoned(&name) {
            count += 1;
            beyond.extend((count > MOST_SERVERS).then_some(shown));
        }
    }
    if !returns.is_empty() {
        findings.push(
            Finding::new(
                Level::Warning,
                "glibc ignores a nameserver line that ends in a carriage return (Windows line ending)",
            )
            .seen(FILE, few(returns, MOST_SERVERS))
            .kubernetes("dnsConfig.nameservers")
            .docker("--dns ADDRESS, or convert the mounted file (dos2unix)"),
        );
    }
    if !beyond.is_empty() {
        findings.push(
            Finding::new(
                Level::Warning,
                format!("{count} name servers are configured, but only the first {MOST_SERVERS} are used"),
            )
            .seen(FILE, few(beyond, MOST_SERVERS))
            .kubernetes("dnsConfig.nameservers: those of dnsPolicy come first; with dnsPolicy: None there are no others")
            .docker("--dns ADDRESS, at most three times"),
        );
    }
    let domains = conf.search.len();
    if domains > DOMAINS {
        findings.push(
            Finding::new(
                Level::Warning,
                format!(
                    "{domains} search domains: some resolvers use only {DOMAINS}, and each costs two queries"
                ),
            )
            .seen(FILE, line("search").unwrap_or_default())
            .kubernetes("dnsPolicy: None, and dnsConfig with the nameservers and searches that are needed")
            .docker("--dns-search DOMAIN"),
        );
    }
    if conf.ndots >= DOTS && domains > 0 {
        let questions = domains * 2;
        findings.push(
            Finding::new(
                Level::Hint,
                format!(
                    "an external name with fewer than {} dots costs {questions} queries before the right one",
                    conf.ndots
                ),
            )
            .seen(FILE, line_with("options", "ndots").unwrap_or_default())
            .kubernetes("dnsConfig: {options: [{name: ndots, value: \"1\"}]}")
            .application("end external names with a dot: api.example.org."),
        );
    }
    findings
}

/// The address that a line names. glibc cuts it at a space or a tab alone (res_init.c), to others a carriage return is one.
fn server_of(line: &[u8]) -> Option<String> {
    let rest = line.strip_prefix(b"nameserver").filter(|rest| matches!(rest, [b' ' | b'\t', ..]))?;
    let word = rest.split(|&b| b == b' ' || b == b'\t').find(|word| !word.is_empty())?;
    Some(decode(word))
}

#[cfg(feature = "remote")]
mod servers {
    //! Whether the name servers answer.

    use std::time::Duration;

    use super::super::{Case, Finding, Level};
    use super::FILE;
    use crate::deadline::Deadline;
    use crate::net::dns::{Name, SERVFAIL};
    use crate::net::resolv_conf::ResolvConf;
    use crate::net::resolver::{Answer, Failure, Resolver};

    /// How long one server is waited for.
    const PATIENCE: Duration = Duration::from_secs(1);

    pub(super) fn look(case: &mut Case<'_>, conf: &ResolvConf) {
        // Any answer will do, that there is none such included.
        let Some(name) = Name::parse("localhost") else { return };
        for &server in &conf.servers {
            let one = ResolvConf {
                servers: vec![server],
                is_named: true,
                search: Vec::new(),
                ndots: 1,
                timeout: PATIENCE,
                attempts: 1,
                odd: Vec::new(),
            };
            let answer =
                Resolver::new(&one, crate::net::local::Reach::Anywhere).ask(&name, Deadline::after(PATIENCE));
            let Answer::Unanswered(unanswered) = answer else { continue };
            let why = unanswered.failures.first().map(|(_, why)| why);
            // One that failed is there.
            if unanswered.half.is_some() || why == Some(&Failure::Code(SERVFAIL)) {
                continue;
            }
            case.add(
                Finding::new(Level::Error, format!("the name server {server} does not answer"))
                    .seen(FILE, format!("nameserver {server}"))
                    .seen(format!("{server}, port 53"), why.map(Failure::reason).unwrap_or_default())
                    .kubernetes("check that NetworkPolicies allow egress to port 53 (UDP and TCP) and that kube-dns runs")
                    .docker("--dns ADDRESS of a server that this network can reach"),
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(text: &str) -> Vec<String> {
        judge(text.as_bytes(), &ResolvConf::parse(text.as_bytes()))
            .into_iter()
            .map(|finding| finding.what)
            .collect()
    }

    #[test]
    fn what_a_file_says() {
        assert!(said("nameserver 10.0.0.10\nsearch a b\noptions ndots:2\n").is_empty());
        assert_eq!(
            said("search a\n"),
            ["no nameserver in /etc/resolv.conf: resolvers fall back to 127.0.0.1"]
        );
        assert!(said("nameserver x\n")[1].starts_with("a nameserver line without a valid address"));
        // 127.0.0.1 is asked where no line names a server, whatever lines there are.
        let nobody = "no nameserver in /etc/resolv.conf: resolvers fall back to 127.0.0.1";
        for text in [
            ";nameserver 10.0.0.10\n",
            "nameservers 10.0.0.10\n",
            "nameserver 10.0.0\n",
            " nameserver 10.0.0.10\n",
        ] {
            assert_eq!(said(text)[0], nobody, "{text}");
        }
        assert!(said("nameserver 10.0.0.9 # of a VPN\r\nnameserver\t::1\t\r\n").is_empty());
        let returns = "glibc ignores a nameserver line that ends in a carriage return (Windows line ending)";
        assert_eq!(said("nameserver 10.0.0.9\r\nnameserver ::1\n"), [returns]);
        let many = "nameserver 10.0.0.1\nnameserver fe80::1%eth0\nnameserver x\nnameserver 10.0.0.3\n";
        assert_eq!(said(many).len(), 1);
        assert_eq!(
            said(&format!("{many}nameservers 10.0.0.4\nnameserver 10.0.0.5\n"))[1..],
            ["4 name servers are configured, but only the first 3 are used"]
        );
        assert!(said("nameserver ::1\nsearch a b c d e f g\n")[0].starts_with("7 search domains: "));
        assert_eq!(
            said("nameserver ::1\nsearch a.svc b c\noptions ndots:5\n"),
            ["an external name with fewer than 5 dots costs 6 queries before the right one"]
        );
        assert!(said("nameserver ::1\noptions ndots:5\n").is_empty());
    }

    #[test]
    fn interfaces() {
        let head = "Inter-|   Receive  |  Transmit\n face |bytes    packets\n";
        assert!(!has_interface(format!("{head}    lo:   0 0\n").as_bytes()));
        assert!(has_interface(format!("{head}    lo:   0 0\n  eth0: 1 1\n").as_bytes()));
        assert!(!has_interface(b""));
    }
}
