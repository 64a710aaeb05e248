//! From the settings to a service that can answer.

use std::{io, net::SocketAddr, sync::Arc};

use auth_core::{Auth, Registration};
use auth_tower::{AccountPages, AuthService, BrowserDoor, Endpoint};
use http::HeaderValue;
use metrics_exporter_prometheus::PrometheusHandle;
use rustls::ServerConfig;
use sea_orm::DatabaseConnection;
use tokio::{net::TcpListener, sync::watch, task::JoinHandle};

use crate::{
    config::{self, Config, LOCALHOST, PagesShown},
    error::{Error, SettingError},
    handle::{auth, bring_up_to_date, connect, keys, secret},
    hash_budget,
    http::{
        docs,
        listener::{Listener, Socket},
        metrics::{self, Metrics},
    },
    logging::STARTING,
    systemd::Passed,
};

/// Everything that requests need.
pub(crate) struct Started {
    pub(crate) listener: Listener,
    /// To change the certificate of the listener with.
    pub(crate) tls: Option<watch::Sender<Arc<ServerConfig>>>,
    pub(crate) db: DatabaseConnection,
    pub(crate) auth: Auth,
    /// What goes on without a request.
    pub(crate) background: JoinHandle<()>,
    pub(crate) service: AuthService,
    /// What people see, unless it is switched off.
    pub(crate) pages: Option<AccountPages>,
    /// What answers of the program's own say of coming by TLS only.
    pub(crate) hsts: Option<HeaderValue>,
    /// Where whoever has started it finds it in a browser; the file of a socket is nothing for one.
    pub(crate) url: Option<String>,
    /// Where scrapers find their numbers.
    pub(crate) metrics: Option<SocketAddr>,
}

/// Listens, reads the key, connects, brings the schema up to date. In this order, so that a second instance started
/// by mistake touches neither key nor database.
///
/// # Errors
/// The first thing that is not as it should be.
pub(crate) async fn start(config: &Config, passed: Passed) -> Result<Started, Error> {
    let socket = Socket::open(&config.http, passed).await?;
    let address = socket.address();
    let scraped = match config.metrics {
        Some(address) => Some(listen_for_scrapers(address).await?),
        None => None,
    };
    let keys = keys(config, secret(config)?);
    let db = connect(&config.database).await?;
    for name in bring_up_to_date(&db).await? {
        tracing::info!(target: STARTING, migration = name, "applied a migration");
    }

    let port = address.map_or(config.http.listen.port, |address| address.port());
    let public_url = config.http.public_url(port);
    let auth = auth(config, db.clone(), keys, &public_url)?;
    auth.poll_keys().await.map_err(|error| Error::of_ring(&error))?;
    hash_budget::report(auth.config());
    let service = service(auth.clone(), config, &public_url)?;
    let has_pages = config.http.pages.shown != PagesShown::None;
    let pages = has_pages.then(|| pages(&service, config, &public_url)).transpose()?;
    // Once before the first request, so that what ended while this process was away is known. If it fails, the
    // watch says so and tries again.
    let _ = auth.poll_revocations().await;
    let metrics = scraped.as_ref().map(|(_, _, address)| *address);
    if let Some((listener, counted, _)) = scraped {
        tokio::spawn(Metrics::new(counted, auth.clone(), db.clone()).serve(listener));
    }
    let background = auth.clone();
    let background = tokio::spawn(async move { background.run_background().await });
    let hsts = service.hsts();
    let (tls, current) = config.http.listen.tls.clone().map(watch::channel).unzip();
    let listener = Listener::new(socket, current);
    let url = match address {
        None => None,
        // The certificate is good for this name only.
        Some(_) if tls.is_some() => Some(public_url),
        Some(address) if address.ip().is_unspecified() => {
            Some(format!("http://{LOCALHOST}:{}", address.port()))
        }
        Some(address) if address.ip().is_loopback() => Some(config.http.listen.origin(address.port())),
        Some(_) => Some(listener.place()),
    };
    let asked = url.as_deref().unwrap_or("http://localhost");
    let socket = listener.place().strip_prefix("unix:").map(|path| format!("--unix-socket {path} "));
    let socket = socket.unwrap_or_default();
    let next = if config.auth.registration == Registration::Open {
        format!(
            "{socket}{asked}/register -H 'content-type: application/json' \
             -d '{{\"email\":\"me@example.net\",\"password\":\"a long passphrase\"}}'"
        )
    } else {
        format!("{socket}{asked}/health/ready")
    };
    tracing::info!(target: STARTING, "listening on {} - try: curl -i {next}", listener.place());
    Ok(Started { listener, tls, db, auth, background, service, pages, hsts, url, metrics })
}

async fn listen_for_scrapers(address: SocketAddr) -> Result<(Listener, PrometheusHandle, SocketAddr), Error> {
    let bind_error = |source| Error::Bind { setting: "METRICS_ADDR", address: address.to_string(), source };
    let listener = TcpListener::bind(address).await.map_err(bind_error)?;
    let address = listener.local_addr().map_err(bind_error)?;
    let counted = metrics::start_counting()
        .map_err(|error| Error::System { what: "METRICS_ADDR", source: io::Error::other(error) })?;
    tracing::info!(target: STARTING, "metrics at http://{address}/metrics");
    Ok((Listener::new(Socket::Tcp(listener), None), counted, address))
}

/// # Errors
/// What is refused only when everything is put together.
pub(crate) fn service(auth: Auth, config: &Config, public_url: &str) -> Result<AuthService, SettingError> {
    let (origin, path) = config::split_url(public_url);
    let mut service = AuthService::builder(auth).public_url(origin).mounted_at(path).hsts(&config.http.hsts);
    for origin in &config.http.trusted_origins {
        service = service.trusted_origin(origin);
    }
    if !config.http.cookie_secure {
        service = service.insecure_cookie();
    }
    if config.http.browser.on {
        let door = BrowserDoor::new(&format!("{public_url}/account/sign-in"));
        let door = door.step_up(&format!("{public_url}/account/confirm"));
        let domain = config.http.browser.cookie_domain.as_deref();
        service = service.browser_door(domain.into_iter().fold(door, BrowserDoor::cookie_domain));
    }
    if !config.http.admin_api {
        service = service.without_admin();
    }
    for (path, item) in docs::doors() {
        service = service.also_described(path, item);
    }
    if !config.http.docs {
        service = service.without(Endpoint::OPENAPI);
    }
    service = service.described_version(env!("CARGO_PKG_VERSION"));
    service.build().map_err(|error| SettingError::of_library(error.setting(), error.problem()))
}

fn pages(service: &AuthService, config: &Config, public_url: &str) -> Result<AccountPages, SettingError> {
    let (_, path) = config::split_url(public_url);
    let pages = AccountPages::builder(service).mounted_at(&format!("{path}/account"));
    let pages = config.http.pages.dress(pages.name(&config.pages_name(public_url)));
    pages.build().map_err(|error| SettingError::of_library(error.setting(), error.problem()))
}
