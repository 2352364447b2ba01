//! Verdict lines and JSON: the only place that prints results.
//!
//! A verdict is one line of at most [`MAX_LINE`] bytes. The reason precedes anything that may be
//! long, because Podman keeps 500 characters of a health check's output and Docker 4096 bytes.

#[cfg(feature = "inspect")]
mod answer;
#[cfg(feature = "inspect")]
mod columns;
#[cfg(feature = "inspect")]
mod kept;
#[cfg(feature = "inspect")]
mod output;
#[cfg(feature = "inspect")]
mod wrap;

use std::io::{self, IsTerminal as _, Write as _};
use std::os::fd::{AsFd as _, BorrowedFd};
use std::time::Duration;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use crate::error::describe;
use crate::outcome::{Conclusion, Fact, Finding, Outcome, RunOutcome, Verdict};
use crate::secrets::Secrets;
use crate::text::{decode, encode, escape, escape_exactly, escape_lines, escape_within, parts};
use crate::units::show_duration;

/// The longest verdict line, in bytes, without the newline.
const MAX_LINE: usize = 480;
/// How the line of a check begins that could not be made.
const REFUSED: &str = "porthole";
/// How long a verdict waits for a reader to make room in a pipe, in milliseconds.
const READER_TIME: u16 = 1000;
/// How many bytes have room in a pipe that is ready: PIPE_BUF of pipe(7).
const AT_ONCE: usize = 4096;
/// The most bytes of that line that the target may take, so that there is always room for the
/// reason.
const MAX_TARGET: usize = 200;

#[cfg(feature = "inspect")]
pub use self::answer::{Answer, Subject, has_written, is_writing};
#[cfg(feature = "inspect")]
pub use self::columns::{Column, cells, object, table};
#[cfg(feature = "inspect")]
pub use self::kept::Kept;

/// How to print the answer.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Style {
    /// One JSON document instead of lines.
    pub json: bool,
    /// Print nothing when healthy.
    pub quiet: bool,
    /// Also print the time of each phase.
    pub verbose: bool,
}

/// Prints the result of a run of checks.
pub fn run(outcome: &RunOutcome, style: Style, secrets: &Secrets) {
    if style.quiet && outcome.is_healthy() {
        return;
    }
    if style.json {
        let mut json = String::with_capacity(512);
        document(outcome, style, secrets).push_json(&mut json);
        json.push('\n');
        let _ = to_stdout(json.as_bytes());
        return;
    }
    let (mut answers, mut obstacles) = (String::new(), String::new());
    let is_shown = |check: &&Outcome| !style.quiet || !check.is_healthy();
    for check in outcome.by_relevance().into_iter().filter(is_shown) {
        let out = match check.finding.verdict {
            Verdict::Healthy | Verdict::Unhealthy => &mut answers,
            Verdict::Refused | Verdict::Denied => &mut obstacles,
        };
        out.push_str(&line(check, outcome, secrets));
        out.push('\n');
        if style.verbose {
            out.push_str(&phases(check, outcome));
            #[cfg(any(feature = "remote", feature = "tls"))]
            push_sentences(out, &check.finding.details, false, secrets);
        }
        #[cfg(feature = "inspect")]
        push_sentences(out, &check.finding.explanation, true, secrets);
        // Indented, so that no line of it is taken for a verdict.
        out.push_str(&escape_lines(&secrets.redact(&check.finding.shown), "  "));
        if !out.ends_with('\n') {
            out.push('\n');
        }
    }
    let _ = to_stdout(answers.as_bytes());
    to_stderr(obstacles.as_bytes());
}

/// Returns the line for the container's log: the first verdict that decided, and how many more
/// there are.
pub fn log_line(outcome: &RunOutcome, secrets: &Secrets) -> String {
    let failed: Vec<&Outcome> =
        outcome.by_relevance().into_iter().filter(|check| !check.is_healthy()).collect();
    let Some(first) = failed.first() else { return String::new() };
    let line = line(first, outcome, secrets);
    let prefix = if line.starts_with(REFUSED) { "" } else { "porthole: " };
    let more = failed.len() - 1;
    let more = if more > 0 { format!(" (and {more} more)") } else { String::new() };
    [prefix, &line, &more, "\n"].concat()
}

/// Prints porthole's own text as it is: help, version. If it cannot be written, the conclusion is
/// bad and stderr says why. A reader that closed the pipe is not an error.
pub fn text(text: &str, conclusion: Conclusion) -> Conclusion {
    match to_stdout(text.as_bytes()) {
        Err(why) if why.kind() != io::ErrorKind::BrokenPipe => {
            error(&format!("cannot write to standard output: {}", describe(&why)));
            Conclusion::Bad
        }
        _ => conclusion,
    }
}

/// Prints what stopped porthole from answering, on one line of stderr.
pub fn error(message: &str) {
    to_stderr(format!("porthole: {}\n", escape(&encode(message))).as_bytes());
}

/// Prints what is wrong with the arguments: one line on stderr and, for a program that asked for
/// JSON, one document on stdout.
pub fn usage_error(message: &str, json: bool) {
    error(message);
    if json {
        let mut text = String::new();
        Fact::Object(vec![("errors", Fact::List(vec![Fact::Text(message.to_owned())]))]).push_json(&mut text);
        let _ = to_stdout((text + "\n").as_bytes());
    }
}

/// The progress line of a wait, shown only if stderr is a terminal.
pub struct Progress {
    shown: bool,
    terminal: bool,
}

impl Progress {
    /// Returns a progress line for stderr.
    pub fn new() -> Self {
        Progress { shown: false, terminal: io::stderr().is_terminal() }
    }

    /// Shows the attempt that failed, its reason and the remaining time.
    pub fn show(&mut self, attempts: u32, left: Duration, outcome: Option<&Outcome>, secrets: &Secrets) {
        if !self.terminal {
            return;
        }
        let reason = outcome.map_or_else(String::new, |check| {
            let reason = redacted_message(&check.finding.found, check.finding.is_ours, secrets);
            format!(": {} {}", check.check, escape_within(&reason, 50))
        });
        self.shown = true;
        // Carriage return and "erase in line" (ECMA-48).
        to_stderr(format!("\r\x1b[Kattempt {attempts}, {} left{reason}", show_duration(left)).as_bytes());
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if self.shown {
            to_stderr(b"\r\x1b[K");
        }
    }
}

fn line(check: &Outcome, run: &RunOutcome, secrets: &Secrets) -> String {
    let finding = &check.finding;
    let label = match finding.verdict {
        Verdict::Healthy => "healthy",
        Verdict::Unhealthy => "unhealthy",
        Verdict::Refused | Verdict::Denied => REFUSED,
    };
    let target = escape_within(&secrets.redact_target(&check.target), MAX_TARGET);
    let not = if check.place.is_not { "not " } else { "" };
    let mut line = [label, ": ", not, check.check, " ", &target, ": "].concat();
    // The same problem has the same words in every run, so only a healthy verdict has times and
    // counts.
    let attempts = if run.attempts > 1 && check.is_healthy() {
        format!(" ({} attempts in {})", run.attempts, show_duration(run.elapsed))
    } else {
        String::new()
    };
    let elapsed = (finding.timed && check.is_healthy()).then_some(check.elapsed);
    let reason = redacted_message(&reason(finding, elapsed), finding.is_ours, secrets);
    line.push_str(&escape_within(&reason, MAX_LINE.saturating_sub(line.len() + attempts.len())));
    line.push_str(&attempts);
    if let Some((label, bytes)) = &finding.quote {
        let label = format!("; {label}: ");
        let room = MAX_LINE.saturating_sub(line.len() + label.len());
        let quote = escape_exactly(&secrets.redact(bytes), room);
        // A few characters of a quote are no help.
        if room >= 8 && !quote.is_empty() {
            line.push_str(&label);
            line.push_str(&quote);
        }
    }
    line
}

/// Returns what was found, the time it took if that is given, and what was expected.
fn reason(finding: &Finding, elapsed: Option<Duration>) -> String {
    let mut reason = finding.found.clone();
    if let Some(elapsed) = elapsed {
        reason.push_str(" in ");
        reason.push_str(&show_duration(elapsed));
    }
    if let Some(expected) = &finding.expected {
        reason.push_str(", expected ");
        reason.push_str(expected);
    }
    reason
}

/// Puts each sentence on its own line below the verdict. `is_ours` is true of an explanation, which
/// consists of facts about this machine.
#[cfg(any(feature = "remote", feature = "tls", feature = "inspect"))]
fn push_sentences(out: &mut String, sentences: &[String], is_ours: bool, secrets: &Secrets) {
    for sentence in sentences {
        out.push_str("  ");
        out.push_str(&escape_within(&redacted_message(sentence, is_ours, secrets), MAX_LINE - 2));
        out.push('\n');
    }
}

/// Returns `  resolve 0.01 ms, connect 0.04 ms`. For an unhealthy verdict, whose line shows no
/// time, it adds the attempts and the total time.
fn phases(check: &Outcome, run: &RunOutcome) -> String {
    let mut parts: Vec<String> = check
        .finding
        .phases
        .iter()
        .map(|(name, time)| {
            let millis = time.as_secs() * 1000 + u64::from(time.subsec_millis());
            format!("{name} {millis}.{:02} ms", time.subsec_micros() % 1000 / 10)
        })
        .collect();
    if run.attempts > 1 && !check.is_healthy() {
        parts.push(format!("{} attempts in {}", run.attempts, show_duration(run.elapsed)));
    }
    if parts.is_empty() { String::new() } else { format!("  {}\n", parts.join(", ")) }
}

fn document(run: &RunOutcome, style: Style, secrets: &Secrets) -> Fact {
    let checks = run.checks.iter().map(|check| {
        let finding = &check.finding;
        let facts = finding.facts.iter().map(|(name, fact)| (*name, redacted(fact, secrets)));
        let mut entries = vec![("check", Fact::Text(check.check.to_owned()))];
        if check.place.is_not {
            entries.push(("not", Fact::Bool(true)));
        }
        entries.extend([
            ("target", Fact::Bytes(secrets.redact_target(&check.target).into_owned())),
            ("healthy", Fact::Bool(check.is_healthy())),
            (
                "reason",
                Fact::Text(decode(&redacted_message(&reason(finding, None), finding.is_ours, secrets))),
            ),
            ("elapsed_ms", Fact::milliseconds(check.elapsed)),
            ("facts", Fact::Object(facts.collect())),
        ]);
        if style.verbose {
            let phases = finding.phases.iter().map(|&(name, time)| {
                Fact::Object(vec![
                    ("phase", Fact::Text(name.to_owned())),
                    ("elapsed_ms", Fact::milliseconds(time)),
                ])
            });
            entries.push(("phases", Fact::List(phases.collect())));
            #[cfg(any(feature = "remote", feature = "tls"))]
            if !finding.details.is_empty() {
                entries.push(("details", sentences(&finding.details, false, secrets)));
            }
        }
        #[cfg(feature = "inspect")]
        if !finding.explanation.is_empty() {
            entries.push(("explanation", sentences(&finding.explanation, true, secrets)));
        }
        Fact::Object(entries)
    });
    Fact::Object(vec![
        ("healthy", Fact::Bool(run.is_healthy())),
        ("elapsed_ms", Fact::milliseconds(run.elapsed)),
        ("attempts", Fact::Count(u64::from(run.attempts))),
        ("checks", Fact::List(checks.collect())),
    ])
}

#[cfg(any(feature = "remote", feature = "tls", feature = "inspect"))]
fn sentences(sentences: &[String], is_ours: bool, secrets: &Secrets) -> Fact {
    Fact::List(
        sentences.iter().map(|text| Fact::Text(decode(&redacted_message(text, is_ours, secrets)))).collect(),
    )
}

fn redacted(fact: &Fact, secrets: &Secrets) -> Fact {
    match fact {
        Fact::Text(text) => Fact::Text(redacted_text(text, secrets)),
        Fact::Bytes(bytes) => Fact::Bytes(secrets.redact(bytes).into_owned()),
        // An address is porthole's own text, not the server's.
        Fact::Address(address) => {
            Fact::Bytes(secrets.redact_target(address.to_string().as_bytes()).into_owned())
        }
        Fact::SocketPath(path) => Fact::Bytes(secrets.redact_target(path).into_owned()),
        Fact::List(items) => Fact::List(items.iter().map(|item| redacted(item, secrets)).collect()),
        Fact::Object(entries) => {
            Fact::Object(entries.iter().map(|(name, value)| (*name, redacted(value, secrets))).collect())
        }
        plain => plain.clone(),
    }
}

/// Returns a message without the secrets. Secrets of what was sent are searched for only in the
/// parts that come from outside.
fn redacted_message(text: &str, is_ours: bool, secrets: &Secrets) -> Vec<u8> {
    let (bytes, foreign) = parts(text);
    let redacted = if is_ours { secrets.redact_message(&bytes, &foreign) } else { secrets.redact(&bytes) };
    redacted.into_owned()
}

/// Removes the secrets from a text. Secrets are bytes, and so are their replacements.
fn redacted_text(text: &str, secrets: &Secrets) -> String {
    decode(&secrets.redact(&encode(text)))
}

/// A verdict ignores the error: a reader may close the pipe (`porthole … | head -1`), and the
/// result stays the same.
fn to_stdout(bytes: &[u8]) -> io::Result<()> {
    if bytes.is_empty() {
        return Ok(());
    }
    if !has_room(io::stdout().as_fd(), bytes) {
        return Err(io::ErrorKind::TimedOut.into());
    }
    let mut stdout = io::stdout().lock();
    stdout.write_all(bytes).and_then(|()| stdout.flush())
}

fn to_stderr(bytes: &[u8]) {
    if !bytes.is_empty() && has_room(io::stderr().as_fd(), bytes) {
        let _ = io::stderr().write_all(bytes);
    }
}

/// Returns whether these few bytes can be written, perhaps after waiting: a check ends in time, even
/// if its stdout is a full pipe that nobody reads. More bytes than a line or two wait for their
/// reader, as those of any program do.
fn has_room(stream: BorrowedFd<'_>, bytes: &[u8]) -> bool {
    let mut entry = [PollFd::new(stream, PollFlags::POLLOUT)];
    bytes.len() > AT_ONCE || poll(&mut entry, PollTimeout::from(READER_TIME)) != Ok(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outcome::Place;

    fn run_of(finding: Finding, attempts: u32) -> RunOutcome {
        let target = b"http://127.0.0.1:8080/healthz".to_vec();
        let place = Place { is_not: false, alternative: 0 };
        let check = Outcome { check: "http", place, target, finding, elapsed: Duration::from_millis(12) };
        RunOutcome { elapsed: Duration::from_secs(3), attempts, checks: vec![check] }
    }

    fn line_of(finding: Finding, attempts: u32) -> String {
        let run = run_of(finding, attempts);
        line(&run.checks[0], &run, &Secrets::default())
    }

    #[test]
    fn lines() {
        assert_eq!(
            line_of(Finding::healthy("200 OK"), 1),
            "healthy: http http://127.0.0.1:8080/healthz: 200 OK in 12 ms"
        );
        assert_eq!(
            line_of(
                Finding::unhealthy("503 Service Unavailable")
                    .expected("200-399")
                    .quoting_text("body", b"db: no connection\n"),
                1
            ),
            "unhealthy: http http://127.0.0.1:8080/healthz: \
             503 Service Unavailable, expected 200-399; body: db: no connection"
        );
        assert_eq!(
            line_of(Finding::unhealthy("connection refused (::1)"), 4),
            "unhealthy: http http://127.0.0.1:8080/healthz: connection refused (::1)"
        );
        assert_eq!(
            line_of(Finding::new(Verdict::Refused, "10.0.0.1 is elsewhere"), 1),
            "porthole: http http://127.0.0.1:8080/healthz: 10.0.0.1 is elsewhere"
        );
    }

    #[test]
    fn a_line_is_short_and_contains_the_reason() {
        let mut run = run_of(
            Finding::unhealthy("503 Service Unavailable").expected("200").quoting("body", &[27; 4096]),
            3,
        );
        run.checks[0].target = vec![b'x'; 5000];
        let line = line(&run.checks[0], &run, &Secrets::default());
        assert!(line.len() <= MAX_LINE, "{}", line.len());
        assert!(line.contains("…: 503 Service Unavailable, expected 200; body: \\x1b"));
        let run = run_of(Finding::unhealthy("é".repeat(4096)), 1);
        assert!(super::line(&run.checks[0], &run, &Secrets::default()).len() <= MAX_LINE);
    }

    #[test]
    fn json_has_stable_keys_in_order() {
        let run = run_of(
            Finding::unhealthy("503 Service Unavailable")
                .expected("200-399")
                .fact("status", 503_u16)
                .quoting("body", b"db: \xff"),
            1,
        );
        let style = Style { json: true, ..Style::default() };
        let mut json = String::new();
        document(&run, style, &Secrets::default()).push_json(&mut json);
        assert_eq!(
            json,
            r#"{"healthy": false, "elapsed_ms": 3000.0, "attempts": 1, "checks": [{"check": "http", "target": "http://127.0.0.1:8080/healthz", "healthy": false, "reason": "503 Service Unavailable, expected 200-399", "elapsed_ms": 12.0, "facts": {"status": 503, "body": {"bytes": "ZGI6IP8="}}}]}"#
        );
    }
}
