//! Aligned tables for people. The text of each cell is escaped here.

use crate::text::{escape, is_plain};

/// The alignment of a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Align {
    /// For words.
    Left,
    /// For numbers.
    Right,
}

/// Whether a cell calls for attention.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Mark {
    /// It does not.
    #[default]
    None,
    /// Worth a look: yellow on a terminal with colours.
    Notable,
    /// Wrong: red.
    Wrong,
}

impl Mark {
    /// The control sequences before and after the text (ECMA-48, 8.3.117): yellow or red, and
    /// reset.
    pub fn codes(self, colour: bool) -> (&'static str, &'static str) {
        match (colour, self) {
            (true, Mark::Notable) => ("\x1b[33m", "\x1b[0m"),
            (true, Mark::Wrong) => ("\x1b[31m", "\x1b[0m"),
            _ => ("", ""),
        }
    }
}

/// What a column does when the table is wider than the terminal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Width {
    /// Its cells are printed in full.
    Whole,
    /// Its cells are cut, before those of columns with a higher number.
    Cut(u8),
}

/// The title of a column, and how the cells below it are laid out.
#[derive(Debug, Clone, Copy)]
pub struct Heading {
    /// The title.
    pub title: &'static str,
    /// The alignment of its cells.
    pub align: Align,
    /// The width rule.
    pub width: Width,
}

/// The escaped text of a cell, and its mark.
#[derive(Debug, PartialEq, Eq)]
pub struct Cell {
    text: String,
    /// Its number of characters.
    length: usize,
    mark: Mark,
}

impl Cell {
    /// The same text with this mark.
    pub fn marked(self, mark: Mark) -> Self {
        Cell { mark, ..self }
    }
}

impl From<&[u8]> for Cell {
    fn from(bytes: &[u8]) -> Self {
        let text = escape(bytes);
        // Most text is plain: as many characters as bytes.
        let length = if text.is_ascii() { text.len() } else { text.chars().count() };
        Cell { text, length, mark: Mark::None }
    }
}

impl From<Vec<u8>> for Cell {
    fn from(bytes: Vec<u8>) -> Self {
        String::from_utf8(bytes).map_or_else(|odd| Cell::from(odd.as_bytes()), Cell::from)
    }
}

impl From<&str> for Cell {
    fn from(text: &str) -> Self {
        Cell::from(text.as_bytes())
    }
}

impl From<String> for Cell {
    fn from(text: String) -> Self {
        // Most are numbers, which need no copy.
        if is_plain(text.as_bytes()) {
            Cell { length: text.len(), text, mark: Mark::None }
        } else {
            Cell::from(text.as_str())
        }
    }
}

/// The fewest characters to which a cell is cut, however narrow the terminal.
const NARROWEST: usize = 8;

/// Padding, a piece of it.
const SPACES: &str = "                                ";

/// Rows under headings. There may be very many, so the text of all cells is in one piece of memory.
#[derive(Debug)]
pub struct Table {
    headings: Vec<Heading>,
    has_titles: bool,
    text: String,
    /// The cells of all rows: as many for each row as there are headings.
    cells: Vec<Stored>,
}

/// A cell of a table.
#[derive(Debug)]
struct Stored {
    /// Where its text ends. It begins where that of the cell before ends.
    end: usize,
    /// Its number of characters.
    length: usize,
    mark: Mark,
}

/// The layout of a column for all rows.
struct Layout {
    heading: Heading,
    /// The characters of its longest cell.
    width: usize,
    /// The characters that a cell may have before it is cut.
    room: usize,
}

impl Table {
    /// A table with these headings.
    pub fn new(headings: Vec<Heading>) -> Self {
        Table { headings, has_titles: true, text: String::new(), cells: Vec::new() }
    }

    /// The same table without its line of titles, as the continuation of another.
    pub fn without_titles(self) -> Self {
        Table { has_titles: false, ..self }
    }

    /// Adds a row, which has a cell for each heading.
    pub fn row(&mut self, cells: Vec<Cell>) {
        let mut cells = cells.into_iter();
        for _ in &self.headings {
            let cell = cells.next().unwrap_or_else(|| "".into());
            self.text.push_str(&cell.text);
            self.cells.push(Stored { end: self.text.len(), length: cell.length, mark: cell.mark });
        }
    }

    /// Passes the text to `write`, line by line, with at most `width` characters a line if that is
    /// given.
    pub fn lines(&self, width: Option<usize>, colour: bool, write: &mut dyn FnMut(&str)) {
        let layouts = self.layouts(width);
        let mut out = String::new();
        if self.has_titles {
            let title = |heading: &Heading| (heading.title, heading.title.chars().count(), Mark::None);
            let titles = self.headings.iter().map(title);
            line(&mut out, titles, &layouts, false);
            write(&out);
        }
        let mut start = 0;
        for row in self.rows() {
            out.clear();
            let cells = row.iter().map(|cell| {
                let text = self.text.get(start..cell.end).unwrap_or_default();
                start = cell.end;
                (text, cell.length, cell.mark)
            });
            line(&mut out, cells, &layouts, colour);
            write(&out);
        }
    }

    /// Returns the cells of each row.
    fn rows(&self) -> impl Iterator<Item = &[Stored]> {
        // A table without columns has no cells.
        self.cells.chunks(self.headings.len().max(1))
    }

    /// Lays out the columns within `limit` characters.
    fn layouts(&self, limit: Option<usize>) -> Vec<Layout> {
        let title = |heading: &Heading| if self.has_titles { heading.title.chars().count() } else { 0 };
        let layout =
            |heading: &Heading| Layout { heading: *heading, width: title(heading), room: usize::MAX };
        let mut layouts: Vec<Layout> = self.headings.iter().map(layout).collect();
        for row in self.rows() {
            for (layout, cell) in layouts.iter_mut().zip(row) {
                layout.width = layout.width.max(cell.length);
            }
        }
        if let Some(limit) = limit {
            let gaps = 2 * layouts.len().saturating_sub(1);
            let whole = layouts.iter().map(|layout| layout.width).sum::<usize>() + gaps;
            narrow(&mut layouts, whole.saturating_sub(limit));
        }
        layouts
    }
}

/// Takes `excess` characters away from the columns that may be cut, in their order.
fn narrow(layouts: &mut [Layout], mut excess: usize) {
    let order = |layout: &Layout| match layout.heading.width {
        Width::Cut(order) => Some(order),
        Width::Whole => None,
    };
    let mut cut: Vec<&mut Layout> = layouts.iter_mut().filter(|layout| order(layout).is_some()).collect();
    cut.sort_by_key(|layout| order(layout));
    for layout in cut {
        if excess == 0 {
            return;
        }
        layout.room = layout.width.saturating_sub(excess).max(NARROWEST);
        let width = layout.width.min(layout.room);
        excess -= layout.width - width;
        layout.width = width;
    }
}

fn line<'a>(
    out: &mut String,
    cells: impl Iterator<Item = (&'a str, usize, Mark)>,
    layouts: &[Layout],
    colour: bool,
) {
    let last = layouts.len().saturating_sub(1);
    for (at, ((cell, length, mark), layout)) in cells.zip(layouts).enumerate() {
        let (mut cell, mut length) = (cell, length);
        let cut;
        if length > layout.room {
            cut = shorten(cell, layout.room);
            (cell, length) = (&cut, cut.chars().count());
        }
        let padding = layout.width.saturating_sub(length);
        if layout.heading.align == Align::Right {
            pad(out, padding);
        }
        if colour && mark != Mark::None {
            let (begin, end) = mark.codes(colour);
            out.push_str(&[begin, cell, end].concat());
        } else {
            out.push_str(cell);
        }
        if at != last {
            pad(out, 2 + if layout.heading.align == Align::Left { padding } else { 0 });
        }
    }
    out.truncate(out.trim_end_matches(' ').len());
    out.push('\n');
}

/// Appends so many spaces.
fn pad(out: &mut String, count: usize) {
    let mut left = count;
    while left > 0 {
        let some = left.min(SPACES.len());
        out.push_str(SPACES.get(..some).unwrap_or_default());
        left -= some;
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

    fn heading(title: &'static str, align: Align, width: Width) -> Heading {
        Heading { title, align, width }
    }

    fn table() -> Table {
        let mut table = Table::new(vec![
            heading("PID", Align::Right, Width::Whole),
            heading("USER", Align::Left, Width::Whole),
            heading("COMMAND", Align::Left, Width::Cut(0)),
        ]);
        table.row(vec!["1".into(), Cell::from("root").marked(Mark::Wrong), "init".into()]);
        table.row(vec!["4711".to_owned().into(), "nonroot".into(), "a\u{1b}b sleep 1000".into()]);
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
    fn the_column_that_may_be_cut_fits_the_width() {
        assert_eq!(
            render(&table(), Some(25), false),
            " PID  USER     COMMAND\n   1  root     init\n4711  nonroot  a\\x1bb sl…\n"
        );
    }

    #[test]
    fn marks_are_colours() {
        assert!(render(&table(), None, true).contains("\x1b[31mroot\x1b[0m"));
    }

    #[test]
    fn columns_are_cut_in_their_order() {
        let mut table = Table::new(vec![
            heading("MOUNT", Align::Left, Width::Cut(1)),
            heading("SOURCE", Align::Left, Width::Cut(0)),
            heading("SIZE", Align::Right, Width::Whole),
        ]);
        table.row(vec!["/var/lib/data".into(), "server:/export".into(), "1.2M".into()]);
        table.row(vec!["/".into(), "/dev/x".into(), "10".into()]);
        for (width, expected) in [
            (
                35,
                "MOUNT          SOURCE          SIZE\n\
                 /var/lib/data  server:/export  1.2M\n\
                 /              /dev/x            10\n",
            ),
            (
                30,
                "MOUNT          SOURCE     SIZE\n\
                 /var/lib/data  server:/…  1.2M\n\
                 /              /dev/x       10\n",
            ),
            (
                29,
                "MOUNT          SOURCE    SIZE\n\
                 /var/lib/data  server:…  1.2M\n\
                 /              /dev/x      10\n",
            ),
        ] {
            assert_eq!(render(&table, Some(width), false), expected, "{width}");
        }
    }
}
