//! Scripted servers that misbehave, in ways that every check of a server must handle.

use std::time::Duration;

use crate::support::command::porthole;
use crate::support::server::{Server, Step, closed_port, send};

/// The longest that any check may take, whatever the server does.
const LIMIT: Duration = Duration::from_secs(10);

/// A check, and the script of a server for which it is healthy.
pub struct Manners {
    pub check: &'static str,
    /// What the client sends first; empty if the server speaks first.
    pub opening: &'static [u8],
    /// What the client sends on a second connection, after the first was closed without a reply;
    /// empty if it makes none.
    pub again: &'static [u8],
    /// What the client waits for next.
    pub awaited: &'static str,
    /// What the server sends and receives from there on.
    pub talk: Vec<Step>,
    /// What the check reports then.
    pub found: &'static str,
}

impl Manners {
    /// Starts a server that waits for the opening and continues with these steps.
    pub fn server(&self, steps: Vec<Step>) -> Server {
        let after = |received| [vec![Step::Until(received)], steps.clone()].concat();
        Server::scripts(match (self.opening, self.again) {
            (b"", _) => vec![steps],
            (opening, b"") => vec![after(opening)],
            (opening, again) => vec![after(opening), after(again)],
        })
    }

    /// Asserts that a server that continues with these steps is unhealthy for this reason, with a
    /// timeout of 300 ms.
    #[track_caller]
    pub fn unhealthy(&self, steps: Vec<Step>, reason: &str) {
        let (check, server) = (self.check, self.server(steps));
        let address = server.address();
        porthole([check, &address.to_string(), "-t", "300ms"])
            .unhealthy(&format!("unhealthy: {check} {address}: {reason}"))
            .within(LIMIT);
    }

    /// Asserts, for each answer, that a server that sends it and nothing more is unhealthy for this
    /// reason.
    #[track_caller]
    pub fn each_unhealthy<T: AsRef<[u8]>>(&self, answers: &[(T, &str)]) {
        for (answer, reason) in answers {
            self.unhealthy(vec![send(answer), Step::Hold], reason);
        }
    }

    /// Asserts, for each answer, that a server that sends it is reported as another protocol, and
    /// that the answer is shown like this.
    #[track_caller]
    pub fn each_foreign(&self, answers: &[(&[u8], &str)]) {
        for (answer, shown) in answers {
            let reason = format!("the response is not {}; received: {shown}", self.check);
            self.unhealthy(vec![send(answer), Step::Hold], &reason);
        }
    }

    /// Asserts that a server that continues with these steps is healthy for this reason.
    #[track_caller]
    pub fn healthy(&self, steps: Vec<Step>, reason: &str) {
        let (check, server) = (self.check, self.server(steps));
        let address = server.address();
        porthole([check, &address.to_string()])
            .healthy(&format!("healthy: {check} {address}: {reason} in <T>"))
            .within(LIMIT);
    }

    /// Asserts everything that all checks of servers must handle.
    pub fn all(&self) {
        let (check, awaited) = (self.check, self.awaited);
        let timed_out = format!("timed out after 300 ms waiting for {awaited}");
        self.unhealthy(vec![Step::Hold], &timed_out);
        let Some(Step::Send(first)) = self.talk.first() else { panic!("{check}: the server sends nothing") };
        let (begun, rest) = first.split_at(first.len() / 2);
        self.unhealthy(vec![send(begun), Step::Hold], &timed_out);
        // Bytes that arrive slowly do not extend the deadline, however many arrive in time.
        let server = self.server(vec![send(begun), Step::Drip(rest.to_vec(), Duration::from_millis(200))]);
        let address = server.address();
        let ran = porthole([check, &address.to_string(), "-t", "300ms"]).run().within(LIMIT);
        ran.is(1, &format!("unhealthy: {check} {address}: {timed_out}"), "");
        drop(server);
        let closed = "the server closed the connection";
        // If the client speaks first, a TLS server may close the connection like this.
        let perhaps = if self.opening.is_empty() { "" } else { " (it may expect TLS or the PROXY protocol)" };
        let silent = if self.opening.is_empty() { "" } else { " without a reply" };
        self.unhealthy(vec![], &format!("{closed}{silent}{perhaps}, expected {awaited}"));
        self.unhealthy(vec![send(begun)], &format!("{closed}, expected {awaited}"));
        let broken = format!("{closed}{silent}{perhaps}, expected {awaited}");
        self.unhealthy(vec![Step::Reset], &broken);
        self.unhealthy(vec![send(begun), Step::Reset], &format!("{closed}, expected {awaited}"));
        for (answer, name) in [
            ("HTTP/1.1 400 Bad Request\r\n\r\n", "the port speaks HTTP, not"),
            ("SSH-2.0-OpenSSH_9.2p1\r\n", "the port speaks SSH, not"),
            ("\u{202e}\u{1b}[2J\u{7f} \\ \n", "the response is not"),
        ] {
            let shown = answer.replace('\\', "\\\\").replace('\r', "\\r").replace('\n', "\\n");
            let shown =
                shown.replace('\u{202e}', r"\u{202e}").replace('\u{1b}', r"\x1b").replace('\u{7f}', r"\x7f");
            let quote =
                if name.starts_with("the response") { format!("; received: {shown}") } else { String::new() };
            self.unhealthy(vec![send(answer), Step::Hold], &format!("{name} {check}{quote}"));
        }
        // A TLS server that receives plain text sends the alert `unexpected_message`.
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
        self.everywhere();
    }

    /// Asserts the forms of a target, and what is reported if no server is there.
    fn everywhere(&self) {
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
