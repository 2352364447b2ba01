//! What the integration tests share: running the program under test, and scripted servers that may
//! misbehave.

pub mod command;
#[allow(dead_code, reason = "not every test binary reads the whole page")]
pub mod contract;
pub mod elsewhere;
pub mod features;
pub mod network;
pub mod place;
pub mod proc_tree;
#[allow(dead_code, reason = "not every test binary needs processes")]
pub mod processes;
#[allow(dead_code, reason = "not every test binary needs another root")]
pub mod rooted;
pub mod server;
pub mod skip;
pub mod times;
