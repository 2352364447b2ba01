//! A finding: what is wrong, the evidence, and what to change.

use std::fmt::Display;

use crate::error::Error;
use crate::outcome::Fact;
use crate::report::Answer;
use crate::table::Mark;
use crate::text::Shown as _;

/// The severity of a finding, the worst first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Something does not work, or has failed.
    Error,
    /// Something will fail soon, or does not work as intended.
    Warning,
    /// Something could be more secure or clearer.
    Hint,
}

/// Lists at most `max` of the words, and says how many more there are.
pub fn first_of(mut words: Vec<String>, max: usize) -> String {
    let more = words.len().saturating_sub(max);
    words.truncate(max);
    if more > 0 {
        words.push(format!("{more} more"));
    }
    words.join(", ")
}

/// Quotes a path so that a shell reads it as one word.
pub fn shell_quoted(path: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || !c.is_ascii() || "/._-+:,@%=".contains(c);
    if path.chars().all(is_plain) {
        return path.to_owned();
    }
    // No backslashes: output escapes them to two.
    ["'", &path.split('\'').collect::<Vec<_>>().join("'\"'\"'"), "'"].concat()
}

impl Level {
    /// Returns its name: `error`.
    pub fn name(self) -> &'static str {
        match self {
            Level::Error => "error",
            Level::Warning => "warning",
            Level::Hint => "hint",
        }
    }

    fn mark(self) -> Mark {
        match self {
            Level::Error => Mark::Wrong,
            Level::Warning => Mark::Notable,
            Level::Hint => Mark::None,
        }
    }
}

/// Where to make a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ChangeIn {
    /// A field of a pod in its YAML.
    Kubernetes,
    /// An option of `docker run`, or a line of a Dockerfile.
    Docker,
    /// The application itself.
    Application,
}

impl ChangeIn {
    fn name(self) -> &'static str {
        match self {
            ChangeIn::Kubernetes => "Kubernetes",
            ChangeIn::Docker => "Docker",
            ChangeIn::Application => "Application",
        }
    }
}

/// A problem, with its evidence and what to change.
#[derive(Debug)]
pub struct Finding {
    /// The severity.
    pub level: Level,
    /// The problem in one sentence.
    pub what: String,
    /// The same without measured values, which change between runs while the problem stays.
    brief: Option<String>,
    /// The evidence: sources, usually files, and what they say.
    seen: Vec<(String, String)>,
    /// What to change, ready to be typed.
    change: Vec<(ChangeIn, String)>,
}

impl Finding {
    /// Returns a finding that has no evidence yet.
    pub fn new(level: Level, what: impl Into<String>) -> Self {
        Finding { level, what: what.into(), brief: None, seen: Vec::new(), change: Vec::new() }
    }

    /// Sets the words for a verdict, which stay the same as long as the problem does: without
    /// numbers that grow.
    #[must_use]
    pub fn brief(mut self, brief: impl Into<String>) -> Self {
        self.brief = Some(brief.into());
        self
    }

    /// Adds evidence: a source, and what it says.
    #[must_use]
    pub fn seen(self, source: impl Display, says: impl Display) -> Self {
        self.with_seen(&source, &says)
    }

    /// Adds a source that could not be read, and why.
    #[must_use]
    pub fn unreadable(self, source: impl Display, error: &Error) -> Self {
        let source = source.to_string();
        let is_named = error.path.as_ref().is_some_and(|path| path.shown() == source);
        if is_named { self.with_seen(&source, &error.reason()) } else { self.with_seen(&source, error) }
    }

    // Not generic, so that the binary has it only once.
    #[inline(never)]
    fn with_seen(mut self, source: &dyn Display, says: &dyn Display) -> Self {
        let (source, says) = (source.to_string(), says.to_string());
        self.seen.push((source, says));
        self
    }

    /// Adds a change to the pod.
    #[must_use]
    pub fn kubernetes(self, change: impl Display) -> Self {
        self.with_change(ChangeIn::Kubernetes, &change)
    }

    /// Adds a change to how Docker runs or builds the container.
    #[must_use]
    pub fn docker(self, change: impl Display) -> Self {
        self.with_change(ChangeIn::Docker, &change)
    }

    /// Adds a change to the application.
    #[must_use]
    pub fn application(self, change: impl Display) -> Self {
        self.with_change(ChangeIn::Application, &change)
    }

    #[inline(never)]
    fn with_change(mut self, place: ChangeIn, change: &dyn Display) -> Self {
        self.change.push((place, change.to_string()));
        self
    }

    /// Returns one sentence with its sources, for a verdict: the same words as long as the problem
    /// is the same.
    pub fn sentence(&self) -> String {
        let seen: Vec<&str> = self.seen.iter().map(|(source, _)| source.as_str()).collect();
        format!("{} ({})", self.brief.as_ref().unwrap_or(&self.what), seen.join(", "))
    }

    /// Prints it as text: one line each for the problem, its evidence and its changes.
    pub fn print(&self, answer: &mut Answer) {
        answer.marked(self.level.name(), self.level.mark(), &format!(": {}", self.what));
        for (source, says) in &self.seen {
            answer.sentence(&format!("    seen: {source}: {says}"));
        }
        for (place, change) in &self.change {
            answer.sentence(&format!("    {}: {change}", place.name()));
        }
    }

    /// Returns it as JSON.
    pub fn fact(&self) -> Fact {
        let text = |text: &str| Fact::Text(text.to_owned());
        let seen = self
            .seen
            .iter()
            .map(|(source, says)| Fact::Object(vec![("source", text(source)), ("says", text(says))]));
        let change = self
            .change
            .iter()
            .map(|(place, change)| Fact::Object(vec![("where", text(place.name())), ("what", text(change))]));
        Fact::Object(vec![
            ("level", text(self.level.name())),
            ("finding", text(&self.what)),
            ("seen", Fact::List(seen.collect())),
            ("change", Fact::List(change.collect())),
        ])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_quoted_for_a_shell() {
        for (path, shown) in [
            ("/run/a-b_c.d,e:1", "/run/a-b_c.d,e:1"),
            ("/run/grün", "/run/grün"),
            ("/my data", "'/my data'"),
            ("/$HOME;`x`", "'/$HOME;`x`'"),
            ("/it's", "'/it'\"'\"'s'"),
        ] {
            assert_eq!(shell_quoted(path), shown);
        }
    }
}
