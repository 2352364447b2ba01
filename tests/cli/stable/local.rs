//! The checks that do not connect to anything.

use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant, SystemTime};

use super::verdict;
use crate::support::command::started;
use crate::support::network::in_own_network;
use crate::support::server::folder;

#[test]
fn failures_of_listen_are_worded_alike() {
    // The verdict lists other listeners, which must be those of the test.
    in_own_network(|| {
        let _listener = TcpListener::bind("127.0.0.1:81").unwrap();
        let folder = folder();
        let path = folder.join("none").to_str().unwrap().to_owned();
        for arguments in [&["listen", "80"][..], &["listen", "--udp", "80"], &["listen", &path]] {
            let first = verdict(arguments, 0);
            // Connections come and go.
            let _connections: Vec<TcpStream> =
                (0..3).map(|_| TcpStream::connect("127.0.0.1:81").unwrap()).collect();
            assert_eq!(first, verdict(arguments, 0));
        }
        std::fs::remove_dir_all(folder).unwrap();
    });
}

/// Returns the text without the date of the last modification.
fn undated(text: &str) -> String {
    let Some((start, rest)) = text.split_once("last modified 20") else { return text.to_owned() };
    format!("{start}last modified {}", rest.split_once('Z').unwrap().1)
}

#[test]
fn failures_of_file_are_worded_alike() {
    let folder = folder();
    let path = folder.join("beat").to_str().unwrap().to_owned();
    let run = |options: &[&str]| verdict(&[&["file", &path], options].concat(), 0);
    assert_eq!(run(&[]), run(&[]));
    std::fs::write(&path, "x").unwrap();
    let file = std::fs::File::options().append(true).open(&path).unwrap();
    let now = SystemTime::now();
    for (options, modified) in [
        (&["--max-age", "30s"][..], now - Duration::from_secs(50)),
        // In the future.
        (&["--max-age", "30s"], now + Duration::from_secs(50)),
        (&["--min-size", "1k"], now),
        (&["--contains", "y"], now),
        (&["--absent"], now),
    ] {
        file.set_modified(modified).unwrap();
        let first = undated(&run(options));
        // As if this much time had passed, except for the date.
        file.set_modified(modified - Duration::from_secs(11)).unwrap();
        assert_eq!(first, undated(&run(options)));
    }
    std::fs::remove_dir_all(folder).unwrap();
}

/// A process of sleep(1) with this name, killed when dropped.
struct Sleep(Child);

impl Sleep {
    fn start(program: &Path, seconds: &str) -> Self {
        let name = program.file_name().unwrap().to_str().unwrap();
        let sleep = Sleep(started(Command::new(program).arg(seconds).stdin(Stdio::null()), Command::spawn));
        sleep.until(|stat| stat.contains(&format!("({name})")));
        sleep
    }

    /// Starts one that has exited and that nobody has waited for.
    fn zombie(program: &Path) -> Self {
        let zombie = Sleep::start(program, "0");
        zombie.until(|stat| stat.rsplit_once(") ").unwrap().1.starts_with('Z'));
        zombie
    }

    fn until(&self, holds: impl Fn(&str) -> bool) {
        let start = Instant::now();
        while !holds(&std::fs::read_to_string(format!("/proc/{}/stat", self.0.id())).unwrap()) {
            assert!(start.elapsed() < Duration::from_secs(30), "{}", self.0.id());
            std::thread::yield_now();
        }
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn failures_of_process_are_worded_alike() {
    let folder = folder();
    let name = folder.file_name().unwrap().to_str().unwrap().replace("porthole-test-", "s");
    let program = folder.join(&name);
    symlink("/bin/sleep", &program).unwrap();
    let run = |options: &[&str]| verdict(&[&["process", &name], options].concat(), 0);
    // A restarted worker has another process ID, and its predecessor is left as a zombie.
    let mut zombies = Vec::new();
    let verdicts = [(); 2].map(|()| {
        zombies.push(Sleep::zombie(&program));
        run(&[])
    });
    assert_eq!(verdicts[0], verdicts[1]);
    assert!(verdicts[0].contains("none running, only zombies, expected at least 1\n"), "{}", verdicts[0]);
    let verdicts = [(); 2].map(|()| {
        let _worker = Sleep::start(&program, "600");
        let few = run(&["--min", "2"]);
        zombies.push(Sleep::zombie(&program));
        few
    });
    assert_eq!(verdicts[0], verdicts[1]);
    assert!(verdicts[0].contains("1 running, also zombies, expected at least 2\n"), "{}", verdicts[0]);
    drop(zombies);
    let verdicts = [(); 2].map(|()| {
        let _worker = Sleep::start(&program, "600");
        run(&["--max", "0"])
    });
    assert_eq!(verdicts[0], verdicts[1]);
    assert!(verdicts[0].contains("1 running, expected none\n"), "{}", verdicts[0]);
    // A stale pid file, whatever its modification time.
    let path = folder.join("pid");
    std::fs::write(&path, "4194303").unwrap();
    let file = std::fs::File::options().append(true).open(&path).unwrap();
    let verdicts = [0, 50].map(|seconds| {
        file.set_modified(SystemTime::now() - Duration::from_secs(seconds)).unwrap();
        verdict(&["process", "--pid-file", path.to_str().unwrap()], 0)
    });
    assert_eq!(verdicts[0], verdicts[1]);
    std::fs::remove_dir_all(folder).unwrap();
}
