//! Requests to other servers: bounded in time and size, and redirects are not followed. The one place that makes them, with the rules of
//! where they may go (ASVS 13.2.4, 15.3.2).

mod reach;

use std::{error::Error as StdError, fmt, pin::pin, sync::Arc, time::Duration};

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, HeaderValue, Request, StatusCode, header::USER_AGENT};
use http_body_util::{BodyExt, Full};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::{TokioExecutor, TokioTimer},
};
use rustls::{
    ClientConfig, RootCertStore,
    pki_types::{CertificateDer, pem::PemObject},
};
use tokio::time::sleep;

use self::reach::Resolver;
pub use self::reach::{Reach, is_loopback, is_public};

const AGENT: HeaderValue =
    HeaderValue::from_static(concat!(env!("CARGO_PKG_NAME"), "/", env!("CARGO_PKG_VERSION")));

/// What holds for every request of a client.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// From the look-up of the name to the last byte.
    pub timeout: Duration,
    /// The longest body that is read, in bytes.
    pub max_bytes: usize,
    /// Whether connections are kept for the next request.
    pub keeps_connections: bool,
}

/// Asks other servers.
#[derive(Clone)]
pub struct HttpClient {
    client: Client<HttpsConnector<HttpConnector<Resolver>>, Full<Bytes>>,
    reach: Reach,
    limits: Limits,
}

/// An answer whose head has arrived.
#[derive(Debug)]
#[non_exhaustive]
pub struct Answer {
    /// Its status.
    pub status: StatusCode,
    /// Its headers.
    pub headers: HeaderMap,
    /// What stood in it, or why that is not known.
    pub body: Result<Bytes, HttpError>,
}

/// Why there is no answer. The text has nothing of what was sent in it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum HttpError {
    /// The address is one that may not be asked.
    #[error("the address is not allowed: {0}")]
    NotAllowed(&'static str),
    /// Nobody answers there, or not in a way that can be understood.
    #[error("{host} is not reached: {cause}")]
    NotReached {
        /// Who was asked.
        host: String,
        /// What lies beneath.
        cause: String,
    },
    /// It took too long.
    #[error("no answer within {0:?}")]
    Timeout(Duration),
    /// The answer breaks off.
    #[error("an answer of {0} breaks off")]
    BreaksOff(String),
    /// The answer is longer than is read.
    #[error("an answer of {host} is longer than {max_bytes} bytes")]
    TooLong {
        /// Who answered.
        host: String,
        /// What is read at most.
        max_bytes: usize,
    },
}

/// A certificate in PEM that cannot be used, or none in what was given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("has no certificate in PEM that can be used")]
pub struct UnusableCertificate;

impl HttpClient {
    /// `roots`: certification authorities in PEM, and no others; with none those of Mozilla's list, which are compiled in, so that
    /// the same are trusted on every machine.
    ///
    /// # Errors
    /// [`UnusableCertificate`].
    pub fn new(roots: &[Vec<u8>], reach: Reach, limits: Limits) -> Result<Self, UnusableCertificate> {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let tls = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|_| UnusableCertificate)?
            .with_root_certificates(trusted(roots)?)
            .with_no_client_auth();
        let mut connector = HttpConnector::new_with_resolver(Resolver::new(reach));
        connector.enforce_http(false);
        // Shared among the addresses of the host: one that is silent leaves time for the next.
        connector.set_connect_timeout(Some(limits.timeout));
        let connector = HttpsConnectorBuilder::new()
            .with_tls_config(tls)
            .https_or_http()
            .enable_http1()
            .wrap_connector(connector);
        let client = Client::builder(TokioExecutor::new())
            .pool_idle_timeout(Duration::from_secs(30))
            .pool_max_idle_per_host(if limits.keeps_connections { 4 } else { 0 })
            .pool_timer(TokioTimer::new())
            .build(connector);
        Ok(Self { client, reach, limits })
    }

    /// Sends a request; tells of the answer as soon as its head is there and its body read or given up.
    ///
    /// # Errors
    /// [`HttpError`], where there is no head.
    pub async fn send(&self, mut request: Request<Bytes>) -> Result<Answer, HttpError> {
        self.reach.allows(request.uri())?;
        let host = request.uri().host().unwrap_or_default().to_owned();
        request.headers_mut().insert(USER_AGENT, AGENT);
        let (mut over, late) = (pin!(sleep(self.limits.timeout)), HttpError::Timeout(self.limits.timeout));
        let response = tokio::select! {
            response = self.client.request(request.map(Full::new)) => response
                .map_err(|error| HttpError::NotReached { host: host.clone(), cause: deepest(&error) })?,
            () = &mut over => return Err(late),
        };
        let (head, mut body) = response.into_parts();
        let max_bytes = self.limits.max_bytes;
        let read = async {
            let mut read = BytesMut::new();
            while let Some(frame) = body.frame().await {
                let frame = frame.map_err(|_| HttpError::BreaksOff(host.clone()))?;
                if let Ok(data) = frame.into_data() {
                    if read.len().saturating_add(data.len()) > max_bytes {
                        return Err(HttpError::TooLong { host: host.clone(), max_bytes });
                    }
                    read.extend_from_slice(&data);
                }
            }
            Ok(read.freeze())
        };
        let body = tokio::select! {
            read = read => read,
            () = &mut over => Err(late),
        };
        Ok(Answer { status: head.status, headers: head.headers, body })
    }
}

impl fmt::Debug for HttpClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpClient")
            .field("reach", &self.reach)
            .field("limits", &self.limits)
            .finish_non_exhaustive()
    }
}

/// What lies beneath says more than "client error", and none of it holds what was sent.
fn deepest(error: &(dyn StdError + 'static)) -> String {
    let causes = std::iter::successors(Some(error), |error| (*error).source());
    causes.last().map(ToString::to_string).unwrap_or_default()
}

fn trusted(given: &[Vec<u8>]) -> Result<RootCertStore, UnusableCertificate> {
    let mut roots = RootCertStore::empty();
    for pem in given {
        let before = roots.len();
        for certificate in CertificateDer::pem_slice_iter(pem) {
            let certificate = certificate.map_err(|_| UnusableCertificate)?;
            roots.add(certificate).map_err(|_| UnusableCertificate)?;
        }
        if roots.len() == before {
            return Err(UnusableCertificate);
        }
    }
    if given.is_empty() {
        roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
    }
    Ok(roots)
}
