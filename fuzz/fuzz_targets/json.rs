//! JSON pointers: the same value as serde_json's, and a string is equal to itself alone.
#![no_main]

use libfuzzer_sys::fuzz_target;
use porthole::check::http::json::{is_equal, value_at};
use serde_json::Value;
use serde_json::value::RawValue;

fuzz_target!(|input: (&[u8], String, String)| {
    let (choices, typed, text) = input;
    let Ok(document) = serde_json::from_str::<Value>(&text) else { return };
    let raw = serde_json::from_str::<&RawValue>(&text).expect("what can be decoded is a document");
    for pointer in [pointer_in(&document, choices), format!("/{typed}"), String::new()] {
        let ours = value_at(raw, &pointer);
        let theirs = document.pointer(&pointer);
        let decoded = ours.map(|value| serde_json::from_str::<Value>(value).expect("a value"));
        assert_eq!(decoded.as_ref(), theirs, "{pointer:?} in {text:?}");
        let Some(value) = ours else { continue };
        if let Some(Value::String(string)) = theirs {
            assert!(is_equal(value, string), "{value:?} is {string:?}");
            for other in [format!("{string}x"), format!("{string}\0"), typed.clone()] {
                assert_eq!(is_equal(value, &other), other == *string, "{value:?} is not {other:?}");
            }
        } else {
            assert!(is_equal(value, value));
        }
    }
});

/// A pointer to a place in this document, which the fuzzer chooses.
fn pointer_in(mut value: &Value, choices: &[u8]) -> String {
    let mut pointer = String::new();
    for &choice in choices {
        let choice = usize::from(choice);
        let token = match value {
            Value::Array(list) if !list.is_empty() => (choice % list.len()).to_string(),
            Value::Object(map) if !map.is_empty() => map.keys().nth(choice % map.len()).unwrap().clone(),
            _ => break,
        };
        pointer.push('/');
        pointer.push_str(&token.replace('~', "~0").replace('/', "~1"));
        value = value.pointer(&pointer[pointer.rfind('/').unwrap()..]).expect("it is there");
    }
    pointer
}
