//! `dns`: what is said before any server is asked. The rest needs a network of its own: tests/servers/dns.rs.

mod with_remote;
mod without_remote;
