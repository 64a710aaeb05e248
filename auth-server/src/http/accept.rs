//! Accepts connections, bounds them in number, and lets running requests end.

use std::{convert::Infallible, io, sync::Arc, time::Duration};

use auth_tower::ClientAddr;
use http::{Request, Response};
use hyper::body::Incoming;
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore, watch},
    time::{Instant, sleep},
};
use tower::{Service, ServiceExt as _};

use super::{
    connection,
    layers::AnyBody,
    limits::{Crowd, Limits},
    listener::{Accepted, Listener},
    proxies::TrustedProxies,
};

/// How long to rest when no connection can be accepted, as when the process has no file descriptor left.
const ACCEPT_REST: Duration = Duration::from_secs(1);

/// How long to say no more about a network with too many connections.
const COMPLAINT_REST: Duration = Duration::from_mins(1);

/// How many connections beyond its bound a network may have for the questions of an orchestrator: a probe comes from the
/// address of whoever crowds the server more often than not.
pub(super) const PROBES: usize = 4;

/// Answers requests until it is told to end, then lets running ones end; being told again cuts that short.
pub(crate) async fn accept_until<S, B>(
    listener: Listener,
    service: S,
    proxies: TrustedProxies,
    limits: Limits,
    mut told_to_end: impl AsyncFnMut(),
) where
    S: Service<Request<Incoming>, Response = Response<B>, Error = Infallible, Future: Send>
        + Clone
        + Send
        + 'static,
    B: AnyBody,
{
    let http = connection::builder(limits);
    let slots = Arc::new(Semaphore::new(limits.connections));
    let (crowd, probes) = (Crowd::new(limits.per_network), Crowd::new(PROBES));
    let mut complained: Option<Instant> = None;
    // Dropped when no further request is wanted.
    let (stop, stopped) = watch::channel(());
    loop {
        let (slot, accepted) = tokio::select! {
            biased;
            () = told_to_end() => break,
            accepted = accept(&listener, &slots) => accepted,
        };
        let peer = accepted.peer;
        let place = peer.and_then(|peer| crowd.admit(peer));
        let is_crowded = place.is_none() && !proxies.trusts(peer);
        let place = place.or_else(|| peer.filter(|_| is_crowded).and_then(|peer| probes.admit(peer)));
        if is_crowded {
            if complained.is_none_or(|last| last.elapsed() > COMPLAINT_REST) {
                let most = limits.per_network;
                tracing::warn!(
                    most,
                    "one network has too many connections: more are closed unanswered, but for a few to /health"
                );
                complained = Some(Instant::now());
            }
            if place.is_none() {
                continue;
            }
        }
        let proxies = proxies.clone();
        let service = service.clone().map_request(move |mut request: Request<Incoming>| {
            let client = proxies.client(peer, request.headers());
            let client = client.unwrap_or_else(|| proxies.nobody(request.uri().path()));
            request.extensions_mut().insert(ClientAddr(client));
            request
        });
        let (http, stopped) = (http.clone(), stopped.clone());
        tokio::spawn(async move {
            connection::serve(accepted, http, service, limits, is_crowded, stopped).await;
            drop((slot, place));
        });
    }
    // Before the line that says so.
    drop((listener, stop));
    let connections = limits.connections.saturating_sub(slots.available_permits());
    tracing::info!(connections, "shutting down: running requests may end");
    let all = u32::try_from(limits.connections).unwrap_or(u32::MAX);
    tokio::select! {
        _ = slots.acquire_many(all) => {}
        () = sleep(limits.grace) => tracing::warn!("requests were cut off: they took too long to end"),
        () = told_to_end() => tracing::warn!("requests were cut off by a second signal"),
    }
}

/// The next connection, once there is a slot for it.
async fn accept(listener: &Listener, slots: &Arc<Semaphore>) -> (Option<OwnedSemaphorePermit>, Accepted) {
    // The semaphore is never closed, so there always is a slot at some time.
    let slot = Arc::clone(slots).acquire_owned().await.ok();
    loop {
        match listener.accept().await {
            Ok(accepted) => return (slot, accepted),
            // The client left before it was its turn.
            Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => {}
            Err(error) => {
                tracing::error!(error = %error.kind(), "no connection can be accepted; trying again");
                sleep(ACCEPT_REST).await;
            }
        }
    }
}
