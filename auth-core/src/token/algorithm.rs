//! The algorithms that access tokens may be signed with.

use std::{fmt, str::FromStr};

use crate::ConfigError;

/// How access tokens are signed. With an HS algorithm the [`SecretKey`](crate::SecretKey) signs, and whoever
/// can verify a token can make one; with the others a [`PrivateKey`](crate::PrivateKey) signs, and everybody
/// may verify.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Algorithm {
    /// HMAC with SHA-256: the default; needs a secret of 32 bytes.
    #[default]
    Hs256,
    /// HMAC with SHA-384; needs a secret of 48 bytes.
    Hs384,
    /// HMAC with SHA-512; needs a secret of 64 bytes.
    Hs512,
    /// RSASSA-PKCS1-v1_5 with SHA-256; needs an RSA key of 3072 bits. Signing takes about a millisecond,
    /// fifty times as long as with EdDSA: for peers that know nothing else.
    Rs256,
    /// ECDSA on P-256 with SHA-256.
    Es256,
    /// Ed25519 (RFC 8037).
    EdDsa,
}

impl Algorithm {
    const ALL: [Self; 6] = [Self::Hs256, Self::Hs384, Self::Hs512, Self::Rs256, Self::Es256, Self::EdDsa];

    /// The name in the header of a token (RFC 7518, RFC 8037).
    pub fn name(self) -> &'static str {
        match self {
            Self::Hs256 => "HS256",
            Self::Hs384 => "HS384",
            Self::Hs512 => "HS512",
            Self::Rs256 => "RS256",
            Self::Es256 => "ES256",
            Self::EdDsa => "EdDSA",
        }
    }

    /// The least length of the secret in bytes (RFC 7518 section 3.2). Also the algorithms that sign with a
    /// private key need a secret: every derived key hangs on it.
    pub fn min_secret_bytes(self) -> usize {
        match self {
            Self::Hs256 | Self::Rs256 | Self::Es256 | Self::EdDsa => 32,
            Self::Hs384 => 48,
            Self::Hs512 => 64,
        }
    }

    /// Whether the secret signs, and not a private key.
    pub fn is_hmac(self) -> bool {
        matches!(self, Self::Hs256 | Self::Hs384 | Self::Hs512)
    }

    /// Whether a secret is long enough for this algorithm.
    pub(crate) fn may_use(self, secret: &crate::SecretKey) -> bool {
        secret.expose().len() >= self.min_secret_bytes()
    }

    pub(crate) fn jwt(self) -> jsonwebtoken::Algorithm {
        match self {
            Self::Hs256 => jsonwebtoken::Algorithm::HS256,
            Self::Hs384 => jsonwebtoken::Algorithm::HS384,
            Self::Hs512 => jsonwebtoken::Algorithm::HS512,
            Self::Rs256 => jsonwebtoken::Algorithm::RS256,
            Self::Es256 => jsonwebtoken::Algorithm::ES256,
            Self::EdDsa => jsonwebtoken::Algorithm::EdDSA,
        }
    }
}

impl FromStr for Algorithm {
    type Err = ConfigError;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|algorithm| algorithm.name() == name).ok_or_else(|| {
            let known = Self::ALL.map(Self::name).join(", ");
            ConfigError::new("algorithm", format!("is unknown; use one of {known}"))
        })
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
