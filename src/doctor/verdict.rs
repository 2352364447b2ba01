//! What `doctor` says in the end: the findings, or what it looked at and was not asked about.

use super::finding::{Finding, Level, first_of};
use super::network::has_network;
use super::{Case, Request};
use crate::outcome::Fact;
use crate::report::Answer;

/// The most addresses that are named.
const MAX_NAMED: usize = 4;

/// Prints the findings and the verdict.
pub fn print(case: &Case<'_>, request: &Request, answer: &mut Answer) {
    let process = case.process.shown();
    let worst = case.findings.iter().map(|finding| finding.level).min();
    if answer.is_json() {
        let texts =
            |texts: &[&str]| Fact::List(texts.iter().map(|&text| Fact::Text(text.to_owned())).collect());
        answer.document(vec![
            ("verdict", Fact::Text(worst.map_or("in order", Level::name).to_owned())),
            ("findings", Fact::List(case.findings.iter().map(Finding::fact).collect())),
            ("looked_at", texts(&case.looked_at)),
            ("not_asked", texts(&not_asked(case, request).map(|(option, _)| option).collect::<Vec<_>>())),
        ]);
        return;
    }
    for finding in &case.findings {
        finding.print(answer);
    }
    if worst.is_none() {
        return answer.sentence(&in_order(case, request));
    }
    let counts =
        [(Level::Error, "error"), (Level::Warning, "warning"), (Level::Hint, "hint")].map(|(level, word)| {
            let count = case.findings.iter().filter(|finding| finding.level == level).count();
            (count > 0).then(|| format!("{count} {word}{}", if count == 1 { "" } else { "s" }))
        });
    let counts: Vec<String> = counts.into_iter().flatten().collect();
    answer.sentence(&format!("{process}: {}", counts.join(", ")));
}

/// Returns the line for a process without findings: what it does, and which questions remain.
fn in_order(case: &Case<'_>, request: &Request) -> String {
    let mut line = format!("in order: {}", case.process.shown());
    if case.is_fallback || !case.knows_listeners {
        line.push_str(": nothing stands out");
    } else if case.listening.is_empty() {
        line.push_str(", listening on no TCP port");
    } else {
        let addresses = case.listening.iter().map(ToString::to_string).collect();
        line.push_str(", listening on ");
        line.push_str(&first_of(addresses, MAX_NAMED));
    }
    if !case.unread.is_empty() {
        line.push_str("; some checks could not be made");
    }
    let questions: Vec<String> = not_asked(case, request)
        .filter_map(|(option, question)| question.map(|question| format!("{question} (--{option})")))
        .collect();
    if !questions.is_empty() {
        line.push_str("; not asked: ");
        line.push_str(&questions.join(", "));
    }
    line
}

/// Returns the options that were not given and would have made more checks, and of those that
/// concern every service, the question.
fn not_asked(
    case: &Case<'_>,
    request: &Request,
) -> impl Iterator<Item = (&'static str, Option<&'static str>)> {
    // A container without a network asks no name server.
    let asks_servers = cfg!(feature = "remote") && !request.remote && has_network(case);
    let options = [
        ("expect-port", Some("which port is expected"), request.ports.is_empty()),
        ("expect-file", None, request.files.is_empty()),
        ("expect-writable", None, request.writable.is_empty()),
        ("expect-env", None, request.variables.is_empty()),
        ("remote", Some("whether the name servers answer"), asks_servers),
    ];
    options.into_iter().filter(|&(_, _, is_open)| is_open).map(|(option, question, _)| (option, question))
}
