//! PID 1 and SIGTERM, shells as PID 1, zombies. pid_namespaces(7), signal(7), wait(2).

use super::finding::{Finding, Level};
use super::{Case, PROC_FILE_LIMIT, Request};
use crate::bytes::find;
use crate::procfs::all::{Look, Seen, ancestors, stat_of};
use crate::procfs::handle::Handle;
use crate::procfs::status::Status;
use crate::text::{Shown as _, decode};
use crate::view::application::{INITS, is_named};

/// SIGTERM and SIGINT, their bits in a set of signals.
const SIGTERM: u64 = 1 << 14;
/// See [`SIGTERM`].
const SIGINT: u64 = 1 << 1;
/// The names of shells. A shell handles a signal only after the command that it runs has ended.
const SHELLS: [&str; 7] = ["sh", "bash", "dash", "ash", "zsh", "ksh", "fish"];
/// Programs besides [`INITS`] that run as PID 1 and handle signals, even if proc does not show it.
const OTHER_INITS: [&str; 2] = ["pause", "s6-svscan"];
/// The most processes that are named.
const MAX_NAMED: usize = 5;

/// The option of Docker that runs an init as PID 1.
const INIT_OPTION: &str = "--init (in Compose: init: true)";

pub(super) fn diagnose(case: &mut Case<'_>, _: &Request) {
    if case.is_fallback {
        return only_porthole(case);
    }
    let Status { blocked, ignored, .. } = case.status;
    if blocked & !ignored & SIGTERM != 0 {
        sigterm_blocked(case);
    } else if case.is_init() {
        sigterm_unhandled(case);
    }
    zombies(case);
}

/// Adds a hint if no process but porthole is visible. Processes that are hidden are reported with
/// the rule that hides them.
fn only_porthole(case: &mut Case<'_>) {
    if stat_of(case.all, 1).is_none() {
        return;
    }
    let what = "only porthole itself is visible: the application is in another pid namespace";
    case.add(
        Finding::new(Level::Hint, what)
            .seen(case.target.proc.shown(), case.process.shown())
            .kubernetes("kubectl debug --target=CONTAINER (targetContainerName), or shareProcessNamespace: true of the pod")
            .docker("--pid container:NAME, or docker exec NAME /porthole doctor; if it does not stay up: --volumes-from NAME"),
    );
}

/// Adds a finding if PID 1 does not handle SIGTERM, which is how a container is stopped.
fn sigterm_unhandled(case: &mut Case<'_>) {
    let status = &case.status;
    let ignored = status.ignored & SIGTERM != 0;
    let caught = status.caught & SIGTERM != 0;
    // A process that waits in sigwait(3) does not block the signal while it waits (do_sigtimedwait
    // in the kernel's signal.c).
    let sleeps_in = || case.handle.read("wchan", 64).unwrap_or_default();
    let waits = !ignored
        && (is_init_program(&case.process.name)
            // The compiler may append a suffix to the function's name.
            || find(&sleeps_in(), b"sigtimedwait").is_some());
    // A process that has a handler may forward the signal, even a shell.
    if caught || waits || !status.known.signals {
        return;
    }
    let command = case.handle.read("cmdline", 4096).unwrap_or_default();
    let is_shell = is_shell(&command);
    let seen = if ignored {
        format!("SigIgn: {:016x} has SIGTERM", status.ignored)
    } else {
        format!("SigCgt: {:016x} and SigIgn: {:016x} lack SIGTERM", status.caught, status.ignored)
    };
    let kill = "so it is killed when the grace period ends";
    let shown = case.process.shown();
    let finding = if is_shell {
        let what = format!("{shown} is a shell, which does not pass SIGTERM on to the application, {kill}");
        let command = command.split(|&b| b == 0).filter(|word| !word.is_empty());
        let mut line = Vec::new();
        let mut masked = crate::redact::Masker::default();
        for word in command {
            line.extend_from_slice(if line.is_empty() { b"" } else { b" " });
            masked.push(&mut line, word);
        }
        Finding::new(Level::Warning, what)
            .seen(case.path("cmdline"), decode(&line))
            .seen(case.path("status"), seen)
            .docker(
                "ENTRYPOINT [\"/application\"] in exec form, or at the end of the script: exec /application",
            )
            .kubernetes("command: [\"/application\"] without sh -c")
    } else {
        let what = if ignored {
            format!("{shown} ignores SIGTERM, {kill}")
        } else {
            format!(
                "{shown} has no handler for SIGTERM, and the kernel does not deliver it to PID 1 without one, {kill}"
            )
        };
        Finding::new(Level::Warning, what)
            .seen(case.path("status"), seen)
            .application("handle SIGTERM: stop accepting requests, finish the pending ones, exit")
    };
    let finding = if is_shell {
        finding
    } else if status.caught & SIGINT != 0 {
        finding
            .docker("STOPSIGNAL SIGINT in the Dockerfile or --stop-signal SIGINT, for which it has a handler")
    } else if ignored {
        finding
    } else {
        // SIGTERM ends any process but PID 1 by default.
        finding
            .docker(INIT_OPTION)
            .kubernetes("shareProcessNamespace: true, so that the application is not the first process")
    };
    case.add(finding);
}

/// Whether this is the name of a program that is known to handle signals as PID 1.
fn is_init_program(name: &[u8]) -> bool {
    is_named(name, &INITS) || is_named(name, &OTHER_INITS)
}

/// Adds a finding if SIGTERM is blocked and never received.
fn sigterm_blocked(case: &mut Case<'_>) {
    let is_lost = |case: &Case<'_>| receives_blocked(case.handle) == Some(false);
    // A process that calls sigwait(3) in a loop blocks the signal between two calls.
    if is_init_program(&case.process.name) || !is_lost(case) {
        return;
    }
    case.wait();
    if !is_lost(case) {
        return;
    }
    let what = format!(
        "{} blocks SIGTERM and never waits for it, so it is killed when the grace period ends",
        case.process.shown()
    );
    let seen = format!("SigBlk: {:016x} has SIGTERM, in every thread", case.status.blocked);
    case.add(
        Finding::new(Level::Warning, what)
            .seen(case.path("status"), seen)
            .seen(case.path("fd"), "no signalfd(2) for it")
            .application("unblock it at startup with sigprocmask(2): the signal mask is inherited across fork(2) and execve(2)"),
    );
}

/// Whether a process whose first thread blocks SIGTERM receives it in another thread, with
/// sigwait(3) or with signalfd(2). `None` if that is not known.
fn receives_blocked(process: &Handle) -> Option<bool> {
    let names = |folder: &str| {
        let mut names = Vec::new();
        let visit = &mut |name: &[u8]| names.extend(std::str::from_utf8(name).map(str::to_owned));
        process.each(folder, visit).ok().map(|()| names)
    };
    for thread in names("task")? {
        let status =
            Status::parse(&process.read(&["task/", &thread, "/status"].concat(), PROC_FILE_LIMIT).ok()?);
        // A running thread may be about to call sigwait(3) or pselect(2), which unblock the signal
        // while they wait.
        if !status.known.signals || status.state == 'R' {
            return None;
        }
        if status.blocked & SIGTERM == 0 {
            return Some(true);
        }
    }
    for fd in names("fd")? {
        match process.link(&["fd/", &fd].concat()) {
            Ok(target) if target == b"anon_inode:[signalfd]" => {}
            // Root may list the links although it may not follow them.
            Err(error) if error.is_denied() => return None,
            _ => continue,
        }
        let info = process.read(&["fdinfo/", &fd].concat(), PROC_FILE_LIMIT).ok()?;
        let mask = info.split(|&b| b == b'\n').find_map(|line| line.strip_prefix(b"sigmask:"))?;
        let mask = std::str::from_utf8(mask.trim_ascii()).ok()?;
        if u64::from_str_radix(mask, 16).ok()? & SIGTERM != 0 {
            return Some(true);
        }
    }
    Some(false)
}

/// Whether this is the command line of a shell: `/bin/sh /entry.sh`, which is also what a script
/// has that was started by its own name, or `busybox sh`.
fn is_shell(command: &[u8]) -> bool {
    let mut words = command.split(|&b| b == 0);
    let mut name = || words.next().map(|word| word.rsplit(|&b| b == b'/').next().unwrap_or_default());
    let first = name().unwrap_or_default();
    // The name of a login shell begins with a dash.
    let first = first.strip_prefix(b"-").unwrap_or(first);
    is_named(first, &SHELLS) || first == b"busybox" && name().is_some_and(|second| is_named(second, &SHELLS))
}

/// Adds findings for zombies among its descendants, grouped by the parent that has not waited for
/// them.
fn zombies(case: &mut Case<'_>) {
    let parent = |pid| stat_of(case.all, pid).map(|stat| stat.ppid);
    // The pid of its parent, its own pid, and when it started. A process of which only the first
    // thread has ended is not a zombie yet.
    let zombies = |all: &[Seen]| -> Vec<(u32, u32, u64)> {
        let stats = all.iter().filter_map(|seen| Some((seen.pid, seen.stat.as_ref().ok()?)));
        let zombies = stats.filter(|(_, stat)| stat.is_zombie() && stat.threads < 2);
        zombies.map(|(pid, stat)| (stat.ppid, pid, stat.start)).collect()
    };
    let mut lasting = zombies(case.all);
    lasting.retain(|(ppid, ..)| ancestors(*ppid, &parent).contains(&case.handle.pid));
    if lasting.is_empty() {
        return;
    }
    case.wait();
    let Ok(list) = case.target.processes() else { return };
    let mut later = zombies(&Look::new().stats(&list));
    later.sort_unstable();
    lasting.retain(|zombie| later.binary_search(zombie).is_ok());
    lasting.sort_unstable();
    for group in lasting.chunk_by(|(a, ..), (b, ..)| a == b).take(MAX_NAMED) {
        let Some((parent, ..)) = group.first() else { continue };
        let name = |pid: u32| stat_of(case.all, pid).map_or_else(|| "?".into(), |stat| decode(&stat.name));
        let (count, s) = (group.len(), if group.len() == 1 { "" } else { "s" });
        let parent_shown = format!("pid {parent} ({})", name(*parent));
        let mut finding = Finding::new(
            Level::Warning,
            format!(
                "{count} zombie{s}, which {parent_shown} does not wait for: each counts against the pids limit"
            ),
        );
        for (_, pid, _) in group.iter().take(MAX_NAMED) {
            let path = case.target.proc.join(pid.to_string()).join("stat");
            finding = finding.seen(path.shown(), format!("pid {pid} ({}), state Z", name(*pid)));
        }
        if count > MAX_NAMED {
            finding = finding.seen(case.target.proc.shown(), format!("{} more", count - MAX_NAMED));
        }
        finding = finding
            .application(format!("{parent_shown} must wait for its children (wait(2), or SIGCHLD ignored)"));
        if *parent == case.handle.pid && case.is_init() {
            // Orphans become children of PID 1. Nothing in proc tells them from its own children.
            finding = finding
                .docker(format!("{INIT_OPTION}, which reaps orphans, but not the application's own children"))
                .kubernetes("shareProcessNamespace: true, so that the pause process reaps orphans");
        }
        case.add(finding);
    }
}
