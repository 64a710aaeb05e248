//! Requests to providers.

use std::time::Duration;

use base64::{Engine, engine::general_purpose::STANDARD};
use bytes::Bytes;
use http::{
    Request, StatusCode,
    header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderValue},
};
use serde::de::DeserializeOwned;
use url::{Url, form_urlencoded};

use super::{Failure, Provider};
use crate::{
    ConfigError,
    http_client::{HttpClient, HttpError, Limits, Reach},
};

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

/// Asks a provider, at addresses that were configured or that its own document names.
pub(super) struct Asker {
    client: HttpClient,
}

impl Asker {
    pub(super) fn new(provider: &Provider) -> Result<Self, ConfigError> {
        let limits = Limits { timeout: TIMEOUT, max_bytes: MAX_BYTES, keeps_connections: true };
        let client = HttpClient::new(&provider.root_certificates, Reach::Anywhere, limits);
        let client = client.map_err(|error| ConfigError::new("oidc root_certificate", error.to_string()))?;
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
        let mut request = request.header(ACCEPT, "application/json");
        if let Some(credentials) = caller.header()? {
            request = request.header(AUTHORIZATION, credentials);
        }
        let request = request.body(body);
        let request = request.map_err(|_| Trouble::bad("no request can be made to the address"))?;
        let answer = self.client.send(request).await?;
        Ok(Answer { status: answer.status, body: answer.body? })
    }
}

impl From<HttpError> for Trouble {
    fn from(error: HttpError) -> Self {
        match error {
            HttpError::TooLong { .. } | HttpError::NotAllowed(_) => Self::bad(error.to_string()),
            _ => Self::away(error.to_string()),
        }
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
