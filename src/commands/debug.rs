//! Where to run what only the full build has: a debug container that shares the namespaces of this
//! one.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use crate::files::read_start;

/// The name of the machine: proc_sys_kernel(5). Docker uses the first digits of the container's id,
/// Kubernetes the name of the pod.
const HOSTNAME: &str = "/proc/sys/kernel/hostname";
/// The longest name of a machine, in bytes: HOST_NAME_MAX of limits.h.
const MAX_NAME_BYTES: u64 = 64;
/// How many digits of its id Docker and Podman use as the name of a container.
const ID_DIGITS: usize = 12;

/// Returns the line that runs this command of the full build beside this container, with what is
/// known of it filled in, and where its answer is to be read.
pub fn debug_container(command: &str) -> String {
    let (name, _) = read_start(Path::new(HOSTNAME), MAX_NAME_BYTES).unwrap_or_default();
    let name = String::from_utf8_lossy(name.trim_ascii()).into_owned();
    // The kubelet sets it in every container.
    if std::env::var_os("KUBERNETES_SERVICE_HOST").is_some() {
        let pod = if name.is_empty() { "POD" } else { &name };
        // Not with -it: a command that ends at once may be gone before kubectl is attached to it.
        return format!(
            "kubectl debug {pod} --image=porthole --target=CONTAINER --profile=general -- /porthole {command}; \
             then kubectl logs {pod} --container=NAME, the name that kubectl debug shows"
        );
    }
    let is_id = name.len() == ID_DIGITS && name.bytes().all(|digit| digit.is_ascii_hexdigit());
    let container = if is_id { &name } else { "NAME" };
    // The files of a process in proc can be read by the same user and group: ptrace(2).
    let user = fs::metadata("/proc/self")
        .map_or_else(|_| String::new(), |process| format!(" --user {}:{}", process.uid(), process.gid()));
    format!(
        "docker run --rm -it --pid container:{container} --network container:{container}{user} porthole {command}"
    )
}
