//! The static binaries as `make static` leaves them: what they are made of, how large they are, and that they
//! need nothing around them.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests may fail loudly"
)]

#[path = "support/skip.rs"]
mod skip;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use skip::{skip, skip_by_design};

/// What each flavour may weigh, in bytes.
const CEILINGS: [(&str, u64); 2] = [("porthole-probe", 512 << 10), ("porthole", 1792 << 10)];

/// Each binary with its ceiling; none, said aloud, where they have not been built.
fn binaries() -> Vec<(PathBuf, u64)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/static");
    let built: Vec<_> = CEILINGS.iter().map(|(name, ceiling)| (folder.join(name), *ceiling)).collect();
    if built.iter().all(|(path, _)| path.exists()) {
        return built;
    }
    skip("no static binaries; make static builds them");
    Vec::new()
}

fn word(bytes: &[u8], at: usize, size: usize) -> usize {
    bytes[at..at + size].iter().rev().fold(0, |value, &byte| value << 8 | usize::from(byte))
}

/// The types of the program headers. elf(5), `Elf64_Ehdr` and `Elf64_Phdr`.
fn program_headers(elf: &[u8]) -> Vec<usize> {
    let (start, size, count) = (word(elf, 32, 8), word(elf, 54, 2), word(elf, 56, 2));
    (0..count).map(|at| word(elf, start + at * size, 4)).collect()
}

/// The types of the sections. elf(5), `Elf64_Shdr`.
fn sections(elf: &[u8]) -> Vec<usize> {
    let (start, size, count) = (word(elf, 40, 8), word(elf, 58, 2), word(elf, 60, 2));
    (0..count).map(|at| word(elf, start + at * size + 4, 4)).collect()
}

#[test]
fn they_are_static_and_stripped() {
    const PT_LOAD: usize = 1;
    const PT_DYNAMIC: usize = 2;
    const PT_INTERP: usize = 3;
    const SHT_SYMTAB: usize = 2;
    for (path, _) in binaries() {
        let elf = std::fs::read(&path).unwrap();
        assert_eq!(&elf[..5], b"\x7fELF\x02", "{}: a 64-bit ELF file", path.display());
        let headers = program_headers(&elf);
        assert!(headers.contains(&PT_LOAD), "{}: the headers were read", path.display());
        assert!(!headers.contains(&PT_INTERP), "{} names an interpreter", path.display());
        assert!(!headers.contains(&PT_DYNAMIC), "{} is linked dynamically", path.display());
        assert!(!sections(&elf).contains(&SHT_SYMTAB), "{} has a symbol table", path.display());
    }
}

#[test]
fn they_stay_below_their_ceilings() {
    let std = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("target/static/std"));
    for (path, ceiling) in binaries() {
        if std.as_deref().is_ok_and(|std| std.trim() == "target") {
            skip_by_design("the size of binaries made with a prebuilt standard library");
            return;
        }
        let size = path.metadata().unwrap().len();
        assert!(size <= ceiling, "{}: {size} bytes, at most {ceiling}", path.display());
    }
}

#[test]
fn they_name_no_path_of_the_machine_that_built_them() {
    for (path, _) in binaries() {
        let binary = std::fs::read(&path).unwrap();
        for place in [env!("CARGO_MANIFEST_DIR"), "/.cargo/registry", "/.rustup/"] {
            let found = binary.windows(place.len()).any(|window| window == place.as_bytes());
            assert!(!found, "{} holds {place}", path.display());
        }
    }
}

/// Runs the binary alone in an empty root, without an environment.
fn in_empty_root(binary: &Path, arguments: &[&str]) -> Option<Output> {
    let name = binary.file_name().unwrap().to_str().unwrap();
    let root = std::env::temp_dir().join(format!("porthole-empty-root-{}-{name}", std::process::id()));
    std::fs::create_dir_all(&root).unwrap();
    std::fs::copy(binary, root.join("porthole")).unwrap();
    // chroot(8) alone as root, in a user namespace of our own otherwise.
    let mut output = None;
    let chroot = ["/usr/sbin/chroot", "/usr/bin/chroot"].into_iter().find(|path| Path::new(path).exists());
    let chroot = chroot.unwrap_or("chroot");
    for command in [&[chroot][..], &["/usr/bin/unshare", "--map-root-user", chroot]] {
        let result = Command::new(command[0])
            .args(&command[1..])
            .arg(&root)
            .arg("/porthole")
            .args(arguments)
            .env_clear()
            .output();
        output = result.ok().filter(|output| output.status.code() != Some(125));
        if output.is_some() {
            break;
        }
    }
    std::fs::remove_dir_all(&root).unwrap();
    if output.is_none() {
        skip("an empty root: neither chroot nor a user namespace is permitted");
    }
    output
}

#[test]
fn they_need_nothing_around_them() {
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
fn a_root_without_certificates_is_said_to_be_one() {
    for (path, _) in binaries().into_iter().filter(|(path, _)| path.ends_with("porthole")) {
        // It accepts, as far as connecting goes, and that is enough: nothing is sent where nobody is trusted.
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
        // A port that is closed is the reason that comes first.
        let Some(output) = in_empty_root(&path, &["tls", &target]) else { return };
        assert_eq!(
            String::from_utf8_lossy(&output.stdout),
            format!("unhealthy: tls {target}: connection refused (127.0.0.1)\n")
        );
    }
}

#[test]
fn each_flavour_names_its_features() {
    let features = [("porthole-probe", "features: none"), ("porthole", "features: tls, remote, inspect")];
    for (path, _) in binaries() {
        let output = Command::new(&path).arg("--version").output().unwrap();
        let version = String::from_utf8(output.stdout).unwrap();
        let name = path.file_name().unwrap().to_str().unwrap();
        let wanted = features.iter().find(|(flavour, _)| *flavour == name).unwrap().1;
        assert!(version.contains(wanted), "{name}: {version}");
    }
}
