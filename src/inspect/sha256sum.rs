//! `sha256sum PATH...`: the SHA-256 of files. sha256sum(1), FIPS 180-4.

use std::fmt::Write as _;
use std::os::unix::ffi::OsStrExt as _;
use std::path::PathBuf;

use ring::digest::{Context, SHA256};

use super::{Command, Habits, Inspect, Properties, Target};
use crate::args::operands;
use crate::error::Error;
use crate::outcome::Fact;
use crate::report::Answer;
use crate::text::escape;
use crate::view::input::{self, CHUNK_BYTES, Input};

pub(super) const COMMAND: Command = Command {
    name: "sha256sum",
    summary: "print the SHA-256 of files",
    options: &[&[operands("PATH", "the files; - is stdin")]],
    plan: |given| Ok(Box::new(Sums { paths: given.paths("PATH") })),
    examples: r"porthole sha256sum /app/server
porthole sha256sum -p 7 /etc/app/config.yaml",
    properties: Properties { habits: Habits { letters: "bt", ..Habits::NONE }, ..Properties::WATCHED },
};

#[derive(Debug)]
struct Sums {
    paths: Vec<PathBuf>,
}

impl Inspect for Sums {
    fn run(&self, target: &Target, answer: &mut Answer) -> Result<bool, Error> {
        let root = target.root()?;
        answer.list("files");
        input::each(&root, &self.paths, None, answer, &mut |input, answer| {
            let sum = sum(input)?;
            let name = input.path.as_os_str().as_bytes();
            if answer.is_json() {
                let entries = vec![("path", Fact::Bytes(name.to_vec())), ("sha256", Fact::Text(sum))];
                answer.item("files", &Fact::Object(entries));
            } else {
                let shown = escape(name);
                // coreutils puts a backslash before the line if it escapes the name. It escapes
                // newlines and backslashes in the same way.
                let mark = if shown.as_bytes() == name { "" } else { "\\" };
                answer.content(format!("{mark}{sum}  {shown}\n").as_bytes());
            }
            Ok(())
        });
        Ok(true)
    }
}

fn sum(input: &mut Input<'_>) -> Result<String, Error> {
    let mut context = Context::new(&SHA256);
    let mut piece = vec![0; CHUNK_BYTES];
    loop {
        match input.read(&mut piece)? {
            0 => break,
            count => context.update(piece.get(..count).unwrap_or_default()),
        }
    }
    let mut sum = String::with_capacity(64);
    for byte in context.finish().as_ref() {
        // Writing to a String cannot fail.
        let _ = write!(sum, "{byte:02x}");
    }
    Ok(sum)
}
