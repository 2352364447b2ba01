//! The static binaries that `make static` builds: their format, their size, what their checks cost,
//! and that they are self-contained.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests may panic"
)]

#[path = "support/cost/mod.rs"]
mod cost;
#[path = "artifact/hostile/mod.rs"]
mod hostile;
#[path = "support/place.rs"]
mod place;
#[path = "support/server.rs"]
#[allow(dead_code, reason = "not every test binary needs all of it")]
mod server;
#[path = "support/skip.rs"]
mod skip;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::atomic::{AtomicU32, Ordering};

use cost::MAX_SIZES;
use cost::server::Server;
use skip::{skip, skip_by_design};

/// Returns each binary with its maximum size. If they have not been built, reports the test as
/// skipped and returns none.
fn binaries() -> Vec<(PathBuf, u64)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/static");
    let built: Vec<_> = MAX_SIZES.iter().map(|(name, max_size)| (folder.join(name), *max_size)).collect();
    if built.iter().all(|(path, _)| path.exists()) {
        return built;
    }
    skip("no static binaries; make static builds them");
    Vec::new()
}

/// Reads a little-endian number.
fn number(bytes: &[u8], at: usize, size: usize) -> usize {
    bytes[at..at + size].iter().rev().fold(0, |value, &byte| value << 8 | usize::from(byte))
}

/// Returns the types of the program headers. elf(5), `Elf64_Ehdr` and `Elf64_Phdr`.
fn program_headers(elf: &[u8]) -> Vec<usize> {
    let (start, size, count) = (number(elf, 32, 8), number(elf, 54, 2), number(elf, 56, 2));
    (0..count).map(|at| number(elf, start + at * size, 4)).collect()
}

/// Returns the types of the sections. elf(5), `Elf64_Shdr`.
fn sections(elf: &[u8]) -> Vec<usize> {
    let (start, size, count) = (number(elf, 40, 8), number(elf, 58, 2), number(elf, 60, 2));
    (0..count).map(|at| number(elf, start + at * size + 4, 4)).collect()
}

#[test]
fn they_are_static_and_stripped() {
    const PT_LOAD: usize = 1;
    const PT_DYNAMIC: usize = 2;
    const PT_INTERP: usize = 3;
    const SHT_SYMTAB: usize = 2;
    for (path, _) in binaries() {
        let elf = std::fs::read(&path).unwrap();
        assert_eq!(&elf[..5], b"\x7fELF\x02", "{} is not a 64-bit ELF file", path.display());
        let headers = program_headers(&elf);
        assert!(headers.contains(&PT_LOAD), "{} has no PT_LOAD header", path.display());
        assert!(!headers.contains(&PT_INTERP), "{} names an interpreter", path.display());
        assert!(!headers.contains(&PT_DYNAMIC), "{} is linked dynamically", path.display());
        assert!(!sections(&elf).contains(&SHT_SYMTAB), "{} has a symbol table", path.display());
    }
}

/// Returns whether the binaries contain the prebuilt standard library, which is larger and slower
/// than one that is built from source; if so, reports the test as skipped.
fn have_prebuilt_std() -> bool {
    let std = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("target/static/std"));
    let is_prebuilt = std.is_ok_and(|std| std.trim() == "target");
    if is_prebuilt {
        skip_by_design("binaries with the prebuilt standard library are larger and slower");
    }
    is_prebuilt
}

#[test]
fn the_readme_shows_their_sizes() {
    let readme = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md")).unwrap();
    for (path, _) in binaries() {
        let name = path.file_name().unwrap().to_str().unwrap();
        let row = readme.lines().find(|line| line.starts_with(&format!("| `{name}`"))).unwrap();
        let (number, unit) = row.split('|').nth(2).unwrap().trim().split_once(' ').unwrap();
        let shown = number.parse::<f64>().unwrap() * if unit == "KiB" { 1024.0 } else { 1_048_576.0 };
        let size = f64::from(u32::try_from(path.metadata().unwrap().len()).unwrap());
        assert!(
            (shown / size - 1.0).abs() < 0.03,
            "README.md has {number} {unit} for the {size} bytes of {name}"
        );
    }
}

#[test]
fn they_stay_below_their_maximum_sizes() {
    for (path, max_size) in binaries() {
        if have_prebuilt_std() {
            return;
        }
        let size = path.metadata().unwrap().len();
        assert!(size <= max_size, "{}: {size} bytes, at most {max_size}", path.display());
    }
}

#[test]
fn their_checks_cost_no_more_than_they_may() {
    let binaries = binaries();
    if binaries.is_empty() || have_prebuilt_std() {
        return;
    }
    if cfg!(not(target_arch = "x86_64")) {
        skip_by_design("the bounds are those of x86-64");
        return;
    }
    if cost::callgrind::valgrind().is_none() {
        skip("instructions are not counted: valgrind is not installed");
    }
    let server = Server::start().unwrap();
    if server.tls().is_none() {
        skip("https is not measured: openssl, which creates its certificate, is not installed");
    }
    let copies: Vec<_> = binaries.iter().map(|(path, _)| cost::copy(path, &server).unwrap()).collect();
    let file = |program: &str| copies.iter().find(|path| path.ends_with(program));
    let (mut exceeded, mut is_traced) = (Vec::new(), true);
    for row in cost::rows(&server) {
        let Some(file) = file(row.program) else { continue };
        let costs = cost::measure(file, &row, &server).unwrap();
        is_traced &= costs.calls.is_some();
        let judged = costs.judged(&row.at_most);
        for judged in judged.into_iter().filter(|judged| !judged.holds()) {
            exceeded.push(format!("{}: {judged}", row.name));
        }
    }
    if !is_traced {
        skip("system calls and memory are not measured: ptrace(2) is not permitted");
    }
    for row in cost::per_byte(&server) {
        let found = cost::measure_per_byte(file(row.program).unwrap(), &row, &server).unwrap();
        if let Some(found) = found.filter(|&found| found > row.at_most) {
            exceeded.push(format!("{}: {found:.2} instructions a byte, at most {}", row.name, row.at_most));
        }
    }
    assert!(exceeded.is_empty(), "{exceeded:#?}");
}

#[test]
fn they_contain_no_path_of_the_build_machine() {
    for (path, _) in binaries() {
        let binary = std::fs::read(&path).unwrap();
        for place in [env!("CARGO_MANIFEST_DIR"), "/.cargo/registry", "/.rustup/"] {
            let found = binary.windows(place.len()).any(|window| window == place.as_bytes());
            assert!(!found, "{} contains {place}", path.display());
        }
    }
}

/// Runs the binary in an otherwise empty root, with an empty environment. If that is not possible,
/// reports the test as skipped and returns `None`.
fn in_empty_root(binary: &Path, arguments: &[&str]) -> Option<Output> {
    // One for each call: a program that runs cannot be overwritten.
    static CALLS: AtomicU32 = AtomicU32::new(0);
    let call = CALLS.fetch_add(1, Ordering::Relaxed);
    let root = std::env::temp_dir().join(format!("porthole-empty-root-{}-{call}", std::process::id()));
    std::fs::create_dir_all(&root).unwrap();
    std::fs::copy(binary, root.join("porthole")).unwrap();
    // Only chroot(8) as root; otherwise in a new user namespace.
    let mut output = None;
    let chroot = ["/usr/sbin/chroot", "/usr/bin/chroot"].into_iter().find(|path| Path::new(path).exists());
    let chroot = chroot.unwrap_or("chroot");
    for command in [&[chroot][..], &["/usr/bin/unshare", "--map-root-user", chroot]] {
        let run = || {
            let mut program = Command::new(command[0]);
            program.args(&command[1..]).arg(&root).arg("/porthole").args(arguments).env_clear().output()
        };
        let is_busy = |output: &Output| String::from_utf8_lossy(&output.stderr).contains("Text file busy");
        // A child that another test forks may hold the copy open for writing until it calls exec.
        let mut result = run();
        while result.as_ref().is_ok_and(is_busy) {
            std::thread::yield_now();
            result = run();
        }
        output = result.ok().filter(|output| output.status.code() != Some(125));
        if output.is_some() {
            break;
        }
    }
    std::fs::remove_dir_all(&root).unwrap();
    if output.is_none() {
        skip("cannot use an empty root: neither chroot nor a user namespace is permitted");
    }
    output
}

#[test]
fn they_are_self_contained() {
    for (path, _) in binaries() {
        for (arguments, start, status) in [
            (&["--help"][..], "porthole: is the service", 0),
            (&["--version"], "porthole 0.1.0 (features: ", 0),
            (&["tcp", ":1"], "unhealthy: tcp localhost:1: connection refused", 1),
        ] {
            let Some(output) = in_empty_root(&path, arguments) else { return };
            let stdout = String::from_utf8_lossy(&output.stdout);
            assert!(stdout.starts_with(start), "{arguments:?}: {stdout}");
            assert_eq!(output.status.code(), Some(status), "{arguments:?}");
            assert!(output.stderr.is_empty(), "{arguments:?}");
        }
    }
}

#[test]
fn a_root_without_certificates_is_reported() {
    for (path, _) in binaries().into_iter().filter(|(path, _)| path.ends_with("porthole")) {
        // The kernel completes connections, which suffices: without roots the check sends nothing.
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let target = listener.local_addr().unwrap().to_string();
        for arguments in [["tls", &target], ["http", &format!("https://{target}/")]] {
            let Some(output) = in_empty_root(&path, &arguments) else { return };
            assert_eq!(
                String::from_utf8_lossy(&output.stderr),
                format!(
                    "porthole: {} {}: no root certificates in this container (none in /etc/ssl or /etc/pki) \
                     (--ca-file PATH or SSL_CERT_FILE provides them, --insecure skips verification)\n",
                    arguments[0], arguments[1]
                )
            );
            assert_eq!((output.status.code(), output.stdout.as_slice()), (Some(1), &b""[..]));
        }
        drop(listener);
        // A closed port is reported first.
        let Some(output) = in_empty_root(&path, &["tls", &target]) else { return };
        assert_eq!(
            String::from_utf8_lossy(&output.stdout),
            format!("unhealthy: tls {target}: connection refused (127.0.0.1)\n")
        );
    }
}

#[test]
fn each_build_reports_its_features() {
    let features = [
        ("porthole-probe", "features: none"),
        ("porthole-probe-tls", "features: tls;"),
        ("porthole", "features: tls, remote, inspect"),
    ];
    for (path, _) in binaries() {
        let output = Command::new(&path).arg("--version").output().unwrap();
        let version = String::from_utf8(output.stdout).unwrap();
        let name = path.file_name().unwrap().to_str().unwrap();
        let expected = features.iter().find(|(build, _)| *build == name).unwrap().1;
        assert!(version.contains(expected), "{name}: {version}");
    }
}
