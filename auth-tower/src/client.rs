//! Who is asking, as far as HTTP tells.

use std::net::IpAddr;

use auth_core::{ClientInfo, DeviceToken};
use http::{header::USER_AGENT, request::Parts};

use crate::transport::Cookies;

/// The client's address, put into the request's extensions by the host: the peer of the connection, or the
/// true address where the host knows and trusts the proxy before it.
///
/// It is recorded with sessions and events, and failures are counted for its network
/// ([throttling](auth_core::manual::throttling)). Nothing here reads `X-Forwarded-For`, `Forwarded` or the like:
/// any client can write those, and only the host knows which proxies to believe (ASVS 4.1.3). Without this
/// extension the address is unknown, and networks are not counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClientAddr(pub IpAddr);

pub(crate) fn client_info(parts: &Parts, cookies: Cookies) -> ClientInfo {
    let mut client = ClientInfo::default();
    if let Some(ClientAddr(ip)) = parts.extensions.get() {
        client = client.ip(*ip);
    }
    if let Some(agent) = parts.headers.get(USER_AGENT) {
        client = client.user_agent(&String::from_utf8_lossy(agent.as_bytes()));
    }
    if let Some(device) = cookies.device.read_one(&parts.headers) {
        client = client.device(DeviceToken::new(device));
    }
    client
}
