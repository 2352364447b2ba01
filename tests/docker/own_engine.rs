//! A Docker engine of its own, for what would change the machine's: a swarm, and published ports.
//! It runs in namespaces of its own; its network has nothing but loopback and its own containers.

use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use crate::engine::{Folder, Image, docker_ok, project};
use crate::skip::{is_root, skip};

/// How long the engine may take to start.
const LIMIT: Duration = Duration::from_secs(90);
/// The pause between two attempts to see that it has.
const INTERVAL: Duration = Duration::from_millis(100);

/// Starts an engine with all its data below $1, and stops it at the end of the input: the end of
/// this process at the latest.
const ENGINE: &str = r#"
ip link set lo up
echo '{}' >"$1/config"
dockerd --config-file "$1/config" --iptables=false --data-root "$1/data" --exec-root "$1/exec" \
    --pidfile "$1/pid" --host "unix://$1/socket" >"$1/log" 2>&1 &
cat >/dev/null
kill $!
wait
"#;

/// A running engine. Dropping it stops it.
pub struct OwnEngine {
    process: Child,
    pub folder: Folder,
}

impl OwnEngine {
    /// Starts an engine that has these images, by these names. If that is not possible, reports the
    /// test as skipped and returns `None`.
    #[track_caller]
    pub fn start(images: &[(&Image, &str)]) -> Option<Self> {
        if !is_root() || Command::new("dockerd").arg("--version").output().is_err() {
            skip("an engine of its own needs root and dockerd; scripts/need.sh engine installs it");
            return None;
        }
        let folder = Folder::new("engine");
        let mut command = Command::new("unshare");
        command.args(["--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"]);
        command.args(["sh", "-c", ENGINE, "sh"]).arg(&folder.0).stdin(Stdio::piped());
        let engine = OwnEngine { process: command.spawn().unwrap(), folder };
        let start = Instant::now();
        while !engine.docker(&["version"]).status.success() {
            assert!(start.elapsed() < LIMIT, "{:?}", std::fs::read_to_string(engine.folder.0.join("log")));
            std::thread::sleep(INTERVAL);
        }
        let archive = engine.folder.0.join("images.tar");
        let archive = archive.to_str().unwrap();
        let names: Vec<&str> = images.iter().map(|(image, _)| image.0.as_str()).collect();
        docker_ok(&[&["save", "-o", archive], &names[..]].concat());
        engine.ok(&["load", "-i", archive]);
        for (image, name) in images {
            engine.ok(&["tag", &image.0, name]);
        }
        Some(engine)
    }

    /// Returns a program's command line in the engine's network, with the engine as Docker's.
    pub fn command(&self, program: &str) -> Command {
        // The child of unshare(1) is in the network too.
        let network = format!("--net=/proc/{}/ns/net", self.process.id());
        let mut command = Command::new("nsenter");
        command.args([&network, program]).current_dir(project());
        command.env("DOCKER_HOST", format!("unix://{}/socket", self.folder.0.display()));
        command
    }

    pub fn docker(&self, words: &[&str]) -> Output {
        self.command("docker").args(words).output().unwrap()
    }

    /// Runs docker, asserts that it succeeds, and returns what it printed.
    #[track_caller]
    pub fn ok(&self, words: &[&str]) -> String {
        let output = self.docker(words);
        assert!(output.status.success(), "{words:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }
}

impl Drop for OwnEngine {
    fn drop(&mut self) {
        // The containers are removed first, and so their control groups too. Without a swarm the
        // first command fails.
        self.docker(&["swarm", "leave", "--force"]);
        let all = self.docker(&["ps", "--all", "--quiet"]).stdout;
        for id in String::from_utf8_lossy(&all).lines() {
            self.docker(&["rm", "--force", id]);
        }
        drop(self.process.stdin.take());
        let _ = self.process.wait();
    }
}

/// Returns an image of the service, with porthole as its health check, which asks for this path.
pub fn service(path: &str) -> Image {
    let check = format!(r#"HEALTHCHECK --timeout=5s CMD ["/porthole", "http", ":${{PORT}}{path}"]"#);
    let lines = format!("ENV PORT=8080\nSTOPSIGNAL SIGKILL\n{check}\nENTRYPOINT [\"/service\"]");
    Image::of(&["service", "porthole"], &lines)
}
