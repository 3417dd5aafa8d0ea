//! Addresses of servers, and the rule that nothing but this machine is spoken to without TLS.

use crate::NetError;
use async_nats::ServerAddr;
use std::net::IpAddr;

/// The addresses in the text, checked.
pub(crate) fn addresses(server: &str, has_tls: bool) -> Result<Vec<ServerAddr>, NetError> {
    let fault = |reason: String| NetError::Address { address: server.to_owned(), reason };
    let mut found = Vec::new();
    for part in server.split(',').map(str::trim) {
        let address: ServerAddr = part.parse().map_err(|e: std::io::Error| fault(e.to_string()))?;
        if !["nats", "tls"].contains(&address.scheme()) {
            return Err(fault(format!("{} is neither nats nor tls", address.scheme())));
        }
        if address.host().is_empty() {
            return Err(fault("no host".to_owned()));
        }
        if address.has_user_pass() {
            return Err(fault("a password has no place in the address: keys say who one is".to_owned()));
        }
        if !has_tls && !is_loopback(address.host()) {
            return Err(NetError::NeedsTls { host: address.host().to_owned() });
        }
        found.push(address);
    }
    Ok(found)
}

/// True for this machine.
pub(crate) fn is_loopback(host: &str) -> bool {
    host == "localhost" || host.trim_matches(['[', ']']).parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}
