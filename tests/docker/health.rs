//! Checks by HEALTHCHECK and `docker exec`.

use crate::engine::{self, Container, Folder, Image, docker_ok};
use crate::shared;
use crate::times::timeless;

/// A health check every second; the engine's timeout is above porthole's.
const HEALTHCHECK: &str = r#"HEALTHCHECK --interval=1s --timeout=10s --retries=1 CMD ["/porthole", "http", ":8080/healthz"]
ENTRYPOINT ["/service"]"#;

#[test]
fn a_health_check_becomes_healthy_and_unhealthy_with_our_verdict() {
    if !engine::is_there() {
        return;
    }
    let image = Image::from_scratch(HEALTHCHECK);
    let container = Container::run(&image, &[]);
    container.until_health("healthy");
    let (code, output) = container.last_health();
    assert_eq!(
        (code.as_str(), timeless(&output).as_str()),
        ("0", "healthy: http http://localhost:8080/healthz: 200 OK in <T>\n")
    );
    let (status, ..) = container.exec(&["/porthole", "http", ":8080/break", "-X", "POST"]);
    assert_eq!(status, Some(0));
    container.until_health("unhealthy");
    let (code, output) = container.last_health();
    assert_eq!(
        (code.as_str(), timeless(&output).as_str()),
        (
            "1",
            "unhealthy: http http://localhost:8080/healthz: 503 Service Unavailable, expected 200-399; body: db: no connection\n"
        )
    );
    container.exec(&["/porthole", "http", ":8080/heal", "-X", "POST"]);
    container.until_health("healthy");
}

#[test]
fn a_service_that_hangs_is_unhealthy_with_our_reason() {
    if !engine::is_there() {
        return;
    }
    let image = Image::from_scratch(HEALTHCHECK);
    let container = Container::run(&image, &[]);
    container.until_health("healthy");
    container.exec(&["/porthole", "http", ":8080/hang", "-X", "POST"]);
    container.until_health("unhealthy");
    assert_eq!(
        container.last_health(),
        (
            "1".to_owned(),
            "unhealthy: http http://localhost:8080/healthz: timed out after 2 s waiting for the response head\n"
                .to_owned()
        )
    );
    assert!(!container.health_log().contains("Health check exceeded timeout"));
}

#[test]
fn both_flavours_by_docker_exec() {
    if !engine::is_there() {
        return;
    }
    let image = Image::from_scratch("ENV SOCKET=/run/service.sock\nENTRYPOINT [\"/service\"]");
    let container = Container::run(&image, &["--tmpfs", "/run:mode=1777"]);
    container.until_listening(8080);
    for porthole in ["/porthole", "/porthole-probe"] {
        let run = |words: &str| {
            let words: Vec<&str> = std::iter::once(porthole).chain(words.split(' ')).collect();
            let (status, stdout, stderr) = container.exec(&words);
            (status, timeless(&stdout), stderr)
        };
        for (words, status, stdout, stderr) in [
            ("http :8080/healthz", 0, "healthy: http http://localhost:8080/healthz: 200 OK in <T>\n", ""),
            (
                "http http://x/healthz --unix /run/service.sock --contains ok",
                0,
                "healthy: http http://x/healthz via /run/service.sock: 200 OK in <T>\n",
                "",
            ),
            (
                "http :8080/nope",
                1,
                "unhealthy: http http://localhost:8080/nope: 404 Not Found, expected 200-399; body: GET /healthz, POST /break, /hang or /heal\n",
                "",
            ),
            ("tcp 127.0.0.1:8080", 0, "healthy: tcp 127.0.0.1:8080: connected in <T>\n", ""),
            ("tcp 127.0.0.1:1", 1, "unhealthy: tcp 127.0.0.1:1: connection refused (127.0.0.1)\n", ""),
            (
                "listen 8080",
                0,
                "healthy: listen 8080: listening on 0.0.0.0:8080, pid 1 (service), accept queue 0 in <T>\n",
                "",
            ),
            (
                "listen /run/service.sock",
                0,
                "healthy: listen /run/service.sock: listening, pid 1 (service) in <T>\n",
                "",
            ),
            ("process service", 0, "healthy: process service: 1 running (pid 1)\n", ""),
            ("process nginx", 1, "unhealthy: process nginx: none running, expected at least 1\n", ""),
            ("file /run/beat --max-age 30s", 1, "unhealthy: file /run/beat: no such file or directory\n", ""),
            ("file /run/beat --absent", 0, "healthy: file /run/beat: no such file or directory\n", ""),
            (
                "redis :8080 -t 500ms",
                1,
                "unhealthy: redis localhost:8080: timed out after 500 ms waiting for the answer to PING\n",
                "",
            ),
            (
                "unix /run/service.sock and tcp :8080 and unix /none",
                1,
                "unhealthy: unix /none: no such socket\nhealthy: unix /run/service.sock: connected in <T>\nhealthy: tcp localhost:8080: connected (127.0.0.1) in <T>\n",
                "",
            ),
            (
                "tcp 0",
                1,
                "",
                "porthole: tcp: TARGET: expected host:port, [::1]:port, :port or port, with a port from 1 to 65535, got '0'\n",
            ),
        ] {
            assert_eq!(
                run(words),
                (Some(status), stdout.to_owned(), stderr.to_owned()),
                "{porthole} {words}"
            );
        }
        let (status, json, _) = run("http :8080/healthz --json");
        let json: serde_json::Value = serde_json::from_str(&json).unwrap();
        assert_eq!((status, &json["checks"][0]["facts"]["status"]), (Some(0), &serde_json::json!(200)));
    }
}

#[test]
fn a_secret_is_in_no_log_of_the_engine() {
    if !engine::is_there() {
        return;
    }
    let folder = Folder::new("secret");
    std::fs::write(folder.0.join("token"), "hunter2\n").unwrap();
    let image = Image::from_scratch(
        r#"HEALTHCHECK --interval=1s --retries=1 CMD ["/porthole-probe", "http", ":8080/nope?t=${file:/run/secrets/token}", "-H", "X-Token: ${file:/run/secrets/token}"]
ENTRYPOINT ["/service"]"#,
    );
    let mount = format!("{}:/run/secrets:ro", folder.0.display());
    let container = Container::run(&image, &["-v", &mount]);
    container.until_health("unhealthy");
    let log = container.health_log();
    assert!(log.contains("404 Not Found") && log.contains("?t=${file:/run/secrets/token}"), "{log}");
    assert!(!docker_ok(&["inspect", &container.0]).contains("hunter2"));
}

/// In a container that runs as nonroot, with a read-only root and without capabilities.
#[test]
fn the_reason_of_a_failed_check_is_in_the_log_of_the_container() {
    if !engine::is_there() {
        return;
    }
    let image = Image::from_scratch(
        r#"HEALTHCHECK --interval=1s --retries=1 CMD ["/porthole-probe", "http", ":8080/nope", "--log"]
ENTRYPOINT ["/service"]"#,
    );
    let container = Container::run(&image, &[]);
    container.until_health("unhealthy");
    let line = "porthole: unhealthy: http http://localhost:8080/nope: 404 Not Found, expected 200-399";
    container.until_logs_have(line);
    // By hand.
    let (status, stdout, stderr) = container.exec(&["/porthole", "tcp", "127.0.0.1:1", "--log", "-q"]);
    let refused = "unhealthy: tcp 127.0.0.1:1: connection refused (127.0.0.1)\n";
    assert_eq!((status, stdout.as_str(), stderr.as_str()), (Some(1), refused, ""));
    container.until_logs_have(&format!("porthole: {refused}"));
}

#[test]
fn the_port_comes_from_the_environment_of_the_container() {
    if !engine::is_there() {
        return;
    }
    let image = Image::from_scratch(
        r#"HEALTHCHECK --interval=1s --retries=1 CMD ["/porthole-probe", "http", ":${PORT:-8080}/healthz"]
ENTRYPOINT ["/service"]"#,
    );
    let container = Container::run(&image, &["-e", "PORT=9191", "-e", "ADDRESS=127.0.0.1"]);
    container.until_health("healthy");
    assert!(container.last_health().1.starts_with("healthy: http http://localhost:9191/healthz: 200 OK"));
}

#[test]
fn explain_shows_who_listens_in_the_container() {
    if !engine::is_there() {
        return;
    }
    let image = Image::from_scratch("ENTRYPOINT [\"/service\"]");
    let container = Container::run(&image, &[]);
    container.until_listening(8080);
    let (status, stdout, stderr) = container.exec(&["/porthole", "tcp", "127.0.0.1:9090", "--explain"]);
    assert_eq!(
        (status, stdout.as_str(), stderr.as_str()),
        (
            Some(1),
            "unhealthy: tcp 127.0.0.1:9090: connection refused (127.0.0.1)\n  \
             nothing listens on TCP port 9090; listening sockets: 0.0.0.0:8080\n  \
             the container's first process is pid 1 (service), running\n",
            ""
        )
    );
}

#[test]
fn the_example_dockerfile_builds_unchanged_and_becomes_healthy() {
    if !engine::is_there() {
        return;
    }
    // Its base under its real name, created from Debian packages if it does not exist.
    if !shared::bases_of(&engine::project().join("Dockerfile.example")) {
        return;
    }
    let image = Image::from_file("Dockerfile.example");
    let user = docker_ok(&["inspect", "-f", "{{.Config.User}}", &image.0]);
    assert!(user == "65532:65532" || user == "65532" || user == "nonroot", "{user}");
    let container = Container::run(&image, &[]);
    container.until_health("healthy");
    assert!(container.last_health().1.starts_with("healthy: http http://localhost:8080/healthz: 200 OK"));
}

#[test]
fn the_image_of_the_example_service_builds_unchanged() {
    if !engine::is_there() {
        return;
    }
    let image = Image::from_file("examples/service/Dockerfile");
    let container = Container::run(&image, &[]);
    container.until_health("healthy");
}
