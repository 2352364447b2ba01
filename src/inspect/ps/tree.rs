//! The order of `ps --tree`, and the lines before each command.

use crate::procfs::all::Seen;

/// The depth to which lines are drawn. A deeper process is indented like its ancestor at this depth.
const MAX_DRAWN_DEPTH: usize = 48;

/// A process of the tree, and what is drawn before it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Branch {
    /// Its position in the list.
    pub at: usize,
    /// `│  └─ `
    pub lines: String,
}

/// Returns the processes, which are sorted by pid, each after its parent. `ranks` has the place of
/// each among its siblings. A process whose parent is not among them is a root. So is the first of those that are their own ancestors, which only a
/// broken proc contains.
pub fn order(all: &[Seen], ranks: &[usize]) -> Vec<Branch> {
    let parent = |at: usize| {
        let seen = all.get(at)?;
        let ppid = seen.stat.as_ref().ok()?.ppid;
        all.binary_search_by_key(&ppid, |seen| seen.pid).ok().filter(|&parent| parent != at)
    };
    // Each process with the position of its parent, so that siblings are adjacent.
    let rank = |at: usize| ranks.get(at).copied().unwrap_or(at);
    let mut children: Vec<(Option<usize>, usize, usize)> =
        (0..all.len()).map(|at| (parent(at), rank(at), at)).collect();
    children.sort_unstable();
    let of = |parent: Option<usize>| {
        let start = children.partition_point(|(of, ..)| *of < parent);
        children.iter().skip(start).take_while(move |(of, ..)| *of == parent).map(|(.., at)| *at)
    };
    let mut seen = vec![false; all.len()];
    let mut out = Vec::with_capacity(all.len());
    let mut roots = of(None).chain(0..all.len());
    // The processes still to come, the next one last: its position, its depth, the lines of its
    // ancestors, and whether it is the last of its siblings.
    let mut next: Vec<(usize, usize, String, bool)> = Vec::new();
    loop {
        let Some((at, depth, above, last)) =
            next.pop().or_else(|| roots.next().map(|at| (at, 0, String::new(), true)))
        else {
            return out;
        };
        match seen.get_mut(at) {
            Some(seen) if !*seen => *seen = true,
            _ => continue,
        }
        let (own, below) = match (depth, last) {
            (0, _) => ("", ""),
            (_, true) => ("└─ ", "   "),
            (_, false) => ("├─ ", "│  "),
        };
        out.push(Branch { at, lines: format!("{above}{own}") });
        let above = if depth < MAX_DRAWN_DEPTH { above + below } else { above };
        let first = next.len();
        next.extend(of(Some(at)).map(|child| (child, depth + 1, above.clone(), false)));
        if let Some(children) = next.get_mut(first..) {
            children.reverse();
            if let Some(last) = children.first_mut() {
                last.3 = true;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::procfs::stat::Stat;

    fn drawn(pids: &[(u32, u32)]) -> String {
        drawn_in_order(pids, &[])
    }

    fn drawn_in_order(pids: &[(u32, u32)], ranks: &[usize]) -> String {
        let seen = |&(pid, ppid): &(u32, u32)| Seen {
            pid,
            uid: Some(0),
            stat: Ok(Stat { ppid, ..Stat::default() }),
            command: Vec::new(),
            cut: false,
        };
        let all: Vec<Seen> = pids.iter().map(seen).collect();
        let line = |branch: &Branch| format!("{}{}", branch.lines, all[branch.at].pid);
        order(&all, ranks).iter().map(line).collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn children_stand_below_their_parents() {
        assert_eq!(
            drawn(&[(1, 0), (2, 0), (5, 1), (6, 5), (7, 1), (8, 5), (9, 6), (10, 4)]),
            "1\n├─ 5\n│  ├─ 6\n│  │  └─ 9\n│  └─ 8\n└─ 7\n2\n10"
        );
    }

    #[test]
    fn siblings_are_in_their_order() {
        let pids = [(1, 0), (2, 0), (5, 1), (6, 1), (7, 6)];
        assert_eq!(drawn_in_order(&pids, &[4, 3, 2, 1, 0]), "2\n1\n├─ 6\n│  └─ 7\n└─ 5");
    }

    #[test]
    fn circles_and_chains_end() {
        assert_eq!(drawn(&[(1, 1), (2, 3), (3, 2), (4, 3)]), "1\n2\n└─ 3\n   └─ 4");
        let chain: Vec<(u32, u32)> = (1..=5000).map(|pid| (pid, pid - 1)).collect();
        let text = drawn(&chain);
        assert_eq!(text.lines().count(), 5000);
        assert!(text.len() < 5000 * 200, "{}", text.len());
    }
}
