//! What the inspections run on: many processes, a directory with many files, a tree, a large file,
//! a container.
//!
//! All of this is below one temporary directory. Dropping [`Fixture`] removes it and ends the
//! processes.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use super::server::Request;
use super::{Result, Row, bounds, find};

/// How many processes `ps` lists, in addition to those of the machine.
const PROCESSES: usize = 2_000;
/// How many processes the container that `doctor` examines has.
const CONTAINER: usize = 50;
/// How many files `ls` lists.
const FILES: usize = 20_000;
/// How many files `find` visits, in directories of a hundred.
const TREE: usize = 100_000;
/// The size of the file that is hashed and searched, in bytes.
const LARGE: usize = 1 << 30;
/// How much of it is written at once.
const BLOCK: usize = 1 << 20;

/// What the inspections examine.
pub struct Fixture {
    folder: PathBuf,
    processes: Vec<Child>,
}

impl Fixture {
    /// Creates the files and starts the processes.
    pub fn create() -> Result<Self> {
        let folder = std::env::temp_dir().join(format!("porthole-bench-{}", std::process::id()));
        let mut fixture = Fixture { folder, processes: Vec::new() };
        let many = fixture.folder.join("many");
        fs::create_dir_all(&many)?;
        for number in 0..FILES {
            File::create(many.join(format!("file-{number}")))?;
        }
        for hundred in 0..TREE / 100 {
            let folder = fixture.folder.join(format!("tree/{}/{hundred}", hundred % 10));
            fs::create_dir_all(&folder)?;
            for number in 0..100 {
                File::create(folder.join(format!("file-{number}")))?;
            }
        }
        let block = "a line of a log that nobody looks for\n".repeat(BLOCK / 38);
        let mut large = File::create(fixture.folder.join("large"))?;
        for _ in 0..LARGE / block.len() {
            large.write_all(block.as_bytes())?;
        }
        large.write_all(b"the needle\n")?;
        fixture.container()?;
        let pause = find("pause").ok_or("target/bench/pause is missing: no C compiler")?;
        for _ in 0..PROCESSES {
            let null = || Stdio::null();
            let child = Command::new(&pause).stdin(null()).stdout(null()).stderr(null()).spawn()?;
            fixture.processes.push(child);
        }
        Ok(fixture)
    }

    /// Creates the proc of a container, so that the findings are the same on every machine.
    fn container(&self) -> Result<()> {
        let proc = self.folder.join("proc");
        for pid in 1..=CONTAINER {
            let process = proc.join(pid.to_string());
            fs::create_dir_all(process.join("fd"))?;
            let stat = format!(
                "{pid} (server) S {} 1 1 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 9 8192 10 0\n",
                pid / 2
            );
            fs::write(process.join("stat"), stat)?;
            fs::write(process.join("cmdline"), "/server\0--port\08080\0")?;
            fs::write(
                process.join("status"),
                "Uid:\t1\t1\t1\t1\nSigCgt:\t4000\nNoNewPrivs:\t1\nSeccomp:\t2\n",
            )?;
        }
        for (name, text) in [
            ("cgroup", "0::/\n"),
            ("mountinfo", "1 0 0:1 / / rw - overlay o rw\n"),
            ("net/tcp", "  sl  local_address\n"),
            ("net/dev", ""),
            ("limits", "Max open files 1024 4096 files\n"),
        ] {
            let file = proc.join("1").join(name);
            fs::create_dir_all(file.parent().ok_or("the file has no directory")?)?;
            fs::write(file, text)?;
        }
        std::os::unix::fs::symlink("1", proc.join("self"))?;
        std::os::unix::fs::symlink("/", proc.join("1/root"))?;
        Ok(())
    }

    /// Returns the rows, each followed by the program that users have elsewhere.
    pub fn rows(&self) -> Vec<Row> {
        let path = |name: &str| self.folder.join(name).display().to_string();
        let (many, tree, large) = (path("many"), path("tree"), path("large"));
        let row = |name, program, arguments: &[&str], base| Row {
            name,
            program,
            arguments: arguments.iter().map(|&argument| argument.to_owned()).collect(),
            request: Request::None,
            base,
        };
        vec![
            row(bounds::PS, "porthole", &["ps"], bounds::PROCPS),
            row(bounds::PROCPS, "ps", &["aux"], bounds::PROCPS),
            row(bounds::LS, "porthole", &["ls", &many], bounds::LS_L),
            row(bounds::LS_L, "ls", &["-l", &many], bounds::LS_L),
            row(bounds::FIND, "porthole", &["find", &tree], bounds::GNU_FIND),
            row(bounds::GNU_FIND, "find", &[&tree, "-printf", "%p\\n"], bounds::GNU_FIND),
            row(bounds::SUM, "porthole", &["sha256sum", &large], bounds::GNU_SUM),
            row(bounds::GNU_SUM, "sha256sum", &[&large], bounds::GNU_SUM),
            row(bounds::GREP, "porthole", &["grep", "the needle", &large], bounds::GNU_GREP),
            row(bounds::GNU_GREP, "grep", &["-F", "the needle", &large], bounds::GNU_GREP),
            row(bounds::DOCTOR, "porthole", &["doctor", "--proc", &path("proc")], bounds::DOCTOR),
        ]
    }
}

impl Drop for Fixture {
    fn drop(&mut self) {
        for child in &mut self.processes {
            let _ = child.kill();
        }
        for child in &mut self.processes {
            let _ = child.wait();
        }
        let _ = fs::remove_dir_all(&self.folder);
    }
}
