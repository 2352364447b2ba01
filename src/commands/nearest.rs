//! "Did you mean": the words of ours that are nearest to a word.

/// The length limit of a word that is compared, in bytes.
const LONGEST: usize = 40;
/// The number of equally near words above which none is suggested.
const NAMED: usize = 2;

/// Returns `did you mean 'http'?` for the nearest of our words, each between these marks; `None` if
/// none is near.
pub(super) fn did_you_mean(
    word: &str,
    ours: &mut dyn Iterator<Item = &'static str>,
    marks: [&str; 2],
) -> Option<String> {
    let [before, after] = marks;
    let mut advice = String::new();
    for name in nearest(word, ours) {
        let start = if advice.is_empty() { "did you mean " } else { " or " };
        for part in [start, before, name, after] {
            advice.push_str(part);
        }
    }
    (!advice.is_empty()).then(|| advice + "?")
}

/// Returns the words that may be meant by a mistyped or abbreviated word. Of several, the nearest
/// ones are chosen by: the number of slips; the same letters in another order; the same first
/// letter.
fn nearest(word: &str, ours: &mut dyn Iterator<Item = &'static str>) -> Vec<&'static str> {
    if !(2..=LONGEST).contains(&word.len()) {
        return Vec::new();
    }
    let word = word.to_ascii_lowercase();
    let word = word.as_bytes();
    let mut best = None;
    let (mut found, mut longer) = (Vec::new(), Vec::new());
    for name in ours {
        if word.len() > 2 && name.as_bytes().starts_with(word) {
            longer.push(name);
        }
        let slips = distance(word, name.as_bytes());
        if slips > (word.len().max(name.len()) / 3).max(1) {
            continue;
        }
        let rank = (slips, !same_letters(word, name.as_bytes()), word.first() != name.as_bytes().first());
        if best.is_none_or(|best| rank < best) {
            best = Some(rank);
            found.clear();
        }
        if best == Some(rank) && !found.contains(&name) {
            found.push(name);
        }
    }
    // An abbreviation comes first, unless a single slip explains the word: `proc` is process, but
    // `grp` is grpc.
    let near = if best.is_none_or(|(slips, ..)| slips > 1) && !longer.is_empty() { longer } else { found };
    if near.len() > NAMED { Vec::new() } else { near }
}

/// Whether both words have the same letters, each as often.
fn same_letters(one: &[u8], other: &[u8]) -> bool {
    let count =
        |word: &[u8], letter: u8| -> usize { word.iter().map(|&found| usize::from(found == letter)).sum() };
    one.len() == other.len() && one.iter().all(|&letter| count(one, letter) == count(other, letter))
}

/// The number of insertions, deletions, replacements and swaps of neighbours that lead from one
/// word to the other ("optimal string alignment").
fn distance(from: &[u8], to: &[u8]) -> usize {
    let mut rows = [Vec::new(), Vec::new(), (0..=to.len()).collect::<Vec<usize>>()];
    let cost = |row: &[usize], at: usize| row.get(at).copied().unwrap_or(LONGEST);
    for (at, letter) in from.iter().enumerate() {
        let [_, before, last] = rows;
        let mut row = vec![at + 1];
        for (column, other) in to.iter().enumerate() {
            let is_other = usize::from(letter != other);
            let mut slips =
                (cost(&last, column) + is_other).min(cost(&last, column + 1) + 1).min(cost(&row, column) + 1);
            let is_exchanged =
                at > 0 && column > 0 && from.get(at - 1) == Some(other) && to.get(column - 1) == Some(letter);
            if is_exchanged {
                slips = slips.min(cost(&before, column - 1) + 1);
            }
            row.push(slips);
        }
        rows = [before, last, row];
    }
    let [_, _, last] = rows;
    last.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances() {
        for (from, to, slips) in [
            ("http", "http", 0),
            ("htp", "http", 1),
            ("htpp", "http", 1),
            ("hhttp", "http", 1),
            ("thtp", "http", 1),
            ("conatins", "contains", 1),
            ("", "abc", 3),
            ("abc", "", 3),
            ("kitten", "sitting", 3),
        ] {
            assert_eq!(distance(from.as_bytes(), to.as_bytes()), slips, "{from} {to}");
        }
    }

    #[test]
    fn the_nearest_words() {
        let ours = ["http", "tcp", "grpc", "process", "postgres", "ps", "ls", "ss", "head", "grep", "tail"];
        for (word, meant) in [
            ("htp", &["http"][..]),
            ("HTTP", &["http"]),
            ("tpc", &["tcp"]),
            ("sl", &["ls"]),
            ("pss", &["ps"]),
            ("proc", &["process"]),
            ("grp", &["grpc", "grep"]),
            ("postgers", &["postgres"]),
            ("postgresql", &["postgres"]),
            ("tial", &["tail"]),
            // Three words are equally near, or none is.
            ("xs", &[]),
            ("p", &[]),
            ("", &[]),
            ("nope", &[]),
            ("explain", &[]),
        ] {
            assert_eq!(nearest(word, &mut ours.into_iter()), meant, "{word}");
        }
        assert!(nearest(&"http".repeat(1000), &mut ours.into_iter()).is_empty());
        assert_eq!(
            did_you_mean("grp", &mut ours.into_iter(), ["'", "'"]).unwrap(),
            "did you mean 'grpc' or 'grep'?"
        );
    }
}
