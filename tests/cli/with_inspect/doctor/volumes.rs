//! Mounted secrets, configuration and volumes.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};

use super::{IN_ORDER, World};
use crate::support::command::porthole;
use crate::support::elsewhere::Elsewhere;

/// A world with these mounts besides its own: the options and the mount point of each, and the
/// directory of the host.
fn with_mounts(mounts: &[(&str, &str, &str)]) -> World {
    let world = World::new();
    let path = format!("{}/1/mountinfo", world.proc.path());
    let mut table = fs::read_to_string(&path).unwrap();
    for (at, (options, point, source)) in mounts.iter().enumerate() {
        let id = (40 + at).to_string();
        table += &[&id, " 1 254:1 ", source, " ", point, " ", options, " - ext4 /dev/vda rw\n"].concat();
    }
    fs::write(path, table).unwrap();
    world
}

fn mode(world: &World, path: &str, mode: u32) {
    let path = format!("{}/root/{path}", world.proc.path());
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

fn owner(world: &World) -> String {
    let meta = fs::metadata(world.proc.path()).unwrap();
    format!("{}:{}", meta.uid(), meta.gid())
}

#[test]
fn secrets_and_configuration_that_cannot_be_read_are_warnings() {
    let world = with_mounts(&[("ro", "/etc/app", "/srv/app"), ("rw", "/etc/app.key", "/srv/app.key")]);
    world.file("root/run/secrets/db", "x").file("root/run/secrets/open", "x").file("root/etc/app.key", "x");
    // The files of a volume of Kubernetes are links.
    world.file("root/etc/app/..2026/a.yaml", "x").file("root/etc/app/..2026/b.yaml", "x");
    symlink("..2026", format!("{}/root/etc/app/..data", world.proc.path())).unwrap();
    for name in ["a.yaml", "b.yaml"] {
        symlink(format!("..data/{name}"), format!("{}/root/etc/app/{name}", world.proc.path())).unwrap();
    }
    // Whichever folder the runtime uses, it is one.
    fs::create_dir(format!("{}/root/var", world.proc.path())).unwrap();
    symlink("/run", format!("{}/root/var/run", world.proc.path())).unwrap();
    world.prints(&[], 0, IN_ORDER);
    for file in ["run/secrets/db", "etc/app/..2026/a.yaml", "etc/app/..2026/b.yaml", "etc/app.key"] {
        mode(&world, file, 0o400);
    }
    let owner = owner(&world);
    let change = "    Kubernetes: securityContext.fsGroup: 65532 (of the pod), and defaultMode: 0440 of the volume\n    \
             Docker: chown 65532:65532 of the file that is mounted; in an image: COPY --chown=65532:65532\n";
    let ran = world.run(&[]);
    for (name, place, more) in
        [("/run/secrets/db", "/run/secrets/db", ""), ("/etc/app.key", "/etc/app.key", "")]
    {
        let finding = format!(
            "warning: pid 1 (server) cannot read {name}{more}\n    \
                 seen: {place}: owner {owner} mode 0400 does not let others read\n{change}"
        );
        assert!(ran.stdout.contains(&finding), "{finding}{}", ran.story());
    }
    let finding = "warning: pid 1 (server) cannot read /etc/app/";
    assert!(ran.stdout.contains(finding), "{}", ran.story());
    assert!(
        ran.stdout.contains(".yaml, nor 1 more file of this mount\n    seen: /etc/app/..2026/"),
        "{}",
        ran.story()
    );
    assert!(ran.stdout.ends_with("pid 1 (server): 3 warnings\n") && ran.status == Some(0), "{}", ran.story());
    // What was asked is an error, and is said once.
    let ran = world.run(&["--expect-file", "/run/secrets/db"]);
    assert!(ran.stdout.ends_with("pid 1 (server): 1 error, 2 warnings\n"), "{}", ran.story());
    mode(&world, "run/secrets", 0o700);
    let ran = world.run(&[]);
    let finding = format!(
        "warning: pid 1 (server) cannot read /run/secrets\n    \
             seen: /run/secrets: owner {owner} mode 0700 does not let others list\n"
    );
    assert!(ran.stdout.contains(&finding), "{}", ran.story());
}

/// Of a large directory of the host, such as one with logs, only a part may be for this process.
#[test]
fn a_read_only_mount_with_many_files_is_not_configuration() {
    let world = with_mounts(&[("ro", "/var/log", "/var/log")]);
    for at in 0..40 {
        world.file(&format!("root/var/log/{at}"), "x");
        mode(&world, &format!("var/log/{at}"), 0o400);
    }
    world.prints(&[], 0, IN_ORDER);
}

#[test]
fn a_volume_that_cannot_be_written_is_a_warning() {
    let world = with_mounts(&[
        ("rw", "/data", "/srv/data"),
        ("rw", "/named", "/var/lib/docker/volumes/n/_data"),
        ("rw", "/html", "/home/me/html"),
        ("rw", "/run", "/"),
        ("rw", "/media", "/"),
        ("ro", "/static", "/srv/static"),
    ]);
    for folder in ["data/lost+found", "named", "html", "run", "static", "media"] {
        fs::create_dir_all(format!("{}/root/{folder}", world.proc.path())).unwrap();
    }
    world.file("root/named/base", "x").file("root/html/index.html", "x").file("root/media/film", "x");
    for folder in ["data", "named", "html", "run", "static", "media"] {
        mode(&world, folder, 0o755);
    }
    let owner = owner(&world);
    let run_as = if owner.starts_with("0:") {
        String::new()
    } else {
        format!("    Docker: or run as its owner: --user {owner}\n")
    };
    let finding = |point: &str| {
        format!(
            "warning: pid 1 (server) cannot write to {point}, which is mounted for writing\n    \
                 seen: {point}: owner {owner} mode 0755 does not let others write\n    \
                 Kubernetes: securityContext.fsGroup: 65532 (of the pod)\n    \
                 Docker: docker run --rm --volumes-from NAME busybox chown 65532:65532 {point}; in an image: COPY --chown=65532:65532\n    \
                 Docker: if it only reads there: --volume SOURCE:{point}:ro\n{run_as}"
        )
    };
    // A disk with files may be there to be read.
    let disk = finding("/media").replace("warning: ", "hint: ");
    let counts = "pid 1 (server): 2 warnings, 1 hint".to_owned();
    let expected = [finding("/data"), finding("/named"), disk, counts].concat();
    world.prints(&[], 0, &expected);
    mode(&world, "data", 0o1777);
    mode(&world, "named", 0o777);
    mode(&world, "media", 0o777);
    world.prints(&[], 0, IN_ORDER);
}

/// Each start makes a new one.
#[test]
fn a_tmpfs_that_cannot_be_written_gets_a_mode() {
    let world = World::new();
    let path = format!("{}/1/mountinfo", world.proc.path());
    let table = fs::read_to_string(&path).unwrap() + "40 1 0:41 / /cache rw - tmpfs tmpfs rw\n";
    fs::write(path, table).unwrap();
    fs::create_dir(format!("{}/root/cache", world.proc.path())).unwrap();
    mode(&world, "cache", 0o755);
    let ran = world.run(&["--expect-writable", "/cache"]);
    assert!(ran.stdout.contains("    Docker: --tmpfs /cache:mode=1777\n"), "{}", ran.story());
    assert!(!ran.stdout.contains("--volumes-from"), "{}", ran.story());
}

#[test]
fn expected_paths_that_cannot_be_written_are_errors() {
    let world = World::new();
    fs::create_dir(format!("{}/root/data", world.proc.path())).unwrap();
    world.file("root/state.json", "{}");
    mode(&world, "data", 0o757);
    mode(&world, "state.json", 0o646);
    let both = ["--expect-writable", "/data", "--expect-writable", "/state.json"];
    world.prints(&both, 0, IN_ORDER);
    mode(&world, "data", 0o755);
    mode(&world, "state.json", 0o644);
    let owner = owner(&world);
    let finding = |path: &str, mode: &str| {
        format!(
            "error: pid 1 (server) cannot write to {path}\n    \
                 seen: {path}: owner {owner} mode {mode} does not let others write\n    \
                 Docker: in an image: COPY --chown=65532:65532\n"
        )
    };
    // They are in the image, where no volume can be given to another user.
    let expected = [finding("/data", "0755"), finding("/state.json", "0644")].concat();
    world.prints(&both, 1, &(expected + "pid 1 (server): 2 errors"));
    // Who may write to a directory but not search it can create no file there.
    mode(&world, "data", 0o756);
    let ran = world.run(&both[..2]);
    assert!(ran.stdout.contains("mode 0756 does not let others search\n"), "{}", ran.story());
    let ran = world.run(&["--expect-writable", "/none"]);
    assert!(ran.stdout.contains("cannot write to /none\n    seen: /none: no such file"), "{}", ran.story());
    porthole(["doctor", "--expect-writable", ""])
        .refused("doctor: --expect-writable: expected the path of a file, got ''");
}

#[test]
fn a_read_only_mount_that_should_be_writable_is_an_error() {
    let script = "mount -t tmpfs -o ro data \"$1\"";
    let Some(elsewhere) = Elsewhere::mounted(script) else { return };
    let path = elsewhere.path("");
    let path = path.trim_end_matches('/');
    let ran = porthole(["doctor", "-p", &elsewhere.pid(), "--expect-writable", path]).run();
    let finding = format!(
        "    seen: {path}: is on a read-only mount\n    \
             Kubernetes: volumeMounts: a writable volume at {path}, without readOnly: true\n    \
             Docker: --volume NAME:{path} without :ro, or --tmpfs {path}\n"
    );
    assert!(ran.status == Some(1) && ran.stdout.contains(&finding), "{}", ran.story());
}
