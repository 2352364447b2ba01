//! The masking of secrets in command lines. It takes time linear in the length of the text, leaves
//! everything but the masked parts as it is, and never shows a secret that its rules promise to
//! mask, whatever surrounds the secret.
#![no_main]

use std::time::Duration;

use libfuzzer_sys::fuzz_target;
use porthole::redact;

/// The planted secret, which cannot be mistaken for anything else.
const SECRET: &[u8] = b"Zq7hunter2Kx9";
/// The commands that are planted in a shell script, up to the secret.
const COMMANDS: &[&[&str]] = &[
    &["vault", "login"],
    &["vault", "login", "-no-print"],
    &["cargo", "login"],
    &["redis-cli", "auth"],
    &["rabbitmqctl", "add_user", "bob"],
    &["htpasswd", "-bc", "f", "bob"],
    &["openssl", "passwd"],
    &["mkpasswd"],
    &["wpa_passphrase", "net"],
    &["mc", "alias", "set", "m", "http://h", "me"],
    &["sshpass", "-p"],
    &["redis-cli", "-a"],
    &["docker", "login", "-p"],
    &["ldapsearch", "-w"],
    &["app", "--password"],
    &["nmcli", "d", "wifi", "connect", "net", "password"],
];
/// The separators between the words of a command.
const BLANKS: &[&str] = &[" ", "  ", "\t", "\t\t", " \\\n", " \\\n  "];
/// The lengths, in bytes, of the two texts whose times are compared, and how many times longer the
/// longer one may take. It takes four times as long if the time is linear, sixteen times if it is
/// quadratic.
const SHORT: usize = 1 << 16;
const LONG: usize = 1 << 18;
const FACTOR: u32 = 7;
/// The error of the clock: a few ticks of the kernel.
const TICKS: Duration = Duration::from_millis(20);

fuzz_target!(|data: &[u8]| {
    let Some((&kind, rest)) = data.split_first() else { return };
    let mut parts: Vec<&[u8]> = rest.split(|&b| b == 0).collect();
    let after = parts.pop().unwrap_or_default();
    let before = parts.pop().unwrap_or_default();

    for part in [before, after] {
        is_faithful(part, &masked(&[part]));
        is_faithful(part, &redact::mask_mount(part));
    }
    let all = masked(&[parts.as_slice(), &[before, after]].concat());
    assert!(all.len() <= 9 * rest.len() + 9);

    // The surrounding text must not contain a part of the secret.
    if !rest.windows(3).any(|window| SECRET.starts_with(window)) {
        plant(kind, &parts, before, after);
    }
    if kind >= 0xf0 && !rest.is_empty() {
        takes_linear_time(rest);
    }
});

/// Returns the masked arguments of a command line, separated by spaces.
fn masked(arguments: &[&[u8]]) -> Vec<u8> {
    let (mut out, mut masked) = (Vec::new(), redact::Masker::default());
    for argument in arguments {
        out.push(b' ');
        masked.push(&mut out, argument);
    }
    out.split_off(out.len().min(1))
}

/// Asserts that the output is the text with `<N bytes>` in place of N bytes.
fn is_faithful(text: &[u8], mut shown: &[u8]) {
    if text.contains(&b'<') {
        return;
    }
    let mut rest = text;
    while let Some((&byte, behind)) = shown.split_first() {
        let count = if byte == b'<' {
            let end = behind.iter().position(|&b| b == b'>').expect("a mask has an end");
            let mask = std::str::from_utf8(&behind[..end]).expect("a mask is text");
            shown = &behind[end + 1..];
            mask.split(' ').next().and_then(|count| count.parse().ok()).expect("a mask has a count")
        } else {
            assert_eq!(rest.first(), Some(&byte), "text outside of masks is unchanged");
            shown = behind;
            1
        };
        rest = &rest[count..];
    }
    assert!(rest.is_empty(), "no text is missing");
}

/// Puts the secret where it must be masked, surrounded by arbitrary text.
fn plant(kind: u8, parts: &[&[u8]], before: &[u8], after: &[u8]) {
    let around = |front: &str, behind: &str| {
        vec![[before, front.as_bytes(), SECRET, behind.as_bytes(), after].concat()]
    };
    let earlier = [parts, &[before]].concat();
    let later = |arguments: &[&[u8]]| {
        let all = [earlier.as_slice(), arguments, &[after]].concat();
        all.iter().map(|argument| argument.to_vec()).collect::<Vec<_>>()
    };
    let arguments = match kind % 32 {
        0 => later(&[b"--password", SECRET]),
        1 => later(&[&[b"--password=", SECRET, after].concat()]),
        2 => later(&[&[b"PGPASSWORD=", SECRET, after].concat()]),
        3 => around(" PGPASSWORD=", " "),
        4 => around(" --password ", " "),
        5 => around(" --password=", " "),
        6 => around(" postgres://me:", "@db/x "),
        7 => around("\nAuthorization: Bearer ", "\n"),
        8 => around("{\"password\":\"", "\"}"),
        9 => around(" --password \\\n  ", " "),
        10 => around(" --password = ", " "),
        11 => around(" os.environ[\"DB_PASSWORD\"]=\"", "\" "),
        12 => vec![b"mysql".to_vec(), [b"-p", SECRET, after].concat(), before.to_vec()],
        13 => vec![b"curl".to_vec(), b"-u".to_vec(), [b"me:", SECRET, after].concat(), before.to_vec()],
        14 => vec![b"vault".to_vec(), b"login".to_vec(), SECRET.to_vec(), before.to_vec()],
        16.. => {
            let (row, blanks) = (kind / 32, usize::from(sum_of(before)));
            let command = COMMANDS[(usize::from(row) + 8 * usize::from(kind % 2)) % COMMANDS.len()];
            let blanks = BLANKS[blanks % BLANKS.len()];
            let front = [blanks, &command.join(blanks), blanks].concat();
            vec![b"sh".to_vec(), b"-c".to_vec(), [front.as_bytes(), SECRET, b" ", after].concat()]
        }
        _ => {
            let source = [before, b",password=", SECRET, b",", after].concat();
            return is_hidden(&redact::mask_mount(&source), &source);
        }
    };
    let arguments: Vec<&[u8]> = arguments.iter().map(Vec::as_slice).collect();
    is_hidden(&masked(&arguments), &arguments.join(&b' '));
}

/// Returns a number that the fuzzer chooses through this text.
fn sum_of(text: &[u8]) -> u8 {
    text.iter().fold(0, |sum, &b| sum.wrapping_add(b))
}

fn is_hidden(shown: &[u8], text: &[u8]) {
    let is_shown = shown.windows(SECRET.len()).any(|window| window == SECRET);
    assert!(!is_shown, "{:?} shows {:?}", text.escape_ascii().to_string(), shown.escape_ascii().to_string());
}

/// Asserts that a long text that repeats this one is masked in linear time.
fn takes_linear_time(part: &[u8]) {
    let time = |length: usize| {
        let text = [b"x ", part.repeat(length / part.len() + 1).as_slice()].concat();
        let start = busy();
        masked(&[b"curl", b"vault", b"login", b"sh", b"-c", &text]);
        redact::mask_mount(&text);
        busy() - start
    };
    // Several tries, because other processes may disturb one.
    let is_linear = || time(LONG) < FACTOR * time(SHORT) + TICKS;
    assert!((0..3).any(|_| is_linear()), "the time is not linear");
}

/// Returns how long this thread has run on a processor: proc_pid_schedstat.
fn busy() -> Duration {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    Duration::from_nanos(text.split(' ').next().and_then(|time| time.parse().ok()).unwrap_or_default())
}
