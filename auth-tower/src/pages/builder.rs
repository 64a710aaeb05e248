use std::sync::Arc;

use super::{
    AccountPages, Inner,
    brand::{self, Accent, Logo},
    files::Files,
    texts::{PageTexts, with_own},
};
use crate::{AuthService, ConfigError, service::is_prefix};

/// Puts [`AccountPages`] together.
#[derive(Debug)]
#[must_use = "call build()"]
pub struct AccountPagesBuilder {
    endpoints: AuthService,
    name: Option<String>,
    mounted_at: String,
    has_admin: bool,
    accent: Option<Accent>,
    logo: Option<Logo>,
    style: Option<String>,
    texts: Vec<PageTexts>,
}

impl AccountPagesBuilder {
    /// The most bytes of a [`style`](Self::style), and of a [`Logo`].
    pub const FILE_MAX: usize = brand::MOST;

    pub(super) fn new(endpoints: &AuthService) -> Self {
        Self {
            endpoints: endpoints.clone(),
            name: None,
            mounted_at: "/account".to_owned(),
            has_admin: true,
            accent: None,
            logo: None,
            style: None,
            texts: Vec::new(),
        }
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

    /// The colour of links and buttons, in the place of ours.
    pub fn accent(mut self, accent: Accent) -> Self {
        self.accent = Some(accent);
        self
    }

    /// The picture at the top and in the tab, in the place of ours.
    pub fn logo(mut self, logo: Logo) -> Self {
        self.logo = Some(logo);
        self
    }

    /// A style (CSS) that comes after ours, up to 64 KiB. The policy of the pages lets it load nothing but the picture.
    pub fn style(mut self, css: &str) -> Self {
        self.style = Some(css.to_owned());
        self
    }

    /// Texts in the place of ours, or of another language. May be called again; of two texts with one key the last counts. They are kept
    /// for as long as the program runs: put pages together once.
    pub fn texts(mut self, texts: PageTexts) -> Self {
        self.texts.push(texts);
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
        if self.style.as_ref().is_some_and(|style| style.len() > brand::MOST) {
            return Err(ConfigError::new("style", format!("is larger than {} bytes", brand::MOST)));
        }
        // From now on links in mails and sign-ins at providers lead here.
        let base: Arc<str> = self.mounted_at.into();
        service.pages.get_or_init(|| Arc::clone(&base));
        let inner = Inner {
            service,
            name: name.into(),
            languages: with_own(&self.texts)?,
            files: Arc::new(Files::new(self.accent, self.style.as_deref(), self.logo)),
            has_admin: self.has_admin,
            base,
        };
        Ok(AccountPages { inner: Arc::new(inner) })
    }
}
