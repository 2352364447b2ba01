//! `top`: the processes by the CPU that they use, and the container's use of its limits. top(1)
//!
//! On a terminal it is drawn again and again until it is told to stop; otherwise it ends after one
//! interval.

mod container;
mod rows;
mod sample;
mod screen;

use std::time::Duration;

use self::container::{Container, Usage};
use self::rows::{Row, View};
use self::sample::{Reader, Share};
use self::screen::{Screen, Wake};
use super::{Command, Habits, Inspect, Properties, Target};
use crate::args::{Given, UsageError, option};
use crate::deadline::Deadline;
use crate::error::Error;
use crate::outcome::Fact;
use crate::report::{Answer, cells, object, table};
use crate::sys::terminal_size;
use crate::table::Table;
use crate::units;
use crate::view::named::Named;
use crate::view::users::Names;

/// The shortest interval: reading all processes takes a few milliseconds, and the kernel counts CPU
/// time in ticks of ten.
const SHORTEST: Duration = Duration::from_millis(100);
/// The longest time until a terminal shows something.
const FIRST: Duration = Duration::from_secs(1);
/// What `--every` expects.
const INTERVAL: &str = "a duration such as 500ms or 2s, at least 100ms and at most 1h";
/// What `--iterations` expects.
const ITERATIONS: &str = "a whole number, at least 1";

pub(super) const COMMAND: Command = Command {
    name: "top",
    summary: "show the processes that use the most CPU, and the use of limits",
    options: &[&[
        option("iterations", "N", "print N times, then end (1; on a terminal until q or Ctrl-C)").short('n'),
        option("every", "DUR", "the interval between two readings (1s)").short('d'),
    ]],
    plan,
    examples: r"porthole top
porthole top -n 1 --every 5s --json",
    properties: Properties {
        // It is written without control sequences if stdout is not a terminal.
        habits: Habits {
            letters: "b",
            words: &["--batch"],
            synonyms: &[("--delay", "--every")],
            ..Habits::NONE
        },
        ..Properties::PLAIN
    },
};

#[derive(Debug)]
struct Top {
    /// `None` for the usual number.
    iterations: Option<u64>,
    interval: Duration,
}

fn plan(given: &mut Given<'_>) -> Result<Box<dyn Inspect>, UsageError> {
    let whole = |text: &str| units::number(text, u32::MAX.into()).filter(|&n| n > 0).ok_or(ITERATIONS);
    let iterations = given.parsed("iterations", ITERATIONS, whole)?;
    let long = |text: &str| units::duration(text).ok().filter(|&d| d >= SHORTEST).ok_or(INTERVAL);
    let interval = given.parsed("every", INTERVAL, long)?.unwrap_or(Duration::from_secs(1));
    Ok(Box::new(Top { iterations, interval }))
}

impl Inspect for Top {
    fn run(&self, target: &Target, answer: &mut Answer) -> Result<bool, Error> {
        let is_drawn = answer.is_terminal() && !answer.is_json();
        let mut screen = is_drawn.then(Screen::open).transpose()?;
        if screen.is_some() {
            answer.bytes(screen::BEGIN);
            answer.flush();
        }
        let mut notes = Notes::default();
        let ended = self.follow(target, screen.as_mut(), &mut notes, answer);
        if screen.take().is_some() {
            answer.bytes(screen::END);
            answer.flush();
        }
        // On the screen they would be overwritten.
        notes.say(answer);
        ended.map(|()| true)
    }
}

/// What could not be read, each to be said once.
#[derive(Default)]
struct Notes {
    hidden: Option<&'static str>,
    unread: Vec<Error>,
    is_hidden_said: bool,
    /// How many of the errors were said.
    said: usize,
}

impl Notes {
    /// Says what was not said before.
    fn say(&mut self, answer: &mut Answer) {
        if let Some(hidden) = self.hidden.filter(|_| !self.is_hidden_said) {
            answer.info(hidden);
            self.is_hidden_said = true;
        }
        for why in self.unread.iter().skip(self.said) {
            answer.warn(&why.to_string());
        }
        self.said = self.unread.len();
    }
}

impl Top {
    /// Reads and prints, as often as it was asked for.
    fn follow(
        &self,
        target: &Target,
        mut screen: Option<&mut Screen>,
        notes: &mut Notes,
        answer: &mut Answer,
    ) -> Result<(), Error> {
        let names = Names::of(target, answer);
        let reader = Reader::of(target);
        let container = Container::of(target, &mut notes.unread);
        let mut before = (reader.sample()?, container.read(&mut notes.unread));
        let iterations = self.iterations.unwrap_or(if screen.is_some() { u64::MAX } else { 1 });
        // What was drawn last, for a terminal of another size.
        let mut drawn: Option<Frame> = None;
        for turn in 0..iterations {
            // The first picture is not long in coming, however long the interval.
            let is_early = turn == 0 && screen.is_some();
            let interval = if is_early { self.interval.min(FIRST) } else { self.interval };
            let deadline = Deadline::after(interval);
            loop {
                match screen.as_ref().map_or_else(|| screen::sleep(deadline), |screen| screen.wait(deadline))
                {
                    Wake::Time => break,
                    Wake::End => return Ok(()),
                    Wake::Resized => {}
                    Wake::Stopped => {
                        answer.bytes(screen::END);
                        answer.flush();
                        if let Some(screen) = &mut screen {
                            screen.stop();
                        }
                        answer.bytes(screen::BEGIN);
                    }
                }
                if let Some(frame) = &drawn {
                    frame.draw(&reader, &names, answer);
                }
            }
            let after = (reader.sample()?, container.read(&mut notes.unread));
            notes.hidden = after.0.hidden.or(notes.hidden);
            let frame = Frame {
                elapsed: after.0.at - before.0.at,
                usage: after.1.usage(&before.1),
                shares: after.0.shares(&before.0, reader.ticks),
            };
            if screen.is_some() {
                frame.draw(&reader, &names, answer);
                drawn = Some(frame);
            } else {
                notes.say(answer);
                frame.print(&reader, &names, turn > 0, answer);
            }
            if answer.is_over() {
                return Ok(());
            }
            before = after;
        }
        Ok(())
    }
}

/// What was found in one interval.
struct Frame {
    elapsed: Duration,
    usage: Vec<Usage>,
    /// Of all processes, the one that used the most first.
    shares: Vec<Share>,
}

impl Frame {
    /// Draws it on the terminal: as many processes as there is room for.
    fn draw(&self, reader: &Reader<'_>, names: &Names, answer: &mut Answer) {
        let rows = terminal_size().map_or(0, |(_, rows)| rows);
        // Above them are the table of limits with its titles, and their own titles.
        let room = if rows == 0 { usize::MAX } else { rows.saturating_sub(self.usage.len() + 2) };
        let (limits, processes) = self.tables(reader, names, room);
        answer.draw(&[limits, processes]);
    }

    /// Prints it. `follows` is whether another was printed before.
    fn print(&self, reader: &Reader<'_>, names: &Names, follows: bool, answer: &mut Answer) {
        if answer.is_json() {
            return self.document(reader, names, answer);
        }
        let (limits, processes) = self.tables(reader, names, usize::MAX);
        if follows {
            answer.line(b"");
        }
        answer.table(&limits);
        answer.line(b"");
        answer.table(&processes);
        answer.flush();
    }

    fn tables(&self, reader: &Reader<'_>, names: &Names, room: usize) -> (Table, Table) {
        let mut limits = table(Usage::COLUMNS, false);
        for usage in &self.usage {
            limits.row(cells(Usage::COLUMNS, false, usage));
        }
        let shown = reader.details(&self.shares, room);
        let view = view(reader, &shown, names);
        let mut processes = table(Row::COLUMNS, false);
        for share in &shown {
            processes.row(cells(Row::COLUMNS, false, &Row { view: &view, share }));
        }
        (limits, processes)
    }

    fn document(&self, reader: &Reader<'_>, names: &Names, answer: &mut Answer) {
        let mut entries = vec![("interval_ms", Fact::milliseconds(self.elapsed))];
        entries.extend(self.usage.iter().map(|usage| (usage.name(), usage.fact())));
        let shown = reader.details(&self.shares, usize::MAX);
        let view = view(reader, &shown, names);
        let processes = shown.iter().map(|share| object(Row::COLUMNS, &Row { view: &view, share }));
        entries.push(("processes", Fact::List(processes.collect())));
        answer.document(entries);
        answer.flush();
    }
}

fn view(reader: &Reader<'_>, shown: &[Share], names: &Names) -> View {
    View { users: Named::of(shown.iter().filter_map(|share| share.seen.uid), names), page: reader.page }
}
