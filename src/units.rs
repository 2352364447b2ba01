//! Durations, sizes and status lists, as they are typed and as they are shown.
//!
//! On an error each parser returns what it expected. The caller adds the name of the option.

use std::time::Duration;

/// The longest duration that an option accepts.
const LONGEST: Duration = Duration::from_hours(1);

/// What [`duration`] expects.
pub const DURATION: &str = "a duration such as 500ms, 2s or 1m30s, more than zero and at most 1h";
/// What [`size`] expects.
pub const SIZE: &str = "a size such as 512, 64k or 10M (powers of 1024)";
/// What [`StatusSet::parse`] expects.
pub const STATUS: &str = "status codes such as 200, 200,204, 200-299 or 2xx";

/// Parses `500ms`, `2s`, `1m30s`, `1h`, `1.5s`, `2` (seconds): more than zero, at most one hour.
pub fn duration(text: &str) -> Result<Duration, &'static str> {
    let nanos = if let Some(seconds) = decimal(text, 1_000_000_000) {
        seconds
    } else {
        nanoseconds_of_parts(text).ok_or(DURATION)?
    };
    let duration = Duration::from_nanos(nanos);
    if duration.is_zero() || duration > LONGEST { Err(DURATION) } else { Ok(duration) }
}

/// What [`long_duration`] expects.
pub const LONG_DURATION: &str = "a duration such as 30s, 26h, 7d or 1d4h, more than zero";

/// Like [`duration`], for the age of something: without an upper limit.
pub fn long_duration(text: &str) -> Result<Duration, &'static str> {
    let nanos = decimal(text, 1_000_000_000).or_else(|| nanoseconds_of_parts(text));
    nanos.filter(|&nanos| nanos > 0).map(Duration::from_nanos).ok_or(LONG_DURATION)
}

/// Parses numbers that are each followed by a unit, larger units first: `1m30s`.
fn nanoseconds_of_parts(text: &str) -> Option<u64> {
    let mut total = 0_u64;
    let mut last_unit = u64::MAX;
    let mut rest = text;
    while !rest.is_empty() {
        let number_end = rest.find(|c: char| c.is_ascii_alphabetic())?;
        let (number, tail) = rest.split_at_checked(number_end)?;
        let unit_end = tail.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(tail.len());
        let (unit, tail) = tail.split_at_checked(unit_end)?;
        let unit: u64 = match unit {
            "d" => 86_400_000_000_000,
            "h" => 3_600_000_000_000,
            "m" => 60_000_000_000,
            "s" => 1_000_000_000,
            "ms" => 1_000_000,
            _ => return None,
        };
        if unit >= last_unit {
            return None;
        }
        last_unit = unit;
        total = total.checked_add(decimal(number, unit)?)?;
        rest = tail;
    }
    Some(total)
}

/// Parses a number with an optional fraction and multiplies it by `unit`. The rest below one is
/// dropped.
fn decimal(text: &str, unit: u64) -> Option<u64> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let value = digits(whole)?.checked_mul(unit)?;
    if fraction.is_empty() || fraction.len() > 9 {
        return None;
    }
    let scale = 10_u64.checked_pow(u32::try_from(fraction.len()).ok()?)?;
    let fraction = digits(fraction)?;
    // Nine digits times an hour in nanoseconds overflow, and times a day in microseconds: these are
    // computed in larger steps.
    let in_steps = |step: u64| Some(fraction.checked_mul(unit / step)? / scale * step);
    let part = [1, 1_000, 1_000_000].into_iter().filter(|&step| step <= unit).find_map(in_steps);
    value.checked_add(part?)
}

/// Parses a number of ASCII digits only: `str::parse` would accept a sign too.
fn digits(text: &str) -> Option<u64> {
    if text.is_empty() || !text.bytes().all(|b| b.is_ascii_digit()) { None } else { text.parse().ok() }
}

/// Parses `512`, `64k`, `10M`, `1G`: bytes, in powers of 1024.
pub fn size(text: &str) -> Result<u64, &'static str> {
    let (number, unit) = match text.as_bytes().last() {
        Some(b'k' | b'K') => (text.get(..text.len() - 1), 1 << 10),
        Some(b'm' | b'M') => (text.get(..text.len() - 1), 1 << 20),
        Some(b'g' | b'G') => (text.get(..text.len() - 1), 1 << 30),
        _ => (Some(text), 1),
    };
    number.and_then(digits).and_then(|n| n.checked_mul(unit)).ok_or(SIZE)
}

/// Parses a whole number up to `max`.
pub fn number(text: &str, max: u64) -> Option<u64> {
    digits(text).filter(|&n| n <= max)
}

/// Returns a number as text.
#[cfg(feature = "inspect")]
pub fn show_number(number: u64) -> String {
    let mut text = Vec::new();
    push_number(&mut text, number);
    String::from_utf8(text).unwrap_or_default()
}

/// Returns tenths of a percent as text: `0.3%`.
#[cfg(feature = "inspect")]
pub fn show_tenths(tenths: u64) -> String {
    let mut text = Vec::new();
    push_number(&mut text, tenths / 10);
    text.push(b'.');
    text.push(last_digit(tenths));
    text.push(b'%');
    String::from_utf8(text).unwrap_or_default()
}

/// Returns a size for people: `64 KiB`, `10 MiB`, `512 bytes`.
pub fn show_size(bytes: u64) -> String {
    for (unit, name) in [(1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")] {
        if bytes >= unit && bytes.is_multiple_of(unit) {
            return format!("{} {name}", bytes / unit);
        }
    }
    if bytes == 1 { "1 byte".to_owned() } else { format!("{bytes} bytes") }
}

/// Returns a size for a table, in powers of 1024, rounded up like `ls -h`: `1023`, `1.0K`, `12M`,
/// `3.4G`.
#[cfg(feature = "inspect")]
pub fn show_short_size(bytes: u64) -> String {
    let mut text = Vec::new();
    push_short_size(&mut text, bytes);
    String::from_utf8(text).unwrap_or_default()
}

/// Appends what [`show_short_size`] returns.
#[cfg(feature = "inspect")]
pub fn push_short_size(text: &mut Vec<u8>, bytes: u64) {
    let mut unit = 1_u64;
    for name in [&b""[..], b"K", b"M", b"G", b"T", b"P"] {
        let (whole, tenths) = (bytes.div_ceil(unit), bytes.saturating_mul(10).div_ceil(unit));
        if unit > 1 && tenths < 100 {
            push_number(text, tenths / 10);
            text.push(b'.');
            push_number(text, tenths % 10);
            return text.extend_from_slice(name);
        }
        if whole < 1024 {
            push_number(text, whole);
            return text.extend_from_slice(name);
        }
        unit <<= 10;
    }
    push_number(text, bytes.div_ceil(unit));
    text.push(b'E');
}

/// Appends a number. There may be very many, and `format!` takes ten times as long.
#[cfg(feature = "inspect")]
pub fn push_number(text: &mut Vec<u8>, number: u64) {
    if number >= 10 {
        push_number(text, number / 10);
    }
    text.push(last_digit(number));
}

/// Returns the last digit of a number.
#[cfg(feature = "inspect")]
fn last_digit(number: u64) -> u8 {
    b'0' + u8::try_from(number % 10).unwrap_or_default()
}

/// One day, in seconds.
pub const DAY: i64 = 86_400;

/// Returns the day in UTC of this second since the epoch, as `2026-11-25`.
pub fn date(seconds: i64) -> String {
    // The day within the 400-year cycle of the calendar. Years begin on the first of March.
    let days = seconds.div_euclid(DAY) + 719_468;
    let (era, day_of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month + 2) / 5 + 1;
    let (month, carry) = if month < 10 { (month + 3, 0) } else { (month - 9, 1) };
    format!("{:04}-{month:02}-{day:02}", year + era * 400 + carry)
}

/// Returns this second since the epoch in UTC, as `2026-11-25T10:47:31Z`.
pub fn instant(seconds: i64) -> String {
    let second = seconds.rem_euclid(DAY);
    format!("{}T{:02}:{:02}:{:02}Z", date(seconds), second / 3600, second / 60 % 60, second % 60)
}

/// Returns the minute in UTC of this second since the epoch, as `2026-11-25 10:47`.
#[cfg(feature = "inspect")]
pub fn minute(seconds: i64) -> String {
    let minute = seconds.rem_euclid(DAY) / 60;
    let mut text = date(seconds);
    for (before, number) in [(' ', minute / 60), (':', minute % 60)] {
        text.push(before);
        let number = number.unsigned_abs();
        text.push(char::from(last_digit(number / 10)));
        text.push(char::from(last_digit(number)));
    }
    text
}

/// Returns a duration for people, with at most three digits: `0.06 ms`, `0.4 ms`, `12 ms`, `2 s`,
/// `1.5 s`, `90 s`.
pub fn show_duration(duration: Duration) -> String {
    let (whole, hundredths, unit) = match duration.as_secs() {
        0 => (u64::from(duration.subsec_millis()), duration.subsec_micros() % 1_000 / 10, "ms"),
        seconds => (seconds, duration.subsec_millis() / 10, "s"),
    };
    let tenths = hundredths / 10;
    if whole == 0 && tenths == 0 {
        format!("0.{hundredths:02} {unit}")
    } else if tenths > 0 && (whole == 0 || (unit == "s" && whole < 10)) {
        format!("{whole}.{tenths} {unit}")
    } else {
        format!("{whole} {unit}")
    }
}

/// Returns an age for people, in one or two units: `0.4 ms`, `45 s`, `3 m 20 s`, `2 h 5 m`, `3 days
/// 4 h`.
pub fn show_age(age: Duration) -> String {
    let seconds = age.as_secs();
    let (unit, name, small_unit, small_name) = match seconds {
        0..120 => return show_duration(age),
        120..7_200 => (60, "m", 1, "s"),
        7_200..172_800 => (3_600, "h", 60, "m"),
        _ => (86_400, "days", 3_600, "h"),
    };
    let large = seconds / unit;
    match seconds % unit / small_unit {
        0 => format!("{large} {name}"),
        small => format!("{large} {name} {small} {small_name}"),
    }
}

/// The HTTP status codes that count as healthy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatusSet {
    ranges: Vec<(u16, u16)>,
    typed: String,
}

impl StatusSet {
    /// Parses `200`, `200,204`, `200-299`, `2xx` and combinations: codes from 100 to 999.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        let mut ranges = Vec::new();
        for part in text.split(',') {
            ranges.push(status_range(part.trim()).ok_or(STATUS)?);
        }
        Ok(StatusSet { ranges, typed: text.to_owned() })
    }

    /// The set of one status.
    pub fn only(status: u16) -> Self {
        StatusSet { ranges: vec![(status, status)], typed: status.to_string() }
    }

    /// Returns whether the set contains this status.
    pub fn contains(&self, status: u16) -> bool {
        self.ranges.iter().any(|&(low, high)| (low..=high).contains(&status))
    }

    /// Returns the list as it was typed.
    pub fn typed(&self) -> &str {
        &self.typed
    }
}

impl Default for StatusSet {
    /// 200 to 399, which Kubernetes treats as healthy.
    fn default() -> Self {
        StatusSet { ranges: vec![(200, 399)], typed: "200-399".to_owned() }
    }
}

fn status_range(part: &str) -> Option<(u16, u16)> {
    let code = |text: &str| {
        if text.len() == 3 {
            number(text, 999).and_then(|n| u16::try_from(n).ok()).filter(|&n| n >= 100)
        } else {
            None
        }
    };
    if let Some(class) = part.strip_suffix("xx").or_else(|| part.strip_suffix("XX")) {
        let low = u16::try_from(number(class, 9)?).ok()? * 100;
        return if low >= 100 && class.len() == 1 { Some((low, low + 99)) } else { None };
    }
    if let Some((low, high)) = part.split_once('-') {
        let range = (code(low)?, code(high)?);
        return if range.0 <= range.1 { Some(range) } else { None };
    }
    code(part).map(|code| (code, code))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_durations() {
        for (text, seconds) in [
            ("90", 90),
            ("1h30m", 5_400),
            ("36h", 129_600),
            ("7d", 604_800),
            ("1.5d", 129_600),
            ("1d4h", 100_800),
        ] {
            assert_eq!(long_duration(text), Ok(Duration::from_secs(seconds)), "{text}");
        }
        // Nine digits, the most that are accepted, of a day too.
        for (text, nanos) in [
            ("0.999999999d", 86_399_999_000_000),
            ("0.999999999h", 3_599_999_996_000),
            ("0.000000001h", 3_600),
        ] {
            assert_eq!(long_duration(text), Ok(Duration::from_nanos(nanos)), "{text}");
        }
        for text in ["", "0", "0d", "d", "2h1d", "-1d", "99999999d", "x"] {
            assert_eq!(long_duration(text), Err(LONG_DURATION), "{text}");
        }
    }

    #[test]
    #[cfg(feature = "inspect")]
    fn short_sizes() {
        for (bytes, shown) in [
            (0, "0"),
            (1023, "1023"),
            (1024, "1.0K"),
            (1025, "1.1K"),
            (10 << 10, "10K"),
            (10_239, "10K"),
            ((1 << 20) - 1, "1.0M"),
            (12 << 20, "12M"),
            (u64::MAX, "16E"),
        ] {
            assert_eq!(show_short_size(bytes), shown, "{bytes}");
        }
    }

    #[test]
    #[cfg(feature = "inspect")]
    fn moments() {
        for (seconds, shown) in [
            (0, "1970-01-01 00:00"),
            (-1, "1969-12-31 23:59"),
            (951_782_399, "2000-02-28 23:59"),
            (951_782_400, "2000-02-29 00:00"),
            (4_107_542_400, "2100-03-01 00:00"),
        ] {
            assert_eq!(minute(seconds), shown);
        }
        // Some file systems keep any number.
        assert!(minute(i64::MAX).len() > 16 && minute(i64::MIN).len() > 16);
    }

    #[test]
    fn instants() {
        for (seconds, shown) in [
            (0, "1970-01-01T00:00:00Z"),
            (-1, "1969-12-31T23:59:59Z"),
            (951_827_696, "2000-02-29T12:34:56Z"),
            (1_796_033_999, "2026-11-30T10:19:59Z"),
        ] {
            assert_eq!(instant(seconds), shown);
        }
        // Some file systems keep any number.
        assert!(instant(i64::MAX).ends_with('Z') && instant(i64::MIN).ends_with('Z'));
    }

    #[test]
    fn durations() {
        for (text, millis) in [
            ("500ms", 500),
            ("2s", 2_000),
            ("1m30s", 90_000),
            ("2", 2_000),
            ("0.5", 500),
            ("1.5s", 1_500),
            ("1h", 3_600_000),
            ("60m", 3_600_000),
            ("1s500ms", 1_500),
        ] {
            assert_eq!(duration(text), Ok(Duration::from_millis(millis)), "{text}");
        }
    }

    #[test]
    fn not_durations() {
        for text in [
            "",
            "0",
            "0s",
            "0ms",
            "2h",
            "1h1ms",
            "abc",
            "s",
            "1x",
            "-1s",
            "+1s",
            "1s1m",
            "1s1s",
            "1 s",
            "1.s",
            ".5s",
            "1..5s",
            "99999999999999999999s",
            "3601",
            "1e3",
            "٣s",
            "1é",
            "1.0000000001s",
            "5d",
        ] {
            assert_eq!(duration(text), Err(DURATION), "{text}");
        }
    }

    #[test]
    fn sizes() {
        assert_eq!(size("512"), Ok(512));
        assert_eq!(size("64k"), Ok(65_536));
        assert_eq!(size("10M"), Ok(10_485_760));
        assert_eq!(size("1G"), Ok(1_073_741_824));
        for text in ["", "k", "-1", "1.5k", "64kb", "99999999999999999999", "99999999999999G", "é"] {
            assert_eq!(size(text), Err(SIZE), "{text}");
        }
    }

    #[test]
    fn shown_sizes() {
        assert_eq!(show_size(65_536), "64 KiB");
        assert_eq!(show_size(1 << 30), "1 GiB");
        assert_eq!(show_size(1_000), "1000 bytes");
        assert_eq!(show_size(1), "1 byte");
    }

    #[test]
    fn shown_durations() {
        for (micros, text) in [
            (0, "0.00 ms"),
            (67, "0.06 ms"),
            (430, "0.4 ms"),
            (3_900, "3 ms"),
            (999_999, "999 ms"),
            (2_000_000, "2 s"),
            (1_500_000, "1.5 s"),
            (90_000_000, "90 s"),
        ] {
            assert_eq!(show_duration(Duration::from_micros(micros)), text);
        }
    }

    #[test]
    fn shown_ages() {
        for (seconds, text) in [
            (0, "0.00 ms"),
            (45, "45 s"),
            (119, "119 s"),
            (120, "2 m"),
            (200, "3 m 20 s"),
            (3_605, "60 m 5 s"),
            (7_200, "2 h"),
            (7_559, "2 h 5 m"),
            (273_600, "3 days 4 h"),
            (u64::MAX, "213503982334601 days 7 h"),
        ] {
            assert_eq!(show_age(Duration::from_secs(seconds)), text);
        }
    }

    #[test]
    fn status_lists() {
        let set = StatusSet::parse("200, 204,3xx,500-599").unwrap();
        for healthy in [200, 204, 300, 399, 500, 599] {
            assert!(set.contains(healthy), "{healthy}");
        }
        for unhealthy in [100, 199, 201, 299, 400, 499, 600] {
            assert!(!set.contains(unhealthy), "{unhealthy}");
        }
        assert_eq!(set.typed(), "200, 204,3xx,500-599");
        assert!(StatusSet::default().contains(200) && StatusSet::default().contains(399));
        assert!(!StatusSet::default().contains(199) && !StatusSet::default().contains(400));
    }

    #[test]
    fn not_status_lists() {
        for text in
            ["", "20", "2000", "099", "299-200", "0xx", "12xx", "xx", "200,", "abc", "200-", "+200", "2x"]
        {
            assert_eq!(StatusSet::parse(text), Err(STATUS), "{text}");
        }
    }
}
