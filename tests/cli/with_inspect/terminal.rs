//! What a person sees on a terminal of a certain width, which script(1) and stty(1) provide.

use std::process::{Command, Stdio};

use crate::support::command::{Ran, binary, output, porthole};
use crate::support::elsewhere::Proc as Mounted;
use crate::support::processes::Sleeper;

/// Runs porthole with these words on a terminal with so many columns; 0 if it reports none.
fn on_terminal(columns: usize, words: &str) -> Ran {
    let command = format!("stty cols {columns}; exec {} {words}", binary());
    let mut script = Command::new("script");
    output(script.args(["-qec", &command, "/dev/null"]).env("NO_COLOR", "1").stdin(Stdio::null()))
}

fn widest(ran: &Ran) -> usize {
    ran.stdout.lines().map(|line| line.chars().count()).max().unwrap_or_default()
}

/// The words, without line breaks and indentation.
fn words(text: &str) -> Vec<&str> {
    text.split_ascii_whitespace().collect()
}

#[test]
fn findings_break_between_words() {
    let sleeper = Sleeper::called("terminal", &[("PORT", "1")]);
    let command = format!("doctor -p {} --expect-file /none/of/this/name", sleeper.pid());
    let whole = porthole(command.split(' ')).run();
    for columns in [40, 80, 120] {
        let ran = on_terminal(columns, &command);
        // A word that is longer than a line stays whole, and so does what goes to stderr.
        let is_broken = |line: &str| {
            line.chars().count() <= columns || words(line).len() == 1 || line.starts_with("porthole: ")
        };
        assert!(ran.stdout.lines().all(is_broken), "{columns}\n{}", ran.story());
        // What else is found may differ from one run to the next.
        for line in whole.stdout.lines().filter(|line| line.contains("/none/of/this/name")) {
            let text = words(&ran.stdout).join(" ");
            assert!(text.contains(&words(line).join(" ")), "{line}\n{}", ran.story());
        }
    }
    assert!(widest(&whole) > 120, "{}", whole.story());
    // `docker exec -it` may not have set the size yet.
    let ran = on_terminal(0, &command);
    assert!((80..=100).contains(&widest(&ran)), "{}", ran.story());
}

#[test]
fn a_source_is_cut_before_a_mount_point_and_after_options() {
    let source = "/var/lib/kubelet/pods/0123/data";
    let mounts = format!("1 0 0:2 / /var/lib/postgresql/data rw,relatime,discard - ext4 {source} rw\n");
    let proc = Mounted::new(&[("mountinfo", mounts.as_bytes())]);
    let command = format!("mounts --proc {}", proc.path());
    let shown = |columns| {
        let ran = on_terminal(columns, &command);
        assert!(widest(&ran) <= columns, "{columns}\n{}", ran.story());
        ran.stdout.replace('\r', "")
    };
    assert!(shown(120).contains("rw,relatime,discard"));
    let ran = shown(80);
    assert!(
        ran.contains(&format!("/var/lib/postgresql/data  ext4  {source}  ")) && ran.contains('…'),
        "{ran}"
    );
    let ran = shown(60);
    assert!(ran.contains("/var/lib/postgresql/data  ext4  /var/") && !ran.contains(source), "{ran}");
    // Nothing is cut that fits.
    let ran = shown(40);
    assert!(
        ran.starts_with("MOUNT           TYPE  SOURCE    OPTIONS\n") && ran.contains("  ext4  "),
        "{ran}"
    );
    let ran = on_terminal(20, &format!("df / --proc {}", proc.path())).stdout;
    assert!(!ran.lines().next().unwrap_or_default().contains('…'), "{ran}");
}
