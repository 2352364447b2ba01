//! The time is linear in the length.

use super::super::{Masker, mask_mount};

/// How long this thread was on a processor, in nanoseconds: proc_pid_schedstat, the kernel's
/// sched-stats.rst. That of the wall says nothing where other tests run beside this one.
fn busy() -> u64 {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    text.split(' ').next().and_then(|time| time.parse().ok()).unwrap_or_default()
}

/// How long it takes to mask a text of this length that repeats `part` behind `begin`.
fn time_to_mask(begin: &str, part: &str, length: usize) -> u64 {
    let text = [begin, &part.repeat(length / part.len())].concat();
    let start = busy();
    // So that the options of programs count, and what is masked is looked for again and again.
    let mut masked = Masker::default();
    for argument in ["curl", "htpasswd", "smbclient", "ldapsearch", "sh", "-c", text.as_str()] {
        masked.push(&mut Vec::new(), argument.as_bytes());
    }
    Masker::default().push(&mut Vec::new(), text.as_bytes());
    let _ = mask_mount(text.as_bytes());
    busy() - start
}

#[test]
#[ignore = "slow: run by make test"]
fn the_time_is_linear_in_the_length() {
    /// The kernel may count processor time by ticks of up to 10 ms.
    const TICKS: u64 = 20_000_000;
    let mut slow = Vec::new();
    for (begin, part) in [
        ("", "a:"),
        ("", "a://"),
        ("", "a="),
        ("", "a' "),
        ("", "-u "),
        ("", "-u \"a' "),
        ("", "-u 'a\" "),
        ("", "-sU \"x' \\"),
        ("", "-x "),
        ("", "key=a&"),
        ("", "key:8 "),
        ("", "key:/"),
        ("", "\"key\":["),
        ("", "\"key\":\""),
        ("", "key: \"\n"),
        ("", "x;key="),
        ("", "'key="),
        ("", "--key --x "),
        ("", "--key 'a "),
        ("", "Bearer "),
        ("", "PRIVATE KEY-----"),
        ("", "oracle:thin:"),
        ("", "a:b@"),
        ("", "token aaaaaaaa"),
        ("", "\\\""),
        ("", "eyJ"),
        ("", "eyJ:"),
        ("", "//"),
        ("", "//a="),
        ("", "-encrypt="),
        ("", "1:"),
        ("", "sk-"),
        ("", "://aaaa"),
        ("-ua://", "a:"),
        ("\"", "?key=true&"),
        // Values that are plain.
        ("x ", "key=/a/a "),
        ("x ", "pin=true "),
        ("x ", "token=true,"),
        ("x ", "\"token\":\"\","),
        ("x ", "\"token\":,"),
        ("x ", "max-tokens=1 "),
        ("x ", "pw= "),
        ("x ", "\"token\"=a"),
        ("x ", "?code=1 "),
        ("x ", "?code=1&"),
        ("x ", "?key=true "),
        ("x ", "session=-"),
        ("x ", "\"session\":-["),
        ("x ", "session=-$("),
        ("x ", "session=-'\""),
        ("x ", "-u 1:1 "),
        ("x ", "\"--x\",\"a\","),
        ("x ", "\"--max-tokens\",\"1\","),
        ("x ", " \\\n"),
        ("x ", "= "),
        ("x ", "password "),
    ] {
        // What is quadratic takes 16 times as long. Several tries, as caches and ticks disturb one.
        let is_linear = || {
            let short = time_to_mask(begin, part, 1 << 14);
            time_to_mask(begin, part, 1 << 16) < 6 * short + TICKS
        };
        if !(0..3).any(|_| is_linear()) {
            slow.push((begin, part));
        }
    }
    assert!(slow.is_empty(), "{slow:?}");
}

#[test]
#[ignore = "slow: run by make test"]
fn the_time_is_linear_for_exceptions_and_headers() {
    const TICKS: u64 = 20_000_000;
    let mut slow = Vec::new();
    for (begin, part) in [
        ("-H ", "key : "),
        ("-Hkey", " : "),
        ("sort ", "(="),
        ("sort ", "--key=1 "),
        ("docker ", "-u a:a "),
        ("docker ", "-u 'a:'a "),
        ("redis-cli setuser a ", ">a "),
        ("--password-stdin ", "<<< "),
        ("chpasswd ", "printf a "),
    ] {
        let is_linear = || {
            let short = time_to_mask(begin, part, 1 << 14);
            time_to_mask(begin, part, 1 << 16) < 6 * short + TICKS
        };
        if !(0..3).any(|_| is_linear()) {
            slow.push((begin, part));
        }
    }
    assert!(slow.is_empty(), "{slow:?}");
}
