//! What the integration tests share: the program under test, and servers that behave as badly as they like.

pub mod command;
pub mod network;
pub mod proc_tree;
pub mod server;
pub mod skip;
pub mod times;
