//! What the integration tests share: the program under test, and servers that behave as badly as they like.

pub mod command;
pub mod elsewhere;
pub mod features;
pub mod network;
pub mod place;
pub mod proc_tree;
#[allow(dead_code, reason = "not every test binary looks at processes")]
pub mod processes;
#[allow(dead_code, reason = "not every test binary looks below another root")]
pub mod rooted;
pub mod server;
pub mod skip;
pub mod times;
