//! Durations, sizes, dates and status codes: what is printed is what was meant, no further off than
//! its last digit; and what is typed is what it adds up to.
#![no_main]

use std::time::Duration;

use libfuzzer_sys::fuzz_target;
use porthole::units::{
    DAY, StatusSet, date, duration, instant, long_duration, minute, number, push_number, show_age,
    show_duration, show_short_size, show_size, size,
};

fuzz_target!(|input: (u64, u64, u8, String)| {
    let (first, second, shift, text) = input;
    let value = first >> (shift % 64);
    durations(value, second);
    typed(value, second);
    sizes(value);
    dates(first.cast_signed() % (DAY * 366 * 10_000));
    statuses(value, second);

    let mut pushed = Vec::new();
    push_number(&mut pushed, first);
    assert_eq!(pushed, first.to_string().as_bytes());
    assert_eq!(number(&first.to_string(), u64::MAX), Some(first));
    if let Ok(short) = duration(&text) {
        assert!(!short.is_zero() && short <= Duration::from_hours(1), "{text:?}");
        assert_eq!(long_duration(&text), Ok(short), "{text:?}");
    }
    if let Ok(long) = long_duration(&text) {
        assert!(!long.is_zero() && long >= duration(&text).unwrap_or_default(), "{text:?}");
    }
    let _ = (size(&text), StatusSet::parse(&text));
});

/// What is printed is rounded down, to a tenth or less.
fn durations(nanos: u64, more: u64) {
    let whole = Duration::from_nanos(nanos);
    let shown = show_duration(whole);
    let (digits, unit) = shown.split_once(' ').expect("a number and a unit");
    let unit: u128 = if unit == "s" { 1_000_000_000 } else { 1_000_000 };
    let (read, place) = decimal(digits, unit);
    let off = whole.as_nanos().checked_sub(read).unwrap_or_else(|| panic!("{whole:?} is not yet {shown}"));
    assert!(off < place, "{whole:?} is shown as {shown}");
    // What is printed without the blank is what an option accepts.
    if let Ok(again) = long_duration(&shown.replace(' ', "")) {
        assert_eq!(again.as_nanos(), read, "{shown}");
    }

    let age = Duration::new(nanos >> 16, (more % 1_000_000_000) as u32);
    let shown = show_age(age);
    if age.as_secs() >= 120 {
        let parts: Vec<&str> = shown.split(' ').collect();
        let (mut total, mut last) = (0, 0);
        for pair in parts.chunks(2) {
            last = match pair[1] {
                "days" => 86_400,
                "h" => 3_600,
                "m" => 60,
                "s" => 1,
                other => panic!("{other} is no unit"),
            };
            total += pair[0].parse::<u64>().unwrap() * last;
        }
        // If the smaller unit is left out, it is 0.
        let place = if parts.len() == 4 { last } else { smaller(last) };
        let off = age.as_secs().checked_sub(total).unwrap_or_else(|| panic!("{age:?} is not yet {shown}"));
        assert!(off < place, "{age:?} is shown as {shown}");
    }
}

fn smaller(unit: u64) -> u64 {
    match unit {
        86_400 => 3_600,
        3_600 => 60,
        _ => 1,
    }
}

/// Reads a number with up to two decimal places, in the smallest unit. Also returns what its last
/// digit counts.
fn decimal(digits: &str, unit: u128) -> (u128, u128) {
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let place = unit / 10_u128.pow(u32::try_from(fraction.len()).unwrap());
    let fraction = if fraction.is_empty() { 0 } else { fraction.parse::<u128>().unwrap() * place };
    (whole.parse::<u128>().unwrap() * unit + fraction, place)
}

/// The parts add up, and a fraction counts down to a microsecond, or a millisecond of a day.
fn typed(value: u64, more: u64) {
    let parts = [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1_u64)];
    let (mut text, mut total) = (String::new(), 0);
    for (at, (name, unit)) in parts.into_iter().enumerate() {
        let count = more >> (at * 12) & 0x3ff;
        if value >> at & 1 == 1 {
            text += &format!("{count}{name}");
            total += count * unit;
        }
    }
    let expected = Some(Duration::from_millis(total)).filter(|total| !total.is_zero());
    assert_eq!(long_duration(&text).ok(), expected, "{text:?}");

    let (whole, fraction) = (value % 1_000_000, more % 1_000_000_000);
    for (name, unit) in [("d", 86_400_u128), ("h", 3_600), ("m", 60), ("s", 1), ("", 1)] {
        let text = format!("{whole}.{fraction:09}{name}");
        let exact = (u128::from(whole) * 1_000_000_000 + u128::from(fraction)) * unit;
        let read = long_duration(&text).unwrap_or_default().as_nanos();
        if exact > u128::from(u64::MAX) {
            assert_eq!(read, 0, "{text}");
            continue;
        }
        let place = match unit {
            86_400 => 1_000_000,
            60.. => 1_000,
            _ => 1,
        };
        assert!(read <= exact && exact - read < place, "{text} is read as {read}, not {exact}");
    }
}

/// A size is printed in full; in a table it is rounded up to its last digit.
fn sizes(bytes: u64) {
    let shown = show_size(bytes);
    let typed = shown.replace(" KiB", "k").replace(" MiB", "M").replace(" GiB", "G");
    let typed = typed.replace(" bytes", "").replace(" byte", "");
    assert_eq!(size(&typed), Ok(bytes), "{shown}");

    let shown = show_short_size(bytes);
    let letters = ["K", "M", "G", "T", "P", "E"];
    let at = letters.iter().position(|letter| shown.ends_with(letter));
    let unit = at.map_or(1, |at| 1_u128 << (10 * (at + 1)));
    let digits = shown.trim_end_matches(char::is_alphabetic);
    // In tenths, as a tenth of a unit is no whole number of bytes.
    let place = if digits.contains('.') { 1 } else { 10 };
    let tenths: u128 = digits.replace('.', "").parse::<u128>().unwrap() * place;
    let exact = u128::from(bytes) * 10;
    assert!(tenths * unit >= exact && tenths * unit - exact < unit * place, "{bytes} is shown as {shown}");
    assert!(shown.len() <= 5, "{shown}");
}

/// The next day is the next of the calendar.
fn dates(seconds: i64) {
    let today = parts(&date(seconds));
    let next = parts(&date(seconds + DAY));
    let (year, month, day) = today;
    let is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let length = match month {
        2 if is_leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    };
    let expected = match (month, day) {
        (12, 31) => (year + 1, 1, 1),
        (_, day) if day == length => (year, month + 1, 1),
        _ => (year, month, day + 1),
    };
    assert_eq!(next, expected, "the day after {today:?}");
    assert!(instant(seconds).starts_with(&date(seconds)) && minute(seconds).starts_with(&date(seconds)));
    assert!(seconds.rem_euclid(DAY) != 0 || instant(seconds).ends_with("T00:00:00Z"));
}

fn parts(date: &str) -> (i64, u32, u32) {
    let (rest, day) = date.rsplit_once('-').unwrap();
    let (year, month) = rest.rsplit_once('-').unwrap();
    (year.parse().unwrap(), month.parse().unwrap(), day.parse().unwrap())
}

/// A list has the codes of its parts and no others.
fn statuses(value: u64, more: u64) {
    let code = |shift: u32| 100 + (more >> shift & 0xffff) % 900;
    let (one, low, high, class) = (code(0), code(16).min(code(32)), code(16).max(code(32)), 1 + value % 9);
    let text = format!("{one},{low}-{high}, {class}xx");
    let set = StatusSet::parse(&text).unwrap_or_else(|why| panic!("{text}: {why}"));
    for status in 100..=999 {
        let expected = status == one || (low..=high).contains(&status) || status / 100 == class;
        assert_eq!(set.contains(status as u16), expected, "{status} in {text}");
    }
}
