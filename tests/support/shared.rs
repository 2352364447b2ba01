//! Images that tests share: made when a test first needs one, and removed after this process, however it ends.
//!
//! Stand-ins for base images have their real names (scripts/stand-in.sh), so that other runs on this machine meet them too:
//! each run holds a shared lock, and what comes after it removes them once it has the lock for itself.

use std::collections::HashMap;
use std::fs::File;
use std::os::unix::fs::MetadataExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, LazyLock, Mutex, OnceLock};

use crate::engine::{docker_ok, project};
use crate::skip::skip;

/// Waits for the end of its input, which is that of this process; then removes the images of this run ($1 is their
/// label), and stand-ins, unless somebody else holds the lock ($2).
const REMOVE: &str = r#"
cat >/dev/null
# Again and again, as long as one goes: what others are made from stays as long as they are there.
remove() {
    while docker images --all --quiet --filter "label=$1" | sort -u | xargs --no-run-if-empty docker rmi --force | grep . >/dev/null; do
        :
    done
}
remove "$1"
exec 9>"$2"
if flock --exclusive --nonblock 9; then remove porthole.stand-in; fi
"#;

/// Makes a stand-in for each base that this Dockerfile names; false, said aloud, where none can be made.
#[track_caller]
pub fn bases_of(dockerfile: &Path) -> bool {
    let text = std::fs::read_to_string(dockerfile).unwrap();
    let mut bases = text.lines().filter_map(|line| line.strip_prefix("FROM ")).filter_map(|rest| {
        let name = rest.split_whitespace().next()?;
        // Neither what an argument names nor what no registry has.
        (!name.contains('$') && name != "scratch").then_some(name)
    });
    bases.all(stand_in)
}

/// Makes a stand-in for this image, unless there is an image of that name; false, said aloud, where none can be made.
#[track_caller]
pub fn stand_in(image: &str) -> bool {
    if Command::new("apt-get").arg("--version").output().is_err() {
        skip("base images are made of Debian's packages, and there is no apt-get");
        return false;
    }
    label();
    once(image, || {
        let output = Command::new("scripts/stand-in.sh").arg(image).current_dir(project()).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    });
    true
}

/// The image of a binary of porthole, by this project's Dockerfile, under a name of our own: nobody's porthole:probe is
/// replaced.
#[track_caller]
pub fn porthole(binary: &str) -> String {
    let name = format!("porthole-test-{}:{binary}", std::process::id());
    once(&name, || {
        let argument = format!("BINARY={binary}");
        docker_ok(&["build", "--no-cache", "--build-arg", &argument, "--label", label(), "-t", &name, "."]);
    });
    name
}

/// Makes what has this name, unless it was made; meanwhile others of the name wait.
fn once(name: &str, make: impl FnOnce()) {
    static MADE: LazyLock<Mutex<HashMap<String, Arc<OnceLock<()>>>>> = LazyLock::new(Mutex::default);
    let this = Arc::clone(MADE.lock().unwrap().entry(name.to_owned()).or_default());
    this.get_or_init(make);
}

/// The label of what this process makes. With the first call it takes the lock, and starts what comes after it.
fn label() -> &'static str {
    static RUN: LazyLock<(String, File, Child)> = LazyLock::new(|| {
        let label = format!("porthole.test={}", std::process::id());
        let uid = std::fs::metadata("/proc/self").unwrap().uid();
        let path = std::env::temp_dir().join(format!("porthole-stand-ins-{uid}.lock"));
        let lock = File::create(&path).unwrap();
        lock.lock_shared().unwrap();
        let mut remove = Command::new("bash");
        remove.args(["-c", REMOVE, "remove", &label]).arg(&path);
        // In a process group of its own, so that what interrupts the tests does not end it too.
        remove.process_group(0).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        (label, lock, remove.spawn().unwrap())
    });
    &RUN.0
}
