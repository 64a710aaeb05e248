//! What can go wrong with a sign-in at a provider, one code for each cause.

use std::fmt;

use crate::{Class, Error, Refusal};

/// One row for each failure: its name, and what can be done about it.
macro_rules! failures {
    ($($(#[$doc:meta])* $failure:ident = $code:literal, $class:ident;)*) => {
        /// Why a sign-in at a provider, or the linking of an identity, came to nothing. Nobody was signed in, and no account
        /// was made or changed.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum Failure {
            $($(#[$doc])* $failure,)*
        }

        impl Failure {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$failure,)*];

            /// A stable name: what the page is told as `?error=`, and what is in the log.
            pub fn code(self) -> &'static str {
                match self {
                    $(Self::$failure => $code,)*
                }
            }

            fn class(self) -> Class {
                match self {
                    $(Self::$failure => Class::$class,)*
                }
            }
        }
    };
}

failures! {
    /// The `state` is none of ours: made up, or forgotten long ago.
    StateUnknown = "state_unknown", Forbidden;
    /// The person took longer than ten minutes.
    StateExpired = "state_expired", Forbidden;
    /// The callback was called with this `state` before: a reload, a button pressed twice, or a replay.
    StateUsed = "state_used", Forbidden;
    /// The browser sent no cookie of a sign-in that is under way: cookies are blocked, or the address of another browser's
    /// callback was opened here.
    CookieMissing = "cookie_missing", Forbidden;
    /// The cookie belongs to another sign-in.
    OtherBrowser = "other_browser", Forbidden;
    /// The callback of one provider was called with the `state` of another (mix-up, RFC 9700 section 4.4).
    OtherProvider = "other_provider", Forbidden;
    /// The answer names another issuer, or none though this provider always does (RFC 9207).
    IssuerMismatch = "issuer_mismatch", Forbidden;
    /// The person said no at the provider.
    AccessDenied = "access_denied", Forbidden;
    /// The provider answered with an error, which is in the log.
    ProviderRefused = "provider_refused", Forbidden;
    /// The provider cannot be reached, is too slow, or has trouble of its own. Try again later.
    ProviderUnavailable = "provider_unavailable", Unavailable;
    /// The provider's answer is not what the protocol asks for, or too large; what is wrong with it is in the log.
    ProviderAnswerInvalid = "provider_answer_invalid", BadGateway;
    /// There is no ID token in the provider's answer.
    IdTokenMissing = "id_token_missing", Forbidden;
    /// The ID token cannot be read.
    IdTokenMalformed = "id_token_malformed", Forbidden;
    /// The ID token is signed with an algorithm that is not accepted: none, one with a shared secret, or one that the provider
    /// does not announce.
    IdTokenAlgorithm = "id_token_algorithm", Forbidden;
    /// The ID token is signed with a key that the provider does not publish.
    IdTokenKey = "id_token_key", Forbidden;
    /// The signature of the ID token is wrong.
    IdTokenSignature = "id_token_signature", Forbidden;
    /// The ID token is of another issuer.
    IdTokenIssuer = "id_token_issuer", Forbidden;
    /// The ID token is for another client, or for others too.
    IdTokenAudience = "id_token_audience", Forbidden;
    /// The ID token was given to another client (`azp`).
    IdTokenAuthorizedParty = "id_token_authorized_party", Forbidden;
    /// The ID token belongs to another sign-in.
    IdTokenNonce = "id_token_nonce", Forbidden;
    /// The ID token has expired.
    IdTokenExpired = "id_token_expired", Forbidden;
    /// The ID token is from the future.
    IdTokenNotYetValid = "id_token_not_yet_valid", Forbidden;
    /// The ID token belongs to another access token (`at_hash`).
    IdTokenAccessToken = "id_token_access_token", Forbidden;
    /// The user info is about somebody else than the ID token.
    UserInfoSubject = "user_info_subject", Forbidden;
    /// The provider told no e-mail address, which a new account needs.
    EmailMissing = "email_missing", Forbidden;
    /// The provider does not say that the address is verified, so it proves nothing.
    EmailUnverified = "email_unverified", Forbidden;
    /// The provider's address is none that an account can have here.
    EmailInvalid = "email_invalid", Forbidden;
    /// The address has an account, and only known identities sign in: sign in to it in another way and link the identity.
    EmailTaken = "email_taken", Forbidden;
    /// The provider's addresses of this domain neither sign up nor join an account.
    EmailDomain = "email_domain", Forbidden;
    /// The identity signs in only after its owner has linked it: the account of the address has a role, or no address of this
    /// provider is believed. Sign in in another way, and link it.
    LinkRequired = "link_required", Forbidden;
    /// A fresh sign-in at the provider was asked for, and the provider tells of none.
    SignInNotRecent = "sign_in_not_recent", Forbidden;
    /// The identity belongs to another account.
    IdentityTaken = "identity_taken", Forbidden;
    /// Nobody has this identity, and no account is made for it.
    SignUpClosed = "sign_up_closed", Forbidden;
    /// The account is disabled.
    AccountDisabled = "account_disabled", Forbidden;
    /// The session in which somebody wanted to link the identity is over.
    SessionOver = "session_over", Forbidden;
}

impl Failure {
    /// The rule that says no, as [`Error::Refused`] carries it.
    pub fn refusal(self) -> Refusal {
        let text = match self {
            Self::ProviderUnavailable => {
                "The identity provider is not available at this moment; try again soon."
            }
            Self::ProviderAnswerInvalid => "The identity provider answers what it should not.",
            _ => "The sign-in at the identity provider failed.",
        };
        Refusal::new(self.class(), self.code(), text)
    }

    /// Which failure an error tells of, if it does.
    pub fn of(error: &Error) -> Option<Self> {
        let Error::Refused(refusal) = error else { return None };
        Self::ALL.iter().copied().find(|failure| failure.refusal() == *refusal)
    }

    /// Whether the provider is to blame, and neither who signs in nor what they brought along.
    pub(super) fn is_the_providers(self) -> bool {
        matches!(self, Self::ProviderUnavailable | Self::ProviderAnswerInvalid)
    }

    /// Whether it is the provider's fault and may pass by itself.
    pub fn is_passing(self) -> bool {
        self == Self::ProviderUnavailable
    }
}

/// No such identity provider is configured.
pub const PROVIDER_NOT_FOUND: Refusal = Refusal::not_found("There is no such identity provider.");
/// The user has no such identity.
pub const IDENTITY_NOT_FOUND: Refusal = Refusal::not_found("There is no such identity.");

impl From<Failure> for Error {
    fn from(failure: Failure) -> Self {
        Self::Refused(failure.refusal())
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn each_failure_has_a_code_of_its_own_that_fits_an_address() {
        let codes: HashSet<_> = Failure::ALL.iter().map(|failure| failure.code()).collect();
        assert_eq!(codes.len(), Failure::ALL.len());
        assert!(codes.iter().all(|code| code.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_')));
    }
}
