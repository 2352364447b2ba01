//! Builds without inspections say how to run them from another container.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::process::Command;

use crate::support::command::{binary, output, porthole};

/// The line of a debug container, as far as it is the same on every machine.
fn docker(command: &str) -> String {
    let us = fs::metadata("/proc/self").unwrap();
    let name = fs::read_to_string("/proc/sys/kernel/hostname").unwrap();
    let name = name.trim();
    let is_id = name.len() == 12 && name.bytes().all(|digit| digit.is_ascii_hexdigit());
    let name = if is_id { name } else { "NAME" };
    format!(
        "docker run --rm -it --pid container:{name} --network container:{name} --user {}:{} porthole {command}",
        us.uid(),
        us.gid()
    )
}

#[test]
#[cfg_attr(feature = "inspect", ignore = "only for builds without inspect: scripts/suite.sh BINARY")]
fn what_looks_at_a_container_can_be_run_beside_it() {
    let missing = "is not in this build; the full build of porthole has it";
    for (arguments, command) in [("doctor", "doctor"), ("ps aux", "ps"), ("help access", "access")] {
        porthole(arguments.split(' '))
            .refused(&format!("{command} {missing}; run it beside this container: {}", docker(command)));
    }
    for (arguments, option) in
        [("tcp 1 --explain", "tcp: --explain"), ("unix /x --explain", "unix: --explain")]
    {
        porthole(arguments.split(' '))
            .refused(&format!("{option} {missing}; or see porthole doctor: {}", docker("doctor")));
    }
    let ran = porthole(["doctor"]).env("KUBERNETES_SERVICE_HOST", "10.0.0.1").run();
    let (_, line) = ran.stderr.split_once("; run it beside this container: kubectl debug ").unwrap();
    let (pod, rest) = line.split_once(' ').unwrap();
    assert_eq!(
        rest,
        format!(
            "--image=porthole --target=CONTAINER --profile=general -- /porthole doctor; \
             then kubectl logs {pod} --container=NAME, the name that kubectl debug shows\n"
        ),
        "{}",
        ran.story()
    );
}

/// An engine keeps what a probe prints; a person is told how to go on.
#[test]
#[cfg_attr(feature = "inspect", ignore = "only for builds without inspect: scripts/suite.sh BINARY")]
fn a_failed_check_on_a_terminal_points_to_doctor() {
    porthole(["file", "/none"]).unhealthy("unhealthy: file /none: no such file or directory");
    let on_terminal = |words: &str| {
        let line = format!("{} {words}", binary());
        output(Command::new("script").args(["-qec", &line, "/dev/null"])).stdout
    };
    let hint = format!("porthole: to find out why: {}", docker("doctor"));
    assert!(on_terminal("file /none").contains(&hint));
    assert!(!on_terminal("file /none -q").contains("to find out why"));
    assert!(!on_terminal("file /").contains("to find out why"));
}
