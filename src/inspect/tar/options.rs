//! The options of tar(1) that are supported, and those that are refused, with the reason.

use crate::args::{Opt, flag, operands_behind_letters, option, option_list, refused};

/// Why it does not unpack.
const EXTRACT: &str = "porthole writes no files, so it does not unpack archives";
/// Why it does not read archives.
const READ: &str = "porthole does not read archives; it only writes one, to standard output";
/// Why it does not change archives.
const CHANGE: &str = "porthole does not change archives; it only writes one, to standard output";
/// Why it does not follow links.
const FOLLOW: &str = "porthole does not follow links; name their targets";
/// Why it does not compress.
const COMPRESS: &str = "porthole does not compress; pipe the archive to a compressor, as in ... | gzip";

/// The supported options.
pub const OPTIONS: &[Opt] = &[
    operands_behind_letters("cf - PATH", "PATH", "the files and directories, links not followed"),
    flag("create", "write an archive, the only mode").short('c'),
    option("file", "FILE", "only -, which is standard output").short('f'),
    option("directory", "DIR", "each PATH is relative to this directory").short('C'),
    option_list("exclude", "PATTERN", "exclude names that match this, whole or after a / : * ? [a-z] [!a]"),
    flag("verbose", "print each name on stderr").short('v'),
];

/// The options that are refused.
pub const REFUSED: &[Opt] = &[
    refused("extract", EXTRACT).short('x'),
    // kubectl cp passes these before -x.
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
