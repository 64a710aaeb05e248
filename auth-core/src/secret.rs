//! Values that must not be seen: each one prints as `Type(redacted)`, cannot be serialised or displayed,
//! and is wiped from memory when dropped. [`expose`](Password::expose) is the only way to read one.

use std::fmt;

use zeroize::Zeroizing;

macro_rules! secret_text {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone)]
        pub struct $name(::zeroize::Zeroizing<String>);

        impl $name {
            /// Takes the text over; the copy held here is wiped when dropped.
            pub fn new(text: impl Into<String>) -> Self {
                Self(::zeroize::Zeroizing::new(text.into()))
            }

            /// The secret itself. Every call of this method is a place to look at in a review.
            pub fn expose(&self) -> &str {
                &self.0
            }
        }

        impl ::std::fmt::Debug for $name {
            fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                f.write_str(concat!(stringify!($name), "(redacted)"))
            }
        }

        impl From<String> for $name {
            fn from(text: String) -> Self {
                Self::new(text)
            }
        }

        impl From<&str> for $name {
            fn from(text: &str) -> Self {
                Self::new(text)
            }
        }

        impl From<&String> for $name {
            fn from(text: &String) -> Self {
                Self::new(text)
            }
        }
    };
}

secret_text! {
    /// An e-mail address as it was typed, or what somebody took for one: personal, and now and then the password in the wrong field.
    Address
}

secret_text! {
    /// A password as it was typed.
    Password
}
secret_text! {
    /// A signed access token (JWT, RFC 9068): goes into the `Authorization: Bearer` header.
    AccessToken
}
secret_text! {
    /// An opaque refresh token: belongs in an `HttpOnly` cookie and nowhere else.
    RefreshToken
}

secret_text! {
    /// Says at the browser door (`Auth::verify_browser`) whose session it is, and opens nothing else: belongs in
    /// an `HttpOnly` cookie.
    BrowserSession
}

secret_text! {
    /// A token that says "somebody signed in to this account here before", and signs nobody in: belongs in an `HttpOnly`
    /// cookie that a logout leaves alone.
    DeviceToken
}

secret_text! {
    /// Says that a first factor was right a moment ago, and nothing else: for the request that brings the second.
    AuthSession
}

secret_text! {
    /// An API key, as it is shown once: goes into the `Authorization: Bearer` header of a machine.
    ApiKeySecret
}

secret_text! {
    /// A token out of a mail: works once, for the purpose it was made for.
    OneTimeToken
}

pub(crate) use secret_text;

/// Compares in constant time.
impl PartialEq for DeviceToken {
    fn eq(&self, other: &Self) -> bool {
        let (own, other) = (self.expose().as_bytes(), other.expose().as_bytes());
        aws_lc_rs::constant_time::verify_slices_are_equal(own, other).is_ok()
    }
}

impl Eq for DeviceToken {}

/// The server's secret: signs HS access tokens and is the root of every derived key.
///
/// ```
/// # use auth_core::SecretKey;
/// assert!(SecretKey::new("too short").is_err());
/// let key = SecretKey::new("0123456789abcdef0123456789abcdef")?;
/// assert_eq!(format!("{key:?}"), "SecretKey(redacted)");
/// # Ok::<(), auth_core::ConfigError>(())
/// ```
#[derive(Clone)]
pub struct SecretKey(Zeroizing<Vec<u8>>);

impl SecretKey {
    /// The least length in bytes that any algorithm accepts (RFC 7518 section 3.2, ASVS 11.2.3).
    pub const MIN_BYTES: usize = 32;

    /// Takes the bytes over as they are: a text is not decoded, so that services that share a `SECRET_KEY`
    /// as text agree on the bytes.
    ///
    /// # Errors
    /// [`ConfigError`](crate::ConfigError) when there are fewer than [`MIN_BYTES`](Self::MIN_BYTES).
    pub fn new(bytes: impl Into<Vec<u8>>) -> Result<Self, crate::ConfigError> {
        let bytes = Zeroizing::new(bytes.into());
        if bytes.len() < Self::MIN_BYTES {
            return Err(crate::ConfigError::new(
                "secret key",
                format!("has {} bytes; at least {} are needed", bytes.len(), Self::MIN_BYTES),
            ));
        }
        Ok(Self(bytes))
    }

    /// The secret itself.
    pub fn expose(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretKey(redacted)")
    }
}
