//! The processes of the application: the examined one and its descendants.

use crate::procfs::all::Seen;

/// Returns this process and its descendants, in order of pid within each generation.
pub fn family(all: &[Seen], pid: u32) -> Vec<u32> {
    let parents = all.iter().filter_map(|seen| Some((seen.stat.as_ref().ok()?.ppid, seen.pid)));
    let mut parents: Vec<(u32, u32)> = parents.filter(|&(_, child)| child != pid).collect();
    parents.sort_unstable();
    let mut found = vec![pid];
    let mut at = 0;
    // The parents in a fabricated proc may form a circle; each process has one parent, so that the
    // list never becomes longer than that of all processes.
    while let Some(&parent) = found.get(at) {
        at += 1;
        let from = parents.partition_point(|&(ppid, _)| ppid < parent);
        let children = parents.get(from..).unwrap_or_default();
        found.extend(children.iter().take_while(|&&(ppid, _)| ppid == parent).map(|&(_, child)| child));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::procfs::stat::Stat;

    #[test]
    fn descendants_by_generation() {
        let seen = |(pid, ppid): (u32, u32)| {
            let stat = Ok(Stat { ppid, ..Stat::default() });
            Seen { pid, uid: None, stat, command: Vec::new(), cut: false }
        };
        let of =
            |pairs: &[(u32, u32)], pid| family(&pairs.iter().copied().map(seen).collect::<Vec<_>>(), pid);
        assert_eq!(of(&[(1, 0), (7, 1), (8, 7), (9, 1), (10, 8), (11, 7)], 7), [7, 8, 11, 10]);
        assert_eq!(of(&[(1, 1), (2, 3), (3, 2)], 2), [2, 3]);
        assert_eq!(of(&[], 5), [5]);
    }
}
