//! dnsmasq, unbound and BIND, each on a port of its own, asked for every type. What dig prints is
//! what the check finds, and expects.

use std::fmt::Write as _;
use std::fs;
use std::process::Command;

use serde_json::Value;

use crate::daemon::{Daemon, installed, open_folder, unprivileged};
use crate::support::command::porthole;
use crate::support::server::closed_port;

/// The types that are asked for.
const TYPES: [&str; 10] = ["A", "AAAA", "TXT", "SRV", "MX", "CNAME", "NS", "SOA", "PTR", "CAA"];

/// The zones, as BIND and unbound read them. The names are absolute.
const RECORDS: &[&str] = &[
    "example.org. 60 IN SOA ns.example.org. john\\.doe.example.org. 2024010101 3600 900 604800 300",
    "example.org. 60 IN NS ns.example.org.",
    "ns.example.org. 60 IN A 127.0.0.1",
    "example.org. 60 IN A 10.0.0.5",
    "example.org. 60 IN A 10.0.0.10",
    "example.org. 60 IN AAAA fd00::5",
    "example.org. 60 IN MX 10 mail.example.org.",
    "example.org. 60 IN MX 20 Backup.Example.NET.",
    "example.org. 60 IN TXT \"v=spf1 \" \"include:_spf.example.org -all\"",
    "example.org. 60 IN TXT \"two  words; and a \\\"quote\\\"\"",
    "example.org. 60 IN CAA 0 issue \"letsencrypt.org\"",
    "example.org. 60 IN CAA 128 iodef \"mailto:security@example.org\"",
    "_sip._tcp.example.org. 60 IN SRV 0 5 5060 sip.example.org.",
    "_sip._tcp.example.org. 60 IN SRV 10 0 5060 sip2.example.org.",
    "null.example.org. 60 IN MX 0 .",
    "www.example.org. 60 IN CNAME web.example.org.",
    "web.example.org. 60 IN A 10.0.0.6",
    "web.example.org. 60 IN TXT \"web\"",
];
/// The zones of addresses.
const REVERSE: &[&str] = &[
    "0.0.10.in-addr.arpa. 60 IN SOA ns.example.org. root.example.org. 1 3600 900 604800 300",
    "0.0.10.in-addr.arpa. 60 IN NS ns.example.org.",
    "5.0.0.10.in-addr.arpa. 60 IN PTR example.org.",
    "0.0.d.f.ip6.arpa. 60 IN SOA ns.example.org. root.example.org. 1 3600 900 604800 300",
    "0.0.d.f.ip6.arpa. 60 IN NS ns.example.org.",
    "5.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.d.f.ip6.arpa. 60 IN PTR example.org.",
];
/// More addresses than a datagram has room for, unless the client announces that it takes more.
const MANY: std::ops::RangeInclusive<u8> = 1..=60;

/// Returns the records of many.example.org.
fn many() -> impl Iterator<Item = String> {
    MANY.map(|host| format!("many.example.org. 60 IN A 10.0.1.{host}"))
}

/// Returns the address of the server for a target.
fn at(port: u16) -> String {
    format!("127.0.0.1:{port}")
}

/// Waits until the server answers.
fn until_answering(mut daemon: Daemon, port: u16) -> Daemon {
    daemon.until("it answers", || !dig(port, &["example.org", "A"]).is_empty());
    daemon
}

/// Starts BIND as the authority of the zones.
fn bind(port: u16) -> Option<Daemon> {
    let program = installed("named")?;
    let folder = open_folder();
    let zone = |file: &str, records: &mut dyn Iterator<Item = String>| {
        fs::write(folder.join(file), records.map(|line| line + "\n").collect::<String>()).unwrap();
    };
    zone("example.org", &mut RECORDS.iter().map(|&line| line.to_owned()).chain(many()));
    zone("four", &mut REVERSE[..3].iter().map(|&line| line.to_owned()));
    zone("six", &mut REVERSE[3..].iter().map(|&line| line.to_owned()));
    let configuration = format!(
        "options {{ directory \"{folder}\"; listen-on port {port} {{ 127.0.0.1; }}; listen-on-v6 {{ none; }}; \
         recursion no; dnssec-validation no; pid-file none; session-keyfile none; notify no; empty-zones-enable no; }};\n\
         controls {{ }};\n\
         zone \"example.org\" {{ type primary; file \"example.org\"; }};\n\
         zone \"0.0.10.in-addr.arpa\" {{ type primary; file \"four\"; }};\n\
         zone \"0.0.d.f.ip6.arpa\" {{ type primary; file \"six\"; }};\n",
        folder = folder.display()
    );
    fs::write(folder.join("named.conf"), configuration).unwrap();
    let arguments = ["-g", "-n", "1", "-c", "named.conf"];
    Some(until_answering(Daemon::start(folder, &program, arguments, unprivileged), port))
}

/// Starts unbound with the records as its local data.
fn unbound(port: u16) -> Option<Daemon> {
    let program = installed("unbound")?;
    let folder = open_folder();
    let mut configuration = format!(
        "server:\n interface: 127.0.0.1\n port: {port}\n do-daemonize: no\n use-syslog: no\n username: \"\"\n \
         chroot: \"\"\n directory: \"{folder}\"\n pidfile: \"\"\n do-not-query-localhost: no\n local-zone: \".\" refuse\n \
         local-zone: \"example.org.\" static\n local-zone: \"10.in-addr.arpa.\" static\n \
         local-zone: \"d.f.ip6.arpa.\" static\n",
        folder = folder.display()
    );
    for line in RECORDS.iter().chain(REVERSE).map(|&line| line.to_owned()).chain(many()) {
        writeln!(configuration, " local-data: '{line}'").unwrap();
    }
    configuration += "remote-control:\n control-enable: no\n";
    fs::write(folder.join("unbound.conf"), configuration).unwrap();
    Some(until_answering(
        Daemon::start(folder, &program, ["-d", "-p", "-c", "unbound.conf"], unprivileged),
        port,
    ))
}

/// Starts dnsmasq with those of the records that it has options for.
fn dnsmasq(port: u16) -> Option<Daemon> {
    let program = installed("dnsmasq")?;
    let port_option = format!("--port={port}");
    let mut arguments: Vec<String> = [
        &port_option,
        "--keep-in-foreground",
        "--conf-file=/dev/null",
        "--no-resolv",
        "--no-hosts",
        "--user=",
        "--pid-file=",
        "--log-facility=-",
        "--listen-address=127.0.0.1",
        "--bind-interfaces",
        "--local=/example.org/",
        "--host-record=example.org,10.0.0.5,fd00::5",
        "--host-record=web.example.org,10.0.0.6",
        "--cname=www.example.org,web.example.org",
        "--mx-host=example.org,mail.example.org,10",
        "--txt-record=example.org,\"v=spf1 \",include:_spf.example.org -all",
        "--srv-host=_sip._tcp.example.org,sip.example.org,5060,0,5",
        "--caa-record=example.org,0,issue,letsencrypt.org",
        "--ptr-record=5.0.0.10.in-addr.arpa,example.org",
    ]
    .map(str::to_owned)
    .to_vec();
    arguments.extend(MANY.map(|host| format!("--host-record=many.example.org,10.0.1.{host}")));
    Some(until_answering(Daemon::start(open_folder(), &program, arguments, unprivileged), port))
}

/// Returns what dig prints about this name and type, a value a line.
fn dig(port: u16, words: &[&str]) -> Vec<String> {
    let port = port.to_string();
    let mut command = Command::new("dig");
    command.args(["@127.0.0.1", "-p", &port, "+noall", "+answer", "+timeout=5", "+tries=2"]).args(words);
    let output = command.output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    // Owner, time to live, class, type, data. The data of the queried type only, not the alias that
    // leads to it.
    let kind = words.iter().find(|word| TYPES.contains(word)).copied().unwrap_or("PTR");
    let mut values = Vec::new();
    for line in text.lines().filter(|line| !line.starts_with(';')) {
        let (mut fields, mut rest) = (Vec::new(), line);
        while fields.len() < 4 {
            let (field, after) = rest.split_once(char::is_whitespace).unwrap();
            fields.push(field);
            rest = after.trim_start();
        }
        if fields[3] == kind {
            values.push(rest.to_owned());
        }
    }
    values.sort();
    values
}

/// Returns a value as the check prints it: names in lower case, strings joined.
fn shown(kind: &str, value: &str) -> String {
    match kind {
        "TXT" => value.replace("\" \"", "").replace("\\\"", "\""),
        "CAA" => value.to_owned(),
        _ => value.to_lowercase(),
    }
}

/// Returns what the check finds, sorted.
fn found(json: &Value) -> Vec<String> {
    let facts = &json["checks"][0]["facts"];
    let values = facts.get("values").or_else(|| facts.get("addresses")).and_then(Value::as_array);
    let mut values: Vec<String> =
        values.into_iter().flatten().map(|value| value.as_str().unwrap().to_owned()).collect();
    values.sort();
    values
}

/// Asks the server for every type of every name, and compares the answers with those of dig.
fn compare(start: fn(u16) -> Option<Daemon>) {
    if installed("dig").is_none() {
        return;
    }
    let port = closed_port();
    let Some(_daemon) = start(port) else { return };
    let server = at(port);
    let mut seen = Vec::new();
    for name in
        ["example.org", "www.example.org", "_sip._tcp.example.org", "null.example.org", "none.example.org"]
    {
        for kind in TYPES {
            let expected = dig(port, &[name, kind]);
            for tcp in [&[][..], &["--tcp"]] {
                let mut arguments = vec!["dns", name, "--server", &server, "--type", kind];
                for value in &expected {
                    arguments.extend(["--expect", value]);
                }
                arguments.extend(tcp);
                let ran = porthole(arguments.iter().copied().chain(["--json"])).run();
                let json = ran.json();
                let mut wanted: Vec<String> = expected.iter().map(|value| shown(kind, value)).collect();
                wanted.sort();
                assert_eq!(found(&json), wanted, "{name} {kind}\n{}", ran.story());
                assert_eq!(json["healthy"], !expected.is_empty(), "{name} {kind}\n{}", ran.story());
            }
            if !expected.is_empty() {
                seen.push(kind);
            }
        }
    }
    for address in ["10.0.0.5", "fd00::5"] {
        let expected = dig(port, &["-x", address]);
        let json = porthole(["dns", address, "--server", &server, "--type", "PTR", "--json"]).json();
        assert_eq!(found(&json), expected, "{address}");
        if !expected.is_empty() {
            seen.push("PTR");
        }
    }
    for kind in ["A", "AAAA", "TXT", "SRV", "MX", "CNAME", "PTR", "CAA"] {
        assert!(seen.contains(&kind), "the server has no {kind}");
    }
    // Without a type, an address of either family. The local data of unbound has no aliases for
    // other types.
    let alias = porthole(["dns", "www.example.org", "--server", &server]);
    if dig(port, &["www.example.org", "A"]).is_empty() {
        let why = "only an alias, no A or AAAA record: NODATA";
        alias.unhealthy(&format!("unhealthy: dns www.example.org: {why} ({server})"));
    } else {
        alias.healthy(&format!("healthy: dns www.example.org: 10.0.0.6 (from {server}) in <T>"));
    }
    porthole(["dns", "none.example.org", "--server", &server])
        .unhealthy(&format!("unhealthy: dns none.example.org: no such name: NXDOMAIN ({server})"));
    porthole(["dns", "web.example.org", "--server", &server, "--type", "MX"])
        .unhealthy(&format!("unhealthy: dns web.example.org: no MX record: NODATA ({server})"));
    // More than a datagram has room for.
    for tcp in [&[][..], &["--tcp"]] {
        let words = ["dns", "many.example.org", "--server", &server, "--type", "A", "--json"];
        let json = porthole(words.iter().chain(tcp)).json();
        assert_eq!(found(&json).len(), MANY.count(), "{json}");
    }
}

#[test]
fn bind_says_what_it_says_to_dig() {
    compare(bind);
}

#[test]
fn unbound_says_what_it_says_to_dig() {
    compare(unbound);
}

#[test]
fn dnsmasq_says_what_it_says_to_dig() {
    compare(dnsmasq);
}

#[test]
fn names_of_others_are_refused() {
    for start in [bind, unbound] {
        let port = closed_port();
        let Some(_daemon) = start(port) else { return };
        let server = at(port);
        porthole(["dns", "example.net", "--server", &server])
            .unhealthy(&format!("unhealthy: dns example.net: REFUSED ({server})"));
        porthole(["dns", "example.net", "--server", &server, "--tcp", "--type", "NS"])
            .unhealthy(&format!("unhealthy: dns example.net: REFUSED ({server})"));
    }
}
