//! The types of files: the one table of their letters and names. inode(7)

#![cfg_attr(not(feature = "inspect"), allow(dead_code, reason = "checks alone use only some of the names"))]

use nix::libc;

/// The type of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileType {
    Regular,
    Directory,
    Link,
    Fifo,
    Socket,
    BlockDevice,
    CharacterDevice,
    /// A type that inode(7) does not list, such as that of an anonymous inode.
    Unknown,
}

impl FileType {
    /// Returns the type in a mode: `st_mode` of stat(3type).
    pub fn of_mode(mode: u32) -> Self {
        match mode & libc::S_IFMT {
            libc::S_IFREG => FileType::Regular,
            libc::S_IFDIR => FileType::Directory,
            libc::S_IFLNK => FileType::Link,
            libc::S_IFIFO => FileType::Fifo,
            libc::S_IFSOCK => FileType::Socket,
            libc::S_IFBLK => FileType::BlockDevice,
            libc::S_IFCHR => FileType::CharacterDevice,
            _ => FileType::Unknown,
        }
    }

    /// Returns the type in a directory entry, `d_type` of readdir(3); `None` if the file system
    /// does not report it.
    pub fn of_entry(d_type: u8) -> Option<Self> {
        // The DT_ constants are the types of a mode without its lower 12 bits.
        Some(FileType::of_mode(u32::from(d_type) << 12)).filter(|&kind| kind != FileType::Unknown)
    }

    /// Returns the letter of `ls -l`.
    pub fn letter(self) -> char {
        match self {
            FileType::Regular => '-',
            FileType::Directory => 'd',
            FileType::Link => 'l',
            FileType::Fifo => 'p',
            FileType::Socket => 's',
            FileType::BlockDevice => 'b',
            FileType::CharacterDevice => 'c',
            FileType::Unknown => '?',
        }
    }

    /// Returns the name on its own: `regular file`.
    pub fn name(self) -> &'static str {
        match self {
            FileType::Regular => "regular file",
            FileType::Directory => "directory",
            FileType::Link => "link",
            FileType::Fifo => "FIFO",
            FileType::Socket => "socket",
            FileType::BlockDevice => "block device",
            FileType::CharacterDevice => "character device",
            FileType::Unknown => "unknown type",
        }
    }

    /// Returns the name as it follows "is": `a regular file`.
    pub fn described(self) -> &'static str {
        match self {
            FileType::Regular => "a regular file",
            FileType::Directory => "a directory",
            FileType::Link => "a link",
            FileType::Fifo => "a FIFO",
            FileType::Socket => "a socket",
            FileType::BlockDevice => "a block device",
            FileType::CharacterDevice => "a character device",
            FileType::Unknown => "of an unknown type",
        }
    }

    /// Returns the name in the JSON of inspections, where an unknown type is null.
    pub fn json_name(self) -> Option<&'static str> {
        match self {
            FileType::Regular => Some("file"),
            FileType::Directory => Some("directory"),
            FileType::Link => Some("link"),
            FileType::Fifo => Some("fifo"),
            FileType::Socket => Some("socket"),
            FileType::BlockDevice => Some("block_device"),
            FileType::CharacterDevice => Some("character_device"),
            FileType::Unknown => None,
        }
    }

    /// Returns the name in lsof(8)'s column TYPE.
    pub fn lsof_name(self) -> &'static str {
        match self {
            FileType::Regular => "REG",
            FileType::Directory => "DIR",
            FileType::Link => "LINK",
            FileType::Fifo => "FIFO",
            FileType::Socket => "sock",
            FileType::BlockDevice => "BLK",
            FileType::CharacterDevice => "CHR",
            FileType::Unknown => "anon",
        }
    }

    /// Whether it is a regular file.
    pub fn is_regular(self) -> bool {
        self == FileType::Regular
    }

    /// Whether it is a directory.
    pub fn is_directory(self) -> bool {
        self == FileType::Directory
    }

    /// Whether it is a symbolic link.
    pub fn is_link(self) -> bool {
        self == FileType::Link
    }

    /// Whether it is a device, which has numbers instead of a size.
    pub fn is_device(self) -> bool {
        matches!(self, FileType::BlockDevice | FileType::CharacterDevice)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_of_modes_and_entries() {
        for (mode, letter) in [
            (0o010_644, 'p'),
            (0o020_644, 'c'),
            (0o041_777, 'd'),
            (0o060_644, 'b'),
            (0o104_755, '-'),
            (0o120_777, 'l'),
            (0o140_755, 's'),
        ] {
            assert_eq!(FileType::of_mode(mode).letter(), letter);
            assert_eq!(FileType::of_entry(u8::try_from(mode >> 12).unwrap()), Some(FileType::of_mode(mode)));
        }
        assert_eq!(FileType::of_mode(0o644), FileType::Unknown);
        // DT_UNKNOWN, DT_WHT, and numbers that readdir(3) does not list.
        for odd in [0, 3, 14, 15, 255] {
            assert_eq!(FileType::of_entry(odd), None, "{odd}");
        }
    }
}
