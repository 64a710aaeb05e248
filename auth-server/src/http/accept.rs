//! Accepts connections, bounds them in number, and lets running requests end.

use std::{
    convert::Infallible,
    io,
    net::IpAddr,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use auth_tower::{ClientAddr, TrustedProxy};
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
    limits::{Crowd, Limits, Place},
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

/// Answers requests until it is told to end, then lets running ones end; being told again cuts that short. Whoever was told twice already is
/// told again at once.
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
    let places = Arc::new(Places::new(&proxies, limits));
    // Dropped when no further request is wanted.
    let (stop, stopped) = watch::channel(());
    // One wait for all turns: it may have got some way when the next connection comes.
    let mut told = Box::pin(told_to_end());
    loop {
        let (slot, mut accepted) = tokio::select! {
            biased;
            () = &mut told => break,
            accepted = accept(&listener, &slots) => accepted,
        };
        // Whose a connection is that another one announces will be known when that was read.
        let is_announced = proxies.announces(accepted.peer);
        let admitted = if is_announced { None } else { places.admit(accepted.peer) };
        if admitted.is_none() && !is_announced {
            continue;
        }
        let (places, proxies, service) = (Arc::clone(&places), proxies.clone(), service.clone());
        let (http, mut stopped) = (http.clone(), stopped.clone());
        tokio::spawn(async move {
            if is_announced {
                let read = tokio::select! {
                    biased;
                    read = accepted.read_announcement(limits.header) => read,
                    _ = stopped.changed() => return,
                };
                match read {
                    Ok(()) => {}
                    // The proxy has looked whether the port is open.
                    Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return,
                    Err(error) => {
                        tracing::warn!(%error, "PROXY_PROTOCOL: a connection of a proxy does not begin as it should, and is closed");
                        return;
                    }
                }
            }
            let Some(admitted) = admitted.or_else(|| places.admit(accepted.peer)) else { return };
            let (peer, only_probes) = (accepted.peer, admitted.only_probes);
            let service = service.map_request(move |mut request: Request<Incoming>| {
                let client = proxies.client(peer, request.headers());
                let client = client.unwrap_or_else(|| proxies.nobody(request.uri().path()));
                request.extensions_mut().insert(ClientAddr(client));
                if proxies.trusts(peer) {
                    request.extensions_mut().insert(TrustedProxy);
                }
                request
            });
            connection::serve(accepted, http, service, limits, only_probes, stopped).await;
            drop((slot, admitted));
        });
    }
    // Before the line that says so.
    drop((told, listener, stop));
    let connections = limits.connections.saturating_sub(slots.available_permits());
    tracing::info!(connections, "shutting down: running requests may end");
    let all = u32::try_from(limits.connections).unwrap_or(u32::MAX);
    tokio::select! {
        biased;
        _ = slots.acquire_many(all) => {}
        () = sleep(limits.grace) => tracing::warn!("requests were cut off: they took too long to end"),
        () = told_to_end() => tracing::warn!("requests were cut off by a second signal"),
    }
}

/// Who may have a connection.
struct Places {
    proxies: TrustedProxies,
    most: usize,
    crowd: Crowd,
    probes: Crowd,
    complained: Mutex<Option<Instant>>,
}

/// A connection that may be.
struct Admitted {
    /// Only for the questions of an orchestrator.
    only_probes: bool,
    /// Given back at its end.
    _place: Option<Place>,
}

impl Places {
    fn new(proxies: &TrustedProxies, limits: Limits) -> Self {
        Self {
            proxies: proxies.clone(),
            most: limits.per_network,
            crowd: Crowd::new(limits.per_network),
            probes: Crowd::new(PROBES),
            complained: Mutex::new(None),
        }
    }

    /// `None`: one that is closed unanswered.
    fn admit(&self, peer: Option<IpAddr>) -> Option<Admitted> {
        let place = peer.and_then(|peer| self.crowd.admit(peer));
        if place.is_some() || self.proxies.trusts(peer) {
            return Some(Admitted { only_probes: false, _place: place });
        }
        let mut complained = self.complained.lock().unwrap_or_else(PoisonError::into_inner);
        if complained.is_none_or(|last| last.elapsed() > COMPLAINT_REST) {
            let most = self.most;
            tracing::warn!(
                most,
                "one network has too many connections: more are closed unanswered, but for a few to /health"
            );
            *complained = Some(Instant::now());
        }
        drop(complained);
        let place = peer.and_then(|peer| self.probes.admit(peer))?;
        Some(Admitted { only_probes: true, _place: Some(place) })
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
