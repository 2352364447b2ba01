//! The images that contain only porthole, as `make image` builds them.

use std::process::Command;

use crate::engine::{self, Image, docker_ok, project, unique};

/// The features of the full build, as its `--version` prints them.
const FULL: &str = "tls, remote, inspect";

#[test]
fn the_images_of_all_flavours_and_their_tags() {
    if !engine::is_there() {
        return;
    }
    let name = unique("built");
    let mut build = Command::new("scripts/image.sh");
    let output = build.args([&name, "--no-cache"]).current_dir(project()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let version = env!("CARGO_PKG_VERSION");
    let [probe, probe_tls] = ["probe", "probe-tls"].map(|flavour| format!("{version}-{flavour}"));
    let tags = ["probe", &probe, "probe-tls", &probe_tls, "latest", version]
        .map(|tag| Image::named(&format!("{name}:{tag}")));
    let printed: Vec<&str> = std::str::from_utf8(&output.stdout).unwrap().lines().collect();
    assert_eq!(printed, tags.each_ref().map(|image| image.0.as_str()));
    let all = "MIT AND Apache-2.0 AND ISC AND BSD-3-Clause";
    let flavours = [("none", "MIT"), ("tls", all), (FULL, all)].map(|flavour| [flavour; 2]);
    for (image, (features, licences)) in tags.iter().zip(flavours.as_flattened()) {
        let printed = docker_ok(&["run", "--rm", "--network", "none", "--read-only", &image.0, "--version"]);
        assert!(printed.starts_with(&format!("porthole {version} (features: {features};")), "{printed}");
        assert_eq!(docker_ok(&["inspect", "-f", "{{.Config.User}}", &image.0]), "65532:65532");
        // The kubelet takes the group from this file.
        let passwd = ["file", "/etc/passwd", "--contains", "nonroot:x:65532:65532:"];
        docker_ok(&[&["run", "--rm", "--network", "none", &image.0][..], &passwd].concat());
        let labels = docker_ok(&["inspect", "-f", "{{json .Config.Labels}}", &image.0]);
        let labels: serde_json::Value = serde_json::from_str(&labels).unwrap();
        let label = |name: &str| &labels[format!("org.opencontainers.image.{name}")];
        assert_eq!((label("version"), label("licenses")), (&version.into(), &(*licences).into()), "{labels}");
        for name in ["title", "description", "revision", "source", "documentation"] {
            assert!(label(name).as_str().is_some_and(|text| !text.is_empty()), "{name}: {labels}");
        }
    }
}
