//! The images of porthole alone, as `make image` makes them.

use std::process::Command;

use crate::engine::{self, Image, docker_ok, project, unique};

/// The features of the full build, by its own word.
const FULL: &str = "tls, remote, inspect";

#[test]
fn the_images_of_both_flavours_and_their_tags() {
    if !engine::is_there() {
        return;
    }
    let name = unique("made");
    let mut make = Command::new("scripts/image.sh");
    let output = make.args([&name, "--no-cache"]).current_dir(project()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let version = env!("CARGO_PKG_VERSION");
    let tags = ["latest", version, "probe", &format!("{version}-probe")]
        .map(|tag| Image::named(&format!("{name}:{tag}")));
    let printed: Vec<&str> = std::str::from_utf8(&output.stdout).unwrap().lines().collect();
    assert_eq!(printed, tags.each_ref().map(|image| image.0.as_str()));
    for (image, features) in tags.iter().zip([FULL, FULL, "none", "none"]) {
        let said = docker_ok(&["run", "--rm", "--network", "none", "--read-only", &image.0, "--version"]);
        assert!(said.starts_with(&format!("porthole {version} (features: {features};")), "{said}");
        let format = "{{.Config.User}} {{index .Config.Labels \"org.opencontainers.image.version\"}}";
        assert_eq!(docker_ok(&["inspect", "-f", format, &image.0]), format!("65532:65532 {version}"));
    }
}
