//! The size of a program in an image: its file, and the shared libraries that it needs.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::cost::{MAX_SIZES, Result};
use super::table::{NOT_MEASURED, Table, count, grouped};

/// A program's file and its libraries.
pub struct Size {
    /// The program's name.
    pub name: &'static str,
    /// The size of its file, in bytes.
    pub file: u64,
    /// The number of shared libraries that it needs, including the loader, and their size in bytes;
    /// `None` if ldd is not installed.
    pub libraries: Option<(usize, u64)>,
}

impl Size {
    /// Returns its maximum size, in bytes, if it has one.
    fn at_most(&self) -> Option<u64> {
        MAX_SIZES.iter().find(|(name, _)| *name == self.name).map(|(_, bytes)| *bytes)
    }

    /// Returns what is wrong if it is too large.
    pub fn exceeded(&self) -> Option<String> {
        let at_most = self.at_most().filter(|&at_most| self.file > at_most)?;
        Some(format!("{}: {} bytes, at most {}", self.name, grouped(self.file), grouped(at_most)))
    }
}

/// Measures the sizes of the programs that are installed.
pub fn measure(names: &[&'static str], find: impl Fn(&str) -> Option<PathBuf>) -> Result<Vec<Size>> {
    let mut sizes = Vec::new();
    for &name in names {
        let Some(file) = find(name) else { continue };
        let libraries = match libraries(&file)? {
            Some(list) => Some((list.len(), list.iter().map(|library| bytes(library)).sum::<Result<u64>>()?)),
            None => None,
        };
        sizes.push(Size { name, file: bytes(&file)?, libraries });
    }
    Ok(sizes)
}

/// Returns the table of sizes.
pub fn table(sizes: &[Size]) -> Table {
    let mut table =
        Table::new(&["", "file, bytes", "libraries", "libraries, bytes", "together, bytes"], &[0]);
    for size in sizes {
        let (number, bytes, together) = match size.libraries {
            Some((number, bytes)) => (number.to_string(), grouped(bytes), grouped(size.file + bytes)),
            None => [NOT_MEASURED; 3].map(str::to_owned).into(),
        };
        table.row(vec![
            size.name.to_owned(),
            count(Some(size.file), size.at_most()),
            number,
            bytes,
            together,
        ]);
    }
    table
}

/// Returns the files that ldd(1) lists. ldd fails for a static program, which needs none.
fn libraries(program: &Path) -> Result<Option<Vec<PathBuf>>> {
    let ldd = match Command::new("ldd").arg(program).env("LC_ALL", "C").output() {
        Ok(ldd) => ldd,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(format!("ldd: {error}").into()),
    };
    if !ldd.status.success() {
        return Ok(Some(Vec::new()));
    }
    let text = String::from_utf8(ldd.stdout)?;
    let words =
        text.lines().filter_map(|line| line.split_ascii_whitespace().find(|word| word.starts_with('/')));
    Ok(Some(words.map(PathBuf::from).collect()))
}

fn bytes(file: &Path) -> Result<u64> {
    Ok(fs::metadata(file).map_err(|error| format!("{}: {error}", file.display()))?.len())
}
