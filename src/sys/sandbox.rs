//! The sandbox of the checks: a seccomp filter, seccomp(2), which the process installs for all of its
//! threads before it opens a first connection, reads a file that it checks, or looks at other
//! processes. From then on, a fault in the code that reads an answer is of little use to whoever sent
//! the answer.
//!
//! - Calls that checks make are allowed. Files can be opened, but not for writing; sockets are TCP,
//!   UDP, Unix, or for sock_diag(7); memory is never executable; `clone` makes threads only. Anything
//!   else in these calls ends the process.
//! - So does what only an attack would try: running a program, tracing a process, sending a signal,
//!   mounting, loading a module, the keyring, another namespace.
//! - All other calls fail with ENOSYS, as in a kernel that does not have them. openat2(2) is one of
//!   them, because a filter cannot see whether it opens for writing. So is sendmsg(2), which can pass
//!   an open file to another process.
//!
//! What a check needs beyond that, it does before, such as opening the log. The check `file` is not
//! sealed if it only looks at the file, because it does that by openat2.
//!
//! The filter is a constant, so that it costs two system calls and hardly any instructions. Where
//! the kernel has no seccomp, or an engine's own filter refuses it, there is no sandbox, and checks
//! work as they do without one.

#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the filter is built by the compiler, where neither can happen unseen"
)]

mod filter;

use std::sync::Once;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use nix::errno::Errno;
use nix::libc::{self, Ioctl, c_int, c_long, c_ulong, sock_filter, sock_fprog};

use self::filter::{Condition, Filtered, Half, Lists, bits, build};

/// Whether [`seal`] may seal this process. Unit tests and fuzz targets, which connect too, must not
/// be sealed.
static IS_ARMED: AtomicBool = AtomicBool::new(false);

/// Lets [`seal`] seal this process: it runs checks, and nothing else.
pub fn arm() {
    IS_ARMED.store(true, Relaxed);
}

/// Seals all threads of this process, once, if it is armed.
pub fn seal() {
    static SEALED: Once = Once::new();
    if IS_ARMED.load(Relaxed) {
        SEALED.call_once(install);
    }
}

/// Installs the filter, if the kernel lets it.
fn install() {
    let Ok(len) = u16::try_from(PROGRAM.len()) else { return };
    // The kernel copies the filter, and does not write to it.
    let program = sock_fprog { len, filter: PROGRAM.as_ptr().cast_mut() };
    let filter = |flags: c_ulong| {
        // SAFETY: the call reads the filter, and writes to no memory of this process.
        unsafe { libc::syscall(libc::SYS_seccomp, libc::SECCOMP_SET_MODE_FILTER, flags, &raw const program) }
    };
    // Without privileges, a filter needs this: no program that is run later gains any.
    // SAFETY: the call reads and writes no memory.
    unsafe { libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) };
    // For all threads; and without the mitigation of speculative stores that kernels before 5.16
    // add to each filter, which slows the process down: proc_pid_status(5), Speculation_Store_Bypass.
    let everywhere = libc::SECCOMP_FILTER_FLAG_TSYNC;
    let result = filter(everywhere | libc::SECCOMP_FILTER_FLAG_SPEC_ALLOW);
    // gVisor, and kernels before 4.17, do not know the second flag.
    if result == -1 && Errno::last() == Errno::EINVAL {
        filter(everywhere);
    }
}

/// What checks do, the most frequent calls first: the filter compares one after the other.
const ALLOWED: &[c_long] = &[
    libc::SYS_recvfrom,
    libc::SYS_read,
    libc::SYS_close,
    libc::SYS_readlinkat,
    libc::SYS_getdents64,
    libc::SYS_fstat,
    libc::SYS_newfstatat,
    libc::SYS_statx,
    libc::SYS_sendto,
    libc::SYS_ppoll,
    libc::SYS_connect,
    libc::SYS_getsockopt,
    libc::SYS_getsockname,
    libc::SYS_getpeername,
    libc::SYS_shutdown,
    libc::SYS_write,
    libc::SYS_writev,
    libc::SYS_readv,
    libc::SYS_pread64,
    libc::SYS_lseek,
    libc::SYS_exit_group,
    libc::SYS_exit,
    libc::SYS_munmap,
    libc::SYS_mremap,
    libc::SYS_madvise,
    libc::SYS_brk,
    libc::SYS_futex,
    libc::SYS_rt_sigprocmask,
    libc::SYS_rt_sigaction,
    libc::SYS_rt_sigreturn,
    libc::SYS_sigaltstack,
    libc::SYS_set_robust_list,
    libc::SYS_rseq,
    libc::SYS_set_tid_address,
    libc::SYS_gettid,
    libc::SYS_getpid,
    libc::SYS_sched_yield,
    libc::SYS_sched_getaffinity,
    libc::SYS_clock_gettime,
    libc::SYS_gettimeofday,
    libc::SYS_clock_nanosleep,
    libc::SYS_nanosleep,
    libc::SYS_restart_syscall,
    libc::SYS_getrandom,
    libc::SYS_fstatfs,
    libc::SYS_statfs,
    libc::SYS_getcwd,
    libc::SYS_uname,
    libc::SYS_getuid,
    libc::SYS_geteuid,
    libc::SYS_getgid,
    libc::SYS_getegid,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_poll,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_stat,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_lstat,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_readlink,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_getdents,
];

/// The flags of open(2) that change files. O_TMPFILE has the bit of O_DIRECTORY too, which does
/// not.
const WRITING: u32 = bits(libc::O_WRONLY | libc::O_RDWR | libc::O_CREAT | libc::O_TRUNC | libc::O_APPEND)
    | bits(libc::O_TMPFILE & !libc::O_DIRECTORY);

/// The bits of a socket's type that are not flags: SOCK_TYPE_MASK of linux/net.h.
const SOCKET_TYPE: u32 = 0xf;

/// The flags of clone(2) for new namespaces, which a thread can have too.
const NAMESPACES: c_int = libc::CLONE_NEWNS
    | libc::CLONE_NEWCGROUP
    | libc::CLONE_NEWUTS
    | libc::CLONE_NEWIPC
    | libc::CLONE_NEWUSER
    | libc::CLONE_NEWPID
    | libc::CLONE_NEWNET;

const FILTERED: &[Filtered] = &[
    // No owner who gets signals (F_SETOWN), no lease, no lock; and a log that was opened for
    // appending stays so.
    Filtered {
        number: libc::SYS_fcntl,
        conditions: &[Condition::one_of(
            1,
            &[bits(libc::F_SETFD), bits(libc::F_GETFD), bits(libc::F_GETFL), bits(libc::F_DUPFD_CLOEXEC)],
        )],
    },
    Filtered { number: libc::SYS_openat, conditions: &[Condition::without(2, WRITING)] },
    #[cfg(target_arch = "x86_64")]
    Filtered { number: libc::SYS_open, conditions: &[Condition::without(1, WRITING)] },
    // TCP, UDP, Unix streams and sock_diag(7): no raw sockets, and nothing that configures the
    // network.
    Filtered {
        number: libc::SYS_socket,
        conditions: &[
            Condition::one_of(
                0,
                &[bits(libc::AF_INET), bits(libc::AF_INET6), bits(libc::AF_UNIX), bits(libc::AF_NETLINK)],
            ),
            Condition {
                half: Half::Low(1),
                mask: SOCKET_TYPE,
                values: &[bits(libc::SOCK_STREAM), bits(libc::SOCK_DGRAM)],
            },
            // With 0, the family decides; for netlink it would be NETLINK_ROUTE.
            Condition::one_of(2, &[0, bits(libc::NETLINK_SOCK_DIAG)]),
        ],
    },
    // TCP_NODELAY and SO_SNDTIMEO. The number of each is harmless at the other's level.
    Filtered {
        number: libc::SYS_setsockopt,
        conditions: &[
            Condition::one_of(1, &[bits(libc::IPPROTO_TCP), bits(libc::SOL_SOCKET)]),
            Condition::one_of(2, &[bits(libc::TCP_NODELAY), bits(libc::SO_SNDTIMEO)]),
        ],
    },
    Filtered { number: libc::SYS_mmap, conditions: &[Condition::without(2, bits(libc::PROT_EXEC))] },
    Filtered { number: libc::SYS_mprotect, conditions: &[Condition::without(2, bits(libc::PROT_EXEC))] },
    // A thread, not a process, and in the same namespaces.
    Filtered {
        number: libc::SYS_clone,
        conditions: &[Condition {
            half: Half::Low(0),
            mask: bits(libc::CLONE_THREAD | NAMESPACES),
            values: &[bits(libc::CLONE_THREAD)],
        }],
    },
    // The size of a terminal, whether something is one (glibc's isatty), and whether reading waits:
    // nothing that types into a terminal.
    Filtered {
        number: libc::SYS_ioctl,
        conditions: &[Condition::one_of(
            1,
            &[request(libc::TIOCGWINSZ), request(libc::TCGETS), request(libc::FIONBIO)],
        )],
    },
    // Whether there is a process, and no signal.
    Filtered { number: libc::SYS_kill, conditions: &[Condition::one_of(1, &[0])] },
    // Reading limits: the pointer to new ones, which may be another process's, is null.
    Filtered {
        number: libc::SYS_prlimit64,
        conditions: &[
            Condition::one_of(2, &[0]),
            Condition { half: Half::High(2), mask: u32::MAX, values: &[0] },
        ],
    },
    // The name of a thread.
    Filtered { number: libc::SYS_prctl, conditions: &[Condition::one_of(0, &[bits(libc::PR_SET_NAME)])] },
];

/// What ends the process. All of it would fail anyway: what is tried here is an attack, and the
/// kernel logs its end. audit(8), SECCOMP.
const KILLED: &[c_long] = &[
    libc::SYS_execve,
    libc::SYS_execveat,
    libc::SYS_ptrace,
    libc::SYS_process_vm_readv,
    libc::SYS_process_vm_writev,
    // In the static binaries, abort(3) sends no signal: fatal.rs.
    libc::SYS_tkill,
    libc::SYS_tgkill,
    libc::SYS_rt_sigqueueinfo,
    libc::SYS_rt_tgsigqueueinfo,
    libc::SYS_pidfd_send_signal,
    libc::SYS_mount,
    libc::SYS_move_mount,
    libc::SYS_unshare,
    libc::SYS_setns,
    libc::SYS_init_module,
    libc::SYS_finit_module,
    libc::SYS_bpf,
    libc::SYS_io_uring_setup,
    libc::SYS_add_key,
    libc::SYS_request_key,
    libc::SYS_keyctl,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_fork,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_vfork,
];

/// The filter.
static PROGRAM: [sock_filter; LENGTH] = BUILT.0;
const LENGTH: usize = build::<1024>(&LISTS).1;
const BUILT: ([sock_filter; LENGTH], usize) = build::<LENGTH>(&LISTS);
const LISTS: Lists = Lists { allowed: ALLOWED, filtered: FILTERED, killed: KILLED };

/// The request of an ioctl(2), which is of 32 bits in the kernel.
const fn request(request: Ioctl) -> u32 {
    request as u32
}

#[cfg(test)]
mod tests {
    use nix::errno::Errno;
    use nix::sys::signal::Signal;
    use nix::sys::wait::{WaitStatus, waitpid};
    use nix::unistd::{ForkResult, fork};

    use super::*;

    /// What becomes of a call in the sandbox.
    #[derive(Debug, PartialEq)]
    enum End {
        /// It reaches the kernel.
        Made,
        /// The kernel is said not to have it.
        Missing,
        /// The process is killed.
        Killed,
    }

    /// Makes a call in a process of its own, in the sandbox. The call tells whether it failed with
    /// ENOSYS.
    fn ended(call: impl FnOnce() -> bool) -> WaitStatus {
        // SAFETY: the child makes system calls only, which are safe after fork(2).
        let child = match unsafe { fork() }.unwrap() {
            ForkResult::Parent { child } => child,
            // SAFETY: neither call writes to memory.
            ForkResult::Child => unsafe {
                install();
                libc::syscall(libc::SYS_exit_group, c_long::from(call()));
                libc::_exit(2)
            },
        };
        waitpid(child, None).unwrap()
    }

    /// Returns what becomes of this call.
    fn end_of(call: c_long, arguments: [c_long; 4]) -> End {
        let [a, b, c, d] = arguments;
        // SAFETY: no call of the table writes to memory that is in use.
        let is_missing =
            || unsafe { libc::syscall(call, a, b, c, d) == -1 && Errno::last() == Errno::ENOSYS };
        match ended(is_missing) {
            WaitStatus::Exited(_, 0) => End::Made,
            WaitStatus::Exited(_, 1) => End::Missing,
            WaitStatus::Signaled(_, Signal::SIGSYS, _) => End::Killed,
            other => panic!("unexpected end: {other:?}"),
        }
    }

    fn word(flags: c_int) -> c_long {
        c_long::from(flags)
    }

    /// What is tried, the call and its arguments, and what has to become of it.
    type Case<'a> = (&'a str, (c_long, [c_long; 4]), End);

    #[track_caller]
    fn assert_ends(cases: &[Case<'_>]) {
        for (what, (call, arguments), expected) in cases {
            assert_eq!(end_of(*call, *arguments), *expected, "{what}");
        }
    }

    #[test]
    fn only_files_and_sockets_of_checks_are_allowed() {
        use End::{Killed, Made, Missing};
        let path = c"/dev/null".as_ptr() as c_long;
        let open = |flags: c_int| (libc::SYS_openat, [word(libc::AT_FDCWD), path, word(flags), 0o600]);
        let typed = |family: c_int, kind: c_int, protocol: c_int| {
            (libc::SYS_socket, [word(family), word(kind), word(protocol), 0])
        };
        let socket = |family: c_int| typed(family, libc::SOCK_DGRAM, 0);
        let control = |command: c_int, value: c_int| (libc::SYS_fcntl, [-1, word(command), word(value), 0]);
        let option = |level: c_int, name: c_int| (libc::SYS_setsockopt, [-1, word(level), word(name), 0]);
        assert_ends(&[
            ("read a file", open(libc::O_RDONLY | libc::O_CLOEXEC), Made),
            ("read a directory", open(libc::O_DIRECTORY), Made),
            ("write a file", open(libc::O_WRONLY), Killed),
            ("read and write a file", open(libc::O_RDWR), Killed),
            ("append to a file", open(libc::O_WRONLY | libc::O_APPEND), Killed),
            ("create a file", open(libc::O_CREAT), Killed),
            ("empty a file", open(libc::O_TRUNC), Killed),
            ("create a file without a name", open(libc::O_TMPFILE | libc::O_RDWR), Killed),
            ("open as openat2 does", (libc::SYS_openat2, [word(libc::AT_FDCWD), path, 0, 0]), Missing),
            ("an IPv4 socket", socket(libc::AF_INET), Made),
            ("an IPv6 socket", socket(libc::AF_INET6), Made),
            ("a Unix socket", socket(libc::AF_UNIX), Made),
            ("a packet socket", socket(libc::AF_PACKET), Killed),
            ("a socket of the kernel's crypto", socket(libc::AF_ALG), Killed),
            ("a socket to the host", socket(libc::AF_VSOCK), Killed),
            (
                "a socket that asks for sockets",
                typed(libc::AF_NETLINK, libc::SOCK_DGRAM | libc::SOCK_CLOEXEC, libc::NETLINK_SOCK_DIAG),
                Made,
            ),
            (
                "a socket that configures the firewall",
                typed(libc::AF_NETLINK, libc::SOCK_DGRAM, libc::NETLINK_NETFILTER),
                Killed,
            ),
            ("a raw socket", typed(libc::AF_INET, libc::SOCK_RAW, libc::IPPROTO_ICMP), Killed),
            ("a raw socket of another protocol", typed(libc::AF_INET, libc::SOCK_RAW, 4), Killed),
            ("an SCTP socket", typed(libc::AF_INET, libc::SOCK_STREAM, libc::IPPROTO_SCTP), Killed),
            ("send at once", option(libc::IPPROTO_TCP, libc::TCP_NODELAY), Made),
            ("limit the time of sending", option(libc::SOL_SOCKET, libc::SO_SNDTIMEO), Made),
            ("a filter of a socket", option(libc::SOL_SOCKET, libc::SO_ATTACH_FILTER), Killed),
            ("a table of the firewall", option(libc::IPPROTO_IP, 64), Killed),
            ("pass on an open file", (libc::SYS_sendmsg, [-1, 0, 0, 0]), Missing),
            ("get an open file", (libc::SYS_recvmsg, [-1, 0, 0, 0]), Missing),
            ("close a file when a program is run", control(libc::F_SETFD, libc::FD_CLOEXEC), Made),
            ("let a socket send signals", control(libc::F_SETOWN, 1), Killed),
            ("choose which signal", control(10, libc::SIGKILL), Killed),
            ("write to a log elsewhere than at its end", control(libc::F_SETFL, 0), Killed),
            ("remove a file", (libc::SYS_unlinkat, [word(libc::AT_FDCWD), 0, 0, 0]), Missing),
            ("wait for connections", (libc::SYS_listen, [-1, 1, 0, 0]), Missing),
        ]);
    }

    #[test]
    fn only_what_checks_do_to_processes_is_allowed() {
        use End::{Killed, Made, Missing};
        let path = c"/dev/null".as_ptr() as c_long;
        let map = |protection: c_int| (libc::SYS_mprotect, [0, 4096, word(protection), 0]);
        let thread = |flags: c_int| (libc::SYS_clone, [word(flags), 0, 0, 0]);
        let (nobody, abort) = (word(c_int::MAX), word(libc::SIGABRT));
        let limit = c_long::from(libc::RLIMIT_NOFILE);
        assert_ends(&[
            ("its own limits", (libc::SYS_prlimit64, [0, limit, 0, 0]), Made),
            ("limit a process", (libc::SYS_prlimit64, [1, limit, path, 0]), Killed),
            ("limit it from a round address", (libc::SYS_prlimit64, [1, limit, 1 << 32, 0]), Killed),
            ("readable memory", map(libc::PROT_READ), Made),
            ("executable memory", map(libc::PROT_READ | libc::PROT_EXEC), Killed),
            ("run a program", (libc::SYS_execve, [path, 0, 0, 0]), Killed),
            ("make a process", (libc::SYS_clone, [word(libc::SIGCHLD), 0, 0, 0]), Killed),
            // Without CLONE_VM the kernel refuses it.
            ("make a thread", thread(libc::CLONE_THREAD), Made),
            ("make one with another network", thread(libc::CLONE_THREAD | libc::CLONE_NEWNET), Killed),
            ("make one with other mounts", thread(libc::CLONE_THREAD | libc::CLONE_NEWNS), Killed),
            ("make one as clone3 does", (libc::SYS_clone3, [0; 4]), Missing),
            ("trace", (libc::SYS_ptrace, [16, 1, 0, 0]), Killed),
            ("mount", (libc::SYS_mount, [path, path, 0, 0]), Killed),
            ("load a module", (libc::SYS_finit_module, [-1, path, 0, 0]), Killed),
            ("use the keyring", (libc::SYS_keyctl, [0; 4]), Killed),
            ("leave a namespace", (libc::SYS_unshare, [0; 4]), Killed),
            ("ask whether a process is there", (libc::SYS_kill, [1, 0, 0, 0]), Made),
            ("end a process", (libc::SYS_kill, [nobody, word(libc::SIGKILL), 0, 0]), Killed),
            ("abort another process", (libc::SYS_tgkill, [nobody, nobody, abort, 0]), Killed),
            ("abort another thread", (libc::SYS_tkill, [nobody, abort, 0, 0]), Killed),
            ("queue a signal", (libc::SYS_rt_sigqueueinfo, [nobody, abort, 0, 0]), Killed),
            ("a call of the x32 ABI", (libc::SYS_getpid | 0x4000_0000, [0; 4]), Missing),
            (
                "ask whether it is a terminal",
                (libc::SYS_ioctl, [0, request(libc::TCGETS).into(), 0, 0]),
                Made,
            ),
            ("type into a terminal", (libc::SYS_ioctl, [0, request(libc::TIOCSTI).into(), path, 0]), Killed),
            ("trace itself less", (libc::SYS_prctl, [word(libc::PR_SET_DUMPABLE), 1, 0, 0]), Killed),
            ("a call of the future", (5000, [0; 4]), Missing),
        ]);
    }

    /// The numbers of 32-bit programs mean other calls: 11 is execve(2), not munmap(2).
    #[test]
    #[cfg(target_arch = "x86_64")]
    fn calls_of_32_bit_programs_end_the_process() {
        let end = ended(|| {
            let result: u64;
            // SAFETY: getpid(2) of i386 writes to no memory.
            unsafe { std::arch::asm!("int 0x80", inlateout("rax") 20_u64 => result) };
            result == u64::MAX
        });
        // A kernel without such calls sends SIGSEGV.
        assert!(matches!(end, WaitStatus::Signaled(_, Signal::SIGSYS | Signal::SIGSEGV, _)), "{end:?}");
    }
}
