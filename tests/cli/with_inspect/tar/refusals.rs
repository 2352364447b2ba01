//! Files that cannot be archived, and what is written instead.

use std::fs::{self, File};
use std::io::Read as _;
use std::os::unix::net::UnixListener;
use std::process::{Command, Stdio};

use super::{forest, names, tar_in};
use crate::support::command::{binary, for_other_users, output, porthole};
use crate::support::place::Place;

#[test]
fn unsupported_options_are_usage_errors() {
    let place = forest();
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
        let ran = porthole(["tar"].into_iter().chain(arguments.split(' '))).run();
        assert_eq!(
            (ran.status, ran.stderr.as_str()),
            (Some(1), &*format!("porthole: tar: {message}\n")),
            "{}",
            ran.story()
        );
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
fn unreadable_files_are_reported_and_left_out() {
    let place = forest();
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
    // A socket alone is not an error.
    place.mode("t/a/x.log", 0o644);
    let output = tar_in(&place.0, &["cf", "-", "t/socket", "t/a/x.log"]);
    assert_eq!((names(&output.stdout).len(), output.status.code()), (1, Some(0)));
    fs::remove_dir_all(programs).unwrap();
}

/// kubectl takes any output for an archive, and shows stderr only if there is none.
#[test]
fn nothing_is_written_if_nothing_could_be_read() {
    let place = Place::new();
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
    // Readable files are in the archive, and so are the entries of unreadable directories.
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
fn a_closed_pipe_is_not_an_error_but_a_full_disk_is() {
    let place = Place::new();
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
