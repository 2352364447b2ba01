//! URLs, hosts and ports, and where redirects lead: what was parsed is printed so that it can be
//! parsed again, and what is printed has no user info.
#![no_main]

use libfuzzer_sys::fuzz_target;
use porthole::net::target::{Host, HostPort, SocketPath};
use porthole::net::url::{Url, percent_decoded};

fuzz_target!(|input: (String, String)| {
    let (text, location) = input;
    if let Ok(url) = Url::parse(&text) {
        let shown = url.to_string();
        let again = Url::parse(&shown).unwrap_or_else(|why| panic!("{text:?} is shown as {shown:?}: {why}"));
        assert_eq!(again.to_string(), shown, "{text:?}");
        assert_eq!((&again.place, &again.path, again.tls), (&url.place, &url.path, url.tls), "{text:?}");
        assert!(again.user_info.is_none(), "{text:?} is shown as {shown:?}");
        assert!(
            !shown.contains([' ', '\r', '\n']) && !url.host_header().contains(['\r', '\n', ' ']),
            "{shown:?}"
        );
        if let Ok(next) = url.join(&location) {
            Url::parse(&next.to_string())
                .unwrap_or_else(|why| panic!("{text:?}, {location:?}: {next} {why}"));
        }
    }
    if let Ok(place) = HostPort::parse(&text) {
        assert!(place.port > 0);
        let shown = place.to_string();
        assert_eq!(HostPort::parse(&shown).as_ref(), Ok(&place), "{text:?} is shown as {shown:?}");
    }
    if let Ok(host) = Host::parse(&text) {
        assert_eq!(Host::parse(&host.to_string()).as_ref(), Ok(&host), "{text:?}");
    }
    let _ = SocketPath::parse(text.clone().into()).map(|path| path.shown());
    assert!(percent_decoded(text.as_bytes()).len() <= text.len());
});
