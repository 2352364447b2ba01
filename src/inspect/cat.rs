//! `cat PATH...`: the contents of files. cat(1).

use super::{Command, Inspect, Properties, Target};
use crate::error::Error;
use crate::report::Answer;
use crate::view::content::{Content, OPTIONS, Part};

pub(super) const COMMAND: Command = Command {
    name: "cat",
    summary: "print the contents of files",
    options: &[OPTIONS],
    plan: |given| Ok(Box::new(Content::given(given, Part::All)?)),
    examples: r"porthole cat /etc/resolv.conf
porthole cat -p 7 /etc/app/config.yaml",
    properties: Properties::WATCHED,
};

/// The inspection of cat, head and tail, which differ only in the part that they print.
impl Inspect for Content {
    fn run(&self, target: &Target, answer: &mut Answer) -> Result<bool, Error> {
        self.print(target, answer)
    }
}
