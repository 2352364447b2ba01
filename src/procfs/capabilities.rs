//! Names of capabilities: capabilities(7), linux/capability.h of Linux 6.18.

/// The names in order of their bits.
const NAMES: [&str; 41] = [
    "chown",
    "dac_override",
    "dac_read_search",
    "fowner",
    "fsetid",
    "kill",
    "setgid",
    "setuid",
    "setpcap",
    "linux_immutable",
    "net_bind_service",
    "net_broadcast",
    "net_admin",
    "net_raw",
    "ipc_lock",
    "ipc_owner",
    "sys_module",
    "sys_rawio",
    "sys_chroot",
    "sys_ptrace",
    "sys_pacct",
    "sys_admin",
    "sys_boot",
    "sys_nice",
    "sys_resource",
    "sys_time",
    "sys_tty_config",
    "mknod",
    "lease",
    "audit_write",
    "audit_control",
    "setfcap",
    "mac_override",
    "mac_admin",
    "syslog",
    "wake_alarm",
    "block_suspend",
    "audit_read",
    "perfmon",
    "bpf",
    "checkpoint_restore",
];

/// The default capabilities of Docker, containerd and older releases of Podman.
pub const DOCKER_DEFAULT: u64 = 0xa804_25fb;

/// The last capability with a name here.
pub const LAST_KNOWN: u32 = 40;

/// Returns the names of the capabilities in a set: `cap_chown`, or `cap_41` for one without a name.
pub fn names(set: u64) -> Vec<String> {
    let mut names = Vec::new();
    for bit in 0..64 {
        let name = NAMES.get(bit);
        if set >> bit & 1 == 1 {
            names.push(name.map_or_else(|| format!("cap_{bit}"), |name| format!("cap_{name}")));
        }
    }
    names
}

/// Returns the set of all capabilities up to this one.
pub fn all(last: u32) -> u64 {
    u64::MAX >> (63 - last.min(63))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sets_by_names() {
        assert_eq!(
            names(1 | 1 << 19 | 1 << 40 | 1 << 41),
            ["cap_chown", "cap_sys_ptrace", "cap_checkpoint_restore", "cap_41"]
        );
        assert_eq!(NAMES.len(), LAST_KNOWN as usize + 1);
        assert_eq!((all(40), all(63), all(99)), (0x1ff_ffff_ffff, u64::MAX, u64::MAX));
        let docker = "cap_chown cap_dac_override cap_fowner cap_fsetid cap_kill cap_setgid cap_setuid cap_setpcap \
            cap_net_bind_service cap_net_raw cap_sys_chroot cap_mknod cap_audit_write cap_setfcap";
        assert_eq!(names(DOCKER_DEFAULT).join(" "), docker);
    }
}
