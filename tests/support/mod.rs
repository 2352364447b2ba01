//! What the integration tests share: the program under test, and servers that behave as badly as they like.

pub mod command;
#[allow(dead_code, reason = "not every test binary looks at processes")]
pub mod processes;
pub mod server;
pub mod skip;
pub mod times;
