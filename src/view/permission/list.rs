//! Access control lists, acl(5).

use super::Who;

/// Whom an entry names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Named {
    /// A user.
    User,
    /// A group.
    Group,
}

impl Named {
    /// Returns the name as setfacl(1) has it.
    pub fn name(self) -> &'static str {
        match self {
            Named::User => "user",
            Named::Group => "group",
        }
    }
}

impl Who {
    /// Returns the entry of an access control list that applies to a user who is not the owner,
    /// with its bits before the mask; `None` if the bits for others apply. Fails if this is not a
    /// valid list. acl(5), "Access check algorithm"; the format is that of linux/posix_acl_xattr.h.
    pub(super) fn by_list(&self, list: &[u8], gid: u32, bit: u32) -> Result<Option<(Named, u32, u32)>, ()> {
        let mut found = None;
        if list.is_empty() {
            return Ok(found);
        }
        let (entries, rest) = list.strip_prefix(b"\x02\0\0\0").ok_or(())?.as_chunks::<8>();
        for &[tag, high, bits, zero, id @ ..] in entries {
            let id = u32::from_le_bytes(id);
            let (named, id, is_theirs) = match tag {
                2 => (Named::User, id, id == self.uid),
                4 => (Named::Group, gid, self.is_in(gid)),
                8 => (Named::Group, id, self.is_in(id)),
                // The entries of the owner, of the mask and of others name nobody.
                1 | 0x10 | 0x20 => (Named::User, id, false),
                _ => return Err(()),
            };
            if high != 0 || zero != 0 || bits > 7 {
                return Err(());
            }
            // The user's own entry precedes those of groups. Of those, one that grants access is
            // enough.
            let counts = found.is_none_or(|(named, _, bits)| named == Named::Group && bits & bit == 0);
            if is_theirs && counts {
                found = Some((named, id, u32::from(bits)));
            }
        }
        if rest.is_empty() { Ok(found) } else { Err(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::super::READ;
    use super::*;

    /// What `setfacl -m u:65532:r,g:5:-` creates for a file of mode 0640.
    const LIST: &[u8] =
        b"\x02\0\0\0\x01\0\x06\0\xff\xff\xff\xff\x02\0\x04\0\xfc\xff\0\0\x04\0\x04\0\xff\xff\xff\xff\
        \x08\0\0\0\x05\0\0\0\x10\0\x04\0\xff\xff\xff\xff\x20\0\0\0\xff\xff\xff\xff";

    #[test]
    fn entries_of_an_access_control_list() {
        let by =
            |uid, groups: &[u32], list: &[u8]| Who::of_ids(uid, 7, groups.to_vec(), 0).by_list(list, 9, READ);
        assert_eq!(by(65_532, &[5], LIST), Ok(Some((Named::User, 65_532, 4))));
        assert_eq!(by(7, &[5], LIST), Ok(Some((Named::Group, 5, 0))));
        assert_eq!(by(7, &[5, 9], LIST), Ok(Some((Named::Group, 9, 4))));
        assert_eq!(by(7, &[], LIST), Ok(None));
        assert_eq!(by(7, &[], b""), Ok(None));
        for end in (1..LIST.len()).filter(|end| end % 8 != 4) {
            assert_eq!(by(65_532, &[], &LIST[..end]), Err(()), "{end}");
        }
        for (at, byte) in [(0, 1), (4, 3), (5, 1), (6, 8), (7, 1)] {
            let mut odd = LIST.to_vec();
            odd[at] = byte;
            assert_eq!(by(65_532, &[], &odd), Err(()), "{at}");
        }
        assert_eq!(by(65_532, &[], &[0; 4096]), Err(()));
    }
}
