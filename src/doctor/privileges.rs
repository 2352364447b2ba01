//! Privileges that the process may not need: root, capabilities, ways to gain more, system calls.
//! capabilities(7), seccomp(2).

use super::finding::{Finding, Level, first_of};
use super::{Case, Request};
use crate::procfs::capabilities::{DOCKER_DEFAULT, names};
use crate::procfs::id_map::{is_mapped, ranges};

/// The most capabilities that are named.
const MAX_NAMED: usize = 6;

pub(super) fn diagnose(case: &mut Case<'_>, _: &Request) {
    // The privileges of porthole itself do not matter.
    if case.is_fallback {
        return;
    }
    let status = case.status.clone();
    let (path, shown) = (case.path("status"), case.process.shown());
    // With its own user namespace it is root only there.
    let is_mapped = is_mapped(&ranges(case.handle, "uid_map"));
    if status.known.ids && status.uids[1] == 0 && !is_mapped {
        case.add(
            Finding::new(Level::Hint, format!("{shown} runs as root"))
                .seen(&path, "Uid: 0")
                .kubernetes("securityContext: {runAsNonRoot: true, runAsUser: 65532, runAsGroup: 65532}")
                .docker("USER 65532:65532 in the Dockerfile, or --user 65532:65532"),
        );
    }
    let beyond = names(status.cap_permitted & !DOCKER_DEFAULT);
    if !beyond.is_empty() && !is_mapped {
        let listed = first_of(beyond, MAX_NAMED);
        case.add(
            Finding::new(
                Level::Hint,
                format!("{shown} has capabilities that Docker does not give by default: {listed}"),
            )
            .seen(&path, format!("CapPrm: {:016x}", status.cap_permitted))
            .kubernetes("securityContext: {privileged: false, capabilities: {drop: [\"ALL\"]}}")
            .docker("--cap-drop ALL, and no --privileged"),
        );
    }
    if status.known.no_new_privs && !status.no_new_privs {
        case.add(
            Finding::new(Level::Hint, format!("{shown} may gain privileges by executing programs"))
                .seen(&path, "NoNewPrivs: 0")
                .kubernetes("securityContext.allowPrivilegeEscalation: false")
                .docker("--security-opt no-new-privileges"),
        );
    }
    if status.known.seccomp && status.seccomp == 0 {
        case.add(
            Finding::new(Level::Hint, format!("{shown} may make any system call"))
                .seen(&path, "Seccomp: 0")
                .kubernetes("securityContext.seccompProfile: {type: RuntimeDefault}")
                .docker("no --security-opt seccomp=unconfined, no --privileged"),
        );
    }
}
