//! `DATABASE_URL`, also in the spelling of `SQLAlchemy`.

use std::{fmt, fs::OpenOptions, io, path::PathBuf, str::FromStr as _};

use sea_orm::sqlx::{
    mysql::{MySqlConnectOptions, MySqlSslMode},
    postgres::{PgConnectOptions, PgSslMode},
    sqlite::SqliteConnectOptions,
};
use zeroize::Zeroizing;

use super::value;

/// Where to connect to, in the spelling of the driver.
#[derive(Clone)]
pub(crate) struct DatabaseUrl {
    url: Zeroizing<String>,
    sqlite_file: Option<PathBuf>,
}

/// A file in the working directory.
impl Default for DatabaseUrl {
    fn default() -> Self {
        Self { url: "sqlite://auth.db?mode=rwc".to_owned().into(), sqlite_file: Some("auth.db".into()) }
    }
}

#[derive(Clone, Copy)]
enum Kind {
    Postgres,
    MySql,
    Sqlite,
}

impl DatabaseUrl {
    /// Reads a URL of this program's drivers or of `SQLAlchemy`'s.
    ///
    /// # Errors
    /// A problem in words that repeats no part of the URL but the name of an option.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let unknown = || "must begin with postgres://, mysql:// or sqlite://".to_owned();
        let (scheme, rest) = text.split_once(':').ok_or_else(unknown)?;
        let scheme = scheme.to_ascii_lowercase();
        let (name, driver) =
            scheme.split_once('+').map_or((scheme.as_str(), false), |(name, _)| (name, true));
        let kind = match name {
            "postgres" | "postgresql" => Kind::Postgres,
            "mysql" | "mariadb" => Kind::MySql,
            "sqlite" => Kind::Sqlite,
            _ => return Err(unknown()),
        };
        if rest.contains('#') {
            return Err("has a #; write it as %23".to_owned());
        }
        let (place, options) = rest.split_once('?').unwrap_or((rest, ""));
        // `?` in a password that is not encoded: what follows is part of it, and of the host.
        if options.contains('@') && !matches!(kind, Kind::Sqlite) {
            return Err(
                "has a ? before an @; in a user or password write it as %3F, and an @ in an option as %40"
                    .to_owned(),
            );
        }
        let options = kind.translate(options)?;
        match kind {
            Kind::Sqlite => Self::sqlite(place, driver, options),
            Kind::Postgres | Kind::MySql => Self::server(kind, place, &options),
        }
    }

    /// `SQLAlchemy` counts a relative path from the third slash on, sqlx from the second: `sqlite:///data/a.db` is
    /// `data/a.db` there and `/data/a.db` here. With a driver's name the spelling is `SQLAlchemy`'s.
    fn sqlite(place: &str, driver: bool, mut options: Vec<String>) -> Result<Self, String> {
        let path = match place.strip_prefix("//") {
            Some(path) if driver => {
                path.strip_prefix('/').ok_or("needs three slashes: sqlite+driver:///./auth.db")?
            }
            Some(path) if path.starts_with("/./") => path.strip_prefix('/').unwrap_or(path),
            Some(path) => path,
            None => place,
        };
        if path.is_empty() || path == ":memory:" || options.iter().any(|option| option == "mode=memory") {
            return Err("is in memory only: every account would be lost at the end; name a file, as in \
                        sqlite://auth.db"
                .to_owned());
        }
        if options.iter().any(|option| option == "mode=ro") {
            return Err("is read-only: sessions have to be written; take mode=ro off".to_owned());
        }
        // Nobody keeps a database in the root directory; `sqlite:///auth.db` was written for `SQLAlchemy`.
        if !driver && path.strip_prefix('/').is_some_and(|name| !name.contains('/')) {
            return Err("could mean a file here or one in the root directory: write sqlite://auth.db or \
                        sqlite:////auth.db"
                .to_owned());
        }
        if !options.iter().any(|option| option.starts_with("mode=")) {
            options.push("mode=rwc".to_owned());
        }
        let url = format!("sqlite://{path}?{}", options.join("&"));
        let parsed = SqliteConnectOptions::from_str(&url).map_err(|_| {
            "has a value that SQLite does not take; write sqlite://auth.db?mode=rwc".to_owned()
        })?;
        Ok(Self { url: Zeroizing::new(url), sqlite_file: Some(parsed.get_filename().to_owned()) })
    }

    fn server(kind: Kind, place: &str, options: &[String]) -> Result<Self, String> {
        let scheme = kind.scheme();
        let problem = || {
            format!(
                "cannot be read; write {scheme}://user:password@host/database, with special characters of user and \
                 password percent-encoded"
            )
        };
        let place = place.strip_prefix("//").ok_or_else(problem)?;
        let (authority, path) = place.split_once('/').unwrap_or((place, ""));
        // A slash in a password ends the authority early: the rest of the password would count as the path.
        if path.contains('@') || path.contains('/') {
            return Err(problem());
        }
        if path.is_empty() && !options.iter().any(|option| option.starts_with("dbname=")) {
            return Err(format!("names no database; write {scheme}://user:password@host/database"));
        }
        // `user@/db?host=/run/postgresql` is how SQLAlchemy spells a socket; a URL may not have a user and no host.
        let host = if authority.ends_with('@') { "localhost" } else { "" };
        let mut url = Zeroizing::new(format!("{scheme}://{authority}{host}/{path}"));
        if !options.is_empty() {
            url.push('?');
            url.push_str(&options.join("&"));
        }
        let readable = match kind {
            Kind::Postgres => PgConnectOptions::from_str(&url).is_ok(),
            _ => MySqlConnectOptions::from_str(&url).is_ok(),
        };
        if readable { Ok(Self { url, sqlite_file: None }) } else { Err(problem()) }
    }

    /// The URL for the driver, password included.
    pub(crate) fn expose(&self) -> &str {
        &self.url
    }

    /// The file, if the database is one.
    pub(crate) fn sqlite_file(&self) -> Option<&PathBuf> {
        self.sqlite_file.as_ref()
    }

    /// The URL for a look at what is there: no file is made.
    pub(crate) fn expose_existing(&self) -> Zeroizing<String> {
        Zeroizing::new(self.url.replace("mode=rwc", "mode=rw"))
    }

    /// Whether accounts may go over a network in the clear: to another machine, and TLS is not demanded.
    pub(crate) fn allows_clear_text(&self) -> bool {
        if self.sqlite_file.is_some() {
            return false;
        }
        let (host, by_socket, demands_tls) = if self.url.starts_with("postgres:") {
            let Ok(options) = PgConnectOptions::from_str(&self.url) else { return false };
            let mode = options.get_ssl_mode();
            let demands = matches!(mode, PgSslMode::Require | PgSslMode::VerifyCa | PgSslMode::VerifyFull);
            (options.get_host().to_owned(), options.get_socket().is_some(), demands)
        } else {
            let Ok(options) = MySqlConnectOptions::from_str(&self.url) else { return false };
            let mode = options.get_ssl_mode();
            let demands = matches!(
                mode,
                MySqlSslMode::Required | MySqlSslMode::VerifyCa | MySqlSslMode::VerifyIdentity
            );
            (options.get_host().to_owned(), options.get_socket().is_some(), demands)
        };
        // A path is that of a socket too.
        !by_socket && !host.starts_with('/') && !value::is_loopback(&host) && !demands_tls
    }

    /// Makes the SQLite file, if it is one to be made and not there yet, so that only its owner may read it; SQLite
    /// itself would leave that to the umask, and gives its side files the mode of the file.
    ///
    /// # Errors
    /// What the operating system says.
    pub(crate) fn make_private_file(&self) -> io::Result<()> {
        let Some(file) = self.sqlite_file.as_ref().filter(|_| self.url.contains("mode=rwc")) else {
            return Ok(());
        };
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        match options.open(file) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
            _ => Ok(()),
        }
    }

    /// The URL with password and options left out.
    pub(crate) fn redacted(&self) -> String {
        if self.sqlite_file.is_some() {
            return self.url.to_string();
        }
        let (scheme, rest) = self.url.split_once("://").unwrap_or(("", &self.url));
        let (place, options) = rest.split_once('?').unwrap_or((rest, ""));
        let options = if options.is_empty() { "" } else { "?(redacted)" };
        let place = match place.rsplit_once('@') {
            None => place.to_owned(),
            Some((user_info, host)) => match user_info.split_once(':') {
                None => format!("{user_info}@{host}"),
                Some((user, _)) => format!("{user}:(redacted)@{host}"),
            },
        };
        format!("{scheme}://{place}{options}")
    }
}

impl fmt::Debug for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DatabaseUrl({})", self.redacted())
    }
}

impl Kind {
    fn scheme(self) -> &'static str {
        match self {
            Self::Postgres => "postgres",
            Self::MySql => "mysql",
            Self::Sqlite => "sqlite",
        }
    }

    /// Options in the driver's names. The drivers pass over names they do not know; here that is an error, as
    /// `ssl=require` must not end in a connection without TLS.
    fn translate(self, options: &str) -> Result<Vec<String>, String> {
        let mut translated = Vec::new();
        for option in options.split('&').filter(|option| !option.is_empty()) {
            let (name, value) = option.split_once('=').unwrap_or((option, ""));
            match self.option(name) {
                Some("") => {}
                Some("sslrootcert") if value == "system" => {
                    return Err("has sslrootcert=system, which is not to be had here: with sslmode=verify-full alone the roots that \
                                browsers trust are built in; or name the file of those of the system, as \
                                sslrootcert=/etc/ssl/certs/ca-certificates.crt"
                        .to_owned());
                }
                Some(driver_name) => translated.push(format!("{driver_name}={value}")),
                None => return Err(self.unknown_option(name)),
            }
        }
        Ok(translated)
    }

    /// The driver's name of an option; empty for one that has no meaning here and does no harm.
    fn option(self, name: &str) -> Option<&'static str> {
        Some(match (self, name) {
            // asyncpg takes the values of sslmode under the name ssl.
            (Self::Postgres, "sslmode" | "ssl-mode" | "ssl") => "sslmode",
            (Self::Postgres, "sslrootcert" | "ssl-root-cert" | "ssl-ca") => "sslrootcert",
            (Self::Postgres, "sslcert" | "ssl-cert") => "sslcert",
            (Self::Postgres, "sslkey" | "ssl-key") => "sslkey",
            (Self::Postgres, "statement_cache_size" | "prepared_statement_cache_size")
            | (Self::Postgres | Self::MySql, "statement-cache-capacity") => "statement-cache-capacity",
            (Self::Postgres, "host") => "host",
            (Self::Postgres, "hostaddr") => "hostaddr",
            (Self::Postgres, "port") => "port",
            (Self::Postgres, "dbname") => "dbname",
            (Self::Postgres, "user") => "user",
            (Self::Postgres, "password") => "password",
            (Self::Postgres, "application_name") => "application_name",
            (Self::Postgres, "options") => "options",
            (Self::MySql, "ssl-mode" | "ssl_mode" | "sslmode") => "ssl-mode",
            (Self::MySql, "ssl-ca" | "ssl_ca" | "sslca") => "ssl-ca",
            (Self::MySql, "ssl-cert" | "ssl_cert" | "sslcert") => "ssl-cert",
            (Self::MySql, "ssl-key" | "ssl_key" | "sslkey") => "ssl-key",
            (Self::MySql, "socket" | "unix_socket") => "socket",
            (Self::MySql, "charset") => "charset",
            (Self::MySql, "collation") => "collation",
            (Self::Sqlite, "mode") => "mode",
            (Self::Sqlite, "cache") => "cache",
            (Self::Sqlite, "vfs") => "vfs",
            // Belongs to Python's threads.
            (Self::Sqlite, "check_same_thread") => "",
            _ => return None,
        })
    }

    /// Names the option only where it is a known one of another driver: it may be the rest of a password.
    fn unknown_option(self, name: &str) -> String {
        const TIME: &str = "remove it and set DATABASE_TIMEOUT_MS instead";
        const POOL: &str = "remove it and set DATABASE_MAX_CONNECTIONS instead";
        const NEEDLESS: &str = "remove it";
        const OTHERS: [(&str, &str); 29] = [
            ("connect_timeout", TIME),
            ("connection_timeout", TIME),
            ("connectTimeout", TIME),
            ("socketTimeout", TIME),
            ("socket_timeout", TIME),
            ("pool_timeout", TIME),
            ("command_timeout", TIME),
            ("statement_timeout", TIME),
            ("read_timeout", TIME),
            ("write_timeout", TIME),
            ("timeout", TIME),
            ("pool_size", POOL),
            ("max_overflow", POOL),
            ("pool_recycle", POOL),
            ("pool_pre_ping", POOL),
            ("connection_limit", POOL),
            ("max_connections", POOL),
            ("async_fallback", NEEDLESS),
            ("channel_binding", NEEDLESS),
            ("target_session_attrs", NEEDLESS),
            ("gssencmode", NEEDLESS),
            ("keepalives", NEEDLESS),
            ("pgbouncer", "remove it; pool by session, or set max_prepared_statements there"),
            ("schema", "give the user that search_path instead, or options=-csearch_path%3DNAME"),
            ("currentSchema", "give the user that search_path instead, or options=-csearch_path%3DNAME"),
            ("autocommit", NEEDLESS),
            ("local_infile", NEEDLESS),
            ("sslaccept", "write sslmode instead"),
            ("ssl", "write ssl-mode=REQUIRED or ssl-mode=VERIFY_IDENTITY instead"),
        ];
        let known = OTHERS.iter().find(|(other, _)| *other == name);
        if let Some((name, advice)) = known {
            return format!("has the option {name}, which is not understood here; {advice}");
        }
        let ours = match self {
            Self::Postgres => {
                "sslmode, sslrootcert, sslcert, sslkey, host, port, dbname, user, application_name, options"
            }
            Self::MySql => "ssl-mode, ssl-ca, ssl-cert, ssl-key, socket, charset, collation",
            Self::Sqlite => "mode, cache, vfs",
        };
        format!(
            "has an option that is not understood here; there are {ours}. A ? in a password is written as %3F"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> String {
        DatabaseUrl::parse(text).unwrap_or_else(|problem| panic!("{text}: {problem}")).expose().to_owned()
    }

    #[test]
    fn sqlalchemy_spellings_are_understood() {
        let cases = [
            ("postgres://u:p@h/d", "postgres://u:p@h/d"),
            ("postgresql://u:p@h:5433/d", "postgres://u:p@h:5433/d"),
            ("postgresql+asyncpg://u:p@h/d?ssl=require", "postgres://u:p@h/d?sslmode=require"),
            ("postgresql+psycopg2://u:p@h/d?sslmode=verify-full", "postgres://u:p@h/d?sslmode=verify-full"),
            (
                "postgresql+asyncpg://u:p@h/d?prepared_statement_cache_size=0",
                "postgres://u:p@h/d?statement-cache-capacity=0",
            ),
            (
                "postgresql+psycopg://u:p@/d?host=/run/postgresql",
                "postgres://u:p@localhost/d?host=/run/postgresql",
            ),
            ("postgresql:///d", "postgres:///d"),
            ("mysql+aiomysql://u:p%40x@h/d?charset=utf8mb4", "mysql://u:p%40x@h/d?charset=utf8mb4"),
            ("mysql+pymysql://u@h/d?unix_socket=/run/m.sock", "mysql://u@h/d?socket=/run/m.sock"),
            ("mariadb+asyncmy://u@h/d", "mysql://u@h/d"),
            ("sqlite+aiosqlite:///./x.db", "sqlite://./x.db?mode=rwc"),
            ("sqlite+aiosqlite:///x.db", "sqlite://x.db?mode=rwc"),
            ("sqlite+aiosqlite:////srv/x.db", "sqlite:///srv/x.db?mode=rwc"),
            ("sqlite+pysqlite:////x.db", "sqlite:///x.db?mode=rwc"),
            ("sqlite:///./x.db?check_same_thread=false", "sqlite://./x.db?mode=rwc"),
            ("sqlite:////srv/x.db", "sqlite:////srv/x.db?mode=rwc"),
            ("sqlite:///srv/x.db", "sqlite:///srv/x.db?mode=rwc"),
            ("sqlite://x.db?mode=rw", "sqlite://x.db?mode=rw"),
            ("sqlite:x.db", "sqlite://x.db?mode=rwc"),
        ];
        for (text, expected) in cases {
            assert_eq!(url(text), expected, "{text}");
        }
    }

    #[test]
    fn what_would_be_misread_is_refused_and_not_repeated() {
        let cases = [
            ("oracle://u:hush@h/d", "must begin with"),
            ("hush", "must begin with"),
            ("postgres://u:hush/x@h/d", "percent-encoded"),
            ("postgres://u:12/hush@h/d", "percent-encoded"),
            ("postgres://u:hush#x@h/d", "%23"),
            ("postgres://u:hush@h", "names no database"),
            ("postgres://u:hush@h/d?sslmode=hush", "cannot be read"),
            ("postgres://u:hush@h/d?connect_timeout=5", "DATABASE_TIMEOUT_MS"),
            ("postgresql+asyncpg://u:hush@h/d?async_fallback=true", "async_fallback"),
            ("mysql+aiomysql://u:hush@h/d?ssl=true", "ssl-mode=REQUIRED"),
            ("postgresql://app:hush?hush@db.internal/app", "%3F"),
            ("postgresql://app:Tr0ub?hush&hush=hush@db.internal/app", "%3F"),
            ("mysql://app:x?host=hush@db.internal/app", "%3F"),
            ("postgres://u:p@h/d?hush", "an option that is not understood"),
            ("postgres://u:p@h/d?hush=1&sslmode=require", "there are sslmode"),
            ("postgres://u:hush#hush@h/d", "%23"),
            ("postgres://u:%hush@h:hush/d", "cannot be read"),
            ("postgres://u:hush@h/d?sslrootcert=system&sslmode=verify-full", "ca-certificates.crt"),
            ("postgres://u:hush@h/d?sslrootcert=system", "verify-full alone"),
            ("sqlite://x.db?hush", "there are mode"),
            ("sqlite://", "in memory"),
            ("sqlite::memory:", "in memory"),
            ("sqlite+aiosqlite://", "three slashes"),
            ("sqlite+aiosqlite:///:memory:", "in memory"),
            ("sqlite:///hush.db", "root directory"),
            ("sqlite://x.db?mode=ro", "read-only"),
            ("sqlite://x.db?mode=hush", "SQLite does not take"),
            ("sqlite://x.db?timeout=5", "DATABASE_TIMEOUT_MS"),
        ];
        for (text, reason) in cases {
            let problem = DatabaseUrl::parse(text).unwrap_err();
            assert!(problem.contains(reason), "{text}: {problem}");
            assert!(!problem.contains("hush"), "{problem}");
        }
    }

    #[test]
    fn only_a_database_elsewhere_without_tls_speaks_in_the_clear() {
        for url in [
            "postgres://u@db.example/d",
            "postgres://u@192.0.2.1/d?sslmode=prefer",
            "postgres:///d?hostaddr=192.0.2.1",
            "mysql://u@db.example/d",
            "mysql://u@db.example/d?ssl-mode=PREFERRED",
        ] {
            assert!(DatabaseUrl::parse(url).unwrap().allows_clear_text(), "{url}");
        }
        for url in [
            "postgres://u@127.0.0.1/d",
            "postgres://u@[::1]/d?sslmode=disable",
            "postgres://u@/d?host=/run/postgresql",
            "postgres://u@db.example/d?sslmode=verify-full",
            "postgres://u@db.example/d?ssl=require",
            "mysql://u@localhost/d",
            "mysql://u@db.example/d?unix_socket=/run/m.sock",
            "mysql://u@db.example/d?ssl-mode=REQUIRED",
            "sqlite://x.db",
        ] {
            assert!(!DatabaseUrl::parse(url).unwrap().allows_clear_text(), "{url}");
        }
    }

    #[test]
    fn passwords_and_options_are_not_shown() {
        let cases = [
            ("postgres://u:hush@h:1/d?password=hush", "postgres://u:(redacted)@h:1/d?(redacted)"),
            ("postgres://u:hu@sh@h/d", "postgres://u:(redacted)@h/d"),
            ("mysql://u@h/d", "mysql://u@h/d"),
            ("sqlite://x.db", "sqlite://x.db?mode=rwc"),
        ];
        for (text, expected) in cases {
            let url = DatabaseUrl::parse(text).unwrap();
            assert_eq!(url.redacted(), expected);
            assert!(!format!("{url:?}").contains("hush"));
        }
    }
}
