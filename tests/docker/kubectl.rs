//! kubectl itself, with a part of the Kubernetes API (api_server.py) in place of a cluster: the
//! commands of the manual, what each profile of `kubectl debug` asks for, and `kubectl cp`.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use serde_json::{Value, json};

use crate::engine::{self, Folder, project};
use crate::kubernetes::{CUSTOM, merged, profiles, python, read};
use crate::skip::skip;

/// The version of the schemas, which is that of kubectl.
const VERSION: &str = "1.37.0";
/// How long the commands of a test may take: kubectl waits for some things without a limit.
const SECONDS: &str = "120";
/// The pages whose commands are tried, and how often they call `kubectl debug` at least: what is not
/// found is not tested.
const PAGES: [(&str, usize); 2] = [("docs/kubernetes.md", 1), ("examples/kubernetes/README.md", 2)];

/// An API server, and the configuration of kubectl that leads to it.
struct Cluster {
    server: Child,
    python: PathBuf,
    folder: Folder,
}

impl Cluster {
    /// Starts a server where `porthole` is this program. If something for it is missing, reports the
    /// test as skipped and returns `None`.
    #[track_caller]
    fn start(porthole: &Path) -> Option<Self> {
        let python = python()?;
        if !python.with_file_name("kubectl").exists() {
            skip("kubectl is not in target/; scripts/need.sh examples installs it");
            return None;
        }
        let mut command = Command::new(&python);
        command.arg(project().join("tests/docker/api_server.py")).arg(VERSION).arg(porthole);
        // It ends when its stdin is closed.
        let mut server = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut port = String::new();
        BufReader::new(server.stdout.take().unwrap()).read_line(&mut port).unwrap();
        let port: u16 = port.trim().parse().unwrap();
        let folder = Folder::new("kubectl");
        let config = json!({"apiVersion": "v1", "kind": "Config", "current-context": "test",
            "clusters": [{"name": "test", "cluster": {"server": format!("http://127.0.0.1:{port}")}}],
            "users": [{"name": "test", "user": {}}],
            "contexts": [{"name": "test", "context": {"cluster": "test", "user": "test"}}]});
        fs::write(folder.0.join("config"), config.to_string()).unwrap();
        Some(Cluster { server, python, folder })
    }

    /// The same, with the pod and the deployment of the example.
    #[track_caller]
    fn with_examples(porthole: &Path) -> Option<Self> {
        let cluster = Cluster::start(porthole)?;
        cluster.succeeds("kubectl apply -f install.yaml -f deployment.yaml");
        Some(cluster)
    }

    /// Runs commands of kubectl in the folder of the example.
    fn shell(&self, script: &str) -> Output {
        let path = format!("{}:{}", self.python.parent().unwrap().display(), std::env::var("PATH").unwrap());
        let mut command = Command::new("timeout");
        command.args([SECONDS, "sh", "-euc", script]).current_dir(project().join("examples/kubernetes"));
        command.env("PATH", path).env("HOME", &self.folder.0).env("KUBECONFIG", self.folder.0.join("config"));
        command.stdin(Stdio::null()).output().unwrap()
    }

    /// Runs commands that succeed; returns what they print, to stdout and then to stderr.
    #[track_caller]
    fn succeeds(&self, script: &str) -> String {
        let output = self.shell(script);
        let printed = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
        assert!(output.status.success(), "{script}\n{printed}");
        printed
    }

    /// Runs a command that fails with exit status 1; returns the same.
    #[track_caller]
    fn fails(&self, script: &str) -> String {
        let output = self.shell(script);
        let printed = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
        assert_eq!(output.status.code(), Some(1), "{script}\n{printed}");
        printed
    }

    /// Returns what the server has.
    #[track_caller]
    fn get(&self, what: &str) -> Value {
        serde_json::from_str(&self.succeeds(&format!("kubectl get {what} -o json"))).unwrap()
    }

    /// Returns the debug containers that the pod has.
    #[track_caller]
    fn debug_containers(&self) -> Vec<Value> {
        self.get("pod shop")["spec"]["ephemeralContainers"].as_array().cloned().unwrap_or_default()
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        drop(self.server.stdin.take());
        let _ = self.server.wait();
    }
}

/// Where no command is to have an effect.
fn nothing() -> &'static Path {
    Path::new("/bin/true")
}

#[test]
fn the_examples_arrive_as_they_are_written() {
    let Some(cluster) = Cluster::with_examples(nothing()) else { return };
    for file in ["install.yaml", "deployment.yaml"] {
        let mut found = cluster.get(&format!("-f {file}"));
        let metadata = found["metadata"].as_object_mut().unwrap();
        metadata.remove("annotations");
        metadata.remove("namespace");
        assert_eq!(found, read(&cluster.python, file), "{file}");
    }
    let misspelt = "sed s/timeoutSeconds/timeout/ install.yaml | kubectl create -f -";
    let printed = cluster.fails(misspelt);
    assert!(printed.contains("('timeout' was unexpected)"), "{printed}");
}

/// What kubectl sends is what the tests of debug containers assume.
#[test]
fn what_each_profile_of_a_debug_container_asks_for() {
    let Some(cluster) = Cluster::with_examples(nothing()) else { return };
    let custom = CUSTOM.map(|file| (file, read(&cluster.python, file)["securityContext"].clone()));
    let mut expected = Vec::new();
    for (profile, security) in profiles() {
        for (file, custom) in &custom {
            expected.push((format!("--profile {profile} --custom {file}"), merged(&security, custom)));
        }
        expected.push((format!("--profile {profile}"), security));
    }
    // The default, and what it was before.
    expected.push((String::new(), profiles()[0].1.clone()));
    expected.push(("--profile legacy".to_owned(), json!({})));
    let command =
        |options| format!("kubectl debug shop --image porthole --target app {options} -- /porthole ps\n");
    let printed = cluster.succeeds(&expected.iter().map(|(options, _)| command(options)).collect::<String>());
    assert!(printed.contains("--profile=legacy is deprecated"), "{printed}");
    let containers = cluster.debug_containers();
    assert_eq!(containers.len(), expected.len());
    for (container, (options, expected)) in containers.iter().zip(expected) {
        // Without any, it is left out.
        let security = container.get("securityContext").cloned().unwrap_or(json!({}));
        assert_eq!(security, expected, "{options}");
        let what = ["image", "targetContainerName", "command"].map(|key| container[key].clone());
        assert_eq!(what, [json!("porthole"), json!("app"), json!(["/porthole", "ps"])], "{options}");
    }
}

/// A pod keeps its debug containers, and their names.
#[test]
fn the_name_of_a_debug_container() {
    let Some(cluster) = Cluster::with_examples(nothing()) else { return };
    let debug =
        |options: &str| format!("kubectl debug shop --image porthole --target app {options} -- /porthole ps");
    cluster.succeeds(&debug("--container look"));
    let printed = cluster.fails(&debug("--container look"));
    assert!(printed.contains(r#"existing ephemeral containers "look" may not be changed"#), "{printed}");
    let printed = cluster.succeeds(&debug(""));
    let containers = cluster.debug_containers();
    let [_, second] = &containers[..] else { panic!("{containers:#?}") };
    let name = second["name"].as_str().unwrap();
    assert!(printed.contains(&format!("Defaulting debug container name to {name}.\n")), "{printed}");
}

/// The commands of a page, with the name of the pod filled in.
fn commands(page: &str) -> String {
    let text = fs::read_to_string(project().join(page)).unwrap();
    let blocks = text.split("```sh\n").skip(1).map(|block| block.split("```").next().unwrap());
    blocks.collect::<String>().replace("POD", "shop")
}

#[test]
fn the_commands_of_the_manual() {
    for (page, min_debugs) in PAGES {
        let Some(cluster) = Cluster::with_examples(nothing()) else { return };
        let commands = commands(page);
        let debugs = commands.matches("kubectl debug ").count();
        assert!(debugs >= min_debugs, "{page}: {commands}");
        // A command that ends at once may be gone before kubectl is attached to it.
        assert!(!commands.contains(" -it "), "{page}: {commands}");
        let printed = cluster.succeeds(&commands);
        let containers = cluster.debug_containers();
        assert_eq!(containers.len(), debugs, "{page}");
        for container in containers {
            assert_eq!(container["targetContainerName"], "app", "{page}: {container}");
            let log = format!("what {} printed\n", container["name"].as_str().unwrap());
            assert!(printed.contains(&log), "{page}: {printed}");
        }
    }
}

/// A build without inspections says how to run them beside its container.
#[test]
fn the_commands_that_porthole_prints() {
    let Some(probe) = built("porthole-probe") else { return };
    let Some(cluster) = Cluster::with_examples(nothing()) else { return };
    let output =
        Command::new(probe).arg("doctor").env("KUBERNETES_SERVICE_HOST", "10.0.0.1").output().unwrap();
    let hint = String::from_utf8(output.stderr).unwrap();
    let (_, commands) = hint.split_once("run it beside this container: ").unwrap();
    let (debug, rest) = commands.split_once("; then ").unwrap();
    let (logs, _) = rest.split_once(", the name").unwrap();
    // In place of the name of this machine, which in a pod is that of the pod.
    let fill_in = |command: &str| {
        let mut words: Vec<&str> = command.split(' ').collect();
        words[2] = "shop";
        words.join(" ").replace("CONTAINER", "app")
    };
    cluster.succeeds(&fill_in(debug));
    let containers = cluster.debug_containers();
    let [container] = &containers[..] else { panic!("{containers:#?}") };
    assert_eq!(
        (&container["command"], &container["targetContainerName"]),
        (&json!(["/porthole", "doctor"]), &json!("app"))
    );
    let name = container["name"].as_str().unwrap();
    let printed = cluster.succeeds(&fill_in(logs).replace("NAME", name));
    assert_eq!(printed, format!("what {name} printed\n"));
}

/// Returns the path of a static binary. If it is missing, reports the test as skipped and returns
/// `None`.
fn built(name: &str) -> Option<PathBuf> {
    let binary = engine::binary(name);
    if !binary.exists() {
        skip("no static binaries; make test builds them");
        return None;
    }
    Some(binary)
}

/// porthole is the `tar` of the container.
#[test]
fn files_are_copied_out_of_a_container() {
    let Some(porthole) = built("porthole") else { return };
    let Some(cluster) = Cluster::with_examples(&porthole) else { return };
    let (source, destination) = (cluster.folder.0.join("source"), cluster.folder.0.join("destination"));
    fs::create_dir_all(source.join("app")).unwrap();
    let config = source.join("app/config.yaml");
    fs::write(&config, "port: 8080\n").unwrap();
    fs::set_permissions(&config, fs::Permissions::from_mode(0o600)).unwrap();
    symlink("config.yaml", source.join("app/link")).unwrap();
    // One with a hole, between random bytes.
    let mut random = vec![0; 100_000];
    fs::File::open("/dev/urandom").unwrap().read_exact(&mut random).unwrap();
    let mut large = fs::File::create(source.join("app/large")).unwrap();
    large.write_all(&random).unwrap();
    large.seek(SeekFrom::Start(5 << 20)).unwrap();
    large.write_all(&random).unwrap();
    drop(large);
    let copy = |from: &Path, options: &str| {
        format!("kubectl cp {options} -c app shop:{} {}", from.display(), destination.display())
    };
    let printed = cluster.succeeds(&copy(&source, ""));
    let warning = format!("warning: skipping symlink: \"{}\"", destination.join("app/link").display());
    assert!(printed.contains(&warning), "{printed}");
    for name in ["config.yaml", "large"] {
        let [sent, received] =
            [&source, &destination].map(|folder| fs::read(folder.join("app").join(name)).unwrap());
        assert!(sent == received, "{name}");
    }
    assert!(!destination.join("app/link").exists());
    fs::remove_dir_all(&destination).unwrap();
    // Nothing can be read: kubectl fails, and shows why.
    let gone = source.join("gone");
    let printed = cluster.fails(&copy(&gone, ""));
    assert!(
        printed.contains(&format!("porthole: tar: {}: no such file or directory\n", gone.display())),
        "{printed}"
    );
    assert!(!destination.exists());
    let printed = cluster.fails(&copy(&source, "--retries 1"));
    assert!(printed.contains(r#"exec: "sh": executable file not found"#), "{printed}");
}
