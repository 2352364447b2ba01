//! `porthole tar`, whose archives GNU tar and Python's tarfile unpack.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs::{self, File};
use std::hash::{DefaultHasher, Hasher as _};
use std::io::{Read as _, Write as _};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{MetadataExt as _, chown, lchown, symlink};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, UNIX_EPOCH};

use crate::support::command::{binary, for_other_users, output, porthole};
use crate::support::elsewhere::Elsewhere;
use crate::support::place::Place;
use crate::support::rooted::rooted;
use crate::support::skip::{is_root, skip};

/// What unpacks an archive from stdin into the folder of its last argument, modes and owners as they are in it.
const READERS: [&[&str]; 2] = [
    &["tar", "--warning=no-timestamp", "--warning=no-unknown-keyword", "-xpf", "-", "-C"],
    &[
        "python3",
        "-c",
        "import sys, tarfile\n\
         tarfile.TarFile.extraction_filter = staticmethod(lambda member, path: member)\n\
         tarfile.open(fileobj=sys.stdin.buffer, mode='r|').extractall(sys.argv[1])",
    ],
];

/// GNU tar, which is not to speak of what it does right all the same.
const LIST: [&str; 2] = ["tar", "--warning=no-unknown-keyword"];

/// Runs porthole tar in this folder.
fn tar_in<S: AsRef<OsStr>>(folder: &Path, arguments: &[S]) -> Output {
    let mut command = Command::new(binary());
    command.arg("tar").args(arguments).current_dir(folder).env_clear().stdin(Stdio::null());
    command.output().unwrap()
}

/// The archive of these arguments, made without a word.
#[track_caller]
fn archive<S: AsRef<OsStr>>(folder: &Path, arguments: &[S]) -> Vec<u8> {
    let output = tar_in(folder, arguments);
    assert_eq!((String::from_utf8_lossy(&output.stderr).as_ref(), output.status.code()), ("", Some(0)));
    output.stdout
}

/// What a program prints that is given this on stdin.
#[track_caller]
fn given(program: &[&str], last: &Path, input: &[u8]) -> String {
    let mut command = Command::new(program[0]);
    command.args(&program[1..]).arg(last).env("LC_ALL", "C.UTF-8").stdin(Stdio::piped());
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let output = std::thread::scope(|scope| {
        scope.spawn(move || stdin.write_all(input).unwrap());
        child.wait_with_output().unwrap()
    });
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && stderr.is_empty(), "{program:?}: {stderr}");
    String::from_utf8(output.stdout).unwrap()
}

/// The names in an archive, as GNU tar lists them.
#[track_caller]
fn names(archive: &[u8]) -> Vec<String> {
    let text = given(&[&LIST, &["--quoting-style=escape", "-tf"][..]].concat(), Path::new("-"), archive);
    let mut names: Vec<String> = text.lines().map(str::to_owned).collect();
    names.sort_unstable();
    names
}

/// Each file below a folder: what it is, its metadata and its content, and the first path that it has.
fn tree(folder: &Path) -> BTreeMap<PathBuf, String> {
    fn walk(folder: &Path, top: &Path, files: &mut BTreeMap<PathBuf, String>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let meta = path.symlink_metadata().unwrap();
            let kind = meta.file_type();
            let content = match () {
                () if kind.is_file() => {
                    let content = fs::read(&path).unwrap();
                    let mut hash = DefaultHasher::new();
                    hash.write(&content);
                    format!("{} bytes, hash {:x}", content.len(), hash.finish())
                }
                () if kind.is_symlink() => fs::read_link(&path).unwrap().display().to_string(),
                () => format!("device {:x}", meta.rdev()),
            };
            // Not everyone sets the time of a link.
            let time = if kind.is_symlink() { 0 } else { meta.mtime() };
            let name = path.strip_prefix(top).unwrap().to_owned();
            let line = format!(
                "{:o} {}:{} {time} {content} {}",
                meta.mode(),
                meta.uid(),
                meta.gid(),
                if kind.is_dir() { 0 } else { meta.nlink() }
            );
            if kind.is_dir() {
                walk(&path, top, files);
            }
            files.insert(name, line);
        }
    }
    let mut files = BTreeMap::new();
    walk(folder, folder, &mut files);
    files
}

/// Each reader unpacks the archive of this folder to what is in the folder.
#[track_caller]
fn is_unpacked_as_it_is(folder: &Path) {
    let expected = tree(folder);
    assert!(!expected.is_empty());
    let bytes = archive(folder, &["cf", "-", "."]);
    for reader in READERS {
        let place = Place::new();
        given(reader, &place.0, &bytes);
        let found = tree(&place.0);
        for (name, line) in &expected {
            assert_eq!(found.get(name), Some(line), "{} by {}", name.display(), reader[0]);
        }
        assert_eq!(found.len(), expected.len(), "{}", reader[0]);
    }
}

fn mkfifo(path: &str) {
    assert!(Command::new("mkfifo").arg(path).status().unwrap().success());
}

#[test]
fn files_of_every_kind() {
    let Some(place) = Place::for_inspection() else { return };
    for folder in ["a/b/c", "empty", "closed"] {
        fs::create_dir_all(place.path(folder)).unwrap();
    }
    for (at, size) in [0, 1, 511, 512, 513, 131_071, 131_072, 131_073, 300_000].into_iter().enumerate() {
        let name = format!("a/{size}");
        let content: Vec<u8> = (0..=250).cycle().take(size).collect();
        place.file(&name, content);
        place.mode(&name, 0o600 + u32::try_from(at).unwrap());
    }
    place.mode("a/1", 0o4751);
    place.mode("empty", 0o1777);
    place.mode("closed", 0o2700);
    symlink("a/1", place.path("link")).unwrap();
    symlink("/none/at all", place.path("a/b/dangling")).unwrap();
    symlink("..", place.path("a/b/c/up")).unwrap();
    symlink("x".repeat(100), place.path("a/full")).unwrap();
    symlink("y/".repeat(500), place.path("a/long")).unwrap();
    fs::hard_link(place.path("a/513"), place.path("a/b/second")).unwrap();
    fs::hard_link(place.path("a/513"), place.path("third")).unwrap();
    mkfifo(&place.path("a/fifo"));
    if is_root() {
        lchown(place.path("link"), Some(65_532), Some(50)).unwrap();
        chown(place.path("a/513"), Some(2_097_152), Some(3_000_000_000)).unwrap();
        chown(place.path("a/b"), Some(1), Some(2_097_151)).unwrap();
        for words in ["null c 1 3", "disk b 259 70000"] {
            let words: Vec<&str> = words.split(' ').collect();
            let status = Command::new("mknod").arg(place.path(words[0])).args(&words[1..]).status().unwrap();
            assert!(status.success());
        }
    }
    for (name, seconds) in [("a/0", 1_000_000_000), ("a/1", 0), ("a/511", 8_589_934_592), ("a/512", -86_400)]
    {
        let time = Duration::from_secs(i64::unsigned_abs(seconds));
        let time = if seconds < 0 { UNIX_EPOCH - time } else { UNIX_EPOCH + time };
        File::open(place.path(name)).unwrap().set_modified(time).unwrap();
    }
    // Last, as what is in it changes it.
    for folder in ["a", "empty", "closed", "a/b/c", "a/b"] {
        let time = UNIX_EPOCH + Duration::from_secs(1_700_000_000);
        File::open(place.path(folder)).unwrap().set_modified(time).unwrap();
    }
    is_unpacked_as_it_is(&place.0);
}

#[test]
fn names_long_and_odd() {
    let Some(place) = Place::for_inspection() else { return };
    let names: Vec<Vec<u8>> = vec![
        vec![b'a'; 97],
        vec![b'b'; 98],
        vec![b'c'; 99],
        vec![b'd'; 255],
        [vec![b'e'; 150], b"/".to_vec(), vec![b'e'; 100]].concat(),
        [vec![b'f'; 154], b"/".to_vec(), vec![b'f'; 101]].concat(),
        [vec![b'g'; 200], b"/".to_vec(), vec![b'g'; 200]].concat(),
        b"new\nline".to_vec(),
        b"esc\x1b[2J".to_vec(),
        b"\xff\xfe".to_vec(),
        [vec![b'h'; 150], b"\xe9".to_vec()].concat(),
        [vec![b'i'; 120], "\nä=1\n".into()].concat(),
        "ünïcødé".into(),
        b" - ".to_vec(),
        b"--help".to_vec(),
        b"back\\slash".to_vec(),
    ];
    for name in &names {
        let path = place.0.join(OsStr::from_bytes(name));
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, name).unwrap();
        if !name.contains(&b'/') {
            fs::create_dir(place.0.join(OsStr::from_bytes(&[&name[..name.len().min(250)], b".d"].concat())))
                .unwrap();
        }
        fs::hard_link(&path, place.0.join(OsStr::from_bytes(&[&name[..1], b"link"].concat()))).ok();
    }
    is_unpacked_as_it_is(&place.0);
    // Deeper than any call takes.
    let script = "import os, sys\nos.chdir(sys.argv[1])\nfor i in range(60):\n os.mkdir('d' * 100)\n os.chdir('d' * 100)\n\
                  open('file', 'w').write('deep')\n";
    assert!(Command::new("python3").args(["-c", script, &place.path("")]).status().unwrap().success());
    let found = self::names(&archive(&place.0, &["cf", "-", &"d".repeat(100)]));
    assert_eq!(found.iter().map(String::len).max(), Some(60 * 101 + 4));
}

/// The same names as GNU tar, which says what it leaves away of them.
#[track_caller]
fn same(folder: &Path, arguments: &[&str], paths: &[&str]) -> Vec<String> {
    let mut theirs = Command::new("tar");
    theirs.args(arguments).args(["-c", "-f", "-"]).args(paths).current_dir(folder);
    let theirs = names(&theirs.output().unwrap().stdout);
    let ours = tar_in(folder, &[arguments, &["-c", "-f", "-"], paths].concat());
    let found = names(&ours.stdout);
    assert_eq!(found, theirs, "{arguments:?} {paths:?} {}", String::from_utf8_lossy(&ours.stderr));
    found
}

/// A tree for patterns.
fn forest() -> Option<Place> {
    let place = Place::for_inspection()?;
    for folder in ["t/a/b/c", "t/b", "t/log", "t/.git", "t/[x]"] {
        fs::create_dir_all(place.path(folder)).unwrap();
    }
    for name in
        ["t/a/b/c/f", "t/a/x.log", "t/log/y.log", "t/.git/HEAD", "t/[x]/*", "t/b/é", "t/b/back\\slash"]
    {
        place.file(name, name);
    }
    symlink("t", place.path("link")).unwrap();
    Some(place)
}

#[test]
fn members_are_called_as_by_gnu_tar() {
    let Some(place) = forest() else { return };
    for paths in [
        &["t"][..],
        &["t/"],
        &["t//"],
        &["./t"],
        &["."],
        &["./"],
        &["t/a/../b"],
        &["t/.."],
        &["t/../t/a"],
        &["link"],
        &["link/"],
        &["link/a"],
        &["t/a/x.log", "t/log", "t/b"],
        &["t/a", "t/a"],
    ] {
        assert!(!same(&place.0, &[], paths).is_empty());
        same(Path::new("/"), &["-C", &place.path("")], paths);
    }
    let inner = place.0.join("t/a");
    for paths in [&[".."][..], &["../b"], &["../../t/b"], &["../", "x.log"]] {
        assert!(!same(&inner, &[], paths).is_empty());
    }
    let absolute = place.path("t/a");
    assert!(same(&place.0, &[], &[&absolute]).contains(&format!("{}/x.log", &absolute[1..])));
    same(&place.0, &[], &[&format!("/{absolute}")]);
    same(&place.0, &["-C", "t"], &[&absolute]);
    same(&place.0, &["--exclude", "?*"], &["/"]);
}

#[test]
fn what_is_left_out_of_the_names_is_said_once() {
    let Some(place) = forest() else { return };
    let (a, b) = (place.path("t/a"), place.path("t/b"));
    let output = tar_in(&place.0, &["cf", "-", &a, &b, "t/../t/b", "t/a/../b"]);
    assert_eq!(
        String::from_utf8_lossy(&output.stderr),
        "porthole: tar: removing leading '/' from member names\n\
         porthole: tar: removing leading 't/../' from member names\n\
         porthole: tar: removing leading 't/a/../' from member names\n"
    );
    assert_eq!(output.status.code(), Some(0));
}

#[test]
fn patterns_leave_out_what_gnu_tar_leaves_out() {
    let Some(place) = forest() else { return };
    let mut left = Vec::new();
    for pattern in [
        "b",
        "b/",
        "b/c",
        "a/b",
        "a*c",
        "*/c",
        "t",
        "[b]",
        "b/*",
        "/a",
        "./t",
        "t/a/b/c/f",
        "*",
        "B",
        "\\b",
        "*.log",
        "?",
        "[!a-z]*",
        "\\[x\\]",
        "[[]x]",
        "\\*",
        "é",
        "?.log",
        "t/*.log",
        ".git",
        "*git*",
        "f",
        "log/y.log",
        "",
        "back\\\\slash",
    ] {
        for paths in [&["t"][..], &["t/a/b", "t/log/y.log"], &["."], &["./t/b/"]] {
            left.push(same(&place.0, &["--exclude", pattern], paths).len());
        }
        let top = place.path("t");
        same(&place.0, &["--exclude", pattern], &[&top]);
    }
    assert!(left.iter().min() == Some(&0) && left.iter().max() > Some(&15), "{left:?}");
    same(&place.0, &["--exclude=b", "--exclude", "*.log"], &["t"]);
    let pattern = format!("--exclude={}", place.path("t/a"));
    assert!(same(&place.0, &[&pattern], &[&place.path("t")]).len() > 5);
}

#[test]
fn as_kubectl_cp_calls_it_and_in_other_ways() {
    let Some(place) = forest() else { return };
    let (top, folder) = (place.path("t"), place.path(""));
    let expected = archive(&place.0, &["cf", "-", "t"]);
    for arguments in [
        &["-cf", "-", "t"][..],
        &["-c", "-f", "-", "t"],
        &["-cf-", "t"],
        &["c", "t"],
        &["-c", "t"],
        &["--create", "--file=-", "--", "t"],
        &["cfC", "-", &folder, "t"],
        &["Ccf", &folder, "-", "t"],
        &["cf", "-", "-C", &folder, "t"],
        &["cf", "-", "t", "--directory", &folder],
    ] {
        assert!(archive(&place.0, arguments) == expected, "{arguments:?}");
    }
    // By its name, as a container that has it for tar.
    let link = place.path("tar");
    symlink(binary(), &link).unwrap();
    let mut command = Command::new(&link);
    let output = command.args(["cf", "-", &top]).output().unwrap();
    assert_eq!(
        (String::from_utf8_lossy(&output.stderr).as_ref(), output.status.code()),
        ("porthole: tar: removing leading '/' from member names\n", Some(0))
    );
    assert!(names(&output.stdout).iter().all(|name| name.starts_with(&top[1..])));
    let output = tar_in(&place.0, &["cvf", "-", "t/b", "--exclude", "é"]);
    assert_eq!(String::from_utf8_lossy(&output.stderr), "t/b/\nt/b/back\\\\slash\n");
    assert_eq!(output.status.code(), Some(0));
}

#[test]
fn what_is_refused() {
    let Some(place) = forest() else { return };
    let extract = "--extract: porthole writes no files, so it does not unpack archives";
    let read = "porthole does not read archives; it only writes one, to standard output";
    let change = "porthole does not change archives; it only writes one, to standard output";
    let compress = "porthole does not compress; pipe the archive to a compressor, as in ... | gzip";
    let help = "; see porthole tar --help";
    let follow = "porthole does not follow links; name their targets";
    for (arguments, message) in [
        ("xmf - -C /tmp", format!("{extract}{help}")),
        ("-xmf - -C /tmp", format!("{extract}{help}")),
        (
            "--no-same-permissions --no-same-owner -xmf - -C /",
            format!("--no-same-permissions{}{help}", &extract[9..]),
        ),
        ("--extract", format!("{extract}{help}")),
        ("tf -", format!("--list: {read}{help}")),
        ("df -", format!("--diff: {read}{help}")),
        ("rf - t", format!("--append: {change}{help}")),
        ("-uf - t", format!("--update: {change}{help}")),
        ("Af - t", format!("--concatenate: {change}{help}")),
        ("czf - t", format!("--gzip: {compress}{help}")),
        ("cjf - t", format!("--bzip2: {compress}{help}")),
        ("-c --xz t", format!("--xz: {compress}{help}")),
        ("cq t", format!("unknown option -q{help}")),
        ("cf", format!("--file needs a value{help}")),
        ("cf -", format!("PATH is missing{help}")),
        ("cf - t -C a -C b", format!("--directory is given twice{help}")),
        ("t", format!("--list: {read}{help}")),
        ("/t", "--create: is missing, as in porthole tar cf - PATH".to_owned()),
        (
            "cf t.tar t",
            "--file: expected -, as porthole writes no files: redirect standard output, got 't.tar'"
                .to_owned(),
        ),
        ("cf - t --json", "--json: cannot be used with this command: an archive is not JSON".to_owned()),
        ("chf - t", format!("--dereference: {follow}{help}")),
        ("cf - -h t", format!("--dereference: {follow}{help}")),
        ("-chf - t", format!("--dereference: {follow}{help}")),
        ("--json cf - t", "--json: cannot be used with this command: an archive is not JSON".to_owned()),
    ] {
        porthole(["tar"].into_iter().chain(arguments.split(' '))).refused(&format!("tar: {message}"));
    }
    assert!(!porthole(["tar", "--help"]).run().stdout.contains("--json"));
    porthole(["tar", "cf", "-", ""]).refused("tar: PATH: is empty");
    let command = format!("{} tar cf - {}", binary(), place.path("t"));
    let shown = output(Command::new("script").args(["-qec", &command, "/dev/null"]).stdin(Stdio::null()));
    assert_eq!(
        (shown.stdout.as_str(), shown.status),
        ("porthole: tar: refusing to write an archive to a terminal: redirect standard output\r\n", Some(1))
    );
}

#[test]
fn holes_are_left_out() {
    let Some(place) = Place::for_inspection() else { return };
    let sparse = |name: &str, size: u64, parts: &[(u64, usize)]| {
        use std::os::unix::fs::FileExt as _;
        let file = File::create(place.path(name)).unwrap();
        file.set_len(size).unwrap();
        for (at, length) in parts {
            file.write_all_at(&vec![b'x'; *length], *at).unwrap();
        }
    };
    sparse("hole", 64 << 20, &[]);
    sparse("ends", 16 << 20, &[(0, 10), ((16 << 20) - 10, 10)]);
    sparse("middle", (8 << 20) + 7, &[(4 << 20, 100_000)]);
    sparse("small", 500_000, &[(400_000, 3)]);
    // More parts than are kept apart.
    let many: Vec<(u64, usize)> = (0..10_300).map(|at| (at * 8_192 + 4_096, 5)).collect();
    sparse("many", 88 << 20, &many);
    let long = "n".repeat(150);
    sparse(&long, 8 << 20, &[(1 << 20, 1)]);
    fs::hard_link(place.path("middle"), place.path("same")).unwrap();
    if fs::metadata(place.path("hole")).unwrap().blocks() > 1000 {
        return skip("this file system has no holes");
    }
    is_unpacked_as_it_is(&place.0);
    let bytes = archive(&place.0, &["cf", "-", "."]);
    assert!(bytes.len() < 56 << 20, "{}", bytes.len());
    // 10 GiB in no time and no memory, of which both readers know where they end.
    sparse("huge", 10 << 30, &[(9 << 30, 3)]);
    let bytes = archive(&place.0, &["cf", "-", "huge"]);
    assert!(bytes.len() < 100_000, "{}", bytes.len());
    let listed = given(&["tar", "-tvf"], Path::new("-"), &bytes);
    assert!(listed.contains(" 10737418240 "), "{listed}");
    let unpacked = Place::new();
    given(READERS[0], &unpacked.0, &bytes);
    let meta = fs::metadata(unpacked.path("huge")).unwrap();
    assert!(meta.len() == 10 << 30 && meta.blocks() < 1000, "{meta:?}");
}

/// Runs porthole tar of one file, which `change` changes once its header is there.
fn while_it_changes(place: &Place, name: &str, change: impl FnOnce(&File)) -> (Vec<u8>, String, Option<i32>) {
    let file = File::options().read(true).append(true).open(place.path(name)).unwrap();
    let mut command = Command::new(binary());
    command.args(["tar", "cf", "-", name]).current_dir(&place.0).stdin(Stdio::null());
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut stdout = child.stdout.take().unwrap();
    let mut bytes = vec![0; 1024];
    stdout.read_exact(&mut bytes).unwrap();
    change(&file);
    stdout.read_to_end(&mut bytes).unwrap();
    let output = child.wait_with_output().unwrap();
    (bytes, String::from_utf8(output.stderr).unwrap(), output.status.code())
}

#[test]
fn files_that_change_while_they_are_read() {
    let Some(place) = Place::for_inspection() else { return };
    let content = vec![b'x'; 4 << 20];
    let unpacked = |bytes: &[u8]| {
        let place = Place::new();
        given(READERS[0], &place.0, bytes);
        given(READERS[1], &place.0, bytes);
        fs::read(place.path("log")).unwrap()
    };
    place.file("log", &content);
    let (bytes, stderr, status) =
        while_it_changes(&place, "log", |mut log| log.write_all(b"a line more\n").unwrap());
    assert_eq!(
        (stderr.as_str(), status),
        ("porthole: tar: log: grew while it was read: the archive has the first 4 MiB\n", Some(0))
    );
    assert!(unpacked(&bytes) == content);
    place.file("log", &content);
    let (bytes, stderr, status) = while_it_changes(&place, "log", |log| log.set_len(1 << 20).unwrap());
    assert_eq!(
        (stderr.as_str(), status),
        (
            "porthole: tar: log: shrank while it was read: the archive has zeros in place of its last 3 MiB\n",
            Some(1)
        )
    );
    let found = unpacked(&bytes);
    assert!(found.len() == 4 << 20 && found[..1 << 20] == content[..1 << 20]);
    assert!(found[1 << 20..].iter().all(|&b| b == 0));
}

#[test]
fn what_cannot_be_read_is_said_and_left_out() {
    let Some(place) = forest() else { return };
    let Some(programs) = for_other_users() else { return };
    place.mode("", 0o755);
    place.mode("t/a/x.log", 0o600);
    place.mode("t/b", 0o700);
    let socket = UnixListener::bind(place.path("t/socket")).unwrap();
    let mut command = Command::new("setpriv");
    command.args(["--reuid=65532", "--regid=65532", "--clear-groups"]).arg(programs.join("porthole"));
    let output = command.args(["tar", "cf", "-", "none", "t"]).current_dir(&place.0).output().unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    let mut lines: Vec<&str> = stderr.lines().collect();
    lines.sort_unstable();
    assert_eq!(
        lines,
        [
            "porthole: tar: none: no such file or directory",
            "porthole: tar: t/a/x.log: permission denied",
            "porthole: tar: t/b: permission denied",
            "porthole: tar: t/socket: is a socket; skipped",
        ]
    );
    assert_eq!(output.status.code(), Some(1));
    let found = names(&output.stdout);
    assert!(found.contains(&"t/b/".to_owned()) && found.contains(&"t/log/y.log".to_owned()), "{found:?}");
    assert!(!found.iter().any(|name| name == "t/a/x.log" || name == "t/socket"), "{found:?}");
    drop(socket);
    // A socket alone is no failure.
    place.mode("t/a/x.log", 0o644);
    let output = tar_in(&place.0, &["cf", "-", "t/socket", "t/a/x.log"]);
    assert_eq!((names(&output.stdout).len(), output.status.code()), (1, Some(0)));
    fs::remove_dir_all(programs).unwrap();
}

/// kubectl takes whatever comes for an archive, and shows what is on stderr only where nothing comes.
#[test]
fn nothing_is_written_where_nothing_could_be_read() {
    let Some(place) = Place::for_inspection() else { return };
    let Some(programs) = for_other_users() else { return };
    for name in [
        "closed",
        "outer",
        "outer/inner",
        "outer/inner/deep",
        "blind",
        "empty",
        "some",
        "some/closed",
        "some/open",
    ] {
        fs::create_dir(place.path(name)).unwrap();
    }
    for name in ["denied", "closed/file", "blind/file", "some/denied"] {
        place.file(name, "secret");
        place.mode(name, 0o600);
    }
    place.file("public", "public");
    for (name, mode) in
        [("", 0o755), ("closed", 0o700), ("outer/inner", 0o700), ("blind", 0o744), ("some/closed", 0o700)]
    {
        place.mode(name, mode);
    }
    let run = |paths: &[&str]| {
        let mut command = Command::new("setpriv");
        command.args(["--reuid=65532", "--regid=65532", "--clear-groups"]).arg(programs.join("porthole"));
        command.args(["tar", "cf", "-"]).args(paths).current_dir(&place.0).output().unwrap()
    };
    for paths in [
        &["none"][..],
        &["denied"],
        &["closed"],
        &["blind"],
        &["outer"],
        &["closed/file"],
        &["none", "denied", "closed", "outer", "public/none"],
    ] {
        let output = run(paths);
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!((output.stdout.len(), output.status.code()), (0, Some(1)), "{paths:?}: {stderr}");
        assert!(stderr.lines().count() >= paths.len(), "{paths:?}: {stderr}");
    }
    // What could be read is there, and so is what stands for the rest.
    for (paths, found) in [
        (&["none", "public"][..], &["public"][..]),
        (&["closed", "public", "none"], &["closed/", "public"]),
        (&["closed", "empty"], &["closed/", "empty/"]),
        (&["some"], &["some/", "some/closed/", "some/open/"]),
    ] {
        let output = run(paths);
        assert_eq!(
            (names(&output.stdout), output.status.code()),
            (found.iter().map(ToString::to_string).collect(), Some(1))
        );
    }
    let output = run(&["empty"]);
    assert_eq!((names(&output.stdout), output.status.code()), (vec!["empty/".to_owned()], Some(0)));
    fs::remove_dir_all(programs).unwrap();
}

#[test]
fn of_another_process_as_it_sees_them() {
    let Some(_place) = Place::for_inspection() else { return };
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
    given(READERS[0], &place.0, &output.stdout);
    assert_eq!(fs::read(place.path("conf/conf")).unwrap(), b"theirs");
    assert_eq!(fs::read_link(place.path("srv/app/out")).unwrap(), Path::new("/etc/hostname"));
    if is_root() {
        let listed = given(&["tar", "-tvf"], Path::new("-"), &output.stdout);
        assert!(listed.contains(" app/crew "), "{listed}");
        let listed = given(&["tar", "--numeric-owner", "-tvf"], Path::new("-"), &output.stdout);
        assert!(listed.contains(" 4242/4343 "), "{listed}");
    }
    let output = tar_in(Path::new("/"), &["cf", "-", "-C", "/conf", "conf", "-p", &rooted.pid()]);
    assert_eq!(names(&output.stdout), ["conf"]);
}

#[test]
fn in_a_mount_namespace_with_a_proc_in_the_tree() {
    let Some(_place) = Place::for_inspection() else { return };
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
    assert_eq!(fs::read_dir(&there.folder).unwrap().count(), 0, "it is mounted there alone");
}

#[test]
fn files_of_the_kernel_that_are_named() {
    let Some(place) = Place::for_inspection() else { return };
    let output = tar_in(Path::new("/proc/self"), &["cf", "-", "cmdline", "net/dev"]);
    given(READERS[0], &place.0, &output.stdout);
    let line = fs::read(place.path("cmdline")).unwrap();
    assert!(line.ends_with(b"\0tar\0cf\0-\0cmdline\0net/dev\0"), "{}", String::from_utf8_lossy(&line));
    assert!(fs::read(place.path("net/dev")).unwrap().len() > 100);
    // All address space, if one believes what it says of itself.
    let output = tar_in(Path::new("/proc"), &["cf", "-", "kcore"]);
    assert!(output.stdout.len() < 1 << 20 && output.status.code() == Some(1), "{}", output.stdout.len());
}

#[test]
fn the_archive_is_no_part_of_itself() {
    let Some(place) = forest() else { return };
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

#[test]
fn readers_that_leave_and_disks_that_are_full() {
    let Some(place) = Place::for_inspection() else { return };
    place.file("large", vec![b'x'; 2 << 20]);
    let run = |stdout: Stdio| {
        let mut command = Command::new(binary());
        command.args(["tar", "cf", "-", "large"]).current_dir(&place.0).stdout(stdout);
        command.stderr(Stdio::piped()).spawn().unwrap()
    };
    let mut child = run(Stdio::piped());
    let mut stdout = child.stdout.take().unwrap();
    stdout.read_exact(&mut [0; 10]).unwrap();
    drop(stdout);
    let output = child.wait_with_output().unwrap();
    assert_eq!((output.status.code(), output.stderr.as_slice()), (Some(0), &b""[..]));
    let full = File::options().write(true).open("/dev/full").unwrap();
    let output = run(full.into()).wait_with_output().unwrap();
    assert_eq!(
        (output.status.code(), String::from_utf8_lossy(&output.stderr).as_ref()),
        (Some(1), "porthole: tar: standard output: no space left on device\n")
    );
}

#[test]
fn many_files_and_large_ones_in_little_memory() {
    let Some(place) = Place::for_inspection() else { return };
    place.file("large", vec![b'x'; 64 << 20]);
    fs::create_dir(place.path("a")).unwrap();
    fs::create_dir(place.path("b")).unwrap();
    // More files with two names than are kept in mind.
    for at in 0..10_100 {
        let (first, second) = (place.path(&format!("a/{at}")), place.path(&format!("b/{at}")));
        fs::write(&first, "x").unwrap();
        fs::hard_link(first, second).unwrap();
    }
    let is_static = std::env::var_os("PORTHOLE_BIN").is_some();
    let limit = if is_static { "--as=16777216" } else { "--data=33554432" };
    let mut command = Command::new("prlimit");
    command.args([limit, &binary(), "tar", "cf", "-", "large", "a", "b"]).current_dir(&place.0);
    let output = command.output().unwrap();
    assert_eq!(
        (String::from_utf8_lossy(&output.stderr).as_ref(), output.status.code()),
        (
            "porthole: tar: too many hard-linked files to remember: some are archived as separate files\n",
            Some(0)
        )
    );
    let listed = given(&["tar", "-tvf"], Path::new("-"), &output.stdout);
    assert_eq!(listed.lines().count(), 3 + 2 * 10_100);
    assert_eq!(listed.matches(" link to ").count(), 10_000);
}
