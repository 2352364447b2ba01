//! Tables that are readable both on a terminal and in a document.

use std::fmt;

/// A Markdown table with aligned columns: names to the left, numbers to the right.
pub struct Table(Vec<Vec<String>>);

impl Table {
    /// Returns a table with only a header.
    pub fn new(head: &[&str]) -> Self {
        Table(vec![head.iter().map(|&title| title.to_owned()).collect()])
    }

    /// Adds a row.
    pub fn row(&mut self, cells: Vec<String>) {
        self.0.push(cells);
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let columns = self.0.iter().map(Vec::len).max().unwrap_or(0);
        let cell = |row: &[String], column: usize| row.get(column).cloned().unwrap_or_default();
        let widths: Vec<usize> = (0..columns)
            .map(|column| self.0.iter().map(|row| cell(row, column).chars().count()).max().unwrap_or(0))
            .collect();
        for (at, row) in self.0.iter().enumerate() {
            for (column, &width) in widths.iter().enumerate() {
                let text = cell(row, column);
                match column {
                    0 => write!(f, "| {text:<width$} |")?,
                    _ => write!(f, " {text:>width$} |")?,
                }
            }
            writeln!(f)?;
            if at > 0 {
                continue;
            }
            for (column, &width) in widths.iter().enumerate() {
                match column {
                    0 => write!(f, "| {:-<width$} |", "")?,
                    // In Markdown the colon aligns a column to the right.
                    _ => write!(f, " {:->width$} |", "-:")?,
                }
            }
            writeln!(f)?;
        }
        Ok(())
    }
}

/// Formats a value and its ratio to that of the row that it is compared with: `612 us  0.58x`.
pub fn cell(value: Option<f64>, unit: &str, base: Option<f64>) -> String {
    let Some(value) = value else { return "not measured".to_owned() };
    let space = if unit.is_empty() { "" } else { " " };
    match base {
        Some(base) if base > 0.0 => format!("{value:.0}{space}{unit}  {:.2}x", value / base),
        _ => format!("{value:.0}{space}{unit}"),
    }
}

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
