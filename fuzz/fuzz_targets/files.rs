//! hosts(5), resolv.conf(5), passwd(5) and group(5): what a valid line says is found whatever surrounds
//! it.
#![no_main]

use libfuzzer_sys::fuzz_target;
use porthole::net::hosts::lookup;
use porthole::net::resolv_conf::{NameServer, ResolvConf};
use porthole::view::users;

fuzz_target!(|input: (u8, &[u8])| {
    let (kind, bytes) = input;
    match kind % 3 {
        0 => {
            let found = lookup(&[bytes, &b"\n10.1.2.3 db db.example # x\n"[..]].concat(), "db.example");
            assert!(found.iter().any(|address| address.to_string() == "10.1.2.3") || found.len() >= 1024);
        }
        1 => {
            let conf = ResolvConf::parse(bytes);
            let with = ResolvConf::parse(&[&b"nameserver 10.1.2.3\n"[..], bytes].concat());
            assert!(!with.servers.is_empty() && with.servers.len() <= conf.servers.len() + 1);
            for name in ["db", "db.example", "db.example."] {
                assert!(!with.candidates(name).is_empty(), "a name is queried");
            }
            if let Ok(text) = std::str::from_utf8(bytes) {
                let _ = NameServer::parse(text);
            }
        }
        _ => {
            let all = users::parse(&[bytes, &b"\napp:x:65532:65532::/:\n"[..]].concat());
            assert!(all.iter().any(|(id, name)| *id == 65532 && !name.is_empty()));
        }
    }
});
