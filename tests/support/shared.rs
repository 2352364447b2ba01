//! Images that tests share. They are created when a test first needs them, and removed after this
//! process ends, however it ends.
//!
//! Stand-ins for base images have the real names (scripts/stand-in.sh), so other runs on this
//! machine may use them too. Therefore each run holds a shared lock, and its clean-up removes them
//! only if it gets the exclusive lock.

use std::collections::HashMap;
use std::fs::File;
use std::os::unix::fs::MetadataExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, LazyLock, Mutex, OnceLock};

use crate::engine::{docker_ok, project};
use crate::skip::skip;

/// The clean-up script. It waits for the end of its input, which is the end of this process. Then
/// it removes the images of this run ($1 is their label) and, unless another run holds the lock
/// ($2), the stand-ins.
const REMOVE: &str = r#"
cat >/dev/null
# Repeats as long as an image is removed: images that others are based on can only be removed after these.
remove() {
    while docker images --all --quiet --filter "label=$1" | sort -u | xargs --no-run-if-empty docker rmi --force | grep . >/dev/null; do
        :
    done
}
remove "$1"
exec 9>"$2"
if flock --exclusive --nonblock 9; then remove porthole.stand-in; fi
"#;

/// Creates a stand-in for each base image that this Dockerfile names. If that is not possible,
/// reports the test as skipped and returns false.
#[track_caller]
pub fn bases_of(dockerfile: &Path) -> bool {
    let text = std::fs::read_to_string(dockerfile).unwrap();
    let mut bases = text.lines().filter_map(|line| line.strip_prefix("FROM ")).filter_map(|rest| {
        let name = rest.split_whitespace().next()?;
        // Skips names from build arguments, and scratch, which is not an image.
        (!name.contains('$') && name != "scratch").then_some(name)
    });
    bases.all(stand_in)
}

/// Creates a stand-in for this image, unless an image with that name exists. If that is not
/// possible, reports the test as skipped and returns false.
#[track_caller]
pub fn stand_in(image: &str) -> bool {
    if Command::new("apt-get").arg("--version").output().is_err() {
        skip("stand-ins for base images need apt-get, which is not installed");
        return false;
    }
    label();
    once(image, || {
        let output = Command::new("scripts/stand-in.sh").arg(image).current_dir(project()).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    });
    true
}

/// Builds the image of a porthole binary with this project's Dockerfile, and returns its name,
/// which is unique so that no existing porthole:probe is replaced.
#[track_caller]
pub fn porthole(binary: &str) -> String {
    let name = format!("porthole-test-{}:{binary}", std::process::id());
    once(&name, || {
        let argument = format!("BINARY={binary}");
        docker_ok(&["build", "--no-cache", "--build-arg", &argument, "--label", label(), "-t", &name, "."]);
    });
    name
}

/// Calls `create` once for each name; other calls with the same name wait meanwhile.
fn once(name: &str, create: impl FnOnce()) {
    static CREATED: LazyLock<Mutex<HashMap<String, Arc<OnceLock<()>>>>> = LazyLock::new(Mutex::default);
    let this = Arc::clone(CREATED.lock().unwrap().entry(name.to_owned()).or_default());
    this.get_or_init(create);
}

/// Returns the label of the images that this process creates. The first call takes the lock and
/// starts the clean-up.
fn label() -> &'static str {
    static RUN: LazyLock<(String, File, Child)> = LazyLock::new(|| {
        let label = format!("porthole.test={}", std::process::id());
        let uid = std::fs::metadata("/proc/self").unwrap().uid();
        let path = std::env::temp_dir().join(format!("porthole-stand-ins-{uid}.lock"));
        let lock = File::create(&path).unwrap();
        lock.lock_shared().unwrap();
        let mut remove = Command::new("bash");
        remove.args(["-c", REMOVE, "remove", &label]).arg(&path);
        // In a separate process group, so that a signal that interrupts the tests does not end it
        // too.
        remove.process_group(0).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        (label, lock, remove.spawn().unwrap())
    });
    &RUN.0
}
