//! Expected files, mounts, and a directory for temporary files.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use super::{IN_ORDER, STATUS, World};
use crate::support::command::porthole;
use crate::support::elsewhere::{DEAD_AND_ALIVE, Elsewhere};
use crate::support::processes::{Made, Sleeper};
use crate::support::server::folder;
use crate::support::skip::{is_root, skip, skip_by_design};

#[test]
fn unreadable_expected_files_are_errors() {
    let world = World::new();
    let path = |name: &str| format!("{}/root/{name}", world.proc.path());
    world.file("root/run/secrets/db", "x").file("root/run/open", "x");
    let mode = |name: &str, mode: u32| {
        fs::set_permissions(path(name), fs::Permissions::from_mode(mode)).unwrap();
    };
    mode("run/secrets/db", 0o400);
    let me = fs::metadata(path("run")).unwrap();
    let owner = format!("{}:{}", me.uid(), me.gid());
    world.prints(
        &["--expect-file", "/run/secrets/db", "--expect-file", "/run/open"],
        1,
        &format!(
            "error: pid 1 (server) cannot read /run/secrets/db\n    \
                 seen: /run/secrets/db: owner {owner} mode 0400 does not let others read\n    \
                 Kubernetes: securityContext.fsGroup: 65532 (of the pod), and defaultMode: 0440 of the volume\n    \
                 Docker: chown 65532:65532 of the file that is mounted; in an image: COPY --chown=65532:65532\n\
             pid 1 (server): 1 error"
        ),
    );
    mode("run/secrets", 0o700);
    let ran = world.run(&["--expect-file", "/run/secrets/db"]);
    let seen = format!("    seen: /run/secrets: owner {owner} mode 0700 does not let others search\n");
    assert!(
        ran.stdout.contains(&seen) && ran.stdout.contains("chmod o+x /run/secrets, or chown 65532:65532"),
        "{}",
        ran.story()
    );
    let ran = world.run(&["--expect-file", "/etc/app.yaml"]);
    assert!(
        ran.stdout.starts_with(
            "error: pid 1 (server) cannot read /etc/app.yaml\n    seen: /etc: no such file or directory\n"
        ),
        "{}",
        ran.story()
    );
}

#[test]
fn a_read_only_root_without_a_writable_tmp_is_a_hint() {
    let world = World::new();
    let mounts = fs::read_to_string(format!("{}/1/mountinfo", world.proc.path())).unwrap();
    let layers =
        "lowerdir=/var/lib/docker/overlay2/l/A:/var/lib/docker/overlay2/l/B,upperdir=/u,workdir=/w,index=off";
    let mounts = mounts.replace("/ / rw - overlay o rw", &format!("/ / ro,relatime - overlay o rw,{layers}"));
    world.file("1/mountinfo", mounts);
    // Not every program needs temporary files.
    world.prints(&[], 0, IN_ORDER);
    world.proc.process(1, &Made { name: b"node_exporter", ppid: 0, ..Made::default() }, b"node_exporter\0");
    assert!(!world.run(&[]).stdout.contains("/tmp"));
    world.proc.process(1, &Made { name: b"python3.11", ppid: 0, ..Made::default() }, b"python3\0");
    // As created here, only its owner may write to it.
    let ran = world.run(&[]);
    let start = "hint: the root file system is read-only, and /tmp is not writable\n    seen: ";
    assert!(ran.stdout.starts_with(start), "{}", ran.story());
    for line in [
        "/1/exe: python, whose programs commonly need temporary files\n",
        "/mountinfo: / ro,relatime,index=off\n",
        "    seen: /tmp: owner ",
        "    Docker: --tmpfs /tmp\n",
        "mountPath: /tmp}]\n",
    ] {
        assert!(ran.stdout.contains(line), "{line}{}", ran.story());
    }
    // The paths of an overlay's layers on the host are shown by `mounts` only.
    let with =
        |command: &str| porthole([command, "--proc", world.proc.path(), "-p", "1", "--json"]).run().stdout;
    assert!(!with("report").contains("overlay2/l/A") && with("report").contains("index=off"));
    assert!(with("mounts").contains("overlay2/l/A"));
    let tmp = format!("{}/root/tmp", world.proc.path());
    fs::remove_dir(&tmp).unwrap();
    let ran = world.run(&[]);
    assert!(ran.stdout.contains("    seen: /tmp: no such file or directory\n"), "{}", ran.story());
    fs::create_dir(&tmp).unwrap();
    fs::set_permissions(tmp, fs::Permissions::from_mode(0o1777)).unwrap();
    world.prints(&[], 0, &IN_ORDER.replace("server", "python3.11"));
}

/// An application that is told where to create temporary files will.
#[test]
fn a_directory_for_temporary_files_that_is_not_writable_is_a_warning() {
    let world = World::new();
    world.file("1/environ", "TMPDIR=/my tmp\0");
    let finding = |seen: &str| {
        format!(
            "warning: TMPDIR names /my tmp for temporary files, which is not writable\n    \
                 seen: @/1/environ: TMPDIR=/my tmp\n    \
                 seen: /my tmp: {seen}\n    \
                 Kubernetes: volumes: [{{name: tmp, emptyDir: {{}}}}] and volumeMounts: [{{name: tmp, mountPath: /my tmp}}]\n    \
                 Docker: --tmpfs '/my tmp'\n\
             pid 1 (server): 1 warning"
        )
    };
    world.prints(&[], 0, &finding("no such file or directory"));
    let folder = format!("{}/root/my tmp", world.proc.path());
    fs::create_dir(&folder).unwrap();
    fs::set_permissions(folder, fs::Permissions::from_mode(0o1777)).unwrap();
    world.prints(&[], 0, IN_ORDER);
}

#[test]
fn a_mount_without_space_is_an_error() {
    let script = "mount -t tmpfs -o size=64k full \"$1\"\nhead -c 65536 /dev/zero >\"$1/x\" || true";
    let Some(elsewhere) = Elsewhere::mounted(script) else { return };
    let ran = porthole(["doctor", "-p", &elsewhere.pid()]).run();
    let point = elsewhere.folder.display();
    let start = format!(
        "error: {point} is full: no space is left\n    \
             seen: statvfs(3) of {point}: 0 of 64K free\n    \
             Kubernetes: emptyDir: {{medium: Memory, sizeLimit: 2Mi}}\n    \
             Docker: --tmpfs {point}:size=2m (--shm-size for /dev/shm)\n    \
             Application: remove what is not needed: porthole find {point} --larger 1K lists large files, porthole lsof --deleted lists deleted files that are still open\n"
    );
    assert!(ran.status == Some(1) && ran.stdout.contains(&start), "{}", ran.story());
}

/// The cause precedes its effect: df(1) and du(1) do not show where the space is.
#[test]
fn a_deleted_file_that_fills_a_file_system_is_named_with_its_process() {
    let script = "mount -t tmpfs -o size=64k full \"$1\"\nexec 5>\"$1/app.log\"\n\
                  head -c 65536 /dev/zero >&5 || true\nrm \"$1/app.log\"";
    let Some(elsewhere) = Elsewhere::mounted(script) else { return };
    let ran = porthole(["doctor", "-p", &elsewhere.pid()]).run();
    let (point, pid) = (elsewhere.folder.display(), elsewhere.pid());
    let finding = format!(
        "error: pid {pid} (sh) holds 64K of {point} in a deleted file; the space is free once it closes the file\n    \
             seen: /proc/{pid}/fd/5: {point}/app.log, 0 links, 64K\n    \
             Application: close the file after it was deleted (for a log: reopen it after rotation, or rotate with copytruncate); a restart of pid {pid} (sh) closes it too\n    \
             Docker: docker restart NAME\n    \
             Kubernetes: kubectl rollout restart deployment NAME\n\
         error: {point} is full: no space is left\n"
    );
    assert!(ran.status == Some(1) && ran.stdout.contains(&finding), "{}", ran.story());
}

/// Docker creates and mounts an empty directory if the path does not exist on the host.
#[test]
fn a_directory_in_place_of_an_expected_file_is_an_error() {
    let world = World::new();
    fs::create_dir_all(format!("{}/root/etc/app.yaml", world.proc.path())).unwrap();
    world.prints(
        &["--expect-file", "/etc/app.yaml"],
        1,
        "error: /etc/app.yaml is a directory, not a file\n    \
             seen: /etc/app.yaml: a directory\n    \
             Kubernetes: volumeMounts: a mountPath of the file, with subPath: its key\n    \
             Docker: --volume: if the path on the host does not exist, Docker creates a directory there\n\
         pid 1 (server): 1 error",
    );
    porthole(["doctor", "--expect-file", ""])
        .refused("doctor: --expect-file: expected the path of a file, got ''");
}

/// The owner gains nothing from the bits for others.
#[test]
fn for_an_owner_who_cannot_read_the_owner_bits_are_advised() {
    let world = World::new();
    let path = world.proc.path();
    world.file("root/key", "");
    let key = format!("{path}/root/key");
    let ids = fs::metadata(&key).unwrap();
    fs::set_permissions(&key, fs::Permissions::from_mode(0o044)).unwrap();
    let (uid, gid) = (ids.uid(), ids.gid());
    let status = STATUS
        .replace("Uid:\t65532\t65532\t65532\t65532", &format!("Uid:\t{uid}\t{uid}\t{uid}\t{uid}"))
        .replace("Gid:\t65532\t65532\t65532\t65532", &format!("Gid:\t{gid}\t{gid}\t{gid}\t{gid}"));
    let ran = world.file("1/status", status).run(&["--expect-file", "/key"]);
    assert!(ran.stdout.contains("    Docker: chmod u+r /key\n"), "{}", ran.story());
}

/// A file system may be mounted twice, once read-only.
#[test]
fn a_full_volume_is_reported_where_it_is_writable() {
    let script = "mkdir \"$1/a\" \"$1/ab\"\nmount -t tmpfs -o size=64k full \"$1/ab\"\nhead -c 65536 /dev/zero >\"$1/ab/x\" || true\n\
                  mount --bind \"$1/ab\" \"$1/a\"\nmount -o remount,bind,ro \"$1/a\"";
    let Some(elsewhere) = Elsewhere::mounted(script) else { return };
    let ran = porthole(["doctor", "-p", &elsewhere.pid()]).run();
    let start = format!("error: {} is full: no space is left\n", elsewhere.path("ab"));
    assert!(ran.status == Some(1) && ran.stdout.contains(&start), "{}", ran.story());
}

#[test]
fn a_mount_without_inodes_is_an_error() {
    let script = "mount -t tmpfs -o size=1m,nr_inodes=3,mode=700,uid=7 full \"$1\"\n: >\"$1/a\"\n: >\"$1/b\"";
    let Some(elsewhere) = Elsewhere::mounted(script) else { return };
    let ran = porthole(["doctor", "-p", &elsewhere.pid()]).run();
    let point = elsewhere.folder.display();
    let start = format!(
        "error: {point} is full: no inodes are left, so no file can be created\n    \
             seen: statvfs(3) of {point}: 0 of 3 inodes free\n    \
             Docker: --tmpfs {point}:nr_inodes=6,size=1024k,mode=700,uid=7\n    \
             Application: remove what is not needed: porthole find {point} --type f lists the files, "
    );
    assert!(ran.status == Some(1) && ran.stdout.contains(&start), "{}", ran.story());
    assert!(porthole(["find", &elsewhere.path(""), "--type", "f"]).run().status == Some(0));
}

/// If a component is a file, permissions are not the problem; if it does not answer, nothing is
/// known about the path.
#[test]
fn for_a_path_through_a_file_no_mode_is_advised() {
    let world = World::new();
    world.file("root/secret", "x");
    let secret = format!("{}/root/secret", world.proc.path());
    fs::set_permissions(secret, fs::Permissions::from_mode(0o400)).unwrap();
    let ran = world.run(&["--expect-file", "/secret/x"]);
    assert!(ran.stdout.contains("    Kubernetes: volumes and volumeMounts: "), "{}", ran.story());
    assert!(ran.status == Some(1) && !ran.stdout.contains("chmod"), "{}", ran.story());
    std::os::unix::fs::symlink("round", format!("{}/root/round", world.proc.path())).unwrap();
    let ran = world.run(&["--expect-file", "/round"]);
    assert!(ran.status == Some(1) && !ran.stdout.contains("volumeMounts"), "{}", ran.story());
}

#[test]
fn a_file_on_a_dead_file_system_is_reported() {
    let Some(elsewhere) = Elsewhere::mounted(DEAD_AND_ALIVE) else { return };
    let file = elsewhere.path("dead/x");
    let ran = porthole(["doctor", "-p", &elsewhere.pid(), "--expect-file", &file]).run();
    let ran = ran.within(Duration::from_secs(20));
    let finding = format!("can read {file}\n    seen: {file}: the file system does not answer\n");
    assert!(ran.status == Some(1) && ran.stdout.contains(&finding), "{}", ran.story());
}

/// The advice must grant access: bits of a class that does not apply would change nothing.
#[test]
fn the_advised_change_grants_access() {
    if !is_root() {
        return skip("only root can become another user");
    }
    let top = folder();
    let (run, key) = (top.join("run"), top.join("run/key"));
    fs::create_dir(&run).unwrap();
    fs::write(&key, "x").unwrap();
    let (folder, file) = (run.to_str().unwrap(), key.to_str().unwrap());
    let mode = |path: &str, mode: u32| fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    mode(top.to_str().unwrap(), 0o755);
    let sleeper = Sleeper::owned(Path::new("/bin/sleep"), 65_532, 65_532);
    let doctor = || porthole(["doctor", "-p", &sleeper.pid().to_string(), "--expect-file", file]).run();
    let by_list = |entry: &str| format!("does not let {entry} of its access control list ");
    // Modes of the directory and the file, ACL entries of the file, the reason, and the advised
    // command.
    for (modes, list, why, change) in [
        (
            [0o700, 0o644],
            "",
            "mode 0700 does not let the group search".to_owned(),
            format!("chmod g+x {folder}"),
        ),
        ([0o750, 0o604], "", "mode 0604 does not let the group read".to_owned(), format!("chmod g+r {file}")),
        ([0o750, 0o644], "u:65532:-", by_list("user:65532"), format!("setfacl -m user:65532:r {file}")),
        ([0o750, 0o644], "u:65532:r,m::x", by_list("user:65532"), format!("chmod g+r {file}")),
        ([0o750, 0o604], "u:7:r", by_list("group:65532"), format!("setfacl -m group::r {file}")),
        ([0o750, 0o600], "g:65532:x", by_list("group:65532"), format!("setfacl -m group::r {file}")),
    ] {
        for (path, bits) in [folder, file].into_iter().zip(modes) {
            chown(path, Some(0), Some(65_532)).unwrap();
            mode(path, bits);
        }
        if !list.is_empty() {
            let listed = Command::new("setfacl").args(["-b", "-m", list, file]).output();
            if !listed.is_ok_and(|output| output.status.success()) {
                skip("setfacl(1) is not installed, or this file system has no access control lists");
                break;
            }
        }
        let ran = doctor();
        assert!(ran.status == Some(1) && ran.stdout.contains(&why), "{why}\n{}", ran.story());
        assert!(ran.stdout.contains(&format!("    Docker: {change}")), "{change}\n{}", ran.story());
        assert!(Command::new("sh").args(["-c", &change]).status().unwrap().success(), "{change}");
        let ran = doctor();
        assert!(!ran.stdout.contains("cannot read"), "{change}\n{}", ran.story());
    }
    // A new owner cannot read the file either if the owner bits are missing.
    let (key, folder) = (top.join("key"), &top);
    fs::write(&key, "x").unwrap();
    mode(key.to_str().unwrap(), 0);
    let ran =
        porthole(["doctor", "-p", &sleeper.pid().to_string(), "--expect-file", key.to_str().unwrap()]).run();
    let change = "    Docker: chown 65532:65532 and chmod u+r of the file that is mounted; in an image: COPY --chown=65532:65532 and --chmod\n";
    assert!(ran.stdout.contains(change), "{}", ran.story());
    fs::remove_dir_all(folder).unwrap();
}

/// Advice is pasted into a shell.
#[test]
fn paths_with_spaces_are_quoted_in_advice() {
    let script = "mkdir \"$1/my data\"\nmount -t tmpfs -o size=64k,mode=755 full \"$1/my data\"\nhead -c 65536 /dev/zero >\"$1/my data/x\" || true\n\
                  chmod 000 \"$1/my data/x\"";
    let Some(elsewhere) = Elsewhere::mounted(script) else { return };
    let ran = porthole(["doctor", "-p", &elsewhere.pid()]).run();
    let point = elsewhere.path("my data");
    assert!(
        ran.stdout.contains(&format!("    Docker: --tmpfs '{point}':size=2m,mode=755 (")),
        "{}",
        ran.story()
    );
    assert!(ran.stdout.contains(&format!("porthole find '{point}' --larger 1K ")), "{}", ran.story());
    let world = World::new();
    world.file("root/a key", "");
    let key = format!("{}/root/a key", world.proc.path());
    fs::set_permissions(&key, fs::Permissions::from_mode(0o044)).unwrap();
    let uid = fs::metadata(&key).unwrap().uid().to_string();
    let status = STATUS.replace(
        "Uid:\t65532\t65532\t65532\t65532",
        &["Uid:\t", &uid, "\t", &uid, "\t", &uid, "\t", &uid].concat(),
    );
    let ran = world.file("1/status", status).run(&["--expect-file", "/a key"]);
    assert!(ran.stdout.contains("    Docker: chmod u+r '/a key'\n"), "{}", ran.story());
}

/// Root can use the blocks that a file system reserves for it.
#[test]
fn a_mount_with_space_for_root_only_is_a_warning() {
    let script = r#"
        mount -t tmpfs base "$1"
        mkdir "$1/full"
        truncate -s 4M "$1/image"
        { mkfs.ext4 -q -m 50 "$1/image" && mount -o loop "$1/image" "$1/full"; } 2>/dev/null || : >"$1/none"
        chmod 777 "$1" "$1/full"
        fill='head -c 4M /dev/zero >"$1/full/x"; for n in 1 2 3 4 5 6; do echo >"$1/full/$n"; done'
        [ -e "$1/none" ] || setpriv --reuid=65532 --clear-groups sh -c "$fill" sh "$1" 2>/dev/null || true"#;
    let Some(elsewhere) = Elsewhere::mounted(script) else { return };
    if fs::exists(format!("/proc/{}/root{}", elsewhere.pid(), elsewhere.path("none"))).unwrap() {
        return skip_by_design("cannot create and mount an ext4 file system here");
    }
    let full = elsewhere.path("full");
    let ran = porthole(["doctor", "-p", &elsewhere.pid()]).run();
    let finding = format!(
        "warning: {full} is full for everyone but root: only root's reserve is left\n    seen: statvfs(3) of {full}: 0 of "
    );
    assert!(ran.stdout.contains(&finding) && ran.stdout.contains(" for root only\n"), "{}", ran.story());
}
