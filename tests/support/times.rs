//! Comparing output that contains times, which differ from run to run.

use std::sync::LazyLock;

use regex_lite::Regex;

/// Replaces times such as ` in 3 ms` with ` in <T>`.
pub fn timeless(text: &str) -> String {
    static TIME: LazyLock<Regex> = LazyLock::new(|| Regex::new(r" in \d+(\.\d+)? m?s").unwrap());
    TIME.replace_all(text, " in <T>").into_owned()
}
