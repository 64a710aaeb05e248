//! Requests to providers: bounded in time and size, to hosts that were configured, and redirects are not followed.

use std::{sync::Arc, time::Duration};

use base64::{Engine, engine::general_purpose::STANDARD};
use bytes::Bytes;
use http::{
    Request, StatusCode,
    header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderValue, USER_AGENT},
};
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::{TokioExecutor, TokioTimer},
};
use rustls::{
    ClientConfig, RootCertStore,
    pki_types::{CertificateDer, pem::PemObject},
};
use serde::de::DeserializeOwned;
use url::{Url, form_urlencoded};

use super::{Failure, Provider};
use crate::ConfigError;

/// From the look-up of the name to the last byte.
const TIMEOUT: Duration = Duration::from_secs(5);
/// The largest documents of providers are sets of a dozen keys with their certificates.
const MAX_BYTES: usize = 256 * 1024;

/// Why there is no answer to go on with: what to tell, and what to log. The text has no secret in it.
#[derive(Debug)]
pub(super) struct Trouble {
    pub(super) failure: Failure,
    pub(super) detail: String,
}

impl Trouble {
    /// The provider cannot be had.
    fn away(detail: impl Into<String>) -> Self {
        Self { failure: Failure::ProviderUnavailable, detail: detail.into() }
    }

    /// The provider answers what it should not.
    pub(super) fn bad(detail: impl Into<String>) -> Self {
        Self { failure: Failure::ProviderAnswerInvalid, detail: detail.into() }
    }
}

impl From<Failure> for Trouble {
    fn from(failure: Failure) -> Self {
        Self { failure, detail: String::new() }
    }
}

/// Status and body of an answer that arrived whole.
pub(super) struct Answer {
    pub(super) status: StatusCode,
    body: Bytes,
}

impl Answer {
    /// The document in it. A repeated member is an error.
    pub(super) fn json<T: DeserializeOwned>(&self, what: &str) -> Result<T, Trouble> {
        serde_json::from_slice(&self.body)
            // Line and column, and no part of the text.
            .map_err(|error| {
                Trouble::bad(format!("{what} is not as it should be, at column {}", error.column()))
            })
    }

    /// The same, of an answer that has to be 200.
    pub(super) fn ok_json<T: DeserializeOwned>(&self, what: &str) -> Result<T, Trouble> {
        if self.status != StatusCode::OK {
            return Err(self.unexpected(what));
        }
        self.json(what)
    }

    /// Whether the provider has trouble of its own.
    pub(super) fn is_passing(&self) -> bool {
        self.status.is_server_error() || self.status == StatusCode::TOO_MANY_REQUESTS
    }

    pub(super) fn unexpected(&self, what: &str) -> Trouble {
        let detail = format!("{what} was answered {}", self.status);
        if self.is_passing() { Trouble::away(detail) } else { Trouble::bad(detail) }
    }
}

/// Who asks, in the header `Authorization`.
pub(super) enum Caller<'a> {
    Nobody,
    Basic { id: &'a str, secret: &'a str },
    Bearer(&'a str),
}

pub(super) struct HttpClient {
    client: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
}

impl HttpClient {
    pub(super) fn new(provider: &Provider) -> Result<Self, ConfigError> {
        let unusable =
            || ConfigError::new("oidc root_certificate", "has no certificate in PEM that can be used");
        let mut roots = RootCertStore::empty();
        for pem in &provider.root_certificates {
            let before = roots.len();
            for certificate in CertificateDer::pem_slice_iter(pem) {
                roots.add(certificate.map_err(|_| unusable())?).map_err(|_| unusable())?;
            }
            if roots.len() == before {
                return Err(unusable());
            }
        }
        if provider.root_certificates.is_empty() {
            roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
        }
        let tls =
            ClientConfig::builder_with_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
                .with_safe_default_protocol_versions()
                .map_err(|_| unusable())?
                .with_root_certificates(roots)
                .with_no_client_auth();
        let mut connector = HttpConnector::new();
        connector.enforce_http(false);
        // Shared among the addresses of the host: one that is silent leaves time for the next.
        connector.set_connect_timeout(Some(TIMEOUT));
        let connector = HttpsConnectorBuilder::new()
            .with_tls_config(tls)
            .https_or_http()
            .enable_http1()
            .wrap_connector(connector);
        let client = Client::builder(TokioExecutor::new())
            .pool_idle_timeout(Duration::from_secs(30))
            .pool_max_idle_per_host(4)
            .pool_timer(TokioTimer::new())
            .build(connector);
        Ok(Self { client })
    }

    pub(super) async fn get(&self, url: &Url, caller: Caller<'_>) -> Result<Answer, Trouble> {
        self.ask(Request::get(url.as_str()), caller, Bytes::new()).await
    }

    pub(super) async fn post_form(
        &self,
        url: &Url,
        caller: Caller<'_>,
        fields: &[(&str, &str)],
    ) -> Result<Answer, Trouble> {
        let form = form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        let request = Request::post(url.as_str()).header(CONTENT_TYPE, "application/x-www-form-urlencoded");
        self.ask(request, caller, form.into()).await
    }

    async fn ask(
        &self,
        request: http::request::Builder,
        caller: Caller<'_>,
        body: Bytes,
    ) -> Result<Answer, Trouble> {
        let mut request = request
            .header(ACCEPT, "application/json")
            .header(USER_AGENT, concat!(env!("CARGO_PKG_NAME"), "/", env!("CARGO_PKG_VERSION")));
        if let Some(credentials) = caller.header()? {
            request = request.header(AUTHORIZATION, credentials);
        }
        let request = request.body(Full::new(body));
        let request = request.map_err(|_| Trouble::bad("no request can be made to the address"))?;
        let answer = tokio::time::timeout(TIMEOUT, self.send(request)).await;
        answer.unwrap_or_else(|_| Err(Trouble::away(format!("no answer within {TIMEOUT:?}"))))
    }

    async fn send(&self, request: Request<Full<Bytes>>) -> Result<Answer, Trouble> {
        let host = request.uri().host().unwrap_or_default().to_owned();
        let response = self.client.request(request).await;
        let response = response.map_err(|error| {
            // What lies beneath says more than "client error", and none of it holds what was sent.
            let mut cause: &dyn std::error::Error = &error;
            while let Some(deeper) = cause.source() {
                cause = deeper;
            }
            Trouble::away(format!("{host} is not reached: {cause}"))
        })?;
        let (head, body) = response.into_parts();
        let body = Limited::new(body, MAX_BYTES).collect().await.map_err(|error| {
            if error.is::<LengthLimitError>() {
                Trouble::bad(format!("an answer of {host} is longer than {MAX_BYTES} bytes"))
            } else {
                Trouble::away(format!("an answer of {host} breaks off"))
            }
        })?;
        Ok(Answer { status: head.status, body: body.to_bytes() })
    }
}

impl Caller<'_> {
    fn header(&self) -> Result<Option<HeaderValue>, Trouble> {
        let credentials = match self {
            Self::Nobody => return Ok(None),
            // RFC 6749 section 2.3.1: both are encoded as in a form first.
            Self::Basic { id, secret } => {
                let encode =
                    |text: &str| form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
                format!("Basic {}", STANDARD.encode(format!("{}:{}", encode(id), encode(secret))))
            }
            Self::Bearer(token) => format!("Bearer {token}"),
        };
        let mut header = HeaderValue::try_from(credentials)
            .map_err(|_| Trouble::bad("the access token has characters that no header takes"))?;
        header.set_sensitive(true);
        Ok(Some(header))
    }
}
