//! Each example in examples/ is built with its own, unchanged Dockerfile and run with the hardening
//! that its README shows. It is healthy, is then broken in the way that its application supports,
//! and becomes unhealthy with the reason that its README shows.
//!
//! Base images are stand-ins from Debian packages (scripts/stand-in.sh lists the differences). The
//! options for a run only shorten the interval of the health check; its command and timeout are
//! those of the image.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use regex_lite::Regex;

use crate::engine::{self, Container, Folder, Image, docker_ok, project};
use crate::shared;
use crate::skip::skip;
use crate::times::timeless;

/// How long the expected reason may take to appear, and how often the test looks for it.
const TIMEOUT: Duration = Duration::from_secs(20);
const INTERVAL: Duration = Duration::from_millis(100);

/// A container of an example, and its image.
struct Example {
    name: &'static str,
    container: Container,
    image: Image,
}

/// Returns the directory of an example.
fn folder(name: &str) -> PathBuf {
    project().join("examples").join(name)
}

/// Builds an example from its own directory, with additional arguments. If that is not possible,
/// reports the test as skipped and returns `None`.
#[track_caller]
pub fn build(name: &str, arguments: &[&str]) -> Option<Image> {
    build_in(&folder(name), name, arguments)
}

/// Builds an example from this directory.
#[track_caller]
fn build_in(context: &Path, name: &str, arguments: &[&str]) -> Option<Image> {
    if !engine::is_there() || !shared::bases_of(&folder(name).join("Dockerfile")) {
        return None;
    }
    let argument = format!("PORTHOLE={}", shared::porthole("porthole-probe"));
    let arguments = [&["--build-arg", &argument], arguments, &[context.to_str().unwrap()]].concat();
    let image = Image::build(&arguments);
    assert_promises(name, &image);
    Some(image)
}

/// Runs an example, and waits until it is healthy.
#[track_caller]
fn run(name: &'static str, image: Image, options: &[&str]) -> Example {
    let faster = ["--health-interval", "1s", "--health-retries", "1"];
    let container = Container::run(&image, &[&faster[..], options].concat());
    container.until_health("healthy");
    Example { name, container, image }
}

/// Asserts what every example promises: it does not run as root; its health check needs no shell
/// and has a timeout above porthole's own 2 seconds; its directory has the files that a reader
/// expects.
#[track_caller]
fn assert_promises(name: &str, image: &Image) {
    let config = docker_ok(&["inspect", "-f", "{{json .Config}}", &image.0]);
    let config: serde_json::Value = serde_json::from_str(&config).unwrap();
    let user = config["User"].as_str().unwrap();
    // Numeric, because Kubernetes' runAsNonRoot requires it.
    assert!(user.split(':').all(|id| id.parse::<u32>().is_ok_and(|id| id > 0)), "{name}: USER {user}");
    let check = &config["Healthcheck"];
    assert_eq!((&check["Test"][0], &check["Test"][1]), (&"CMD".into(), &"/porthole".into()), "{name}");
    assert!(check["Timeout"].as_u64().unwrap() > 2_000_000_000, "{name}: {check}");
    for file in [".dockerignore", "README.md"] {
        assert!(folder(name).join(file).exists(), "examples/{name} has no {file}");
    }
}

impl Example {
    /// Runs `porthole http` in the container, with POST.
    #[track_caller]
    fn post(&self, target: &str) {
        let (status, stdout, stderr) = self.container.exec(&["/porthole", "http", target, "-X", "POST"]);
        assert_eq!(status, Some(0), "{stdout}{stderr}");
    }

    /// Sends the application a signal.
    #[track_caller]
    fn signal(&self, signal: &str) {
        docker_ok(&["kill", "--signal", signal, &self.container.0]);
    }

    /// Stops the container. Asserts that it ends with this status, before the engine kills it.
    #[track_caller]
    fn until_stopped(&self, status: u8) {
        docker_ok(&["stop", "--time", "60", &self.container.0]);
        let ended = docker_ok(&["inspect", "-f", "{{.State.ExitCode}}", &self.container.0]);
        assert_eq!(ended, status.to_string());
    }

    /// Waits until the container is unhealthy with exactly this reason. Asserts that the example's
    /// README shows it.
    #[track_caller]
    fn until_unhealthy(&self, reason: &str) {
        let age = Regex::new(r"modified (\d+(\.\d+)? s ago|[0-9-]+T[0-9:]+Z)").unwrap();
        let timeless = |text: &str| age.replace(&timeless(text), "modified <T>").into_owned();
        let verdict = format!("unhealthy: {reason}\n");
        let readme = std::fs::read_to_string(folder(self.name).join("README.md")).unwrap();
        assert!(timeless(&readme).contains(&verdict), "examples/{}/README.md has another verdict", self.name);
        self.container.until_health("unhealthy");
        let start = Instant::now();
        loop {
            let (code, output) = self.container.last_health();
            if (code.as_str(), &timeless(&output)) == ("1", &verdict) {
                return;
            }
            // On a busy machine a check may have timed out before.
            assert!(start.elapsed() < TIMEOUT, "{code} {output:?}, not {verdict:?}");
            std::thread::sleep(INTERVAL);
        }
    }
}

#[test]
fn every_example_is_tested_and_listed_in_the_readme() {
    let tests = [
        include_str!("compose.rs"),
        include_str!("ecs.rs"),
        include_str!("examples.rs"),
        include_str!("github_actions.rs"),
        include_str!("health.rs"),
        include_str!("helm.rs"),
        include_str!("kubernetes.rs"),
        include_str!("podman.rs"),
        include_str!("swarm.rs"),
        include_str!("testcontainers.rs"),
    ]
    .concat();
    let [readme, table] = ["README.md", "examples/README.md"]
        .map(|file| std::fs::read_to_string(project().join(file)).unwrap());
    for example in std::fs::read_dir(project().join("examples")).unwrap().flatten() {
        if !example.file_type().unwrap().is_dir() {
            continue;
        }
        let name = example.file_name().into_string().unwrap();
        assert!(
            tests.contains(&format!("\"{name}\"")) || tests.contains(&format!("examples/{name}/")),
            "{name}"
        );
        assert!(table.contains(&format!("[{name}]({name}/)")), "{name} is not in examples/README.md");
        // The service is only for the demo and the tests.
        assert!(
            name == "service" || readme.contains(&format!("](examples/{name}/)")),
            "{name} is not in README.md"
        );
    }
}

#[test]
fn dockerfiles_are_pinned_and_in_the_exec_form() {
    for example in std::fs::read_dir(project().join("examples")).unwrap().flatten() {
        let Ok(text) = std::fs::read_to_string(example.path().join("Dockerfile")) else { continue };
        let name = example.path();
        // Joins continued lines.
        for line in text.replace("\\\n", " ").lines() {
            let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
            let rest = rest.rsplit("CMD ").next().unwrap().trim();
            match word {
                "RUN" | "CMD" | "ENTRYPOINT" | "HEALTHCHECK" => {
                    assert!(serde_json::from_str::<Vec<String>>(rest).is_ok(), "{}: {line}", name.display());
                }
                "FROM" if rest != "scratch" && !rest.contains('$') => {
                    let base = rest.split(' ').next().unwrap();
                    let (_, tag) = base.split_once(':').unwrap();
                    // Chainguard's free images have no other tag.
                    assert!(tag != "latest" || base.starts_with("cgr.dev/"), "{}: {line}", name.display());
                }
                _ => {}
            }
        }
    }
}

// The builder has Debian's GCC 12.2, and the base is from Debian 12 instead of 13.
#[test]
fn static_on_distroless() {
    let Some(image) = build("static", &[]) else { return };
    let example = run("static", image, &[]);
    example.post(":8080/break");
    example.until_unhealthy(
        "http http://localhost:8080/healthz: 503 Service Unavailable, expected 200-399; body: db: no connection",
    );
    example.post(":8080/heal");
    example.container.until_health("healthy");
}

// Go 1.19 from Debian 12 instead of 1.27.
#[test]
fn go_on_distroless() {
    let Some(image) = build("go", &[]) else { return };
    let example = run("go", image, &[]);
    example.post(":8080/break");
    example.until_unhealthy(
        "http http://localhost:8080/healthz: 503 Service Unavailable, expected 200-399; body: db: no connection",
    );
    example.until_stopped(0);
}

// Neither Devbox nor Nix: Go 1.19 from Debian 12 runs the script.
#[test]
fn devbox_builds_a_binary_for_distroless() {
    let text = std::fs::read_to_string(folder("devbox").join("devbox.json")).unwrap();
    let devbox: serde_json::Value = serde_json::from_str(&text).unwrap();
    // The keys are those of Devbox's schema, .schema/devbox.schema.json in its repository.
    for (value, known) in [
        (&devbox, &["$schema", "name", "description", "packages", "env", "shell", "include"][..]),
        (&devbox["shell"], &["init_hook", "scripts"]),
    ] {
        let unknown = value.as_object().unwrap().keys().find(|key| !known.contains(&key.as_str()));
        assert_eq!(unknown, None);
    }
    assert!(devbox["packages"][0].as_str().unwrap().starts_with("go@"));
    let dockerfile = std::fs::read_to_string(folder("go").join("Dockerfile")).unwrap();
    let go = dockerfile.lines().find_map(|line| line.strip_prefix("FROM golang:")).unwrap();
    let go = format!("golang:{}", go.strip_suffix(" AS build").unwrap());
    if !engine::is_there() || !shared::stand_in(&go) {
        return;
    }
    let context = Folder::new("devbox");
    for file in std::fs::read_dir(folder("devbox")).unwrap().flatten() {
        std::fs::copy(file.path(), context.0.join(file.file_name())).unwrap();
    }
    let volume = format!("{}:/src", context.0.display());
    let options =
        ["run", "--rm", "--network", "none", "-v", &volume, "-w", "/src", "-e", "GOCACHE=/tmp/cache"];
    let mut words: Vec<String> = options.map(str::to_owned).into();
    for (name, value) in devbox["env"].as_object().unwrap() {
        words.extend(["-e".to_owned(), format!("{name}={}", value.as_str().unwrap())]);
    }
    let build = devbox["shell"]["scripts"]["build"].as_str().unwrap();
    words.push(go);
    words.extend(build.split(' ').map(str::to_owned));
    docker_ok(&words.iter().map(String::as_str).collect::<Vec<_>>());
    let Some(image) = build_in(&context.0, "devbox", &[]) else { return };
    let example = run("devbox", image, &[]);
    example.post(":8080/break");
    example.until_unhealthy(
        "http http://localhost:8080/healthz: 503 Service Unavailable, expected 200-399; body: db: no connection",
    );
}

// This machine's Rust, which cross-compiles for musl, instead of Alpine's.
#[test]
fn rust_on_distroless() {
    let Some(image) = build("rust", &[]) else { return };
    let example = run("rust", image, &["--init"]);
    example.post(":8080/break");
    example.until_unhealthy(
        "http http://localhost:8080/healthz: 503 Service Unavailable, expected 200-399; body: db: no connection",
    );
    // 128 and SIGTERM.
    example.until_stopped(143);
}

// Node.js 18 from Debian 12 instead of 24.
#[test]
fn node_on_distroless() {
    let Some(image) = build("node", &[]) else { return };
    let example = run("node", image, &[]);
    example.post(":8080/break");
    example.until_unhealthy(
        r#"http http://localhost:8080/healthz: 200 OK, expected /status to be "UP", not "DOWN"; body: {"status":"DOWN","db":"no connection"}"#,
    );
}

// Python 3.11 from Debian 12 instead of 3.13.
#[test]
fn python_on_distroless() {
    let Some(image) = build("python", &[]) else { return };
    let example = run("python", image, &[]);
    example.post(":8080/break");
    example.until_unhealthy(
        "http http://localhost:8080/healthz: 503 Service Unavailable, expected 200-399; body: db: no connection",
    );
}

// Python 3.11 from Debian 12 instead of 3.13.
#[test]
fn a_worker_without_a_port() {
    let options = ["--tmpfs", "/run/worker", "-e", "BEAT_MAX_AGE=3s"];
    let Some(image) = build("worker", &[]) else { return };
    let example = run("worker", image, &options);
    // The worker hangs.
    example.signal("STOP");
    example.until_unhealthy("file /run/worker/beat: 0 bytes, last modified <T>, older than 3 s");
    example.signal("CONT");
    example.container.until_health("healthy");
}

// OpenJDK 17 from Debian 12 instead of Temurin, in the builder and in the base.
#[test]
fn java_on_distroless() {
    let Some(image) = build("java", &[]) else { return };
    let example = run("java", image, &[]);
    example.post(":8080/break");
    example.until_unhealthy(
        r#"http http://localhost:8080/health: 503 Service Unavailable, expected 200-399; body: {"status":"DOWN","components":{"db":{"status":"DOWN"}}}"#,
    );
}

// Python 3.11 from Debian 12 instead of 3.13, in the builder and in the base. pip has no network in
// the build: the packages are in wheels/ of the context, which the Dockerfile supports.
#[test]
fn grpc_on_distroless() {
    let wheels = project().join("target/wheels");
    if !wheels.exists() {
        return skip(
            "the packages of examples/grpc are not in target/wheels; scripts/need.sh examples downloads them",
        );
    }
    let context = Folder::new("grpc");
    let copy = |from: &Path, to: &Path| {
        for file in std::fs::read_dir(from).unwrap().flatten() {
            std::fs::copy(file.path(), to.join(file.file_name())).unwrap();
        }
    };
    copy(&folder("grpc"), &context.0);
    std::fs::create_dir(context.0.join("wheels")).unwrap();
    copy(&wheels, &context.0.join("wheels"));
    let offline = ["--build-arg", "PIP_NO_INDEX=1", "--build-arg", "PIP_FIND_LINKS=wheels"];
    let Some(image) = build_in(&context.0, "grpc", &offline) else { return };
    let example = run("grpc", image, &[]);
    example.signal("USR1");
    example.until_unhealthy(r#"grpc localhost:50051: "shop.Cart" is NOT_SERVING, expected SERVING"#);
    example.signal("USR2");
    example.container.until_health("healthy");
}

// nginx 1.22 from Debian 12, with glibc, instead of Wolfi's. The page is on a volume, as in the
// README.
#[test]
fn nginx_on_chainguard() {
    let site = Folder::new("site");
    let page = site.0.join("index.html");
    std::fs::copy(folder("chainguard").join("html/index.html"), &page).unwrap();
    let Some(image) = build("chainguard", &[]) else { return };
    let volume = format!("{}:/usr/share/nginx/html:ro", site.0.display());
    let example = run("chainguard", image, &["--tmpfs", "/tmp", "-v", &volume]);
    std::fs::remove_file(page).unwrap();
    example.until_unhealthy(
        r"http http://localhost:8080/: 403 Forbidden, expected 200-399; body: <html>\r\n<head><title>403 Forbidden</title></head>\r\n<body>\r\n<center><h1>403 Forbidden</h1></center>\r\n<hr><center>nginx</center>\r\n</body>\r\n</html>",
    );
}

// Debian's busybox 1.35, which has other applets, instead of Alpine's. There is no apk, and
// porthole does not need musl in either case.
#[test]
fn alpine_without_curl() {
    let Some(image) = build("alpine", &[]) else { return };
    let example = run("alpine", image, &["--tmpfs", "/tmp"]);
    example.post(":8080/break");
    example.until_unhealthy(
        "http http://localhost:8080/healthz: 503 Service Unavailable, expected 200-399; body: db: no connection",
    );
}

// The essential packages of Debian 12, unpacked but not configured.
#[test]
fn debian_slim_without_curl() {
    let Some(image) = build("debian-slim", &[]) else { return };
    let example = run("debian-slim", image, &[]);
    example.post(":8080/break");
    example.until_unhealthy(
        "http http://localhost:8080/healthz: 503 Service Unavailable, expected 200-399; body: db: no connection",
    );
}

// The directories, the user and the entrypoint are those of an image from Paketo's tiny builder.
// The application is the example service; its process type links to it without the buildpacks'
// launcher.
#[test]
fn porthole_on_an_image_built_by_a_buildpack() {
    let base = "porthole-stand-in/buildpack";
    if !engine::is_there() || !shared::stand_in(base) {
        return;
    }
    let Some(image) = build("buildpack", &["--build-arg", &format!("APP={base}")]) else { return };
    let example = run("buildpack", image, &[]);
    let inspect = |format| [base, &example.image.0].map(|image| docker_ok(&["inspect", "-f", format, image]));
    let [before, after] = inspect("{{.Config.Entrypoint}} {{.Config.User}} {{.Config.WorkingDir}}");
    assert_eq!(
        (before.as_str(), after.as_str()),
        ("[/cnb/process/web] 1002:1000 /workspace", before.as_str())
    );
    example.post(":8080/break");
    example.until_unhealthy(
        "http http://localhost:8080/healthz: 503 Service Unavailable, expected 200-399; body: db: no connection",
    );
}
