//! How many instructions a program executes, counted by callgrind of valgrind.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::{env, fs, process};

use super::{Environment, Result, bare};

/// Returns the path of valgrind, if it is installed.
pub fn valgrind() -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path).map(|folder| folder.join("valgrind")).find(|file| file.is_file())
}

/// Runs a program, which must succeed, with this environment, and returns how many instructions it
/// executes in user mode; `None` if valgrind is not installed.
pub fn instructions(file: &Path, arguments: &[String], environment: Environment<'_>) -> Result<Option<u64>> {
    static CALLS: AtomicU32 = AtomicU32::new(0);
    let Some(valgrind) = valgrind() else { return Ok(None) };
    let call = CALLS.fetch_add(1, Ordering::Relaxed);
    let profile = env::temp_dir().join(format!("porthole-callgrind-{}-{call}", process::id()));
    let mut command: Command = bare(&valgrind, &["--tool=callgrind".to_owned()]);
    // By its name, because each character of its path costs some instructions.
    let (Some(folder), Some(name)) = (file.parent(), file.file_name()) else {
        return Err(format!("{} is not a file", file.display()).into());
    };
    command.arg(format!("--callgrind-out-file={}", profile.display()));
    command.envs(environment.iter().copied());
    command.current_dir(folder).arg(Path::new(".").join(name)).args(arguments);
    let status = command.status()?;
    let text = fs::read(&profile);
    if let Err(error) = fs::remove_file(&profile)
        && error.kind() != ErrorKind::NotFound
    {
        return Err(error.into());
    }
    if !status.success() {
        return Err(format!("under callgrind: {status}").into());
    }
    total(&text?).map(Some)
}

/// Reads the total from a profile. The format is in valgrind's manual, "Callgrind Format
/// Specification".
fn total(profile: &[u8]) -> Result<u64> {
    let text = String::from_utf8_lossy(profile);
    let total = text.lines().find_map(|line| line.strip_prefix("totals: "));
    Ok(total.ok_or("callgrind's profile has no total")?.trim().parse()?)
}
