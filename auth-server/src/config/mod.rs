//! The settings: read once at the start, checked whole, and never looked up again.

mod auth;
mod database_url;
mod dotenv;
mod keys;
mod listen;
mod mail;
mod passwords;
mod providers;
mod reader;
mod secret;
mod settings;
mod value;

use std::{net::SocketAddr, path::Path, sync::Arc, time::Duration};

use auth_core::{Finding, password::BreachList};
use tracing::level_filters::LevelFilter;

pub(crate) use self::{
    database_url::DatabaseUrl,
    providers::PREFIX as PROVIDER_PREFIX,
    reader::{Given, Origin, Row, SecretFile},
    secret::RECIPE,
    settings::SETTINGS,
    value::{host_of, in_url, is_https, is_loopback},
};
use self::{dotenv::DotEnv, reader::Reader};
use crate::{
    error::SettingError,
    proxies::TrustedProxies,
    serve::{BOUNDS, Bounds},
};

const DAY: u64 = 24 * 60 * 60;

/// Everything that can be set.
#[derive(Debug)]
pub(crate) struct Config {
    /// Lifetimes, password rules, hashing. Issuer and audience are empty until the port is known.
    pub(crate) auth: auth_core::Config,
    /// Passwords from leaks.
    pub(crate) breached: Option<Arc<BreachList>>,
    pub(crate) mail: mail::MailConfig,
    pub(crate) providers: providers::ProvidersConfig,
    pub(crate) keys: keys::KeyConfig,
    /// How often to ask what other instances have ended, and for the key ring.
    pub(crate) revocation_poll: Duration,
    pub(crate) database: DatabaseConfig,
    pub(crate) http: HttpConfig,
    pub(crate) log: LogConfig,
    /// Where `/metrics` is served, if anywhere.
    pub(crate) metrics: Option<SocketAddr>,
    /// What `auth-server config` prints.
    pub(crate) rows: Vec<Row>,
    /// What is allowed, but probably not meant.
    pub(crate) warnings: Vec<Finding>,
    /// The files that secrets came from, each with the setting that named it.
    pub(crate) secret_files: Vec<SecretFile>,
}

/// How to reach the database.
#[derive(Debug)]
pub(crate) struct DatabaseConfig {
    pub(crate) url: DatabaseUrl,
    pub(crate) max_connections: u32,
    pub(crate) timeout: Duration,
}

/// Where to listen, and whom to believe.
#[expect(clippy::struct_excessive_bools, reason = "each is a setting of its own")]
#[derive(Debug)]
pub(crate) struct HttpConfig {
    pub(crate) listen: listen::ListenConfig,
    pub(crate) public_url: Option<String>,
    pub(crate) trusted_origins: Vec<String>,
    pub(crate) trusted_proxies: TrustedProxies,
    pub(crate) cookie_secure: bool,
    pub(crate) registration_open: bool,
    pub(crate) admin_api: bool,
    pub(crate) docs: bool,
    pub(crate) bounds: Bounds,
}

impl HttpConfig {
    /// The origin that clients see, once the port is known.
    pub(crate) fn public_url(&self, port: u16) -> String {
        self.public_url.clone().unwrap_or_else(|| self.listen.origin(port))
    }
}

/// What is logged, and how.
#[derive(Debug, Clone, Copy)]
pub(crate) struct LogConfig {
    pub(crate) level: LevelFilter,
    /// `None`: for humans on a terminal, else JSON.
    pub(crate) format: Option<LogFormat>,
}

/// The form of a log line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LogFormat {
    /// For a terminal.
    Human,
    /// One object a line.
    Json,
}

impl Config {
    /// Reads all settings: `given` over the `.env` of `directory`.
    ///
    /// # Errors
    /// The first setting that cannot be used.
    pub(crate) fn load(given: Vec<Given>, directory: &Path) -> Result<Self, SettingError> {
        Self::load_without(&[], given, directory)
    }

    /// The same as if some settings had not been given, for a look at the others.
    ///
    /// # Errors
    /// As [`load`](Self::load).
    pub(crate) fn load_without(
        names: &[String],
        mut given: Vec<Given>,
        directory: &Path,
    ) -> Result<Self, SettingError> {
        let mut dotenv = DotEnv::read(&directory.join(".env"))?;
        given.retain(|given| !names.contains(&given.name));
        dotenv.values.retain(|name, _| !names.contains(name));
        let mut reader = Reader::new(given, dotenv);
        let mut warnings = Vec::new();
        let algorithms = keys::read_algorithms(&mut reader)?;
        let mut auth = auth::read_auth(&mut reader, &mut warnings)?;
        let revocation_poll =
            Duration::from_millis(reader.number("REVOCATION_POLL_MS", 1000, 100, 60_000)?);
        auth.key_publish_ahead = read_publish_ahead(&mut reader, auth.key_publish_ahead, revocation_poll)?;
        auth.revocation_max_age = read_max_age(&mut reader, revocation_poll)?;
        let database = read_database(&mut reader)?;
        let http = read_http(&mut reader, &mut warnings)?;
        let breached = passwords::read_passwords(&mut reader, &mut auth, http.public_url.as_deref())?;
        let mail = mail::read_mail(&mut reader, &mut auth, http.public_url.as_deref(), &mut warnings)?;
        let providers = providers::read_providers(&mut reader, &mut warnings)?;
        let keys = keys::read_keys(&mut reader, algorithms, &database.url)?;
        read_names(&mut reader, &mut auth, &http.public_url(http.listen.port))?;
        let log = read_log(&mut reader)?;
        let metrics = reader.setting(
            "METRICS_ADDR",
            None,
            |text| value::address(text).map(Some),
            |address| address.map_or_else(String::new, |address| address.to_string()),
        )?;
        let (mut rows, secret_files, dotenv_warnings) = reader.finish();
        rows.sort_by_key(|row| {
            let place = SETTINGS.iter().position(|setting| setting.name == row.name);
            place.unwrap_or(SETTINGS.len())
        });
        warnings.extend(dotenv_warnings);
        Ok(Self {
            auth,
            breached,
            mail,
            providers,
            keys,
            revocation_poll,
            database,
            http,
            log,
            metrics,
            rows,
            warnings,
            secret_files,
        })
    }
}

/// Instances have a sixth of it to learn of a key.
fn read_publish_ahead(
    reader: &mut Reader,
    default: Duration,
    poll: Duration,
) -> Result<Duration, SettingError> {
    const NAME: &str = "KEY_PUBLISH_AHEAD_SECONDS";
    let ahead = Duration::from_secs(reader.number(NAME, default.as_secs(), 1, 7 * DAY)?);
    if ahead < poll.saturating_mul(6) {
        let problem =
            "is less than six times REVOCATION_POLL_MS: a key would sign before all instances know it";
        return Err(SettingError::new(NAME, problem));
    }
    Ok(ahead)
}

/// What a failing poll means for `/verify`: nothing by default, so that it goes on while the database is away.
fn read_max_age(reader: &mut Reader, poll: Duration) -> Result<Option<Duration>, SettingError> {
    const NAME: &str = "REVOCATION_MAX_AGE_SECONDS";
    let max_age = Duration::from_secs(reader.number(NAME, 0, 0, 86_400)?);
    if !max_age.is_zero() && max_age < poll.saturating_mul(2) {
        let problem = "is less than two polls (REVOCATION_POLL_MS): every slow poll would refuse everybody";
        return Err(SettingError::new(NAME, problem));
    }
    Ok(Some(max_age).filter(|max_age| !max_age.is_zero()))
}

/// Issuer and audience; empty stands for the public URL, which may not be known before the port is.
fn read_names(
    reader: &mut Reader,
    auth: &mut auth_core::Config,
    public_url: &str,
) -> Result<(), SettingError> {
    let text = |text: &str| {
        let fine = text.len() <= 256 && !text.chars().any(char::is_control);
        if fine { Ok(text.to_owned()) } else { Err("is no short line of text; name the service".to_owned()) }
    };
    let show = |text: &String| if text.is_empty() { public_url.to_owned() } else { text.clone() };
    auth.issuer = reader.setting("ISSUER", String::new(), text, show)?;
    auth.audience = reader.setting("AUDIENCE", String::new(), text, show)?;
    Ok(())
}

fn read_database(reader: &mut Reader) -> Result<DatabaseConfig, SettingError> {
    let (text, origin) = match reader.secret("DATABASE_URL")? {
        Some((text, origin)) => (text, origin),
        None => ("sqlite://auth.db?mode=rwc".to_owned().into(), Origin::Default.to_string()),
    };
    let url = DatabaseUrl::parse(text.trim())
        .map_err(|problem| SettingError::new("DATABASE_URL", problem).from(&origin))?;
    reader.show("DATABASE_URL", url.redacted(), origin);
    Ok(DatabaseConfig {
        url,
        max_connections: reader.number("DATABASE_MAX_CONNECTIONS", 8, 1, 1000)?,
        timeout: Duration::from_millis(reader.number("DATABASE_TIMEOUT_MS", 3000, 100, 60_000)?),
    })
}

fn read_http(reader: &mut Reader, warnings: &mut Vec<Finding>) -> Result<HttpConfig, SettingError> {
    let listen = listen::read_listen(reader, warnings)?;
    let default = listen.origin(listen.port);
    let public_url = reader.setting(
        "PUBLIC_URL",
        None,
        |text| value::origin(text).map(Some),
        |url| url.clone().unwrap_or(default),
    )?;
    let trusted_origins = reader.setting(
        "TRUSTED_ORIGINS",
        Vec::new(),
        |text| {
            let items = text.split(',').map(str::trim).filter(|item| !item.is_empty());
            items
                .map(|item| {
                    value::trusted_origin(item).map_err(|problem| format!("has an entry that {problem}"))
                })
                .collect()
        },
        |origins: &Vec<String>| origins.join(","),
    )?;
    let trusted_proxies = reader.setting(
        "TRUSTED_PROXIES",
        TrustedProxies::default(),
        TrustedProxies::parse,
        ToString::to_string,
    )?;
    let cookie_secure = reader.setting("COOKIE_SECURE", true, value::boolean, ToString::to_string)?;
    let registration_open = reader.setting("REGISTRATION", true, value::registration, |open| {
        if *open { "open".to_owned() } else { "closed".to_owned() }
    })?;
    let admin_api = reader
        .setting("ADMIN_API", true, value::on, |on| if *on { "on".to_owned() } else { "off".to_owned() })?;
    let docs =
        reader.setting("DOCS", true, value::on, |on| if *on { "on".to_owned() } else { "off".to_owned() })?;
    let connections = reader.number("MAX_CONNECTIONS", BOUNDS.connections, 1, 1_000_000)?;
    let per_network =
        reader.number("MAX_CONNECTIONS_PER_ADDRESS", BOUNDS.per_network.min(connections), 1, connections)?;
    listen.check(public_url.as_deref(), &trusted_proxies, warnings)?;
    match &public_url {
        _ if !cookie_secure && (listen.tls.is_some() || public_url.as_deref().is_some_and(value::is_https)) => {
            let problem = "cannot be false while PUBLIC_URL is https: remove it";
            return Err(SettingError::new("COOKIE_SECURE", problem));
        }
        Some(url) if !value::is_https(url) && !value::is_loopback(value::host_of(url)) => {
            warnings.push(Finding::warning(
                "public_url_http",
                "PUBLIC_URL is http and not this machine: passwords can be read on the way, and browsers drop the cookie \
                 if it is Secure",
                "use https, or COOKIE_SECURE=false for development",
            ));
        }
        None if !value::is_loopback(&listen.host) => warnings.push(Finding::warning(
            "public_url_missing",
            "HOST is not this machine only and PUBLIC_URL is not set: pages of the public address are refused as \
             cross-origin, and tokens name a wrong issuer",
            "set PUBLIC_URL",
        )),
        _ => {}
    }
    Ok(HttpConfig {
        listen,
        public_url,
        trusted_origins,
        trusted_proxies,
        cookie_secure,
        registration_open,
        admin_api,
        docs,
        bounds: Bounds { connections, per_network, ..BOUNDS },
    })
}

fn read_log(reader: &mut Reader) -> Result<LogConfig, SettingError> {
    let level = reader.setting("LOG_LEVEL", LevelFilter::INFO, value::level, ToString::to_string)?;
    let format = reader.setting(
        "LOG_FORMAT",
        None,
        |text| value::log_format(text).map(Some),
        |format| match format {
            None => "(human on a terminal, else json)".to_owned(),
            Some(LogFormat::Human) => "human".to_owned(),
            Some(LogFormat::Json) => "json".to_owned(),
        },
    )?;
    Ok(LogConfig { level, format })
}

impl Reader {
    fn number<T>(&mut self, name: &'static str, default: T, least: T, most: T) -> Result<T, SettingError>
    where
        T: Copy + PartialOrd + ToString + std::str::FromStr,
    {
        let parse = |text: &str| match text.parse::<T>() {
            Ok(number) if number >= least && number <= most => Ok(number),
            _ => Err(format!(
                "is not a whole number from {} to {}; the default is {}",
                least.to_string(),
                most.to_string(),
                default.to_string()
            )),
        };
        self.setting(name, default, parse, T::to_string)
    }
}
