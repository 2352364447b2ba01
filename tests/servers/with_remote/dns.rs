//! `dns --remote`, and other checks with `--remote`, against dnsmasq and against servers that
//! misbehave, in the namespaces of tests/servers/dns.rs.

mod answers;
mod checks;
mod families;
mod files;

use crate::dns::{Namespace, TIMEOUT, address, is_of_a, loopback, reply};
