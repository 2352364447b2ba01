//! Searches four parts of a text in turns. Each step of a DFA needs the state that the last one
//! loaded, so that the processor mostly waits; the steps of other parts fill that time.

use memchr::{memchr, memrchr};
use regex_automata::Input;
use regex_automata::hybrid::LazyStateID;
use regex_automata::hybrid::dfa::{Cache, DFA};

/// How many parts there are.
const LANES: usize = 4;
/// How many bytes a part has at least and at most, but for the rest of its last line.
const LENGTHS: std::ops::RangeInclusive<usize> = 256..=4 << 10;
/// How often the cache may be cleared until it is too small for the states of several parts.
const MAX_CLEARS: usize = 8;

/// What a search in turns found.
pub(super) enum Seen {
    /// No line before this offset, where a line starts, has a match.
    NoMatchBefore(usize),
    /// A match ends at this offset, but another may end before.
    Match(usize),
    /// There is too little text, a line is too long, or the cache of states was cleared.
    Nothing,
}

/// Searches some text from an offset on, where a line starts. No match spans lines.
pub(super) fn search(dfa: &DFA, cache: &mut Cache, text: &[u8], from: usize) -> Seen {
    try_search(dfa, cache, text, from).unwrap_or(Seen::Nothing)
}

fn try_search(dfa: &DFA, cache: &mut Cache, text: &[u8], from: usize) -> Option<Seen> {
    // One part more than there are leaves room for the rest of each last line.
    let length = (text.len().checked_sub(from)? / (LANES + 1)).min(*LENGTHS.end());
    let clears = cache.clear_count();
    if length < *LENGTHS.start() || clears > MAX_CLEARS {
        return None;
    }
    let next_line = |at: usize| Some(at + memchr(b'\n', text.get(at..)?)? + 1);
    let second = next_line(from + length)?;
    let third = next_line(second + length)?;
    let fourth = next_line(third + length)?;
    // All parts have the same length, so that they may overlap.
    let starts = [from, second, third, fourth];
    let length = (second - from).max(third - second).max(fourth - third);
    if length > 2 * LENGTHS.end() {
        return None;
    }
    let part = |start: usize| text.get(start..start + length);
    let bytes = part(from)?.iter().zip(part(second)?).zip(part(third)?).zip(part(fourth)?);
    let mut start = |at| dfa.start_state_forward(cache, &Input::new(text).range(at..)).ok();
    let (mut s1, mut s2, mut s3, mut s4) = (start(from)?, start(second)?, start(third)?, start(fourth)?);
    if cache.clear_count() != clears {
        return None;
    }
    for (index, (((&b1, &b2), &b3), &b4)) in bytes.enumerate() {
        let n1 = dfa.next_state_untagged(cache, s1, b1);
        let n2 = dfa.next_state_untagged(cache, s2, b2);
        let n3 = dfa.next_state_untagged(cache, s3, b3);
        let n4 = dfa.next_state_untagged(cache, s4, b4);
        if !(n1.is_tagged() | n2.is_tagged() | n3.is_tagged() | n4.is_tagged()) {
            (s1, s2, s3, s4) = (n1, n2, n3, n4);
            continue;
        }
        match step(dfa, cache, [s1, s2, s3, s4], [b1, b2, b3, b4])? {
            Step::States(states) => [s1, s2, s3, s4] = states,
            Step::Match(lane) => return Some(Seen::Match(starts.get(lane)? + index)),
        }
    }
    let end = memrchr(b'\n', text.get(..fourth + length)?)? + 1;
    Some(Seen::NoMatchBefore(end))
}

/// What a step leads to.
enum Step {
    /// The states of all parts.
    States([LazyStateID; LANES]),
    /// A match in this part.
    Match(usize),
}

/// Takes a step in each part, and computes the states that are not known yet. `None` if one is
/// neither a match nor can be left, or if the cache was cleared: it has no other states then.
#[cold]
#[inline(never)]
fn step(dfa: &DFA, cache: &mut Cache, states: [LazyStateID; LANES], bytes: [u8; LANES]) -> Option<Step> {
    let clears = cache.clear_count();
    let mut next = states;
    for (lane, (state, byte)) in next.iter_mut().zip(bytes).enumerate() {
        *state = dfa.next_state(cache, *state, byte).ok()?;
        if state.is_match() {
            return Some(Step::Match(lane));
        }
        if state.is_tagged() || cache.clear_count() != clears {
            return None;
        }
    }
    Some(Step::States(next))
}
