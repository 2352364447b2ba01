//! Broken containers that need more than other options.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;

use super::{PATIENT, SERVICE, SHELL, assert_in_page, has_shell};
use crate::engine::{self, Container, Folder, Image, Volume, docker, docker_ok};
use crate::flows::{Diagnosis, advice, has_init, image, until};

/// Does what a change says to run: `docker run … busybox COMMAND`, with this machine's busybox in
/// place of the image of that name. Returns what follows the command.
#[track_caller]
fn run_with_busybox<'a>(change: &'a str, name: &str, image: &Image) -> &'a str {
    let end = [", or ", "; "].iter().filter_map(|end| change.find(end)).min().unwrap_or(change.len());
    let (command, rest) = change.split_at(end);
    let (options, words) = command.split_once(" busybox ").unwrap();
    let mut arguments: Vec<String> =
        options.split(' ').skip(1).map(|word| word.replace("NAME", name)).collect();
    let volume = format!("{SHELL}:/bin/busybox:ro");
    let busybox = ["--network", "none", "--user", "0", "--volume", &volume, "--entrypoint", "/bin/busybox"];
    arguments.extend(busybox.iter().chain([&image.0.as_str()]).map(|&word| word.to_owned()));
    arguments.extend(words.split(' ').map(str::to_owned));
    docker_ok(&arguments.iter().map(String::as_str).collect::<Vec<_>>());
    rest
}

/// A new volume belongs to root.
#[test]
fn a_volume_that_is_not_writable() {
    if !engine::is_there() || !has_init() || !has_shell() {
        return;
    }
    let (image, volume) = (image(), Volume::new());
    let mount = format!("{}:/data", volume.0);
    let container = Container::run(&image, &[SERVICE, &["--volume", &mount]].concat());
    container.until_listening(8080);
    let diagnosis = Diagnosis::of(&container, &[]);
    let text = "(service) cannot write to /data, which is mounted for writing";
    let seen = ["/data: owner 0:0 mode 0755 does not let others write"];
    assert_in_page(text);
    let change = advice(diagnosis.assert_finding("warning", text, &seen), "Docker");
    run_with_busybox(change, &container.0, &image);
    Diagnosis::of(&container, &[]).assert_in_order();
}

/// The application ends at once, because it cannot write to its volume. No command can be run in
/// its container, so another one gets its volumes.
#[test]
fn a_crash_loop() {
    if !engine::is_there() || !has_init() || !has_shell() {
        return;
    }
    let (image, volume) = (image(), Volume::new());
    let mount = format!("{}:/data", volume.0);
    let options = [PATIENT, &["--volume", &mount]].concat();
    let container = Container::run_words(&image, &options, &["write", "1:/data/file"]);
    container.until_logs_have("patient: Permission denied");
    docker_ok(&["wait", &container.0]);
    let (status, _, stderr) = container.exec(&["/porthole", "doctor"]);
    assert!(status != Some(0) && stderr.contains("is not running"), "{stderr}");
    let doctor = || {
        let beside = ["--network", "none", "--volumes-from", &container.0, "--entrypoint", "/porthole"];
        Diagnosis::from(engine::once(&image, &beside, &["doctor", "--json"]))
    };
    let diagnosis = doctor();
    let text = "pid 1 (porthole) cannot write to /data, which is mounted for writing";
    let seen = ["/data: owner 0:0 mode 0755 does not let others write"];
    assert_in_page(text);
    let change = advice(diagnosis.assert_finding("warning", text, &seen), "Docker");
    run_with_busybox(change, &container.0, &image);
    doctor().assert_in_order();
    docker_ok(&["start", &container.0]);
    assert_eq!(container.until_logged(), "ready");
    Diagnosis::of(&container, &[]).assert_in_order();
}

#[test]
fn a_stopped_process() {
    if !engine::is_there() || !has_init() || !has_shell() {
        return;
    }
    let image = image();
    let container = Container::run(&image, &[]);
    container.until_listening(8080);
    let stopped =
        |pid: u32| format!("pid {pid} (service) is stopped: it does not run until it receives SIGCONT");
    let diagnosed = |container: &Container, text: &str, is_stopped: bool| {
        until(|| Diagnosis::of(container, &[]), |diagnosis| diagnosis.find(text).is_some() == is_stopped)
    };
    // The first process, which the engine can continue.
    docker_ok(&["kill", "--signal", "STOP", &container.0]);
    let diagnosis = diagnosed(&container, &stopped(1), true);
    assert_in_page(&stopped(1));
    let finding = diagnosis.assert_finding("error", &stopped(1), &["/proc/1/stat: state T"]);
    let change = advice(finding, "Docker").replace("NAME", &container.0);
    docker_ok(&change.split(' ').skip(1).collect::<Vec<_>>());
    diagnosed(&container, &stopped(1), false);

    // Its child, which another container has to continue.
    let container = Container::run(&image, SERVICE);
    container.until_listening(8080);
    let shared = format!("container:{}", container.0);
    let pid = u32::try_from(Diagnosis::of(&container, &[]).json["pid"].as_u64().unwrap()).unwrap();
    let change = format!("docker run --rm --pid {shared} busybox kill -STOP {pid}");
    run_with_busybox(&change, &container.0, &image);
    let diagnosis = diagnosed(&container, &stopped(pid), true);
    let finding = diagnosis.assert_finding("error", &stopped(pid), &[": state T"]);
    run_with_busybox(advice(finding, "Docker"), &container.0, &image);
    diagnosed(&container, &stopped(pid), false).assert_in_order();
}

/// Plain `doctor` cannot know which variables an application needs; it names the option.
#[test]
fn a_missing_variable() {
    if !engine::is_there() || !has_init() {
        return;
    }
    let image = image();
    let container = Container::run(&image, SERVICE);
    container.until_listening(8080);
    let diagnosis = Diagnosis::of(&container, &[]);
    diagnosis.assert_in_order();
    let not_asked = diagnosis.json["not_asked"].as_array().unwrap();
    assert!(not_asked.iter().any(|option| option == "expect-env"), "{not_asked:?}");
    let expect = ["--expect-env", "DATABASE_URL"];
    let diagnosis = Diagnosis::of(&container, &expect);
    let text = "the variable DATABASE_URL of pid";
    assert_in_page(text);
    let change = advice(diagnosis.assert_finding("error", text, &["no DATABASE_URL"]), "Docker");
    let change = change.split(", or ").next().unwrap().replace("VALUE", "postgres://db/app");
    let set: Vec<&str> = change.split(' ').collect();
    let container = Container::run(&image, &[SERVICE, &set].concat());
    container.until_listening(8080);
    Diagnosis::of(&container, &expect).assert_in_order();
}

/// Creates a key and its own certificate in this folder, valid for so many days from now, in which
/// any user can read both.
#[track_caller]
fn certify(folder: &Folder, days: &str) {
    let lines = [
        "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout key.pem -out new.pem -days 30 \
         -subj /CN=localhost -addext subjectAltName=DNS:localhost -addext basicConstraints=critical,CA:FALSE"
            .to_owned(),
        // Only this command accepts a day in the past.
        format!("x509 -in new.pem -signkey key.pem -days {days} -out cert.pem"),
    ];
    for line in lines {
        let words = line.split_ascii_whitespace();
        let output = Command::new("openssl").args(words).current_dir(&folder.0).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
    fs::set_permissions(folder.0.join("key.pem"), fs::Permissions::from_mode(0o644)).unwrap();
}

/// Plain `doctor` cannot know where a certificate is served; a check of the port names the cause.
#[test]
fn an_expired_certificate() {
    if !engine::is_there() || !has_init() {
        return;
    }
    let (image, folder) = (image(), Folder::new("tls"));
    certify(&folder, "-1");
    // OpenSSL and the libraries of this machine.
    let mount = format!("{}:/tls:ro", folder.0.display());
    let libraries = ["--volume", "/usr:/usr:ro", "--volume", "/lib:/lib:ro", "--volume", "/lib64:/lib64:ro"];
    let options = ["--init", "--volume", &mount, "--entrypoint", "/usr/bin/openssl"];
    let server = "s_server -accept 8443 -cert /tls/cert.pem -key /tls/key.pem -www -quiet";
    let words: Vec<&str> = server.split(' ').collect();
    let container = Container::run_words(&image, &[&options[..], &libraries].concat(), &words);
    container.until_listening(8443);
    let check = || container.exec(&["/porthole", "tls", "localhost:8443", "--ca-file", "/tls/cert.pem"]);
    let (status, stdout, _) = check();
    assert_eq!(status, Some(1));
    let expired = "unhealthy: tls localhost:8443: the certificate expired on ";
    assert!(stdout.starts_with(expired), "{stdout}");
    assert_in_page(expired.trim_end());
    let text = Diagnosis::of(&container, &[]).json["findings"].to_string();
    assert!(!text.contains("certificate"), "{text}");
    // A new certificate; the server reads it when it starts.
    certify(&folder, "30");
    docker(&["restart", "-t", "0", &container.0]);
    container.until_listening(8443);
    let (status, stdout, stderr) = check();
    assert_eq!(status, Some(0), "{stdout}{stderr}");
}

/// `docker run --health-cmd` is always in the shell form.
#[test]
fn a_health_check_that_needs_a_shell() {
    if !engine::is_there() || !has_init() {
        return;
    }
    let image = image();
    let check = ["--health-interval", "1s", "--health-retries", "1"];
    let command = ["--health-cmd", "/porthole http :8080/healthz"];
    let container = Container::run(&image, &[SERVICE, &check, &command].concat());
    container.until_health("unhealthy");
    let missing = r#"exec: "/bin/sh": stat /bin/sh: no such file or directory"#;
    let (_, said) = container.last_health();
    assert!(said.contains(missing), "{said}");
    assert_in_page(missing);
    let exec = r#"HEALTHCHECK CMD ["/porthole", "http", ":8080/healthz"]"#;
    assert_in_page(exec);
    let other = Image::from_scratch(&format!("{exec}\nENTRYPOINT [\"/service\"]"));
    Container::run(&other, &[SERVICE, &check].concat()).until_health("healthy");
}
