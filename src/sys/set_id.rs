//! Whether this program was started as a set-user-ID or set-group-ID program: the IDs that the kernel
//! passes in the auxiliary vector, getauxval(3).

use nix::libc::{AT_EGID, AT_EUID, AT_GID, AT_UID, getauxval};

/// Returns whether the effective user or group is not the real one, as execve(2) makes it for a
/// set-user-ID or set-group-ID program. It costs no system call.
pub fn is_set_id() -> bool {
    // SAFETY: it only reads what the kernel put above the stack.
    let id = |kind| unsafe { getauxval(kind) };
    id(AT_UID) != id(AT_EUID) || id(AT_GID) != id(AT_EGID)
}
