//! Where to listen, and with which certificate.

use std::{path::PathBuf, sync::Arc, time::UNIX_EPOCH};

use auth_core::{Clock as _, Finding, SystemClock};
use rustls::{
    ServerConfig,
    pki_types::{CertificateDer, PrivateKeyDer},
};

use super::{reader::read_secret, value};
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
    pub(super) certificate: Option<TlsFile<Vec<CertificateDer<'static>>>>,
    pub(super) key: Option<TlsFile<PrivateKeyDer<'static>>>,
    /// As the files were when they were read.
    pub(crate) tls: Option<Arc<ServerConfig>>,
}

impl ListenConfig {
    /// The origin that clients see when nothing is in between. This machine goes by its name: a passkey needs one, and a page of a
    /// development server on `localhost` is of the same site.
    pub(crate) fn origin(&self, port: u16) -> String {
        let scheme = if self.tls.is_some() { "https" } else { "http" };
        let host = if value::is_called_localhost(&self.host) { value::LOCALHOST } else { &self.host };
        format!("{scheme}://{}:{port}", value::in_url(host))
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

impl Default for ListenConfig {
    fn default() -> Self {
        Self {
            host: value::LOCALHOST.to_owned(),
            port: 8000,
            unix_socket: None,
            certificate: None,
            key: None,
            tls: None,
        }
    }
}

/// Makes of certificate and key what a handshake needs.
pub(super) fn agree(listen: &mut ListenConfig, warnings: &mut Vec<Finding>) -> Result<(), SettingError> {
    let refuse = |name: &str, problem: &str| Err(SettingError::new(name, problem));
    let (chain, key) = match (&listen.certificate, &listen.key) {
        (None, None) => return Ok(()),
        (Some(_), None) => return refuse(KEY, "is needed with TLS_CERT_FILE: its private key"),
        (None, Some(_)) => return refuse(CERT, "is needed with TLS_KEY_FILE: its certificate"),
        (Some(chain), Some(key)) => (chain.content.clone(), key.content.clone_key()),
    };
    let now = SystemClock.now().duration_since(UNIX_EPOCH).unwrap_or_default();
    warnings.extend(chain.first().and_then(|certificate| tls::expiry_finding(certificate, now)));
    let config = tls::server_config(chain, key).map_err(|problem| SettingError::new(KEY, problem))?;
    listen.tls = Some(config);
    if listen.unix_socket.is_some() {
        let problem = "has no use with UNIX_SOCKET: TLS is for the net, and the proxy speaks it there";
        return refuse(CERT, problem);
    }
    Ok(())
}

/// What is in the file of a setting.
#[derive(Debug)]
pub(crate) struct TlsFile<T> {
    pub(super) path: String,
    content: T,
}

pub(super) fn certificate(path: &str) -> Result<TlsFile<Vec<CertificateDer<'static>>>, String> {
    Ok(TlsFile { path: path.to_owned(), content: tls::certificates(&read_secret(path)?)? })
}

pub(super) fn key(path: &str) -> Result<TlsFile<PrivateKeyDer<'static>>, String> {
    Ok(TlsFile { path: path.to_owned(), content: tls::private_key(&read_secret(path)?)? })
}
