//! Text for people: no forbidden character gets through, limits are kept, and the escapes of different
//! bytes differ.
#![no_main]

mod support;

use libfuzzer_sys::fuzz_target;
use porthole::text::{
    clip, decode, encode, escape, escape_exactly, escape_lines, escape_within, push_json_string,
};
use support::is_printable;

fuzz_target!(|input: (u8, &[u8], &[u8])| {
    let (limit, bytes, other) = input;
    is_printable(&escape(bytes));
    assert!(bytes == other || escape_exactly(bytes, usize::MAX) != escape_exactly(other, usize::MAX));
    let limit = usize::from(limit);
    for text in [escape_within(bytes, limit), escape_exactly(bytes, limit)] {
        is_printable(&text);
    }
    assert!(escape_within(bytes, limit.max(8)).len() <= limit.max(8));
    assert!(clip(bytes).len() < 256);
    is_printable(&escape_lines(bytes, "  ").replace(['\n', '\t'], ""));
    assert_eq!(&*encode(&decode(bytes)), bytes, "decoding loses nothing");
    let mut json = String::new();
    push_json_string(&mut json, &decode(bytes));
    assert!(json.starts_with('"') && json.ends_with('"') && !json.contains('\n'));
    serde_json::from_str::<String>(&json).unwrap_or_else(|why| panic!("{json}: {why}"));
});
