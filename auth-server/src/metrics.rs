//! `GET /metrics` for Prometheus, on a listener of its own: numbers of the service, nothing about a person.

use std::{convert::Infallible, time::Duration};

use auth_core::Revocations;
use bytes::Bytes;
use http::{
    HeaderValue, Method, Request, Response, StatusCode,
    header::{ALLOW, CONTENT_TYPE},
};
use http_body_util::Full;
use hyper::body::Incoming;
use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder, PrometheusHandle};
use tower::service_fn;

use crate::{
    listener::Listener,
    proxies::TrustedProxies,
    serve::{self, BOUNDS, Bounds},
};

/// Histograms keep each value until somebody looks; this empties them if nobody does.
const UPKEEP_EVERY: Duration = Duration::from_secs(5);

/// Seconds: from a fast poll to the life of an access token.
const DELAYS: [f64; 11] = [0.05, 0.1, 0.25, 0.5, 1.0, 1.5, 2.0, 5.0, 15.0, 60.0, 900.0];

/// Scrapers are few.
const CONNECTIONS: usize = 16;

/// What the libraries counted since the start, as text. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Metrics {
    counted: PrometheusHandle,
    revocations: Revocations,
}

/// Lets the libraries count from here on; before, and without it, nothing is kept.
///
/// # Errors
/// When somebody else in this process counts already.
pub(crate) fn start_counting() -> Result<PrometheusHandle, BuildError> {
    PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Suffix("_delay_seconds".to_owned()), &DELAYS)?
        .install_recorder()
}

impl Metrics {
    pub(crate) fn new(counted: PrometheusHandle, revocations: Revocations) -> Self {
        metrics::describe_histogram!(
            "auth_revocation_delay_seconds",
            "From the end of a session elsewhere until this process refused its tokens."
        );
        metrics::describe_gauge!(
            "auth_revocation_age_seconds",
            "Since the last successful question for what ended elsewhere."
        );
        Self { counted, revocations }
    }

    /// Answers for as long as the process runs.
    pub(crate) async fn serve(self, listener: Listener) {
        let counted = self.counted.clone();
        let upkeep = async move {
            let mut ticks = tokio::time::interval(UPKEEP_EVERY);
            loop {
                ticks.tick().await;
                counted.run_upkeep();
            }
        };
        let service = service_fn(move |request: Request<Incoming>| {
            let answer = self.answer(request.method(), request.uri().path());
            async move { Ok::<_, Infallible>(answer) }
        });
        let bounds = Bounds { connections: CONNECTIONS, ..BOUNDS };
        let serve =
            serve::serve(listener, service, TrustedProxies::default(), bounds, std::future::pending::<()>);
        tokio::join!(upkeep, serve);
    }

    fn answer(&self, method: &Method, path: &str) -> Response<Full<Bytes>> {
        let mut response = Response::new(Full::default());
        if path != "/metrics" {
            *response.status_mut() = StatusCode::NOT_FOUND;
        } else if !matches!(*method, Method::GET | Method::HEAD) {
            *response.status_mut() = StatusCode::METHOD_NOT_ALLOWED;
            response.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
        } else {
            *response.body_mut() = Full::from(self.text());
            let kind = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
            response.headers_mut().insert(CONTENT_TYPE, kind);
        }
        response
    }

    fn text(&self) -> String {
        if let Some(age) = self.revocations.age() {
            metrics::gauge!("auth_revocation_age_seconds").set(age);
        }
        self.counted.render()
    }
}
