//! Many listening sockets, of several processes, in a network namespace that ends with them.

use std::env;
use std::io::{BufRead as _, BufReader, Read as _, Write as _, stdin, stdout};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use super::super::cost::Result;
use super::super::programs::{Programs, SS};
use super::{Created, Fixture, Inspection};

/// How many processes hold sockets.
const HOLDERS: u16 = 18;
/// How many each of them holds: below 1,024, the usual limit of open files.
const EACH: u16 = 1_000;
/// The port of the first one.
const FIRST: u16 = 2_000;

/// The argument that makes this program hold sockets.
pub const HOLD_SOCKETS: &str = "hold-sockets";

/// Listens on this many ports from the first one on, until stdin ends.
pub fn hold_sockets(first: &str, count: &str) -> Result<()> {
    let (first, count): (u16, u16) = (first.parse()?, count.parse()?);
    let listen = |port| TcpListener::bind(("127.0.0.1", port));
    let sockets = (first..first + count).map(listen).collect::<std::io::Result<Vec<_>>>()?;
    stdout().write_all(b"ready\n")?;
    stdin().read_to_end(&mut Vec::new())?;
    drop(sockets);
    Ok(())
}

/// Other copies of this program, which end with their stdin.
struct Sockets(Vec<Child>);

pub fn create(_: &Path, programs: &Programs) -> Created {
    // Brings up loopback.
    let Some(ip) = programs.find("ip") else { return Ok(None) };
    let status = Command::new(ip).args(["link", "set", "lo", "up"]).status()?;
    if !status.success() {
        return Err(format!("ip link set lo up: {status}").into());
    }
    let mut sockets = Sockets(Vec::new());
    for number in 0..HOLDERS {
        let mut command = Command::new(env::current_exe()?);
        command.args([HOLD_SOCKETS.to_owned(), (FIRST + number * EACH).to_string(), EACH.to_string()]);
        sockets.0.push(command.env_clear().stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?);
    }
    for child in &mut sockets.0 {
        let stdout = child.stdout.take().ok_or("stdout is not piped")?;
        let mut line = String::new();
        BufReader::new(stdout).read_line(&mut line)?;
        if line != "ready\n" {
            return Err("a process could not open its sockets".into());
        }
    }
    Ok(Some(Box::new(sockets)))
}

impl Fixture for Sockets {
    fn inspections(&self) -> Vec<Inspection> {
        let prints = usize::from(HOLDERS * EACH) * "127.0.0.1:2000".len();
        vec![
            Inspection::new("`ss -t`, 18,000 sockets", &["ss", "-t"], prints)
                .against(SS, "iproute2 `ss -ltn`", &["-ltn"], 2.0)
                .against(SS, "iproute2 `ss -ltnp`", &["-ltnp"], 0.8),
            Inspection::new("`ss -a -t`, 18,000 sockets", &["ss", "-a", "-t"], prints).against(
                SS,
                "iproute2 `ss -atn`",
                &["-atn"],
                1.5,
            ),
        ]
    }
}

impl Drop for Sockets {
    fn drop(&mut self) {
        for child in &mut self.0 {
            drop(child.stdin.take());
        }
        for child in &mut self.0 {
            let _ = child.wait();
        }
    }
}
