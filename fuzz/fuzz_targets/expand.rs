//! The expansion of variables, and units: text without `$` is unchanged; what `$$` quotes is literal;
//! a secret is never in what is shown; a number is printed as it is parsed.
#![no_main]

use std::ffi::OsString;
use std::path::Path;
use std::time::Duration;

use libfuzzer_sys::fuzz_target;
use porthole::deadline::Deadline;
use porthole::error::Error;
use porthole::expand::{Values, expand};
use porthole::secrets::Secrets;
use porthole::units;

const SECRET: &str = "Zq7hunter2Kx9";

struct Known;

impl Values for Known {
    fn variable(&self, name: &str) -> Option<OsString> {
        match name {
            "TOKEN" => Some(SECRET.into()),
            "A" => Some("${TOKEN}".into()),
            "E" => Some(OsString::new()),
            _ => None,
        }
    }

    fn file(&self, path: &Path, _: Deadline) -> Result<Vec<u8>, Error> {
        if path == Path::new("/s") { Ok(SECRET.into()) } else { Err("no such file".into()) }
    }
}

fuzz_target!(|input: (u64, String)| {
    let (number, text) = input;
    let deadline = Deadline::after(Duration::from_secs(60));
    let mut secrets = Secrets::default();
    if let Ok(expanded) = expand(text.as_bytes(), &Known, deadline, &mut secrets, false) {
        if !text.contains('$') {
            assert_eq!(expanded.value, text.as_bytes());
        }
        let shown = String::from_utf8_lossy(&expanded.shown).into_owned();
        assert!(text.contains(SECRET) || !shown.contains(SECRET), "{text:?} is shown as {shown:?}");
    }
    if !text.contains("$${") {
        let quoted = text.replace("${", "$${");
        let expanded = expand(quoted.as_bytes(), &Known, deadline, &mut secrets, false);
        assert_eq!(expanded.map(|e| e.value).ok().as_deref(), Some(text.as_bytes()), "{quoted:?}");
    }
    assert!(!units::show_duration(Duration::from_nanos(number)).is_empty());
    if let Ok(duration) = units::duration(&text) {
        assert!(!duration.is_zero());
        assert!(!units::show_duration(duration).is_empty());
    }
    let _ = (units::long_duration(&text), units::size(&text), units::StatusSet::parse(&text));
    let (time, _) = (units::instant(number.cast_signed()), units::date(number.cast_signed()));
    assert!(time.is_ascii());
    units::show_size(number);
    let mut pushed = Vec::new();
    units::push_number(&mut pushed, number);
    assert_eq!(pushed, number.to_string().as_bytes());
    assert_eq!(units::number(&number.to_string(), u64::MAX), Some(number));
});
