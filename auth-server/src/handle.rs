//! The library's handle, and what it is made of: database, keys and rules, from the settings.

use std::{sync::Arc, time::Duration};

use auth_core::{
    Auth, AuthBuilder, ConnectOptions, Keys, SecretKey,
    mail::{LogMailer, Mailer, SmtpMailer},
    oidc,
    webhooks::HttpHooks,
};
use sea_orm::DatabaseConnection;
use tokio::{task::JoinHandle, time::timeout};

use crate::{
    command::Progress,
    config::{self, Config, DatabaseConfig},
    error::{Error, SettingError},
    key_file, operator,
};

/// How long to wait for the pool to say goodbye to the database.
const CLOSE_DEADLINE: Duration = Duration::from_secs(2);

/// Connects, and makes the file of a new SQLite database first.
///
/// # Errors
/// [`Error::SqliteFile`], [`Error::Connect`], [`Error::ConnectTimeout`].
pub(crate) async fn connect(config: &DatabaseConfig) -> Result<DatabaseConnection, Error> {
    config.url.make_private_file().map_err(Error::SqliteFile)?;
    let options = ConnectOptions::new(config.url.expose())
        .max_connections(config.max_connections)
        .max_lifetime(config.max_lifetime)
        .timeout(config.timeout);
    // A host that swallows packets keeps a connection attempt longer than the pool's own deadline knows of.
    match timeout(config.timeout.saturating_mul(2), options.connect()).await {
        Ok(connected) => connected.map_err(Error::Connect),
        Err(_) => Err(Error::ConnectTimeout),
    }
}

/// Applies what is missing of the schema, and tells what it was.
///
/// # Errors
/// [`Error::Migrate`].
pub(crate) async fn bring_up_to_date(db: &DatabaseConnection) -> Result<Vec<String>, Error> {
    let _progress = Progress::begin("bringing the schema up to date");
    Ok(auth_migration::up(db).await?)
}

/// Says goodbye to the database, if it listens.
pub(crate) async fn close(db: DatabaseConnection) {
    let _ = timeout(CLOSE_DEADLINE, db.close()).await;
}

/// Leaves what goes on without a request to the other instances, if the database listens.
pub(crate) async fn hand_over(background: JoinHandle<()>, auth: &Auth) {
    background.abort();
    // What it was doing is dropped when it has ended.
    let _ = background.await;
    if !matches!(timeout(CLOSE_DEADLINE, auth.release_leases()).await, Ok(Ok(()))) {
        tracing::warn!("the turns of this instance end by themselves, webhooks wait for up to 20 seconds");
    }
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
    let builder = builder(config, db, keys, public_url)?;
    builder.build().map_err(|error| SettingError::from_core(&error))
}

fn builder(
    config: &Config,
    db: DatabaseConnection,
    keys: Keys,
    public_url: &str,
) -> Result<AuthBuilder, SettingError> {
    let mut settings = config.auth.clone();
    // The server runs it; a command beside it leaves it to the server.
    settings.background.runs_elsewhere = true;
    for name in [&mut settings.tokens.issuer, &mut settings.tokens.audience] {
        if name.is_empty() {
            public_url.clone_into(name);
        }
    }
    let page =
        |own: &Option<String>, path: &str| own.clone().unwrap_or_else(|| format!("{public_url}{path}"));
    settings.mail.verify_email_url = page(&config.mail.verify_email_url, "/verify-email");
    settings.mail.reset_password_url = page(&config.mail.reset_password_url, "/reset-password");
    settings.mail.stop_email_change_url = page(&config.mail.stop_email_change_url, "/stop-email-change");
    settings.mail.sign_in_url = page(&config.mail.sign_in_url, "/login/email/confirm");
    settings.email_codes.redirect_origins = pages(config).cloned().collect();
    settings.passkeys = config.passkeys(public_url);
    let mailer: Arc<dyn Mailer> = match &config.mail.smtp_url {
        Some(url) => {
            let mailer = SmtpMailer::new(url, &config.mail.from);
            Arc::new(mailer.map_err(|error| SettingError::from_core(&error))?)
        }
        None => Arc::new(LogMailer),
    };
    let mut builder = Auth::builder(db, keys).config(settings).mailer(mailer);
    if !config.oidc.providers.is_empty() {
        builder = builder.oidc(oidc(config, public_url));
    }
    // Without an audit there is nothing to tell; who asks for it all the same is told so.
    if config.auth.audit_retention.is_some() || config.news.tells() {
        builder = builder.webhooks(config.news.webhooks());
    }
    if let (Some(url), Some(secret)) = (&config.news.hook_url, &config.news.hook_secret) {
        let hooks = HttpHooks::new(url, secret.as_str(), &[]);
        builder = builder.hooks(Arc::new(hooks.map_err(|error| SettingError::from_core(&error))?));
    }
    if let Some(list) = &config.breached {
        builder = builder.breach_checker(list.clone());
    }
    Ok(builder)
}

/// Sign-in at providers: callbacks are where `auth-tower` has them.
fn oidc(config: &Config, public_url: &str) -> oidc::Config {
    let given = &config.oidc;
    let oidc = oidc::Config::new(format!("{public_url}/oauth")).default_redirect(&given.default_redirect);
    let oidc = given.providers.iter().cloned().fold(oidc, oidc::Config::provider);
    let oidc = pages(config).fold(oidc, oidc::Config::redirect_origin);
    if given.known_identities_only { oidc.known_identities_only() } else { oidc }
}

/// Where a browser is sent back to. An application in a web view comes back by itself.
fn pages(config: &Config) -> impl Iterator<Item = &String> {
    let is_page = |origin: &&String| ["http://", "https://"].iter().any(|web| origin.starts_with(web));
    config.http.trusted_origins.iter().filter(is_page)
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
    let public_url = config.http.public_url(config.http.listen.port);
    let builder = builder(config, db.clone(), keys(config, secret), &public_url)?;
    let auth = builder.operator(&operator::name()).build();
    Ok((db, auth.map_err(|error| SettingError::from_core(&error))?))
}

/// The secret for a first start.
///
/// # Errors
/// [`Error::Setting`], [`Error::KeyFile`].
pub(crate) fn secret(config: &Config) -> Result<SecretKey, Error> {
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
