//! Many processes, in addition to those of the machine.

use std::io::{PipeWriter, pipe};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use super::super::programs::{BUSYBOX, PROCPS, Programs};
use super::{Created, Fixture, Inspection};

/// How many processes.
const PROCESSES: usize = 3_000;

/// The processes end when their stdin does: however this process ends, none of them remains.
struct Processes {
    stdin: Option<PipeWriter>,
    children: Vec<Child>,
}

pub fn create(_: &Path, programs: &Programs) -> Created {
    let Some(pause) = programs.find("pause") else { return Ok(None) };
    let (end, stdin) = pipe()?;
    let mut processes = Processes { stdin: Some(stdin), children: Vec::new() };
    for _ in 0..PROCESSES {
        let mut command = Command::new(&pause);
        command.env_clear().stdin(end.try_clone()?).stdout(Stdio::null()).stderr(Stdio::null());
        let child = command.spawn();
        processes
            .children
            .push(child.map_err(|error| format!("cannot start {PROCESSES} processes: {error}"))?);
    }
    Ok(Some(Box::new(processes)))
}

impl Fixture for Processes {
    fn inspections(&self) -> Vec<Inspection> {
        let prints = PROCESSES * "1 0 0 pause".len();
        vec![
            Inspection::new("`ps`, 3,000 processes", &["ps"], prints)
                .against(BUSYBOX, "`busybox ps`", &["ps"], 1.2)
                .against(PROCPS, "procps `ps aux`", &["aux"], 0.6),
            // What doctor finds is not the bench's concern.
            Inspection {
                may_find_faults: true,
                at_most: Some(Duration::from_millis(50)),
                ..Inspection::new("`doctor`, 3,000 processes", &["doctor"], 1)
            },
            Inspection {
                at_most: Some(Duration::from_millis(150)),
                ..Inspection::new("`report`, 3,000 processes", &["report"], prints)
            },
        ]
    }
}

impl Drop for Processes {
    fn drop(&mut self) {
        self.stdin = None;
        for child in &mut self.children {
            let _ = child.wait();
        }
    }
}
