//! Docker, through its command line. Images and containers are removed when they are dropped.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use crate::skip::skip;

/// How long a test may wait for a state of a container.
const TIMEOUT: Duration = Duration::from_secs(90);
/// The pause between two attempts to see it.
const INTERVAL: Duration = Duration::from_millis(100);
/// The programs in an image: the two builds, a service, and a program with typical faults.
const PROGRAMS: [&str; 4] = ["porthole", "porthole-probe", "service", "patient"];

/// Returns the directory of the project.
pub fn project() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Returns whether an engine and the static binaries are available. If not, reports the test as
/// skipped, or fails it if PORTHOLE_SKIP_NOTHING is set.
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

/// Returns the path of a binary that `make static` builds.
pub fn binary(name: &str) -> PathBuf {
    project().join("target/static").join(name)
}

/// Runs docker with these arguments.
pub fn docker(arguments: &[&str]) -> Output {
    let output = Command::new("docker").args(arguments).current_dir(project()).output();
    output.unwrap_or_else(|error| Output {
        status: std::os::unix::process::ExitStatusExt::from_raw(127 << 8),
        stdout: Vec::new(),
        stderr: error.to_string().into_bytes(),
    })
}

/// Runs docker, asserts that it succeeds, and returns what it printed.
#[track_caller]
pub fn docker_ok(arguments: &[&str]) -> String {
    let output = docker(arguments);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "docker {}: {stderr}", arguments.join(" "));
    String::from_utf8(output.stdout).unwrap().trim_end().to_owned()
}

/// Runs the image to its end, with only these options. Returns exit status, stdout and stderr.
pub fn once(image: &Image, options: &[&str], words: &[&str]) -> (Option<i32>, String, String) {
    texts(docker(&[&["run", "--rm"], options, &[&image.0], words].concat()))
}

/// Returns a program's exit status, and its output as text.
fn texts(output: Output) -> (Option<i32>, String, String) {
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

/// Returns a name that no other test in this or another run has.
pub fn unique(what: &str) -> String {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    format!("porthole-{what}-{}-{}", std::process::id(), NUMBER.fetch_add(1, Ordering::Relaxed))
}

/// An image, and the unnamed layers of its build, which would remain otherwise.
pub struct Image(pub String, Vec<String>);

impl Image {
    /// Builds an image FROM scratch with the static binaries and these lines of a Dockerfile.
    #[track_caller]
    pub fn from_scratch(lines: &str) -> Image {
        Image::of(&PROGRAMS, lines)
    }

    /// Builds an image FROM scratch with these static binaries and these lines of a Dockerfile. The
    /// context has a directory `links` with a link `tar` to /porthole.
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
        // Without the cache: its layers may be removed along with the image of another test.
        let output = docker(&["build", "--no-cache", "-q", "-t", &image.0, folder.0.to_str().unwrap()]);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        image
    }

    /// Builds an image from an unchanged Dockerfile of this project, with the project's root as
    /// context.
    #[track_caller]
    pub fn from_file(dockerfile: &str) -> Image {
        Image::build(&["-f", dockerfile, "."])
    }

    /// Runs `docker build` with these arguments, the last of which is the context. Without network;
    /// and without the cache, because another test could remove one of its layers at any moment.
    #[track_caller]
    pub fn build(arguments: &[&str]) -> Image {
        let name = unique("image");
        let log =
            docker_ok(&[&["build", "--no-cache", "--network", "none", "-t", &name], arguments].concat());
        Image(name, layers(&log))
    }

    /// Takes over an existing image, which is removed when this is dropped.
    pub fn named(name: &str) -> Image {
        Image(name.to_owned(), Vec::new())
    }
}

/// Returns the layers that a build has printed. BuildKit prints none, and leaves none without a
/// name.
fn layers(log: &str) -> Vec<String> {
    log.lines().filter_map(|line| line.strip_prefix(" ---> ")).map(str::to_owned).collect()
}

impl Drop for Image {
    fn drop(&mut self) {
        docker(&["rmi", "-f", &self.0]);
        for layer in &self.1 {
            // A base image has a name and is not removed.
            let names = docker(&["image", "inspect", "-f", "{{len .RepoTags}}", layer]);
            if names.stdout.trim_ascii() == b"0" {
                docker(&["rmi", layer]);
            }
        }
    }
}

/// A directory for a context or a volume. Dropping it removes it.
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

/// The options of containers: no network, read-only, without capabilities or new privileges.
pub const HARDENED: [&str; 7] =
    ["--network", "none", "--read-only", "--cap-drop", "ALL", "--security-opt", "no-new-privileges"];

/// A running container. Dropping it removes it.
pub struct Container(pub String);

impl Container {
    /// Runs the image, hardened and with these additional options.
    #[track_caller]
    pub fn run(image: &Image, options: &[&str]) -> Container {
        Container::run_named(&image.0, options)
    }

    /// Runs the image with this name, which is not removed, hardened and with these additional
    /// options.
    #[track_caller]
    pub fn run_named(image: &str, options: &[&str]) -> Container {
        Container::start(image, &[&HARDENED[..], options].concat(), &[])
    }

    /// Runs the image, hardened and with these additional options, with these arguments for its
    /// entry point.
    #[track_caller]
    pub fn run_words(image: &Image, options: &[&str], words: &[&str]) -> Container {
        Container::start(&image.0, &[&HARDENED[..], options].concat(), words)
    }

    /// Runs the image with only these options.
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

    /// Runs `docker exec` with this command. Returns exit status, stdout and stderr.
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

    /// Waits until the engine's health check reports this status.
    #[track_caller]
    pub fn until_health(&self, expected: &str) {
        let start = Instant::now();
        loop {
            let state = docker_ok(&["inspect", "-f", "{{.State.Health.Status}}", &self.0]);
            if state == expected {
                return;
            }
            assert!(start.elapsed() < TIMEOUT, "{state}, expected {expected}: {}", self.health_log());
            // An event of the engine could be missed.
            std::thread::sleep(INTERVAL);
        }
    }

    /// Waits until the container has printed a line, and returns the first one.
    #[track_caller]
    pub fn until_logged(&self) -> String {
        let start = Instant::now();
        loop {
            let log = docker_ok(&["logs", &self.0]);
            if let Some(line) = log.lines().next() {
                return line.to_owned();
            }
            assert!(start.elapsed() < TIMEOUT, "{} has printed nothing", self.0);
            // Following the log would never end.
            std::thread::sleep(INTERVAL);
        }
    }

    /// Waits until a text is in what the container's first process has written to its standard
    /// error.
    #[track_caller]
    pub fn until_logs_have(&self, text: &str) {
        let start = Instant::now();
        loop {
            let log = docker(&["logs", &self.0]);
            let log = String::from_utf8_lossy(&log.stderr);
            if log.contains(text) {
                return;
            }
            assert!(start.elapsed() < TIMEOUT, "{text} is not in the log of {}: {log}", self.0);
            // Following the log would never end.
            std::thread::sleep(INTERVAL);
        }
    }

    /// Returns the last exit status and output of the engine's health check.
    #[track_caller]
    pub fn last_health(&self) -> (String, String) {
        let format = "{{range .State.Health.Log}}{{.ExitCode}} {{.Output}}\x1f{{end}}";
        let log = docker_ok(&["inspect", "-f", format, &self.0]);
        let last = log.trim_end_matches('\x1f').rsplit('\x1f').next().unwrap();
        let (code, output) = last.split_once(' ').unwrap();
        (code.to_owned(), output.to_owned())
    }

    /// Returns all that the engine records about its health checks, as JSON.
    pub fn health_log(&self) -> String {
        docker_ok(&["inspect", "-f", "{{json .State.Health}}", &self.0])
    }
}

/// A volume. Dropping it removes it.
pub struct Volume(pub String);

impl Volume {
    /// Creates an empty volume, which belongs to root.
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
