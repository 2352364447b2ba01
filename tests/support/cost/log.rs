//! The log of a service that does not exist: each line is another one, and the same in every run.

use std::fmt::Write as _;

use super::random::Random;

const LEVELS: [&str; 4] = ["DEBUG", "INFO", "WARN", "ERROR"];
const METHODS: [&str; 4] = ["GET", "POST", "PUT", "DELETE"];
const NAMES: [&str; 8] = ["cart", "orders", "users", "sessions", "payments", "search", "stock", "images"];

/// A sequence of lines.
#[derive(Default)]
pub struct Log(Random);

impl Log {
    /// Returns the next lines: at least this many bytes.
    pub fn lines(&mut self, bytes: usize) -> String {
        let mut text = String::with_capacity(bytes + 200);
        while text.len() < bytes {
            append(&mut text, &mut self.0);
        }
        text
    }
}

/// Appends a line such as
/// `2026-11-25T13:52:14.083Z INFO orders[4123] GET /v1/cart/58213 200 12ms trace=9f3c01ab77e2`.
fn append(text: &mut String, random: &mut Random) {
    let mut below = |limit| random.below(limit).unwrap_or_default();
    let (hour, minute, second, milli) = (below(24), below(60), below(60), below(1000));
    let level = LEVELS.get(below(LEVELS.len())).unwrap_or(&"");
    let name = NAMES.get(below(NAMES.len())).unwrap_or(&"");
    let method = METHODS.get(below(METHODS.len())).unwrap_or(&"");
    let object = NAMES.get(below(NAMES.len())).unwrap_or(&"");
    let (pid, id, status, elapsed) = (below(9000) + 1000, below(100_000), below(300) + 200, below(900));
    let (trace, span) = (below(1 << 24), below(1 << 24));
    // Writing to a String does not fail.
    let _ = writeln!(
        text,
        "2026-11-25T{hour:02}:{minute:02}:{second:02}.{milli:03}Z {level} {name}[{pid}] \
         {method} /v1/{object}/{id} {status} {elapsed}ms trace={trace:06x}{span:06x}"
    );
}
