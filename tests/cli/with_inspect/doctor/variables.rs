//! Variables of the application.

use super::World;
use crate::support::command::porthole;

#[test]
fn a_variable_that_names_a_port_without_a_listener_is_a_warning() {
    let world = World::new();
    world.holds_the_listener();
    let quiet = |environ: &str| {
        let ran = world.file("1/environ", environ).run(&[]);
        assert!(!ran.stdout.contains("names port"), "{environ:?}{}", ran.story());
    };
    quiet("PORT=8080\0");
    // What is of other servers, whatever it looks like.
    quiet("DB_PORT=5432\0REDIS_SERVICE_PORT=6379\0REDIS_PORT=tcp://10.0.0.5:6379\0PORT=tcp://10.0.0.6:80\0");
    quiet("ADDR=db:5432\0WEB_HOST=web\0WEB_PORT=81\0");
    world.file("1/environ", "PATH=/bin\0PORT=9090\0").prints(
        &[],
        0,
        "warning: PORT names port 9090, but nothing listens on it\n    \
             seen: @/1/environ: PORT names port 9090\n    \
             seen: @/1/net/tcp: LISTEN 0.0.0.0:8080\n    \
             Application: read PORT, or set the option that it reads instead, so that it listens on port 9090\n    \
             Docker: if 8080 is right: --env PORT=8080, and --publish HOST_PORT:8080\n    \
             Kubernetes: if 8080 is right: env: [{name: PORT, value: \"8080\"}], and 8080 as containerPort, as targetPort of the Service, and as port of the probes\n\
         pid 1 (server): 1 warning",
    );
    // Of an address or a URL only the port is to be changed.
    let ran = world.file("1/environ", "ASPNETCORE_URLS=http://+:5000\0").run(&[]);
    let change = "    Docker: if 8080 is right: --env with 8080 in place of 5000 in the value of ASPNETCORE_URLS, and --publish HOST_PORT:8080\n";
    assert!(ran.stdout.contains(change), "{}", ran.story());
    world.file("1/environ", "PATH=/bin\0PORT=9090\0");
    // If the port is expected, it is an error, and is said once.
    let ran = world.run(&["--expect-port", "9090"]);
    assert!(ran.stdout.ends_with("pid 1 (server): 1 error\n"), "{}", ran.story());
    // Nothing listens at all.
    world.file("1/net/tcp", "  sl  local_address\n").file("1/environ", "ASPNETCORE_URLS=http://+:5000\0");
    let ran = world.run(&[]);
    let start = "warning: ASPNETCORE_URLS names port 5000, but nothing listens on it\n";
    assert!(ran.stdout.starts_with(start), "{}", ran.story());
    assert!(ran.stdout.contains("net/tcp: pid 1 (server) listens on no TCP port\n"), "{}", ran.story());
    // A server may use UDP.
    let udp =
        "  sl  local_address\n 0: 00000000:1388 00000000:0000 07 00000000:00000000 00:0 0 0 0 7 2 0 0\n";
    world.file("1/net/udp", udp);
    quiet("ASPNETCORE_URLS=http://+:5000\0");
    // The images of .NET set it, also for programs that serve nothing.
    quiet("ASPNETCORE_HTTP_PORTS=8080\0");
}

#[test]
fn expected_variables_that_are_not_set_are_errors() {
    let world = World::new();
    world.file("1/environ", "DATABASE_URL=postgres://db\0EMPTY=\0api_key=x\0");
    let ran = world.run(&["--expect-env", "DATABASE_URL"]);
    assert_eq!(ran.status, Some(0), "{}", ran.story());
    world.prints(
        &["--expect-env", "EMPTY", "--expect-env", "API_KEY", "--expect-env", "MODE"],
        1,
        "error: the variable EMPTY of pid 1 (server) is empty\n    \
             seen: @/1/environ: EMPTY=\n    \
             Docker: --env EMPTY=VALUE, or --env-file FILE\n    \
             Kubernetes: env: [{name: EMPTY, value: VALUE}], or valueFrom or envFrom\n\
         error: the variable API_KEY of pid 1 (server) is not set\n    \
             seen: @/1/environ: no API_KEY, but api_key\n    \
             Docker: --env API_KEY=VALUE, or --env-file FILE\n    \
             Kubernetes: env: [{name: API_KEY, value: VALUE}], or valueFrom or envFrom\n\
         error: the variable MODE of pid 1 (server) is not set\n    \
             seen: @/1/environ: no MODE\n    \
             Docker: --env MODE=VALUE, or --env-file FILE\n    \
             Kubernetes: env: [{name: MODE, value: VALUE}], or valueFrom or envFrom\n\
         pid 1 (server): 3 errors",
    );
    for wrong in ["", "A=B"] {
        let why = format!("doctor: --expect-env: expected the name of a variable, got '{wrong}'");
        porthole(["doctor", "--expect-env", wrong]).refused(&why);
    }
}
