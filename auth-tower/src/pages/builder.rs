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
    has_admin: bool,
}

impl AccountPagesBuilder {
    pub(super) fn new(endpoints: &AuthService) -> Self {
        Self { endpoints: endpoints.clone(), name: None, mounted_at: "/account".to_owned(), has_admin: true }
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

    /// Takes the pages for administrators away, all of `/account/admin`: 404. Without
    /// [the endpoints of the same](crate::AuthServiceBuilder::without_admin) they are not there either.
    pub fn without_admin(mut self) -> Self {
        self.has_admin = false;
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
        let inner =
            Inner { service, name: name.into(), has_admin: self.has_admin, base: self.mounted_at.into() };
        Ok(AccountPages { inner: Arc::new(inner) })
    }
}
