//! `porthole report`.

use std::fs::{self, File};
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};

use crate::support::command::{
    Ran, allowance, binary, for_other_users, has_feature, output, porthole, until, until_within,
};
use crate::support::elsewhere::{DEAD_AND_ALIVE, Elsewhere};
use crate::support::processes::{Made, Proc, Sleeper, printed};
use crate::support::skip::{is_root, skip};

/// The sections, and the commands that print the same.
const SECTIONS: [(&str, &str); 13] = [
    ("doctor", "doctor"),
    ("ps", "ps"),
    ("limits", "limits"),
    ("id", "id"),
    ("files", "cat --max 16k /etc/resolv.conf /etc/hosts /etc/os-release"),
    ("ss", "ss -a -x -t -u"),
    ("ip", "ip"),
    ("env", "env"),
    ("df", "df"),
    ("mounts", "mounts"),
    ("lsof", "lsof"),
    ("ls_cwd", "ls ."),
    ("ls_root", "ls /"),
];
/// The maximum size of a report in bytes.
const MAX_BYTES: usize = 1 << 20;
/// The maximum duration of a report.
const MAX_DURATION: Duration = Duration::from_secs(5);

/// Parses the document on stdout. Asserts that it is a single line of bounded size with every
/// section, that it came in time, and that nothing else was printed.
#[track_caller]
fn document(ran: &Ran) -> Value {
    assert_eq!((ran.status, ran.stderr.as_str()), (Some(0), ""), "{}", ran.story());
    assert!(ran.stdout.len() <= MAX_BYTES && ran.stdout.lines().count() == 1, "{} bytes", ran.stdout.len());
    assert!(ran.elapsed < MAX_DURATION + allowance(), "{:?}", ran.elapsed);
    let document: Value = serde_json::from_str(&ran.stdout).unwrap();
    for (name, _) in SECTIONS {
        assert!(document[name].is_object(), "{name}\n{}", ran.story());
    }
    document
}

/// Repeats a report until `holds` accepts it, because on a busy machine a section may run out of
/// time. Each attempt must print a whole document.
#[track_caller]
fn report_until(words: &[&str], holds: impl Fn(&Value) -> bool) {
    let words: Vec<&str> = ["report"].iter().chain(words).copied().collect();
    until(
        || {
            let ran = porthole(&words).in_little_memory().run();
            document(&ran);
            ran
        },
        |stdout| holds(&serde_json::from_str(stdout).unwrap()),
    );
}

fn count(list: &Value) -> usize {
    list.as_array().map_or(0, Vec::len)
}

fn errors(section: &Value) -> Vec<&str> {
    section["errors"].as_array().into_iter().flatten().map(|error| error.as_str().unwrap()).collect()
}

/// Two processes; `self` is the first.
fn fabricated() -> Proc {
    let proc = Proc::new();
    symlink("1", Path::new(proc.path()).join("self")).unwrap();
    proc.file("uptime", "5931.07 10801.22\n");
    let row = "0: 0100007F:1F90 00000000:0000 0A 00000000:00000003 00:00000000 00000000 0 0 77 1\n";
    for pid in [1, 7] {
        proc.process(
            pid,
            &Made { name: b"app\n", ticks: 700, ..Made::default() },
            b"/app\0--token\0hunter2\0\xff\0",
        );
        let file = |name: &str, content: &[u8]| {
            proc.file(&format!("{pid}/{name}"), content);
        };
        file("environ", b"PATH=/bin\0API_KEY=hunter2\0B=\xff\0");
        file(
            "status",
            b"Name:\tapp\nUid:\t7\t7\t7\t7\nGid:\t8\t8\t8\t8\nGroups:\t9 10\nVmSize:\t6548 kB\nThreads:\t2\n",
        );
        file("limits", b"Limit Soft Hard Units\nMax open files            10    4096    files\n");
        file(
            "mountinfo",
            b"1 0 0:1 / /none rw - ext4 gone rw\n2 1 0:2 /a /none/a\\040b ro - ext4 /dev/x rw\n",
        );
        file("net/tcp", format!("  sl\n{row}").as_bytes());
        file("net/udp", b"  sl\n");
        file("net/dev", b"Inter-|\n face |\n    lo: 1\n");
        for table in ["net/route", "net/fib_trie", "net/arp"] {
            file(table, b"titles\n");
        }
        file("net/unix", b"Num\n0000000000000000: 00000002 00000000 00010000 0001 01 78 @a\n");
        let link = |name: &str, target: &str| {
            let path = Path::new(proc.path()).join(format!("{pid}/{name}"));
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            symlink(target, path).unwrap();
        };
        for (name, target) in [("cwd", "/etc"), ("root", "/"), ("exe", "/bin/sleep")] {
            link(name, target);
        }
        link("fd/0", "/etc/passwd");
        link("fd/3", "socket:[77]");
    }
    proc
}

#[test]
fn each_section_is_the_json_of_its_command() {
    let proc = fabricated();
    for more in [&["--proc", proc.path()][..], &["--proc", proc.path(), "-p", "7"]] {
        // Without -p it is the report of the application, except for what shows all processes.
        let words = |words: &str| {
            let shows_all = ["report", "ps", "lsof"].iter().any(|name| words.starts_with(name));
            let is_named = shows_all || more.contains(&"-p");
            let named = if is_named { &[][..] } else { &["-p", "1"] };
            let all = words.split(' ').chain(more.iter().copied()).chain(named.iter().copied());
            all.map(str::to_owned).collect::<Vec<String>>()
        };
        let ran = porthole(words("report")).run();
        let report = document(&ran);
        document(&porthole(words("report --json")).run());
        for (name, command) in SECTIONS {
            let ran = porthole(words(&format!("{command} --json"))).run();
            let mut alone: Value = serde_json::from_str(&ran.stdout).unwrap();
            let mut section = report[name].clone();
            // Errors that a command prints only on stderr are in the document too.
            for error in errors(&alone) {
                assert!(errors(&section).contains(&error), "{name}\n{}", ran.story());
            }
            for error in errors(&section) {
                assert!(ran.stderr.contains(error), "{name}: {error}\n{}", ran.story());
            }
            for side in [&mut alone, &mut section] {
                side.as_object_mut().unwrap().remove("errors");
                // Other tests write to these directories meanwhile.
                for entry in side["entries"].as_array_mut().into_iter().flatten() {
                    entry["size"] = Value::Null;
                    entry["modified"] = Value::Null;
                }
            }
            assert_eq!(section, alone, "{name}\n{}", ran.story());
        }
        assert_eq!(report["ps"]["processes"][0]["args"][2], "<7 bytes>");
        assert_eq!(report["env"]["environment"][1], json!({"name": "API_KEY", "value": null, "size": 7}));
        assert!(!ran.stdout.contains("hunter2"), "{}", ran.story());
    }
    let keys: Vec<&str> = SECTIONS.iter().map(|(name, _)| *name).collect();
    let ran = porthole(["report", "--proc", proc.path()]).run();
    let places: Vec<usize> =
        keys.iter().map(|key| ran.stdout.find(&format!(", \"{key}\": {{")).unwrap()).collect();
    assert!(
        ran.stdout.starts_with("{\"pid\": 1, \"process\": \"app\\n\", \"about\": {\"version\": \"")
            && places.is_sorted(),
        "{}",
        ran.story()
    );
}

#[test]
fn about_names_the_program_the_machine_and_the_process() {
    let proc = fabricated();
    let before = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let about = document(&porthole(["report", "-p", "7", "--proc", proc.path()]).run())["about"].clone();
    let kernel =
        |name: &str| fs::read_to_string(format!("/proc/sys/kernel/{name}")).unwrap().trim_end().to_owned();
    let time = about["time"].as_u64().unwrap();
    assert!(time >= before && time - before < 60, "{about}");
    let utc = printed(&["date", "-u", "-d", &format!("@{time}"), "+%Y-%m-%d %H:%M:%S"]);
    let features: Vec<&str> =
        ["tls", "remote", "inspect"].into_iter().filter(|feature| has_feature(feature)).collect();
    let version = printed(&[&binary(), "--version"]);
    let target = version.rsplit("target: ").next().unwrap().trim_end_matches(')');
    assert_eq!(
        about,
        json!({"version": env!("CARGO_PKG_VERSION"), "features": features, "target": target, "time": time, "utc": utc,
               "kernel": kernel("osrelease"), "hostname": kernel("hostname"), "cwd": "/etc",
               "proc": proc.path()})
    );
    porthole(["report", "x"]).refused("report: unexpected argument 'x'; see porthole report --help");
}

#[test]
fn secrets_of_a_process_are_masked() {
    let first = "--db-password=t0psecret-argument";
    let variables = [("API_KEY", "t0psecret-variable"), ("PATH", "/no/such/folder")];
    let sleeper = Sleeper::called(first, &variables);
    let pid = sleeper.pid().to_string();
    let all = porthole(["report"]).run();
    let processes = document(&all)["ps"]["processes"].clone();
    let of = |process: &&Value| process["pid"] == sleeper.pid();
    let found = processes.as_array().unwrap().iter().find(of).unwrap_or_else(|| panic!("{}", all.story()));
    assert_eq!(found["args"], json!(["--db-password=<18 bytes>", "600"]));
    let one = porthole(["report", "-p", &pid]).run();
    let report = document(&one);
    assert_eq!((&report["pid"], &report["id"]["pid"]), (&json!(sleeper.pid()), &json!(sleeper.pid())));
    assert_eq!(
        report["env"]["environment"],
        json!([{"name": "API_KEY", "value": null, "size": 18},
               {"name": "PATH", "value": "/no/such/folder", "size": 15}])
    );
    let open = report["lsof"]["files"].as_array().unwrap();
    assert!(open.iter().any(|file| file["fd"] == "exe" && file["pid"] == sleeper.pid()), "{}", one.story());
    let root = report["ls_root"]["entries"].as_array().unwrap();
    assert!(root.iter().any(|entry| entry["path"] == "/etc"), "{}", one.story());
    let files = report["files"]["files"].as_array().unwrap();
    let hosts = files.iter().find(|file| file["path"] == "/etc/hosts").unwrap();
    assert_eq!(hosts["content"], fs::read_to_string("/etc/hosts").unwrap());
    for ran in [all, one] {
        assert!(!ran.stdout.contains("t0psecret"), "{}", ran.story());
    }
}

#[test]
fn a_report_is_bounded_in_size() {
    let proc = fabricated();
    for pid in 100..400_u32 {
        let byte = if pid % 2 == 0 { b"\x01" } else { b"x" };
        let name: &[u8] = if pid % 3 == 0 { b"\x01\x02\n" } else { b"long" };
        // The short ones precede most of the long ones, because a busy machine does not reach the
        // end.
        let length = if (108..340).contains(&pid) { 100 } else { 100 << 10 };
        proc.process(pid, &Made { name, ..Made::default() }, &byte.repeat(length));
    }
    for number in 10..6_000 {
        symlink(format!("/\u{1}\u{2}/{number}"), Path::new(proc.path()).join(format!("7/fd/{number}")))
            .unwrap();
    }
    let environment = (0..8000).map(|n| format!("\u{1}{n}=value\0"));
    proc.file("7/environ", environment.collect::<String>());
    let mounts = (0..1500).map(|n| format!("{n} 1 0:{n} / /\\001\\001\\001{n} rw - \u{1} \u{1} rw\n"));
    proc.file("7/mountinfo", mounts.collect::<String>());
    let limits = (0..5000).map(|n| format!("Max m{n}            10    4096    files\n"));
    proc.file("7/limits", format!("Limit Soft Hard Units\n{}", limits.collect::<String>()));
    let row = |n: usize| format!("{n}: 0100007F:{n:04X} 0100007F:0001 01 0:0 00:0 0 0 0 {n} 1\n");
    proc.file("7/net/tcp", format!("  sl\n{}", (1..3000).map(row).collect::<String>()));
    report_until(&["-p", "7", "--proc", proc.path()], |report| {
        ["ss", "env", "mounts", "lsof"].iter().all(|name| report[name]["cut"] == true)
            // A value that is not a list is present or absent as a whole.
            && report["limits"]["cut"] == true
            && report["limits"].get("rlimits").is_none()
            // Later sections are complete all the same.
            && count(&report["ls_root"]["entries"]) > 5
    });
    report_until(&["--proc", proc.path()], |report| {
        report["ps"]["cut"] == true
            // Short entries are not crowded out by those left out.
            && report["ps"]["processes"][0]["pid"] == 1
            && count(&report["ps"]["processes"]) > 50
            && count(&report["ls_root"]["entries"]) > 5
    });
}

#[test]
fn a_file_system_that_does_not_answer_times_out() {
    // The dead file system is in the working directory of the process.
    let script = format!("{DEAD_AND_ALIVE}\ncd \"$1\"");
    let Some(elsewhere) = Elsewhere::mounted(&script) else { return };
    let (dead, alive) = (elsewhere.path("dead"), elsewhere.path("alive"));
    let has_size = |report: &Value, point: &str| {
        let mut rows = report["df"]["filesystems"].as_array().unwrap().iter();
        rows.find(|row| row["mount_point"] == point).is_some_and(|row| row["size"].is_u64())
    };
    let why = format!("{dead}: the file system does not answer");
    report_until(&["-p", &elsewhere.pid()], |report| {
        let timeouts = errors(&report["ls_cwd"]);
        timeouts.len() == 1
            && timeouts[0].starts_with("no answer within ")
            && report["ls_cwd"]["cut"] == true
            && errors(&report["df"]).contains(&why.as_str())
            && !has_size(report, &dead)
            && has_size(report, &alive)
            // Later sections still have their time.
            && count(&report["ls_root"]["entries"]) > 5
            && errors(&report["ls_root"]).is_empty()
            && report["lsof"].get("cut").is_none()
    });
}

#[test]
fn a_fifo_in_proc_does_not_block() {
    let proc = fabricated();
    for name in ["environ", "cmdline", "stat", "mountinfo", "net/tcp", "limits", "fdinfo"] {
        let path = Path::new(proc.path()).join("7").join(name);
        let _ = fs::remove_file(&path);
        assert!(Command::new("mkfifo").arg(&path).status().unwrap().success());
    }
    let ran =
        until_within(Duration::from_secs(4), || porthole(["report", "-p", "7", "--proc", proc.path()]).run());
    document(&ran);
}

#[test]
fn denied_files_are_reported_but_not_a_failure() {
    let Some(folder) = for_other_users() else { return };
    let sleeper = Sleeper::called("report-denied", &[]);
    let mut command = Command::new("setpriv");
    command.args(["--reuid=65532", "--regid=65532", "--clear-groups"]).arg(folder.join("porthole"));
    let ran = output(command.args(["report", "-p", &sleeper.pid().to_string()]));
    let report = document(&ran);
    for section in ["env", "lsof"] {
        let denied = |error: &str| error.contains("permission denied: its uid is 0, ours is 65532");
        assert!(errors(&report[section]).into_iter().any(denied), "{section}\n{}", ran.story());
    }
    assert_eq!(report["ps"]["processes"][0]["args"][0], "report-denied");
    assert_eq!(report["about"]["cwd"], Value::Null);
    // Its root directory is porthole's own, as the equal tables of mounts tell.
    for section in ["ls_cwd", "ls_root"] {
        let entries = report[section]["entries"].as_array().unwrap();
        assert!(entries.iter().any(|entry| entry["name"] == "etc"), "{section}\n{}", ran.story());
    }
    assert!(!report["mounts"]["mounts"].as_array().unwrap().is_empty());
    fs::remove_dir_all(folder).unwrap();
}

#[test]
fn a_report_needs_no_second_thread() {
    if !is_root() {
        return skip("only root can switch to another user");
    }
    let ran = porthole(["report", "-p", "self"]).one_process().run();
    let report = document(&ran);
    assert_eq!(report["env"]["environment"][0]["name"], "PATH", "{}", ran.story());
}

#[test]
fn a_report_that_cannot_be_created_or_printed_is_a_failure() {
    let why = "pid 4194304: no such process";
    let ran = porthole(["report", "-p", "4194304"]).run();
    ran.has(1, &json!({"errors": [why]}), &format!("porthole: report: {why}"));
    let full = File::options().write(true).open("/dev/full").unwrap();
    let failed = Command::new(binary()).arg("report").stdout(full).output().unwrap();
    let stderr = String::from_utf8(failed.stderr).unwrap();
    assert_eq!(failed.status.code(), Some(1), "{stderr}");
    assert!(stderr.starts_with("porthole: report: standard output: no space left on "), "{stderr}");
    // Without a proc mount there is still a document, which reports that.
    let ran = porthole(["report", "--proc", "/none"]).run();
    assert_eq!(errors(&document(&ran)["ps"]), ["/none: no proc is mounted there"]);
}

/// The kernel counts each refused thread, so doctor would blame the application for porthole's.
#[test]
fn at_the_pids_limit_no_thread_is_started() {
    let all = ["/sys/fs/cgroup/pids", "/sys/fs/cgroup"].map(Path::new).into_iter().find(|path| path.exists());
    let group = all.unwrap_or(Path::new("/")).join(format!("porthole-test-{}", std::process::id()));
    if fs::create_dir(&group).is_err() || fs::write(group.join("pids.max"), "1").is_err() {
        let _ = fs::remove_dir(&group);
        return skip("cannot create a cgroup with a pids limit here");
    }
    let enter = format!("echo $$ > {}/cgroup.procs && exec \"$@\"", group.display());
    let runs = ["report", "df"]
        .map(|command| output(Command::new("sh").args(["-c", &enter, "sh", &binary(), command, "--json"])));
    let refused = fs::read_to_string(group.join("pids.events"));
    fs::remove_dir(&group).unwrap();
    for ran in runs {
        let json: Value = serde_json::from_str(&ran.stdout).unwrap();
        let df = json.get("df").unwrap_or(&json);
        assert!(!df["filesystems"].as_array().unwrap().is_empty(), "{}", ran.story());
    }
    assert_eq!(refused.unwrap(), "max 0\n");
}
