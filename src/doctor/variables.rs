//! Variables that name the port or the address to listen on, and expected variables. environ(7),
//! proc_pid_environ(5).

use std::ffi::OsStr;
use std::net::IpAddr;
use std::os::unix::ffi::OsStrExt as _;

use super::finding::{Finding, Level, first_of};
use super::{Case, Request};
use crate::net::target::parse_port;
use crate::procfs::handle::MAX_PROC_FILE_BYTES;
use crate::procfs::handle::{Fate, Handle};
use crate::procfs::sockets::Wanted;
use crate::text::decode;

/// The most addresses that are named.
const MAX_NAMED: usize = 4;

/// How a variable says what to listen on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    /// A number: `8080`.
    Port,
    /// A number, an address, or a URL: `:8080`, `0.0.0.0:8080`, `http://+:8080`.
    Address,
    /// Numbers, with semicolons, that an image sets for whatever runs in it: `8080;8081`.
    Default,
}

/// A variable that says what its own process listens on. Others name the port of a server that the
/// process is a client of (`DB_PORT`, and what Kubernetes sets for each service).
type Variable = (&'static [&'static str], Form);

/// The variables of common frameworks and platforms.
const LISTENING: [Variable; 3] = [
    (
        &[
            "PORT",
            "HTTP_PORT",
            "SERVER_PORT",
            "LISTEN_PORT",
            "BIND_PORT",
            "APP_PORT",
            "WEB_PORT",
            "GRPC_PORT",
            "NITRO_PORT",
            "UVICORN_PORT",
            "FLASK_RUN_PORT",
            "ROCKET_PORT",
            "QUARKUS_HTTP_PORT",
            "MICRONAUT_SERVER_PORT",
            "GRADIO_SERVER_PORT",
            "STREAMLIT_SERVER_PORT",
        ],
        Form::Port,
    ),
    (
        &[
            "LISTEN",
            "LISTEN_ADDR",
            "LISTEN_ADDRESS",
            "ADDR",
            "ADDRESS",
            "BIND",
            "BIND_ADDR",
            "BIND_ADDRESS",
            "HTTP_ADDR",
            "HTTP_LISTEN",
            "SERVER_ADDR",
            "ASPNETCORE_URLS",
            "DOTNET_URLS",
        ],
        Form::Address,
    ),
    (&["ASPNETCORE_HTTP_PORTS", "DOTNET_HTTP_PORTS"], Form::Default),
];
/// Variables that, if they are set, take precedence over [`Form::Default`].
const OVERRIDES: [&str; 3] = ["ASPNETCORE_URLS", "DOTNET_URLS", "URLS"];

/// The ends of the names of variables that name a server.
const OF_SERVERS: [&str; 7] = ["HOST", "URL", "URI", "ADDR", "ADDRESS", "ENDPOINT", "SERVER"];
/// The last labels of names that only search domains and private networks have: RFC 6762, RFC 9476,
/// and those of Kubernetes.
const INSIDE: [&str; 8] = ["svc", "local", "cluster", "internal", "localdomain", "lan", "home", "alt"];

pub(super) fn diagnose(case: &mut Case<'_>, request: &Request) {
    let Some(text) = case.environ.clone() else {
        for name in &request.variables {
            let finding = unknown(case, name);
            case.add(finding);
        }
        return case.skipped.push("variables");
    };
    for name in &request.variables {
        let finding = missing(case, &Variables::parse(&text), name);
        case.findings.extend(finding);
    }
    if case.is_fallback {
        return;
    }
    let Some(open) = open_ports(case) else { return };
    let variables = Variables::parse(&text);
    for (name, port) in variables.ports(!case.listening.is_empty()) {
        if !open.contains(&port) && !request.ports.contains(&port) {
            let is_whole = variables.get(name).is_some_and(|value| parse_port(value) == Some(port));
            let finding = unheard(case, name, port, is_whole);
            case.add(finding);
        }
    }
}

/// Reads the environment of a process; `None` if that is denied, or if the process has ended, whose
/// environment reads as empty.
pub(super) fn read(process: &Handle) -> Option<Vec<u8>> {
    let text = process.read("environ", MAX_PROC_FILE_BYTES);
    // A fabricated process (tests) may have none.
    let text = text.map_or_else(|error| error.is_absent().then(Vec::new), Some)?;
    (!text.is_empty() || process.fate() == Fate::Lives).then_some(text)
}

/// Returns the ports on which anything in the network namespace of the process receives, by TCP or
/// UDP; `None` if that is not known.
fn open_ports(case: &Case<'_>) -> Option<Vec<u16>> {
    let wanted = |tcp, udp| Wanted { tcp, udp, unix: false };
    let tcp = case.sockets(wanted(true, false)).ok()?;
    let udp = case.sockets_if_any(wanted(false, true)).ok()?;
    Some(tcp.iter().chain(&udp).map(|socket| socket.port).collect())
}

/// Returns the finding that it is not known whether this variable is set.
fn unknown(case: &Case<'_>, name: &OsStr) -> Finding {
    let name = decode(name.as_bytes());
    let why = match case.handle.read("environ", 1) {
        Err(error) => error.reason().into_owned(),
        Ok(_) => "empty".to_owned(),
    };
    let what = format!("cannot tell whether {} has the variable {name}", case.process.shown());
    Finding::new(Level::Error, what).seen(case.path("environ"), why)
}

/// Returns the finding for an expected variable that is not set, or empty.
fn missing(case: &Case<'_>, variables: &Variables<'_>, name: &OsStr) -> Option<Finding> {
    let bytes = name.as_bytes();
    let (shown, process) = (decode(bytes), case.process.shown());
    let value = variables.0.iter().find(|(known, _)| *known == bytes).map(|(_, value)| value);
    let (what, seen) = match value {
        Some(value) if !value.is_empty() => return None,
        Some(_) => (format!("the variable {shown} of {process} is empty"), format!("{shown}=")),
        None => {
            let other = variables.0.iter().find(|(known, _)| known.eq_ignore_ascii_case(bytes));
            let seen = match other {
                Some((other, _)) => format!("no {shown}, but {}", decode(other)),
                None => format!("no {shown}"),
            };
            (format!("the variable {shown} of {process} is not set"), seen)
        }
    };
    Some(
        Finding::new(Level::Error, what)
            .seen(case.path("environ"), seen)
            .docker(format!("--env {shown}=VALUE, or --env-file FILE"))
            .kubernetes(format!("env: [{{name: {shown}, value: VALUE}}], or valueFrom or envFrom")),
    )
}

/// Returns the finding for a variable that names a port on which nothing listens. `is_whole` is
/// whether its value is only that port, not an address or a URL.
fn unheard(case: &Case<'_>, name: &str, port: u16, is_whole: bool) -> Finding {
    let what = format!("{name} names port {port}, but nothing listens on it");
    let listens = if case.listening.is_empty() {
        format!("{} listens on no TCP port", case.process.shown())
    } else {
        let addresses = case.listening.iter().map(ToString::to_string).collect();
        format!("LISTEN {}", first_of(addresses, MAX_NAMED))
    };
    let finding = Finding::new(Level::Warning, what)
        .seen(case.path("environ"), format!("{name} names port {port}"))
        .seen(case.path("net/tcp"), listens);
    let Some(actual) = case.listening.first().map(std::net::SocketAddr::port) else {
        return finding.application(format!(
            "listen on port {port}: its log may say why it does not; a process that serves nothing needs no {name}"
        ));
    };
    let (docker, kubernetes) = if is_whole {
        (format!("--env {name}={actual}"), format!("env: [{{name: {name}, value: \"{actual}\"}}]"))
    } else {
        let value = format!("{actual} in place of {port} in the value of {name}");
        (format!("--env with {value}"), format!("env: {value}"))
    };
    finding
        .application(format!(
            "read {name}, or set the option that it reads instead, so that it listens on port {port}"
        ))
        .docker(format!("if {actual} is right: {docker}, and --publish HOST_PORT:{actual}"))
        .kubernetes(format!(
            "if {actual} is right: {kubernetes}, and {actual} as containerPort, as targetPort of the Service, and as port of the probes"
        ))
}

/// The variables of a process.
pub(super) struct Variables<'a>(Vec<(&'a [u8], &'a [u8])>);

impl<'a> Variables<'a> {
    pub(super) fn parse(text: &'a [u8]) -> Self {
        let entries = text.split(|&b| b == 0).filter_map(|entry| {
            let at = entry.iter().position(|&b| b == b'=')?;
            Some((entry.get(..at)?, entry.get(at + 1..)?))
        });
        Variables(entries.collect())
    }

    /// Returns the value of a variable. Of several of that name, getenv(3) finds the first.
    pub(super) fn get(&self, name: &str) -> Option<&'a str> {
        let (_, value) = self.0.iter().find(|(known, _)| *known == name.as_bytes())?;
        std::str::from_utf8(value).ok().map(str::trim)
    }

    /// Returns the ports that the variables name, each with the variable. Those that images set for
    /// whatever runs in them count only for a process that listens.
    fn ports(&self, listens: bool) -> Vec<(&'static str, u16)> {
        let mut found: Vec<(&'static str, u16)> = Vec::new();
        for (names, form) in LISTENING {
            if form == Form::Default && (!listens || OVERRIDES.iter().any(|name| self.get(name).is_some())) {
                continue;
            }
            for &name in names {
                let Some(value) = self.get(name).filter(|_| !self.is_of_peer(name)) else { continue };
                for word in value.split([';', ',']) {
                    let port = if form == Form::Address { port_of(word) } else { parse_port(word) };
                    found.extend(port.map(|port| (name, port)));
                }
            }
        }
        let mut ports: Vec<u16> = Vec::new();
        found.retain(|&(_, port)| {
            let is_new = !ports.contains(&port);
            ports.push(port);
            is_new
        });
        found
    }

    /// Returns the first variable that names a host outside, with so few dots that it is first
    /// looked up in the search domains, and how many dots it has.
    pub(super) fn external_host(&self, ndots: usize) -> Option<(&'a [u8], usize)> {
        self.0.iter().find_map(|&(name, value)| {
            let is_of_server = |end: &&str| name.ends_with(end.as_bytes());
            let text = std::str::from_utf8(value).ok().filter(|_| OF_SERVERS.iter().any(is_of_server))?;
            let dots = external_dots(text)?;
            (dots < ndots).then_some((name, dots))
        })
    }

    /// Whether this is the port of another host, which a variable beside it names: `WEB_HOST` beside
    /// `WEB_PORT`.
    fn is_of_peer(&self, name: &str) -> bool {
        let Some(start) = name.strip_suffix("PORT").filter(|start| !start.is_empty()) else { return false };
        let host = self.get(&[start, "HOST"].concat());
        host.is_some_and(|host| !is_own(host))
    }
}

/// Returns the port of `:8080`, `0.0.0.0:8080`, `[::]:8080`, `http://+:8080/` or `8080`; `None` if
/// the host is another than a listener can have. Kubernetes and Docker set `tcp://HOST:PORT` for
/// services elsewhere.
fn port_of(word: &str) -> Option<u16> {
    let word = word.trim();
    let rest = word.strip_prefix("http://").or_else(|| word.strip_prefix("https://")).unwrap_or(word);
    let rest = rest.split('/').next().unwrap_or_default();
    match rest.rsplit_once(':') {
        None if rest.len() == word.len() => parse_port(rest),
        Some((host, port)) if is_own(host) => parse_port(port),
        _ => None,
    }
}

/// Returns how many dots are in the host that this value names, if it is one outside of the network of
/// the container: `https://api.example.org/v1`, `db.example.org:5432`.
fn external_dots(value: &str) -> Option<usize> {
    let rest = value.split_once("://").map_or(value, |(_, rest)| rest);
    let rest = rest.split(['/', '?', ',']).next()?;
    let rest = rest.rsplit_once('@').map_or(rest, |(_, rest)| rest);
    let host = rest.split_once(':').map_or(rest, |(host, _)| host);
    let labels: Vec<&str> = host.split('.').collect();
    let is_label = |label: &&str| {
        !label.is_empty() && label.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'))
    };
    let last =
        labels.last().filter(|last| last.len() > 1 && last.bytes().all(|b| b.is_ascii_alphabetic()))?;
    let is_outside = !INSIDE.contains(last) && labels.iter().all(is_label);
    (is_outside && labels.len() > 1).then(|| labels.len() - 1)
}

/// Whether a process may listen on this host: a wildcard, or an address of its own loopback.
fn is_own(host: &str) -> bool {
    let address = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    let is_near = |ip: IpAddr| ip.is_unspecified() || ip.is_loopback();
    matches!(host, "" | "*" | "+" | "localhost") || address.parse().is_ok_and(is_near)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_of_variables() {
        let of = |text: &str| Variables::parse(text.replace(' ', "\0").as_bytes()).ports(true);
        assert_eq!(of("PORT=8080 DB_PORT=5432 REDIS_SERVICE_PORT=6379"), [("PORT", 8080)]);
        assert_eq!(of("PORT=tcp://10.0.0.1:80 HTTP_PORT=0 SERVER_PORT=x APP_PORT="), []);
        assert_eq!(of("PORT=80 PORT=81 HTTP_PORT=80"), [("PORT", 80)]);
        assert_eq!(
            of("WEB_HOST=web.example.org WEB_PORT=80 GRPC_HOST=0.0.0.0 GRPC_PORT=81"),
            [("GRPC_PORT", 81)]
        );
        assert_eq!(
            of("ASPNETCORE_URLS=http://+:8080;https://[::]:8443/x"),
            [("ASPNETCORE_URLS", 8080), ("ASPNETCORE_URLS", 8443)]
        );
        assert_eq!(of("ASPNETCORE_HTTP_PORTS=8080;8081").len(), 2);
        assert_eq!(of("ASPNETCORE_HTTP_PORTS=8080 URLS=http://*:80"), []);
        assert_eq!(Variables::parse(b"ASPNETCORE_HTTP_PORTS=8080").ports(false), []);
        assert_eq!(of("\u{ff}=1 = PORT \0"), []);
    }

    #[test]
    fn hosts_outside() {
        for (value, dots) in [
            ("api.example.org", Some(2)),
            ("https://me:secret@api.example.org:8443/v1", Some(2)),
            ("example.org:5432", Some(1)),
            ("db", None),
            ("db.default.svc", None),
            ("db.default.svc.cluster.local:5432", None),
            ("10.0.0.1", None),
            ("/run/app.sock", None),
            ("api.example.org.", None),
            ("", None),
            ("a..org", None),
        ] {
            assert_eq!(external_dots(value), dots, "{value}");
        }
        let of = |text: &str| {
            let bytes = text.replace(' ', "\0");
            Variables::parse(bytes.as_bytes()).external_host(2).map(|(name, dots)| (name.to_vec(), dots))
        };
        assert_eq!(
            of("NOTE=example.org API_URL=http://x.example.org DB_HOST=example.org"),
            Some((b"DB_HOST".to_vec(), 1))
        );
        assert_eq!(of("NOTE=example.org"), None);
    }

    #[test]
    fn ports_of_addresses() {
        for (word, port) in [
            ("8080", Some(8080)),
            (":8080", Some(8080)),
            ("0.0.0.0:80", Some(80)),
            ("[::1]:80", Some(80)),
            ("http://localhost:5000", Some(5000)),
            ("redis:6379", None),
            ("10.0.0.1:80", None),
            ("tcp://0.0.0.0:80", None),
            ("http://+", None),
            ("/run/app.sock", None),
            ("http://80", None),
            ("::", None),
            ("", None),
        ] {
            assert_eq!(port_of(word), port, "{word}");
        }
    }
}
