use super::mail::is_web_address;
use crate::{ConfigError, destination};

/// Sign-in by a code that is sent by mail.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct EmailCodeConfig {
    /// Who can sign in so. Default [`Off`](EmailSignIn::Off). Needs a mailer.
    pub sign_in: EmailSignIn,
    /// Origins, as `https://app.example.com`, to whose pages somebody may be sent on afterwards, besides paths of this service. Default:
    /// none.
    pub redirect_origins: Vec<String>,
}

/// Who can sign in by a code that is sent by mail.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum EmailSignIn {
    /// Nobody.
    #[default]
    Off,
    /// Who has an account.
    On,
    /// Who has none gets one, unless [`Registration`](crate::Registration) is closed.
    SignUp,
}

impl EmailCodeConfig {
    pub(super) fn validate(&self) -> Result<(), ConfigError> {
        let is_origin = |text: &String| {
            let host = text.split_once("://").map_or("", |(_, host)| host);
            is_web_address(text) && host.bytes().all(|byte| !b"/?@".contains(&byte))
        };
        if self.redirect_origins.iter().all(is_origin) {
            return Ok(());
        }
        let problem = "has an entry that is no origin, as https://app.example.com, without a path";
        Err(ConfigError::new("email_codes.redirect_origins", problem))
    }

    /// Whether somebody may be sent on to this place: a path of this service, or a page of an origin that is named.
    pub(crate) fn may_lead_to(&self, place: &str) -> bool {
        destination(place, self.redirect_origins.iter().map(String::as_str)).is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_is_sent_on_to_another_site() {
        let config = EmailCodeConfig {
            redirect_origins: vec!["https://app.example.com".to_owned()],
            ..EmailCodeConfig::default()
        };
        config.validate().unwrap();
        for place in [
            "/",
            "/a?b=c#d",
            "https://app.example.com",
            "https://app.example.com/a",
            "https://app.example.com?a",
        ] {
            assert!(config.may_lead_to(place), "{place}");
        }
        let long = format!("/{}", "a".repeat(1024));
        for place in [
            "",
            "a",
            "//evil.example",
            "/\\evil.example",
            "/\t/evil.example",
            "/ä",
            "https://app.example.com.evil.example",
            "https://app.example.com@evil.example",
            "https://app.example.com:8443/",
            "http://app.example.com/",
            "https://evil.example/",
            "javascript:alert(1)",
            &long,
        ] {
            assert!(!config.may_lead_to(place), "{place}");
        }
        for origin in ["app.example.com", "https://app.example.com/", "https://a@b", "https://", "ftp://a"] {
            let redirect_origins = vec![origin.to_owned()];
            assert!(EmailCodeConfig { redirect_origins, ..EmailCodeConfig::default() }.validate().is_err());
        }
    }
}
