//! `GET /metrics` for Prometheus, on a listener of its own: numbers of the service, nothing about a person. Libraries count as
//! they go; what has a level rather than a history is looked at when somebody asks.

#[cfg(target_os = "linux")]
mod process;
pub(super) mod requests;

use std::{
    convert::Infallible,
    time::{Duration, SystemTime},
};

use auth_core::Auth;
use bytes::Bytes;
use http::{
    HeaderValue, Method, Request, Response, StatusCode,
    header::{ALLOW, CONTENT_TYPE},
};
use http_body_util::Full;
use hyper::body::Incoming;
use metrics::{Unit, counter, describe_counter, describe_gauge, describe_histogram, gauge};
use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder, PrometheusHandle};
use sea_orm::{DatabaseConnection, DbBackend};
use tower::service_fn;

use super::{
    accept::accept_until,
    limits::{LIMITS, Limits},
    listener::Listener,
    proxies::TrustedProxies,
};

/// Histograms keep each value until somebody looks; this empties them if nobody does.
const UPKEEP_EVERY: Duration = Duration::from_secs(5);

/// What the outbox holds costs a statement: it is not asked for by whoever reaches the listener.
const BACKLOG_EVERY: Duration = Duration::from_secs(5);

/// Seconds: from a read of the memory to the longest that a request may take.
const LATENCIES: [f64; 14] =
    [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 30.0];

/// Seconds: from a fast poll to the life of an access token.
const DELAYS: [f64; 11] = [0.05, 0.1, 0.25, 0.5, 1.0, 1.5, 2.0, 5.0, 15.0, 60.0, 900.0];

/// Scrapers are few, and come anew each time. No one of them keeps the others out.
const CONNECTIONS: usize = 16;

/// What the libraries counted since the start, as text. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Metrics {
    counted: PrometheusHandle,
    auth: Auth,
    db: DatabaseConnection,
    began: SystemTime,
}

/// Lets the libraries count from here on; before, and without it, nothing is kept.
///
/// # Errors
/// When somebody else in this process counts already.
pub(crate) fn start_counting() -> Result<PrometheusHandle, BuildError> {
    let counted = PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Full("auth_revocation_delay_seconds".to_owned()), &DELAYS)?
        .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), &LATENCIES)?
        .install_recorder()?;
    describe();
    // Prometheus sees no rise in a number that begins with 1: those that somebody is woken up for begin with 0.
    for event in [
        "refresh_reused",
        "row_was_older",
        "account_closed",
        "factor_locked",
        "reclaimed",
        "stored_hash_unusable",
    ] {
        counter!("auth_events_total", "event" => event, "reason" => "").increment(0);
    }
    counter!("auth_http_requests_total", "route" => "none", "method" => "GET", "status" => "500")
        .increment(0);
    Ok(counted)
}

/// The manual's page on metrics has the labels, and what to make of the numbers.
fn describe() {
    let seconds = |name, text| describe_histogram!(name, Unit::Seconds, text);
    seconds("auth_http_request_seconds", "From the head of a request to that of its answer, by route.");
    seconds("auth_hash_wait_seconds", "How long a password waited for a slot to be hashed.");
    seconds("auth_hash_seconds", "How long it took to hash a password.");
    seconds(
        "auth_revocation_delay_seconds",
        "From the end of a session elsewhere until its tokens were refused here.",
    );
    describe_counter!("auth_http_requests_total", "Requests by route, method and status.");
    describe_counter!(
        "auth_events_total",
        "Security events by code and reason: sign-ins, failures, throttling and more."
    );
    describe_counter!("auth_refreshes_total", "Refreshes by what became of them.");
    describe_counter!("auth_sweep_failures_total", "Removals of what had ended that failed, by table.");
    describe_counter!("auth_challenges_total", "Second factors by purpose and what became of them.");
    describe_counter!("auth_api_keys_total", "API keys that were shown, by what became of them.");
    describe_counter!("auth_service_tokens_total", "Tokens that service accounts got for their keys.");
    describe_counter!("auth_feed_events_total", "Events that got their place in the feed.");
    describe_counter!("auth_webhook_deliveries_total", "Tries to hand events over, by what became of them.");
    describe_counter!("auth_hooks_total", "Questions to the hook, by what became of them.");
    describe_counter!("auth_mails_total", "Tries to send a mail, by what became of them.");
    describe_counter!(
        "auth_hash_refused_total",
        "Passwords for which there was no place in the queue, or no slot in time."
    );
    describe_gauge!("auth_hash_slots", "Passwords that may be hashed at once.");
    describe_gauge!("auth_hash_running", "Passwords that are hashed now.");
    describe_gauge!("auth_hash_waiting", "Passwords that wait for a slot.");
    describe_gauge!("auth_mail_waiting", "Mails in the outbox, of all instances.");
    describe_gauge!("auth_mail_oldest_seconds", "Age of the oldest mail in the outbox.");
    describe_gauge!("auth_database_connections", "Connections of the pool by state.");
    describe_gauge!(
        "auth_revocation_age_seconds",
        "Since the last successful question for what ended elsewhere."
    );
    describe_gauge!("auth_build_info", "1; the label is the version of the program.");
}

impl Metrics {
    pub(crate) fn new(counted: PrometheusHandle, auth: Auth, db: DatabaseConnection) -> Self {
        gauge!("auth_build_info", "version" => env!("CARGO_PKG_VERSION")).set(1);
        // Where the program is up to date this is moments after it began.
        let began = auth.clock().now();
        Self { counted, auth, db, began }
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
        let outbox = look_at_the_outbox(self.auth.clone());
        let service = service_fn(move |request: Request<Incoming>| {
            let answer = self.answer(request.method(), request.uri().path());
            async move { Ok::<_, Infallible>(answer) }
        });
        let limits = Limits {
            connections: CONNECTIONS,
            per_network: CONNECTIONS / 2,
            age: Duration::from_mins(1),
            ..LIMITS
        };
        let serve =
            accept_until(listener, service, TrustedProxies::default(), limits, std::future::pending::<()>);
        tokio::join!(upkeep, outbox, serve);
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
        if let Some(age) = self.auth.revocations().age() {
            gauge!("auth_revocation_age_seconds").set(age);
        }
        let hashing = self.auth.hash_pool();
        gauge!("auth_hash_slots").set(number(hashing.slots));
        gauge!("auth_hash_running").set(number(hashing.running));
        gauge!("auth_hash_waiting").set(number(hashing.waiting));
        counter!("auth_hash_refused_total").absolute(hashing.refused);
        let (open, idle) = connections(&self.db);
        gauge!("auth_database_connections", "state" => "idle").set(number(idle));
        gauge!("auth_database_connections", "state" => "used").set(number(open.saturating_sub(idle)));
        self.counted.render() + &self.process()
    }

    #[cfg(target_os = "linux")]
    fn process(&self) -> String {
        process::text(self.began)
    }

    #[cfg(not(target_os = "linux"))]
    fn process(&self) -> String {
        String::new()
    }
}

/// Without a mailer there is none, and nothing is told.
async fn look_at_the_outbox(auth: Auth) {
    let mut ticks = tokio::time::interval(BACKLOG_EVERY);
    while auth.sends_mail() {
        ticks.tick().await;
        // Of a database that is away others tell.
        if let Ok(backlog) = auth.mail_backlog().await {
            gauge!("auth_mail_waiting").set(f64::from(u32::try_from(backlog.waiting).unwrap_or(u32::MAX)));
            gauge!("auth_mail_oldest_seconds").set(backlog.oldest.unwrap_or_default());
        }
    }
}

/// Open ones, and those of them that nobody uses.
fn connections(db: &DatabaseConnection) -> (usize, usize) {
    let (open, idle) = match db.get_database_backend() {
        DbBackend::Postgres => {
            let pool = db.get_postgres_connection_pool();
            (pool.size(), pool.num_idle())
        }
        DbBackend::MySql => {
            let pool = db.get_mysql_connection_pool();
            (pool.size(), pool.num_idle())
        }
        DbBackend::Sqlite => {
            let pool = db.get_sqlite_connection_pool();
            (pool.size(), pool.num_idle())
        }
        _ => (0, 0),
    };
    (usize::try_from(open).unwrap_or(usize::MAX), idle)
}

fn number(count: usize) -> f64 {
    f64::from(u32::try_from(count).unwrap_or(u32::MAX))
}
