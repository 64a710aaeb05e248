//! Pages for people: signing up, in and out, the second step, one's own account. Plain forms, put together here and working without
//! a script; what they do are the rules that the JSON doors call, and none is written down a second time.

mod account;
mod admin;
mod ask;
mod brand;
mod builder;
mod change_email;
mod code;
mod data;
mod factor;
mod files;
mod forgot;
mod happened;
mod language;
mod link;
mod machine;
#[cfg(feature = "webhooks")]
mod news;
#[cfg(not(feature = "oidc"))]
#[path = "no_oidc.rs"]
mod oidc;
#[cfg(feature = "oidc")]
mod oidc;
mod password;
mod program;
mod redirect;
mod reset_password;
mod route;
mod security;
mod sent;
mod service;
mod session;
mod sign_in;
mod sign_out;
mod sign_up;
mod speak;
mod texts;
mod token;
mod verify_email;
mod view;
mod visitor;
mod words;

use std::sync::Arc;

pub use self::{
    brand::{Accent, Logo},
    builder::AccountPagesBuilder,
    service::AccountPagesFuture,
    texts::PageTexts,
};
use self::{files::Files, language::Languages};
use crate::{AuthService, service::Inner as Endpoints};

/// The pages on which people sign up, in and out and see to their account, as a tower service: any request body, never an error.
///
/// They stand beside an [`AuthService`], whose rules, cookies, origins and limits they share. Every page is a plain form that works
/// without a script and says what is wrong with it; texts are English, German, Spanish, French or Russian, or the host's, by the
/// account, the menu and the browser. Nothing comes from elsewhere, and the policy of each page allows nothing else.
///
/// Mount them where [`mounted_at`](AccountPagesBuilder::mounted_at) says, `/account` unless told otherwise; the host takes that
/// prefix off, as axum's `nest_service` does. The manual's page on [pages](auth_core::manual::pages) has their addresses.
///
/// ```
/// use auth_core::Auth;
/// use auth_tower::{AccountPages, AuthService, ConfigError};
/// use axum::Router;
///
/// fn app(auth: Auth) -> Result<Router, ConfigError> {
///     let endpoints = AuthService::builder(auth).public_url("https://app.example.com").mounted_at("/auth").build()?;
///     let pages = AccountPages::builder(&endpoints).name("Tea Shop").build()?;
///     Ok(Router::new().nest_service("/account", pages).nest_service("/auth", endpoints))
/// }
///
/// # #[tokio::main]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # use tower::ServiceExt as _;
/// # let db = auth_core::connect("sqlite::memory:").await?;
/// # auth_migration::up(&db).await?;
/// # let auth = auth_core::test_util::Kit::new(db).auth;
/// let page = http::Request::get("/account/sign-in").header("sec-fetch-site", "none").body(axum::body::Body::empty())?;
/// assert_eq!(app(auth)?.oneshot(page).await?.status(), 200);
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct AccountPages {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    service: Arc<Endpoints>,
    /// What the pages call the service.
    name: Arc<str>,
    languages: Languages,
    files: Arc<Files>,
    /// Whether administrators have pages of their own.
    has_admin: bool,
    /// Where clients see the pages, without a slash at the end.
    base: Arc<str>,
}

impl AccountPages {
    /// Starts from the defaults: seen at `/account`, with the name that mails call the service by.
    pub fn builder(endpoints: &AuthService) -> AccountPagesBuilder {
        AccountPagesBuilder::new(endpoints)
    }

    /// Where clients see the account: the page that leads whoever is not signed in to those where one signs in.
    pub fn home(&self) -> &str {
        view::home(&self.inner.base)
    }

    /// The route at a path below where the pages are mounted, as it is where they are by default: `/account/sign-in`. For a metric or a
    /// span. `None`: there is nothing.
    pub fn route_at(path: &str) -> Option<&'static str> {
        route::name(path)
    }

    /// Every route, by method and by its name, files left out.
    pub fn routes() -> impl Iterator<Item = (&'static str, &'static str)> {
        route::all()
    }
}
