//! `env [NAME...]`: the initial environment of a process, values hidden. environ(7),
//! proc_pid_environ(5).

use std::os::unix::ffi::OsStringExt;

use super::{Command, Inspect, Properties, Target};
use crate::args::{Given, UsageError, flag, operands, option_list};
use crate::error::{Cause, Error};
use crate::outcome::Fact;
use crate::procfs::handle::{Fate, Handle, MAX_PROC_FILE_BYTES};
use crate::redact::{has_secret, mask_of_length};
use crate::report::Answer;
use crate::text::decode;

/// Variables whose values are shown: they describe where and how a process runs, and are never
/// secrets by their purpose.
const SHOWN: &[&str] = &[
    "PATH",
    "HOME",
    "PWD",
    "OLDPWD",
    "USER",
    "LOGNAME",
    "HOSTNAME",
    "SHELL",
    "SHLVL",
    "TERM",
    "LANG",
    "LANGUAGE",
    "TZ",
    "TMPDIR",
    "PORT",
    "KUBERNETES_SERVICE_HOST",
    "KUBERNETES_SERVICE_PORT",
    "NODE_ENV",
    "RAILS_ENV",
    "GOMAXPROCS",
    "GOMEMLIMIT",
    "GOGC",
    "OMP_NUM_THREADS",
    "MALLOC_ARENA_MAX",
    "PYTHONUNBUFFERED",
    "LD_LIBRARY_PATH",
    "LD_PRELOAD",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "NO_COLOR",
    "container",
    "LC_ALL",
    "LC_CTYPE",
    "LC_COLLATE",
    "LC_MONETARY",
    "LC_MESSAGES",
    "LC_NUMERIC",
    "LC_TIME",
    "LC_ADDRESS",
    "LC_IDENTIFICATION",
    "LC_MEASUREMENT",
    "LC_NAME",
    "LC_PAPER",
    "LC_TELEPHONE",
    "PORTHOLE_TIMEOUT",
];

pub(super) const COMMAND: Command = Command {
    name: "env",
    summary: "print the environment, values hidden",
    options: &[&[
        operands("NAME", "only these variables").optional(),
        option_list("reveal", "NAME", "show the value of this variable; repeatable"),
        flag("reveal-all", "show every value"),
    ]],
    plan,
    examples: r"porthole env
porthole env DATABASE_URL --reveal DATABASE_URL
porthole env -p 7",
    properties: Properties::of_process(Some("environment")),
};

#[derive(Debug)]
struct Env {
    names: Vec<Vec<u8>>,
    reveal: Vec<Vec<u8>>,
    reveal_all: bool,
}

fn plan(given: &mut Given<'_>) -> Result<Box<dyn Inspect>, UsageError> {
    let words = |name| given.words(name).into_iter().map(OsStringExt::into_vec).collect();
    let (names, reveal): (Vec<Vec<u8>>, Vec<Vec<u8>>) = (words("NAME"), words("reveal"));
    for (option, names) in [("NAME", &names), ("reveal", &reveal)] {
        if names.iter().any(|name| name.is_empty() || name.contains(&b'=')) {
            return Err(given.unexpected(option, "the name of a variable"));
        }
    }
    Ok(Box::new(Env { names, reveal, reveal_all: given.has("reveal-all") }))
}

impl Inspect for Env {
    fn run(&self, target: &Target, answer: &mut Answer) -> Result<bool, Error> {
        answer.list("environment");
        let text = match &target.process {
            Some(process) => environment(process, target)?,
            None => target.read("environ")?,
        };
        let mut missing: Vec<&[u8]> = self.names.iter().chain(&self.reveal).map(Vec::as_slice).collect();
        // Each entry ends in NUL. A process that overwrote its environment may have many NULs.
        for entry in text.split(|&b| b == 0).filter(|entry| !entry.is_empty()) {
            let equals = entry.iter().position(|&b| b == b'=');
            let name = entry.get(..equals.unwrap_or_default()).unwrap_or_default();
            missing.retain(|missing| *missing != name || equals.is_none());
            if self.names.is_empty() || self.names.iter().any(|wanted| wanted == name && equals.is_some()) {
                self.print(equals.map(|_| name), entry, answer);
            }
            if answer.is_over() {
                break;
            }
        }
        if text.len() >= MAX_PROC_FILE_BYTES {
            answer.error("the environment is too long and was truncated");
        }
        for name in &missing {
            answer.error(format!("{}: not set", decode(name)));
        }
        Ok(missing.is_empty())
    }
}

impl Env {
    fn print(&self, name: Option<&[u8]>, entry: &[u8], answer: &mut Answer) {
        let value = name.and_then(|name| entry.get(name.len() + 1..)).unwrap_or(entry);
        let shown = self.reveal_all || name.is_some_and(|name| self.shows(name, value));
        if answer.is_json() {
            let text = |text: &[u8]| Fact::Bytes(text.to_vec());
            answer.item(
                "environment",
                &Fact::Object(vec![
                    ("name", name.map_or(Fact::Null, text)),
                    ("value", if shown { text(value) } else { Fact::Null }),
                    ("size", Fact::Count(value.len() as u64)),
                ]),
            );
        } else if shown {
            answer.line(entry);
        } else {
            let mut line = name.map(<[u8]>::to_vec).unwrap_or_default();
            line.extend_from_slice(if name.is_some() { b"=" } else { b"" });
            line.extend_from_slice(mask_of_length(value.len()).as_bytes());
            answer.line(&line);
        }
    }

    fn shows(&self, name: &[u8], value: &[u8]) -> bool {
        value.is_empty()
            || self.reveal.iter().any(|revealed| revealed == name)
            || SHOWN.iter().any(|shown| shown.as_bytes() == name) && !has_secret(value)
    }
}

/// Reads the environment of another process. The file of a process that ends while it is open reads
/// as empty, just as that of a process without an environment. The state of the process afterwards
/// tells the two apart.
fn environment(process: &Handle, target: &Target) -> Result<Vec<u8>, Error> {
    let read = process.read("environ", MAX_PROC_FILE_BYTES);
    let text = read.map_err(|error| target.explain(error, process, "environ"))?;
    if text.is_empty() && process.fate() != Fate::Lives {
        return Err(target.explain(Cause::Gone.into(), process, "environ"));
    }
    Ok(text)
}
