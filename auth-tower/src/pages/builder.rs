use std::sync::Arc;

use super::{AccountPages, Inner};
use crate::{AuthService, ConfigError, service::is_prefix};

/// Puts [`AccountPages`] together.
#[derive(Debug)]
#[must_use = "call build()"]
pub struct AccountPagesBuilder {
    endpoints: AuthService,
    name: Option<String>,
    mounted_at: String,
}

impl AccountPagesBuilder {
    pub(super) fn new(endpoints: &AuthService) -> Self {
        Self { endpoints: endpoints.clone(), name: None, mounted_at: "/account".to_owned() }
    }

    /// What the pages call the service. Default: what [mails](auth_core::MailConfig::service_name) call it.
    pub fn name(mut self, name: &str) -> Self {
        self.name = Some(name.to_owned());
        self
    }

    /// The prefix under which clients see the pages. The host takes it off requests. Default `/account`.
    pub fn mounted_at(mut self, prefix: &str) -> Self {
        prefix.clone_into(&mut self.mounted_at);
        self
    }

    /// Checks the settings and makes the service.
    ///
    /// # Errors
    /// [`ConfigError`] names the setting.
    pub fn build(self) -> Result<AccountPages, ConfigError> {
        let service = self.endpoints.inner;
        if !is_prefix(&self.mounted_at) {
            let problem = "must be empty or like /account: a slash first, none at the end, and of [A-Za-z0-9._~/-] only";
            return Err(ConfigError::new("mounted_at", problem));
        }
        let name = self.name.unwrap_or_else(|| service.auth.config().mail.service_name.clone());
        if name.trim().is_empty() || name.chars().any(char::is_control) {
            return Err(ConfigError::new("name", "must be a text of one line"));
        }
        // From now on links in mails and sign-ins at providers lead here.
        let base: Arc<str> = self.mounted_at.into();
        service.pages.get_or_init(|| Arc::clone(&base));
        let inner = Inner { service, name: name.into(), base };
        Ok(AccountPages { inner: Arc::new(inner) })
    }
}
