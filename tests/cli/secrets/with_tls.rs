//! Secrets in the options of TLS.

use super::secret_file;
use crate::support::command::porthole;

#[test]
fn a_file_of_the_tls_options_that_is_named_by_a_secret_is_not_shown() {
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
        // Too short to be looked for in a message.
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
