//! The command line of the inspections.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;

use super::ALONE;
use crate::support::command::porthole;

/// Habitual options are accepted; if one cannot be, the error gives the reason.
#[test]
fn habitual_options_are_accepted_or_explained() {
    let folder = crate::support::server::folder();
    let (file, below) = (folder.join("file"), folder.join("below"));
    let lines: Vec<String> = (1..40).map(|n| format!("line {n}\n")).collect();
    std::fs::write(&file, lines.concat()).unwrap();
    std::fs::create_dir(&below).unwrap();
    std::fs::write(below.join("inner"), "none\n").unwrap();
    let expand = |words: &str| {
        let words = words.replace("FILE", file.to_str().unwrap()).replace("FOLDER", folder.to_str().unwrap());
        words.split(' ').map(ToOwned::to_owned).collect::<Vec<_>>()
    };
    for (typed, meant) in [
        ("ls -la FOLDER", "ls FOLDER"),
        ("ls -lahR FOLDER", "ls -R FOLDER"),
        ("ls -h FOLDER", "ls FOLDER"),
        ("ls -ltr FOLDER", "ls --newest --reverse FOLDER"),
        ("ls --sort=size FOLDER", "ls -S FOLDER"),
        ("hexdump -C FILE", "hexdump FILE"),
        ("head -5 FILE", "head -n 5 FILE"),
        ("tail -20 FILE", "tail --lines 20 FILE"),
        ("head --bytes 1k FILE", "cat FILE"),
        ("tail -c 100000 FILE", "cat FILE"),
        ("head -c 64 -n 1 FILE", "head -c 64 FILE"),
        ("grep -nF line FILE", "grep -n line FILE"),
        ("grep -A1 -B2 -w 7 FILE", "grep --after-context 1 --before-context=2 --word-regexp 7 FILE"),
        ("grep -rcv 1 FOLDER", "grep --count --recursive --invert-match 1 FOLDER"),
        ("tail -n+30 FILE", "tail --lines +30 FILE"),
        ("ip -br a show", "ip addr"),
    ] {
        let (typed, meant) = (porthole(expand(typed)).run(), porthole(expand(meant)).run());
        assert_eq!((typed.status, typed.stderr.as_str()), (Some(0), ""), "{}", typed.story());
        assert_eq!(typed.stdout, meant.stdout);
    }
    for (words, stdout) in [
        ("head -c 7 FILE", "line 1"),
        ("tail -c 5 FILE", "e 39"),
        ("grep -rl line FOLDER", "FILE"),
        ("grep -lE [0-9]3 FILE FILE", "FILE\nFILE"),
        ("grep -q line FILE", ""),
    ] {
        porthole(expand(words)).healthy(&stdout.replace("FILE", file.to_str().unwrap()));
    }
    porthole(expand("grep -q other FILE")).unhealthy("");
    let ran = porthole(expand("ls -ld FOLDER")).run();
    assert!(ran.stdout.starts_with('d') && ran.stdout.lines().count() == 1, "{}", ran.story());
    for words in ["ps aux", "ps -ef", "ps -eA", "ss -tlnp", "ss -tulpn", "ss -p", "df -h /", "df -k /"] {
        let ran = porthole(words.split(' ')).run();
        assert!(ran.status == Some(0) && ran.stdout.lines().count() > 0, "{}", ran.story());
    }
    for (words, why) in [
        ("grep -e x /x", "--regexp: give TEXT without it; for several, use -E 'one|two'"),
        ("ls -lX /x", "unknown option -X"),
    ] {
        let command = words.split(' ').next().unwrap();
        porthole(words.split(' ')).refused(&format!("{command}: {why}; see porthole {command} --help"));
    }
    let help = porthole(["ls", "--help"]).run();
    assert!(help.stdout.contains("      --help ") && !help.stdout.contains("-h, "), "{}", help.story());
    std::fs::remove_dir_all(folder).unwrap();
}

/// Paths, names and targets of links that are not UTF-8 are escaped in the messages of inspections
/// too.
#[test]
fn names_that_are_not_utf8_are_escaped_in_inspections() {
    let run = |words: &[&[u8]]| porthole(words.iter().map(|word| OsStr::from_bytes(word)));
    for command in ["ls", "stat", "cat", "head", "tail", "find", "hexdump", "sha256sum", "df", "mounts"] {
        run(&[command.as_bytes(), b"/no\xff"]).run().is(
            1,
            "",
            &format!(r"porthole: {command}: /no\xff: no such file or directory"),
        );
    }
    for (words, message) in [
        (&[&b"grep"[..], b"x", b"/no\xff"][..], r"grep: /no\xff: no such file or directory"),
        (&[b"ps", b"no\xff"], r"ps: no\xff: no such process"),
        (&[b"ps", b"--proc", b"/no\xff"], r"ps: /no\xff: no proc is mounted there"),
        (&[b"id", b"--proc", b"/no\xff"], r"id: /no\xff: no proc is mounted there"),
        (&[b"ls", b"-p", b"1", b"--proc", b"/no\xff"], r"ls: /no\xff: no proc is mounted there"),
        (&[b"env", b"-p", b"self", b"NO\xff"], r"env: NO\xff: not set"),
        (&[b"env", b"A\xff="], r"env: NAME: expected the name of a variable, got 'A\xff='"),
        (&[b"ls", b"--sort\xff"], r"ls: unknown option --sort\xff; see porthole ls --help"),
    ] {
        run(words).run().is(1, "", &format!("porthole: {message}"));
    }
    let folder = crate::support::server::folder();
    let odd = folder.join(OsStr::from_bytes(b"o\xffd"));
    std::os::unix::fs::symlink(OsStr::from_bytes(b"/no\xfe"), &odd).unwrap();
    let there = folder.to_str().unwrap();
    let words = [OsStr::new("stat"), odd.as_os_str()];
    let ran = porthole(words).run();
    let line = r"resolves to: nothing (/no\xfe: no such file or directory)";
    assert!(ran.stdout.contains(line), "{}", ran.story());
    let ran = porthole([OsStr::new("access"), odd.as_os_str()]).run();
    let output = [ran.stdout.as_str(), &ran.stderr].concat();
    assert!(output.contains(&format!(r"{there}/o\xffd")) && !output.contains('\u{fffd}'), "{}", ran.story());
    // In JSON, the path is bytes and the error is text.
    let json = run(&[b"ls", b"--json", b"/no\xff"]).run();
    let json: serde_json::Value = serde_json::from_str(&json.stdout).unwrap();
    assert_eq!(json["errors"][0], r"/no\xff: no such file or directory");
    std::fs::remove_dir_all(folder).unwrap();
}

/// The same for `--help` and `-h` of inspections.
#[test]
fn help_of_inspections_cannot_be_combined_with_other_arguments() {
    for arguments in [
        "ps -h x",
        "ls --help /",
        "cat -h /etc/passwd",
        "-h ps x",
        "id -V --json",
        "df --help /",
        "tail -h /",
    ] {
        let ran = porthole(arguments.split(' ')).run();
        assert_eq!(ran.status, Some(1), "{}", ran.story());
        let is_document = arguments.contains("--json") && ran.stdout.starts_with("{\"errors\": [\"");
        assert!(ran.stdout.is_empty() || is_document, "{}", ran.story());
        assert!(ran.stderr.contains(ALONE), "{}", ran.story());
    }
    // For these commands, `-h` means human-readable sizes.
    for arguments in ["df -h", "df -h /", "ls -h /"] {
        let ran = porthole(arguments.split(' ')).run();
        assert!(ran.status == Some(0) && !ran.stdout.contains("Usage:"), "{}", ran.story());
    }
    for arguments in ["df --help", "-h ls", "help df", "tar -h", "ps -h"] {
        let ran = porthole(arguments.split(' ')).run();
        assert!(ran.status == Some(0) && ran.stdout.contains("Usage:"), "{}", ran.story());
    }
}

#[test]
fn mistyped_inspections_get_a_suggestion() {
    for (arguments, message) in [
        ("sl", "unknown command 'sl'; did you mean 'ls'?"),
        ("pss", "unknown command 'pss'; did you mean 'ps'?"),
        ("grp x", "unknown command 'grp'; did you mean 'grpc' or 'grep'?"),
        ("ls --recursiv /", "ls: unknown option --recursiv; did you mean --recursive?"),
    ] {
        porthole(arguments.split(' ')).refused(message);
    }
}
