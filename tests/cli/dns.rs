//! `dns`: what it reports before it queries a server. The other tests need a network namespace:
//! tests/servers/dns.rs.

mod with_remote;
mod without_remote;
