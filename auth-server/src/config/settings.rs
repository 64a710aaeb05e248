//! The table of settings: one row here is a flag, an environment variable, a name in `.env` and a line of
//! `auth-server config`.

/// One setting.
#[derive(Debug)]
pub(crate) struct Setting {
    /// The name in the environment and in `.env`; the flag is the same in lower case with hyphens.
    pub(crate) name: &'static str,
    /// What `--help` says.
    pub(crate) help: &'static str,
    /// Whether the value is never shown, must not be empty, and may be given by file as `<NAME>_FILE`.
    pub(crate) secret: bool,
}

const fn plain(name: &'static str, help: &'static str) -> Setting {
    Setting { name, help, secret: false }
}

const fn secret(name: &'static str, help: &'static str) -> Setting {
    Setting { name, help, secret: true }
}

/// All settings, in the order in which `config` prints them.
pub(crate) const SETTINGS: &[Setting] = &[
    secret(
        "SECRET_KEY",
        "Signing key and root of the derived keys, at least 32 bytes [default: made once in auth.key, with SQLite only]. A flag is visible in the process list: prefer the file",
    ),
    secret(
        "SECRET_KEY_PREVIOUS",
        "Former keys that still verify, separated by commas; keep one for SESSION_EXPIRE_DAYS",
    ),
    plain("ALGORITHM", "HS256, HS384, HS512, RS256, ES256 or EdDSA [default: HS256]"),
    plain(
        "ALGORITHM_PREVIOUS",
        "An HS algorithm whose tokens are accepted too while ALGORITHM changes; until ACCESS_TOKEN_EXPIRE_MINUTES after",
    ),
    secret(
        "PRIVATE_KEY",
        "The key in PEM that signs with RS256 (3072 bits, at least 2048), ES256 or EdDSA [default: the key ring in the database]",
    ),
    secret(
        "PRIVATE_KEY_PREVIOUS",
        "Other keys in PEM whose tokens are accepted, the former until ACCESS_TOKEN_EXPIRE_MINUTES after; public halves suffice",
    ),
    plain(
        "KEY_PUBLISH_AHEAD_SECONDS",
        "How long a new key of the key ring is published before it signs; others may keep the JWK set for five sixths of it [default: 360]",
    ),
    plain("ACCESS_TOKEN_EXPIRE_MINUTES", "Lifetime of an access token [default: 15]"),
    plain("REFRESH_TOKEN_EXPIRE_DAYS", "A session not used for so long ends [default: 7]"),
    plain(
        "SESSION_EXPIRE_DAYS",
        "Every session ends after so long [default: 30, or REFRESH_TOKEN_EXPIRE_DAYS if that is more]",
    ),
    plain("REFRESH_GRACE_SECONDS", "How long a refresh token may be repeated, 0 to 300 [default: 10]"),
    plain(
        "REVOCATION_POLL_MS",
        "How often to ask what other instances have ended, and for the key ring, 100 to 60000 [default: 1000]",
    ),
    plain(
        "REVOCATION_MAX_AGE_SECONDS",
        "When asking has failed for so long, /verify answers 503 and no longer from what was known; 0: never [default: 0]",
    ),
    secret("DATABASE_URL", "postgres://, mysql:// or sqlite:// [default: sqlite://auth.db?mode=rwc]"),
    plain("DATABASE_MAX_CONNECTIONS", "The most connections of the pool [default: 8]"),
    plain("DATABASE_TIMEOUT_MS", "The longest wait for a connection [default: 3000]"),
    plain("HOST", "Address or host name to listen on [default: 127.0.0.1]"),
    plain("PORT", "Port to listen on; 0 takes a free one [default: 8000]"),
    plain(
        "UNIX_SOCKET",
        "File of a socket to listen on instead, for a proxy on this machine; it has mode 0660, and who may open it is believed as TRUSTED_PROXIES are [default: none]",
    ),
    plain(
        "TLS_CERT_FILE",
        "Certificate in PEM and those above it: speaks TLS; SIGHUP reads it again [default: plain http]",
    ),
    plain("TLS_KEY_FILE", "Its private key in PEM, without a passphrase"),
    plain("MAX_CONNECTIONS", "Connections at once; more wait [default: 1000]"),
    plain(
        "MAX_CONNECTIONS_PER_ADDRESS",
        "Connections at once of one address (IPv6: /64) outside TRUSTED_PROXIES; more are closed [default: 100]",
    ),
    plain(
        "PUBLIC_URL",
        "The origin that clients see, https://auth.example.com [default: http://HOST:PORT, with TLS https]",
    ),
    plain(
        "TRUSTED_ORIGINS",
        "Other origins whose pages may call, separated by commas; also of an application: capacitor://localhost",
    ),
    plain(
        "TRUSTED_PROXIES",
        "Networks whose X-Forwarded-For is believed, separated by commas: 10.0.0.0/8,::1",
    ),
    plain("ISSUER", "Claim iss of access tokens [default: PUBLIC_URL]"),
    plain("AUDIENCE", "Claim aud of access tokens [default: PUBLIC_URL]"),
    plain("COOKIE_SECURE", "false for plain-http development where the client insists [default: true]"),
    plain("PASSWORD_MIN_LENGTH", "Least length of a new password, 8 to 64 characters [default: 8]"),
    plain(
        "PASSWORD_CONTEXT_WORDS",
        "Words that may not be all of a new password, as the product's name, separated by commas; those of PUBLIC_URL's host are too",
    ),
    plain(
        "BREACHED_PASSWORDS",
        "File or folder of Pwned Passwords (SHA-1): a password on it is refused when it is set [default: none]",
    ),
    plain(
        "BREACHED_PASSWORDS_REQUIRED",
        "true refuses new passwords while that list cannot be read, else they are taken with a warning [default: false]",
    ),
    plain("HASH_SLOTS", "Passwords hashed at once, 19 MiB each [default: one per core]"),
    plain(
        "HASH_QUEUE",
        "Password checks that may wait for a slot, in turns by address [default: 64 per slot]",
    ),
    plain("HASH_WAIT_MS", "The longest wait for a slot [default: 2000]"),
    plain(
        "THROTTLE",
        "off for load tests: everybody may guess as fast as passwords are hashed [default: on]",
    ),
    plain(
        "THROTTLE_ACCOUNT_FAILURES",
        "Wrong passwords in a row before an account waits, from 5 s up to 15 min [default: 10]",
    ),
    plain(
        "THROTTLE_ACCOUNT_LIMIT",
        "Wrong passwords in a row after which only a known device can sign in, 1 to 100 [default: 100]",
    ),
    plain(
        "THROTTLE_NETWORK_FAILURES",
        "Failures of an IPv4 address or IPv6 /64 before it waits [default: 100]",
    ),
    plain(
        "THROTTLE_NETWORK_REFILL_MINUTES",
        "How long it takes until it has all of them again [default: 15]",
    ),
    plain("REGISTRATION", "open or closed [default: open]"),
    plain(
        "ADMIN_API",
        "off takes /users away, which is for administrators; auth-server users does the same [default: on]",
    ),
    plain("DOCS", "off takes /docs and /openapi.json away [default: on]"),
    secret(
        "SMTP_URL",
        "smtp://user:password@host:587 (STARTTLS), smtps://...:465, smtp://127.0.0.1:1025 [default: mails are written to the log]",
    ),
    plain("MAIL_FROM", "Sender of mails: Tea Shop <tea@example.com>, or the address alone"),
    plain("SERVICE_NAME", "What mails call the service [default: the host of PUBLIC_URL]"),
    plain(
        "EMAIL_VERIFICATION",
        "off; on: a link proves the address, and /register does not tell known ones; required: and nobody signs in before [default: off]",
    ),
    plain(
        "VERIFY_EMAIL_URL",
        "Page of your own that proves addresses; the token comes in the fragment [default: built in]",
    ),
    plain("RESET_PASSWORD_URL", "Page of your own that sets a new password; as above [default: built in]"),
    plain(
        "AUDIT_RETENTION_DAYS",
        "How long security events are kept in the database; 0: none are written [default: 90]",
    ),
    plain(
        "OAUTH_SIGNUP",
        "off: only identities that an account has linked sign in; none makes an account, or joins one by address [default: on]",
    ),
    plain(
        "OAUTH_REDIRECT_TO",
        "Page to send browsers to after a sign-in at a provider when they named none; providers themselves are OAUTH_<NAME>_CLIENT_ID and so on, see the README [default: /]",
    ),
    plain("METRICS_ADDR", "Address and port of /metrics for Prometheus, 127.0.0.1:9464 [default: none]"),
    plain("LOG_LEVEL", "off, error, warn, info, debug or trace [default: info]"),
    plain("LOG_FORMAT", "human or json [default: human on a terminal, else json]"),
];

/// The setting of which `name` may be a misspelling, or `None` when it is one or is like none.
pub(crate) fn near_miss(name: &str) -> Option<String> {
    let upper = name.to_ascii_uppercase();
    let known = SETTINGS.iter().flat_map(|setting| {
        let file = setting.secret.then(|| format!("{}_FILE", setting.name));
        std::iter::once(setting.name.to_owned()).chain(file)
    });
    let mut best: Option<(usize, String)> = None;
    for candidate in known {
        if candidate == name {
            return None;
        }
        let distance = strsim::osa_distance(&upper, &candidate);
        // One slip in a short name is easily another word (`POST` is no `PORT`): none is allowed there.
        let allowed = match candidate.len() {
            0..=5 => 0,
            6..=9 => 1,
            _ => 2,
        };
        if distance <= allowed && best.as_ref().is_none_or(|(least, _)| distance < *least) {
            best = Some((distance, candidate));
        }
    }
    best.map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_in_a_name_is_noticed_and_other_names_are_left_alone() {
        let cases = [
            ("SECERT_KEY", Some("SECRET_KEY")),
            ("DATABASE_URI", Some("DATABASE_URL")),
            ("secret_key", Some("SECRET_KEY")),
            ("ACCESS_TOKEN_EXPIRE_MINUTE", Some("ACCESS_TOKEN_EXPIRE_MINUTES")),
            ("SECRET_KEY", None),
            ("SECRET_KEY_FILE", None),
            ("POST", None),
            ("PGHOST", None),
            ("PROJECT_NAME", None),
            ("SMTP_PORT", None),
            ("POSTGRES_PASSWORD", None),
        ];
        for (name, expected) in cases {
            assert_eq!(near_miss(name).as_deref(), expected, "{name}");
        }
    }
}
