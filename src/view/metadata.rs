//! A file's metadata as letters and as JSON facts: inode(7), ls(1).

use super::users::Names;
use crate::file_type::FileType;
use crate::outcome::Fact;

/// Returns a mode as the letters of `ls -l`: `drwxr-sr-t`.
pub fn letters(mode: u32) -> String {
    let mut text = String::from(FileType::of_mode(mode).letter());
    // Set-user-ID, set-group-ID and sticky take the place of an x.
    for (shift, special, letter) in [(6, 0o4000, 's'), (3, 0o2000, 's'), (0, 0o1000, 't')] {
        let bits = mode >> shift;
        text.push(if bits & 4 != 0 { 'r' } else { '-' });
        text.push(if bits & 2 != 0 { 'w' } else { '-' });
        text.push(match (mode & special != 0, bits & 1 != 0) {
            (true, true) => letter,
            (true, false) => letter.to_ascii_uppercase(),
            (false, true) => 'x',
            (false, false) => '-',
        });
    }
    text
}

/// Returns a mode as chmod(1) takes it: `0644`.
pub fn octal(mode: u32) -> String {
    format!("{:04o}", mode & 0o7777)
}

/// Returns the type of a file for JSON.
pub fn type_name(kind: FileType) -> Fact {
    kind.json_name().map_or(Fact::Null, |name| Fact::Text(name.to_owned()))
}

/// Splits a device number into major and minor: makedev(3), as glibc and musl do.
pub fn device(number: u64) -> (u64, u64) {
    let major = (number >> 32 & 0xffff_f000) | (number >> 8 & 0xfff);
    let minor = (number >> 12 & 0xffff_ff00) | (number & 0xff);
    (major, minor)
}

/// Whether it is a device, which has numbers instead of a size.
pub fn is_device(mode: u32) -> bool {
    FileType::of_mode(mode).is_device()
}

/// Returns the seconds since the epoch for JSON, with the system's full precision.
pub fn moment(seconds: i64, nanos: i64) -> Fact {
    // Nanoseconds count upwards, also before the epoch.
    let (whole, rest) =
        if seconds < 0 && nanos > 0 { (seconds + 1, 1_000_000_000 - nanos) } else { (seconds, nanos) };
    let sign = if seconds < 0 { "-" } else { "" };
    Fact::Json(format!("{sign}{}.{rest:09}", whole.unsigned_abs()))
}

/// Returns a number of the system for JSON. None of those that are shown is negative.
pub fn count(number: impl TryInto<u64>) -> Fact {
    number.try_into().map_or(Fact::Null, Fact::Count)
}

/// Returns type, mode and owner for JSON.
pub fn facts(mode: u32, uid: u32, gid: u32, names: &Names) -> Vec<(&'static str, Fact)> {
    vec![
        ("type", type_name(FileType::of_mode(mode))),
        ("mode", Fact::Text(octal(mode))),
        ("uid", count(uid)),
        ("user", Fact::Bytes(names.user(uid))),
        ("gid", count(gid)),
        ("group", Fact::Bytes(names.group(gid))),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modes_in_letters() {
        for (mode, text) in [
            (0o100_644, "-rw-r--r--"),
            (0o041_777, "drwxrwxrwt"),
            (0o041_776, "drwxrwxrwT"),
            (0o104_755, "-rwsr-xr-x"),
            (0o102_640, "-rw-r-S---"),
            (0o120_777, "lrwxrwxrwx"),
            (0o020_620, "crw--w----"),
            (0o010_000, "p---------"),
        ] {
            assert_eq!(letters(mode), text);
        }
        assert_eq!(octal(0o104_755), "4755");
    }

    #[test]
    fn moments_are_exact() {
        for (seconds, nanos, expected) in [
            (1_767_323_045, 123_456_789, "1767323045.123456789"),
            (0, 0, "0.000000000"),
            (7, 5, "7.000000005"),
            // A quarter of a second before the epoch, as inodes store it.
            (-1, 750_000_000, "-0.250000000"),
            (-2, 0, "-2.000000000"),
            (i64::MIN, 1, "-9223372036854775807.999999999"),
        ] {
            let mut json = String::new();
            moment(seconds, nanos).push_json(&mut json);
            assert_eq!(json, expected);
        }
    }

    #[test]
    fn numbers_of_devices() {
        for (number, expected) in [(0x103, (1, 3)), (0x1_0303, (259, 3)), (0x10_082c, (8, 300))] {
            assert_eq!(device(number), expected);
        }
    }
}
