//! Which of several containers of a pod is examined.

use super::finding::{Finding, Level, first_of};
use super::{Case, Request};
use crate::text::{Shown as _, decode};
use crate::view::target::Choice;

/// The most containers that are named.
const MAX_CONTAINERS: usize = 20;

pub(super) fn diagnose(case: &mut Case<'_>, _: &Request) {
    let Choice::Application(containers) = &case.target.choice else { return };
    if containers.is_empty() {
        return;
    }
    let shown = |(pid, name): &(u32, Vec<u8>)| format!("{pid} ({})", decode(name));
    let named = first_of(containers.iter().map(shown).collect(), MAX_CONTAINERS);
    let what = format!(
        "the pod has {} containers, or someone ran exec in it; this one started first, porthole doctor -p PID examines another",
        containers.len()
    );
    let finding = Finding::new(Level::Hint, what).seen(case.target.proc.shown(), format!("pid {named}"));
    case.add(finding);
}
