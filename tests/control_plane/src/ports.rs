//! A free loopback port.

use std::net::{Ipv4Addr, TcpListener};
use std::ops::Range;

use crate::error::StartError;

/// Below the ports that Linux gives to outgoing connections (from 32768 on, `ip_local_port_range`): otherwise a client
/// could take the API server's port while it is down for a restart, or connect to itself.
const CANDIDATES: Range<u16> = 16_384..32_768;
const TRIES: u32 = 100;

/// Finds a port on 127.0.0.1 that nobody listens on. It can be lost until the server binds it: callers try again.
pub(crate) fn free_port() -> Result<u16, StartError> {
    (0..TRIES)
        .map(|_| fastrand::u16(CANDIDATES))
        .find(|port| TcpListener::bind((Ipv4Addr::LOCALHOST, *port)).is_ok())
        .ok_or(StartError::NoFreePort { tried: TRIES })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_free_port_can_be_bound_and_is_none_that_outgoing_connections_get() {
        let port = free_port().unwrap();
        assert!(CANDIDATES.contains(&port));
        TcpListener::bind((Ipv4Addr::LOCALHOST, port)).unwrap();
    }
}
