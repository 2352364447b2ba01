//! Sockets as sock_diag(7) shows them: its modules are loaded.

use std::net::{TcpListener, UdpSocket};
use std::os::unix::net::UnixListener;

use serde_json::json;

use crate::guest::document;
use crate::proc_options::{SUBSET, opens_tables_of_subset, with_proc};
use crate::support::command::porthole;
use crate::support::server::folder;

#[test]
fn a_wildcard_of_ipv6_accepts_ipv4() {
    let listener = TcpListener::bind("[::]:0").unwrap();
    let port = listener.local_addr().unwrap().port().to_string();
    let ran = porthole(["listen", &port, "--address", "127.0.0.1"]).run();
    assert_eq!(ran.status, Some(0), "{}", ran.story());
}

/// The kernel answers for TCP and UDP; of Unix sockets it tells only which file each has.
#[test]
fn with_subset_pid_only_the_table_of_unix_sockets_is_missing() {
    let opens = opens_tables_of_subset();
    let tcp = TcpListener::bind("127.0.0.1:0").unwrap();
    let udp = UdpSocket::bind("127.0.0.1:0").unwrap();
    let path = folder().join("socket");
    let _unix = UnixListener::bind(&path).unwrap();
    let path = path.to_str().unwrap();
    let (tcp, udp) = (tcp.local_addr().unwrap(), udp.local_addr().unwrap());
    let (tcp_port, udp_port) = (tcp.port().to_string(), udp.port().to_string());
    let own = std::process::id().to_string();
    with_proc("subset=pid", || {
        for arguments in [&["listen", &tcp_port][..], &["listen", "--udp", &udp_port], &["listen", path]] {
            let ran = porthole(arguments.iter().copied()).run();
            assert_eq!((ran.status, ran.stderr.as_str()), (Some(0), ""), "{}", ran.story());
        }
        let has = |list: &serde_json::Value, protocol: &str, local: &str| {
            let list = list["sockets"].as_array().unwrap();
            list.iter().any(|socket| socket["protocol"] == protocol && socket["local"] == local)
        };
        for options in [&["ss"][..], &["ss", "-a"]] {
            let sockets = document(0, options);
            assert!(
                has(&sockets, "tcp", &tcp.to_string()) && has(&sockets, "udp", &udp.to_string()),
                "{sockets}"
            );
            assert_eq!(sockets["errors"], json!([]));
        }
        let sockets = document(i32::from(!opens), &["ss", "-t", "-u", "-x"]);
        assert!(
            has(&sockets, "tcp", &tcp.to_string()) && has(&sockets, "udp", &udp.to_string()),
            "{sockets}"
        );
        assert_eq!(has(&sockets, "unix", path), opens, "{sockets}");
        let pid = &sockets["pid"];
        let lacks = format!("/proc/{pid}/net/unix: {SUBSET}; sockets are missing");
        assert_eq!(sockets["errors"], if opens { json!([]) } else { json!([lacks]) });

        let files = document(0, &["lsof", "-p", &own]);
        let shown = |name: &str| files["files"].as_array().unwrap().iter().any(|file| file["name"] == name);
        assert!(shown(&format!("TCP {tcp} (LISTEN)")) && shown(&format!("UDP {udp}")), "{files}");
        let lacks = format!("the addresses of sockets are missing: /proc/{own}/net/unix: {SUBSET}");
        assert_eq!(files["errors"], if opens { json!([]) } else { json!([lacks]) });

        let ran = porthole(["doctor", "-p", &own, "--expect-port", &tcp_port]).run();
        let reach = format!("TCP port {tcp_port} is bound to loopback addresses only");
        assert!(ran.stdout.contains(&reach), "{}", ran.story());
        let lacks = format!("not checked: /proc/{own}/net/unix: {SUBSET}");
        assert_eq!(ran.stderr.contains(&lacks), !opens, "{}", ran.story());
    });
}
