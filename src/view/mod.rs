//! What a process sees, for every command that inspects it: which process is the application, which one
//! is the target, its root directory, files, user names, permissions and control groups.

pub mod application;
pub mod command_line;
pub mod content;
pub mod control_groups;
pub mod filesystems;
pub mod glob;
pub mod input;
pub mod metadata;
pub mod mounts;
pub mod named;
pub mod permission;
pub mod resolve;
pub mod root;
pub mod target;
pub mod users;
pub mod walk;
