//! Secrets in the TLS options.

use super::secret_file;
use crate::support::command::porthole;

#[test]
fn a_path_that_contains_a_secret_is_redacted() {
    let key = "-----BEGIN PRIVATE KEY-----\nMIGHAgEAMBMGByqGSM49\n-----END PRIVATE KEY-----";
    let (folder, s) = secret_file(key);
    for option in ["--client-cert", "--ca-file"] {
        let arguments = ["http", "https://localhost:1/", option, &s];
        porthole(arguments).refused(&format!("http: {option}: {s}: no such file or directory"));
    }
    for arguments in [&["http", "https://localhost:1/"][..], &["tls", ":1"], &["grpc", ":1", "--tls"]] {
        let check = arguments[0];
        porthole(arguments.iter().chain(&["--ca-file", "${API_KEY}"]))
            .env("API_KEY", "hunter2")
            .refused(&format!("{check}: --ca-file: ${{API_KEY}}: no such file or directory"));
        // A secret that is too short to be searched for in a message.
        porthole(arguments.iter().chain(&["--client-cert", "/x/${API_KEY}"]))
            .env("API_KEY", "abc")
            .refused(&format!("{check}: --client-cert: /x/${{API_KEY}}: no such file or directory"));
        porthole(arguments.iter().chain(&["--ca-file", "${CA}/s"])).env("CA", &folder).refused(&format!(
            "{check}: --ca-file: {}/s: contains PEM, but no certificate",
            folder.display()
        ));
        porthole(arguments.iter().chain(&["--ca-file", ""]))
            .refused(&format!("{check}: --ca-file: expected the path of a file, got ''"));
    }
    std::fs::remove_dir_all(folder).unwrap();
}
