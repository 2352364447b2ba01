//! A finding: what is wrong, by what it is seen, and what to change.

use std::fmt::Display;

use crate::error::Error;
use crate::outcome::Fact;
use crate::report::Answer;
use crate::table::Mark;
use crate::text::Shown as _;

/// How much it matters, the worst first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Something does not work, or did not.
    Error,
    /// Something will not work before long, or not as it is meant to.
    Warning,
    /// What could be tighter.
    Hint,
}

/// So many of these words, and how many there are more.
pub fn few(mut words: Vec<String>, most: usize) -> String {
    let more = words.len().saturating_sub(most);
    words.truncate(most);
    if more > 0 {
        words.push(format!("{more} more"));
    }
    words.join(", ")
}

/// A path as a shell takes it for one word.
pub fn word(path: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || !c.is_ascii() || "/._-+:,@%=".contains(c);
    if path.chars().all(is_plain) {
        return path.to_owned();
    }
    // A backslash would be shown as two.
    ["'", &path.split('\'').collect::<Vec<_>>().join("'\"'\"'"), "'"].concat()
}

impl Level {
    fn name(self) -> &'static str {
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

/// Where something is to be changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// A field of a pod, as in its YAML.
    Kubernetes,
    /// An option of `docker run`, or a line of a Dockerfile.
    Docker,
    /// The application itself.
    Application,
}

impl Place {
    fn name(self) -> &'static str {
        match self {
            Place::Kubernetes => "Kubernetes",
            Place::Docker => "Docker",
            Place::Application => "Application",
        }
    }
}

/// What stands out.
#[derive(Debug)]
pub struct Finding {
    /// How much it matters.
    pub level: Level,
    /// What it is, in a sentence.
    pub what: String,
    /// The same without what was measured, which changes from one look to the next while the trouble stays.
    brief: Option<String>,
    /// Sources, files as a rule, and what they say.
    seen: Vec<(String, String)>,
    /// What to change, as it is to be typed.
    change: Vec<(Place, String)>,
}

impl Finding {
    /// A finding that still lacks what it is seen by.
    pub fn new(level: Level, what: impl Into<String>) -> Self {
        Finding { level, what: what.into(), brief: None, seen: Vec::new(), change: Vec::new() }
    }

    /// In words that stay the same as long as the trouble does: without a number that grows.
    #[must_use]
    pub fn briefly(mut self, brief: impl Into<String>) -> Self {
        self.brief = Some(brief.into());
        self
    }

    /// By this source, which says this.
    #[must_use]
    pub fn seen(self, source: impl Display, says: impl Display) -> Self {
        self.with_seen(&source, &says)
    }

    /// By this source, which could not be had.
    #[must_use]
    pub fn unseen(self, source: impl Display, error: &Error) -> Self {
        let source = source.to_string();
        let is_named = error.path.as_ref().is_some_and(|path| path.shown() == source);
        if is_named { self.with_seen(&source, &error.reason()) } else { self.with_seen(&source, error) }
    }

    // In the binary once, whatever is shown.
    #[inline(never)]
    fn with_seen(mut self, source: &dyn Display, says: &dyn Display) -> Self {
        let (source, says) = (source.to_string(), says.to_string());
        self.seen.push((source, says));
        self
    }

    /// To be changed in a pod.
    #[must_use]
    pub fn kubernetes(self, change: impl Display) -> Self {
        self.with_change(Place::Kubernetes, &change)
    }

    /// To be changed in how Docker runs or builds it.
    #[must_use]
    pub fn docker(self, change: impl Display) -> Self {
        self.with_change(Place::Docker, &change)
    }

    /// To be changed in the application.
    #[must_use]
    pub fn application(self, change: impl Display) -> Self {
        self.with_change(Place::Application, &change)
    }

    #[inline(never)]
    fn with_change(mut self, place: Place, change: &dyn Display) -> Self {
        self.change.push((place, change.to_string()));
        self
    }

    /// In one sentence, with where it is seen, for a verdict: the same words as long as the trouble is the same.
    pub fn sentence(&self) -> String {
        let seen: Vec<&str> = self.seen.iter().map(|(source, _)| source.as_str()).collect();
        format!("{} ({})", self.brief.as_ref().unwrap_or(&self.what), seen.join(", "))
    }

    /// As text: a line each.
    pub fn print(&self, answer: &mut Answer) {
        answer.marked(self.level.name(), self.level.mark(), &format!(": {}", self.what));
        for (source, says) in &self.seen {
            answer.sentence(&format!("    seen: {source}: {says}"));
        }
        for (place, change) in &self.change {
            answer.sentence(&format!("    {}: {change}", place.name()));
        }
    }

    /// As JSON.
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
    fn words_of_a_shell() {
        for (path, shown) in [
            ("/run/a-b_c.d,e:1", "/run/a-b_c.d,e:1"),
            ("/run/grün", "/run/grün"),
            ("/my data", "'/my data'"),
            ("/$HOME;`x`", "'/$HOME;`x`'"),
            ("/it's", "'/it'\"'\"'s'"),
        ] {
            assert_eq!(word(path), shown);
        }
    }
}
