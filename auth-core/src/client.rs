//! Who is asking.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use uuid::Uuid;

use crate::{ApiKeyId, DeviceToken, UserId};

/// What is known about the client of an operation; recorded with the session and in events.
///
/// Everything is optional: a host without HTTP passes [`ClientInfo::default()`].
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ClientInfo {
    /// The client's address. Behind a proxy the host must work out the true one first. `None` is counted nowhere; an
    /// unspecified address (`0.0.0.0`) counts as one network of all whose address is not known, and is not written down.
    pub ip: Option<IpAddr>,
    /// At most [`USER_AGENT_MAX`](Self::USER_AGENT_MAX) characters, control characters removed.
    pub user_agent: Option<String>,
    /// Who is signed in, where somebody acts on an account: the one it belongs to, or an administrator.
    pub actor: Option<UserId>,
    /// The id of the request, to find it in the log: at most [`REQUEST_ID_MAX`](Self::REQUEST_ID_MAX) characters.
    pub request_id: Option<String>,
    /// Who acts where nobody is signed in, as [`AuthBuilder::operator`](crate::AuthBuilder::operator) has it. Told to a sink; what a
    /// host sets here is not looked at.
    pub operator: Option<String>,
    /// Which address was typed, where no account can be named: a keyed hash, the same for the same address as long as the secret
    /// is. Told to a sink; what a host sets here is not looked at.
    pub address: Option<Uuid>,
    /// By which key it is done, where a machine acts. Told to a sink as `operator`, and written down.
    pub key: Option<ApiKeyId>,
    pub(crate) device: Option<DeviceToken>,
}

impl ClientInfo {
    /// The most characters of a user agent that are kept.
    pub const USER_AGENT_MAX: usize = 512;

    /// The most characters of a request's id that are kept.
    pub const REQUEST_ID_MAX: usize = 128;

    /// Sets who is signed in.
    pub fn actor(mut self, user: UserId) -> Self {
        self.actor = Some(user);
        self
    }

    /// Sets by which key it is done.
    pub fn key(mut self, key: ApiKeyId) -> Self {
        self.key = Some(key);
        self
    }

    /// Sets the id of the request, cut to length.
    pub fn request_id(mut self, id: &str) -> Self {
        self.request_id = Some(id.chars().filter(|c| !c.is_control()).take(Self::REQUEST_ID_MAX).collect());
        self
    }

    /// Sets the address.
    pub fn ip(mut self, ip: IpAddr) -> Self {
        self.ip = Some(ip);
        self
    }

    /// Sets the user agent, cut to length and freed of control characters (some databases refuse NUL, and
    /// nobody may write extra lines into a log).
    pub fn user_agent(mut self, user_agent: &str) -> Self {
        self.user_agent = Some(storable(user_agent));
        self
    }

    /// Sets the device token that the client got at a sign-in ([`Tokens::device`](crate::Tokens::device)): it is then no
    /// stranger to [throttling](crate::manual::throttling). One that is not genuine changes nothing.
    pub fn device(mut self, token: DeviceToken) -> Self {
        self.device = Some(token);
        self
    }

    /// What is taken for one client where clients are told apart by their addresses: an IPv4 address, in whichever of its
    /// two forms, or an IPv6 network of 64 bits (whoever has one address in it has all). `::1` is `127.0.0.1`: one machine.
    /// Throttling and the hash queue count by it; a host that counts connections should too.
    pub fn network_of(ip: IpAddr) -> IpAddr {
        match ip.to_canonical() {
            IpAddr::V6(Ipv6Addr::LOCALHOST) => Ipv4Addr::LOCALHOST.into(),
            IpAddr::V6(ip) => Ipv6Addr::from_bits(ip.to_bits() & !u128::from(u64::MAX)).into(),
            ip @ IpAddr::V4(_) => ip,
        }
    }

    /// The address to write down.
    pub(crate) fn known_ip(&self) -> Option<IpAddr> {
        self.ip.filter(|ip| !ip.is_unspecified())
    }

    /// Once more, because a host may have set the field itself.
    pub(crate) fn storable_user_agent(&self) -> Option<String> {
        self.user_agent.as_deref().map(storable)
    }
}

fn storable(user_agent: &str) -> String {
    user_agent.chars().filter(|c| !c.is_control()).take(ClientInfo::USER_AGENT_MAX).collect()
}
