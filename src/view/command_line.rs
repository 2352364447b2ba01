//! Command lines of processes for people and for JSON, with secrets masked.

use crate::outcome::Fact;
use crate::procfs::all::Seen;
use crate::redact::Masker;
use crate::text::ELLIPSIS;

/// Appends the arguments with spaces between them, or the name in brackets if there are none; `?`
/// if not even that can be read. `reveal` shows arguments that look like secrets.
pub fn push_command_line(out: &mut Vec<u8>, seen: &Seen, reveal: bool) {
    let Ok(stat) = &seen.stat else { return out.push(b'?') };
    if seen.command.is_empty() {
        out.push(b'[');
        out.extend_from_slice(&stat.name);
        out.push(b']');
        out.extend_from_slice(if stat.is_zombie() { b" <defunct>" } else { b"" });
        return;
    }
    let mut masked = Masker::default();
    for (at, argument) in seen.command.split(|&b| b == 0).enumerate() {
        out.extend_from_slice(if at > 0 { b" " } else { b"" });
        push_argument(out, &mut masked, argument, reveal);
    }
    out.extend_from_slice(if seen.cut { ELLIPSIS.as_bytes() } else { b"" });
}

/// Returns the arguments for JSON.
pub fn arguments(seen: &Seen, reveal: bool) -> Vec<Fact> {
    let mut masked = Masker::default();
    let arguments = seen.command.split(|&b| b == 0).filter(|_| !seen.command.is_empty());
    let argument = |argument| {
        let mut out = Vec::new();
        push_argument(&mut out, &mut masked, argument, reveal);
        Fact::Bytes(out)
    };
    arguments.map(argument).collect()
}

/// Appends the next argument, masked unless secrets are shown.
fn push_argument(out: &mut Vec<u8>, masked: &mut Masker, argument: &[u8], reveal: bool) {
    if reveal {
        out.extend_from_slice(argument);
    } else {
        masked.push(out, argument);
    }
}
