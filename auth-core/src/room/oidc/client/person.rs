//! What a provider says about somebody, and which of their addresses it may speak for.

use serde_json::Value;

use super::{Failure, Provider};
use crate::{assurance::MFA, email::Email};

/// Which addresses a provider is believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum TrustEmail {
    /// Those that it calls verified.
    #[default]
    Verified,
    /// Also those of which it does not say whether they are: the host vouches for them. For an issuer of one tenant that never
    /// says, such as Entra's. It needs at least one [`Provider::domain`]; an address that the provider calls *not* verified is
    /// still none, and an issuer of many tenants is refused.
    Always,
    /// None: its identities sign in to the accounts that have linked them while signed in, and nowhere else.
    Never,
}

/// Somebody whom a provider vouches for.
#[derive(Debug)]
pub(super) struct Person {
    pub(super) subject: String,
    pub(super) email: Option<String>,
    /// `None`: it does not say.
    pub(super) email_verified: Option<bool>,
    /// When they signed in there, in unix milliseconds. `None`: it does not say.
    pub(super) authenticated_at: Option<i64>,
    /// Whether they showed several factors there.
    pub(super) has_shown_several: bool,
}

impl Person {
    /// Whether the user info may know more.
    pub(super) fn is_incomplete(&self) -> bool {
        self.email.is_none() || self.email_verified.is_none()
    }

    /// Adds what the user info says. A "no" in either place wins, and a "yes" counts for the address beside it.
    pub(super) fn complete(&mut self, email: Option<&Value>, email_verified: Option<&Value>) {
        let told = verified(email_verified);
        let own = self.email_verified.take();
        let email = email.and_then(Value::as_str);
        self.email_verified = match (&self.email, email) {
            _ if own == Some(false) || told == Some(false) => Some(false),
            (Some(own), Some(email)) if !is_same(own, email) => Some(false),
            (_, Some(_)) => told,
            (_, None) => own.filter(|_| self.email.is_some()),
        };
        if self.email.is_none() {
            self.email = email.map(str::to_owned);
        }
    }
}

/// Whether a provider calls an address verified. The text "true" is no yes, and nothing but nothing is no answer: some issuers
/// hand on what others, or the users themselves, wrote there.
pub(super) fn verified(claim: Option<&Value>) -> Option<bool> {
    match claim {
        None | Some(Value::Null) => None,
        Some(Value::Bool(verified)) => Some(*verified),
        Some(_) => {
            tracing::warn!(
                "a provider's email_verified is neither true nor false: its address counts as not verified"
            );
            Some(false)
        }
    }
}

fn is_same(one: &str, other: &str) -> bool {
    match (Email::parse(one), Email::parse(other)) {
        (Ok(one), Ok(other)) => one.normalized() == other.normalized(),
        _ => one == other,
    }
}

impl Provider {
    /// Whether an address counts of which it does not say that it is verified.
    pub(super) fn trusts_unasked(&self) -> bool {
        self.trust_email == TrustEmail::Always
    }

    /// How somebody has shown here who they are, as `amr` values.
    pub(super) fn methods(&self, person: &Person) -> String {
        let several = self.trusts_amr && person.has_shown_several;
        if several { format!("fed {MFA}") } else { "fed".to_owned() }
    }

    /// The address for which it may speak: one that proves whose an account is.
    pub(super) fn proved(&self, person: &Person) -> Result<Email, Failure> {
        if self.trust_email == TrustEmail::Never {
            return Err(Failure::LinkRequired);
        }
        let email = person.email.as_deref().ok_or(Failure::EmailMissing)?;
        if !person.email_verified.unwrap_or(self.trusts_unasked()) {
            return Err(Failure::EmailUnverified);
        }
        let email = Email::parse(email).map_err(|_| Failure::EmailInvalid)?;
        let domain = email.normalized().rsplit_once('@').map_or("", |(_, domain)| domain);
        if !self.domains.is_empty() && !self.domains.iter().any(|own| own == domain) {
            return Err(Failure::EmailDomain);
        }
        Ok(email)
    }
}
