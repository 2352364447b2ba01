//! Installing porthole into a container without it, and copying files out of a container.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};
use std::process::{Command, Stdio};

use super::{SERVICE, assert_in_manual};
use crate::engine::{self, Container, Folder, Image, Volume};

#[test]
fn installed_by_an_init_container() {
    if !engine::is_there() {
        return;
    }
    let porthole = Image::of(&["porthole"], "ENTRYPOINT [\"/porthole\"]");
    let application = Image::of(
        &["service"],
        &format!(
            "HEALTHCHECK --interval=1s --retries=1 CMD [\"/shared/porthole\", \"http\", \":8080/healthz\"]\n{SERVICE}"
        ),
    );
    let volume = Volume::new();
    let mount = format!("{}:/shared", volume.0);
    let install = |user: &str| {
        let options = ["--network", "none", "--read-only", "--cap-drop", "ALL", "--user", user, "-v", &mount];
        engine::once(&porthole, &options, &["install", "/shared/"])
    };
    // A new volume belongs to root.
    let (status, _, stderr) = install("65532:65532");
    assert_eq!(status, Some(1), "{stderr}");
    assert!(stderr.starts_with("porthole: install: /shared/porthole: permission denied"), "{stderr}");
    let (status, stdout, stderr) = install("0:0");
    assert_eq!((status, stderr.as_str()), (Some(0), ""));
    assert!(stdout.starts_with("installed /shared/porthole (") && stdout.ends_with("M)\n"), "{stdout}");
    assert_in_manual(&stdout);
    let container = Container::run(&application, &["-v", &format!("{mount}:ro")]);
    container.until_health("healthy");
    let (status, verdict) = container.last_health();
    assert_eq!((status.as_str(), verdict.starts_with("healthy: http ")), ("0", true), "{verdict}");
    assert_ne!(container.exec(&["/porthole", "ps"]).0, Some(0));
}

/// Runs the command of kubectl, which relies on the name `tar`, and unpacks the archive with this
/// machine's tar.
#[test]
fn files_copied_by_kubectl_cp() {
    if !engine::is_there() {
        return;
    }
    let folder = Folder::new("cp");
    let (source, destination) = (folder.0.join("source"), folder.0.join("destination"));
    fs::create_dir_all(source.join("app")).unwrap();
    fs::create_dir_all(&destination).unwrap();
    fs::write(source.join("app/config.yaml"), "port: 8080\n").unwrap();
    fs::write(source.join("app/blob"), [0, 10, 13, 255].repeat(50_000)).unwrap();
    fs::set_permissions(source.join("app/blob"), fs::Permissions::from_mode(0o644)).unwrap();
    symlink("config.yaml", source.join("app/link")).unwrap();
    // A link takes no space. It is copied along with its directory, because a link that is copied
    // by itself would be replaced by its target.
    for line in ["COPY links /usr/bin", "COPY porthole /usr/bin/tar"] {
        let image = Image::from_scratch(&format!("{line}\n{SERVICE}"));
        assert_in_manual(&line.replace("COPY porthole", "COPY target/static/porthole"));
        let container = Container::run(&image, &["-v", &format!("{}:/data:ro", source.display())]);
        let mut sender = Command::new("docker")
            .args(["exec", &container.0, "tar", "cf", "-", "/data/app"])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let archive = sender.stdout.take().unwrap();
        let receiver =
            Command::new("tar").args(["xf", "-", "-C"]).arg(&destination).stdin(archive).output().unwrap();
        assert!(receiver.status.success() && receiver.stderr.is_empty(), "{receiver:?}");
        let sent = sender.wait_with_output().unwrap();
        let stderr = String::from_utf8(sent.stderr).unwrap();
        assert_eq!(
            (sent.status.code(), stderr.as_str()),
            (Some(0), "porthole: tar: removing leading '/' from member names\n")
        );
        for name in ["config.yaml", "blob", "link"] {
            let (from, to) = (source.join("app").join(name), destination.join("data/app").join(name));
            assert!(fs::read(&from).unwrap() == fs::read(&to).unwrap(), "{name}");
            let [from, to] = [from, to].map(|path| fs::symlink_metadata(path).unwrap());
            assert_eq!(
                (from.file_type(), from.permissions(), from.mtime()),
                (to.file_type(), to.permissions(), to.mtime()),
                "{name}"
            );
        }
        fs::remove_dir_all(destination.join("data")).unwrap();
    }
}
