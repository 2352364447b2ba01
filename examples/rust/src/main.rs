//! A small HTTP service. `GET /healthz` reports its health. `POST /break` and `POST /heal` only
//! serve to demonstrate a failing health check.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread;
use std::time::Duration;

static HEALTHY: AtomicBool = AtomicBool::new(true);

fn main() -> std::io::Result<()> {
    let port = std::env::var("PORT").unwrap_or_else(|_| "8080".to_owned());
    let listener = TcpListener::bind(format!("[::]:{port}"))?;
    for connection in listener.incoming().flatten() {
        // A peer that disconnects or is silent is not worth a message.
        thread::spawn(|| serve(connection).ok());
    }
    Ok(())
}

fn serve(mut connection: TcpStream) -> std::io::Result<()> {
    connection.set_read_timeout(Some(Duration::from_secs(5)))?;
    let mut lines = BufReader::new(connection.try_clone()?).lines();
    let request = lines.next().transpose()?.unwrap_or_default();
    // The headers end with an empty line.
    while lines.next().transpose()?.is_some_and(|line| !line.is_empty()) {}

    let (status, body) = match request.split(' ').collect::<Vec<_>>()[..] {
        ["GET", "/", ..] => ("200 OK", "hello"),
        ["GET", "/healthz", ..] if HEALTHY.load(Relaxed) => ("200 OK", "ok"),
        ["GET", "/healthz", ..] => ("503 Service Unavailable", "db: no connection"),
        ["POST", path @ ("/break" | "/heal"), ..] => {
            HEALTHY.store(path == "/heal", Relaxed);
            ("200 OK", "done")
        }
        _ => ("404 Not Found", "not found"),
    };
    let length = body.len() + 1;
    write!(connection, "HTTP/1.1 {status}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}\n")
}
