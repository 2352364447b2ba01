//! Privileges the process does not need.

use super::{STATUS, World};

#[test]
fn unneeded_privileges_are_hints() {
    let status = STATUS
        .replace("Uid:\t65532\t65532", "Uid:\t0\t0")
        .replace("CapPrm:\t0", "CapPrm:\t00000000a82425fb")
        .replace("NoNewPrivs:\t1", "NoNewPrivs:\t0")
        .replace("Seccomp:\t2", "Seccomp:\t0");
    let world = World::new();
    world.file("1/status", status).prints(
        &[],
        0,
        "hint: pid 1 (server) runs as root\n    \
             seen: @/1/status: Uid: 0\n    \
             Kubernetes: securityContext: {runAsNonRoot: true, runAsUser: 65532, runAsGroup: 65532}\n    \
             Docker: USER 65532:65532 in the Dockerfile, or --user 65532:65532\n\
         hint: pid 1 (server) has capabilities that Docker does not give by default: cap_sys_admin\n    \
             seen: @/1/status: CapPrm: 00000000a82425fb\n    \
             Kubernetes: securityContext: {privileged: false, capabilities: {drop: [\"ALL\"]}}\n    \
             Docker: --cap-drop ALL, and no --privileged\n\
         hint: pid 1 (server) may gain privileges by executing programs\n    \
             seen: @/1/status: NoNewPrivs: 0\n    \
             Kubernetes: securityContext.allowPrivilegeEscalation: false\n    \
             Docker: --security-opt no-new-privileges\n\
         hint: pid 1 (server) may make any system call\n    \
             seen: @/1/status: Seccomp: 0\n    \
             Kubernetes: securityContext.seccompProfile: {type: RuntimeDefault}\n    \
             Docker: no --security-opt seccomp=unconfined, no --privileged\n\
         pid 1 (server): 4 hints",
    );
    // In its own user namespace it is root only there.
    let ran = world.file("1/uid_map", "0 100000 65536\n").run(&[]);
    assert!(ran.stdout.ends_with("pid 1 (server): 2 hints\n"), "{}", ran.story());
}
