//! "Did you mean": which of our words a word was meant to be.

/// The longest word that is compared, in bytes.
const LONGEST: usize = 40;
/// The most words that are named, where several are as near.
const NAMED: usize = 2;

/// `did you mean 'http'?` for the nearest of our words, each between these marks; nothing where none is near.
pub(super) fn did_you_mean(
    word: &str,
    ours: &mut dyn Iterator<Item = &'static str>,
    marks: [&str; 2],
) -> Option<String> {
    let [before, behind] = marks;
    let mut advice = String::new();
    for name in nearest(word, ours) {
        let start = if advice.is_empty() { "did you mean " } else { " or " };
        for part in [start, before, name, behind] {
            advice.push_str(part);
        }
    }
    (!advice.is_empty()).then(|| advice + "?")
}

/// Those that a word with a slip of the fingers may stand for, or that it is the beginning of. Of several, those that are
/// nearest by: the number of slips; being the same letters in another order; beginning with the same one.
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
    // What is begun is meant, unless a single slip leads elsewhere: `proc` for process, but `grp` for grpc.
    let near = if best.is_none_or(|(slips, ..)| slips > 1) && !longer.is_empty() { longer } else { found };
    if near.len() > NAMED { Vec::new() } else { near }
}

/// Whether each letter is in both as often.
fn same_letters(one: &[u8], other: &[u8]) -> bool {
    let count =
        |word: &[u8], letter: u8| -> usize { word.iter().map(|&found| usize::from(found == letter)).sum() };
    one.len() == other.len() && one.iter().all(|&letter| count(one, letter) == count(other, letter))
}

/// How many letters have to be put in, left out, replaced or exchanged with their neighbour ("optimal string alignment").
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
    fn what_was_meant() {
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
            // Three are as near, or none is.
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
