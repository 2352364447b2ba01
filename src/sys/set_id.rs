//! Whether this program has more privileges than whoever started it, because of its file: what the
//! kernel passes in the auxiliary vector, getauxval(3).
//!
//! AT_SECURE alone does not tell: a security module may set it for an ordinary program too, when an
//! engine starts one in a container (SELinux without the permission noatsecure, AppArmor).

use nix::libc::{self, AT_EGID, AT_EUID, AT_GID, AT_SECURE, AT_UID, c_int, c_ulong, getauxval};

/// The version of the structures of capget(2) that has 64 capabilities: linux/capability.h.
const VERSION: u32 = 0x2008_0522;

/// Returns whether the effective user or group is not the real one, as execve(2) makes it for a
/// set-user-ID or set-group-ID program. It costs no system call.
pub fn is_set_id() -> bool {
    // SAFETY: it only reads what the kernel put above the stack.
    let id = |kind| unsafe { getauxval(kind) };
    id(AT_UID) != id(AT_EUID) || id(AT_GID) != id(AT_EGID)
}

/// Returns whether the file of this program has given it capabilities, capabilities(7): it has some
/// that are not ambient, and is not root's. It costs no system call unless AT_SECURE is set.
pub fn has_file_capabilities() -> bool {
    // SAFETY: it only reads what the kernel put above the stack.
    let is_candidate = unsafe { getauxval(AT_SECURE) != 0 && getauxval(AT_UID) != 0 };
    is_candidate && permitted().is_some_and(|permitted| permitted & !ambient(permitted) != 0)
}

/// Returns the permitted capabilities of this thread.
fn permitted() -> Option<u64> {
    let header = [VERSION, 0];
    // Twice the effective, permitted and inheritable ones, of which each has 32.
    let mut sets = [0_u32; 6];
    // SAFETY: the kernel reads the header and writes the sets, in its own layout.
    let done = unsafe { libc::syscall(libc::SYS_capget, header.as_ptr(), sets.as_mut_ptr()) };
    let [_, low, _, _, high, _] = sets;
    (done == 0).then_some(u64::from(low) | u64::from(high) << 32)
}

/// Returns which of these capabilities are ambient: execve(2) keeps those, whatever the file has.
fn ambient(of: u64) -> u64 {
    // SAFETY: the call reads and writes no memory.
    let is_ambient = |bit: &u32| unsafe {
        libc::prctl(libc::PR_CAP_AMBIENT, libc::PR_CAP_AMBIENT_IS_SET as c_int, c_ulong::from(*bit), 0, 0)
            == 1
    };
    (0..u64::BITS).filter(|bit| of >> bit & 1 == 1).filter(is_ambient).fold(0, |set, bit| set | 1 << bit)
}
