//! Builds a seccomp filter as a constant: seccomp(2), and the instructions of linux/filter.h.

#![allow(
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the filter is built by the compiler, where neither can happen unseen"
)]

use nix::libc::{self, c_int, c_long, sock_filter};

/// What becomes of calls. Those in no list fail with ENOSYS.
pub struct Lists {
    /// They are allowed.
    pub allowed: &'static [c_long],
    /// They are allowed, or end the process.
    pub filtered: &'static [Filtered],
    /// They end the process.
    pub killed: &'static [c_long],
}

/// A call that is allowed depending on its arguments.
pub struct Filtered {
    pub number: c_long,
    /// All of them have to hold.
    pub conditions: &'static [Condition],
}

/// What has to be true of one half of an argument.
pub struct Condition {
    pub half: Half,
    /// Which of its bits are looked at.
    pub mask: u32,
    /// The values that these bits may have.
    pub values: &'static [u32],
}

/// Half of an argument, numbered from 0. The kernel uses only the low half of an argument that is an
/// `int` or `unsigned int`.
pub enum Half {
    Low(u32),
    High(u32),
}

impl Condition {
    /// The argument is one of these values.
    pub const fn one_of(argument: u32, values: &'static [u32]) -> Self {
        Condition { half: Half::Low(argument), mask: u32::MAX, values }
    }

    /// None of these bits of the argument is set.
    pub const fn without(argument: u32, bits: u32) -> Self {
        Condition { half: Half::Low(argument), mask: bits, values: &[0] }
    }
}

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
const AND: u32 = libc::BPF_ALU | libc::BPF_AND | libc::BPF_K;
const RETURN: u32 = libc::BPF_RET | libc::BPF_K;

const KILL: u32 = libc::SECCOMP_RET_KILL_PROCESS;
const ALLOW: u32 = libc::SECCOMP_RET_ALLOW;
const FAIL: u32 = libc::SECCOMP_RET_ERRNO | bits(libc::ENOSYS);

/// Returns the filter, and its length.
pub const fn build<const N: usize>(lists: &Lists) -> ([sock_filter; N], usize) {
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
    program.each(lists.allowed, ALLOW);
    let mut at = 0;
    while at < lists.filtered.len() {
        program.filtered(&lists.filtered[at]);
        at += 1;
    }
    program.each(lists.killed, KILL);
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
        let mut length = 1;
        let mut at = 0;
        while at < call.conditions.len() {
            length += Self::length(&call.conditions[at]);
            at += 1;
        }
        self.add(JUMP_IF_EQUAL, 0, length, number(call.number));
        at = 0;
        while at < call.conditions.len() {
            self.condition(&call.conditions[at]);
            at += 1;
        }
        self.add(RETURN, 0, 0, ALLOW);
    }

    /// The number of instructions of a condition.
    const fn length(condition: &Condition) -> usize {
        condition.values.len() + if condition.mask == u32::MAX { 2 } else { 3 }
    }

    /// If this does not hold, the process ends.
    const fn condition(&mut self, condition: &Condition) {
        let offset = match condition.half {
            Half::Low(argument) => ARGUMENTS + 8 * argument,
            Half::High(argument) => ARGUMENTS + 8 * argument + 4,
        };
        self.add(LOAD, 0, 0, offset);
        if condition.mask != u32::MAX {
            self.add(AND, 0, 0, condition.mask);
        }
        let values = condition.values;
        let mut at = 0;
        while at < values.len() {
            self.add(JUMP_IF_EQUAL, values.len() - at, 0, values[at]);
            at += 1;
        }
        self.add(RETURN, 0, 0, KILL);
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
pub const fn bits(flags: c_int) -> u32 {
    flags.cast_unsigned()
}
