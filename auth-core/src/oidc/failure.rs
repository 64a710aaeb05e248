//! What can go wrong with a sign-in at a provider, one code for each cause.

use std::fmt;

/// Why a sign-in at a provider, or the linking of an identity, came to nothing. Nobody was signed in, and no account was
/// made or changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Failure {
    /// The `state` is none of ours: made up, or forgotten long ago.
    StateUnknown,
    /// The person took longer than ten minutes.
    StateExpired,
    /// The callback was called with this `state` before: a reload, a button pressed twice, or a replay.
    StateUsed,
    /// The browser sent no cookie of a sign-in that is under way: cookies are blocked, or the address of another browser's
    /// callback was opened here.
    CookieMissing,
    /// The cookie belongs to another sign-in.
    OtherBrowser,
    /// The callback of one provider was called with the `state` of another (mix-up, RFC 9700 section 4.4).
    OtherProvider,
    /// The answer names another issuer, or none though this provider always does (RFC 9207).
    IssuerMismatch,
    /// The person said no at the provider.
    AccessDenied,
    /// The provider answered with an error, which is in the log.
    ProviderRefused,
    /// The provider cannot be reached, is too slow, or has trouble of its own. Try again later.
    ProviderUnavailable,
    /// The provider's answer is not what the protocol asks for, or too large; what is wrong with it is in the log.
    ProviderAnswerInvalid,
    /// There is no ID token in the provider's answer.
    IdTokenMissing,
    /// The ID token cannot be read.
    IdTokenMalformed,
    /// The ID token is signed with an algorithm that is not accepted: none, one with a shared secret, or one that the provider
    /// does not announce.
    IdTokenAlgorithm,
    /// The ID token is signed with a key that the provider does not publish.
    IdTokenKey,
    /// The signature of the ID token is wrong.
    IdTokenSignature,
    /// The ID token is of another issuer.
    IdTokenIssuer,
    /// The ID token is for another client, or for others too.
    IdTokenAudience,
    /// The ID token was given to another client (`azp`).
    IdTokenAuthorizedParty,
    /// The ID token belongs to another sign-in.
    IdTokenNonce,
    /// The ID token has expired.
    IdTokenExpired,
    /// The ID token is from the future.
    IdTokenNotYetValid,
    /// The ID token belongs to another access token (`at_hash`).
    IdTokenAccessToken,
    /// The user info is about somebody else than the ID token.
    UserInfoSubject,
    /// The provider told no e-mail address, which a new account needs.
    EmailMissing,
    /// The provider does not say that the address is verified, so it proves nothing.
    EmailUnverified,
    /// The provider's address is none that an account can have here.
    EmailInvalid,
    /// The address has an account, and only known identities sign in: sign in to it in another way and link the identity.
    EmailTaken,
    /// The identity belongs to another account.
    IdentityTaken,
    /// Nobody has this identity, and no account is made for it.
    SignUpClosed,
    /// The account is disabled.
    AccountDisabled,
    /// The session in which somebody wanted to link the identity is over.
    SessionOver,
}

impl Failure {
    /// All of them.
    pub const ALL: [Self; 32] = [
        Self::StateUnknown,
        Self::StateExpired,
        Self::StateUsed,
        Self::CookieMissing,
        Self::OtherBrowser,
        Self::OtherProvider,
        Self::IssuerMismatch,
        Self::AccessDenied,
        Self::ProviderRefused,
        Self::ProviderUnavailable,
        Self::ProviderAnswerInvalid,
        Self::IdTokenMissing,
        Self::IdTokenMalformed,
        Self::IdTokenAlgorithm,
        Self::IdTokenKey,
        Self::IdTokenSignature,
        Self::IdTokenIssuer,
        Self::IdTokenAudience,
        Self::IdTokenAuthorizedParty,
        Self::IdTokenNonce,
        Self::IdTokenExpired,
        Self::IdTokenNotYetValid,
        Self::IdTokenAccessToken,
        Self::UserInfoSubject,
        Self::EmailMissing,
        Self::EmailUnverified,
        Self::EmailInvalid,
        Self::EmailTaken,
        Self::IdentityTaken,
        Self::SignUpClosed,
        Self::AccountDisabled,
        Self::SessionOver,
    ];

    /// A stable name: what the page is told as `?error=`, and what is in the log.
    pub fn code(self) -> &'static str {
        match self {
            Self::StateUnknown => "state_unknown",
            Self::StateExpired => "state_expired",
            Self::StateUsed => "state_used",
            Self::CookieMissing => "cookie_missing",
            Self::OtherBrowser => "other_browser",
            Self::OtherProvider => "other_provider",
            Self::IssuerMismatch => "issuer_mismatch",
            Self::AccessDenied => "access_denied",
            Self::ProviderRefused => "provider_refused",
            Self::ProviderUnavailable => "provider_unavailable",
            Self::ProviderAnswerInvalid => "provider_answer_invalid",
            Self::IdTokenMissing => "id_token_missing",
            Self::IdTokenMalformed => "id_token_malformed",
            Self::IdTokenAlgorithm => "id_token_algorithm",
            Self::IdTokenKey => "id_token_key",
            Self::IdTokenSignature => "id_token_signature",
            Self::IdTokenIssuer => "id_token_issuer",
            Self::IdTokenAudience => "id_token_audience",
            Self::IdTokenAuthorizedParty => "id_token_authorized_party",
            Self::IdTokenNonce => "id_token_nonce",
            Self::IdTokenExpired => "id_token_expired",
            Self::IdTokenNotYetValid => "id_token_not_yet_valid",
            Self::IdTokenAccessToken => "id_token_access_token",
            Self::UserInfoSubject => "user_info_subject",
            Self::EmailMissing => "email_missing",
            Self::EmailUnverified => "email_unverified",
            Self::EmailInvalid => "email_invalid",
            Self::EmailTaken => "email_taken",
            Self::IdentityTaken => "identity_taken",
            Self::SignUpClosed => "sign_up_closed",
            Self::AccountDisabled => "account_disabled",
            Self::SessionOver => "session_over",
        }
    }

    /// Whether it is the provider's fault and may pass by itself.
    pub fn is_passing(self) -> bool {
        self == Self::ProviderUnavailable
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
