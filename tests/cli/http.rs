//! `porthole http`: the requests that it sends, and its verdicts on responses.

mod answers;
mod assertions;
mod heads;
mod http2;
mod redirects;
mod requests;
mod responses;
mod show;
mod websocket;

use crate::support::command::porthole;
use crate::support::server::{Server, answer};

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok";

fn healthy(answer_text: impl AsRef<[u8]>, options: &[&str], found: &str) {
    let server = Server::new(answer(answer_text));
    let url = server.url("/healthz");
    porthole([&["http", &url], options].concat()).healthy(&format!("healthy: http {url}: {found} in <T>"));
}

fn unhealthy(answer_text: impl AsRef<[u8]>, options: &[&str], reason: &str) {
    let server = Server::new(answer(answer_text));
    let url = server.url("/healthz");
    porthole([&["http", &url], options].concat()).unhealthy(&format!("unhealthy: http {url}: {reason}"));
}
