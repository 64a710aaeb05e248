//! From the settings to a service that can answer.

use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use auth_core::{
    Auth, ConnectOptions, Keys, SecretKey,
    mail::{LogMailer, Mailer, SmtpMailer},
    oidc,
};
use auth_tower::{AuthService, Endpoint};
use metrics_exporter_prometheus::PrometheusHandle;
use rustls::ServerConfig;
use sea_orm::DatabaseConnection;
use tokio::{net::TcpListener, sync::watch, time::timeout};

use crate::{
    budget,
    config::{self, Config, DatabaseConfig},
    docs,
    error::{Error, SettingError},
    key_file,
    listener::{Listener, Socket},
    metrics::{self, Metrics},
    systemd::Passed,
};

/// How often ended sessions are removed.
const SWEEP_EVERY: Duration = Duration::from_mins(10);

/// How often the outbox is looked at for mails of other instances, and those that have to be tried again. Its own leave at
/// once.
const MAIL_EVERY: Duration = Duration::from_secs(5);

/// Connects, and makes the file of a new SQLite database first.
///
/// # Errors
/// [`Error::SqliteFile`], [`Error::Connect`], [`Error::ConnectTimeout`].
pub(crate) async fn connect(config: &DatabaseConfig) -> Result<DatabaseConnection, Error> {
    config.url.make_private_file().map_err(Error::SqliteFile)?;
    let options = ConnectOptions::new(config.url.expose())
        .max_connections(config.max_connections)
        .timeout(config.timeout);
    // A host that swallows packets keeps a connection attempt longer than the pool's own deadline knows of.
    match timeout(config.timeout.saturating_mul(2), options.connect()).await {
        Ok(connected) => connected.map_err(Error::Connect),
        Err(_) => Err(Error::ConnectTimeout),
    }
}

/// Everything that requests need.
pub(crate) struct Started {
    pub(crate) listener: Listener,
    /// To change the certificate of the listener with.
    pub(crate) tls: Option<watch::Sender<Arc<ServerConfig>>>,
    pub(crate) db: DatabaseConnection,
    pub(crate) auth: Auth,
    pub(crate) service: AuthService,
    pub(crate) https: bool,
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
    for name in auth_migration::up(&db).await? {
        tracing::info!(migration = name, "applied a migration");
    }

    let port = address.map_or(config.http.listen.port, |address| address.port());
    let public_url = config.http.public_url(port);
    let auth = auth(config, db.clone(), keys, &public_url)?;
    auth.poll_keys().await.map_err(|error| Error::of_ring(&error))?;
    budget::report(auth.config());
    let service = service(auth.clone(), config, &public_url)?;
    // Once before the first request, so that what ended while this process was away is known. If it fails, the
    // watch says so and tries again.
    let _ = auth.poll_revocations().await;
    if let Some((listener, counted)) = scraped {
        tokio::spawn(Metrics::new(counted, auth.clone(), db.clone()).serve(listener));
    }
    let (watcher, poll) = (auth.clone(), config.revocation_poll);
    tokio::spawn(async move { watcher.watch_revocations(poll).await });
    let watcher = auth.clone();
    tokio::spawn(async move { watcher.watch_keys(poll).await });
    let postman = auth.clone();
    tokio::spawn(async move { postman.keep_delivering_mail(MAIL_EVERY).await });
    let sweeper = auth.clone();
    tokio::spawn(async move { sweeper.keep_sweeping(SWEEP_EVERY).await });
    let https = service.origin_policy().is_https();
    let (tls, current) = config.http.listen.tls.clone().map(watch::channel).unzip();
    let listener = Listener::new(socket, current);
    let reachable = match address {
        None => format!("--unix-socket {} http://localhost", listener.place().trim_start_matches("unix:")),
        // The certificate is good for this name only.
        Some(_) if tls.is_some() => public_url,
        Some(address) if address.ip().is_unspecified() => format!("http://127.0.0.1:{}", address.port()),
        Some(_) => listener.place(),
    };
    let next = if config.http.registration_open {
        format!(
            "{reachable}/register -H 'content-type: application/json' \
             -d '{{\"email\":\"me@example.net\",\"password\":\"a long passphrase\"}}'"
        )
    } else {
        format!("{reachable}/health/ready")
    };
    tracing::info!("listening on {} - try: curl -i {next}", listener.place());
    Ok(Started { listener, tls, db, auth, service, https })
}

async fn listen_for_scrapers(address: SocketAddr) -> Result<(Listener, PrometheusHandle), Error> {
    let bind_error = |source| Error::Bind { setting: "METRICS_ADDR", address: address.to_string(), source };
    let listener = TcpListener::bind(address).await.map_err(bind_error)?;
    let address = listener.local_addr().map_err(bind_error)?;
    let counted = metrics::start_counting()
        .map_err(|error| Error::System { what: "METRICS_ADDR", source: io::Error::other(error) })?;
    tracing::info!("metrics at http://{address}/metrics");
    Ok((Listener::new(Socket::Tcp(listener), None), counted))
}

/// The handle. Reads nothing yet.
///
/// # Errors
/// [`SettingError`].
pub(crate) fn auth(
    config: &Config,
    db: DatabaseConnection,
    keys: Keys,
    public_url: &str,
) -> Result<Auth, SettingError> {
    let mut settings = config.auth.clone();
    for name in [&mut settings.issuer, &mut settings.audience] {
        if name.is_empty() {
            public_url.clone_into(name);
        }
    }
    let page =
        |own: &Option<String>, path: &str| own.clone().unwrap_or_else(|| format!("{public_url}{path}"));
    settings.verify_email_url = page(&config.mail.verify_email_url, "/verify-email");
    settings.reset_password_url = page(&config.mail.reset_password_url, "/reset-password");
    let mailer: Arc<dyn Mailer> = match &config.mail.smtp {
        Some(smtp) => {
            let mailer = SmtpMailer::new(&smtp.url, &smtp.from);
            Arc::new(mailer.map_err(|error| SettingError::from_core(&error))?)
        }
        None => Arc::new(LogMailer),
    };
    let mut builder = Auth::builder(db, keys).config(settings).mailer(mailer);
    if !config.providers.providers.is_empty() {
        builder = builder.oidc(oidc(config, public_url));
    }
    if let Some(list) = &config.breached {
        builder = builder.breach_checker(list.clone());
    }
    builder.build().map_err(|error| SettingError::from_core(&error))
}

/// Sign-in at providers: callbacks are where `auth-tower` has them.
fn oidc(config: &Config, public_url: &str) -> oidc::Config {
    let given = &config.providers;
    let oidc = oidc::Config::new(format!("{public_url}/oauth")).default_redirect(&given.default_redirect);
    let oidc = given.providers.iter().cloned().fold(oidc, oidc::Config::provider);
    // A browser is sent to pages; an application in a web view comes back by itself.
    let pages = config
        .http
        .trusted_origins
        .iter()
        .filter(|origin| ["http://", "https://"].iter().any(|web| origin.starts_with(web)));
    let oidc = pages.fold(oidc, oidc::Config::redirect_origin);
    if given.known_identities_only { oidc.known_identities_only() } else { oidc }
}

/// Database and handle for a command beside running servers: changes no schema and makes no secret.
///
/// # Errors
/// [`Error::Connect`], [`Error::Pending`], [`Error::Setting`], [`Error::KeyFile`].
pub(crate) async fn beside(config: &Config) -> Result<(DatabaseConnection, Auth), Error> {
    let db = connect(&config.database).await?;
    if auth_migration::status(&db).await?.iter().any(|migration| !migration.applied) {
        return Err(Error::Pending);
    }
    let secret = secret_again(config.keys.secret.as_ref(), &config.database)?;
    let auth =
        auth(config, db.clone(), keys(config, secret), &config.http.public_url(config.http.listen.port))?;
    Ok((db, auth))
}

/// The secret for a first start.
fn secret(config: &Config) -> Result<SecretKey, Error> {
    match (&config.keys.secret, config.database.url.sqlite_file()) {
        (Some(secret), _) => Ok(secret.clone()),
        (None, Some(file)) => key_file::read_or_make(file),
        (None, None) => Err(no_secret()),
    }
}

/// The secret of a service that there is: none is made.
///
/// # Errors
/// [`Error::Setting`], [`Error::KeyFile`].
pub(crate) fn secret_again(given: Option<&SecretKey>, database: &DatabaseConfig) -> Result<SecretKey, Error> {
    match (given, database.url.sqlite_file()) {
        (Some(secret), _) => Ok(secret.clone()),
        (None, Some(file)) => key_file::read_again(file),
        (None, None) => Err(no_secret()),
    }
}

fn no_secret() -> Error {
    let problem = format!("is needed with this database, so that all instances share it; {}", config::RECIPE);
    SettingError::new("SECRET_KEY", problem).into()
}

/// Everything that is to sign and to verify.
pub(crate) fn keys(config: &Config, newest: SecretKey) -> Keys {
    let given = &config.keys;
    let algorithm = given.algorithms.current;
    let keys = Keys::new(newest);
    let keys = match &given.private {
        Some(key) => keys.private_key(key.clone()),
        None if algorithm.is_hmac() => keys.algorithm(algorithm),
        None => keys.key_ring(algorithm),
    };
    let keys = given.previous.iter().cloned().fold(keys, Keys::previous);
    let keys = given.also_verify.iter().cloned().fold(keys, Keys::also_verify);
    given.algorithms.previous.into_iter().fold(keys, Keys::also_verify_hmac)
}

fn service(auth: Auth, config: &Config, public_url: &str) -> Result<AuthService, SettingError> {
    let mut service = AuthService::builder(auth).public_url(public_url);
    for origin in &config.http.trusted_origins {
        service = service.trusted_origin(origin);
    }
    if !config.http.cookie_secure {
        service = service.insecure_cookie();
    }
    if !config.http.registration_open {
        service = service.registration_closed();
    }
    if !config.http.admin_api {
        service = service.without_admin();
    }
    for (path, item) in docs::doors() {
        service = service.also_described(path, item);
    }
    if !config.http.docs {
        service = service.without(Endpoint::OpenApi);
    }
    service.build().map_err(|error| {
        let name = match error.setting() {
            "public_url" => "PUBLIC_URL",
            "trusted_origin" => "TRUSTED_ORIGINS",
            "insecure_cookie" => "COOKIE_SECURE",
            other => other,
        };
        SettingError::new(name, error.problem())
    })
}
