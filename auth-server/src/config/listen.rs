//! Where to listen, and with which certificate.

use std::{path::PathBuf, sync::Arc, time::UNIX_EPOCH};

use auth_core::{Clock as _, Finding, SystemClock};
use rustls::ServerConfig;

use super::{
    reader::{Reader, read_secret},
    value,
};
use crate::{
    error::SettingError,
    http::{proxies::TrustedProxies, tls},
};

const CERT: &str = "TLS_CERT_FILE";
const KEY: &str = "TLS_KEY_FILE";

/// A port, or the file of a socket; with TLS or without.
#[derive(Debug)]
pub(crate) struct ListenConfig {
    pub(crate) host: String,
    pub(crate) port: u16,
    /// In the place of host and port.
    pub(crate) unix_socket: Option<PathBuf>,
    /// As the files were when they were read.
    pub(crate) tls: Option<Arc<ServerConfig>>,
}

impl ListenConfig {
    /// The origin that clients see when nothing is in between.
    pub(super) fn origin(&self, port: u16) -> String {
        let scheme = if self.tls.is_some() { "https" } else { "http" };
        format!("{scheme}://{}:{port}", value::in_url(&self.host))
    }

    /// Holds the settings that say who comes, and from where, against the place.
    pub(super) fn fits(
        &self,
        public_url: Option<&str>,
        proxies: &TrustedProxies,
        warnings: &mut Vec<Finding>,
    ) -> Result<(), SettingError> {
        let on_the_net = self.unix_socket.is_none() && !value::is_loopback(&self.host);
        if on_the_net && self.tls.is_none() && proxies.is_empty() {
            warnings.push(Finding::warning(
                "plain_http",
                "HOST is not this machine only, and nothing says that TLS is spoken: passwords can be read on the way",
                "set TLS_CERT_FILE, or name the proxy that speaks TLS in TRUSTED_PROXIES",
            ));
        }
        match public_url {
            // No page on that origin could sign in: requests come from one on https, which is another.
            Some(url) if self.tls.is_some() && !value::is_https(url) => {
                let problem = "is http while TLS_CERT_FILE is set: write https, or leave TLS to a proxy";
                Err(SettingError::new("PUBLIC_URL", problem))
            }
            None if self.unix_socket.is_some() => Err(SettingError::new(
                "PUBLIC_URL",
                "is needed with UNIX_SOCKET: the origin that clients see, as https://auth.example.com",
            )),
            _ => Ok(()),
        }
    }
}

pub(super) fn read_listen(
    reader: &mut Reader,
    warnings: &mut Vec<Finding>,
) -> Result<ListenConfig, SettingError> {
    let host = reader.setting("HOST", "127.0.0.1".to_owned(), value::host, String::clone)?;
    let port = reader.number("PORT", 8000, 0, u16::MAX)?;
    let unix_socket = reader.setting(
        "UNIX_SOCKET",
        None,
        |text| value::socket_file(text).map(Some),
        |path| path.as_ref().map_or_else(String::new, |path| path.display().to_string()),
    )?;
    let tls = read_tls(reader, warnings)?;
    if unix_socket.is_some() && tls.is_some() {
        let problem = "has no use with UNIX_SOCKET: TLS is for the net, and the proxy speaks it there";
        return Err(SettingError::new(CERT, problem));
    }
    Ok(ListenConfig { host, port, unix_socket, tls })
}

fn read_tls(
    reader: &mut Reader,
    warnings: &mut Vec<Finding>,
) -> Result<Option<Arc<ServerConfig>>, SettingError> {
    let chain = read_file(reader, CERT, tls::certificates)?;
    let key = read_file(reader, KEY, tls::private_key)?;
    let (chain, key) = match (chain, key) {
        (None, None) => return Ok(None),
        (Some(_), None) => {
            return Err(SettingError::new(KEY, "is needed with TLS_CERT_FILE: its private key"));
        }
        (None, Some(_)) => {
            return Err(SettingError::new(CERT, "is needed with TLS_KEY_FILE: its certificate"));
        }
        (Some(chain), Some(key)) => (chain, key),
    };
    let now = SystemClock.now().duration_since(UNIX_EPOCH).unwrap_or_default();
    warnings.extend(chain.first().and_then(|certificate| tls::expiry_finding(certificate, now)));
    tls::server_config(chain, key).map(Some).map_err(|problem| SettingError::new(KEY, problem))
}

/// What is in the file that a setting names.
fn read_file<T>(
    reader: &mut Reader,
    name: &'static str,
    parse: impl FnOnce(&str) -> Result<T, String>,
) -> Result<Option<T>, SettingError> {
    let found = reader.setting(
        name,
        None,
        |path| Ok(Some((path.to_owned(), parse(&read_secret(path)?)?))),
        |found| found.as_ref().map_or_else(String::new, |(path, _)| path.clone()),
    )?;
    Ok(found.map(|(_, parsed)| parsed))
}
