//! A hook that is asked over HTTP.

use std::{fmt, sync::Arc, time::Duration};

use bytes::Bytes;
use http::{StatusCode, Uri};
use serde::Deserialize;
use serde_json::{Value, json};
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

use super::{WebhookSecret, message, secret::SigningSecret};
use crate::{
    Asking, BeforeRegister, BeforeSignIn, Claims, ClaimsFor, Clock, ConfigError, HookError, Hooks,
    SystemClock, SystemRandom, User, Verdict,
    clock::to_millis,
    http_client::{HttpClient, Limits, Reach},
    random,
};

/// Longer than any deadline may be, which is what counts.
const TIMEOUT: Duration = Duration::from_secs(10);
const MAX_BYTES: usize = 4 * 1024;

/// [`Hooks`] that another program answers: each question is a POST, signed as a webhook is
/// (`{type: "before_register" | "before_sign_in" | "claims", timestamp, data}`), and its answer `{allow: true}`,
/// `{allow: false, code, detail}` or `{claims: {…}}` with status 200.
#[derive(Clone)]
pub struct HttpHooks {
    client: HttpClient,
    url: String,
    secret: SigningSecret,
    clock: Arc<dyn Clock>,
}

impl fmt::Debug for HttpHooks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpHooks").finish_non_exhaustive()
    }
}

#[derive(Deserialize)]
struct Said {
    allow: bool,
    code: Option<String>,
    detail: Option<String>,
}

#[derive(Deserialize)]
struct Told {
    claims: Claims,
}

impl HttpHooks {
    /// The address may be private, and plain http: whoever sets it runs the service. `roots`: certification authorities in PEM, and
    /// no others; with none those of Mozilla's list.
    ///
    /// # Errors
    /// [`ConfigError`] names what cannot be used.
    pub fn new(
        url: impl Into<String>,
        secret: impl Into<WebhookSecret>,
        roots: &[Vec<u8>],
    ) -> Result<Self, ConfigError> {
        let url = url.into();
        let uri: Uri = url.parse().map_err(|_| ConfigError::new("hook url", "is no URL"))?;
        let allowed = Reach::Anywhere.allows(&uri);
        allowed.map_err(|error| ConfigError::new("hook url", format!("cannot be used: {error}")))?;
        let limits = Limits { timeout: TIMEOUT, max_bytes: MAX_BYTES, keeps_connections: true };
        let client = HttpClient::new(roots, Reach::Anywhere, limits);
        Ok(Self {
            client: client.map_err(|error| ConfigError::new("hook root_certificate", error.to_string()))?,
            url,
            secret: SigningSecret::of_setting("hook secret", &secret.into())?,
            clock: Arc::new(SystemClock),
        })
    }

    /// Replaces the system's clock.
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    async fn post(&self, kind: &str, data: Value) -> Result<(StatusCode, Bytes), HookError> {
        let failed = |error: &dyn fmt::Display| HookError(error.to_string());
        let now = to_millis(self.clock.now());
        let id = random::uuid(&SystemRandom).map_err(|error| failed(&error))?;
        let body = message::body(kind, now, &data).map_err(|error| failed(&error))?;
        let secrets = std::slice::from_ref(&self.secret);
        let request = message::signed(&self.url, secrets, id, now, body).map_err(|error| failed(&error))?;
        let answer = self.client.send(request).await.map_err(|error| failed(&error))?;
        Ok((answer.status, answer.body.map_err(|error| failed(&error))?))
    }

    async fn ask<T: serde::de::DeserializeOwned>(&self, kind: &str, data: Value) -> Result<T, HookError> {
        let (status, body) = self.post(kind, data).await?;
        if status != StatusCode::OK {
            return Err(HookError(format!("answered {status}")));
        }
        // Line and column, and no part of the text.
        serde_json::from_slice(&body).map_err(|error| {
            HookError(format!("the answer is not as it should be, at column {}", error.column()))
        })
    }

    async fn decide(&self, kind: &str, data: Value) -> Result<Verdict, HookError> {
        let said: Said = self.ask(kind, data).await?;
        Ok(match said {
            Said { allow: true, .. } => Verdict::Allow,
            Said { code, detail, .. } => {
                Verdict::deny(&code.unwrap_or_default(), detail.as_deref().unwrap_or("This is not allowed."))
            }
        })
    }
}

fn user(user: &User) -> Value {
    json!({
        "id": user.id.as_uuid(),
        "email": user.email,
        "email_verified": user.email_verified,
        "roles": user.roles,
    })
}

impl Hooks for HttpHooks {
    fn before_register<'a>(&'a self, asked: &'a BeforeRegister) -> Asking<'a, Verdict> {
        let data = json!({"email": asked.email, "ip": asked.ip, "user_agent": asked.user_agent});
        Box::pin(self.decide("before_register", data))
    }

    fn before_sign_in<'a>(&'a self, asked: &'a BeforeSignIn) -> Asking<'a, Verdict> {
        let data = json!({
            "user": user(&asked.user),
            "methods": asked.methods,
            "ip": asked.ip,
            "user_agent": asked.user_agent,
        });
        Box::pin(self.decide("before_sign_in", data))
    }

    fn claims<'a>(&'a self, asked: &'a ClaimsFor) -> Asking<'a, Claims> {
        let authenticated_at = OffsetDateTime::from(asked.authenticated_at).format(&Rfc3339).ok();
        let data = json!({
            "user": user(&asked.user),
            "session_id": asked.session.as_uuid(),
            "methods": asked.methods,
            "authenticated_at": authenticated_at,
        });
        Box::pin(async move { Ok(self.ask::<Told>("claims", data).await?.claims) })
    }

    fn check(&self) -> Asking<'_, ()> {
        // Whatever it says to what it does not know, somebody is there.
        Box::pin(async move { self.post("check", json!({})).await.map(drop) })
    }
}
