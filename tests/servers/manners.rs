//! The servers' relatives that misbehave: what every check of a server has to take from whatever is on the port.

use std::time::Duration;

use crate::support::command::porthole;
use crate::support::server::{Server, Step, closed_port, send};

/// What no check may take longer than, whatever it meets.
const LIMIT: Duration = Duration::from_secs(10);

/// A check, and the server that is healthy to it.
pub struct Manners {
    pub check: &'static str,
    /// What the client says first; nothing where the server does.
    pub opening: &'static [u8],
    /// What it says on a second connection, where the first was closed without a word; nothing where it makes none.
    pub again: &'static [u8],
    /// What it waits for then.
    pub awaited: &'static str,
    /// What a server says and hears from there on.
    pub talk: Vec<Step>,
    /// What is then found.
    pub found: &'static str,
}

impl Manners {
    /// A server that hears the opening and goes on like this.
    pub fn server(&self, steps: Vec<Step>) -> Server {
        let after = |said| [vec![Step::Until(said)], steps.clone()].concat();
        Server::scripts(match (self.opening, self.again) {
            (b"", _) => vec![steps],
            (opening, b"") => vec![after(opening)],
            (opening, again) => vec![after(opening), after(again)],
        })
    }

    /// A server that goes on like this is unhealthy for this reason, within 300 ms.
    #[track_caller]
    pub fn unhealthy(&self, steps: Vec<Step>, reason: &str) {
        let (check, server) = (self.check, self.server(steps));
        let address = server.address();
        porthole([check, &address.to_string(), "-t", "300ms"])
            .unhealthy(&format!("unhealthy: {check} {address}: {reason}"))
            .within(LIMIT);
    }

    /// A server that says one of these, and nothing more, is unhealthy for the reason beside it.
    #[track_caller]
    pub fn each_unhealthy<T: AsRef<[u8]>>(&self, answers: &[(T, &str)]) {
        for (said, reason) in answers {
            self.unhealthy(vec![send(said), Step::Hold], reason);
        }
    }

    /// A server that says one of these, shown as it stands beside it, is none of the kind.
    #[track_caller]
    pub fn each_foreign(&self, answers: &[(&[u8], &str)]) {
        for (said, shown) in answers {
            let reason = format!("the response is not {}; received: {shown}", self.check);
            self.unhealthy(vec![send(said), Step::Hold], &reason);
        }
    }

    /// A server that goes on like this is healthy for this reason.
    #[track_caller]
    pub fn healthy(&self, steps: Vec<Step>, reason: &str) {
        let (check, server) = (self.check, self.server(steps));
        let address = server.address();
        porthole([check, &address.to_string()])
            .healthy(&format!("healthy: {check} {address}: {reason} in <T>"))
            .within(LIMIT);
    }

    /// Everything that all of them have to take.
    pub fn all(&self) {
        let (check, awaited) = (self.check, self.awaited);
        let timed_out = format!("timed out after 300 ms waiting for {awaited}");
        self.unhealthy(vec![Step::Hold], &timed_out);
        let Some(Step::Send(first)) = self.talk.first() else { panic!("{check}: a server says something") };
        let (begun, rest) = first.split_at(first.len() / 2);
        self.unhealthy(vec![send(begun), Step::Hold], &timed_out);
        // However much of it comes in time: a byte now and then does not stretch the deadline.
        let server = self.server(vec![send(begun), Step::Drip(rest.to_vec(), Duration::from_millis(150))]);
        let address = server.address();
        let ran = porthole([check, &address.to_string(), "-t", "300ms"]).run().within(LIMIT);
        ran.is(1, &format!("unhealthy: {check} {address}: {timed_out}"), "");
        drop(server);
        let closed = "the server closed the connection";
        // Where the client speaks first, a TLS server may take it so.
        let perhaps = if self.opening.is_empty() { "" } else { " (it may expect TLS or the PROXY protocol)" };
        let silent = if self.opening.is_empty() { "" } else { " without a reply" };
        self.unhealthy(vec![], &format!("{closed}{silent}{perhaps}, expected {awaited}"));
        self.unhealthy(vec![send(begun)], &format!("{closed}, expected {awaited}"));
        let broken = format!("{closed}{silent}{perhaps}, expected {awaited}");
        self.unhealthy(vec![Step::Reset], &broken);
        self.unhealthy(vec![send(begun), Step::Reset], &format!("{closed}, expected {awaited}"));
        for (said, name) in [
            ("HTTP/1.1 400 Bad Request\r\n\r\n", "the port speaks HTTP, not"),
            ("SSH-2.0-OpenSSH_9.2p1\r\n", "the port speaks SSH, not"),
            ("\u{202e}\u{1b}[2J\u{7f} \\ \n", "the response is not"),
        ] {
            let shown = said.replace('\\', "\\\\").replace('\r', "\\r").replace('\n', "\\n");
            let shown =
                shown.replace('\u{202e}', r"\u{202e}").replace('\u{1b}', r"\x1b").replace('\u{7f}', r"\x7f");
            let quote =
                if name.starts_with("the response") { format!("; received: {shown}") } else { String::new() };
            self.unhealthy(vec![send(said), Step::Hold], &format!("{name} {check}{quote}"));
        }
        // A TLS server on a plain text: the alert `unexpected_message`.
        self.unhealthy(
            vec![send(b"\x15\x03\x01\0\x02\x02\x0a")],
            &format!("the port speaks TLS, not {check}"),
        );
        let shown = format!("the response is not {check}; received: {}", r"\xff".repeat(64));
        self.unhealthy(vec![Step::Flood(vec![0xff; 4096])], &shown);
        let dripping = |step: &Step| match step {
            Step::Send(bytes) => Step::Drip(bytes.clone(), Duration::from_millis(1)),
            step => step.clone(),
        };
        self.healthy(self.talk.iter().map(dripping).collect(), self.found);
        self.wherever();
    }

    /// Where the server may be, and where it is not.
    fn wherever(&self) {
        let (check, found) = (self.check, self.found);
        let mut script = self.talk.clone();
        if !self.opening.is_empty() {
            script.insert(0, Step::Until(self.opening));
        }
        let server = Server::new(script.clone());
        let port = server.port();
        let line = format!("healthy: {check} localhost:{port}: {found} (127.0.0.1) in <T>");
        porthole([check, &port.to_string()]).healthy(&line);
        porthole([check, &format!(":{port}")]).healthy(&line);
        let json = porthole([check, &port.to_string(), "--json"]).json();
        assert_eq!(json["checks"][0]["facts"]["address"], format!("127.0.0.1:{port}"));
        let server = Server::unix(script.clone());
        let path = server.socket().to_str().unwrap();
        porthole([check, path]).healthy(&format!("healthy: {check} {path}: {found} in <T>"));
        let name = format!("porthole-test-{check}-{}", std::process::id());
        let server = Server::abstract_socket(&name, script);
        porthole([check, &format!("@{name}")]).healthy(&format!("healthy: {check} @{name}: {found} in <T>"));
        drop(server);
        let port = closed_port();
        porthole([check, &port.to_string()])
            .unhealthy(&format!("unhealthy: {check} localhost:{port}: connection refused (::1, 127.0.0.1)"));
        porthole([check, "/none/of.sock"])
            .unhealthy(&format!("unhealthy: {check} /none/of.sock: no such socket"));
        let url = format!("{check}://localhost:1");
        porthole([check, &url]).refused(&format!(
            "{check}: TARGET: expected host:port, [::1]:port, :port or port, with a port from 1 to 65535, or the \
             path of a Unix socket, got '{url}'; write only the HOST:PORT of the URL"
        ));
    }
}
