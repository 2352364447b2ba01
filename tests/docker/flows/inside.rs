//! Inspection by `docker exec`, and from a second container.

use super::{
    Diagnosis, IN_ORDER, advice, assert_finding_in_manual, assert_in_manual, has_init, image, options,
};
use crate::engine::{self, Container};

#[test]
fn a_container_without_a_shell() {
    if !engine::is_there() || !has_init() {
        return;
    }
    let image = image();
    let secret = ["--env", "API_TOKEN=hunter2hunter2"];
    let container = Container::run(&image, &[&IN_ORDER[..], &secret].concat());
    container.until_listening(8080);
    let run = |words: &str| {
        let words: Vec<&str> = words.split(' ').collect();
        let (status, stdout, stderr) = container.exec(&words);
        assert_eq!((status, stderr.as_str()), (Some(0), ""), "{words:?}: {stdout}");
        stdout
    };
    let stdout = run("/porthole ps");
    assert!(stdout.contains("docker-init") && stdout.contains("  /service\n"), "{stdout}");
    let stdout = run("/porthole env");
    assert!(stdout.contains("API_TOKEN=<14 bytes>\n") && !stdout.contains("hunter2"), "{stdout}");
    let stdout = run("/porthole ls /");
    assert!(stdout.contains("  service\n") && stdout.contains("  porthole\n"), "{stdout}");
    let stdout = run("/porthole doctor --expect-port 8080 --expect-file /service");
    let diagnosis = Diagnosis::of(&container, &["--expect-port", "8080", "--expect-file", "/service"]);
    diagnosis.assert_in_order();
    assert_eq!(diagnosis.json["process"], "service");
    if diagnosis.findings().is_empty() {
        assert_in_manual(&stdout);
    }
}

/// The rules are those of ptrace(2): they depend on user and group, not on the other permissions of
/// the second container.
#[test]
fn from_a_second_container() {
    if !engine::is_there() || !has_init() {
        return;
    }
    let image = image();
    let target = Container::run(&image, &IN_ORDER);
    target.until_listening(8080);
    let of = format!("container:{}", target.0);
    let doctor = |options: &[&str], words: &[&str]| {
        let shared = ["--pid", &of, "--network", &of, "--read-only", "--entrypoint", "/porthole"];
        engine::once(&image, &[&shared, options].concat(), &[&["doctor"], words].concat())
    };
    let json = |options: &[&str]| Diagnosis::from(doctor(options, &["--json", "--expect-port", "8080"]));
    for (user, rule) in [
        ("65532:0", "it runs as group 65532, porthole as 0"),
        ("0:0", "it runs as user 65532, porthole as 0"),
        ("1000:1000", "it runs as user 65532, porthole as 1000"),
    ] {
        let diagnosis = json(&["--user", user]);
        let text = format!("{rule}; not checked for that reason: ");
        let seen = ["permission denied", "Uid: 65532, Gid: 65532, CapPrm: 0000000000000000", "CapEff: "];
        let finding = diagnosis.assert_finding("warning", &text, &seen);
        let what = finding["finding"].as_str().unwrap();
        assert!(what.contains("cannot read environ, ") && what.contains("free space and /tmp"), "{what}");
        // It is reported only once.
        assert_eq!((diagnosis.findings().len(), diagnosis.stderr.as_str()), (1, ""), "{}", diagnosis.json);
        // Either of the suggested changes makes everything visible.
        let change = advice(finding, "Docker");
        let [same_user, tracer] = change.split(", or ").collect::<Vec<_>>()[..] else { panic!("{change}") };
        assert_eq!((same_user, options(tracer)[0]), ("--user 65532:65532", "--cap-add"));
        json(&options(same_user)).assert_in_order();
    }
    let (_, stdout, _) = doctor(&["--user", "65532:0"], &[]);
    assert_finding_in_manual(&stdout, "cannot read environ");
    let diagnosis = json(&["--user", "0:0"]);
    let change =
        advice(diagnosis.find("cannot read environ").unwrap(), "Docker").split(", or ").nth(1).unwrap();
    json(&options(change)).assert_in_order();
    // The capability alone does not help a user other than root.
    let diagnosis = json(&["--user", "1000:1000", "--cap-add", "SYS_PTRACE"]);
    let seen =
        ["permission denied", "Uid: 65532", "Uid: 1000", "SYS_PTRACE is there, but only root can use it"];
    diagnosis.assert_finding("warning", "it runs as user 65532, porthole as 1000", &seen);
}
