//! The programs whose cost is counted, each with what it may cost at most. A new check needs one
//! more row here.

use super::Costs;
use super::server::{NEEDLE, Request, Server};

/// The files in `target/static`.
const PROBE: &str = "porthole-probe";
const PROBE_TLS: &str = "porthole-probe-tls";
const FULL: &str = "porthole";

/// The maximum size of each of them, in bytes.
///
/// The probe's is to be 512 KiB and the full build's 1792 KiB, which they no longer hold with all
/// checks and commands in them: ureq and clap are a third of the probe's code. docs/build.md.
pub const MAX_SIZES: [(&str, u64); 3] = [(PROBE, 560 << 10), (PROBE_TLS, 1280 << 10), (FULL, 1856 << 10)];

/// What a process may cost at most, in KiB of memory, to be a check.
const SMALL: Option<u64> = Some(2047);

/// A program that makes a check, or one that users would run instead.
pub struct Row {
    pub name: &'static str,
    /// A file in `target/static`, or a program in `PATH`.
    pub program: &'static str,
    pub arguments: Vec<String>,
    /// What the server must have received from each run.
    pub request: Request,
    /// What it may cost at most.
    pub at_most: Costs,
}

/// A check that reads a response: its cost grows with the number of bytes.
pub struct PerByte {
    pub name: &'static str,
    /// See [`Row::program`].
    pub program: &'static str,
    /// The arguments for a short response.
    pub short: Vec<String>,
    /// Those for a response that is longer by [`MORE_BYTES`](super::server::MORE_BYTES).
    pub long: Vec<String>,
    /// How many instructions each further byte may cost.
    pub at_most: f64,
}

impl Row {
    fn new(name: &'static str, program: &'static str, arguments: &[&str], request: Request) -> Self {
        let arguments = arguments.iter().map(|&argument| argument.to_owned()).collect();
        Row { name, program, arguments, request, at_most: Costs::default() }
    }

    /// Adds the bounds, which are those of x86-64.
    fn at_most(self, at_most: Costs) -> Self {
        if cfg!(target_arch = "x86_64") { Row { at_most, ..self } } else { self }
    }
}

/// Returns the rows: first the empty program, which the others are compared with.
pub fn rows(server: &Server) -> Vec<Row> {
    let url = format!("http://{}/", server.http());
    let address = server.http().to_string();
    let port = server.http().port().to_string();
    let (grpc, redis) = (server.grpc().to_string(), server.redis().to_string());
    let path = server.path().display().to_string();
    // A file that every machine has.
    let file = ["file", "/etc/passwd"];
    let mut rows = vec![
        Row::new("nothing but exit", "floor", &[], Request::None),
        Row::new("porthole-probe http", PROBE, &["http", &url], Request::Http).at_most(Costs {
            instructions: Some(115_000),
            faults: Some(24),
            // Two of them install the sandbox, and one looks whether stdout has room.
            calls: Some(23),
            peak: SMALL,
        }),
        Row::new("porthole http", FULL, &["http", &url], Request::Http).at_most(Costs {
            instructions: Some(122_000),
            faults: Some(31),
            calls: None,
            peak: SMALL,
        }),
        Row::new("porthole-probe tcp", PROBE, &["tcp", &address], Request::Connection).at_most(Costs {
            instructions: Some(48_000),
            faults: Some(19),
            ..Costs::default()
        }),
        Row::new("porthole tcp", FULL, &["tcp", &address], Request::Connection),
        Row::new("porthole-probe unix", PROBE, &["unix", &path], Request::Connection),
        Row::new("porthole-probe file", PROBE, &file, Request::None).at_most(Costs {
            instructions: Some(55_000),
            faults: Some(22),
            calls: Some(20),
            peak: None,
        }),
        Row::new("porthole-probe redis", PROBE, &["redis", &redis], Request::Redis).at_most(Costs {
            instructions: Some(55_000),
            faults: Some(22),
            ..Costs::default()
        }),
        Row::new("porthole-probe grpc", PROBE, &["grpc", &grpc], Request::Grpc),
        Row::new("porthole-probe listen", PROBE, &["listen", &port], Request::None),
        Row::new("busybox wget", "busybox", &["wget", "-q", "-O", "/dev/null", &url], Request::Http),
        Row::new("curl", "curl", &["-s", "-o", "/dev/null", "-f", &url], Request::Http),
    ];
    if let Some(tls) = server.tls() {
        let url = format!("https://{}/", tls.address);
        let trust = tls.certificate.to_string_lossy();
        let https = ["http", &url, "--ca-file", &trust];
        rows.push(
            Row::new("porthole https", FULL, &https, Request::Http)
                .at_most(Costs { faults: Some(55), ..Costs::default() }),
        );
        let curl = ["-s", "-o", "/dev/null", "-f", "--cacert", &trust, &url];
        rows.push(Row::new("curl https", "curl", &curl, Request::Http));
    }
    rows
}

/// Returns the rows whose cost depends on the response.
pub fn per_byte(server: &Server) -> Vec<PerByte> {
    let arguments = |path: &str| {
        let url = format!("http://{}{path}", server.http());
        ["http", &url, "--contains", NEEDLE, "--max-body", "2M"].map(str::to_owned).to_vec()
    };
    let row = |name, program| PerByte {
        name,
        program,
        short: arguments("/short"),
        long: arguments("/long"),
        at_most: 4.0,
    };
    vec![row("porthole-probe http --contains", PROBE), row("porthole http --contains", FULL)]
}
