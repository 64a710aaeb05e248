//! A sign-in that is under way: a one-time token whose text is the `state`, and what else belongs to it.
//!
//! The row holds nothing that is of use to who reads it. Nonce, PKCE verifier and the browser's cookie are macs over the
//! row's seed, made again at the callback.

use std::time::Duration;

use aws_lc_rs::{
    constant_time::verify_slices_are_equal,
    digest::{SHA256, digest},
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::Failure;
use crate::{
    BrowserToken, Error, SessionId, UserId,
    clock::duration_millis,
    kernel::Kernel,
    random,
    store::{TokenRow, find_token, insert_token},
    token::{Purpose, one_time::OneTimeParts},
};

/// Time enough to find a password and a second factor at the provider.
pub(super) const VALID_FOR: Duration = Duration::from_mins(10);
/// How far the provider's clock may be behind ours, when it tells that somebody has signed in since this began.
const CLOCKS_DIFFER: Duration = Duration::from_secs(10);

/// A sign-in that is under way at a provider.
const PURPOSE: Purpose = Purpose("oidc");

/// What a transaction is about; kept with its row.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct About {
    pub(super) provider: String,
    pub(super) redirect_to: String,
    /// The session of the browser that began; a sign-in takes its place.
    pub(super) replaces: Option<Uuid>,
    /// The session in which somebody wants to link the identity to the account.
    pub(super) links_in: Option<Uuid>,
    /// The device of the browser that began, which does not send its token along when it comes back from another site.
    #[serde(default)]
    pub(super) device: Option<Uuid>,
    /// How old the sign-in at the provider may be, in seconds.
    #[serde(default)]
    pub(super) max_age: Option<u64>,
}

impl About {
    pub(super) fn replaces(&self) -> Option<SessionId> {
        self.replaces.map(SessionId::from)
    }
}

/// What belongs to one transaction.
pub(super) struct Transaction {
    pub(super) id: Uuid,
    /// Who links; nobody for a sign-in.
    pub(super) user: Option<UserId>,
    pub(super) about: About,
    pub(super) state: String,
    pub(super) nonce: String,
    pub(super) verifier: String,
    browser: String,
    expires_at: i64,
    spent_at: Option<i64>,
}

impl Transaction {
    /// PKCE with S256 (RFC 7636 section 4.2).
    pub(super) fn challenge(&self) -> String {
        URL_SAFE_NO_PAD.encode(digest(&SHA256, self.verifier.as_bytes()))
    }

    /// For the browser that begins, and no other.
    pub(super) fn browser_token(&self) -> BrowserToken {
        BrowserToken::new(self.browser.clone())
    }

    /// Whether a sign-in at the provider at that time is as recent as was wanted.
    pub(super) fn is_recent(&self, authenticated_at: Option<i64>) -> bool {
        let Some(max_age) = self.about.max_age else { return true };
        let begun_at = self.expires_at.saturating_sub(duration_millis(VALID_FOR));
        let max_age = duration_millis(Duration::from_secs(max_age).saturating_add(CLOCKS_DIFFER));
        authenticated_at.is_some_and(|at| at >= begun_at.saturating_sub(max_age))
    }

    /// Whether this may go on here and now.
    pub(super) fn validate(&self, browser: Option<&BrowserToken>, now: i64) -> Result<(), Failure> {
        // Before the cookie, which is gone after the first time: who reloads is told what happened.
        if self.spent_at.is_some() {
            return Err(Failure::StateUsed);
        }
        if now >= self.expires_at {
            return Err(Failure::StateExpired);
        }
        let browser = browser.ok_or(Failure::CookieMissing)?.expose();
        verify_slices_are_equal(browser.as_bytes(), self.browser.as_bytes())
            .map_err(|_| Failure::OtherBrowser)
    }
}

pub(super) async fn begin(kernel: &Kernel, user: Option<UserId>, about: About) -> Result<Transaction, Error> {
    let now = kernel.now();
    let row = TokenRow {
        // In the order of time, as are the names of the cookies: the oldest of too many goes.
        id: random::ordered_uuid(kernel.random.as_ref(), now)?,
        user_id: user,
        purpose: PURPOSE.0.to_owned(),
        seed: random::bytes::<32>(kernel.random.as_ref())?.to_vec(),
        payload: Some(serde_json::to_string(&about).map_err(Error::internal)?),
        expires_at: now.saturating_add(duration_millis(VALID_FOR)),
        spent_at: None,
    };
    let state = kernel.keys.get().one_time.make(row.id, &row.seed, PURPOSE.0);
    let begun = transaction(kernel, state.expose(), &row, about);
    let begun = begun.ok_or_else(|| Error::Internal("a state that was just made cannot be read".into()))?;
    insert_token(kernel.store.db(), &row, now).await?;
    Ok(begun)
}

/// The transaction of a `state`, alive or not. `None`: it is none of ours.
pub(super) async fn find(kernel: &Kernel, state: &str) -> Result<Option<Transaction>, Error> {
    let Some(parts) = OneTimeParts::parse(state) else { return Ok(None) };
    let Some(row) = find_token(kernel.store.db(), parts.id).await? else { return Ok(None) };
    let is_ours =
        row.purpose == PURPOSE.0 && kernel.keys.get().one_time.is_genuine(&parts, &row.seed, PURPOSE.0);
    let about = row.payload.as_deref().and_then(|about| serde_json::from_str(about).ok());
    Ok(about.filter(|_| is_ours).and_then(|about| transaction(kernel, state, &row, about)))
}

fn transaction(kernel: &Kernel, state: &str, row: &TokenRow, about: About) -> Option<Transaction> {
    let parts = OneTimeParts::parse(state)?;
    let keys = kernel.keys.get();
    let derive = |label| keys.one_time.derive(&parts, &row.seed, label);
    Some(Transaction {
        id: row.id,
        user: row.user_id,
        about,
        state: state.to_owned(),
        nonce: derive("oidc nonce")?,
        verifier: derive("oidc pkce verifier")?,
        browser: derive("oidc browser")?,
        expires_at: row.expires_at,
        spent_at: row.spent_at,
    })
}
