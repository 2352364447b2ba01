//! Aligned tables for people. What goes into a cell is escaped here, as everything from outside is.

use crate::text::escape;

/// How a column is aligned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Align {
    /// Words.
    Left,
    /// Numbers.
    Right,
}

/// A cell that calls for attention.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Mark {
    /// As any other.
    #[default]
    None,
    /// Worth a look: yellow on a terminal that has colours.
    Notable,
    /// Wrong: red.
    Wrong,
}

impl Mark {
    /// What a terminal is sent in front and behind: ECMA-48, 8.3.117, yellow, red, and back.
    pub fn codes(self, colour: bool) -> (&'static str, &'static str) {
        match (colour, self) {
            (true, Mark::Notable) => ("\x1b[33m", "\x1b[0m"),
            (true, Mark::Wrong) => ("\x1b[31m", "\x1b[0m"),
            _ => ("", ""),
        }
    }
}

/// Rows under headings. The last column is cut to what the terminal has room for.
#[derive(Debug)]
pub struct Table {
    columns: Vec<(&'static str, Align)>,
    rows: Vec<Vec<(String, Mark)>>,
}

impl Table {
    /// A table of these columns.
    pub fn new(columns: &[(&'static str, Align)]) -> Self {
        Table { columns: columns.to_vec(), rows: Vec::new() }
    }

    /// Adds a row; each cell is raw bytes, escaped here.
    pub fn row(&mut self, cells: &[&[u8]]) {
        self.rows.push(cells.iter().map(|cell| (escape(cell), Mark::None)).collect());
    }

    /// Marks a cell of the last row.
    pub fn mark(&mut self, column: usize, mark: Mark) {
        if let Some(cell) = self.rows.last_mut().and_then(|row| row.get_mut(column)) {
            cell.1 = mark;
        }
    }

    /// Whether it has no row.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Hands over the text, line by line, within `width` characters where that is given.
    pub fn lines(&self, width: Option<usize>, colour: bool, write: &mut dyn FnMut(&str)) {
        let mut widths: Vec<usize> = self.columns.iter().map(|(name, _)| name.chars().count()).collect();
        for row in &self.rows {
            for (width, (cell, _)) in widths.iter_mut().zip(row) {
                *width = (*width).max(cell.chars().count());
            }
        }
        let mut out = String::new();
        let headings: Vec<(String, Mark)> =
            self.columns.iter().map(|(name, _)| ((*name).to_owned(), Mark::None)).collect();
        if headings.iter().any(|(name, _)| !name.is_empty()) {
            self.line(&mut out, &headings, &widths, width, false);
            write(&out);
        }
        for row in &self.rows {
            out.clear();
            self.line(&mut out, row, &widths, width, colour);
            write(&out);
        }
    }

    fn line(
        &self,
        out: &mut String,
        row: &[(String, Mark)],
        widths: &[usize],
        limit: Option<usize>,
        colour: bool,
    ) {
        let last = self.columns.len().saturating_sub(1);
        let mut used = 0;
        for (at, (((cell, mark), (_, align)), width)) in row.iter().zip(&self.columns).zip(widths).enumerate()
        {
            let mut cell = cell.as_str();
            let cut;
            if at == last
                && let Some(limit) = limit
                && used + cell.chars().count() > limit
            {
                // At least a few characters, however narrow the terminal.
                cut = shorten(cell, limit.saturating_sub(used).max(8));
                cell = &cut;
            }
            let padding = " ".repeat(width.saturating_sub(cell.chars().count()));
            if *align == Align::Right {
                out.push_str(&padding);
            }
            let (begin, end) = mark.codes(colour);
            for part in [begin, cell, end] {
                out.push_str(part);
            }
            if *align == Align::Left && at != last {
                out.push_str(&padding);
            }
            if at != last {
                out.push_str("  ");
            }
            used += width + 2;
        }
        out.truncate(out.trim_end_matches(' ').len());
        out.push('\n');
    }
}

/// The first characters, and an ellipsis.
fn shorten(text: &str, most: usize) -> String {
    let mut out: String = text.chars().take(most.saturating_sub(1)).collect();
    out.push('…');
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn render(table: &Table, width: Option<usize>, colour: bool) -> String {
        let mut out = String::new();
        table.lines(width, colour, &mut |line| out.push_str(line));
        out
    }

    fn table() -> Table {
        let mut table = Table::new(&[("PID", Align::Right), ("USER", Align::Left), ("COMMAND", Align::Left)]);
        table.row(&[b"1", b"root", b"init"]);
        table.row(&[b"4711", b"nonroot", "a\u{1b}b sleep 1000".as_bytes()]);
        table.mark(1, Mark::Wrong);
        table
    }

    #[test]
    fn columns_are_aligned_and_cells_escaped() {
        assert_eq!(
            render(&table(), None, false),
            " PID  USER     COMMAND\n   1  root     init\n4711  nonroot  a\\x1bb sleep 1000\n"
        );
    }

    #[test]
    fn the_last_column_is_cut_to_the_width() {
        assert_eq!(
            render(&table(), Some(25), false),
            " PID  USER     COMMAND\n   1  root     init\n4711  nonroot  a\\x1bb sl…\n"
        );
    }

    #[test]
    fn marks_are_colours() {
        assert!(render(&table(), None, true).contains("\x1b[31mnonroot\x1b[0m"));
    }
}
