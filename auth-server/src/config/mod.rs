//! The settings: read once at the start, checked whole, and never looked up again.

mod database_url;
mod dotenv;
mod keys;
mod lifetimes;
mod listen;
mod mail;
mod news;
mod oidc;
mod pages;
mod passkeys;
mod passwords;
mod reader;
mod secret;
mod setting;
mod settings;
mod value;

use std::{collections::HashMap, net::SocketAddr, path::Path, sync::Arc, time::Duration};

use auth_core::{Finding, password::BreachList};
use tracing::level_filters::LevelFilter;

pub(crate) use self::{
    database_url::DatabaseUrl,
    oidc::PREFIX as PROVIDER_PREFIX,
    pages::PagesShown,
    reader::{Given, Origin, Row, SecretFile},
    secret::RECIPE,
    setting::Setting,
    settings::{SETTINGS, named_by_libraries, setting},
    value::{LOCALHOST, host_of, in_url, is_https, is_loopback, split_url},
};
use self::{
    dotenv::DotEnv, keys::KeyConfig, listen::ListenConfig, mail::MailConfig, news::NewsConfig,
    oidc::OidcConfig, pages::PagesConfig, passkeys::PasskeyConfig, reader::Reader,
};
use crate::{
    error::SettingError,
    http::{
        limits::{LIMITS, Limits},
        proxies::TrustedProxies,
    },
};

/// What mails call a service that nobody has given a name or an address.
const NAMELESS: &str = "this service";

/// Everything that can be set.
#[derive(Debug)]
pub(crate) struct Config {
    /// Lifetimes, password rules, hashing. Issuer and audience are empty until the port is known.
    pub(crate) auth: auth_core::Config,
    /// Passwords from leaks.
    pub(crate) breached: Option<Arc<BreachList>>,
    pub(crate) mail: mail::MailConfig,
    pub(crate) news: news::NewsConfig,
    pub(crate) oidc: oidc::OidcConfig,
    pub(crate) passkeys: passkeys::PasskeyConfig,
    pub(crate) keys: keys::KeyConfig,
    /// How often to ask what other instances have ended, and for the key ring.
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
    pub(crate) max_lifetime: Duration,
    pub(crate) timeout: Duration,
}

/// Where to listen, and whom to believe.
#[derive(Debug)]
pub(crate) struct HttpConfig {
    pub(crate) listen: listen::ListenConfig,
    pub(crate) public_url: Option<String>,
    pub(crate) trusted_origins: Vec<String>,
    pub(crate) trusted_proxies: TrustedProxies,
    pub(crate) cookie_secure: bool,
    pub(crate) hsts: String,
    pub(crate) admin_api: bool,
    pub(crate) docs: bool,
    pub(crate) pages: PagesConfig,
    pub(crate) browser: BrowserConfig,
    pub(crate) limits: Limits,
    /// How long requests are still taken after the signal to end.
    pub(crate) shutdown_delay: Duration,
}

/// The door for applications behind a proxy that know nothing of users.
#[derive(Debug)]
pub(crate) struct BrowserConfig {
    pub(crate) on: bool,
    pub(crate) cookie_domain: Option<String>,
}

impl HttpConfig {
    /// The address that clients see, once the port is known: an origin, and perhaps a path.
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
        let mut config = Self::default();
        let mut origins = HashMap::new();
        let (late, early): (Vec<_>, Vec<_>) = SETTINGS.iter().partition(|setting| setting.late);
        for setting in early.into_iter().chain(late) {
            origins.insert(setting.name, setting.read(&mut reader, &mut config)?);
        }
        let session_is_given = origins.get("SESSION_EXPIRE_DAYS").is_some_and(Option::is_some);
        lifetimes::agree(&mut config, session_is_given)?;
        http_agrees(&mut config)?;
        for setting in SETTINGS.iter() {
            let given = origins.remove(setting.name).flatten();
            let origin = setting.origin(given, &config);
            reader.show(setting.name, setting.show(&mut config), origin);
        }
        passwords::agree(&mut config)?;
        mail::agree(&mut config)?;
        news::agree(&config)?;
        pages::agree(&mut config);
        oidc::read_oidc(&mut reader, &mut config)?;
        let (rows, secret_files, dotenv_warnings) = reader.finish();
        config.rows = rows;
        config.secret_files = secret_files;
        config.warnings.extend(dotenv_warnings);
        Ok(config)
    }

    /// What the pages for people call the service.
    pub(crate) fn pages_name(&self, public_url: &str) -> String {
        let of_mails = &self.auth.mail.service_name;
        match &self.http.pages.name {
            Some(name) => name.clone(),
            None if of_mails == NAMELESS => host_of(public_url).to_owned(),
            None => of_mails.clone(),
        }
    }

    /// Whether nobody is to read the value of a setting. The path of a file is no secret.
    pub(crate) fn keeps_secret(&self, name: &str) -> bool {
        let is_file = name == "DATABASE_URL" && self.database.url.sqlite_file().is_some();
        !is_file && setting(name).is_some_and(|setting| setting.secret)
    }

    /// What an empty issuer or audience stands for, as the public URL may not be known before the port is.
    fn or_public_url(&self, name: &str) -> String {
        if name.is_empty() { self.http.public_url(self.http.listen.port) } else { name.to_owned() }
    }
}

/// What holds when nothing is set: the library's own defaults, but where a program can do more.
impl Default for Config {
    fn default() -> Self {
        let mut auth = auth_core::Config::default();
        auth.audit_retention = Some(Duration::from_hours(90 * 24));
        auth.profile.enabled = true;
        // They stand for the public URL.
        auth.tokens.issuer.clear();
        auth.tokens.audience.clear();
        Self {
            auth,
            breached: None,
            mail: MailConfig::default(),
            news: NewsConfig::default(),
            oidc: OidcConfig::default(),
            passkeys: PasskeyConfig::default(),
            keys: KeyConfig::default(),
            database: DatabaseConfig {
                url: DatabaseUrl::default(),
                max_connections: 8,
                max_lifetime: Duration::from_mins(30),
                timeout: Duration::from_secs(3),
            },
            http: HttpConfig {
                listen: ListenConfig::default(),
                public_url: None,
                trusted_origins: Vec::new(),
                trusted_proxies: TrustedProxies::default(),
                cookie_secure: true,
                hsts: "max-age=63072000; includeSubDomains".to_owned(),
                admin_api: true,
                docs: true,
                pages: PagesConfig::DEFAULT,
                browser: BrowserConfig { on: false, cookie_domain: None },
                limits: LIMITS,
                shutdown_delay: Duration::ZERO,
            },
            log: LogConfig { level: LevelFilter::INFO, format: None },
            metrics: None,
            rows: Vec::new(),
            warnings: Vec::new(),
            secret_files: Vec::new(),
        }
    }
}

/// Holds the settings that say who comes, and from where, against each other.
fn http_agrees(config: &mut Config) -> Result<(), SettingError> {
    let (http, warnings) = (&mut config.http, &mut config.warnings);
    listen::agree(&mut http.listen, warnings)?;
    let (listen, public_url) = (&http.listen, &http.public_url);
    listen.fits(public_url.as_deref(), &http.trusted_proxies, warnings)?;
    match public_url {
        _ if !http.cookie_secure && (listen.tls.is_some() || public_url.as_deref().is_some_and(value::is_https)) => {
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
    if http.browser.on && http.pages.shown == PagesShown::None {
        let problem = "needs ACCOUNT_PAGES=on: people are sent to the sign-in page";
        return Err(SettingError::new("BROWSER_DOOR", problem));
    }
    if http.browser.cookie_domain.is_some() && !http.browser.on {
        let problem = "is of no use without BROWSER_DOOR=on";
        return Err(SettingError::new("BROWSER_COOKIE_DOMAIN", problem));
    }
    if http.trusted_proxies.announce && http.trusted_proxies.is_empty() && listen.unix_socket.is_none() {
        warnings.push(Finding::warning(
            "proxy_protocol_unused",
            "PROXY_PROTOCOL is set and TRUSTED_PROXIES names none: no connection is read so, and that of the proxy is refused",
            "name the address of the proxy in TRUSTED_PROXIES",
        ));
    }
    Ok(())
}
