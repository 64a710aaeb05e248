//! The values of single settings, from text. Each error continues the sentence that begins with the name of the
//! setting, and never repeats the value.

use std::{
    net::{IpAddr, SocketAddr},
    path::PathBuf,
    str::FromStr as _,
};

use auth_core::Algorithm;
use auth_tower::OriginPolicy;
use tracing::level_filters::LevelFilter;

use super::LogFormat;

pub(super) fn algorithm(text: &str) -> Result<Algorithm, String> {
    Algorithm::from_str(text).map_err(|error| error.problem().to_owned())
}

pub(super) fn hmac_algorithm(text: &str) -> Result<Algorithm, String> {
    match algorithm(text)? {
        algorithm if algorithm.is_hmac() => Ok(algorithm),
        _ => {
            Err("is for HS256, HS384 and HS512; name a former private key in PRIVATE_KEY_PREVIOUS".to_owned())
        }
    }
}

/// A slash at the end is forgiven, as many tools add one.
pub(super) fn origin(text: &str) -> Result<String, String> {
    let origin = text.strip_suffix('/').unwrap_or(text);
    OriginPolicy::new(origin).map_err(|error| error.problem().to_owned())?;
    // Scheme and host have no case, and are compared as text.
    Ok(origin.to_ascii_lowercase())
}

/// Also of an application's own scheme, `capacitor://localhost`.
pub(super) fn trusted_origin(text: &str) -> Result<String, String> {
    if let Ok(origin) = origin(text) {
        return Ok(origin);
    }
    let policy = OriginPolicy::new("http://localhost").and_then(|policy| policy.trust(text));
    policy.map(|_| text.to_owned()).map_err(|error| error.problem().to_owned())
}

pub(crate) fn is_https(origin: &str) -> bool {
    OriginPolicy::new(origin).is_ok_and(|policy| policy.is_https())
}

/// The host of an origin that [`origin`] has taken.
pub(crate) fn host_of(origin: &str) -> &str {
    let authority = origin.split_once("://").map_or(origin, |(_, authority)| authority);
    match authority.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => host,
        _ => authority,
    }
}

pub(super) fn host(text: &str) -> Result<String, String> {
    let bare = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(text);
    let is_address = bare.parse::<IpAddr>().is_ok();
    let is_name = !bare.is_empty()
        && bare.len() <= 253
        && bare.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._".contains(&byte));
    if is_address || is_name {
        Ok(bare.to_owned())
    } else {
        Err("is no address or host name; write 127.0.0.1, 0.0.0.0 or ::".to_owned())
    }
}

/// The path of a socket that is to be made.
pub(super) fn socket_file(text: &str) -> Result<PathBuf, String> {
    if cfg!(not(unix)) {
        return Err("is not to be had on this system; set HOST and PORT".to_owned());
    }
    Ok(PathBuf::from(text))
}

/// A host as it stands in a URL: IPv6 in brackets.
pub(crate) fn in_url(host: &str) -> String {
    if host.contains(':') { format!("[{host}]") } else { host.to_owned() }
}

pub(crate) fn is_loopback(host: &str) -> bool {
    let bare = host.trim_matches(['[', ']']);
    bare == "localhost" || bare.ends_with(".localhost") || {
        bare.parse().is_ok_and(|address: IpAddr| address.is_loopback())
    }
}

pub(super) fn address(text: &str) -> Result<SocketAddr, String> {
    text.parse().map_err(|_| "is no address with a port; write 127.0.0.1:9464 or [::1]:9464".to_owned())
}

pub(super) fn boolean(text: &str) -> Result<bool, String> {
    match text.to_ascii_lowercase().as_str() {
        "true" | "1" | "yes" | "on" => Ok(true),
        "false" | "0" | "no" | "off" => Ok(false),
        _ => Err("is neither true nor false".to_owned()),
    }
}

pub(super) fn on(text: &str) -> Result<bool, String> {
    match text.to_ascii_lowercase().as_str() {
        "on" => Ok(true),
        "off" => Ok(false),
        _ => Err("is neither on nor off".to_owned()),
    }
}

pub(super) fn registration(text: &str) -> Result<bool, String> {
    match text.to_ascii_lowercase().as_str() {
        "open" => Ok(true),
        "closed" => Ok(false),
        _ => Err("is neither open nor closed".to_owned()),
    }
}

pub(super) fn level(text: &str) -> Result<LevelFilter, String> {
    match text.to_ascii_lowercase().as_str() {
        "off" => Ok(LevelFilter::OFF),
        "error" | "critical" => Ok(LevelFilter::ERROR),
        "warn" | "warning" => Ok(LevelFilter::WARN),
        "info" => Ok(LevelFilter::INFO),
        "debug" => Ok(LevelFilter::DEBUG),
        "trace" => Ok(LevelFilter::TRACE),
        _ => Err("is no level: set off, error, warn, info, debug or trace".to_owned()),
    }
}

pub(super) fn log_format(text: &str) -> Result<LogFormat, String> {
    match text.to_ascii_lowercase().as_str() {
        "human" => Ok(LogFormat::Human),
        "json" => Ok(LogFormat::Json),
        _ => Err("is neither human nor json".to_owned()),
    }
}
