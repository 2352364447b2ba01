//! The largest directories of a tree, which may have more than fit into memory.

use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;

use super::Total;

/// The most directories that are kept.
const MAX_LINES: usize = 50_000;
/// The most bytes of their paths that are kept.
const MAX_PATH_BYTES: usize = 4 << 20;

/// A directory or file, and what it takes.
#[derive(Debug)]
pub struct Line {
    pub path: Box<[u8]>,
    pub total: Total,
}

impl Line {
    fn of(path: &[u8], total: Total) -> Self {
        Line { path: path.into(), total }
    }
}

/// A larger one is greater; of two that are equal, the one whose path comes first.
impl Ord for Line {
    fn cmp(&self, other: &Self) -> Ordering {
        self.total.size.cmp(&other.total.size).then_with(|| other.path.cmp(&self.path))
    }
}

impl PartialOrd for Line {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Line {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Line {}

/// The largest lines, and those of the operands.
#[derive(Debug, Default)]
pub struct Largest {
    /// The smallest one is on top.
    heap: BinaryHeap<Reverse<Line>>,
    path_bytes: usize,
    operands: Vec<Line>,
    left_out: u64,
}

impl Largest {
    /// Adds a directory, unless there is no room for it and all others are larger.
    pub fn push(&mut self, path: &[u8], total: Total) {
        self.path_bytes += path.len();
        self.heap.push(Reverse(Line::of(path, total)));
        while self.heap.len() > MAX_LINES || self.path_bytes > MAX_PATH_BYTES {
            let Some(Reverse(line)) = self.heap.pop() else { return };
            self.path_bytes = self.path_bytes.saturating_sub(line.path.len());
            self.left_out += 1;
        }
    }

    /// Adds an operand, which is listed in any case.
    pub fn push_operand(&mut self, path: &[u8], total: Total) {
        self.operands.push(Line::of(path, total));
    }

    /// How many directories are left out.
    pub fn left_out(&self) -> u64 {
        self.left_out
    }

    /// Returns the lines, the largest first.
    pub fn sorted(self) -> Vec<Line> {
        let mut lines: Vec<Line> = self.heap.into_iter().map(|Reverse(line)| line).collect();
        lines.extend(self.operands);
        lines.sort_unstable_by(|a, b| b.cmp(a));
        lines
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn total(size: u64) -> Total {
        Total { size, ..Total::default() }
    }

    #[test]
    fn the_largest_come_first() {
        let mut largest = Largest::default();
        for (path, size) in [("/a/x", 5), ("/a/b", 7), ("/a", 7), ("/a/y", 5)] {
            largest.push(path.as_bytes(), total(size));
        }
        largest.push_operand(b"/0", total(6));
        let paths: Vec<Box<[u8]>> = largest.sorted().into_iter().map(|line| line.path).collect();
        assert_eq!(paths, [&b"/a"[..], b"/a/b", b"/0", b"/a/x", b"/a/y"].map(Box::from));
    }

    #[test]
    fn the_smallest_are_left_out() {
        let mut largest = Largest::default();
        largest.push_operand(b"top", total(0));
        for size in 0..MAX_LINES as u64 + 10 {
            largest.push(b"x", total(size));
        }
        assert_eq!(largest.left_out(), 10);
        let lines = largest.sorted();
        assert_eq!((lines.len(), lines[MAX_LINES - 1].total.size), (MAX_LINES + 1, 10));
        let mut largest = Largest::default();
        for size in 0..5 {
            largest.push(&vec![b'x'; 1 << 20], total(size));
        }
        assert_eq!((largest.left_out(), largest.sorted().len()), (1, 4));
    }
}
