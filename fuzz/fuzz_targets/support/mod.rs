//! A peer that answers with bytes of the fuzzer's choice, and checks that connect to it the way they
//! connect to any server: from the command line to the verdict.

#![allow(dead_code, reason = "not every target checks")]

pub mod frames;

use std::ffi::OsString;
use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::path::Path;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::{Duration, Instant};

use porthole::check;
use porthole::commands::{self, Action};
use porthole::deadline::Deadline;
use porthole::error::Error;
use porthole::expand::Values;
use porthole::net::sha1::sha1;
use porthole::report::log_line;

/// A secret of the command line. A peer that sends it back must not have it printed.
pub const SECRET: &[u8] = b"Zq7hunter2Kx9";

/// The longest that a check may take, on a machine that is busy. The peer never keeps it waiting, and
/// its own limit is 2 s.
const LIMIT: Duration = Duration::from_secs(30);

/// A verdict, without what differs from run to run.
#[derive(Debug, PartialEq, Eq)]
pub struct Verdict {
    pub is_healthy: bool,
    pub words: String,
}

/// Variables, of which one is a secret. There are no files.
struct Known;

impl Values for Known {
    fn variable(&self, name: &str) -> Option<OsString> {
        (name == "API_TOKEN").then(|| String::from_utf8_lossy(SECRET).into_owned().into())
    }

    fn file(&self, _: &Path, _: Deadline) -> Result<Vec<u8>, Error> {
        Err("no such file".into())
    }
}

/// What a peer sends.
#[derive(Clone, Default)]
struct Script {
    pieces: Vec<Vec<u8>>,
    /// Whether it reads the request first, and [`ACCEPT`] stands for the hash of its key.
    opens_websocket: bool,
}

struct Peer {
    port: u16,
    /// What each connection is sent.
    script: Arc<Mutex<Script>>,
}

/// In the answer to a WebSocket's opening: what the key of the request requires. The fuzzer could
/// not know it.
pub const ACCEPT: u8 = 0xff;

/// Numbers that the fuzzer chooses.
pub struct Choices<'a>(pub &'a [u8]);

impl Choices<'_> {
    /// Returns a number up to `most`; 0 once there are no more choices.
    pub fn up_to(&mut self, most: usize) -> usize {
        let Some((&first, rest)) = self.0.split_first() else { return 0 };
        self.0 = rest;
        usize::from(first) % (most + 1)
    }
}

/// Runs the check in these words, in which `@` is the address of a peer that sends these pieces, one
/// after the other, and then no more.
pub fn check(words: &[&str], pieces: &[&[u8]]) -> Verdict {
    run(words, pieces, false)
}

/// The same for a peer that reads the opening of a WebSocket before it sends this answer.
pub fn check_websocket(words: &[&str], answer: &[u8]) -> Verdict {
    run(words, &[answer], true)
}

fn run(words: &[&str], pieces: &[&[u8]], opens_websocket: bool) -> Verdict {
    static PEER: OnceLock<Peer> = OnceLock::new();
    let peer = PEER.get_or_init(start);
    let target = format!("127.0.0.1:{}", peer.port);
    let argv = std::iter::once("porthole").chain(words.iter().copied());
    let argv = argv.map(|word| word.replace('@', &target).into()).collect();
    let plan = match commands::parse(argv, &Known) {
        Ok(Action::Check(plan)) => plan,
        _ => panic!("{words:?} is a check"),
    };
    let script = Script { pieces: pieces.iter().map(|piece| piece.to_vec()).collect(), opens_websocket };
    *peer.script.lock().unwrap() = script;
    let start = Instant::now();
    let outcome = check::run(&plan);
    let line = log_line(&outcome, &plan.secrets);
    assert!(start.elapsed() < LIMIT, "{line} took {:?}", start.elapsed());
    is_printable(&line);
    // Any other check does not know that it is one. The fuzzer learns a part of the secret from
    // comparisons; that alone is none.
    let is_learnt = find(&without_secret(&pieces.concat()), b"Zq7hunter2");
    if words.iter().any(|word| word.contains("API_TOKEN")) && !is_learnt {
        assert!(!line.contains("Zq7hunter2"), "a secret is shown: {line}");
    }
    Verdict { is_healthy: outcome.is_healthy(), words: line.replace(&target, "@") }
}

fn find(text: &[u8], part: &[u8]) -> bool {
    text.windows(part.len()).any(|window| window == part)
}

fn without_secret(text: &[u8]) -> Vec<u8> {
    let mut rest = text.to_vec();
    while let Some(at) = rest.windows(SECRET.len()).position(|window| window == SECRET) {
        rest.splice(at..at + SECRET.len(), *b"|");
    }
    rest
}

/// Runs the check with the answer in one piece, and cut into three at these places: the verdict is the
/// same. Returns it.
pub fn check_cut(words: &[&str], answer: &[u8], cuts: (u16, u16)) -> Verdict {
    let whole = check(words, &[answer]);
    let (front, rest) = answer.split_at(usize::from(cuts.0).min(answer.len()));
    let (middle, rest) = rest.split_at(usize::from(cuts.1).min(rest.len()));
    let cut = check(words, &[front, middle, rest]);
    assert_eq!(whole.is_healthy, cut.is_healthy, "{words:?} {whole:?} {cut:?}");
    whole
}

/// Asserts that this can be printed to a terminal and is one line. The characters are those that
/// text.rs has to escape, listed a second time on purpose.
pub fn is_printable(line: &str) {
    let line = line.strip_suffix('\n').unwrap_or(line);
    let is_hidden = |c: char| matches!(c, '\u{ad}' | '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}');
    assert!(!line.chars().any(|c| c.is_control() || is_hidden(c)), "{line:?} has a forbidden character");
}

/// Encodes these bytes. RFC 4648, section 4.
pub fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for group in bytes.chunks(3) {
        let number = group.iter().fold(0_u32, |number, &byte| number << 8 | u32::from(byte))
            << (8 * (3 - group.len()));
        for at in 0..4 {
            let letter = LETTERS[(number >> (18 - 6 * at) & 63) as usize];
            text.push(if at > group.len() { '=' } else { char::from(letter) });
        }
    }
    text
}

fn start() -> Peer {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let script = Arc::new(Mutex::new(Script::default()));
    let current = Arc::clone(&script);
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let script = current.lock().unwrap().clone();
            answer(&stream, script);
        }
    });
    Peer { port, script }
}

/// Sends the pieces, and reads until the other end closes.
fn answer(mut stream: &TcpStream, Script { mut pieces, opens_websocket }: Script) {
    let _ = stream.set_nodelay(true);
    let _ = stream.set_read_timeout(Some(Duration::from_secs(1)));
    if opens_websocket {
        let accept = accept_of(stream);
        for piece in &mut pieces {
            let filled = piece.split(|&byte| byte == ACCEPT).collect::<Vec<_>>().join(accept.as_bytes());
            *piece = filled;
        }
    }
    for piece in pieces {
        if stream.write_all(&piece).is_err() {
            return;
        }
    }
    let _ = stream.shutdown(Shutdown::Write);
    let mut rest = [0; 4096];
    while stream.read(&mut rest).is_ok_and(|count| count > 0) {}
}

/// Reads the opening of a WebSocket. Returns the hash of its key: RFC 6455, section 4.2.2.
fn accept_of(mut stream: &TcpStream) -> String {
    let (mut request, mut piece) = (Vec::new(), [0; 4096]);
    while !request.ends_with(b"\r\n\r\n") {
        match stream.read(&mut piece) {
            Ok(count @ 1..) => request.extend_from_slice(&piece[..count]),
            _ => break,
        }
    }
    let request = String::from_utf8_lossy(&request);
    let key = request.lines().find_map(|line| line.strip_prefix("Sec-WebSocket-Key: ")).unwrap_or_default();
    base64(sha1(format!("{key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11").as_bytes()).as_flattened())
}
