//! The expansion of variables: text without `$` is unchanged; what `$$` quotes is literal; a secret is
//! never in what is shown.
#![no_main]

use std::ffi::OsString;
use std::path::Path;
use std::time::Duration;

use libfuzzer_sys::fuzz_target;
use porthole::deadline::Deadline;
use porthole::error::Error;
use porthole::expand::{Values, expand};
use porthole::secrets::Secrets;

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

fuzz_target!(|text: &str| {
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
});
