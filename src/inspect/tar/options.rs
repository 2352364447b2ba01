//! The options of tar(1) that this one has, and those that it refuses, with the reason.

use crate::args::{Opt, flag, operands_behind_letters, option, option_list, refused};

/// Why nothing is unpacked.
const EXTRACT: &str = "porthole writes no file, so it does not unpack archives";
/// Why none is read.
const READ: &str = "porthole does not read archives; it only writes one, to standard output";
/// Why none is changed.
const CHANGE: &str = "porthole does not change archives; it only writes one, to standard output";
/// Why links stay links.
const FOLLOW: &str = "porthole does not follow links; name what they lead to";
/// Why none is compressed.
const COMPRESS: &str = "porthole does not compress; let whoever reads the archive do it, as in ... | gzip";

/// What it has.
pub const OPTIONS: &[Opt] = &[
    operands_behind_letters("cf - PATH", "PATH", "the files and directories, links not followed"),
    flag("create", "write an archive: the one thing that is done").short('c'),
    option("file", "FILE", "where to: - alone, which is standard output").short('f'),
    option("directory", "DIR", "each PATH is one in this directory").short('C'),
    option_list("exclude", "PATTERN", "leave out what this fits, or what stands behind a / : * ? [a-z] [!a]"),
    flag("verbose", "print each name on stderr").short('v'),
];

/// What it refuses.
pub const REFUSED: &[Opt] = &[
    refused("extract", EXTRACT).short('x'),
    // kubectl cp has these in front of -x.
    refused("no-same-permissions", EXTRACT),
    refused("no-same-owner", EXTRACT),
    refused("list", READ).short('t'),
    refused("diff", READ).short('d'),
    refused("append", CHANGE).short('r'),
    refused("update", CHANGE).short('u'),
    refused("concatenate", CHANGE).short('A'),
    refused("dereference", FOLLOW).short('h'),
    refused("gzip", COMPRESS).short('z'),
    refused("bzip2", COMPRESS).short('j'),
    refused("xz", COMPRESS).short('J'),
];
