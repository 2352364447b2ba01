//! What of the process may not be looked at, which rule forbids it, and what would help. ptrace(2), proc(5).

use super::finding::{Finding, Level};
use super::{Asked, Case};
use crate::procfs::handle::Handle;
use crate::procfs::process::hiding_option;
use crate::procfs::status::{Barrier, foreign};
use crate::text::{Shown as _, decode};

/// What is guarded by ptrace's read access.
const GUARDED: [&str; 6] = ["environ", "exe", "cwd", "root", "fd", "ns/mnt"];

pub(super) fn look(case: &mut Case<'_>, _: &Asked) {
    hidden(case);
    let denied: Vec<&str> = GUARDED.into_iter().filter(|name| is_denied(case.process, name)).collect();
    let Some(first) = denied.first() else {
        for what in std::mem::take(&mut case.skipped) {
            case.unread.push(format!("{what}: the files of {} cannot be read", case.known.shown()).into());
        }
        return;
    };
    let barrier = case.ours.barrier(&case.status);
    let ([uid, ..], [gid, ..]) = (case.status.uids, case.status.gids);
    let ours = |name: &str| case.target.proc.join("self").join(name).shown();
    let (user, group) = (case.ours.uids[3], case.ours.gids[3]);
    let rule = match barrier {
        Barrier::User => format!("it runs as user {}, porthole as {user}", foreign(&case.status.uids, user)),
        Barrier::Group => {
            format!("it runs as group {}, porthole as {group}", foreign(&case.status.gids, group))
        }
        Barrier::Capabilities => "it has capabilities that porthole lacks".to_owned(),
        Barrier::Dumpable => "it is not dumpable, or in another user namespace".to_owned(),
        Barrier::Mode => {
            format!("it runs as user {uid}, porthole as {user}, and only its own user may read them")
        }
        Barrier::Beyond => "although porthole has CAP_SYS_PTRACE".to_owned(),
    };
    let mut what = format!("cannot read {} of {}: {rule}", denied.join(", "), case.known.shown());
    if !case.skipped.is_empty() {
        what.push_str("; not checked for that reason: ");
        what.push_str(&case.skipped.join(", "));
    }
    let mut finding = Finding::new(Level::Warning, what).seen(case.path(first), "permission denied");
    let ids = |case: &Case<'_>| {
        let (theirs, own) = (&case.status, &case.ours);
        [
            format!("Uid: {uid}, Gid: {gid}, CapPrm: {:016x}", theirs.cap_permitted),
            format!("Uid: {}, Gid: {}, CapEff: {:016x}", own.uids[3], own.gids[3], own.cap_effective),
        ]
    };
    let [theirs, own] = ids(case);
    finding = finding.seen(case.path("status"), theirs).seen(ours("status"), own);
    if case.ours.has_unused_ptrace() {
        let bounding =
            format!("CapBnd: {:016x}: SYS_PTRACE is there, but only root can use it", case.ours.cap_bounding);
        finding = finding.seen(ours("status"), bounding);
    }
    let ptrace_kubernetes = "kubectl debug --target=CONTAINER --profile=general (adds SYS_PTRACE), and --custom with a securityContext of runAsUser: 0, runAsNonRoot: false";
    let ptrace_docker = "--cap-add SYS_PTRACE --user 0 for the container that runs porthole";
    finding = match barrier {
        Barrier::User | Barrier::Group => match case.ours.would_pass_as(&case.status) {
            Some((uid, gid)) => finding
                .kubernetes(format!("for the container that runs porthole: securityContext: {}; or {ptrace_kubernetes}", run_as(uid, gid)))
                .docker(format!("--user {uid}:{gid}, or {ptrace_docker}")),
            None => finding.kubernetes(ptrace_kubernetes).docker(ptrace_docker),
        },
        Barrier::Mode => finding
            .kubernetes("for the container that runs porthole: securityContext.capabilities.add: [\"SYS_PTRACE\", \"DAC_READ_SEARCH\"]")
            .docker("--cap-add SYS_PTRACE --cap-add DAC_READ_SEARCH for the container that runs porthole"),
        Barrier::Capabilities => finding
            .kubernetes(format!("for the inspected container: securityContext.capabilities.drop: [\"ALL\"]; or {ptrace_kubernetes}"))
            .docker(format!("--cap-drop ALL for the inspected container, or {ptrace_docker}")),
        Barrier::Dumpable => finding
            .kubernetes(ptrace_kubernetes)
            .docker(ptrace_docker)
            .application("make the binary readable (chmod +r), without file capabilities; no prctl(PR_SET_DUMPABLE, 0)"),
        Barrier::Beyond => finding,
    };
    case.add(beyond(case, finding, barrier));
}

/// The ids for a container. In a pod with `runAsNonRoot: true` one with user 0 does not start unless it says otherwise.
fn run_as(uid: u32, gid: u32) -> String {
    let root = if uid == 0 { ", runAsNonRoot: false" } else { "" };
    format!("{{runAsUser: {uid}, runAsGroup: {gid}{root}}}")
}

/// What else may be the cause: another user namespace, or as a guess a security module.
fn beyond(case: &Case<'_>, finding: Finding, barrier: Barrier) -> Finding {
    if !matches!(barrier, Barrier::Beyond | Barrier::Dumpable) {
        return finding;
    }
    let Ok(own) = case.target.ourselves() else { return finding };
    let text = |process: &Handle, name: &str| {
        let text = process.read(name, super::LIMIT).unwrap_or_default();
        let text = decode(&text).replace('\0', "");
        text.split_whitespace().collect::<Vec<_>>().join(" ")
    };
    let (theirs, ours) = (text(case.process, "uid_map"), text(&own, "uid_map"));
    if theirs != ours {
        return finding
            .seen(
                case.path("uid_map"),
                format!("{theirs}, porthole's is {ours}: it is in another user namespace"),
            )
            .kubernetes("look from the same pod (hostUsers: false gives each its own), or from the node")
            .docker("look from the host, or from a container without --userns of its own");
    }
    if barrier != Barrier::Beyond {
        return finding;
    }
    let (theirs, ours) = (text(case.process, "attr/current"), text(&own, "attr/current"));
    let label = if theirs.is_empty() {
        "no readable label".to_owned()
    } else {
        format!("{theirs}, porthole's is {ours}")
    };
    finding
        .seen(
            case.path("attr/current"),
            format!("{label}: perhaps a security module (AppArmor, SELinux, Landlock) forbids it"),
        )
        .kubernetes("the same appArmorProfile and seLinuxOptions for both containers")
        .docker("the same --security-opt apparmor=, label= for both containers")
}

/// Whether other users' processes are not even listed.
fn hidden(case: &mut Case<'_>) {
    let is_seen = case.all.iter().any(|seen| seen.pid == 1);
    if !case.target.is_of_kernel() {
        return;
    }
    let option = hiding_option(&case.target.proc);
    if is_seen {
        if let Some(option) = option {
            let what =
                format!("processes of other users in {} ({option} of proc(5))", case.target.proc.shown());
            case.unread.push(what.into());
        }
        return;
    }
    let is_there = case.target.proc.join("1").exists();
    let proc = case.target.proc.shown();
    let says = option.unwrap_or_else(|| "no hidepid option: perhaps a security module hides it".to_owned());
    case.add(
        Finding::new(
            Level::Warning,
            format!("pid 1 is not visible in {proc}, so {} is examined instead", case.known.shown()),
        )
        .seen(proc, if is_there { "no access to 1" } else { "no directory 1" })
        .seen(case.target.proc.join("self/mountinfo").shown(), says)
        .kubernetes(
            "for the container that runs porthole: securityContext.runAsUser: that of the application",
        )
        .docker("--user of the application, or root with --cap-add SYS_PTRACE"),
    );
}

fn is_denied(process: &Handle, name: &str) -> bool {
    let error = match name {
        "environ" => process.read(name, 1).err(),
        "fd" => process.each(name, &mut |_| {}).err(),
        _ => process.link(name).err(),
    };
    error.is_some_and(|error| error.is_denied())
}
