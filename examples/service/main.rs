//! A small HTTP service to check, which can be broken and repaired from outside.
//!
//! `GET /healthz` answers 200 `ok`. After `POST /break` it answers 503; after `POST /hang` it does
//! not answer; after `POST /heal` it answers 200 again. The service listens on PORT (8080) of
//! ADDRESS (0.0.0.0), and on the Unix socket SOCKET if that is set.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::os::unix::net::UnixListener;
use std::process::ExitCode;
use std::sync::atomic::{AtomicU8, Ordering::SeqCst};
use std::thread;

const HEALTHY: u8 = 0;
const BROKEN: u8 = 1;
const HANGING: u8 = 2;

static CONDITION: AtomicU8 = AtomicU8::new(HEALTHY);

fn main() -> ExitCode {
    let address = std::env::var("ADDRESS").unwrap_or_else(|_| "0.0.0.0".to_owned());
    let port = std::env::var("PORT").unwrap_or_else(|_| "8080".to_owned());
    match listen(&format!("{address}:{port}")) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "service: {error}");
            ExitCode::FAILURE
        }
    }
}

fn listen(address: &str) -> std::io::Result<()> {
    let listener = TcpListener::bind(address)?;
    if let Ok(path) = std::env::var("SOCKET") {
        let listener = UnixListener::bind(path)?;
        thread::spawn(move || listener.incoming().flatten().for_each(start));
    }
    listener.incoming().flatten().for_each(start);
    Ok(())
}

/// Serves each connection in its own thread, so that one that hangs does not delay the others.
fn start(connection: impl Read + Write + Send + 'static) {
    thread::spawn(move || serve(connection));
}

/// Reads one request and answers it. Ignores a peer that disconnects.
fn serve(connection: impl Read + Write) {
    let mut connection = BufReader::new(connection);
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        match connection.read_line(&mut head) {
            Ok(count) if count > 0 && head.len() < 16_384 => {}
            _ => return,
        }
    }
    let mut words = head.split(' ');
    let (status, body) = match (words.next(), words.next()) {
        (Some("GET"), Some("/healthz")) => match CONDITION.load(SeqCst) {
            HEALTHY => ("200 OK", "ok\n"),
            BROKEN => ("503 Service Unavailable", "db: no connection\n"),
            _ => {
                // Waits until the peer disconnects.
                let _ = connection.read_line(&mut head);
                return;
            }
        },
        (Some("POST"), Some("/break")) => (set(BROKEN), "broken\n"),
        (Some("POST"), Some("/hang")) => (set(HANGING), "hanging\n"),
        (Some("POST"), Some("/heal")) => (set(HEALTHY), "healthy\n"),
        _ => ("404 Not Found", "GET /healthz, POST /break, /hang or /heal\n"),
    };
    let length = body.len();
    let answer = format!("HTTP/1.1 {status}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}");
    let _ = connection.get_mut().write_all(answer.as_bytes());
}

fn set(condition: u8) -> &'static str {
    CONDITION.store(condition, SeqCst);
    "200 OK"
}
