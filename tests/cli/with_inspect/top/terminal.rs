//! `porthole top` on a terminal of its own.

use std::process::Command;

use serde_json::Value;

use crate::support::command::{binary, output};
use crate::support::skip::skip;

/// Runs a program on a new terminal of 15 rows and 60 columns, and does what the last argument says
/// once it has drawn something. Prints what the terminal received until then and after that, whether
/// the program changed the terminal, whether it is as before, and the exit status.
const SCRIPT: &str = r#"
import fcntl, json, os, pty, select, signal, struct, sys, termios, time
action, words = sys.argv[1], sys.argv[2:]
master, slave = pty.openpty()
size = lambda rows: fcntl.ioctl(master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, 60, 0, 0))
size(15)
before = termios.tcgetattr(slave)
signal.alarm(60)
told, tell = os.pipe()
pid = os.fork()
if pid == 0:
    os.setsid()
    fcntl.ioctl(slave, termios.TIOCSCTTY, 0)
    for descriptor in range(3): os.dup2(slave, descriptor)
    child = os.fork() if action == "stop" else 0
    while child:
        # Like a shell with job control.
        status = os.waitpid(child, os.WUNTRACED)[1]
        if not os.WIFSTOPPED(status): os._exit(os.waitstatus_to_exitcode(status))
        os.write(tell, str(child).encode())
    if action == "stop":
        os.setpgid(0, 0)
        signal.signal(signal.SIGTTOU, signal.SIG_IGN)
        os.tcsetpgrp(0, os.getpid())
        signal.signal(signal.SIGTTOU, signal.SIG_DFL)
    os.execv(words[0], words)
end = time.monotonic() + 30
def receive(done):
    text = b""
    while not done(text):
        if not select.select([master], [], [], max(0, end - time.monotonic()))[0]:
            os.kill(pid, signal.SIGKILL)
            sys.exit("timed out after " + repr(text))
        text += os.read(master, 65536)
    return text
drawn = lambda text: text.endswith(b"\x1b[J")
# A key may be typed before anything is drawn.
found = {"first": "" if action == "early" else receive(drawn).decode()}
flags = lambda attributes: attributes[3] & (termios.ECHO | termios.ICANON)
found["changed"] = flags(termios.tcgetattr(slave)) == 0 and flags(before) != 0
if action == "q": os.write(master, b"xq")
elif action == "early":
    receive(lambda text: text.endswith(b"\x1b[?7l"))
    os.write(master, b"q")
elif action == "interrupt": os.write(master, b"\x03")
elif action == "end": os.kill(pid, signal.SIGTERM)
elif action == "resize":
    size(7)
    found["second"] = receive(drawn).decode()
    os.write(master, b"q")
elif action == "stop":
    os.write(master, b"\x1a")
    child = int(os.read(told, 100))
    found["stopped"] = termios.tcgetattr(slave) == before
    os.kill(child, signal.SIGCONT)
    found["second"] = receive(drawn).decode()
    os.write(master, b"q")
elif action == "unstoppable":
    os.write(master, b"\x1a")
    found["second"] = receive(drawn).decode()
    os.write(master, b"q")
if action == "hang up":
    os.close(slave)
    os.close(master)
    found["status"] = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    print(json.dumps(found))
    sys.exit()
found["last"] = receive(lambda text: text.endswith(b"\x1b[?25h\r\n")).decode()
found["status"] = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
found["restored"] = termios.tcgetattr(slave) == before
print(json.dumps(found))
"#;

/// What a run on a terminal shows, if there is Python.
fn on_a_terminal(action: &str, words: &[&str]) -> Option<Value> {
    let mut command = Command::new("python3");
    command.args(["-c", SCRIPT, action]).arg(binary()).arg("top").args(words);
    if Command::new("python3").arg("--version").output().is_err() {
        skip("python3, which makes a terminal, is not installed");
        return None;
    }
    let ran = output(command.env("NO_COLOR", "1"));
    assert_eq!((ran.status, ran.stderr.as_str()), (Some(0), ""), "{}", ran.story());
    Some(serde_json::from_str(&ran.stdout).unwrap())
}

/// The lines of what is drawn.
#[track_caller]
fn lines(drawn: &Value) -> Vec<String> {
    let text = drawn.as_str().unwrap();
    let (_, text) = text.rsplit_once("\x1b[H").unwrap();
    text.strip_suffix("\x1b[J")
        .unwrap()
        .split("\r\n")
        .map(|line| line.strip_suffix("\x1b[K").unwrap().to_owned())
        .collect()
}

#[test]
fn it_ends_when_it_is_told_to_and_the_terminal_is_as_before() {
    for action in ["q", "early", "interrupt", "end"] {
        // The next picture would be in an hour.
        let Some(found) = on_a_terminal(action, &["--every", "1h"]) else { return };
        assert_eq!(found["status"], 0, "{action}: {found}");
        assert_eq!(found["restored"], true, "{action}: {found}");
        assert!(action == "early" || found["changed"] == true, "{action}: {found}");
    }
}

#[test]
fn it_ends_when_the_terminal_is_gone() {
    let Some(found) = on_a_terminal("hang up", &["--every", "1h"]) else { return };
    // It cannot restore the terminal, which is an error, but no signal ends it.
    assert_eq!(found["status"], 1, "{found}");
}

#[test]
fn it_fits_the_terminal() {
    let Some(found) = on_a_terminal("resize", &["--every", "1h"]) else { return };
    for (drawn, rows) in [(&found["first"], 15), (&found["second"], 7)] {
        let lines = lines(drawn);
        assert_eq!(lines.len(), rows, "{lines:#?}");
        assert!(lines.iter().all(|line| line.chars().count() <= 60), "{lines:#?}");
        assert!(lines[0].starts_with("RESOURCE") && lines[1].starts_with("memory"), "{lines:#?}");
        assert_eq!(lines[4].split_whitespace().next(), Some("PID"), "{lines:#?}");
    }
    assert_eq!((&found["status"], &found["restored"]), (&0.into(), &true.into()));
}

#[test]
fn a_stopped_one_leaves_the_terminal_alone() {
    let Some(found) = on_a_terminal("stop", &["--every", "1h"]) else { return };
    assert_eq!(
        (&found["stopped"], &found["status"], &found["restored"]),
        (&true.into(), &0.into(), &true.into())
    );
    assert_eq!(lines(&found["second"]).len(), 15);
    // Without a shell, as in `docker exec`, nobody could continue it.
    let Some(found) = on_a_terminal("unstoppable", &["--every", "1h"]) else { return };
    assert_eq!((&found["status"], &found["restored"]), (&0.into(), &true.into()));
    assert_eq!(lines(&found["second"]).len(), 15);
}

#[test]
fn it_draws_as_often_as_asked() {
    let Some(found) = on_a_terminal("none", &["-n", "3", "--every", "100ms"]) else { return };
    let drawn = format!("{}{}", found["first"].as_str().unwrap(), found["last"].as_str().unwrap());
    assert_eq!(drawn.matches("\x1b[H").count(), 3, "{drawn}");
    assert_eq!((&found["status"], &found["restored"]), (&0.into(), &true.into()));
}
