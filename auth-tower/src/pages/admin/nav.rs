//! The way between the pages for administrators.

use askama::{Template, filters::HtmlSafe};

use super::users;
#[cfg(feature = "webhooks")]
use crate::pages::news::webhooks;
use crate::{
    Endpoint,
    pages::{ask::Ask, machine::services},
};

#[derive(Debug, Template)]
#[template(path = "admin_nav.html", config = "src/pages/templates.toml")]
pub(in crate::pages) struct Nav {
    label: &'static str,
    links: Vec<Link>,
}

#[derive(Debug)]
struct Link {
    address: String,
    text: &'static str,
    is_here: bool,
}

/// It escapes what it is made of.
impl HtmlSafe for Nav {}

impl Nav {
    /// What there is; `here` is one of the paths. Nothing where there is nowhere else to go.
    pub(in crate::pages) fn of(ask: &Ask, here: &str) -> Option<Self> {
        let texts = ask.texts();
        let mut places = vec![(Endpoint::USERS, users::PATH, texts.admin_users_title)];
        places.push((Endpoint::SERVICE_ACCOUNTS, services::PATH, texts.admin_services_title));
        #[cfg(feature = "webhooks")]
        places.push((Endpoint::WEBHOOKS, webhooks::PATH, texts.admin_webhooks_title));
        let open = places.into_iter().filter(|(door, ..)| ask.has_page_of(*door));
        let links: Vec<_> =
            open.map(|(_, path, text)| Link { address: ask.at(path), text, is_here: path == here }).collect();
        (links.len() > 1).then_some(Self { label: texts.admin, links })
    }
}
