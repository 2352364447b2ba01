//! `cat PATH...`: the contents of files. cat(1).

use super::content::{OPTIONS, Part, plan};
use super::{Command, Properties};

pub(super) const COMMAND: Command = Command {
    name: "cat",
    summary: "print the contents of files",
    options: &[OPTIONS],
    plan: |given| plan(given, Part::All),
    examples: r"porthole cat /etc/resolv.conf
porthole cat -p 7 /etc/app/config.yaml",
    properties: Properties::WATCHED,
};
