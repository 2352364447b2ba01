//! Processes: what they use, in pages of this kernel's size, and in which state they are.

use std::fs::{self, File};
use std::os::fd::AsRawFd as _;
use std::process::Command;

use nix::mount::{MsFlags, mount};
use nix::sched::CloneFlags;

use crate::guest::{Running, apart, assert_found, document, patient, wait_for};
use crate::support::command::porthole;

fn status_kib(pid: u32, field: &str) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find(|line| line.starts_with(field)).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

fn row(command: &str, pid: u32) -> serde_json::Value {
    let list = document(0, &[command]);
    list["processes"].as_array().unwrap().iter().find(|row| row["pid"] == pid).unwrap().clone()
}

/// The resident set in pages, as /proc/PID/statm has it.
fn resident_pages(pid: u32) -> u64 {
    let statm = fs::read_to_string(format!("/proc/{pid}/statm")).unwrap();
    statm.split(' ').nth(1).unwrap().parse().unwrap()
}

/// The size of a page in bytes. proc_pid_smaps(5)
fn page_size() -> u64 {
    let smaps = fs::read_to_string("/proc/self/smaps").unwrap();
    let line = smaps.lines().find_map(|line| line.strip_prefix("KernelPageSize:")).unwrap();
    line.trim().strip_suffix(" kB").unwrap().parse::<u64>().unwrap() * 1024
}

/// /proc/PID/statm counts pages, whose size is 4 KiB on amd64, and 4, 16 or 64 KiB on arm64. VmRSS
/// may differ by a batch for each processor since Linux 6.2, and so may /proc/PID/stat.
#[test]
fn memory_is_counted_in_bytes_whatever_the_size_of_a_page() {
    let process = Running::until_ready(&mut patient(["threads", "2", "allocate", "1"]));
    for command in ["ps", "top"] {
        // It stays once all of its threads sleep.
        wait_for("the resident set of /proc/PID/statm, in bytes", || {
            row(command, process.pid())["rss"] == resident_pages(process.pid()) * page_size()
        });
        let row = row(command, process.pid());
        let (shown, exact) = (row["rss"].as_u64().unwrap(), status_kib(process.pid(), "VmRSS:") * 1024);
        assert!(shown.abs_diff(exact) <= 2 << 20 && shown > 0, "{command}: {shown}, VmRSS {exact}");
    }
}

/// Pages of 16 KiB counted as 4 KiB would be a quarter.
#[test]
fn a_large_resident_set_is_not_a_quarter_of_itself() {
    let own = std::process::id();
    let held = std::hint::black_box(vec![1_u8; 64 << 20]);
    for command in ["ps", "top"] {
        let (shown, exact) = (row(command, own)["rss"].as_u64().unwrap(), status_kib(own, "VmRSS:") * 1024);
        assert!(exact > 64 << 20, "{exact}");
        assert!(shown.abs_diff(exact) < 4 << 20, "{command}: {shown}, VmRSS {exact}");
    }
    drop(held);
}

#[test]
fn zombies_and_stopped_processes_stand_out() {
    let parent = Running::until_ready(&mut patient(["children", "2"]));
    let stopped = Running::start(Command::new("/bin/sleep").arg("1000"));
    let pid = nix::unistd::Pid::from_raw(i32::try_from(stopped.pid()).unwrap());
    nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGSTOP).unwrap();
    wait_for("the process to stop", || is_in(stopped.pid(), 'T'));
    let shown = row("ps", stopped.pid());
    assert_eq!((&shown["state"], &shown["zombie"]), (&"T".into(), &false.into()), "{shown}");
    let zombies = || {
        let list = document(0, &["ps"]);
        let of_parent =
            list["processes"].as_array().unwrap().iter().filter(|row| row["ppid"] == parent.pid());
        of_parent.filter(|row| row["zombie"] == true && row["state"] == "Z").count()
    };
    wait_for("zombies", || zombies() == 2);
    assert_found(parent.pid(), "warning", &["2 zombie"]);
}

/// A FUSE file system whose server never answers: who asks it waits in the kernel, in state D.
#[test]
fn a_file_system_that_never_answers_holds_up_its_users_but_not_porthole() {
    apart(CloneFlags::empty(), || {
        fs::create_dir_all("/tmp/silent").unwrap();
        // Closing it ends the waiting.
        let server = File::options().read(true).write(true).open("/dev/fuse").unwrap();
        let options = format!("fd={},rootmode=40000,user_id=0,group_id=0", server.as_raw_fd());
        mount(Some("silent"), "/tmp/silent", Some("fuse"), MsFlags::empty(), Some(&*options)).unwrap();
        let waiting = Running::start(Command::new("/bin/cat").arg("/tmp/silent/file"));
        wait_for("state D", || is_in(waiting.pid(), 'D'));
        assert_eq!(row("ps", waiting.pid())["state"], "D");
        assert_found(waiting.pid(), "warning", &["is in uninterruptible sleep"]);
        let ran = porthole(["df"]).run();
        assert!(ran.stderr.contains("/tmp/silent") && ran.stdout.contains("/tmp"), "{}", ran.story());
        drop(server);
    });
}

/// Returns whether a process is in this state. proc_pid_stat(5)
fn is_in(pid: u32, state: char) -> bool {
    fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| stat.contains(&format!(") {state} ")))
}
