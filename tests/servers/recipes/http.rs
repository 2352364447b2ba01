//! Recipes for servers that report their health over HTTP, and for what is in front of them.

use std::path::Path;

use super::{from_pypi, recipe};
use crate::amqp::rabbitmq;
use crate::daemon::{Daemon, installed, open_folder};
use crate::nginx::nginx;
use crate::support::server::{Server, answer, closed_port, response};

/// Starts a server that answers each request with this status and body, as the documentation of the
/// real server says.
fn stand_in(status: &str, body: &str) -> Server {
    Server::new(answer(response(status, body)))
}

#[test]
fn etcd() {
    let Some(program) = installed("etcd") else { return };
    let peers = [closed_port(), closed_port()];
    let cluster = format!("a=http://127.0.0.1:{},b=http://127.0.0.1:{}", peers[0], peers[1]);
    let member = |name: &str, peer: u16, client: u16| {
        let (peer, client) = (format!("http://127.0.0.1:{peer}"), format!("http://127.0.0.1:{client}"));
        let arguments = [
            ["--name", name],
            ["--initial-cluster", &cluster],
            ["--listen-peer-urls", &peer],
            ["--initial-advertise-peer-urls", &peer],
            ["--listen-client-urls", &client],
            ["--advertise-client-urls", &client],
        ];
        Daemon::start(open_folder(), &program, arguments.as_flattened(), |_| {})
    };
    let port = closed_port();
    let mut first = member("a", peers[0], port);
    let second = member("b", peers[1], closed_port());
    first.until_listening(port);
    let recipe = || recipe("etcd").port(2379, port);
    first.until("the cluster has a leader", || recipe().run().run().status == Some(0));
    recipe().healthy(&format!("http http://localhost:{port}/health: 200 OK in <T>"));
    drop(second);
    first.until("there is no leader", || recipe().run().run().status == Some(1));
    recipe().unhealthy(&format!(
        "http http://localhost:{port}/health: 503 Service Unavailable, expected 200-399; body: {{\"health\":\"false\"}}"
    ));
}

#[test]
fn elasticsearch() {
    let server = stand_in("200 OK", r#"{"cluster_name":"c","status":"yellow","timed_out":false}"#);
    let target =
        format!("http://localhost:{}/_cluster/health?wait_for_status=yellow&timeout=1s", server.port());
    recipe("elasticsearch").port(9200, server.port()).healthy(&format!("http {target}: 200 OK in <T>"));
    let asked = server.asked().concat();
    assert!(asked.contains("GET /_cluster/health?wait_for_status=yellow&timeout=1s HTTP/1.1\r\n"), "{asked}");
    // It depends on the version whether it answers 408 or 200.
    for status in ["408 Request Timeout", "200 OK"] {
        let server = stand_in(status, r#"{"cluster_name":"c","status":"red","timed_out":true}"#);
        let ran = recipe("elasticsearch").port(9200, server.port()).run().run();
        assert_eq!(ran.status, Some(1), "{}", ran.story());
    }
}

#[test]
fn vault() {
    for (status, is_healthy) in [
        ("200 OK", true),
        ("429 Too Many Requests", true),
        ("472 Unknown", true),
        ("473 Unknown", true),
        ("474 Unknown", false),
        ("501 Not Implemented", false),
        ("503 Service Unavailable", false),
        ("530 Unknown", false),
    ] {
        let server = stand_in(status, "{}");
        let ran = recipe("vault").port(8200, server.port()).run().run();
        assert_eq!(ran.status, Some(i32::from(!is_healthy)), "{}", ran.story());
    }
}

#[test]
fn keycloak() {
    let server = stand_in("200 OK", r#"{"status": "UP", "checks": []}"#);
    let target = format!("http http://localhost:{}/health/ready", server.port());
    recipe("keycloak").port(9000, server.port()).healthy(&format!("{target}: 200 OK in <T>"));
    let server = stand_in("503 Service Unavailable", r#"{"status": "DOWN", "checks": []}"#);
    let ran = recipe("keycloak").port(9000, server.port()).run().run();
    assert!(ran.stdout.contains("DOWN") && ran.status == Some(1), "{}", ran.story());
}

#[test]
fn django() {
    let Some(python) = from_pypi("python") else { return };
    let (folder, port) = (open_folder(), closed_port());
    // CommonMiddleware looks at the host.
    let program = format!(
        "from django.conf import settings\n\
         from django.core.management import execute_from_command_line\n\
         from django.http import HttpResponse\n\
         from django.urls import path\n\
         urlpatterns = [path('healthz', lambda request: HttpResponse('ok'))]\n\
         if __name__ == '__main__':\n    \
             settings.configure(ALLOWED_HOSTS=['app.example'], ROOT_URLCONF='app',\n        \
                 MIDDLEWARE=['django.middleware.common.CommonMiddleware'])\n    \
             execute_from_command_line(['app.py', 'runserver', '--noreload', '127.0.0.1:{port}'])\n"
    );
    std::fs::write(folder.join("app.py"), program).unwrap();
    let mut daemon = Daemon::start(folder, &python, ["app.py"], |_| {});
    daemon.until_listening(port);
    let recipe = || recipe("django").port(8000, port);
    recipe().healthy(&format!("http http://localhost:{port}/healthz: 200 OK in <T>"));
    let ran = recipe().with("app.example", "localhost").run().run();
    assert!(ran.stdout.contains(": 400 Bad Request, ") && ran.status == Some(1), "{}", ran.story());
}

#[test]
fn rabbitmq_alarms() {
    let (port, management) = (closed_port(), closed_port());
    let settings = format!(
        "management.tcp.ip = 127.0.0.1\nmanagement.tcp.port = {management}\n\
         default_user = monitor\ndefault_pass = secret\ndefault_user_tags.monitoring = true\n"
    );
    let Some(mut broker) = rabbitmq(port, &settings, "rabbitmq_management") else { return };
    broker.daemon.until_listening(management);
    let secret = broker.daemon.folder.join("secret");
    std::fs::write(&secret, "secret\n").unwrap();
    let recipe = || {
        recipe("rabbitmq_alarms")
            .port(15672, management)
            .with("/run/secrets/rabbitmq", secret.to_str().unwrap())
    };
    let target = format!("http http://localhost:{management}/api/health/checks/alarms");
    recipe().healthy(&format!("{target}: 200 OK in <T>"));
    // In bytes; more than any disk has free.
    broker.control(&["set_disk_free_limit", "1000000000000000"]);
    let ran = recipe().run().run();
    assert!(ran.stdout.contains("503 Service Unavailable") && ran.stdout.contains("disk"), "{}", ran.story());
    broker.daemon.signal(nix::sys::signal::Signal::SIGKILL);
}

#[test]
fn nginx_proxy_protocol() {
    let Some(program) = installed("nginx") else { return };
    let port = closed_port();
    let server = format!(
        "server {{ listen 127.0.0.1:{port} proxy_protocol; location = /healthz {{ return 200 ok; }} }}"
    );
    let mut daemon = nginx(&program, open_folder(), &server);
    daemon.until_listening(port);
    recipe("nginx_proxy_protocol")
        .port(8080, port)
        .healthy(&format!("http http://localhost:{port}/healthz: 200 OK in <T>"));
}

/// Starts HAProxy with a frontend on this port.
fn haproxy(program: &Path, port: u16, frontend: &str) -> Daemon {
    let folder = open_folder();
    let file = folder.join("haproxy.cfg");
    let settings = format!(
        "defaults\n    mode http\n    timeout client 5s\n    timeout server 5s\n    timeout connect 5s\n\
         frontend f\n    bind 127.0.0.1:{port} accept-proxy\n    monitor-uri /healthz\n{frontend}\n"
    );
    std::fs::write(&file, settings).unwrap();
    let mut daemon = Daemon::start(folder, program, ["-db", "-f", file.to_str().unwrap()], |_| {});
    daemon.until_listening(port);
    daemon
}

#[test]
fn haproxy_proxy_protocol() {
    let Some(program) = installed("haproxy") else { return };
    let port = closed_port();
    let daemon = haproxy(&program, port, "");
    let target = |port: u16| format!("http http://localhost:{port}/healthz");
    recipe("haproxy_proxy_protocol").port(8080, port).healthy(&format!("{}: 200 OK in <T>", target(port)));
    drop(daemon);
    let port = closed_port();
    let _daemon = haproxy(&program, port, "    monitor fail if TRUE");
    let ran = recipe("haproxy_proxy_protocol").port(8080, port).run().run();
    assert!(ran.stdout.contains("503 Service Unavailable") && ran.status == Some(1), "{}", ran.story());
}
