//! From the socket to the service: a request goes through `listener`, `accept`, `connection`, `layers` and `routes`, in this
//! order.

pub(crate) mod accept;
mod answer;
mod connection;
pub(crate) mod docs;
pub(crate) mod ending;
mod framing;
pub(crate) mod health;
pub(crate) mod layers;
pub(crate) mod limits;
pub(crate) mod listener;
pub(crate) mod metrics;
pub(crate) mod proxies;
pub(crate) mod proxy_protocol;
pub(crate) mod routes;
pub(crate) mod tls;
mod trace_context;
#[cfg(unix)]
pub(crate) mod unix_socket;
