//! Tests that need a build with `remote`.

pub mod dns;
