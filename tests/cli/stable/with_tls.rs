//! `tls`.

use super::{Pair, assert_alike, drip, mysql, smtp};
use crate::support::server::{Step, send};

#[test]
fn failures_of_tls_are_worded_alike() {
    let hello = || Step::Until(b"\x16\x03\x01");
    // The beginning of a record that never ends.
    let record: &[u8] = b"\x16\x03\x03\0\x4a\x02\0\0\x46\x03\x03";
    let rows: Vec<(Pair, &str)> = vec![
        ([vec![Step::Hold], vec![hello(), Step::Hold]], "during the TLS handshake\n"),
        ([vec![hello(), drip(record, 70)], vec![hello(), drip(record, 170)]], "during the TLS handshake\n"),
        (
            [vec![hello(), send("hm\n"), Step::Hold], vec![hello(), send("hm\n")]],
            "not TLS; received: hm\\n\n",
        ),
        (
            [vec![hello(), send("SSH-2.0-x\r\n"), Step::Hold], vec![send("SSH-2.0-x\r\n"), Step::Hold]],
            "speaks SSH",
        ),
        (
            [vec![hello(), send(record)], vec![send(record), Step::Reset]],
            "the server closed the connection during the TLS handshake\n",
        ),
        (
            [vec![hello(), send("hm\n")], vec![send("hm\n"), Step::Reset]],
            "the response is not TLS; received: hm\\n\n",
        ),
        ([vec![hello(), mysql(1)], vec![mysql(2), Step::Hold]], "the port speaks MySQL, not TLS\n"),
        ([vec![hello(), smtp(1)], vec![smtp(2), Step::Hold]], "the port speaks SMTP or FTP, not TLS\n"),
    ];
    for (pair, part) in rows {
        assert_alike("tls", "", &["-k"], pair, part);
    }
}
