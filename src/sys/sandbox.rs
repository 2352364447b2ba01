//! The sandbox of the checks: a seccomp filter, seccomp(2), which the process installs for all of its
//! threads before it opens a first connection, or looks at other processes. From then on, a fault in
//! the code that reads an answer is of little use to whoever sent the answer.
//!
//! - Calls that checks make are allowed. Files can be opened, but not for writing; sockets are IPv4,
//!   IPv6, Unix or netlink; memory is never executable; `clone` makes threads only. Anything else in
//!   these calls ends the process.
//! - So does what only an attack would try: running a program, tracing a process, mounting, loading
//!   a module, the keyring, another namespace.
//! - All other calls fail with ENOSYS, as in a kernel that does not have them. openat2(2) is one of
//!   them, because a filter cannot see whether it opens for writing.
//!
//! What a check needs beyond that, it does before: it reads the files with names and certificates,
//! and opens the log. The check `file` makes no connection and is not sealed: it opens by openat2.
//!
//! The filter is a constant, so that it costs two system calls and hardly any instructions. Where
//! the kernel has no seccomp, or an engine's own filter refuses it, there is no sandbox, and checks
//! work as they do without one.

#![allow(
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the filter is built by the compiler, where neither can happen unseen"
)]

use std::sync::Once;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use nix::libc::{self, Ioctl, c_int, c_long, sock_filter, sock_fprog};

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
    // For all threads; and without the mitigation of speculative stores that kernels before 5.16
    // add to each filter, which slows the process down: proc_pid_status(5), Speculation_Store_Bypass.
    let flags = libc::SECCOMP_FILTER_FLAG_TSYNC | libc::SECCOMP_FILTER_FLAG_SPEC_ALLOW;
    // SAFETY: neither call writes to memory of this process.
    unsafe {
        // Without privileges, a filter needs this: no program that is run later gains any.
        libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
        libc::syscall(libc::SYS_seccomp, libc::SECCOMP_SET_MODE_FILTER, flags, &raw const program);
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
    libc::SYS_fcntl,
    libc::SYS_sendto,
    libc::SYS_ppoll,
    libc::SYS_connect,
    libc::SYS_getsockopt,
    libc::SYS_setsockopt,
    libc::SYS_getsockname,
    libc::SYS_getpeername,
    libc::SYS_shutdown,
    libc::SYS_sendmsg,
    libc::SYS_recvmsg,
    libc::SYS_write,
    libc::SYS_writev,
    libc::SYS_readv,
    libc::SYS_pread64,
    libc::SYS_preadv2,
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
    libc::SYS_prlimit64,
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

/// A call that is allowed depending on one of its arguments.
struct Filtered {
    number: c_long,
    /// Which argument, from 0. The filter sees its low 32 bits.
    argument: u32,
    allowed: Allowed,
}

/// The values that the argument may have.
enum Allowed {
    /// None of these bits is set.
    Without(u32),
    /// All of these bits are set.
    With(u32),
    /// It is one of these.
    OneOf(&'static [u32]),
}

/// The flags of open(2) that change files. O_TMPFILE has the bit of O_DIRECTORY too, which does
/// not.
const WRITING: u32 = bits(libc::O_WRONLY | libc::O_RDWR | libc::O_CREAT | libc::O_TRUNC | libc::O_APPEND)
    | bits(libc::O_TMPFILE & !libc::O_DIRECTORY);

const FILTERED: &[Filtered] = &[
    Filtered { number: libc::SYS_openat, argument: 2, allowed: Allowed::Without(WRITING) },
    #[cfg(target_arch = "x86_64")]
    Filtered { number: libc::SYS_open, argument: 1, allowed: Allowed::Without(WRITING) },
    Filtered {
        number: libc::SYS_socket,
        argument: 0,
        allowed: Allowed::OneOf(&[
            bits(libc::AF_UNIX),
            bits(libc::AF_INET),
            bits(libc::AF_INET6),
            bits(libc::AF_NETLINK),
        ]),
    },
    Filtered { number: libc::SYS_mmap, argument: 2, allowed: Allowed::Without(bits(libc::PROT_EXEC)) },
    Filtered { number: libc::SYS_mprotect, argument: 2, allowed: Allowed::Without(bits(libc::PROT_EXEC)) },
    // A thread, not a process.
    Filtered { number: libc::SYS_clone, argument: 0, allowed: Allowed::With(bits(libc::CLONE_THREAD)) },
    // The size of a terminal, whether something is one (glibc's isatty), and whether reading waits:
    // nothing that types into a terminal.
    Filtered {
        number: libc::SYS_ioctl,
        argument: 1,
        allowed: Allowed::OneOf(&[request(libc::TIOCGWINSZ), request(libc::TCGETS), request(libc::FIONBIO)]),
    },
    // Whether there is a process, and no signal.
    Filtered { number: libc::SYS_kill, argument: 1, allowed: Allowed::OneOf(&[0]) },
    // abort(3), and no other signal.
    Filtered { number: libc::SYS_tkill, argument: 1, allowed: Allowed::OneOf(&[bits(libc::SIGABRT)]) },
    Filtered { number: libc::SYS_tgkill, argument: 2, allowed: Allowed::OneOf(&[bits(libc::SIGABRT)]) },
    // The name of a thread.
    Filtered { number: libc::SYS_prctl, argument: 0, allowed: Allowed::OneOf(&[bits(libc::PR_SET_NAME)]) },
];

/// What ends the process. All of it would fail anyway: what is tried here is an attack, and the
/// kernel logs its end. audit(8), SECCOMP.
const KILLED: &[c_long] = &[
    libc::SYS_execve,
    libc::SYS_execveat,
    libc::SYS_ptrace,
    libc::SYS_process_vm_readv,
    libc::SYS_process_vm_writev,
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

/// AUDIT_ARCH_X86_64 and AUDIT_ARCH_AARCH64 of linux/audit.h: the machine in elf.h, of 64 bits,
/// little-endian.
#[cfg(target_arch = "x86_64")]
const ARCHITECTURE: u32 = 0xc000_003e;
#[cfg(target_arch = "aarch64")]
const ARCHITECTURE: u32 = 0xc000_00b7;

/// Where struct seccomp_data of linux/seccomp.h has the number of the call, the architecture, and
/// the arguments of 8 bytes each.
const NUMBER: u32 = 0;
const MACHINE: u32 = 4;
const ARGUMENTS: u32 = 16;

/// The instructions of linux/filter.h.
const LOAD: u32 = libc::BPF_LD | libc::BPF_W | libc::BPF_ABS;
const JUMP: u32 = libc::BPF_JMP | libc::BPF_JA;
const JUMP_IF_EQUAL: u32 = libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K;
const JUMP_IF_ANY: u32 = libc::BPF_JMP | libc::BPF_JSET | libc::BPF_K;
const AND: u32 = libc::BPF_ALU | libc::BPF_AND | libc::BPF_K;
const RETURN: u32 = libc::BPF_RET | libc::BPF_K;

const KILL: u32 = libc::SECCOMP_RET_KILL_PROCESS;
const ALLOW: u32 = libc::SECCOMP_RET_ALLOW;
const FAIL: u32 = libc::SECCOMP_RET_ERRNO | bits(libc::ENOSYS);

/// The filter.
static PROGRAM: [sock_filter; LENGTH] = BUILT.0;
const LENGTH: usize = build::<1024>().1;
const BUILT: ([sock_filter; LENGTH], usize) = build::<LENGTH>();

/// Returns the filter, and its length.
const fn build<const N: usize>() -> ([sock_filter; N], usize) {
    let mut program = Program { code: [instruction(0, 0, 0, 0); N], length: 0 };
    // Since 5.11 the kernel tries all of its calls on a new filter, to remember which are allowed
    // whatever their arguments are. That takes a quarter of a check's time, for calls of which a
    // check makes twenty. It does not try a filter that looks at an argument first.
    program.add(LOAD, 0, 0, ARGUMENTS);
    program.add(LOAD, 0, 0, MACHINE);
    program.add(JUMP_IF_EQUAL, 1, 0, ARCHITECTURE);
    program.add(RETURN, 0, 0, KILL);
    program.add(LOAD, 0, 0, NUMBER);
    // Those of the x32 ABI have other numbers, seccomp(2): they are in no list, and fail.
    program.each(ALLOWED, ALLOW);
    let mut at = 0;
    while at < FILTERED.len() {
        program.filtered(&FILTERED[at]);
        at += 1;
    }
    program.each(KILLED, KILL);
    program.add(RETURN, 0, 0, FAIL);
    (program.code, program.length)
}

/// A filter that is being built. Instructions after the first `N` are only counted.
struct Program<const N: usize> {
    code: [sock_filter; N],
    length: usize,
}

impl<const N: usize> Program<N> {
    const fn add(&mut self, code: u32, if_true: usize, if_false: usize, operand: u32) {
        if self.length < N {
            self.code[self.length] = instruction(code, if_true, if_false, operand);
        }
        self.length += 1;
    }

    /// These calls have this result.
    const fn each(&mut self, calls: &[c_long], result: u32) {
        let mut at = 0;
        while at < calls.len() {
            self.add(JUMP_IF_EQUAL, calls.len() - at, 0, number(calls[at]));
            at += 1;
        }
        self.add(JUMP, 0, 0, 1);
        self.add(RETURN, 0, 0, result);
    }

    /// This call is allowed, or ends the process.
    const fn filtered(&mut self, call: &Filtered) {
        let length = match call.allowed {
            Allowed::Without(_) => 4,
            Allowed::With(_) => 5,
            Allowed::OneOf(values) => values.len() + 3,
        };
        self.add(JUMP_IF_EQUAL, 0, length, number(call.number));
        self.add(LOAD, 0, 0, ARGUMENTS + 8 * call.argument);
        match call.allowed {
            Allowed::Without(bits) => self.add(JUMP_IF_ANY, 0, 1, bits),
            Allowed::With(bits) => {
                self.add(AND, 0, 0, bits);
                self.add(JUMP_IF_EQUAL, 1, 0, bits);
            }
            Allowed::OneOf(values) => {
                let mut at = 0;
                while at < values.len() {
                    self.add(JUMP_IF_EQUAL, values.len() - at, 0, values[at]);
                    at += 1;
                }
            }
        }
        self.add(RETURN, 0, 0, KILL);
        self.add(RETURN, 0, 0, ALLOW);
    }
}

/// Returns an instruction. The lists are short: what does not fit fails to compile.
const fn instruction(code: u32, if_true: usize, if_false: usize, operand: u32) -> sock_filter {
    assert!(if_true < 256 && if_false < 256, "a jump is of one byte");
    sock_filter { code: code as u16, jt: if_true as u8, jf: if_false as u8, k: operand }
}

/// Returns the number of a call, which is of 32 bits in struct seccomp_data.
const fn number(call: c_long) -> u32 {
    call as u32
}

/// The same bits without a sign.
const fn bits(flags: c_int) -> u32 {
    flags.cast_unsigned()
}

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

    /// Makes the call in a process of its own, in the sandbox.
    fn end_of(call: c_long, arguments: [c_long; 4]) -> End {
        // SAFETY: the child makes system calls only, which are safe after fork(2).
        let child = match unsafe { fork() }.unwrap() {
            ForkResult::Parent { child } => child,
            // SAFETY: no call of the table writes to memory that is in use.
            ForkResult::Child => unsafe {
                install();
                let [a, b, c, d] = arguments;
                let result = libc::syscall(call, a, b, c, d);
                let is_missing = result == -1 && Errno::last() == Errno::ENOSYS;
                libc::syscall(libc::SYS_exit_group, c_long::from(is_missing));
                libc::_exit(2)
            },
        };
        match waitpid(child, None).unwrap() {
            WaitStatus::Exited(_, 0) => End::Made,
            WaitStatus::Exited(_, 1) => End::Missing,
            WaitStatus::Signaled(_, Signal::SIGSYS, _) => End::Killed,
            other => panic!("unexpected end: {other:?}"),
        }
    }

    fn word(flags: c_int) -> c_long {
        c_long::from(flags)
    }

    #[test]
    fn only_what_checks_do_is_allowed() {
        use End::{Killed, Made, Missing};
        let path = c"/dev/null".as_ptr() as c_long;
        let open = |flags: c_int| (libc::SYS_openat, [word(libc::AT_FDCWD), path, word(flags), 0o600]);
        let socket = |family: c_int| (libc::SYS_socket, [word(family), word(libc::SOCK_DGRAM), 0, 0]);
        let map = |protection: c_int| (libc::SYS_mprotect, [0, 4096, word(protection), 0]);
        let cases = [
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
            ("readable memory", map(libc::PROT_READ), Made),
            ("executable memory", map(libc::PROT_READ | libc::PROT_EXEC), Killed),
            ("run a program", (libc::SYS_execve, [path, 0, 0, 0]), Killed),
            ("make a process", (libc::SYS_clone, [word(libc::SIGCHLD), 0, 0, 0]), Killed),
            ("make one as clone3 does", (libc::SYS_clone3, [0; 4]), Missing),
            ("trace", (libc::SYS_ptrace, [16, 1, 0, 0]), Killed),
            ("mount", (libc::SYS_mount, [path, path, 0, 0]), Killed),
            ("load a module", (libc::SYS_finit_module, [-1, path, 0, 0]), Killed),
            ("use the keyring", (libc::SYS_keyctl, [0; 4]), Killed),
            ("leave a namespace", (libc::SYS_unshare, [0; 4]), Killed),
            ("ask whether a process is there", (libc::SYS_kill, [1, 0, 0, 0]), Made),
            ("end a process", (libc::SYS_kill, [word(c_int::MAX), word(libc::SIGKILL), 0, 0]), Killed),
            (
                "ask whether it is a terminal",
                (libc::SYS_ioctl, [0, request(libc::TCGETS).into(), 0, 0]),
                Made,
            ),
            ("type into a terminal", (libc::SYS_ioctl, [0, request(libc::TIOCSTI).into(), path, 0]), Killed),
            ("trace itself less", (libc::SYS_prctl, [word(libc::PR_SET_DUMPABLE), 1, 0, 0]), Killed),
            ("remove a file", (libc::SYS_unlinkat, [word(libc::AT_FDCWD), 0, 0, 0]), Missing),
            ("wait for connections", (libc::SYS_listen, [-1, 1, 0, 0]), Missing),
            ("a call of the future", (5000, [0; 4]), Missing),
        ];
        for (what, (call, arguments), expected) in cases {
            assert_eq!(end_of(call, arguments), expected, "{what}");
        }
    }
}
