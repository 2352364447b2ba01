//! Options of curl and wget.

use crate::args::Hint::{LeaveOut, Say, Use};
use crate::args::{Foreign, Row};
use crate::check::foreign::{PORT, TLS, WHOLE};

pub(super) const FOREIGN: Foreign = Foreign { rows: &[ROWS, TLS], value };

const ROWS: &[Row] = &[
    (&["--unix-socket"], Use("--unix PATH")),
    (&["-m", "--max-time", "--connect-timeout", "-T"], WHOLE),
    (&["-L", "--location", "--max-redirs", "--max-redirect"], Use("--follow N")),
    (&["-I", "--head"], Use("--method HEAD")),
    (&["--request"], Use("--method M")),
    (&["-u", "--http-user"], Use("--user NAME:PASSWORD")),
    (&["--post-data", "--data-raw", "--data-binary", "-F", "--form"], Use("--data TEXT")),
    (&["--data-urlencode"], Use("--data TEXT, which is sent as it is")),
    (&["-A", "-U", "--user-agent"], Use("--header 'User-Agent: TEXT'")),
    (&["-b", "--cookie"], Use("--header 'Cookie: NAME=VALUE'")),
    (&["--resolve", "--connect-to"], Use("--connect HOST:PORT")),
    (&["--retry", "--tries", "--retry-max-time"], Use("--wait DUR")),
    (&["--retry-delay", "--waitretry"], Use("--every DUR")),
    (&["--retry-connrefused", "--retry-all-errors"], LeaveOut("--wait tries again after any failure")),
    (
        &["-f", "-S", "--fail", "--fail-with-body", "--show-error", "--silent"],
        LeaveOut("an error status is unhealthy by default, and curl's -f, -s and -S are not needed"),
    ),
    (
        &["--spider", "-o", "-O", "--output", "--output-document"],
        LeaveOut("the body is printed only with --show, and never written to a file"),
    ),
    (&["-w", "--write-out"], LeaveOut("the verdict includes the status; --json prints more")),
    (&["-i", "--include", "--server-response"], Use("--show head")),
    (&["-nv", "--no-verbose"], LeaveOut("the verdict is one line; -q prints none when healthy")),
    (&["--compressed"], LeaveOut("the body is requested without compression")),
    (&["-x", "--proxy", "--noproxy", "--no-proxy"], LeaveOut("no proxy is ever used")),
    (&["--http1.1"], LeaveOut("the check uses it, unless --http2 is given")),
    (&["--http2-prior-knowledge", "--h2", "--h2c"], Use("--http2")),
    (&["--haproxy-protocol"], Use("--proxy-protocol 1")),
    (&["--tls", "--ssl", "--https"], Say("write an https:// URL")),
    (&["--websocket", "--ws"], Say("write a ws:// URL")),
    (&["--expect-status", "--code"], Use("--status LIST")),
    (&["--expect-body", "--grep", "--body"], Use("--contains TEXT")),
    (&["-G", "--get"], Say("write the query into the URL")),
    (&["-p", "-P", "--port"], PORT),
    (
        &["-4", "-6", "--ipv4", "--ipv6", "--inet4-only", "--inet6-only"],
        Say("write an address instead of the host name: 127.0.0.1 or [::1]"),
    ),
    (&["tcp://"], Say("use porthole tcp HOST:PORT")),
];

/// `-s` takes a value here, but not in curl.
fn value(name: &str, value: &[u8]) -> Option<String> {
    let is_list = value.first().is_none_or(u8::is_ascii_digit);
    (name == "status" && !is_list)
        .then(|| "-s is --status here and takes a value; curl's -s is not needed".to_owned())
}
