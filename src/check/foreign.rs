//! Options of other programs that several checks recognize: see [`Foreign`](crate::args::Foreign).

use crate::args::Hint::{self, Example, LeaveOut, Say, Use};
use crate::args::{Foreign, Row};

pub(super) const WHOLE: Hint = Use("-t DUR, which limits the whole check");
pub(super) const PORT: Hint = Say("write the port into the target: HOST:PORT");
pub(super) const TARGET: Hint = Say("write HOST:PORT as the target");

/// Options of curl, wget, openssl and other clients.
pub(super) const TLS: &[Row] = &[
    (&["--cacert", "--ca-certificate", "--cafile", "--tlsCAFile"], Use("--ca-file PATH")),
    (&["-E", "--cert", "--certificate"], Use("--client-cert PATH")),
    (&["--key", "--private-key"], Use("--client-key PATH")),
    (&["--no-check-certificate"], Use("--insecure")),
    (&["--sni", "-servername"], Use("--server-name NAME")),
    #[cfg(feature = "tls")]
    (&["--capath", "--ca-directory"], Say("set the variable SSL_CERT_DIR")),
    #[cfg(feature = "tls")]
    (&["-connect"], TARGET),
];

/// Options of nc.
pub(super) const STREAM: &[Row] = &[
    (&["-z", "-n"], LeaveOut("it is not needed here")),
    (&["-w"], WHOLE),
    (&["-u"], Say("for UDP use porthole listen PORT --udp")),
    (&["-U"], Say("for a Unix socket use porthole unix PATH")),
    (&["http://", "https://"], Say("use porthole http URL")),
];

/// The words of the checks of servers.
pub(super) const SERVER: Foreign = Foreign::rows(&[CLIENT, TLS]);

/// Options of pg_isready, mysqladmin, redis-cli, mongosh, nats, mosquitto_sub and Kafka's programs.
pub(super) const CLIENT: &[Row] = &[
    (&["--host", "--bootstrap-server", "--broker-list", "-b", "--server"], Example),
    (&["-p", "-P", "--port"], PORT),
    (&["-S", "-s", "--socket"], Say("write the socket's path as the target")),
    (
        &["-U", "-u", "-a", "-d", "-n", "--user", "--username", "--password", "--dbname"],
        LeaveOut("the check does not log in"),
    ),
    (&["--connect-timeout", "-W"], WHOLE),
    (&["ping", "--eval", "--list", "-L"], LeaveOut("the check needs no command")),
    (&["http://", "https://"], Say("use porthole http URL")),
    (
        &[
            "redis://",
            "rediss://",
            "postgres://",
            "postgresql://",
            "mysql://",
            "amqp://",
            "amqps://",
            "memcached://",
            "mongodb://",
            "kafka://",
            "nats://",
            "tls://",
            "mqtt://",
            "mqtts://",
        ],
        Say("write only the HOST:PORT of the URL"),
    ),
];
