//! Dockerfile.build: porthole built in a container, without Rust on the machine.
//!
//! The test has an engine of its own: the images have the names that docs/build.md gives them, and
//! nothing of the build remains, not even BuildKit's cache. The base image is a stand-in with this
//! machine's toolchain and crates (scripts/stand-in.sh). It differs from the real one in that it is
//! offline, and that rustup, apt-get and cargo install find there what they would download.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::engine::{self, Folder, Image, docker_ok, project};
use crate::skip::skip;

/// How long the container may take to become healthy: the first check is after ten seconds.
const TIMEOUT: Duration = Duration::from_secs(90);
const INTERVAL: Duration = Duration::from_millis(100);
/// The most bytes that may be sent to the engine for a build: the sources, the examples and the
/// binaries for two processors.
const MAX_CONTEXT: u64 = 24 << 20;

/// An engine for one test. Dropping it stops it and removes its data.
struct Engine {
    script: Child,
    host: String,
}

impl Engine {
    /// Starts an engine. If that is not possible, reports the test as skipped and returns `None`.
    #[track_caller]
    fn start() -> Option<Engine> {
        const NONE: &str = "unix:///nonexistent/socket";
        let mut script = Command::new("scripts/engine.sh");
        // The script starts one because none answers. It stops it at the end of its standard input,
        // which is the end of the test.
        script.args(["sh", "-c", "echo \"$DOCKER_HOST\"; cat"]).env("DOCKER_HOST", NONE);
        script.current_dir(project()).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut script = script.spawn().unwrap();
        let mut host = String::new();
        BufReader::new(script.stdout.take().unwrap()).read_line(&mut host).unwrap();
        let engine = Engine { script, host: host.trim_end().to_owned() };
        if engine.host == NONE {
            skip("an engine of the test's own needs root and dockerd");
            return None;
        }
        assert!(!engine.host.is_empty(), "scripts/engine.sh started no engine");
        Some(engine)
    }

    /// Runs a program that uses the engine, asserts that it succeeds, and returns what it printed.
    #[track_caller]
    fn run(&self, command: &mut Command) -> String {
        let output = command.env("DOCKER_HOST", &self.host).current_dir(project()).output().unwrap();
        let errors = String::from_utf8_lossy(&output.stderr);
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(output.status.success(), "{command:?}: {text}{errors}");
        text.trim_end().to_owned()
    }

    #[track_caller]
    fn docker(&self, arguments: &[&str]) -> String {
        self.run(Command::new("docker").args(arguments))
    }

    /// Returns the program in an image that was built from Dockerfile.build.
    #[track_caller]
    fn porthole(&self, image: &str) -> Vec<u8> {
        let folder = Folder::new("porthole");
        let file = folder.0.join("porthole");
        let container = self.docker(&["create", image]);
        self.docker(&["cp", &format!("{container}:/porthole"), file.to_str().unwrap()]);
        self.docker(&["rm", &container]);
        std::fs::read(file).unwrap()
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        drop(self.script.stdin.take());
        let _ = self.script.wait();
    }
}

/// Returns a docker command that can build with BuildKit, if one is installed: a current one with
/// its plugin buildx, or one before 23, which needed none.
fn docker_with_buildkit() -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap();
    let mut all = std::env::split_paths(&path).map(|folder| folder.join("docker"));
    all.find(|docker| {
        let output = |arguments: &[&str]| Command::new(docker).args(arguments).output().ok();
        let has_plugin = output(&["buildx", "version"]).is_some_and(|output| output.status.success());
        // "Docker version 20.10.24+dfsg1, build 297e128"
        let version = output(&["--version"]).and_then(|output| String::from_utf8(output.stdout).ok());
        let major = version.and_then(|version| {
            version.strip_prefix("Docker version ")?.split_once('.')?.0.parse::<u32>().ok()
        });
        has_plugin || major.is_some_and(|major| major < 23)
    })
}

/// Builds Dockerfile.build with these arguments, without network.
#[track_caller]
fn build(engine: &Engine, docker: &Path, buildkit: &str, arguments: &[&str]) {
    let mut command = Command::new(docker);
    command.args(["build", "--network", "none", "-f", "Dockerfile.build"]).args(arguments).arg(".");
    engine.run(command.env("DOCKER_BUILDKIT", buildkit));
}

/// Builds Dockerfile.build with BuildKit if it is installed, and with the classic builder. The
/// latter takes over what the former has compiled, so that a test takes half of the time. Returns
/// the names of the images.
#[track_caller]
fn build_with_both(engine: &Engine) -> Vec<&'static str> {
    let mut images = Vec::new();
    let mut classic = vec!["-t", "porthole:classic"];
    if let Some(docker) = docker_with_buildkit() {
        build(engine, &docker, "1", &["-t", "porthole:buildkit"]);
        build(engine, &docker, "1", &["--target", "build", "-t", "compiled"]);
        classic.extend(["--build-arg", "RUST=compiled"]);
        images.push("porthole:buildkit");
    }
    build(engine, Path::new("docker"), "0", &classic);
    images.push("porthole:classic");
    images
}

/// Returns the three commands of docs/build.md.
fn commands() -> Vec<String> {
    let page = std::fs::read_to_string(project().join("docs/build.md")).unwrap();
    let (_, section) = page.split_once("\n## In a container\n").unwrap();
    let (_, block) = section.split_once("```sh\n").unwrap();
    let (block, _) = block.split_once("```").unwrap();
    let commands: Vec<_> =
        block.lines().map(|line| line.split(" #").next().unwrap().trim().to_owned()).collect();
    assert!((1..=3).contains(&commands.len()), "{commands:?}");
    commands
}

/// Creates the base image in this engine. If the machine has none of the toolchain, reports the
/// test as skipped and returns false.
#[track_caller]
fn rust_in(engine: &Engine) -> bool {
    let std = std::fs::read_to_string(engine::binary("std")).unwrap_or_default();
    if std.trim_end() != "rustup" {
        skip("the stand-in for the Rust image needs rustup with the sources of the standard library");
        return false;
    }
    let dockerfile = std::fs::read_to_string(project().join("Dockerfile.build")).unwrap();
    let base = dockerfile.lines().find_map(|line| line.strip_prefix("ARG RUST=")).unwrap();
    engine.run(Command::new("scripts/stand-in.sh").arg(base));
    true
}

#[test]
fn from_a_clone_to_a_healthy_container_with_both_builders() {
    if !engine::is_there() {
        return;
    }
    let Some(engine) = Engine::start() else { return };
    if !rust_in(&engine) {
        return;
    }
    engine.run(Command::new("scripts/stand-in.sh").arg("alpine:3.24.1"));
    let buildkit = docker_with_buildkit();
    for command in commands() {
        // As it is, but without network.
        let command =
            command.replace(" build ", " build --network none ").replace(" run ", " run --network none ");
        let (program, arguments) = command.split_once(' ').unwrap();
        assert_eq!(program, "docker", "{command}");
        let mut docker = Command::new(buildkit.as_deref().unwrap_or(Path::new(program)));
        docker.env("DOCKER_BUILDKIT", if buildkit.is_some() { "1" } else { "0" });
        engine.run(docker.args(arguments.split(' ')));
    }
    let start = Instant::now();
    while engine.docker(&["inspect", "-f", "{{.State.Health.Status}}", "example"]) != "healthy" {
        let log = || engine.docker(&["inspect", "-f", "{{json .State.Health}}", "example"]);
        assert!(start.elapsed() < TIMEOUT, "{}", log());
        // An event of the engine could be missed.
        std::thread::sleep(INTERVAL);
    }
    let expected = std::fs::read(engine::binary("porthole-probe")).unwrap();
    let images = build_with_both(&engine);
    for image in ["porthole:probe"].into_iter().chain(images) {
        assert!(engine.porthole(image) == expected, "{image}: not the bytes of target/static/porthole-probe");
        assert_is_our_image(&engine, image);
    }
}

/// Asserts that the image is as `make image` builds it.
#[track_caller]
fn assert_is_our_image(engine: &Engine, image: &str) {
    let version = env!("CARGO_PKG_VERSION");
    let run = |words: &[&str]| {
        engine.docker(&[&["run", "--rm", "--network", "none", "--read-only", image], words].concat())
    };
    let printed = run(&["--version"]);
    assert!(printed.starts_with(&format!("porthole {version} (features: none;")), "{printed}");
    run(&["file", "/etc/passwd", "--contains", "nonroot:x:65532:65532:"]);
    assert_eq!(engine.docker(&["inspect", "-f", "{{.Config.User}}", image]), "65532:65532");
    let labels = engine.docker(&["inspect", "-f", "{{json .Config.Labels}}", image]);
    let labels: serde_json::Value = serde_json::from_str(&labels).unwrap();
    let label = |name: &str| &labels[format!("org.opencontainers.image.{name}")];
    assert_eq!((label("version"), label("licenses")), (&version.into(), &"MIT".into()), "{labels}");
    // The same labels as in Dockerfile, and no other.
    let dockerfile = std::fs::read_to_string(project().join("Dockerfile")).unwrap();
    let count = dockerfile.matches("org.opencontainers.image.").count();
    assert_eq!(labels.as_object().unwrap().len(), count, "{labels}");
}

/// For another processor: cross-compiled, without emulation.
#[test]
#[ignore = "compiles everything once more, for arm64; .ci/run runs it"]
fn for_arm64() {
    if !engine::is_there() {
        return;
    }
    let Some(docker) = docker_with_buildkit() else {
        return skip("BuildKit is not installed; the classic builder builds for the engine's processor only");
    };
    let Ok(expected) = std::fs::read(engine::binary("aarch64/porthole-probe")) else {
        return skip("no static binaries for arm64; make arm64 builds them");
    };
    let Some(engine) = Engine::start() else { return };
    if !rust_in(&engine) {
        return;
    }
    let image = "porthole:arm64";
    build(&engine, &docker, "1", &["--platform", "linux/arm64", "-t", image]);
    assert_eq!(engine.docker(&["inspect", "-f", "{{.Architecture}}", image]), "arm64");
    assert!(engine.porthole(image) == expected, "not the bytes of target/static/aarch64");
}

/// The sources of each COPY of these Dockerfiles that are in the context.
fn copied() -> Vec<String> {
    let mut sources = Vec::new();
    for file in ["Dockerfile", "Dockerfile.build", "Dockerfile.example", "examples/service/Dockerfile"] {
        let text = std::fs::read_to_string(project().join(file)).unwrap();
        for line in text.lines().filter_map(|line| line.strip_prefix("COPY ")) {
            let words: Vec<&str> = line.split_whitespace().collect();
            let (_, from) = words.split_last().unwrap();
            if !line.starts_with("--from") {
                sources.extend(from.iter().map(|word| (*word).to_owned()));
            }
        }
    }
    let arguments = [("${FOLDER}", "target/static"), ("${BINARY}", "porthole")];
    for (name, value) in arguments {
        for source in &mut sources {
            *source = source.replace(name, value);
        }
    }
    sources
}

#[test]
fn the_context_has_what_the_dockerfiles_copy_and_nothing_big() {
    if !engine::is_there() {
        return;
    }
    let folder = Folder::new("everything");
    let dockerfile = folder.0.join("Dockerfile");
    std::fs::write(&dockerfile, "FROM scratch\nCOPY . /\n").unwrap();
    let image = Image::build(&["-f", dockerfile.to_str().unwrap(), "."]);
    let container = docker_ok(&["create", &image.0, "/none"]);
    let archive = folder.0.join("context.tar");
    let exported = engine::docker(&["export", "-o", archive.to_str().unwrap(), &container]);
    docker_ok(&["rm", &container]);
    assert!(exported.status.success(), "{}", String::from_utf8_lossy(&exported.stderr));
    let size = archive.metadata().unwrap().len();
    let listed = Command::new("tar").arg("-tf").arg(&archive).output().unwrap();
    let listed = String::from_utf8(listed.stdout).unwrap();
    // What the engine adds.
    let added = [".dockerenv", "dev/", "etc/", "proc/", "sys/"];
    let files: Vec<&str> =
        listed.lines().filter(|file| !added.iter().any(|added| file.starts_with(added))).collect();
    for source in copied() {
        let folder = format!("{source}/");
        assert!(files.iter().any(|file| *file == source || file.starts_with(&folder)), "{source}: {files:?}");
    }
    for file in files {
        let is_wanted = ["Cargo.", "examples/", "scripts/", "src/", "target/static/"];
        assert!(file == "target/" || is_wanted.iter().any(|wanted| file.starts_with(wanted)), "{file}");
    }
    assert!(size < MAX_CONTEXT, "{size} bytes");
}
