//! The tree as another process sees it.

use std::fs::{self, File};
use std::os::unix::fs::chown;
use std::path::Path;
use std::process::{Command, Stdio};

use super::{READERS, forest, names, output_given, tar_in};
use crate::support::command::binary;
use crate::support::elsewhere::Elsewhere;
use crate::support::place::Place;
use crate::support::rooted::rooted;
use crate::support::skip::is_root;

#[test]
fn files_are_archived_as_another_process_sees_them() {
    let Some(rooted) = rooted() else { return };
    rooted.file("/srv/app/conf", "theirs");
    rooted.file("/etc/passwd", "app:x:4242:4242::/:\n");
    rooted.file("/etc/group", "crew:x:4343:\n");
    rooted.link("/conf", "/srv/app");
    rooted.link("/srv/app/out", "/etc/hostname");
    if is_root() {
        chown(rooted.root.join("srv/app/conf"), Some(4242), Some(4343)).unwrap();
    }
    let output = tar_in(Path::new("/"), &["cf", "-", "/conf/conf", "/srv", "-p", &rooted.pid()]);
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(names(&output.stdout), ["conf/conf", "srv/", "srv/app/", "srv/app/conf", "srv/app/out"]);
    let place = Place::new();
    output_given(READERS[0], &place.0, &output.stdout);
    assert_eq!(fs::read(place.path("conf/conf")).unwrap(), b"theirs");
    assert_eq!(fs::read_link(place.path("srv/app/out")).unwrap(), Path::new("/etc/hostname"));
    if is_root() {
        let listed = output_given(&["tar", "-tvf"], Path::new("-"), &output.stdout);
        assert!(listed.contains(" app/crew "), "{listed}");
        let listed = output_given(&["tar", "--numeric-owner", "-tvf"], Path::new("-"), &output.stdout);
        assert!(listed.contains(" 4242/4343 "), "{listed}");
    }
    let output = tar_in(Path::new("/"), &["cf", "-", "-C", "/conf", "conf", "-p", &rooted.pid()]);
    assert_eq!(names(&output.stdout), ["conf"]);
}

#[test]
fn a_proc_mount_in_the_tree_is_skipped() {
    let script = "mount -t tmpfs none \"$1\"; mkdir -p \"$1/real/proc\"; echo hidden > \"$1/real/file\"\n\
                  ln -s \"$1/real\" \"$1/link\"; mount -t proc none \"$1/real/proc\"";
    let Some(there) = Elsewhere::mounted(script) else { return };
    let (link, folder) = (there.path("link/file"), there.path("real"));
    let output = tar_in(Path::new("/"), &["cf", "-", &link, &folder, "-p", &there.pid()]);
    assert_eq!(
        String::from_utf8_lossy(&output.stderr),
        format!(
            "porthole: tar: removing leading '/' from member names\n\
             porthole: tar: {folder}/proc: contents skipped: a kernel file system; name it to include them\n"
        )
    );
    let inner = &folder[1..];
    let mut expected =
        [link[1..].to_owned(), format!("{inner}/"), format!("{inner}/file"), format!("{inner}/proc/")];
    expected.sort_unstable();
    assert_eq!((names(&output.stdout), output.status.code()), (expected.to_vec(), Some(0)));
    assert_eq!(fs::read_dir(&there.folder).unwrap().count(), 0, "mounted only in the other namespace");
}

#[test]
fn the_archive_does_not_contain_itself() {
    let place = forest();
    let out = File::create(place.path("t/out.tar")).unwrap();
    let mut command = Command::new(binary());
    command.args(["tar", "cf", "-", "t"]).current_dir(&place.0).stdout(out);
    let output = command.stderr(Stdio::piped()).spawn().unwrap().wait_with_output().unwrap();
    assert_eq!(
        (String::from_utf8_lossy(&output.stderr).as_ref(), output.status.code()),
        ("porthole: tar: t/out.tar: is the archive itself; skipped\n", Some(0))
    );
    let found = names(&fs::read(place.path("t/out.tar")).unwrap());
    assert!(found.len() > 10 && !found.contains(&"t/out.tar".to_owned()), "{found:?}");
}
