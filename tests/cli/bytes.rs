//! `porthole cat`, `head`, `tail`, `grep`, `hexdump`, `sha256sum`: compared with the programs of these names.

use std::fs::{self, File};
use std::io::{Read as _, Write as _};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::{Value, json};

use crate::support::command::{binary, for_other_users, has_feature, output, porthole};
use crate::support::rooted::rooted;
use crate::support::server::folder;
use crate::support::skip::{skip, skip_by_design};

/// A folder that is removed with everything in it.
struct Place(PathBuf);

impl Place {
    /// Nothing, said aloud, where the program under test has no inspections.
    fn new() -> Option<Self> {
        if !has_feature("inspect") {
            skip_by_design("this build has no inspections");
            return None;
        }
        Some(Place(folder()))
    }

    fn path(&self, name: &str) -> String {
        self.0.join(name).to_str().unwrap().to_owned()
    }

    fn file(&self, name: &str, content: impl AsRef<[u8]>) -> String {
        fs::write(self.0.join(name), content).unwrap();
        self.path(name)
    }

    /// A file that takes no space, as large as this.
    fn sparse(&self, name: &str, size: u64) -> String {
        File::create(self.0.join(name)).unwrap().set_len(size).unwrap();
        self.path(name)
    }

    /// Files of every kind of content.
    fn files(&self) -> Vec<String> {
        let mut state = 7_u32;
        let random: Vec<u8> = std::iter::repeat_with(|| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 24) as u8
        })
        .take(200_001)
        .collect();
        let many: String = (0..30_000).fold(String::new(), |text, n| text + &format!("line {n}\n"));
        vec![
            self.file("empty", ""),
            self.file("newline", "\n"),
            self.file("no-newline", "one\ntwo\nthree"),
            self.file("crlf", "one\r\ntwo\r\n\r\nneedle\r\n"),
            self.file("nuls", [&[0; 70][..], b"needle\n", &[0; 33]].concat()),
            self.file("long", [vec![b'x'; 150_000], b"needle\n".to_vec(), vec![b'y'; 70_000]].concat()),
            self.file("many", many),
            self.file("same", [b'a'; 1000]),
            self.file("latin", b"caf\xe9 Needle\nna\xefve\n"),
            self.file("random", random),
        ]
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// What a program prints, and its exit status; nothing, said aloud, where it is not installed.
fn printed<S: AsRef<std::ffi::OsStr>>(program: &str, arguments: &[S]) -> Option<(Vec<u8>, bool)> {
    let mut command = Command::new(program);
    command.args(arguments).env("LC_ALL", "C.UTF-8").stdin(Stdio::null());
    match command.output() {
        Ok(output) => Some((output.stdout, output.status.success())),
        Err(error) => {
            skip(&format!("{program}: {error}"));
            None
        }
    }
}

/// Asserts that porthole prints the same as the program of that name.
#[track_caller]
fn same(name: &str, arguments: &[&str], ours: &[&str]) {
    let Some(theirs) = printed(name, arguments) else { return };
    let all: Vec<&str> = [name].iter().chain(ours).copied().collect();
    let ours = printed(&binary(), &all).unwrap();
    assert!(ours == theirs, "{all:?}\n{}", String::from_utf8_lossy(&ours.0[..ours.0.len().min(2000)]));
}

#[test]
fn bytes_and_lines_as_coreutils_have_them() {
    let Some(place) = Place::new() else { return };
    let files = place.files();
    for file in &files {
        same("cat", &[file], &[file]);
        for lines in ["0", "1", "2", "10", "29999", "30000", "99999999"] {
            same("head", &["-n", lines, file], &["-n", lines, file]);
            same("tail", &["-n", lines, file], &["-n", lines, file]);
        }
    }
    let all: Vec<&str> = files.iter().map(String::as_str).collect();
    for name in ["cat", "head", "tail", "sha256sum"] {
        same(name, &all, &all);
    }
}

#[test]
fn dumps_as_hexdump_has_them() {
    let Some(place) = Place::new() else { return };
    for file in &place.files() {
        same("hexdump", &["-C", file], &["--max", "10M", file]);
    }
    let file = place.file("x", (0..=255).collect::<Vec<u8>>());
    porthole(["hexdump", "-n", "20", "-s", "250", &file])
        .healthy("000000fa  fa fb fc fd fe ff                                 |......|\n00000100");
    // What was asked for is no cut.
    let ran = porthole(["hexdump", "-n", "17", &file]).run();
    ran.is(
        0,
        "00000000  00 01 02 03 04 05 06 07  08 09 0a 0b 0c 0d 0e 0f  |................|\n\
         00000010  10                                                |.|\n00000011",
        "",
    );
    for skip in ["255", "256", "257", "100000"] {
        same("hexdump", &["-C", "-s", skip, &file], &["-s", skip, &file]);
    }
    let empty = place.file("empty", "");
    same("hexdump", &["-C", "-s", "5", &empty], &["-s", "5", &empty]);
    let ran = porthole(["hexdump", "--json", "-s", "253", &file]).run();
    let json: Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(json, json!({"path": file, "offset": 253, "bytes": "/f7/", "cut": false}));
}

#[test]
fn what_grep_escapes_is_told_from_what_is_there() {
    let Some(place) = Place::new() else { return };
    let file = place.file("x", b"back\\slash\t1\n\\xff \xff 1\n");
    porthole(["grep", "1", &file]).healthy("back\\slash\t1\n\\\\xff \\xff 1");
}

#[test]
fn letters_beyond_ascii_have_their_case() {
    let Some(place) = Place::new() else { return };
    let file = place.file("x", "GRÜN\nGRüN\n");
    let note = "porthole: grep: -i applies to ASCII letters only: the case of other letters in TEXT matters";
    for words in [&["grep", "-i", "grün"][..], &["grep", "-iE", "gr[ü]n"]] {
        porthole(words.iter().chain(&[file.as_str()])).run().is(0, "GRüN", note);
    }
    porthole(["grep", "-i", "gr", &file]).healthy("GRÜN\nGRüN");
    porthole(["grep", "grün", &file]).run().is(1, "", "");
}

#[test]
fn lines_as_grep_finds_them() {
    let Some(place) = Place::new() else { return };
    let files = place.files();
    for file in files.iter().filter(|file| !file.ends_with("latin") && !file.ends_with("crlf")) {
        for text in ["needle", "NEEDLE", "one", "line 299", "e", "", "\r", "xn"] {
            let is_binary = file.ends_with("nuls") || file.ends_with("random");
            for (theirs, ours) in [("-F", ""), ("-Fn", "-n"), ("-Fi", "-i"), ("-Fni", "-ni"), ("-E", "-E")] {
                let mut arguments = vec![text, file.as_str()];
                if !ours.is_empty() {
                    arguments.insert(0, ours);
                }
                if is_binary {
                    let Some((_, found)) = printed("grep", &["-a", theirs, text, file]) else { return };
                    let words: Vec<&str> = ["grep"].into_iter().chain(arguments).collect();
                    let (out, ours) = printed(&binary(), &words).unwrap();
                    assert_eq!(ours, found, "{words:?}");
                    let line = if found { format!("Binary file {file} matches\n") } else { String::new() };
                    assert_eq!(String::from_utf8_lossy(&out), line, "{words:?}");
                } else {
                    same("grep", &[theirs, text, file], &arguments);
                }
            }
        }
    }
    for expression in [
        "^line 1.*9$",
        "(one|two)",
        "^$",
        "t.o",
        "e{2}",
        "[0-9]+7$",
        "ne 29+8",
        "ine 2(9|8)99",
        "tw?o",
        "(t|x)hre+$",
        "one|two",
        "LINE [12]5?77",
        "x*two",
        r"e\b",
    ] {
        for file in [&files[2], &files[6]] {
            for letters in ["-nE", "-niE"] {
                same("grep", &[letters, expression, file], &[letters, expression, file]);
            }
        }
    }
    same("grep", &["-n", "two", &files[2], &files[0]], &["-n", "two", &files[2], &files[0]]);
    // Nothing in a line acts on the terminal at the other end of a pipe, and one that is not UTF-8 is a line all the same.
    let ran = printed(&binary(), &["grep", "two", &files[3]]).unwrap();
    assert_eq!(ran, (b"two\\r\n".to_vec(), true));
    let ran = printed(&binary(), &["grep", "-i", "needle", &files[8]]).unwrap();
    assert_eq!(ran, (b"caf\\xe9 Needle\n".to_vec(), true));
    let json = porthole(["grep", "--json", "aïve|café|Needle", "-E", &files[8], &files[3]]).run();
    assert_eq!(
        serde_json::from_str::<Value>(&json.stdout).unwrap(),
        json!({"matches": [{"path": files[8], "line": 1, "text": {"bytes": "Y2Fm6SBOZWVkbGU="}}]})
    );
}

/// POSIX: with -q a match is 0, "even if an error was detected".
#[test]
fn a_quiet_match_outweighs_what_failed() {
    let Some(place) = Place::new() else { return };
    let file = place.file("file", "a needle\n");
    let (none, folder) = (place.path("none"), place.0.to_str().unwrap().to_owned());
    let missing = format!("porthole: grep: {none}: no such file or directory");
    let is_folder = format!("porthole: grep: {folder}: is a directory");
    let quiet = |paths: &[&str]| porthole([&["grep", "-q", "needle"], paths].concat()).run();
    quiet(&[&file, &none]).is(0, "", "");
    quiet(&[&none, &file]).is(0, "", &missing);
    quiet(&[&folder, &none, &file]).is(0, "", &format!("{is_folder}\n{missing}"));
    quiet(&[&none]).is(1, "", &missing);
    porthole(["grep", "-q", "nothing", &none, &file]).run().is(1, "", &missing);
    porthole(["grep", "--no-filename", "needle", &none, &file]).run().is(1, "a needle", &missing);
    let json = porthole(["grep", "-q", "--json", "needle", &none, &file]).run();
    assert_eq!(json.status, Some(0), "{}", json.story());
}

#[test]
fn grep_looks_into_folders_but_not_through_links() {
    let Some(place) = Place::new() else { return };
    fs::create_dir_all(place.0.join("a/b")).unwrap();
    place.file("a/x", "needle 1\n");
    place.file("a/b/y", "no\nneedle 2\n");
    symlink("..", place.0.join("a/b/loop")).unwrap();
    symlink("x", place.0.join("a/link")).unwrap();
    let fifo = place.path("a/fifo");
    assert!(Command::new("mkfifo").arg(&fifo).status().unwrap().success());
    let (top, link) = (place.path("a"), place.path("top"));
    symlink("a", &link).unwrap();
    for folder in [&top, &link] {
        let ran = porthole(["grep", "-rn", "needle", folder]).run();
        let mut lines: Vec<&str> = ran.stdout.lines().collect();
        lines.sort_unstable();
        assert_eq!(lines, [format!("{folder}/b/y:2:needle 2"), format!("{folder}/x:1:needle 1")]);
        assert_eq!((ran.status, ran.stderr.as_str()), (Some(0), ""), "{}", ran.story());
    }
    porthole(["grep", "-r", "nothing", &top]).unhealthy("");
    porthole(["grep", "needle", &top]).refused(&format!("grep: {top}: is a directory"));
    let looped = place.path("looped");
    symlink("looped", &looped).unwrap();
    let ran = porthole(["grep", "-r", "needle", &looped]).run();
    // In the words of musl or of glibc.
    let said = ["symbolic link loop", "too many levels of symbolic links"]
        .map(|why| format!("porthole: grep: {looped}: {why}\n"));
    assert_eq!((ran.status, ran.stdout.as_str()), (Some(1), ""), "{}", ran.story());
    assert!(said.contains(&ran.stderr), "{}", ran.story());
}

#[test]
fn what_is_cut_says_so() {
    let Some(place) = Place::new() else { return };
    let file = place.file("x", "one\ntwo\nthree\n");
    let cut = |words: &[&str], stdout: &str, note: &str| {
        let words: Vec<&str> = words.iter().copied().chain([file.as_str()]).collect();
        porthole(&words).run().is(0, stdout, &format!("porthole: {}: {file}: {note} (--max)", words[0]));
    };
    cut(&["cat", "--max", "4"], "one", "cut after 4 bytes");
    cut(&["head", "--max", "4", "-n", "3"], "one", "cut after 4 bytes");
    cut(&["tail", "--max", "6"], "three", "cut to the last 6 bytes");
    porthole(["cat", "--max", "14", &file]).healthy("one\ntwo\nthree");
    porthole(["tail", "--max", "10", "-n", "2", &file]).healthy("two\nthree");
    let ran = porthole(["tail", "--json", "-n", "1", &file]).run();
    let json: Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(json, json!({"files": [{"path": file, "content": "three\n", "cut": false}]}));
}

#[test]
fn ten_gigabytes_of_nothing_are_shown_at_once_and_in_little_memory() {
    let Some(place) = Place::new() else { return };
    let file = place.sparse("x", 10 << 30);
    for (name, note) in [
        ("cat", "cut after 1 MiB"),
        ("head", "cut after 1 MiB"),
        ("tail", "cut to the last 1 MiB"),
        ("hexdump", "cut after 64 KiB"),
    ] {
        let ran = porthole([name, &file]).in_little_memory().run().within(Duration::from_secs(10));
        assert_eq!(ran.stderr, format!("porthole: {name}: {file}: {note} (--max)\n"), "{}", ran.stderr);
        assert_eq!(ran.status, Some(0));
    }
}

#[test]
fn lines_and_files_of_any_length_are_searched_in_little_memory() {
    let Some(place) = Place::new() else { return };
    let file = place.file("x", [vec![0; 40 << 20], b"needle".to_vec()].concat());
    let note = format!("porthole: grep: {file}: a line longer than 1 MiB is searched in parts");
    let found = format!("Binary file {file} matches");
    porthole(["grep", "needle", &file]).in_little_memory().run().is(0, &found, &note);
    // The text stands across the end of a part.
    let mut text = vec![b'x'; (1 << 20) - 3];
    text.extend_from_slice(b"needle\nneedle\n");
    let file = place.file("y", text);
    let ran = porthole(["grep", "-n", "needle", &file]).in_little_memory().run();
    assert_eq!(ran.stdout.matches("needle").count(), 2, "{}", ran.stderr);
    assert!(ran.stdout.ends_with("\n2:needle\n"));
    let Some((theirs, _)) = printed("sha256sum", &[&file]) else { return };
    porthole(["sha256sum", &file]).in_little_memory().healthy(String::from_utf8(theirs).unwrap().trim_end());
}

/// A file of which nearly nothing is there is not read from end to end, which would take hours.
#[test]
fn holes_are_passed_over() {
    use std::os::unix::fs::FileExt as _;
    let Some(place) = Place::new() else { return };
    let file = place.file("x", "one\nneedle 1\ntwo");
    let mut data = File::options().write(true).open(&file).unwrap();
    for (text, at) in [("nee", 1_u64 << 30), ("dle", 2 << 30), ("\nneedle 5", 3 << 40)] {
        if data.write_all_at(text.as_bytes(), at).is_err() {
            skip("no file can be so large here");
            return;
        }
    }
    data.set_len(4 << 40).unwrap();
    data.flush().unwrap();
    let binary = format!("Binary file {file} matches");
    porthole(["grep", "-n", "needle", &file]).healthy(&binary);
    porthole(["grep", "e 5", &file]).healthy(&binary);
    porthole(["grep", "-i", "NEEDLE 5", &file]).healthy(&binary);
    porthole(["grep", "none", &file]).unhealthy("");
    // What is not there has no newline, and neither does it join what is on both sides.
    let file = place.file("y", "nee");
    let data = File::options().write(true).open(&file).unwrap();
    data.write_all_at(b"dle\nneedle\n", 1 << 30).unwrap();
    let ran = porthole(["grep", "--json", "needle", &file]).run();
    assert_eq!(ran.stdout.matches("\"binary\": true").count(), 1, "{}", ran.story());
    porthole(["grep", "needle", &place.sparse("z", 4 << 40)]).unhealthy("");
}

#[test]
fn names_are_escaped_as_sha256sum_does() {
    let Some(place) = Place::new() else { return };
    for name in ["a b", "new\nline", "back\\slash", "carriage\rreturn", "grün"] {
        let file = place.file(name, "x");
        same("sha256sum", &[&file], &[&file]);
    }
    let file = place.0.join(std::ffi::OsStr::from_bytes(b"\x1b[2J\xff"));
    fs::write(&file, "x").unwrap();
    let ran = porthole([std::ffi::OsStr::new("sha256sum"), file.as_os_str()]).run();
    assert!(ran.stdout.starts_with('\\') && ran.stdout.ends_with("/\\x1b[2J\\xff\n"), "{}", ran.story());
    let ran = porthole(["head", &place.file("x\x1b", "1\n"), &place.file("y", "2\n")]).run();
    let folder = place.0.display();
    ran.is(0, &format!("==> {folder}/x\\x1b <==\n1\n\n==> {folder}/y <==\n2"), "");
    let file = place.file("sum", "x");
    let json = porthole(["sha256sum", "--json", &file]).run().stdout;
    let json: Value = serde_json::from_str(&json).unwrap();
    assert_eq!(
        json["files"][0]["sha256"],
        "2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881"
    );
}

#[test]
fn what_cannot_be_read_is_complained_of_and_the_rest_is_shown() {
    let Some(place) = Place::new() else { return };
    let file = place.file("x", "needle\n");
    let fifo = place.path("fifo");
    assert!(Command::new("mkfifo").arg(&fifo).status().unwrap().success());
    for name in ["cat", "grep", "sha256sum"] {
        let words: Vec<&str> = if name == "grep" { vec![name, "needle"] } else { vec![name] };
        let run = |path: &str, why: &str| {
            let ran = porthole(words.iter().copied().chain([path, file.as_str()])).run();
            assert_eq!(ran.status, Some(1), "{}", ran.story());
            assert_eq!(ran.stderr, format!("porthole: {name}: {path}: {why}\n"), "{}", ran.story());
            assert_eq!(ran.stdout.lines().count(), 1, "{}", ran.story());
        };
        let hint = if name == "cat" { " unless --special is given" } else { "" };
        run("/nonexistent", "no such file or directory");
        run("/tmp", "is a directory");
        run(&fifo, &format!("is a FIFO, which is not read{hint}"));
        run("/dev/zero", &format!("is a character device, which is not read{hint}"));
    }
    for name in ["cat", "head", "tail", "hexdump"] {
        let ran = porthole([name, "--special", "--max", "4", "/dev/zero"]).run();
        assert_eq!(ran.status, Some(0), "{}", ran.story());
        let note = format!("porthole: {name}: /dev/zero: cut after 4 bytes (--max)\n");
        assert_eq!(ran.stderr, if name == "hexdump" { "" } else { &note });
    }
    let Some(folder) = for_other_users() else { return };
    let secret = folder.join("secret");
    fs::write(&secret, "needle").unwrap();
    fs::set_permissions(&secret, fs::Permissions::from_mode(0o600)).unwrap();
    let mut command = Command::new("setpriv");
    command.args(["--reuid", "65532", "--regid", "65532", "--clear-groups"]);
    command.arg(folder.join("porthole")).args(["grep", "-r", "needle"]).arg(&secret);
    output(&mut command).is(1, "", &format!("porthole: grep: {}: permission denied", secret.display()));
    fs::remove_dir_all(folder).unwrap();
}

/// `cat --special` of a FIFO, once it waits for what comes.
fn cat_of_fifo(fifo: &str) -> std::process::Child {
    let mut cat = Command::new(binary());
    cat.args(["cat", "--special", fifo]).stdout(Stdio::piped()).stderr(Stdio::piped());
    let cat = cat.spawn().unwrap();
    let held = format!("/proc/{}/fd", cat.id());
    let has_it = |entry: std::io::Result<fs::DirEntry>| {
        fs::read_link(entry.unwrap().path()).is_ok_and(|path| path == Path::new(fifo))
    };
    while !fs::read_dir(&held).unwrap().any(has_it) {
        std::thread::yield_now();
    }
    cat
}

#[test]
fn a_fifo_is_waited_for_but_not_for_ever() {
    let Some(place) = Place::new() else { return };
    let fifo = place.path("fifo");
    assert!(Command::new("mkfifo").arg(&fifo).status().unwrap().success());
    // What is written comes out at once, and the end is the end.
    let mut cat = cat_of_fifo(&fifo);
    let mut out = cat.stdout.take().unwrap();
    let mut writer = File::options().write(true).open(&fifo).unwrap();
    for byte in [b'a', b'b'] {
        writer.write_all(&[byte]).unwrap();
        let mut came = [0];
        out.read_exact(&mut came).unwrap();
        assert_eq!(came, [byte]);
    }
    drop(writer);
    let ended = cat.wait_with_output().unwrap();
    assert_eq!((ended.status.code(), ended.stderr.len()), (Some(0), 0), "{ended:?}");
    // Neither a writer that says nothing is waited for, nor one that never comes.
    let why = format!("porthole: cat: {fifo}: nothing came within 10 s\n");
    let alone = cat_of_fifo(&fifo);
    let other = place.path("other");
    assert!(Command::new("mkfifo").arg(&other).status().unwrap().success());
    let beside = cat_of_fifo(&other);
    let writer = File::options().write(true).open(&other).unwrap();
    for (cat, why) in [(alone, &why), (beside, &why.replace(&fifo, &other))] {
        let ended = cat.wait_with_output().unwrap();
        assert_eq!((ended.status.code(), ended.stdout.len()), (Some(1), 0), "{ended:?}");
        assert_eq!(String::from_utf8(ended.stderr).unwrap(), *why);
    }
    drop(writer);
}

#[test]
fn the_log_of_the_kernel_is_left_to_its_reader() {
    let Some(place) = Place::new() else { return };
    let link = place.path("link");
    symlink("/proc/kmsg", &link).unwrap();
    let why = "is the kernel's log (each message goes to only one reader), which is not read";
    for path in ["/proc/kmsg", &link] {
        for name in ["cat", "head", "tail", "hexdump"] {
            porthole([name, path]).refused(&format!("{name}: {path}: {why} unless --special is given"));
        }
        porthole(["sha256sum", path]).refused(&format!("sha256sum: {path}: {why}"));
        porthole(["grep", "x", path]).refused(&format!("grep: {path}: {why}"));
    }
    // Its end is where no message is left, which is for others to find out.
    let file = place.file("file", "x");
    let mut strace = Command::new("strace");
    strace.args(["-f", "-qq", "-o", "/dev/null", "-P", &file, "-e", "inject=read:error=EAGAIN"]);
    if strace.args([&binary(), "cat", &file]).output().is_err() {
        return skip("strace is not installed");
    }
    output(&mut strace).is(0, "", "");
}

#[test]
fn files_of_proc_have_no_size() {
    let Some(_place) = Place::new() else { return };
    porthole(["tail", "-n", "1", "/proc/self/limits"]).run().is(
        0,
        fs::read_to_string("/proc/self/limits").unwrap().lines().last().unwrap(),
        "",
    );
    let ran = porthole(["grep", "Name", "/proc/self/status"]).run();
    assert_eq!(ran.stdout, "Name:\tporthole\n", "{}", ran.story());
    porthole(["cat", "/proc/sys/kernel/ostype"]).healthy("Linux");
}

#[test]
fn no_file_feeds_itself() {
    let Some(place) = Place::new() else { return };
    place.file("x", "needle\n");
    let out = File::create(place.0.join("out")).unwrap();
    let status =
        Command::new(binary()).args(["grep", "-r", "needle"]).arg(&place.0).stdout(out).output().unwrap();
    let message = format!("porthole: grep: {}: is also the output\n", place.path("out"));
    assert_eq!(
        (String::from_utf8_lossy(&status.stderr).into_owned(), status.status.code()),
        (message, Some(1))
    );
    assert_eq!(fs::read_to_string(place.0.join("out")).unwrap().lines().count(), 1);
}

#[test]
fn below_another_root_an_absolute_link_leads_to_its_own_file() {
    let Some(_place) = Place::new() else { return };
    let Some(other) = rooted() else { return };
    let pid = other.pid();
    other.file("/etc/hostname", "theirs needle\n");
    let link = other.link("/link", "/etc/hostname");
    other.link("/up", "../../../../../../etc/hostname");
    for path in [link.as_str(), "/up", "up", "/etc/hostname", "/../etc/hostname"] {
        for name in ["cat", "head", "tail"] {
            porthole([name, "-p", &pid, path]).healthy("theirs needle");
        }
        porthole(["grep", "-p", &pid, "needle", path]).healthy("theirs needle");
        porthole(["hexdump", "-p", &pid, "-n", "14", path]).healthy(
            "00000000  74 68 65 69 72 73 20 6e  65 65 64 6c 65 0a        |theirs needle.|\n0000000e",
        );
        porthole(["sha256sum", "-p", &pid, path])
            .healthy(&format!("9c07e99aa0bf9de0aadca483ce2039d8ee658183f2fa5e09d5c8076accec0169  {path}"));
    }
    porthole(["grep", "-r", "-p", &pid, "needle", "/etc"]).healthy("/etc/hostname:theirs needle");
    assert!(Path::new("/etc/passwd").exists());
    porthole(["cat", "-p", &pid, "/etc/passwd"]).refused("cat: /etc/passwd: no such file or directory");
}

#[test]
fn wrong_usage() {
    let Some(_place) = Place::new() else { return };
    porthole(["head"]).refused("head: PATH is missing; see porthole head --help");
    porthole(["grep", "x"]).refused("grep: PATH is missing; see porthole grep --help");
    porthole(["head", "-n", "x", "/x"]).refused("head: --lines: expected a number of lines, got 'x'");
    porthole(["grep", "a\nb", "/x"]).refused("grep: TEXT: expected a text of one line");
    porthole(["grep", "-E", "a(b", "/x"])
        .refused("grep: TEXT: not a regular expression: found open group without closing ')'");
    porthole(["hexdump", "/x", "/y"])
        .refused("hexdump: unexpected argument '/y'; see porthole hexdump --help");
}

/// An answer that cannot be written is a failure, other than one whose reader has left.
#[test]
fn an_answer_that_is_lost_is_a_failure() {
    let Some(place) = Place::new() else {
        return;
    };
    let file = place.file("some", "text\n");
    for arguments in [vec!["cat", &file], vec!["sha256sum", &file], vec!["ls", &file], vec!["ps", "--json"]] {
        let full = fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
        let output = Command::new(binary()).args(&arguments).stdout(full).output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{arguments:?}: {said}");
        assert!(said.starts_with(&format!("porthole: {}: standard output: ", arguments[0])), "{said}");
        assert!(said.to_lowercase().contains("no space left on device"), "{said}");
    }
}

/// What a JSON document holds is in memory, so there is a limit to it.
#[test]
fn json_content_has_a_limit() {
    let Some(place) = Place::new() else {
        return;
    };
    let file = place.sparse("huge", 10 << 30);
    let output = Command::new(binary()).args(["cat", "--json", "--max", "5G", &file]).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let document: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert!(document["errors"][0].as_str().unwrap().starts_with("--max 5"), "{document}");
}
