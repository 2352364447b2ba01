//! The first process and SIGTERM, a shell in its place, zombies. pid_namespaces(7), signal(7), wait(2).

use super::finding::{Finding, Level};
use super::{Asked, Case, INITS, LIMIT, ancestors, is_named, stat_of};
use crate::bytes::find;
use crate::procfs::all::{Look, Seen};
use crate::procfs::handle::Handle;
use crate::procfs::status::Status;
use crate::text::{Shown as _, decode};

/// SIGTERM and SIGINT, their bits in a set of signals.
const SIGTERM: u64 = 1 << 14;
/// See [`SIGTERM`].
const SIGINT: u64 = 1 << 1;
/// The names of shells, which wait for what they started before they act on a signal.
const SHELLS: [&str; 7] = ["sh", "bash", "dash", "ash", "zsh", "ksh", "fish"];
/// First processes besides [`INITS`] that wait for signals, whatever may be seen of that.
const OTHERS: [&str; 2] = ["pause", "s6-svscan"];
/// The most processes that are named.
const NAMED: usize = 5;

/// An init in front of the application.
const INIT: &str = "--init (in Compose: init: true)";

pub(super) fn look(case: &mut Case<'_>, _: &Asked) {
    if case.is_makeshift {
        return alone(case);
    }
    let Status { blocked, ignored, .. } = case.status;
    if blocked & !ignored & SIGTERM != 0 {
        self::blocked(case);
    } else if case.is_init() {
        signals(case);
    }
    zombies(case);
}

/// What to do where there is nobody but ourselves. That others are hidden is said with the rule that hides them.
fn alone(case: &mut Case<'_>) {
    if stat_of(case.all, 1).is_none() {
        return;
    }
    let what = "only porthole itself is visible: the application is in another pid namespace";
    case.add(
        Finding::new(Level::Hint, what)
            .seen(case.target.proc.shown(), case.known.shown())
            .kubernetes("kubectl debug --target=CONTAINER (targetContainerName), or shareProcessNamespace: true of the pod")
            .docker("--pid container:NAME, or docker exec NAME /porthole doctor"),
    );
}

/// What becomes of the SIGTERM by which a container is stopped.
fn signals(case: &mut Case<'_>) {
    let status = &case.status;
    let ignored = status.ignored & SIGTERM != 0;
    let caught = status.caught & SIGTERM != 0;
    // What waits for it, sigwait(3), does not block it as long as it waits (do_sigtimedwait in the kernel's signal.c).
    let sleeps_in = || case.process.read("wchan", 64).unwrap_or_default();
    let waits = !ignored
        && (is_waiting(&case.known.name)
            // The compiler may have given the function another end.
            || find(&sleeps_in(), b"sigtimedwait").is_some());
    // What has a handler for it may pass it on, a shell too.
    if caught || waits || !status.known.signals {
        return;
    }
    let command = case.process.read("cmdline", 4096).unwrap_or_default();
    let is_shell = is_shell(&command);
    let seen = if ignored {
        format!("SigIgn: {:016x} has SIGTERM", status.ignored)
    } else {
        format!("SigCgt: {:016x} and SigIgn: {:016x} lack SIGTERM", status.caught, status.ignored)
    };
    let kill = "so it is killed when the grace period ends";
    let shown = case.known.shown();
    let finding = if is_shell {
        let what = format!("{shown} is a shell, which does not pass SIGTERM on to the application, {kill}");
        let command = command.split(|&b| b == 0).filter(|word| !word.is_empty());
        let mut line = Vec::new();
        let mut masked = crate::redact::Masked::default();
        for word in command {
            line.extend_from_slice(if line.is_empty() { b"" } else { b" " });
            masked.push(&mut line, word);
        }
        Finding::new(Level::Warning, what)
            .seen(case.path("cmdline"), decode(&line))
            .seen(case.path("status"), seen)
            .docker("ENTRYPOINT [\"/application\"] in its exec form, or at the end of the script: exec /application")
            .kubernetes("command: [\"/application\"] without sh -c")
    } else {
        let what = if ignored {
            format!("{shown} ignores SIGTERM, {kill}")
        } else {
            format!(
                "{shown} has no handler for SIGTERM, which the kernel does not deliver to the first process without one, {kill}"
            )
        };
        Finding::new(Level::Warning, what)
            .seen(case.path("status"), seen)
            .application("handle SIGTERM: stop taking requests, finish those there are, exit")
    };
    let finding = if is_shell {
        finding
    } else if status.caught & SIGINT != 0 {
        finding
            .docker("STOPSIGNAL SIGINT in the Dockerfile or --stop-signal SIGINT, for which it has a handler")
    } else if ignored {
        finding
    } else {
        // Of any other process SIGTERM at its default is the end.
        finding
            .docker(INIT)
            .kubernetes("shareProcessNamespace: true, so that the application is not the first process")
    };
    case.add(finding);
}

/// Whether this is the name of a program that waits for signals.
fn is_waiting(name: &[u8]) -> bool {
    is_named(name, &INITS) || is_named(name, &OTHERS)
}

/// SIGTERM that is blocked and never taken.
fn blocked(case: &mut Case<'_>) {
    let is_lost = |case: &Case<'_>| takes_blocked(case.process) == Some(false);
    // Who comes back to sigwait(3) again and again blocks it in between.
    if is_waiting(&case.known.name) || !is_lost(case) {
        return;
    }
    case.wait();
    if !is_lost(case) {
        return;
    }
    let what = format!(
        "{} blocks SIGTERM and does not wait for it in any other way, so it is killed when the grace period ends",
        case.known.shown()
    );
    let seen = format!("SigBlk: {:016x} has SIGTERM, in every thread", case.status.blocked);
    case.add(
        Finding::new(Level::Warning, what)
            .seen(case.path("status"), seen)
            .seen(case.path("fd"), "no signalfd(2) for it")
            .application("unblock it at the start, by sigprocmask(2): what a process blocks is inherited over fork(2) and execve(2), from what started it"),
    );
}

/// Whether SIGTERM, which the first thread blocks, is taken by another one, waited for, or read by signalfd(2); nothing
/// where that cannot be told.
fn takes_blocked(process: &Handle) -> Option<bool> {
    let names = |folder: &str| {
        let mut names = Vec::new();
        let visit = &mut |name: &[u8]| names.extend(std::str::from_utf8(name).map(str::to_owned));
        process.each(folder, visit).ok().map(|()| names)
    };
    for thread in names("task")? {
        let status = Status::parse(&process.read(&["task/", &thread, "/status"].concat(), LIMIT).ok()?);
        // What runs may be about to wait for it, which unblocks it for as long: so do sigwait(3) and pselect(2).
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
            // Root may list them where it may not follow them.
            Err(error) if error.is_denied() => return None,
            _ => continue,
        }
        let info = process.read(&["fdinfo/", &fd].concat(), LIMIT).ok()?;
        let mask = info.split(|&b| b == b'\n').find_map(|line| line.strip_prefix(b"sigmask:"))?;
        let mask = std::str::from_utf8(mask.trim_ascii()).ok()?;
        if u64::from_str_radix(mask, 16).ok()? & SIGTERM != 0 {
            return Some(true);
        }
    }
    Some(false)
}

/// Whether this command line is a shell's: `/bin/sh /entry.sh`, also where the script was started by its own name, or
/// `busybox sh`.
fn is_shell(command: &[u8]) -> bool {
    let mut words = command.split(|&b| b == 0);
    let mut name = || words.next().map(|word| word.rsplit(|&b| b == b'/').next().unwrap_or_default());
    let first = name().unwrap_or_default();
    // A login shell has a dash in front.
    let first = first.strip_prefix(b"-").unwrap_or(first);
    is_named(first, &SHELLS) || first == b"busybox" && name().is_some_and(|second| is_named(second, &SHELLS))
}

/// Processes below it that ended and that nobody asked about, by the one that should have.
fn zombies(case: &mut Case<'_>) {
    let parent = |pid| stat_of(case.all, pid).map(|stat| stat.ppid);
    // Its parent's number, its own, and when it started. A process whose first thread alone has ended is none yet.
    let zombies = |all: &[Seen]| -> Vec<(u32, u32, u64)> {
        let stats = all.iter().filter_map(|seen| Some((seen.pid, seen.stat.as_ref().ok()?)));
        let zombies = stats.filter(|(_, stat)| stat.is_zombie() && stat.threads < 2);
        zombies.map(|(pid, stat)| (stat.ppid, pid, stat.start)).collect()
    };
    let mut lasting = zombies(case.all);
    lasting.retain(|(ppid, ..)| ancestors(*ppid, &parent).contains(&case.process.pid));
    if lasting.is_empty() {
        return;
    }
    case.wait();
    let Ok(later) = Look::new().all(&case.target.proc) else { return };
    let mut later = zombies(&later);
    later.sort_unstable();
    lasting.retain(|zombie| later.binary_search(zombie).is_ok());
    lasting.sort_unstable();
    for group in lasting.chunk_by(|(a, ..), (b, ..)| a == b).take(NAMED) {
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
        for (_, pid, _) in group.iter().take(NAMED) {
            let path = case.target.proc.join(pid.to_string()).join("stat");
            finding = finding.seen(path.shown(), format!("pid {pid} ({}), state Z", name(*pid)));
        }
        if count > NAMED {
            finding = finding.seen(case.target.proc.shown(), format!("{} more", count - NAMED));
        }
        finding = finding
            .application(format!("{parent_shown} must wait for its children (wait(2), or SIGCHLD ignored)"));
        if *parent == case.process.pid && case.is_init() {
            // Orphans become children of the first process; whether it started them itself is nowhere to be seen.
            finding = finding
                .docker(format!(
                    "{INIT}, which waits for orphans, but not for what the application started itself"
                ))
                .kubernetes("shareProcessNamespace: true, where the pause process waits for orphans");
        }
        case.add(finding);
    }
}
