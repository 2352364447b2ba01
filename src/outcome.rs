//! The conclusion of a command, as data, and the only mapping from it to the exit status.

use std::net::SocketAddr;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::text::{push_json_string, spelled_out};

/// How a command ended. The exit status is always 0 or 1: Docker reserves 2, and Kubernetes and
/// Podman only distinguish zero from non-zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Conclusion {
    /// Healthy, found or done.
    Good,
    /// Unhealthy, not found, or the question could not be answered.
    Bad,
}

impl From<Conclusion> for ExitCode {
    fn from(conclusion: Conclusion) -> Self {
        match conclusion {
            Conclusion::Good => ExitCode::from(0),
            Conclusion::Bad => ExitCode::from(1),
        }
    }
}

/// What a check concludes about its target.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// As expected.
    Healthy,
    /// Not as expected; another attempt may find it healthy.
    Unhealthy,
    /// The check did not run because the local rule forbids it. Another attempt would not run
    /// either.
    Refused,
    /// The check could not run for lack of permission. Another attempt may run.
    Denied,
}

/// How far a check came with its connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reached {
    /// The check does not connect, or connecting failed for another reason than
    /// [`Reached::Refused`].
    Unknown,
    /// Every address refused the connection.
    Refused,
    /// The connection was established, so something listens there.
    Connected,
}

/// What one run of one check found. The strings may contain text of a server, unchanged.
#[derive(Debug, Clone)]
pub struct Finding {
    /// The verdict.
    pub verdict: Verdict,
    /// What was found, in words: `503 Service Unavailable`, `connection refused (::1, 127.0.0.1)`.
    pub found: String,
    /// What to say instead of [`Finding::found`] if `not` turns the verdict around, and the one has
    /// what differs from one run to the next: an age, a number of connections, pids.
    pub steady: Option<String>,
    /// How far it came with its connection.
    pub reached: Reached,
    /// Whether a healthy verdict shows the elapsed time after [`Finding::found`]. An unhealthy
    /// verdict never does: the same problem always has the same words, so that a collector of
    /// events can deduplicate them.
    pub timed: bool,
    /// Whether [`Finding::found`] and [`Finding::expected`] are porthole's own words, except for
    /// their [`crate::text::mark_foreign`] parts. If this is false, all of the text may come from
    /// outside.
    pub is_ours: bool,
    /// What was expected instead, if that is not obvious from what was found.
    pub expected: Option<String>,
    /// What the server sent: a label (`body`, `received`) and the bytes.
    pub quote: Option<(&'static str, Vec<u8>)>,
    /// What the user asked to see of what the server sent; shown below the verdict, line by line.
    pub shown: Vec<u8>,
    /// Facts for programs, under stable names.
    pub facts: Vec<(&'static str, Fact)>,
    /// The phases of the elapsed time, in order.
    pub phases: Vec<(&'static str, Duration)>,
    /// Further details, a sentence each; shown with `--verbose`.
    #[cfg(any(feature = "remote", feature = "tls"))]
    pub details: Vec<String>,
    /// When the verdict was reached, if more was read after that for the message.
    pub decided: Option<Instant>,
    /// Whether the check could not be made to its end, so that its opposite is not known either.
    pub is_undecided: bool,
    /// What is relevant to the verdict, a sentence each; filled only on request.
    #[cfg(feature = "inspect")]
    pub explanation: Vec<String>,
}

impl Finding {
    /// Returns a finding that contains only these words.
    pub fn new(verdict: Verdict, found: impl Into<String>) -> Self {
        Finding::of(verdict, found.into())
    }

    // This and the functions below are called from everywhere. Inlined, they would be a tenth of a
    // check's code.
    #[inline(never)]
    fn of(verdict: Verdict, found: String) -> Self {
        Finding {
            verdict,
            found,
            steady: None,
            reached: Reached::Unknown,
            timed: false,
            is_ours: false,
            expected: None,
            quote: None,
            shown: Vec::new(),
            facts: Vec::new(),
            phases: Vec::new(),
            decided: None,
            is_undecided: false,
            #[cfg(any(feature = "remote", feature = "tls"))]
            details: Vec::new(),
            #[cfg(feature = "inspect")]
            explanation: Vec::new(),
        }
    }

    /// Returns a healthy finding whose elapsed time is shown.
    #[inline(never)]
    pub fn healthy(found: impl Into<String>) -> Self {
        Finding { timed: true, ..Finding::new(Verdict::Healthy, found) }
    }

    /// Returns an unhealthy finding with this reason.
    #[inline(never)]
    pub fn unhealthy(found: impl Into<String>) -> Self {
        Finding::new(Verdict::Unhealthy, found)
    }

    /// Returns the finding of a check that could not be made to its end, for this reason.
    #[inline(never)]
    pub fn undecided(found: impl Into<String>) -> Self {
        Finding { is_undecided: true, ..Finding::unhealthy(found) }
    }

    /// Returns the finding of a check that `not` precedes. A check that could not be made fails
    /// here too.
    #[must_use]
    pub fn negated(mut self) -> Self {
        let verdict = match self.verdict {
            Verdict::Healthy => Verdict::Unhealthy,
            Verdict::Unhealthy if !self.is_undecided => Verdict::Healthy,
            _ => return self,
        };
        if let Some(steady) = self.steady.take() {
            self.found = steady;
        }
        // What the check expected is not what the sentence expects.
        Finding { verdict, expected: None, quote: None, timed: false, ..self }
    }

    /// Adds what was expected instead of what was found.
    #[must_use]
    #[inline(never)]
    pub fn expected(mut self, expected: impl Into<String>) -> Self {
        self.expected = Some(expected.into());
        self
    }

    /// Marks the words as porthole's own: see [`Finding::is_ours`].
    #[must_use]
    #[inline(never)]
    pub fn ours(mut self) -> Self {
        self.is_ours = true;
        self
    }

    /// Adds the received bytes as a quote, and as a fact of that name.
    #[must_use]
    #[inline(never)]
    pub fn quoting(mut self, label: &'static str, bytes: &[u8]) -> Self {
        if !bytes.is_empty() {
            self.quote = Some((label, bytes.to_vec()));
        }
        self.with_fact_bytes(label, bytes)
    }

    /// Adds the received bytes only as a fact: data that differs from one run to the next does not
    /// belong in a verdict's words.
    #[must_use]
    #[inline(never)]
    pub fn with_fact_bytes(mut self, label: &'static str, bytes: &[u8]) -> Self {
        if !bytes.is_empty() {
            self.facts.push((label, Fact::Bytes(bytes.to_vec())));
        }
        self
    }

    /// Like [`Finding::quoting`], for text whose quote is shown without the white space at its
    /// ends.
    #[must_use]
    #[inline(never)]
    pub fn quoting_text(mut self, label: &'static str, bytes: &[u8]) -> Self {
        self = self.quoting(label, bytes);
        self.quote = Some((label, bytes.trim_ascii().to_vec()));
        self
    }

    /// Adds this fact for programs and returns the finding.
    #[must_use]
    #[cfg_attr(not(feature = "tls"), allow(dead_code, reason = "not every set of features uses it"))]
    #[inline(never)]
    pub fn fact(mut self, name: &'static str, fact: impl Into<Fact>) -> Self {
        self.push(name, fact.into());
        self
    }

    /// Inserts these facts before the others.
    #[inline(never)]
    pub fn prepend_facts(&mut self, mut facts: Vec<(&'static str, Fact)>) {
        facts.append(&mut self.facts);
        self.facts = facts;
    }

    /// Adds this fact for programs.
    #[inline(never)]
    pub fn push(&mut self, name: &'static str, fact: Fact) {
        self.facts.push((name, fact));
    }
}

/// The place of a check in the sentence of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// Whether `not` precedes it.
    pub is_not: bool,
    /// The number of words `or` before it. The checks with the same number have to hold together;
    /// one such group suffices.
    pub alternative: usize,
}

/// The finding of one check, with the name and target of the check.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// The check: `http`.
    pub check: &'static str,
    /// Its place. The finding is that of the term: if `not` precedes the check, its verdict is the
    /// opposite of the check's.
    pub place: Place,
    /// The target as it was given.
    pub target: Vec<u8>,
    /// What was found.
    pub finding: Finding,
    /// How long the last attempt took.
    pub elapsed: Duration,
}

impl Outcome {
    /// Returns whether the verdict is healthy.
    pub fn is_healthy(&self) -> bool {
        self.finding.verdict == Verdict::Healthy
    }
}

/// The result of a run of one or several checks.
#[derive(Debug, Clone)]
pub struct RunOutcome {
    /// How long the whole run took, including all attempts and pauses.
    pub elapsed: Duration,
    /// The number of attempts.
    pub attempts: u32,
    /// Each check's outcome in the last attempt, in the order given.
    pub checks: Vec<Outcome>,
}

/// Returns whether the sentence that these checks make holds.
pub fn is_healthy(checks: &[Outcome]) -> bool {
    alternatives(checks).any(|group| group.iter().all(Outcome::is_healthy))
}

/// Returns the groups of checks of which one suffices.
pub fn alternatives(checks: &[Outcome]) -> impl Iterator<Item = &[Outcome]> {
    checks.chunk_by(|one, next| one.place.alternative == next.place.alternative)
}

impl RunOutcome {
    /// Returns whether the sentence of the run holds.
    pub fn is_healthy(&self) -> bool {
        is_healthy(&self.checks)
    }

    /// Returns the outcomes as they are printed: first those that decided, and among them those
    /// that failed.
    pub fn by_relevance(&self) -> Vec<&Outcome> {
        let holds = self.is_healthy();
        let (mut first, mut rest) = (Vec::new(), Vec::new());
        for group in alternatives(&self.checks) {
            let group_holds = group.iter().all(Outcome::is_healthy);
            for check in group {
                let decided = if holds { group_holds } else { !check.is_healthy() };
                if decided { first.push(check) } else { rest.push(check) }
            }
        }
        let (failed, healthy): (Vec<&Outcome>, Vec<&Outcome>) =
            rest.into_iter().partition(|check| !check.is_healthy());
        first.extend(failed);
        first.extend(healthy);
        first
    }

    /// Returns the conclusion for the exit status.
    pub fn conclusion(&self) -> Conclusion {
        if self.is_healthy() { Conclusion::Good } else { Conclusion::Bad }
    }
}

/// A value for programs, printed as JSON. Keys are ordered, and a string from outside that is not
/// UTF-8 becomes `{"bytes": "<base64>"}`.
#[derive(Debug, Clone)]
pub enum Fact {
    /// `true` or `false`.
    Bool(bool),
    /// A whole number.
    Count(u64),
    /// A number with a fraction, counted in hundredths.
    Hundredths(i64),
    /// Text written by porthole.
    Text(String),
    /// A string from outside.
    Bytes(Vec<u8>),
    /// The address that porthole connected to.
    Address(SocketAddr),
    /// The path of the Unix socket that porthole connected to.
    SocketPath(Vec<u8>),
    /// A list.
    List(Vec<Fact>),
    /// Named values, in this order.
    Object(Vec<(&'static str, Fact)>),
    /// An unknown value.
    #[cfg(feature = "inspect")]
    Null,
    /// Text that is already JSON.
    #[cfg(feature = "inspect")]
    Json(String),
}

impl Fact {
    /// Appends the value as JSON on one line that is harmless on a terminal.
    pub fn push_json(&self, out: &mut String) {
        match self {
            Fact::Bool(value) => out.push_str(if *value { "true" } else { "false" }),
            Fact::Count(value) => out.push_str(&value.to_string()),
            Fact::Hundredths(value) => {
                let sign = if *value < 0 { "-" } else { "" };
                let (whole, rest) = (value.unsigned_abs() / 100, value.unsigned_abs() % 100);
                let number = format!("{sign}{whole}.{}{}", rest / 10, rest % 10);
                // At least one digit follows the point, and no more than necessary.
                out.push_str(number.strip_suffix('0').unwrap_or(&number));
            }
            Fact::Text(value) => push_json_string(out, &spelled_out(value)),
            Fact::Address(address) => push_json_string(out, &address.to_string()),
            Fact::Bytes(value) | Fact::SocketPath(value) => match std::str::from_utf8(value) {
                Ok(text) => push_json_string(out, text),
                Err(_) => {
                    Fact::Object(vec![("bytes", Fact::Text(STANDARD.encode(value)))]).push_json(out);
                }
            },
            Fact::List(items) => {
                out.push('[');
                for (at, item) in items.iter().enumerate() {
                    out.push_str(if at > 0 { ", " } else { "" });
                    item.push_json(out);
                }
                out.push(']');
            }
            Fact::Object(entries) => {
                out.push('{');
                for (at, (name, value)) in entries.iter().enumerate() {
                    out.push_str(if at > 0 { ", " } else { "" });
                    push_json_string(out, name);
                    out.push_str(": ");
                    value.push_json(out);
                }
                out.push('}');
            }
            #[cfg(feature = "inspect")]
            Fact::Null => out.push_str("null"),
            #[cfg(feature = "inspect")]
            Fact::Json(text) => out.push_str(text),
        }
    }

    /// Returns a number of tenths.
    #[cfg(feature = "inspect")]
    pub fn tenths(tenths: u64) -> Self {
        Fact::Hundredths(i64::try_from(tenths.saturating_mul(10)).unwrap_or(i64::MAX))
    }

    /// Returns a duration in milliseconds, to a hundredth.
    pub fn milliseconds(duration: Duration) -> Self {
        let rounded = u64::from((duration.subsec_nanos() + 5_000) / 10_000);
        let hundredths = duration.as_secs().saturating_mul(100_000).saturating_add(rounded);
        Fact::Hundredths(i64::try_from(hundredths).unwrap_or(i64::MAX))
    }
}

impl From<String> for Fact {
    fn from(text: String) -> Self {
        Fact::Text(text)
    }
}

impl From<Vec<u8>> for Fact {
    fn from(bytes: Vec<u8>) -> Self {
        Fact::Bytes(bytes)
    }
}

impl From<u64> for Fact {
    fn from(count: u64) -> Self {
        Fact::Count(count)
    }
}

impl From<u16> for Fact {
    fn from(count: u16) -> Self {
        Fact::Count(u64::from(count))
    }
}

#[cfg(feature = "inspect")]
impl From<Option<u64>> for Fact {
    fn from(count: Option<u64>) -> Self {
        count.map_or(Fact::Null, Fact::Count)
    }
}

impl From<bool> for Fact {
    fn from(value: bool) -> Self {
        Fact::Bool(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_exit_status_is_zero_or_one() {
        assert_eq!(ExitCode::from(Conclusion::Good), ExitCode::SUCCESS);
        assert_eq!(ExitCode::from(Conclusion::Bad), ExitCode::from(1));
    }

    /// A run of these terms: alternatives separated by `|`, each term a letter for the verdict of
    /// its check (`h`, `u`, refused, denied), `!` before one that `not` precedes.
    fn run_of(sentence: &str) -> RunOutcome {
        let mut checks = Vec::new();
        for (alternative, group) in sentence.split('|').enumerate() {
            for term in group.split(' ').filter(|term| !term.is_empty()) {
                let is_not = term.starts_with('!');
                let verdict = match term.trim_start_matches('!') {
                    "h" => Verdict::Healthy,
                    "u" => Verdict::Unhealthy,
                    "r" => Verdict::Refused,
                    _ => Verdict::Denied,
                };
                let finding = Finding::new(verdict, term);
                let finding = if is_not { finding.negated() } else { finding };
                let place = Place { is_not, alternative };
                checks.push(Outcome {
                    check: "tcp",
                    place,
                    target: Vec::new(),
                    finding,
                    elapsed: Duration::ZERO,
                });
            }
        }
        RunOutcome { elapsed: Duration::ZERO, attempts: 1, checks }
    }

    #[test]
    fn the_truth_table_of_sentences() {
        for (sentence, holds) in [
            ("h", true),
            ("u", false),
            ("r", false),
            ("d", false),
            ("!h", false),
            ("!u", true),
            ("!r", false),
            ("!d", false),
            ("h h", true),
            ("h u", false),
            ("u h", false),
            ("h r", false),
            ("h d", false),
            ("h !u", true),
            ("h !h", false),
            ("h|h", true),
            ("h|u", true),
            ("u|h", true),
            ("u|u", false),
            ("r|h", true),
            ("r|u", false),
            ("!h|!u", true),
            ("!h|!h", false),
            ("h u|h", true),
            ("h u|u h", false),
            ("u|h !u", true),
            ("u|h !h", false),
            ("u|u|h h", true),
            ("!u u|u", false),
        ] {
            let run = run_of(sentence);
            let conclusion = if holds { Conclusion::Good } else { Conclusion::Bad };
            assert_eq!(run.conclusion(), conclusion, "{sentence}");
        }
    }

    #[test]
    fn a_check_that_could_not_be_made_fails_under_not_too() {
        assert_eq!(Finding::undecided("timed out").negated().verdict, Verdict::Unhealthy);
    }

    #[test]
    fn what_decided_is_printed_first() {
        for (sentence, order) in [
            ("h u h", "u h h"),
            ("u|h h", "h h u"),
            ("h|u", "h u"),
            ("h u|h", "h u h"),
            ("!h|h", "h !h"),
            ("u|u h", "u u h"),
            ("h u|h !u", "h !u u h"),
        ] {
            let run = run_of(sentence);
            let found: Vec<&str> =
                run.by_relevance().iter().map(|check| check.finding.found.as_str()).collect();
            assert_eq!(found.join(" "), order, "{sentence}");
        }
    }

    #[test]
    fn facts_as_json() {
        let fact = Fact::Object(vec![
            ("z", Fact::Bytes(b"ok\xff".to_vec())),
            ("a", Fact::List(vec![Fact::Bytes("é".into()), Fact::Count(3), Fact::Bool(true)])),
            ("t_ms", Fact::milliseconds(Duration::from_micros(12_345))),
            ("u", Fact::List([0, 7, -50, -123, 300_000].map(Fact::Hundredths).into())),
        ]);
        let mut json = String::new();
        fact.push_json(&mut json);
        assert_eq!(
            json,
            r#"{"z": {"bytes": "b2v/"}, "a": ["é", 3, true], "t_ms": 12.35, "u": [0.0, 0.07, -0.5, -1.23, 3000.0]}"#
        );
    }
}
