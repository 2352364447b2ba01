//! Docker, through its command line: images and containers that are gone when they are dropped.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use crate::skip::skip;

/// What waiting for a state of a container may take.
const PATIENCE: Duration = Duration::from_secs(90);
/// How often it is asked for.
const INTERVAL: Duration = Duration::from_millis(100);
/// What an image of ours holds: the two builds, a service that is well and a program that is not.
const PROGRAMS: [&str; 4] = ["porthole", "porthole-probe", "service", "patient"];

/// The folder of the project.
pub fn project() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Whether there is an engine and the static binaries. Where not, it says so past the capture of the test
/// harness, or fails if PORTHOLE_SKIP_NOTHING is set.
pub fn is_there() -> bool {
    let built = PROGRAMS.iter().all(|name| binary(name).exists());
    let missing = if !built {
        "no static binaries; make test builds them"
    } else if !docker(&["version"]).status.success() {
        "no Docker engine answers, and none could be started (scripts/engine.sh)"
    } else {
        return true;
    };
    skip(missing);
    false
}

/// A binary that `make static` leaves.
pub fn binary(name: &str) -> PathBuf {
    project().join("target/static").join(name)
}

/// Runs docker with these arguments.
pub fn docker(arguments: &[&str]) -> Output {
    let output =
        Command::new("docker").args(arguments).env("DOCKER_BUILDKIT", "0").current_dir(project()).output();
    output.unwrap_or_else(|error| Output {
        status: std::os::unix::process::ExitStatusExt::from_raw(127 << 8),
        stdout: Vec::new(),
        stderr: error.to_string().into_bytes(),
    })
}

/// Runs docker, insists that it succeeds, and returns what it printed.
#[track_caller]
pub fn docker_ok(arguments: &[&str]) -> String {
    let output = docker(arguments);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "docker {}: {stderr}", arguments.join(" "));
    String::from_utf8(output.stdout).unwrap().trim_end().to_owned()
}

/// Runs the image to its end, with these options alone: exit status, stdout, stderr.
pub fn once(image: &Image, options: &[&str], words: &[&str]) -> (Option<i32>, String, String) {
    texts(docker(&[&["run", "--rm"], options, &[&image.0], words].concat()))
}

/// What a program left, as text.
fn texts(output: Output) -> (Option<i32>, String, String) {
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

/// A name that no other test of this or another run has.
pub fn unique(what: &str) -> String {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    format!("porthole-{what}-{}-{}", std::process::id(), NUMBER.fetch_add(1, Ordering::Relaxed))
}

/// An image of ours, and the layers of its build that have no name and would stay behind.
pub struct Image(pub String, Vec<String>);

impl Image {
    /// FROM scratch with the static binaries, and these lines of a Dockerfile.
    #[track_caller]
    pub fn from_scratch(lines: &str) -> Image {
        Image::of(&PROGRAMS, lines)
    }

    /// FROM scratch with these of the static binaries, and these lines of a Dockerfile. The folder `links` that it can
    /// copy has a link named tar that leads to /porthole.
    #[track_caller]
    pub fn of(programs: &[&str], lines: &str) -> Image {
        let folder = Folder::new("context");
        std::fs::create_dir(folder.0.join("links")).unwrap();
        std::os::unix::fs::symlink("/porthole", folder.0.join("links/tar")).unwrap();
        for name in programs {
            std::fs::copy(binary(name), folder.0.join(name)).unwrap();
        }
        let programs = programs.join(" ");
        let dockerfile = format!("FROM scratch\nCOPY {programs} /\nUSER 65532:65532\n{lines}\n");
        std::fs::write(folder.0.join("Dockerfile"), dockerfile).unwrap();
        let image = Image(unique("image"), Vec::new());
        // Layers of its own: those of a cache may be on their way out with the image of another test.
        let output = docker(&["build", "--no-cache", "-q", "-t", &image.0, folder.0.to_str().unwrap()]);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        image
    }

    /// From a Dockerfile of this project as it is, built at its root.
    #[track_caller]
    pub fn from_file(dockerfile: &str) -> Image {
        Image::build(&["-f", dockerfile, "."])
    }

    /// `docker build` with these arguments, of which the last is the context. No network; and no cache, as a layer of it
    /// could be gone with another test at any moment.
    #[track_caller]
    pub fn build(arguments: &[&str]) -> Image {
        let name = unique("image");
        let log =
            docker_ok(&[&["build", "--no-cache", "--network", "none", "-t", &name], arguments].concat());
        Image(name, layers(&log))
    }

    /// An image that is there, and goes with this.
    pub fn named(name: &str) -> Image {
        Image(name.to_owned(), Vec::new())
    }
}

/// The layers that a build has printed.
fn layers(log: &str) -> Vec<String> {
    log.lines().filter_map(|line| line.strip_prefix(" ---> ")).map(str::to_owned).collect()
}

impl Drop for Image {
    fn drop(&mut self) {
        docker(&["rmi", "-f", &self.0]);
        for layer in &self.1 {
            // A base has a name and stays.
            let names = docker(&["image", "inspect", "-f", "{{len .RepoTags}}", layer]);
            if names.stdout.trim_ascii() == b"0" {
                docker(&["rmi", layer]);
            }
        }
    }
}

/// A folder of a test's own, for a context or a volume, which goes with it.
pub struct Folder(pub PathBuf);

impl Folder {
    #[track_caller]
    pub fn new(what: &str) -> Folder {
        let folder = std::env::temp_dir().join(unique(what));
        std::fs::create_dir_all(&folder).unwrap();
        Folder(folder)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// How a container of ours runs: no network, read-only, without capabilities or the way to more.
pub const HARDENED: [&str; 7] =
    ["--network", "none", "--read-only", "--cap-drop", "ALL", "--security-opt", "no-new-privileges"];

/// A container of ours, which goes with this.
pub struct Container(pub String);

impl Container {
    /// Runs the image with these options more.
    #[track_caller]
    pub fn run(image: &Image, options: &[&str]) -> Container {
        Container::run_named(&image.0, options)
    }

    /// Runs the image of this name, which may be everybody's, with these options more.
    #[track_caller]
    pub fn run_named(image: &str, options: &[&str]) -> Container {
        Container::start(image, &[&HARDENED[..], options].concat(), &[])
    }

    /// Runs the image with these options more, and these words behind its entry point.
    #[track_caller]
    pub fn run_words(image: &Image, options: &[&str], words: &[&str]) -> Container {
        Container::start(&image.0, &[&HARDENED[..], options].concat(), words)
    }

    /// Runs the image with these options alone.
    #[track_caller]
    pub fn run_bare(image: &Image, options: &[&str]) -> Container {
        Container::start(&image.0, options, &[])
    }

    #[track_caller]
    fn start(image: &str, options: &[&str], words: &[&str]) -> Container {
        let container = Container(unique("container"));
        docker_ok(&[&["run", "-d", "--name", &container.0], options, &[image], words].concat());
        container
    }

    /// `docker exec` of these words: exit status, stdout, stderr.
    pub fn exec(&self, words: &[&str]) -> (Option<i32>, String, String) {
        texts(docker(&[&["exec", &self.0], words].concat()))
    }

    /// Waits until the container's service listens on this port.
    #[track_caller]
    pub fn until_listening(&self, port: u16) {
        let (status, stdout, stderr) =
            self.exec(&["/porthole", "tcp", &format!(":{port}"), "--wait", "60s", "--every", "50ms"]);
        assert_eq!(status, Some(0), "{stdout}{stderr}");
    }

    /// Waits until the engine's own health check has come to this.
    #[track_caller]
    pub fn until_health(&self, wanted: &str) {
        let start = Instant::now();
        loop {
            let state = docker_ok(&["inspect", "-f", "{{.State.Health.Status}}", &self.0]);
            if state == wanted {
                return;
            }
            assert!(start.elapsed() < PATIENCE, "{state}, not {wanted}: {}", self.health_log());
            // The engine has no event to wait for that could not be missed.
            std::thread::sleep(INTERVAL);
        }
    }

    /// Waits until the container has printed a line, and returns it.
    #[track_caller]
    pub fn until_logged(&self) -> String {
        let start = Instant::now();
        loop {
            let log = docker_ok(&["logs", &self.0]);
            if let Some(line) = log.lines().next() {
                return line.to_owned();
            }
            assert!(start.elapsed() < PATIENCE, "{} has printed nothing", self.0);
            // To follow the log would be to wait for ever.
            std::thread::sleep(INTERVAL);
        }
    }

    /// The last exit status and output of the engine's health check.
    #[track_caller]
    pub fn last_health(&self) -> (String, String) {
        let format = "{{range .State.Health.Log}}{{.ExitCode}} {{.Output}}\x1f{{end}}";
        let log = docker_ok(&["inspect", "-f", format, &self.0]);
        let last = log.trim_end_matches('\x1f').rsplit('\x1f').next().unwrap();
        let (code, output) = last.split_once(' ').unwrap();
        (code.to_owned(), output.to_owned())
    }

    /// All that the engine keeps of its health checks, as JSON.
    pub fn health_log(&self) -> String {
        docker_ok(&["inspect", "-f", "{{json .State.Health}}", &self.0])
    }
}

/// A volume of ours.
pub struct Volume(pub String);

impl Volume {
    /// An empty one, which belongs to root.
    #[track_caller]
    pub fn new() -> Volume {
        Volume(docker_ok(&["volume", "create", &unique("volume")]))
    }
}

impl Drop for Volume {
    fn drop(&mut self) {
        docker(&["volume", "rm", "-f", &self.0]);
    }
}

impl Drop for Container {
    fn drop(&mut self) {
        docker(&["rm", "-f", "-v", &self.0]);
    }
}
