//! Each example of examples/, built by its own Dockerfile unchanged and run as hardened as its README says: healthy, then
//! broken as its application can be broken, then unhealthy with the reason that its README's reader gets to see.
//!
//! Bases are stand-ins of Debian's packages (scripts/stand-in.sh says what each differs in). The options of a run shorten
//! the interval of the health check alone; what is run, and how long it may take, is the image's own.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use regex_lite::Regex;

use crate::engine::{self, Container, Folder, Image, docker_ok, project};
use crate::shared;
use crate::skip::skip;
use crate::times::timeless;

/// What the expected reason may take to come, and how often it is asked for.
const PATIENCE: Duration = Duration::from_secs(20);
const INTERVAL: Duration = Duration::from_millis(100);

/// A container of an example, and its image.
struct Example {
    name: &'static str,
    container: Container,
    image: Image,
}

/// The folder of an example.
fn folder(name: &str) -> PathBuf {
    project().join("examples").join(name)
}

/// Builds an example from its own folder, with these arguments more; nothing, said aloud, where that cannot be.
#[track_caller]
pub fn build(name: &str, arguments: &[&str]) -> Option<Image> {
    build_in(&folder(name), name, arguments)
}

/// Builds an example from this folder.
#[track_caller]
fn build_in(context: &Path, name: &str, arguments: &[&str]) -> Option<Image> {
    if !engine::is_there() || !shared::bases_of(&folder(name).join("Dockerfile")) {
        return None;
    }
    let argument = format!("PORTHOLE={}", shared::porthole("porthole-probe"));
    let arguments = [&["--build-arg", &argument], arguments, &[context.to_str().unwrap()]].concat();
    let image = Image::build(&arguments);
    is_as_promised(name, &image);
    Some(image)
}

/// Runs an example, and waits until it is healthy.
#[track_caller]
fn run(name: &'static str, image: Image, options: &[&str]) -> Example {
    let sooner = ["--health-interval", "1s", "--health-retries", "1"];
    let container = Container::run(&image, &[&sooner[..], options].concat());
    container.until_health("healthy");
    Example { name, container, image }
}

/// What every example promises: no root, no shell for the health check, a timeout above porthole's own 2 seconds, and in
/// its folder what a reader looks for.
#[track_caller]
fn is_as_promised(name: &str, image: &Image) {
    let config = docker_ok(&["inspect", "-f", "{{json .Config}}", &image.0]);
    let config: serde_json::Value = serde_json::from_str(&config).unwrap();
    let user = config["User"].as_str().unwrap();
    // By number, as runAsNonRoot of Kubernetes wants it.
    assert!(user.split(':').all(|id| id.parse::<u32>().is_ok_and(|id| id > 0)), "{name}: USER {user}");
    let check = &config["Healthcheck"];
    assert_eq!((&check["Test"][0], &check["Test"][1]), (&"CMD".into(), &"/porthole".into()), "{name}");
    assert!(check["Timeout"].as_u64().unwrap() > 2_000_000_000, "{name}: {check}");
    for file in [".dockerignore", "README.md"] {
        assert!(folder(name).join(file).exists(), "examples/{name} has no {file}");
    }
}

impl Example {
    /// `porthole http` in the container.
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

    /// Waits until it is unhealthy for this reason, the whole of it, which its README has to show.
    #[track_caller]
    fn is_unhealthy(&self, reason: &str) {
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
            assert!(start.elapsed() < PATIENCE, "{code} {output:?}, not {verdict:?}");
            std::thread::sleep(INTERVAL);
        }
    }
}

#[test]
fn every_example_is_run_and_in_the_table_of_the_readme() {
    let tests = [
        include_str!("compose.rs"),
        include_str!("ecs.rs"),
        include_str!("examples.rs"),
        include_str!("health.rs"),
        include_str!("kubernetes.rs"),
    ]
    .concat();
    let readme = std::fs::read_to_string(project().join("README.md")).unwrap();
    for example in std::fs::read_dir(project().join("examples")).unwrap().flatten() {
        if !example.file_type().unwrap().is_dir() {
            continue;
        }
        let name = example.file_name().into_string().unwrap();
        assert!(
            tests.contains(&format!("\"{name}\"")) || tests.contains(&format!("examples/{name}/")),
            "{name}"
        );
        // What the demo runs is nobody's example.
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
        // A line that goes on in the next one is one.
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
                    // Chainguard's free images have no other.
                    assert!(tag != "latest" || base.starts_with("cgr.dev/"), "{}: {line}", name.display());
                }
                _ => {}
            }
        }
    }
}

// The builder has Debian's GCC, 12.2, and the base is of Debian 12 instead of 13.
#[test]
fn static_on_distroless() {
    let Some(image) = build("static", &[]) else { return };
    let example = run("static", image, &[]);
    example.post(":8080/break");
    example.is_unhealthy(
        "http http://localhost:8080/healthz: 503 Service Unavailable, expected 200-399; body: db: no connection",
    );
    example.post(":8080/heal");
    example.container.until_health("healthy");
}

// Node.js 18 of Debian 12 in place of 24.
#[test]
fn node_on_distroless() {
    let Some(image) = build("node", &[]) else { return };
    let example = run("node", image, &[]);
    example.post(":8080/break");
    example.is_unhealthy(
        r#"http http://localhost:8080/healthz: 200 OK, expected /status to be "UP", not "DOWN"; body: {"status":"DOWN","db":"no connection"}"#,
    );
}

// Python 3.11 of Debian 12 in place of 3.13.
#[test]
fn python_on_distroless() {
    let Some(image) = build("python", &[]) else { return };
    let example = run("python", image, &[]);
    example.post(":8080/break");
    example.is_unhealthy(
        "http http://localhost:8080/healthz: 503 Service Unavailable, expected 200-399; body: db: no connection",
    );
}

// Python 3.11 of Debian 12 in place of 3.13.
#[test]
fn a_worker_without_a_port() {
    let options = ["--tmpfs", "/run/worker", "-e", "BEAT_MAX_AGE=3s"];
    let Some(image) = build("worker", &[]) else { return };
    let example = run("worker", image, &options);
    // It hangs.
    example.signal("STOP");
    example.is_unhealthy("file /run/worker/beat: 0 bytes, last modified <T>, older than 3 s");
    example.signal("CONT");
    example.container.until_health("healthy");
}

// OpenJDK 17 of Debian 12 in place of Temurin's, in the builder and in the base.
#[test]
fn java_on_distroless() {
    let Some(image) = build("java", &[]) else { return };
    let example = run("java", image, &[]);
    example.post(":8080/break");
    example.is_unhealthy(
        r#"http http://localhost:8080/health: 503 Service Unavailable, expected 200-399; body: {"status":"DOWN","components":{"db":{"status":"DOWN"}}}"#,
    );
}

// Python 3.11 of Debian 12 in place of 3.13, in the builder and in the base. pip has no network in the build: the packages are in
// wheels/ of the context, which the Dockerfile knows of.
#[test]
fn grpc_on_distroless() {
    let wheels = project().join("target/wheels");
    if !wheels.exists() {
        return skip(
            "what examples/grpc installs is not in target/wheels; scripts/need.sh examples sees to it",
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
    example.is_unhealthy(r#"grpc localhost:50051: "shop.Cart" is NOT_SERVING, expected SERVING"#);
    example.signal("USR2");
    example.container.until_health("healthy");
}

// nginx 1.22 of Debian 12, with glibc, in place of Wolfi's. The page is on a volume, as the README has it.
#[test]
fn nginx_on_chainguard() {
    let site = Folder::new("site");
    let page = site.0.join("index.html");
    std::fs::copy(folder("chainguard").join("html/index.html"), &page).unwrap();
    let Some(image) = build("chainguard", &[]) else { return };
    let volume = format!("{}:/usr/share/nginx/html:ro", site.0.display());
    let example = run("chainguard", image, &["--tmpfs", "/tmp", "-v", &volume]);
    std::fs::remove_file(page).unwrap();
    example.is_unhealthy(
        r"http http://localhost:8080/: 403 Forbidden, expected 200-399; body: <html>\r\n<head><title>403 Forbidden</title></head>\r\n<body>\r\n<center><h1>403 Forbidden</h1></center>\r\n<hr><center>nginx</center>\r\n</body>\r\n</html>",
    );
}

// Debian's busybox, 1.35 and with applets of its own, in place of Alpine's; no apk, and porthole needs no musl either way.
#[test]
fn alpine_without_curl() {
    let Some(image) = build("alpine", &[]) else { return };
    let example = run("alpine", image, &["--tmpfs", "/tmp"]);
    example.post(":8080/break");
    example.is_unhealthy(
        "http http://localhost:8080/healthz: 503 Service Unavailable, expected 200-399; body: db: no connection",
    );
}

// What is essential in Debian 12, unpacked and not configured.
#[test]
fn debian_slim_without_curl() {
    let Some(image) = build("debian-slim", &[]) else { return };
    let example = run("debian-slim", image, &[]);
    example.post(":8080/break");
    example.is_unhealthy(
        "http http://localhost:8080/healthz: 503 Service Unavailable, expected 200-399; body: db: no connection",
    );
}

// The folders, the user and the entrypoint of an image that Paketo's tiny builder made; the application is the example
// service, which its process type leads to without the launcher of buildpacks.
#[test]
fn an_image_that_a_buildpack_made() {
    let made = "porthole-stand-in/buildpack";
    if !engine::is_there() || !shared::stand_in(made) {
        return;
    }
    let Some(image) = build("buildpack", &["--build-arg", &format!("APP={made}")]) else { return };
    let example = run("buildpack", image, &[]);
    let of_both = |format| [made, &example.image.0].map(|image| docker_ok(&["inspect", "-f", format, image]));
    let [before, after] = of_both("{{.Config.Entrypoint}} {{.Config.User}} {{.Config.WorkingDir}}");
    assert_eq!(
        (before.as_str(), after.as_str()),
        ("[/cnb/process/web] 1002:1000 /workspace", before.as_str())
    );
    example.post(":8080/break");
    example.is_unhealthy(
        "http http://localhost:8080/healthz: 503 Service Unavailable, expected 200-399; body: db: no connection",
    );
}
