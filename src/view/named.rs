//! The users of a list, each with its name.

use crate::view::users::Names;

/// Users and their names, each looked up once.
#[derive(Debug, Default)]
pub struct Named(Vec<(u32, Vec<u8>)>);

impl Named {
    /// Looks up the names of these users.
    pub fn of(users: impl Iterator<Item = u32>, names: &Names) -> Self {
        let mut all = Named::default();
        for uid in users {
            if let Err(at) = all.place(uid) {
                all.0.insert(at, (uid, names.user(uid)));
            }
        }
        all
    }

    /// Returns the name of one of them, or its number as text; empty if it is none of them.
    pub fn name(&self, uid: u32) -> &[u8] {
        let known = self.place(uid).ok().and_then(|at| self.0.get(at));
        known.map_or(b"", |(_, name)| name.as_slice())
    }

    fn place(&self, uid: u32) -> Result<usize, usize> {
        self.0.binary_search_by_key(&uid, |(known, _)| *known)
    }
}
