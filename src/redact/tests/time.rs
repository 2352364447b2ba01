//! The time is linear in the length.

use super::super::{Masker, mask_mount};

/// The kernel may count processor time in ticks of up to 10 ms.
const TICKS: u64 = 20_000_000;

/// Returns the time that this thread has spent on a processor, in nanoseconds: schedstat in the
/// kernel's sched-stats.rst. Wall-clock time means little while other tests run.
fn busy() -> u64 {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    text.split(' ').next().and_then(|time| time.parse().ok()).unwrap_or_default()
}

/// Returns the time that it takes to mask a text of this length: `begin`, then `part` repeated.
fn time_to_mask(begin: &str, part: &str, length: usize) -> u64 {
    let text = [begin, &part.repeat(length / part.len())].concat();
    let start = busy();
    // These programs have options of their own, and repeated secrets are searched for repeatedly.
    let mut masked = Masker::default();
    for argument in ["curl", "htpasswd", "smbclient", "ldapsearch", "sh", "-c", text.as_str()] {
        masked.push(&mut Vec::new(), argument.as_bytes());
    }
    Masker::default().push(&mut Vec::new(), text.as_bytes());
    let _ = mask_mount(text.as_bytes());
    busy() - start
}

/// Asserts that masking takes time linear in the length, for each beginning and repeated part.
#[track_caller]
fn assert_linear(cases: &[(&str, &str)]) {
    // Quadratic time is 16 times as long. One try may be disturbed by caches and ticks.
    let is_linear = |begin, part| {
        let short = time_to_mask(begin, part, 1 << 14);
        time_to_mask(begin, part, 1 << 16) < 6 * short + TICKS
    };
    let mut slow = cases.to_vec();
    slow.retain(|&(begin, part)| !(0..3).any(|_| is_linear(begin, part)));
    assert!(slow.is_empty(), "{slow:?}");
}

#[test]
#[ignore = "slow: run by make test"]
fn the_time_is_linear_in_the_length() {
    assert_linear(&[
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
    ]);
}

#[test]
#[ignore = "slow: run by make test"]
fn the_time_is_linear_for_exceptions_and_headers() {
    assert_linear(&[
        ("-H ", "key : "),
        ("-Hkey", " : "),
        ("sort ", "(="),
        ("sort ", "--key=1 "),
        ("docker ", "-u a:a "),
        ("docker ", "-u 'a:'a "),
        ("redis-cli setuser a ", ">a "),
        ("--password-stdin ", "<<< "),
        ("chpasswd ", "printf a "),
    ]);
}
