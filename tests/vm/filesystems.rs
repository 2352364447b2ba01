//! File systems that are full, read-only, or layered.

use std::fs;

use nix::mount::MsFlags;
use nix::sched::CloneFlags;

use crate::guest::{Running, apart, assert_found, document, mount_at, patient};
use crate::support::command::porthole;

#[test]
fn a_full_tmpfs_is_an_error() {
    apart(CloneFlags::empty(), || {
        mount_at("tmpfs", "/tmp/full", MsFlags::empty(), "size=1M");
        let process = Running::until_ready(&mut patient(["write", "2000:/tmp/full/file"]));
        assert_found(process.pid(), "error", &["/tmp/full", "is full: no space is left"]);
        let used = document(0, &["df", "/tmp/full"]);
        let row = &used["filesystems"][0];
        assert_eq!((&row["size"], &row["available"]), (&(1_u64 << 20).into(), &0.into()), "{used}");
    });
}

#[test]
fn a_tmpfs_without_inodes_is_an_error() {
    apart(CloneFlags::empty(), || {
        mount_at("tmpfs", "/tmp/inodes", MsFlags::empty(), "size=1M,nr_inodes=3");
        let process = Running::until_ready(&mut patient(["allocate", "1"]));
        fs::write("/tmp/inodes/1", "").unwrap();
        fs::write("/tmp/inodes/2", "").unwrap();
        assert_found(process.pid(), "error", &["/tmp/inodes", "no inodes are left"]);
    });
}

#[test]
fn an_overlay_shows_its_layers_as_one_tree() {
    apart(CloneFlags::empty(), || {
        mount_at("tmpfs", "/tmp/overlay", MsFlags::empty(), "size=8M");
        for name in ["lower", "upper", "work", "merged"] {
            fs::create_dir(format!("/tmp/overlay/{name}")).unwrap();
        }
        for (name, text) in [("kept", "lower"), ("changed", "lower"), ("deleted", "lower")] {
            fs::write(format!("/tmp/overlay/lower/{name}"), text).unwrap();
        }
        let options = "lowerdir=/tmp/overlay/lower,upperdir=/tmp/overlay/upper,workdir=/tmp/overlay/work";
        mount_at("overlay", "/tmp/overlay/merged", MsFlags::empty(), options);
        fs::write("/tmp/overlay/merged/changed", "upper").unwrap();
        fs::remove_file("/tmp/overlay/merged/deleted").unwrap();
        let listed = document(0, &["ls", "/tmp/overlay/merged"]);
        let names: Vec<_> =
            listed["entries"].as_array().unwrap().iter().map(|entry| &entry["name"]).collect();
        assert_eq!(names, ["changed", "kept"], "{listed}");
        let ran = porthole(["grep", "-r", "lower", "/tmp/overlay/merged"]).run();
        assert_eq!(ran.stdout.trim_end(), "/tmp/overlay/merged/kept:lower", "{}", ran.story());
        let ran = porthole(["mounts", "/tmp/overlay/merged/kept"]).run();
        assert!(ran.stdout.contains("overlay"), "{}", ran.story());
    });
}

#[test]
fn in_a_read_only_root_inspections_and_checks_work() {
    apart(CloneFlags::empty(), || {
        mount_at("tmpfs", "/tmp/root", MsFlags::empty(), "size=8M");
        for name in ["proc", "bin", "etc", "tmp"] {
            fs::create_dir(format!("/tmp/root/{name}")).unwrap();
        }
        fs::copy("/bin/porthole", "/tmp/root/bin/porthole").unwrap();
        mount_at("proc", "/tmp/root/proc", MsFlags::empty(), "");
        mount_at("tmpfs", "/tmp/root", MsFlags::MS_REMOUNT | MsFlags::MS_RDONLY, "");
        let run = |arguments: &[&str]| {
            let mut words = vec!["/bin/chroot", "/tmp/root", "/bin/porthole"];
            words.extend(arguments);
            let ran = std::process::Command::new(words[0]).args(&words[1..]).output().unwrap();
            (
                ran.status.code(),
                String::from_utf8(ran.stdout).unwrap(),
                String::from_utf8(ran.stderr).unwrap(),
            )
        };
        for arguments in [&["ls", "/"][..], &["ps"], &["df", "/"], &["file", "/bin/porthole"], &["id"]] {
            let ran = run(arguments);
            assert_eq!(ran.0, Some(0), "{arguments:?}: {ran:?}");
        }
        let (status, stdout, _) = run(&["access", "--write", "/etc"]);
        assert_eq!((status, stdout.contains("read-only")), (Some(1), true), "{stdout}");
        let (status, _, stderr) = run(&["install", "/etc/porthole"]);
        assert_eq!((status, stderr.to_lowercase().contains("read-only")), (Some(1), true), "{stderr}");
    });
}
