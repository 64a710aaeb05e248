//! The values of single settings, from text. Each error continues the sentence that begins with the name of the
//! setting, and never repeats the value.

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    path::PathBuf,
    str::FromStr as _,
};

use auth_core::{Algorithm, ConfigError, SecondFactor, TokenClaims};
use auth_tower::{OriginPolicy, is_hsts};

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

/// The address that clients see: an origin, and a path where a proxy serves us below one. The path keeps its case.
pub(super) fn public_url(text: &str) -> Result<String, String> {
    if text.contains(['?', '#', '\\']) {
        return Err(
            "must have no query and no fragment: an origin, and a path if a proxy takes it off".to_owned()
        );
    }
    let (origin_text, path) = split_url(text.strip_suffix('/').unwrap_or(text));
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"._~-".contains(&byte);
    let segment = |segment: &str| !matches!(segment, "" | "." | "..") && segment.bytes().all(fits);
    let origin = origin(origin_text)?;
    if !path.is_empty() && !path.split('/').skip(1).all(segment) {
        return Err(
            "has a path that cannot be used: write it like /auth, of [A-Za-z0-9._~/-] only".to_owned()
        );
    }
    Ok(format!("{origin}{path}"))
}

/// Origin and path of an address; the path begins with a slash, or is empty.
pub(crate) fn split_url(url: &str) -> (&str, &str) {
    let behind = url.split_once("://").map_or(url, |(_, behind)| behind);
    let path = behind.find('/').and_then(|slash| behind.get(slash..)).unwrap_or_default();
    (url.strip_suffix(path).unwrap_or(url), path)
}

/// For `Strict-Transport-Security`, or `off`.
pub(super) fn hsts(text: &str) -> Result<String, String> {
    if text.eq_ignore_ascii_case("off") {
        return Ok("off".to_owned());
    }
    let problem = "is neither off nor like max-age=31536000; includeSubDomains";
    if is_hsts(text) { Ok(text.to_owned()) } else { Err(problem.to_owned()) }
}

/// Also of an application's own scheme, `capacitor://localhost`.
pub(super) fn trusted_origin(text: &str) -> Result<String, String> {
    if let Ok(origin) = origin(text) {
        return Ok(origin);
    }
    let policy = OriginPolicy::new("http://localhost").and_then(|policy| policy.trust(text));
    policy.map(|_| text.to_owned()).map_err(|error| error.problem().to_owned())
}

/// A comma list of them.
pub(super) fn origins(text: &str) -> Result<Vec<String>, String> {
    let items = text.split(',').map(str::trim).filter(|item| !item.is_empty());
    items.map(|item| trusted_origin(item).map_err(|problem| format!("has an entry that {problem}"))).collect()
}

/// Who has to have a second factor.
pub(super) fn second_factor(text: &str) -> Result<SecondFactor, String> {
    match text.split_once(':') {
        None => match text {
            "off" => Ok(SecondFactor::Off),
            "optional" => Ok(SecondFactor::Optional),
            "required" => Ok(SecondFactor::Required),
            _ => Err("is none of off, optional, required and required:role,role".to_owned()),
        },
        Some(("required", roles)) => {
            let roles: Vec<String> = roles.split(',').map(|role| role.trim().to_owned()).collect();
            let letter = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "_-".contains(c);
            let is_role = |role: &String| (1..=64).contains(&role.len()) && role.chars().all(letter);
            if !roles.iter().all(is_role) {
                return Err("names a role that is not 1 to 64 of a-z, 0-9, _ and -".to_owned());
            }
            Ok(SecondFactor::RequiredFor(roles))
        }
        Some(_) => Err("names roles for something else than required".to_owned()),
    }
}

pub(super) fn second_factor_text(policy: &SecondFactor) -> String {
    match policy {
        SecondFactor::Off => "off".to_owned(),
        SecondFactor::Required => "required".to_owned(),
        SecondFactor::RequiredFor(roles) => format!("required:{}", roles.join(",")),
        // And whatever a later version knows.
        _ => "optional".to_owned(),
    }
}

/// What tokens tell of a profile.
pub(super) fn token_claims(text: &str) -> Result<TokenClaims, String> {
    text.parse().map_err(|error: ConfigError| error.problem().to_owned())
}

/// What tokens call a service.
pub(super) fn service(text: &str) -> Result<String, String> {
    short_line(text, 256)
}

/// What people call it.
pub(super) fn short_name(text: &str) -> Result<String, String> {
    short_line(text, 100)
}

fn short_line(text: &str, most: usize) -> Result<String, String> {
    let fine = text.len() <= most && !text.chars().any(char::is_control);
    if fine { Ok(text.to_owned()) } else { Err("is no short line of text; name the service".to_owned()) }
}

/// Whether an address that [`public_url`] or [`origin`] has taken is reached by TLS.
pub(crate) fn is_https(url: &str) -> bool {
    url.starts_with("https://")
}

/// Its host.
pub(crate) fn host_of(url: &str) -> &str {
    let (origin, _) = split_url(url);
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
        Ok(if bare.eq_ignore_ascii_case(LOCALHOST) { LOCALHOST } else { bare }.to_owned())
    } else {
        Err("is no address or host name; write localhost, 0.0.0.0 or ::".to_owned())
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

/// What this machine is called on this machine: both of its addresses.
pub(crate) const LOCALHOST: &str = "localhost";

/// Whether whoever asks for `localhost` gets there.
pub(super) fn is_called_localhost(host: &str) -> bool {
    let addresses: [IpAddr; 2] = [Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()];
    host.eq_ignore_ascii_case(LOCALHOST) || host.parse().is_ok_and(|address| addresses.contains(&address))
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
