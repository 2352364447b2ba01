//! What porthole may not read of the process, which rule forbids it, and what would help.
//! ptrace(2), proc(5).

use super::finding::{Finding, Level};
use super::{Case, PROC_FILE_LIMIT, Request};
use crate::procfs::handle::Handle;
use crate::procfs::process::hiding_option;
use crate::procfs::status::{Barrier, foreign};
use crate::text::{Shown as _, decode};

/// How a file of a process in proc is accessed.
#[derive(Clone, Copy)]
enum Access {
    Read,
    List,
    Follow,
}

/// The files that are guarded by ptrace's read access.
const GUARDED: [(&str, Access); 6] = [
    ("environ", Access::Read),
    ("exe", Access::Follow),
    ("cwd", Access::Follow),
    ("root", Access::Follow),
    ("fd", Access::List),
    ("ns/mnt", Access::Follow),
];

/// Changes to the container that runs porthole which give it CAP_SYS_PTRACE.
const KUBERNETES_PTRACE: &str = "kubectl debug --target=CONTAINER --profile=general (adds SYS_PTRACE), and --custom with a securityContext of runAsUser: 0, runAsNonRoot: false";
const DOCKER_PTRACE: &str = "--cap-add SYS_PTRACE --user 0 for the container that runs porthole";

pub(super) fn diagnose(case: &mut Case<'_>, _: &Request) {
    hidden(case);
    let denied: Vec<&str> = GUARDED
        .into_iter()
        .filter(|&(name, access)| is_denied(case.handle, name, access))
        .map(|(name, _)| name)
        .collect();
    let Some(first) = denied.first() else {
        for what in std::mem::take(&mut case.skipped) {
            case.unread.push(format!("{what}: the files of {} cannot be read", case.process.shown()).into());
        }
        return;
    };
    let barrier = case.own_status.barrier(&case.status);
    let mut what =
        format!("cannot read {} of {}: {}", denied.join(", "), case.process.shown(), rule(case, barrier));
    if !case.skipped.is_empty() {
        what.push_str("; not checked for that reason: ");
        what.push_str(&case.skipped.join(", "));
    }
    let finding = Finding::new(Level::Warning, what).seen(case.path(first), "permission denied");
    let finding = with_remedy(case, with_credentials(case, finding), barrier);
    case.add(with_other_causes(case, finding, barrier));
}

/// Returns the rule that forbids access, in words.
fn rule(case: &Case<'_>, barrier: Barrier) -> String {
    let (uids, gids) = (&case.status.uids, &case.status.gids);
    let (user, group) = (case.own_status.uids[3], case.own_status.gids[3]);
    match barrier {
        Barrier::User => format!("it runs as user {}, porthole as {user}", foreign(uids, user)),
        Barrier::Group => format!("it runs as group {}, porthole as {group}", foreign(gids, group)),
        Barrier::Capabilities => "it has capabilities that porthole lacks".to_owned(),
        Barrier::Dumpable => "it is not dumpable, or in another user namespace".to_owned(),
        Barrier::Mode => {
            let uid = uids[0];
            format!("it runs as user {uid}, porthole as {user}, and only its own user may read them")
        }
        Barrier::Beyond => "although porthole has CAP_SYS_PTRACE".to_owned(),
    }
}

/// Adds the credentials of both processes as evidence.
fn with_credentials(case: &Case<'_>, finding: Finding) -> Finding {
    let own_path = case.target.proc.join("self/status").shown();
    let (theirs, own) = (&case.status, &case.own_status);
    let credentials =
        |uid, gid, set, capabilities| format!("Uid: {uid}, Gid: {gid}, {set}: {capabilities:016x}");
    let finding = finding
        .seen(
            case.path("status"),
            credentials(theirs.uids[0], theirs.gids[0], "CapPrm", theirs.cap_permitted),
        )
        .seen(&own_path, credentials(own.uids[3], own.gids[3], "CapEff", own.cap_effective));
    if !own.has_unused_ptrace() {
        return finding;
    }
    let bounding = own.cap_bounding;
    finding.seen(own_path, format!("CapBnd: {bounding:016x}: SYS_PTRACE is there, but only root can use it"))
}

/// Adds what to change so that porthole may read the files.
fn with_remedy(case: &Case<'_>, finding: Finding, barrier: Barrier) -> Finding {
    match barrier {
        Barrier::User | Barrier::Group => match case.own_status.would_pass_as(&case.status) {
            Some((uid, gid)) => finding
                .kubernetes(format!("for the container that runs porthole: securityContext: {}; or {KUBERNETES_PTRACE}", run_as(uid, gid)))
                .docker(format!("--user {uid}:{gid}, or {DOCKER_PTRACE}")),
            None => finding.kubernetes(KUBERNETES_PTRACE).docker(DOCKER_PTRACE),
        },
        Barrier::Mode => finding
            .kubernetes("for the container that runs porthole: securityContext.capabilities.add: [\"SYS_PTRACE\", \"DAC_READ_SEARCH\"]")
            .docker("--cap-add SYS_PTRACE --cap-add DAC_READ_SEARCH for the container that runs porthole"),
        Barrier::Capabilities => finding
            .kubernetes(format!("for the inspected container: securityContext.capabilities.drop: [\"ALL\"]; or {KUBERNETES_PTRACE}"))
            .docker(format!("--cap-drop ALL for the inspected container, or {DOCKER_PTRACE}")),
        Barrier::Dumpable => finding
            .kubernetes(KUBERNETES_PTRACE)
            .docker(DOCKER_PTRACE)
            .application("make the binary readable (chmod +r), without file capabilities; no prctl(PR_SET_DUMPABLE, 0)"),
        Barrier::Beyond => finding,
    }
}

/// Returns the security context that runs a container with these ids. In a pod with
/// `runAsNonRoot: true` a container of user 0 starts only if it overrides that.
fn run_as(uid: u32, gid: u32) -> String {
    let root = if uid == 0 { ", runAsNonRoot: false" } else { "" };
    format!("{{runAsUser: {uid}, runAsGroup: {gid}{root}}}")
}

/// Adds other possible causes: another user namespace or, as a guess, a security module.
fn with_other_causes(case: &Case<'_>, finding: Finding, barrier: Barrier) -> Finding {
    if !matches!(barrier, Barrier::Beyond | Barrier::Dumpable) {
        return finding;
    }
    let Ok(own) = case.target.ourselves() else { return finding };
    let text = |process: &Handle, name: &str| {
        let text = process.read(name, PROC_FILE_LIMIT).unwrap_or_default();
        let text = decode(&text).replace('\0', "");
        text.split_whitespace().collect::<Vec<_>>().join(" ")
    };
    let (theirs, ours) = (text(case.handle, "uid_map"), text(&own, "uid_map"));
    if theirs != ours {
        return finding
            .seen(
                case.path("uid_map"),
                format!("{theirs}, porthole's is {ours}: it is in another user namespace"),
            )
            .kubernetes("run porthole in the same pod (hostUsers: false gives each its own), or on the node")
            .docker("run porthole on the host, or in a container without its own --userns");
    }
    if barrier != Barrier::Beyond {
        return finding;
    }
    let (theirs, ours) = (text(case.handle, "attr/current"), text(&own, "attr/current"));
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

/// Reports processes of other users that proc does not even list.
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
            format!("pid 1 is not visible in {proc}, so {} is examined instead", case.process.shown()),
        )
        .seen(proc, if is_there { "no access to 1" } else { "no directory 1" })
        .seen(case.target.proc.join("self/mountinfo").shown(), says)
        .kubernetes(
            "for the container that runs porthole: securityContext.runAsUser: that of the application",
        )
        .docker("--user of the application, or root with --cap-add SYS_PTRACE"),
    );
}

/// Whether access to this file of the process is denied.
fn is_denied(process: &Handle, name: &str, access: Access) -> bool {
    let error = match access {
        Access::Read => process.read(name, 1).err(),
        Access::List => process.each(name, &mut |_| {}).err(),
        Access::Follow => process.link(name).err(),
    };
    error.is_some_and(|error| error.is_denied())
}
