//! What only a build with `remote` does.

pub mod dns;
