//! The lines of a listing for people, in aligned columns.
//!
//! Files of one directory mostly have the same mode and owner and often the same time, so each line
//! begins with what is known from the line before it.

use super::rows::{Row, Rows, Stat};
use crate::units::{minute, push_number, push_short_size};
use crate::view::metadata::{device, is_device, letters};
use crate::view::users::Names;

/// Padding, a piece of it.
const SPACES: [u8; 32] = [b' '; 32];

/// What makes lines of rows.
pub struct Lines<'a> {
    owner: Owner<'a>,
    /// The widths of the columns for users, groups and sizes.
    users: usize,
    groups: usize,
    sizes: usize,
    /// Mode and owner of the last file, and how its line began.
    head_of: Option<(u32, u32, u32)>,
    head: Vec<u8>,
    /// The minute in which the last file was modified.
    minute_of: i64,
    minute: String,
    size: Vec<u8>,
    line: Vec<u8>,
}

impl<'a> Lines<'a> {
    /// Lays out the columns for these rows.
    pub fn of(rows: &Rows, names: &'a Names) -> Self {
        let mut lines = Lines {
            owner: Owner { names, ids: None, user: b"?".to_vec(), group: b"?".to_vec() },
            users: 0,
            groups: 0,
            sizes: 0,
            head_of: None,
            head: Vec::new(),
            minute_of: 0,
            minute: minute(0),
            size: Vec::new(),
            line: Vec::new(),
        };
        for row in rows.unsorted() {
            lines.owner.look_up(row.stat.as_ref());
            lines.users = lines.users.max(lines.owner.user.len());
            lines.groups = lines.groups.max(lines.owner.group.len());
            lines.show_size(row);
            lines.sizes = lines.sizes.max(lines.size.len());
        }
        lines
    }

    /// Returns the line of a row. `link` reads the target of a link.
    pub fn line(&mut self, name: &[u8], row: &Row, link: &dyn Fn(&[u8]) -> Option<Vec<u8>>) -> &[u8] {
        let stat = row.stat.as_ref();
        let head_of = stat.map(|stat| (stat.mode, stat.uid, stat.gid));
        if head_of.is_none() || head_of != self.head_of {
            self.head_of = head_of;
            self.begin(row);
        }
        self.line.clone_from(&self.head);
        self.show_size(row);
        pad(&mut self.line, self.sizes.saturating_sub(self.size.len()));
        self.line.extend_from_slice(&self.size);
        self.line.extend_from_slice(b"  ");
        if let Some(stat) = stat {
            let minute_of = stat.modified.div_euclid(60);
            if minute_of != self.minute_of {
                self.minute_of = minute_of;
                self.minute = minute(stat.modified);
            }
            self.line.extend_from_slice(self.minute.as_bytes());
        } else {
            padded(&mut self.line, b"?", 16);
        }
        self.line.extend_from_slice(b"  ");
        self.line.extend_from_slice(name);
        if row.kind().is_link() {
            self.line.extend_from_slice(b" -> ");
            self.line.extend_from_slice(&link(name).unwrap_or_else(|| b"?".to_vec()));
        }
        &self.line
    }

    /// Makes the beginning of the line: mode and owner.
    fn begin(&mut self, row: &Row) {
        let stat = row.stat.as_ref();
        let mode =
            stat.map_or_else(|| format!("{}?????????", row.kind().letter()), |stat| letters(stat.mode));
        self.owner.look_up(stat);
        self.head.clear();
        for (text, width) in
            [(mode.as_bytes(), 0), (&self.owner.user, self.users), (&self.owner.group, self.groups)]
        {
            padded(&mut self.head, text, width);
            self.head.extend_from_slice(b"  ");
        }
    }

    fn show_size(&mut self, row: &Row) {
        self.size.clear();
        match &row.stat {
            None => self.size.push(b'?'),
            Some(stat) if is_device(stat.mode) => {
                let (major, minor) = device(stat.size);
                push_number(&mut self.size, major);
                self.size.extend_from_slice(b", ");
                push_number(&mut self.size, minor);
            }
            Some(stat) => push_short_size(&mut self.size, stat.size),
        }
    }
}

/// Appends the text, padded to this width.
fn padded(line: &mut Vec<u8>, text: &[u8], width: usize) {
    line.extend_from_slice(text);
    pad(line, width.saturating_sub(text.len()));
}

/// Appends so many spaces.
fn pad(line: &mut Vec<u8>, count: usize) {
    let mut left = count;
    while left > 0 {
        let some = left.min(SPACES.len());
        line.extend_from_slice(SPACES.get(..some).unwrap_or_default());
        left -= some;
    }
}

/// The names of the last file's owner.
struct Owner<'a> {
    names: &'a Names,
    ids: Option<(u32, u32)>,
    user: Vec<u8>,
    group: Vec<u8>,
}

impl Owner<'_> {
    fn look_up(&mut self, stat: Option<&Stat>) {
        let ids = stat.map(|stat| (stat.uid, stat.gid));
        if self.ids == ids {
            return;
        }
        self.ids = ids;
        self.user = ids.map_or_else(|| b"?".to_vec(), |(uid, _)| self.names.user(uid));
        self.group = ids.map_or_else(|| b"?".to_vec(), |(_, gid)| self.names.group(gid));
    }
}
