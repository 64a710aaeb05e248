//! Who is asking, as far as HTTP tells.

use std::net::IpAddr;

use auth_core::{ClientInfo, DeviceToken, Principal};
use http::{header::USER_AGENT, request::Parts};

use crate::{headers::given_request_id, transport::Cookies};

/// The client's address, put into the request's extensions by the host: the peer of the connection, or the
/// true address where the host knows and trusts the proxy before it.
///
/// It is recorded with sessions and events, and failures are counted for its network
/// ([throttling](auth_core::manual::throttling)). Nothing here reads `X-Forwarded-For`, `Forwarded` or the like:
/// any client can write those, and only the host knows which proxies to believe (ASVS 4.1.3). Without this
/// extension the address is unknown, and networks are not counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClientAddr(pub IpAddr);

/// Put into the request's extensions by the host where whoever is connected is a proxy that it trusts: `GET /verify/browser` then believes
/// what its headers tell of the request that it asks about. Anybody else can write those.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TrustedProxy;

/// Who asks, for the operations of [`Auth`](auth_core::Auth) that a host calls itself: the [`ClientAddr`] in the request's
/// extensions, the user agent, the request's id, the device cookie, and who is signed in behind an
/// [`AuthLayer`](crate::AuthLayer). What is not there stays open. In axum the extractor `axum::Client` does this.
///
/// ```
/// use auth_tower::{ClientAddr, client_info};
/// use http::Request;
///
/// let request = Request::get("/").header("user-agent", "curl").extension(ClientAddr([192, 0, 2, 1].into()));
/// let (parts, ()) = request.body(())?.into_parts();
/// assert_eq!(client_info(&parts).ip, Some([192, 0, 2, 1].into()));
/// # Ok::<(), http::Error>(())
/// ```
pub fn client_info(parts: &Parts) -> ClientInfo {
    // A name without `__Host-` may be set by others, who gain nothing: a token that is not genuine changes nothing.
    let cookies = if Cookies::SECURE.device.read_one(&parts.headers).is_some() {
        Cookies::SECURE
    } else {
        Cookies::INSECURE
    };
    let mut client = of_service(parts, cookies);
    if let Some(id) = given_request_id(&parts.headers).and_then(|id| id.to_str().ok()) {
        client = client.request_id(id);
    }
    if let Some(caller) = parts.extensions.get::<Principal>() {
        client = client.actor(caller.user_id());
        client.key = caller.key_id();
    }
    client
}

/// The same at the doors of the service, which knows its cookies and finds out itself who is calling.
pub(crate) fn of_service(parts: &Parts, cookies: Cookies) -> ClientInfo {
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
