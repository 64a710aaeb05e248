//! For administrators: the accounts of people, and what their other pages have in common. Nobody else sees them, by the same rule as at
//! the doors; whoever changes something has shown lately who they are.

mod nav;
pub(super) mod user;
pub(super) mod users;

use askama::Template;
use auth_core::{Error, Principal};

pub(super) use self::nav::Nav;
use super::{
    ask::{Answered, Ask, Refused, Stop},
    factor::confirm,
    redirect::Target,
    view::Frame,
    visitor::Who,
};
use crate::{Endpoint, problem::Problem};

/// Something that is told once.
#[derive(Template)]
#[template(path = "admin_secret.html", config = "src/pages/templates.toml")]
struct Secret {
    frame: Frame,
    text: String,
    next: String,
}

impl Ask {
    /// Whoever administers, at a page that they go to; where the door to the same is not mounted there is no page either.
    pub(super) async fn administrator_arrives(
        &mut self,
        door: Endpoint,
        path: &str,
    ) -> Result<Principal, Stop> {
        self.administers(door)?;
        let who = self.who_arrives(path).await?;
        self.administrator(who, path).await
    }

    /// Whoever sends a form that changes something.
    pub(super) async fn administrator_sends(
        &mut self,
        door: Endpoint,
        path: &str,
    ) -> Result<Principal, Stop> {
        self.administers(door)?;
        let who = self.who().await?;
        let caller = self.administrator(who, path).await?;
        match self.auth().require_recent_proof(&caller).await {
            Ok(()) => Ok(caller),
            Err(Error::StepUpRequired { .. }) => {
                let back = Target::of(Some(&self.at(path)), &self.pages.service.origins);
                Err(Stop::with(Self::go(&back.kept_in(&self.at(confirm::PATH)))))
            }
            Err(error) => Err(error.into()),
        }
    }

    async fn administrator(&mut self, who: Who, path: &str) -> Result<Principal, Stop> {
        let (caller, _) = self.signed_in(who, path).await?;
        Ok(self.pages.service.administrator(&caller).await?)
    }

    fn administers(&self, door: Endpoint) -> Result<(), Problem> {
        if self.has_page_of(door) { Ok(()) } else { Err(Problem::not_found()) }
    }

    /// Whether administrators have a page for what is done at a door.
    pub(super) fn has_page_of(&self, door: Endpoint) -> bool {
        self.pages.has_admin && self.pages.service.mounted.contains(&door)
    }

    /// What is around a page for administrators.
    pub(super) fn admin_frame(&self, title: &'static str, path: &str, refused: Option<&Refused>) -> Frame {
        let mut frame = self.frame(title, path);
        frame.signed_in = true;
        frame.errors = refused.map(|refused| refused.errors.clone()).unwrap_or_default();
        frame
    }

    /// Texts with spaces between them.
    pub(super) fn list(&self, field: &str) -> Vec<String> {
        self.field(field)
            .split([' ', ',', '\n', '\r', '\t'])
            .filter(|text| !text.is_empty())
            .map(str::to_owned)
            .collect()
    }
}

/// Shows what is told this once.
pub(super) fn told_once(ask: &Ask, secret: &str, next: &str) -> Answered {
    let frame = ask.admin_frame(ask.texts().admin_secret_title, next, None);
    Ask::page(&Secret { frame, text: secret.to_owned(), next: ask.at(next) }, &Target::default())
}
