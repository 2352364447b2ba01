//! What an inspection lists: one set of columns for the table and the JSON objects.
//!
//! A column is one entry: its title and its cell, its key and its value. An entry without a title
//! is in JSON only, one without a key in the table only; so a column with several keys is followed
//! by entries without titles. A JSON object has the keys in the order of the entries. So does a
//! table, except for those moved to its left or right.

use super::Answer;
use crate::outcome::Fact;
use crate::table::{Align, Cell, Heading, Table, Width};

/// A column of a table, a key of a JSON object, or both, for rows of one type.
#[derive(Debug)]
pub struct Column<R> {
    layout: Layout,
    cell: fn(&R) -> Cell,
    /// `None` if this row does not have the key.
    value: fn(&R) -> Option<Fact>,
}

/// What is the same in every row.
#[derive(Debug, Clone, Copy)]
struct Layout {
    /// Its title is empty if there is no column.
    heading: Heading,
    /// Empty if there is no key.
    key: &'static str,
    place: Place,
    is_extra: bool,
}

/// The part of a table in which a column is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Left,
    Middle,
    Right,
}

/// The parts of a table, from left to right.
const PLACES: [Place; 3] = [Place::Left, Place::Middle, Place::Right];

impl Layout {
    /// Whether the column is printed in this part of a table.
    fn is_in(&self, place: Place, with_extra: bool) -> bool {
        self.place == place && !self.heading.title.is_empty() && (with_extra || !self.is_extra)
    }
}

impl<R> Column<R> {
    /// A column with one key; its words are aligned to the left and never cut.
    pub const fn new(
        title: &'static str,
        cell: fn(&R) -> Cell,
        key: &'static str,
        value: fn(&R) -> Option<Fact>,
    ) -> Self {
        let heading = Heading { title, align: Align::Left, width: Width::Whole };
        Column { layout: Layout { heading, key, place: Place::Middle, is_extra: false }, cell, value }
    }

    /// A column without a key.
    pub const fn shown(title: &'static str, cell: fn(&R) -> Cell) -> Self {
        Self::new(title, cell, "", |_| None)
    }

    /// A key without a column.
    pub const fn json(key: &'static str, value: fn(&R) -> Option<Fact>) -> Self {
        Self::new("", |_| Cell::from(""), key, value)
    }

    /// The column for numbers: aligned to the right.
    pub const fn numbers(mut self) -> Self {
        self.layout.heading.align = Align::Right;
        self
    }

    /// The column, cut if the table is too wide: before those with a higher number.
    pub const fn cut(mut self, order: u8) -> Self {
        self.layout.heading.width = Width::Cut(order);
        self
    }

    /// The column, printed before all that are not moved to the left.
    pub const fn left(mut self) -> Self {
        self.layout.place = Place::Left;
        self
    }

    /// The column, printed after all that are not moved to the right.
    pub const fn right(mut self) -> Self {
        self.layout.place = Place::Right;
        self
    }

    /// The column, printed only in a table with extra columns.
    pub const fn extra(mut self) -> Self {
        self.layout.is_extra = true;
        self
    }
}

/// An empty table of these columns, with or without the extra ones.
pub fn table<R>(columns: &[Column<R>], with_extra: bool) -> Table {
    let mut headings = Vec::new();
    for place in PLACES {
        let columns = columns.iter().filter(|column| column.layout.is_in(place, with_extra));
        headings.extend(columns.map(|column| column.layout.heading));
    }
    Table::new(headings)
}

/// The cells of a row for such a table.
pub fn cells<R>(columns: &[Column<R>], with_extra: bool, row: &R) -> Vec<Cell> {
    let mut cells = Vec::with_capacity(columns.len());
    for place in PLACES {
        for column in columns {
            if column.layout.is_in(place, with_extra) {
                cells.push((column.cell)(row));
            }
        }
    }
    cells
}

/// The row as a JSON object.
pub fn object<R>(columns: &[Column<R>], row: &R) -> Fact {
    let mut entries = Vec::with_capacity(columns.len());
    for column in columns {
        if let Some(value) = (column.value)(row) {
            entries.push((column.layout.key, value));
        }
    }
    Fact::Object(entries)
}

impl Answer {
    /// Prints rows as a table, or as items of the JSON document's list of this name.
    pub fn rows<R>(
        &mut self,
        list: &str,
        columns: &[Column<R>],
        with_extra: bool,
        rows: &mut dyn Iterator<Item = R>,
    ) {
        if self.is_json() {
            for row in rows {
                if self.is_over() {
                    break;
                }
                self.item(list, &object(columns, &row));
            }
            return;
        }
        let mut table = table(columns, with_extra);
        for row in rows {
            table.row(cells(columns, with_extra, &row));
        }
        self.table(&table);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A name, its length, and what else is known of it.
    type Row<'a> = (&'a str, u64, Option<u64>);
    type C<'a> = Column<Row<'a>>;

    struct Names<'a>(std::marker::PhantomData<&'a str>);

    impl<'a> Names<'a> {
        const COLUMNS: &'a [Column<Row<'a>>] = &[
            C::new("NAME", |row| row.0.into(), "name", |row| Some(row.0.to_owned().into())).right(),
            C::new("LENGTH", |row| row.1.to_string().into(), "length", |row| Some(row.1.into())).numbers(),
            C::json("more", |row| row.2.map(Fact::from)),
            C::new("MORE", |_| "+".into(), "", |_| None).extra(),
            C::shown("FIRST", |row| row.0.get(..1).unwrap_or("-").into()).left(),
        ];
    }

    #[test]
    fn one_list_is_a_table_and_json() {
        for (with_extra, expected) in [
            (false, "FIRST  LENGTH  NAME\nt          20  two\n-           0\n"),
            (true, "FIRST  LENGTH  MORE  NAME\nt          20  +     two\n-           0  +\n"),
        ] {
            let rows = [("two", 20, Some(7)), ("", 0, None)];
            let mut table = table(Names::COLUMNS, with_extra);
            for row in &rows {
                table.row(cells(Names::COLUMNS, with_extra, row));
            }
            let mut text = String::new();
            table.lines(None, false, &mut |line| text.push_str(line));
            assert_eq!(text, expected);
        }
        for (row, expected) in [
            (("two", 20, Some(7)), r#"{"name": "two", "length": 20, "more": 7}"#),
            (("", 0, None), r#"{"name": "", "length": 0}"#),
        ] {
            let mut json = String::new();
            object(Names::COLUMNS, &row).push_json(&mut json);
            assert_eq!(json, expected);
        }
    }
}
