//! Tables that are readable both on a terminal and in a document.

use std::fmt;

/// A Markdown table with aligned columns: texts to the left, numbers to the right.
pub struct Table {
    rows: Vec<Vec<String>>,
    /// The columns that contain texts.
    texts: &'static [usize],
}

impl Table {
    /// Returns a table with only a header. The columns with these numbers contain texts.
    pub fn new(head: &[&str], texts: &'static [usize]) -> Self {
        Table { rows: vec![head.iter().map(|&title| title.to_owned()).collect()], texts }
    }

    /// Adds a row.
    pub fn row(&mut self, cells: Vec<String>) {
        self.rows.push(cells);
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let columns = self.rows.iter().map(Vec::len).max().unwrap_or(0);
        let cell = |row: &[String], column: usize| row.get(column).cloned().unwrap_or_default();
        let widths: Vec<usize> = (0..columns)
            .map(|column| self.rows.iter().map(|row| cell(row, column).chars().count()).max().unwrap_or(0))
            .collect();
        for (at, row) in self.rows.iter().enumerate() {
            for (column, &width) in widths.iter().enumerate() {
                let text = cell(row, column);
                let start = if column == 0 { "| " } else { " " };
                if self.texts.contains(&column) {
                    write!(f, "{start}{text:<width$} |")?;
                } else {
                    write!(f, "{start}{text:>width$} |")?;
                }
            }
            writeln!(f)?;
            if at > 0 {
                continue;
            }
            for (column, &width) in widths.iter().enumerate() {
                let start = if column == 0 { "| " } else { " " };
                // In Markdown the colon aligns a column to the right.
                let end = if self.texts.contains(&column) { "-" } else { ":" };
                write!(f, "{start}{:-<width$}{end} |", "", width = width.saturating_sub(1))?;
            }
            writeln!(f)?;
        }
        Ok(())
    }
}

/// Formats a value and its ratio to another one: `612 us  2.51x`.
pub fn with_ratio(value: Option<f64>, base: Option<f64>) -> String {
    match (value, base) {
        (None, _) => NOT_MEASURED.to_owned(),
        (Some(value), Some(base)) if base > 0.0 => format!("{value:.0} us  {:.2}x", value / base),
        (Some(value), _) => format!("{value:.0} us"),
    }
}

/// Formats a count, and its bound if it has one: `112,310 ≤ 115,000`, or `>` if it does not hold.
pub fn count(found: Option<u64>, at_most: Option<u64>) -> String {
    match (found, at_most) {
        (None, _) => NOT_MEASURED.to_owned(),
        (Some(found), None) => grouped(found),
        (Some(found), Some(limit)) => {
            format!("{} {} {}", grouped(found), sign(found <= limit), grouped(limit))
        }
    }
}

/// Returns the sign between a value and its bound.
pub fn sign(holds: bool) -> char {
    if holds { '≤' } else { '>' }
}

/// The cell of what could not be measured.
pub const NOT_MEASURED: &str = "?";

/// Formats a number with thousands separators: `410,416`.
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}
