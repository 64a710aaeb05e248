//! The table of settings: one row here is a flag, an environment variable, a name in `.env`, a line of `auth-server config`, a
//! field of [`Config`](super::Config) with its default, and the name under which an error of the libraries is told.

use std::{sync::LazyLock, time::Duration};

use auth_core::{Algorithm, EmailSignIn, EmailVerification, OnHookFailure, Registration};
use tracing::level_filters::LevelFilter;

use super::{
    LogFormat, NAMELESS, PagesShown,
    database_url::DatabaseUrl,
    keys, listen, news, pages, passkeys, passwords,
    setting::{
        Setting, choice, number, number_within, optional, parsed, text, time, time_or_none, with_others,
    },
    value,
};
use crate::http::proxies::TrustedProxies;

const MILLISECOND: Duration = Duration::from_millis(1);
const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_mins(1);
const DAY: Duration = Duration::from_hours(24);

const ON: &[(&str, bool)] = &[("on", true), ("off", false)];
const OFF: &[(&str, bool)] = &[("on", false), ("off", true)];
const COUNTER: &[(&str, bool)] = &[("tell", false), ("refuse", true)];
const PAGES: &[(&str, PagesShown)] =
    &[("on", PagesShown::All), ("admin-off", PagesShown::WithoutAdmin), ("off", PagesShown::None)];
const NEITHER: &str = "is neither on nor off";
const HOOK_FAILURE: &[(&str, OnHookFailure)] =
    &[("closed", OnHookFailure::Closed), ("open", OnHookFailure::Open)];
const TRUE: &[(&str, bool)] = &[
    ("true", true),
    ("false", false),
    ("1", true),
    ("0", false),
    ("yes", true),
    ("no", false),
    ("on", true),
    ("off", false),
];

/// All settings, in the order in which `config` prints them.
pub(crate) static SETTINGS: LazyLock<Vec<Setting>> = LazyLock::new(|| {
    vec![
        Setting::new(
            "SECRET_KEY",
            "Signing key and root of the derived keys, at least 32 bytes [default: made once in auth.key, with SQLite only]. A flag is visible in the process list: prefer the file",
            with_others(|c| &mut c.keys.secret, keys::secret, |_| "(redacted)".to_owned()).shown(|c| {
                let made = c.database.url.sqlite_file().is_some();
                if made || c.keys.secret.is_some() { "(redacted)" } else { "(not set)" }.to_owned()
            }),
        )
        .secret()
        .late()
        .default_origin(|c| match c.database.url.sqlite_file() {
            Some(_) => "default, file auth.key",
            None => "default",
        })
        .renames(&["secret key"])
        .reloads(),
        Setting::new(
            "SECRET_KEY_PREVIOUS",
            "Former keys that still verify, separated by commas; keep one for SESSION_EXPIRE_DAYS",
            parsed(|c| &mut c.keys.previous, keys::previous, |keys| keys::count(keys.len())),
        )
        .secret()
        .reloads(),
        Setting::new(
            "ALGORITHM",
            "HS256, HS384, HS512, RS256, ES256 or EdDSA [default]",
            parsed(|c| &mut c.keys.algorithms.current, value::algorithm, Algorithm::to_string),
        )
        .renames(&["algorithm"])
        .reloads(),
        Setting::new(
            "ALGORITHM_PREVIOUS",
            "An HS algorithm whose tokens are accepted too while ALGORITHM changes; until ACCESS_TOKEN_EXPIRE_MINUTES after",
            optional(|c| &mut c.keys.algorithms.previous, value::hmac_algorithm, Algorithm::to_string),
        )
        .reloads(),
        Setting::new(
            "PRIVATE_KEY",
            "The key in PEM that signs with RS256 (3072 bits, at least 2048), ES256 or EdDSA [default: the key ring in the database]",
            with_others(|c| &mut c.keys.private, keys::private, |_| "(redacted)".to_owned()).shown(|c| {
                match c.keys.private {
                    Some(_) => "(redacted)",
                    None if c.keys.algorithms.current.is_hmac() => "",
                    None => "(key ring in the database)",
                }
                .to_owned()
            }),
        )
        .secret()
        .late()
        .renames(&["private key"])
        .reloads(),
        Setting::new(
            "PRIVATE_KEY_PREVIOUS",
            "Other keys in PEM whose tokens are accepted, the former until ACCESS_TOKEN_EXPIRE_MINUTES after; public halves suffice",
            parsed(|c| &mut c.keys.also_verify, keys::also_verify, |keys| keys::count(keys.len())),
        )
        .secret()
        .reloads(),
        Setting::new(
            "KEY_PUBLISH_AHEAD_SECONDS",
            "How long a new key of the key ring is published before it signs; others may keep the JWK set for five sixths of it [default]",
            time(|c| &mut c.auth.tokens.key_publish_ahead, SECOND, 1..=7 * 24 * 60 * 60),
        )
        .renames(&["tokens.key_publish_ahead"]),
        Setting::new(
            "ACCESS_TOKEN_EXPIRE_MINUTES",
            "Lifetime of an access token [default]",
            time(|c| &mut c.auth.tokens.access_ttl, MINUTE, 1..=3650 * 24 * 60),
        )
        .renames(&["tokens.access_ttl"]),
        Setting::new(
            "REFRESH_TOKEN_EXPIRE_DAYS",
            "A session that is not refreshed for this long ends [default]",
            time(|c| &mut c.auth.sessions.refresh_ttl, DAY, 1..=3650),
        )
        .renames(&["sessions.refresh_ttl"]),
        Setting::new(
            "SESSION_EXPIRE_DAYS",
            "Every session ends after this long [default: 30, or REFRESH_TOKEN_EXPIRE_DAYS if that is more]",
            time(|c| &mut c.auth.sessions.session_ttl, DAY, 1..=3650),
        )
        // A service that knows only the idle lifetime must not find its sessions cut shorter than it says.
        .default_from(|c| {
            c.auth.sessions.session_ttl = c.auth.sessions.session_ttl.max(c.auth.sessions.refresh_ttl);
        })
        .default_origin(|c| {
            let raised = c.auth.sessions.session_ttl > auth_core::SessionConfig::default().session_ttl;
            if raised { "default, raised to REFRESH_TOKEN_EXPIRE_DAYS" } else { "default" }
        })
        .renames(&["sessions.session_ttl"]),
        Setting::new(
            "REFRESH_GRACE_SECONDS",
            "How long a refresh token may be repeated, 0 to 300 [default]",
            time(|c| &mut c.auth.sessions.refresh_grace, SECOND, 0..=300),
        )
        .renames(&["sessions.refresh_grace"]),
        Setting::new(
            "REVOCATION_POLL_MS",
            "How often to ask what other instances have ended, and for the key ring, 100 to 60000 [default]",
            time(|c| &mut c.auth.background.poll, MILLISECOND, 100..=60_000),
        )
        .renames(&["background.poll"]),
        Setting::new(
            "REVOCATION_MAX_AGE_SECONDS",
            "When the database could not be asked for this long, /verify answers 503 instead of going on with what it knew; 0: never [default]",
            time_or_none(|c| &mut c.auth.tokens.revocation_max_age, SECOND, 86_400),
        )
        .renames(&["tokens.revocation_max_age"]),
        Setting::new(
            "DATABASE_URL",
            "postgres://, mysql:// or sqlite:// [default]",
            parsed(|c| &mut c.database.url, |text| DatabaseUrl::parse(text.trim()), DatabaseUrl::redacted),
        )
        .secret()
        .renames(&["database url"]),
        Setting::new(
            "DATABASE_MAX_CONNECTIONS",
            "The most connections of the pool [default]",
            number(|c| &mut c.database.max_connections, 1..=1000),
        ),
        Setting::new(
            "DATABASE_TIMEOUT_MS",
            "The longest wait for a connection [default]",
            time(|c| &mut c.database.timeout, MILLISECOND, 100..=60_000),
        ),
        Setting::new(
            "DATABASE_MAX_LIFETIME_SECONDS",
            "A connection of the pool is replaced after so long, 30 to 86400 [default]",
            time(|c| &mut c.database.max_lifetime, SECOND, 30..=86_400),
        ),
        Setting::new(
            "HOST",
            "Address or host name to listen on; localhost is both addresses of this machine, 127.0.0.1 and ::1 [default]",
            parsed(|c| &mut c.http.listen.host, value::host, String::clone),
        ),
        Setting::new(
            "PORT",
            "Port to listen on; 0 takes a free one [default]",
            number(|c| &mut c.http.listen.port, 0..=u16::MAX),
        ),
        Setting::new(
            "UNIX_SOCKET",
            "File of a socket to listen on instead, for a proxy on this machine; it has mode 0660, and who may open it is believed as TRUSTED_PROXIES are [default: none]",
            optional(
                |c| &mut c.http.listen.unix_socket,
                value::socket_file,
                |path| path.display().to_string(),
            ),
        ),
        Setting::new(
            "TLS_CERT_FILE",
            "Certificate in PEM and those above it: speaks TLS; SIGHUP reads it again [default: plain http]",
            optional(|c| &mut c.http.listen.certificate, listen::certificate, |file| file.path.clone()),
        ),
        Setting::new(
            "TLS_KEY_FILE",
            "Its private key in PEM, without a passphrase",
            optional(|c| &mut c.http.listen.key, listen::key, |file| file.path.clone()),
        ),
        Setting::new(
            "MAX_CONNECTIONS",
            "Connections at once; more wait [default]",
            number(|c| &mut c.http.limits.connections, 1..=1_000_000),
        ),
        Setting::new(
            "MAX_CONNECTIONS_PER_ADDRESS",
            "Connections at once of one address (IPv6: /64) outside TRUSTED_PROXIES; more are closed [default]",
            number_within(|c| &mut c.http.limits.per_network, |c| 1..=c.http.limits.connections),
        )
        .default_from(|c| {
            c.http.limits.per_network = c.http.limits.per_network.min(c.http.limits.connections);
        }),
        Setting::new(
            "SHUTDOWN_DELAY_SECONDS",
            "After SIGTERM /health/ready is 503 and answers carry Connection: close for so long, while requests are still taken, 0 to 300 [default]",
            time(|c| &mut c.http.shutdown_delay, SECOND, 0..=300),
        ),
        Setting::new(
            "PUBLIC_URL",
            "Address that clients see, https://auth.example.com; with a path where a proxy serves it below one and takes that off [default: http://HOST:PORT, with localhost for this machine; with TLS https]",
            optional(|c| &mut c.http.public_url, value::public_url, String::clone)
                .shown(|c| c.http.public_url(c.http.listen.port)),
        )
        .renames(&["public_url", "mounted_at"]),
        Setting::new(
            "TRUSTED_ORIGINS",
            "Other origins whose pages may call, separated by commas; also of an application: capacitor://localhost",
            parsed(|c| &mut c.http.trusted_origins, value::origins, |origins| origins.join(",")),
        )
        .renames(&["trusted_origin"]),
        Setting::new(
            "TRUSTED_PROXIES",
            "Addresses or networks of proxies whose X-Forwarded-For is believed, separated by commas: 10.0.0.2,::1",
            parsed(|c| &mut c.http.trusted_proxies, TrustedProxies::parse, TrustedProxies::to_string),
        ),
        Setting::new(
            "PROXY_PROTOCOL",
            "off; v2: connections of TRUSTED_PROXIES, and those through UNIX_SOCKET, begin with a PROXY protocol header that tells the client [default]",
            // After the row that names them.
            choice(|c| &mut c.http.trusted_proxies.announce, &[("off", false), ("v2", true)], "is neither off nor v2"),
        ),
        Setting::new(
            "ISSUER",
            "Claim iss of access tokens [default: PUBLIC_URL]",
            parsed(|c| &mut c.auth.tokens.issuer, value::service, String::clone)
                .shown(|c| c.or_public_url(&c.auth.tokens.issuer)),
        )
        .renames(&["tokens.issuer"]),
        Setting::new(
            "AUDIENCE",
            "Claim aud of access tokens [default: PUBLIC_URL]",
            parsed(|c| &mut c.auth.tokens.audience, value::service, String::clone)
                .shown(|c| c.or_public_url(&c.auth.tokens.audience)),
        )
        .renames(&["tokens.audience"]),
        Setting::new(
            "COOKIE_SECURE",
            "false for plain-http development where the client insists [default]",
            choice(|c| &mut c.http.cookie_secure, TRUE, "is neither true nor false"),
        )
        .renames(&["insecure_cookie"]),
        Setting::new(
            "HSTS",
            "What browsers are told about using https only, or off; only where PUBLIC_URL is https and not this machine [default]",
            parsed(|c| &mut c.http.hsts, value::hsts, String::clone),
        )
        .renames(&["hsts"]),
        Setting::new(
            "PASSWORD_MIN_LENGTH",
            "Least length of a new password, 8 to 64 characters [default]",
            number(|c| &mut c.auth.passwords.min_length, 8..=64),
        )
        .renames(&["passwords.min_length"]),
        Setting::new(
            "PASSWORD_CONTEXT_WORDS",
            "Words that are no password by themselves, such as the product's name, separated by commas; the host of PUBLIC_URL adds its own",
            parsed(
                |c| &mut c.auth.passwords.context_words,
                |text| Ok(text.split(',').map(|word| word.trim().to_owned()).collect()),
                |words| words.join(","),
            ),
        ),
        Setting::new(
            "BREACHED_PASSWORDS",
            "File or folder of Pwned Passwords (SHA-1): a password on it is refused when it is set [default: none]",
            optional(|c| &mut c.breached, passwords::list, |list| list.path().display().to_string()),
        ),
        Setting::new(
            "BREACHED_PASSWORDS_REQUIRED",
            "true refuses new passwords while that list cannot be read, else they are taken with a warning [default]",
            choice(|c| &mut c.auth.passwords.breach_check_required, TRUE, "is neither true nor false"),
        ),
        Setting::new(
            "HASH_SLOTS",
            "Passwords hashed at once, 19 MiB each [default: one per core]",
            number(|c| &mut c.auth.hashing.slots, 1..=1024),
        )
        .renames(&["hashing.slots"]),
        Setting::new(
            "HASH_QUEUE",
            "Password checks that may wait for a slot, in turns by address [default: 64 per slot]",
            number(|c| &mut c.auth.hashing.queue, 0..=1_000_000),
        )
        .default_from(|c| c.auth.hashing.queue = c.auth.hashing.slots.saturating_mul(64))
        .renames(&["hashing.queue"]),
        Setting::new(
            "HASH_WAIT_MS",
            "The longest wait for a slot [default]",
            time(|c| &mut c.auth.hashing.wait, MILLISECOND, 1..=60_000),
        )
        .renames(&["hashing.wait"]),
        Setting::new(
            "THROTTLE",
            "off for load tests: everybody may guess as fast as passwords are hashed [default]",
            choice(|c| &mut c.auth.insecure_no_throttle, OFF, NEITHER),
        ),
        Setting::new(
            "THROTTLE_ACCOUNT_FAILURES",
            "Wrong passwords in a row before an account waits, from 5 s up to 15 min [default]",
            number_within(
                |c| &mut c.auth.throttle.account_failures,
                |c| 1..=c.auth.throttle.account_limit,
            ),
        )
        .late()
        // A limit that was set below the default is one for known devices too.
        .default_from(|c| {
            let throttle = &mut c.auth.throttle;
            throttle.account_failures = throttle.account_failures.min(throttle.account_limit);
            throttle.device_failures = throttle.device_failures.min(throttle.account_limit);
        })
        .renames(&["throttle.account_failures"]),
        Setting::new(
            "THROTTLE_ACCOUNT_LIMIT",
            "Wrong passwords in a row after which only a known device can sign in, 1 to 100; 20 of 100 are kept for these [default]",
            number(|c| &mut c.auth.throttle.account_limit, 1..=100),
        )
        .renames(&["throttle.account_limit"]),
        Setting::new(
            "THROTTLE_NETWORK_FAILURES",
            "Failures of an IPv4 address or IPv6 /64 before it waits [default]",
            number(|c| &mut c.auth.throttle.network_failures, 1..=100_000),
        )
        .renames(&["throttle.network_failures"]),
        Setting::new(
            "THROTTLE_NETWORK_REFILL_MINUTES",
            "How long it takes until a network has all of them again [default]",
            time(|c| &mut c.auth.throttle.network_refill, MINUTE, 1..=24 * 60),
        )
        .renames(&["throttle.network_refill"]),
        Setting::new(
            "REGISTRATION",
            "open or closed [default]",
            choice(
                |c| &mut c.auth.registration,
                &[("open", Registration::Open), ("closed", Registration::Closed)],
                "is neither open nor closed",
            ),
        ),
        Setting::new(
            "PROFILE",
            "on: accounts have a name, a language and data of their own; off: an address alone [default]",
            choice(|c| &mut c.auth.profile.enabled, ON, NEITHER),
        ),
        Setting::new(
            "USERNAMES",
            "on: people may have a user name, and sign in by it as by their address; user names are public [default]",
            choice(|c| &mut c.auth.profile.usernames, ON, NEITHER),
        )
        .renames(&["profile.usernames"]),
        Setting::new(
            "TOKEN_CLAIMS",
            "What access tokens tell of a profile besides, as profile.name,app.plan:tier [default: nothing]",
            parsed(|c| &mut c.auth.tokens.claims, value::token_claims, ToString::to_string),
        )
        .renames(&["tokens.claims"]),
        Setting::new(
            "SECOND_FACTOR",
            "off; optional: who has one is asked for it; required: everybody has to have one; required:admin,editor: who has such a role [default]",
            parsed(|c| &mut c.auth.factors.policy, value::second_factor, value::second_factor_text),
        )
        .renames(&["factors.policy"]),
        Setting::new(
            "TOTP_ISSUER",
            "What an authenticator app calls the service [default: SERVICE_NAME]",
            optional(|c| &mut c.auth.factors.totp_issuer, value::short_name, String::clone).shown(|c| {
                c.auth.factors.totp_issuer.clone().unwrap_or_else(|| c.auth.mail.service_name.clone())
            }),
        )
        .renames(&["factors.totp_issuer"]),
        Setting::new(
            "STEP_UP_MINUTES",
            "How long ago somebody may have shown who they are for what asks for recent proof; 0: asked for with a second factor only [default]",
            time(|c| &mut c.auth.factors.step_up, MINUTE, 0..=24 * 60),
        )
        .renames(&["factors.step_up"]),
        Setting::new(
            "REMEMBER_DEVICE_DAYS",
            "How long a device is not asked for a second factor again, where somebody wants so; 0: none is remembered [default]",
            time(|c| &mut c.auth.factors.remember_device, DAY, 0..=365),
        )
        .renames(&["factors.remember_device"]),
        Setting::new(
            "FACTOR_MAX_FAILURES",
            "Wrong codes of an account after which none is taken until an administrator opens it, 1 to 100 [default]",
            number(|c| &mut c.auth.factors.max_failures, 1..=100),
        )
        .renames(&["factors.max_failures"]),
        Setting::new(
            "API_KEYS_ENABLED",
            "Whether people may make keys for their programs, and administrators service accounts [default]",
            choice(|c| &mut c.auth.api_keys.enabled, TRUE, "is neither true nor false"),
        ),
        Setting::new(
            "API_KEY_PREFIX",
            "How a new API key begins, for scanners of secrets: 1 to 16 of a-z, 0-9 and _ [default]",
            text(|c| &mut c.auth.api_keys.prefix),
        )
        .renames(&["api_keys.prefix"]),
        Setting::new(
            "API_KEY_MAX_DAYS",
            "The longest life of an API key; 0: no limit, and keys may never expire [default]",
            number(|c| &mut c.auth.api_keys.max_days, 0..=3650),
        )
        .renames(&["api_keys.max_days"]),
        Setting::new(
            "PASSKEYS",
            "off: nobody signs in with a passkey; those that there are stay [default]",
            choice(|c| &mut c.passkeys.on, ON, NEITHER),
        ),
        Setting::new(
            "PASSKEY_RP_ID",
            "The name of the site that passkeys are for, of use there only: a change strands those that there are [default: the host of PUBLIC_URL]",
            optional(|c| &mut c.passkeys.rp_id, |text| Ok(text.to_ascii_lowercase()), String::clone)
                .shown(|c| c.passkeys(&c.http.public_url(c.http.listen.port)).rp_id.unwrap_or_default()),
        )
        .renames(&["passkeys.rp_id"]),
        Setting::new(
            "PASSKEY_ORIGINS",
            "Pages that may ask for a passkey, separated by commas, and apps: android:apk-key-hash:HASH [default: that of PUBLIC_URL, and the TRUSTED_ORIGINS of its site]",
            optional(|c| &mut c.passkeys.origins, passkeys::origins, |origins: &Vec<String>| origins.join(","))
                .shown(|c| c.passkeys(&c.http.public_url(c.http.listen.port)).origins.join(",")),
        )
        .renames(&["passkeys.origins"]),
        Setting::new(
            "PASSKEY_COUNTER",
            "refuse: a passkey whose counter does not go up, which may be a copy, signs nobody in; tell: its owner is told [default]",
            choice(|c| &mut c.auth.passkeys.refuse_counter, COUNTER, "is neither tell nor refuse"),
        )
        .renames(&["passkeys.refuse_counter"]),
        Setting::new(
            "ADMIN_API",
            "off takes /users away, which is for administrators; auth-server users does the same [default]",
            choice(|c| &mut c.http.admin_api, ON, NEITHER),
        ),
        Setting::new(
            "BROWSER_DOOR",
            "on: GET /verify/browser tells a proxy who is signed in, for applications that know nothing of users; every sign-in then sets a cookie for it, SameSite=Lax [default]",
            choice(|c| &mut c.http.browser.on, ON, NEITHER),
        )
        .renames(&["browser_door"]),
        Setting::new(
            "BROWSER_COOKIE_DOMAIN",
            "Domain all of whose hosts get that cookie, so that those of TRUSTED_ORIGINS below it are kept too [default: none, the host of PUBLIC_URL only]",
            optional(|c| &mut c.http.browser.cookie_domain, |text| Ok(text.to_ascii_lowercase()), String::clone),
        )
        .renames(&["browser_cookie_domain"]),
        Setting::new(
            "ACCOUNT_PAGES",
            "off takes /account away, the pages on which people sign in and see to their account; admin-off those for administrators only [default]",
            choice(|c| &mut c.http.pages.shown, PAGES, "is none of on, admin-off and off"),
        ),
        Setting::new(
            "PAGES_NAME",
            "What these pages call the service [default: SERVICE_NAME, or the host of the address where neither is set]",
            optional(|c| &mut c.http.pages.name, value::short_name, String::clone)
                .shown(|c| c.pages_name(&c.http.public_url(c.http.listen.port))),
        )
        .renames(&["name"]),
        Setting::new(
            "PAGES_ACCENT",
            "The colour of their links and buttons, like #1f5fd0; dark enough for white text, and made lighter where a system is dark [default: blue]",
            optional(|c| &mut c.http.pages.accent, pages::accent, |(_, text)| text.clone()),
        ),
        Setting::new(
            "PAGES_LOGO",
            "File with a picture for the top of each page: SVG, PNG, WebP or JPEG, up to 64 KiB [default: one of ours]",
            optional(|c| &mut c.http.pages.logo, pages::logo, |(_, path)| path.clone()),
        ),
        Setting::new(
            "PAGES_DIR",
            "Folder with a style.css that comes after ours, and with texts as de.toml and the like [default: none]",
            optional(|c| &mut c.http.pages.directory, pages::directory, |directory| directory.path.clone()),
        )
        .renames(&["style", "texts"]),
        Setting::new(
            "DOCS",
            "off takes /docs and /openapi.json away [default]",
            choice(|c| &mut c.http.docs, ON, NEITHER),
        ),
        Setting::new(
            "SMTP_URL",
            "smtp://user:password@host:587 (STARTTLS), smtps://...:465, smtp://127.0.0.1:1025 [default: mails are written to the log]",
            optional(
                |c| &mut c.mail.smtp_url,
                |text| Ok(text.to_owned().into()),
                |_| "(hidden)".to_owned(),
            ),
        )
        .secret()
        .renames(&["smtp url"]),
        Setting::new(
            "MAIL_FROM",
            "Sender of mails: Tea Shop <tea@example.com>, or the address alone",
            text(|c| &mut c.mail.from),
        )
        .renames(&["mail from"]),
        Setting::new(
            "SERVICE_NAME",
            "What mails call the service [default: the host of PUBLIC_URL]",
            parsed(|c| &mut c.auth.mail.service_name, value::short_name, String::clone),
        )
        .default_from(|c| {
            let host = c.http.public_url.as_deref().map_or(NAMELESS, value::host_of);
            c.auth.mail.service_name = host.to_owned();
        })
        .renames(&["mail.service_name"]),
        Setting::new(
            "EMAIL_VERIFICATION",
            "off; on: a link proves the address, and /register does not tell known ones; required: people also cannot sign in before that [default]",
            choice(
                |c| &mut c.auth.email_verification,
                &[
                    ("off", EmailVerification::Off),
                    ("on", EmailVerification::On),
                    ("required", EmailVerification::Required),
                ],
                "is none of off, on and required",
            ),
        ),
        Setting::new(
            "VERIFY_EMAIL_URL",
            "Page of your own that proves addresses; the token comes in the fragment [default: built in]",
            optional(|c| &mut c.mail.verify_email_url, |text| Ok(text.to_owned()), String::clone).shown(|c| {
                c.mail.verify_email_url.clone().unwrap_or_else(|| "(built in, at /verify-email)".to_owned())
            }),
        )
        .renames(&["mail.verify_email_url"]),
        Setting::new(
            "RESET_PASSWORD_URL",
            "Page of your own that sets a new password; as above [default: built in]",
            optional(|c| &mut c.mail.reset_password_url, |text| Ok(text.to_owned()), String::clone).shown(
                |c| {
                    c.mail.reset_password_url.clone().unwrap_or_else(|| "(built in, at /reset-password)".to_owned())
                },
            ),
        )
        .renames(&["mail.reset_password_url"]),
        Setting::new(
            "STOP_EMAIL_CHANGE_URL",
            "Page of your own that stops a change of address; as above [default: built in]",
            optional(|c| &mut c.mail.stop_email_change_url, |text| Ok(text.to_owned()), String::clone).shown(
                |c| {
                    let own = c.mail.stop_email_change_url.clone();
                    own.unwrap_or_else(|| "(built in, at /stop-email-change)".to_owned())
                },
            ),
        )
        .renames(&["mail.stop_email_change_url"]),
        Setting::new(
            "EMAIL_SIGN_IN",
            "off; on: who has an account can sign in by a code or a link in a mail; signup: an address that nobody has gets an account by it [default]",
            choice(
                |c| &mut c.auth.email_codes.sign_in,
                &[("off", EmailSignIn::Off), ("on", EmailSignIn::On), ("signup", EmailSignIn::SignUp)],
                "is none of off, on and signup",
            ),
        )
        .renames(&["email_codes.sign_in"]),
        Setting::new(
            "EMAIL_SIGN_IN_URL",
            "Page of your own that signs in by a link; as VERIFY_EMAIL_URL [default: built in]",
            optional(|c| &mut c.mail.sign_in_url, |text| Ok(text.to_owned()), String::clone).shown(|c| {
                c.mail.sign_in_url.clone().unwrap_or_else(|| "(built in, at /login/email/confirm)".to_owned())
            }),
        )
        .renames(&["mail.sign_in_url"]),
        Setting::new(
            "AUDIT_RETENTION_DAYS",
            "How long security events are kept in the database; 0: none are written [default]",
            time_or_none(|c| &mut c.auth.audit_retention, DAY, 3650),
        )
        .renames(&["audit_retention"]),
        Setting::new(
            "WEBHOOK_URL",
            "Is told of every event; may be of a private network, and plain http",
            optional(news::field::webhook_url, |text| Ok(text.to_owned()), String::clone),
        )
        .renames(&["webhooks.webhook"]),
        Setting::new(
            "WEBHOOK_SECRET",
            "What is sent to WEBHOOK_URL is signed with: whsec_ and 24 to 64 bytes in base64",
            optional(
                news::field::webhook_secret,
                |text| Ok(text.to_owned().into()),
                |_| "(redacted)".to_owned(),
            ),
        )
        .secret()
        .renames(&["webhooks.secret"]),
        Setting::new(
            "WEBHOOK_ALLOW_PRIVATE",
            "true: administrators may add webhooks of private networks and by plain http, and so make this service ask what only its machine reaches [default]",
            choice(news::field::allow_private, TRUE, "is neither true nor false"),
        ),
        Setting::new(
            "LOGOUT_URLS",
            "Are sent a logout token whenever sessions end, separated by commas",
            parsed(news::field::logout_urls, news::urls, |urls| urls.join(",")),
        )
        .renames(&["webhooks.logout_url"]),
        Setting::new(
            "HOOK_URL",
            "Is asked who may register, who may sign in, and what access tokens tell besides",
            optional(|c| &mut c.news.hook_url, |text| Ok(text.to_owned()), String::clone),
        )
        .renames(&["hook url"]),
        Setting::new(
            "HOOK_SECRET",
            "What is sent to HOOK_URL is signed with: whsec_ and 24 to 64 bytes in base64",
            optional(
                |c| &mut c.news.hook_secret,
                |text| Ok(text.to_owned().into()),
                |_| "(redacted)".to_owned(),
            ),
        )
        .secret()
        .renames(&["hook secret"]),
        Setting::new(
            "HOOK_FAILURE",
            "closed: when the hook does not answer within two seconds, requests are refused (503); open: they go on without it [default]",
            choice(news::field::hook_failure, HOOK_FAILURE, "is neither closed nor open"),
        )
        .renames(&["hooks.on_failure"]),
        Setting::new(
            "UNVERIFIED_ACCOUNT_DAYS",
            "Accounts that never proved their address and never signed in are removed after this long; 0: never [default]",
            time_or_none(|c| &mut c.auth.unverified_account_ttl, DAY, 3650),
        )
        .renames(&["unverified_account_ttl"]),
        Setting::new(
            "OAUTH_SIGNUP",
            "off: only identities that an account has linked sign in; none makes an account, or joins one by address [default]",
            choice(|c| &mut c.oidc.known_identities_only, OFF, NEITHER),
        ),
        Setting::new(
            "OAUTH_REDIRECT_TO",
            "Page to send browsers to after a sign-in at a provider when they named none; providers themselves are OAUTH_<NAME>_CLIENT_ID and so on, see the manual [default]",
            text(|c| &mut c.oidc.default_redirect),
        )
        .renames(&["oidc default_redirect"]),
        Setting::new(
            "METRICS_ADDR",
            "Address and port of /metrics for Prometheus, 127.0.0.1:9464 [default: none]",
            optional(|c| &mut c.metrics, value::address, ToString::to_string),
        ),
        Setting::new(
            "LOG_LEVEL",
            "off, error, warn, info, debug or trace [default]",
            choice(
                |c| &mut c.log.level,
                &[
                    ("off", LevelFilter::OFF),
                    ("error", LevelFilter::ERROR),
                    ("critical", LevelFilter::ERROR),
                    ("warn", LevelFilter::WARN),
                    ("warning", LevelFilter::WARN),
                    ("info", LevelFilter::INFO),
                    ("debug", LevelFilter::DEBUG),
                    ("trace", LevelFilter::TRACE),
                ],
                "is no level: set off, error, warn, info, debug or trace",
            ),
        ),
        Setting::new(
            "LOG_FORMAT",
            "human or json [default: human on a terminal, else json]",
            choice(
                |c| &mut c.log.format,
                &[("human", Some(LogFormat::Human)), ("json", Some(LogFormat::Json))],
                "is neither human nor json",
            )
            .shown(|c| match c.log.format {
                None => "(human on a terminal, else json)".to_owned(),
                Some(LogFormat::Human) => "human".to_owned(),
                Some(LogFormat::Json) => "json".to_owned(),
            }),
        ),
    ]
});

/// The row of a name.
pub(crate) fn setting(name: &str) -> Option<&'static Setting> {
    SETTINGS.iter().find(|setting| setting.name == name)
}

/// The name of the setting that the libraries know by another.
pub(crate) fn named_by_libraries(name: &str) -> &str {
    SETTINGS.iter().find(|setting| setting.is_called(name)).map_or(name, |setting| setting.name)
}

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
mod tests;
