//! Who looks at a page.

use auth_core::{ADMIN_ROLE, Challenge, Error, Principal, RefreshToken, User};
use http::HeaderName;

use super::{
    ask::{Ask, Stop},
    factor::challenge,
    redirect::Target,
    view::Detour,
};
use crate::{
    Endpoint,
    endpoint::{clear_session_cookies, lacks_browser_cookie, token_cookies},
    headers::single,
    navigation,
};

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
/// In the address of a page that has sent itself once more.
const AGAIN: &str = "again";

/// Who it is.
pub(super) enum Who {
    Nobody,
    /// Signed in.
    Somebody(Principal),
    /// In a session that a second factor is asked for in.
    Challenged(Challenge),
}

impl Ask {
    /// By the cookie, which is looked at as at a refresh: whether its session lives, and whether it is a copy. Where it has been
    /// used for as long as an access token lives, it is replaced.
    pub(super) async fn who(&mut self) -> Result<Who, Stop> {
        let service = &self.pages.service;
        // Whose of several is the owner's cannot be told.
        let Some(held) = service.cookies.refresh.read_one(self.headers()).map(str::to_owned) else {
            return Ok(Who::Nobody);
        };
        match self.auth().look(RefreshToken::from(held.as_str()), self.client.clone()).await {
            Ok(tokens) => {
                let is_new = tokens.refresh.expose() != held;
                if is_new || lacks_browser_cookie(service, &tokens, self.headers()) {
                    token_cookies(service, &tokens, &mut self.jar);
                }
                let caller = self.auth().verifier().verify(tokens.access.expose())?;
                self.client.actor = Some(caller.user_id());
                Ok(Who::Somebody(caller))
            }
            Err(Error::SessionOver) => {
                clear_session_cookies(service, &mut self.jar);
                Ok(Who::Nobody)
            }
            Err(Error::InvalidToken | Error::SessionLeft) => Ok(Who::Nobody),
            Err(Error::SecondFactorRequired(challenge)) => Ok(Who::Challenged(*challenge)),
            Err(error) => Err(error.into()),
        }
    }

    /// For a page that is gone to: also whoever comes from another site, from where a browser does not send the cookie.
    pub(super) async fn who_arrives(&mut self, path: &str) -> Result<Who, Stop> {
        navigation::only(self.headers())?;
        let who = self.who().await?;
        if matches!(who, Who::Nobody) {
            self.once_more(path)?;
        }
        Ok(who)
    }

    /// The page sends itself from here, if a cookie may be there that did not come along.
    pub(super) fn once_more(&self, path: &str) -> Result<(), Stop> {
        if !self.may_lack_cookies() {
            return Ok(());
        }
        let query = self.raw_query().map(|query| format!("{query}&")).unwrap_or_default();
        let again = format!("{}?{query}{AGAIN}=1", self.at(path));
        let frame = self.frame(self.texts().detour_title, path);
        Err(Stop::with(Self::page(&Detour { frame, again }, &Target::default())))
    }

    /// Whoever is signed in; all others are sent to sign in, and then back.
    pub(super) async fn signed_in(&mut self, who: Who, path: &str) -> Result<(Principal, User), Stop> {
        let back = Some(self.at(path)).filter(|_| !path.is_empty());
        let back = Target::of(back.as_deref(), &self.pages.service.origins);
        match who {
            Who::Somebody(caller) => match self.auth().current_user(&caller).await {
                Ok(user) => {
                    self.speak_to(&user);
                    let is_administrator = user.roles.iter().any(|role| role == ADMIN_ROLE);
                    self.administers = is_administrator && self.has_page_of(Endpoint::USERS);
                    Ok((caller, user))
                }
                // It has ended since the first look.
                Err(Error::SessionOver) => Err(self.elsewhere(&back)),
                Err(error) => Err(error.into()),
            },
            Who::Challenged(challenge) => Err(Stop::with(challenge::begin(self, &challenge, &back))),
            Who::Nobody => Err(self.elsewhere(&back)),
        }
    }

    fn elsewhere(&self, back: &Target) -> Stop {
        Stop::with(Self::go(&back.kept_in(&self.at("/sign-in"))))
    }

    /// In the language of the account, where it is one of these.
    fn speak_to(&mut self, user: &User) {
        let locale = user.profile.as_ref().and_then(|profile| profile.locale.as_deref());
        self.language = locale.and_then(|tag| self.pages.languages.of(tag)).unwrap_or(self.language);
    }

    /// Whether there may be a cookie that did not come along. A browser that says nothing of where somebody comes from sends
    /// itself once more, too.
    fn may_lack_cookies(&self) -> bool {
        let is_here = single(self.headers(), &SEC_FETCH_SITE)
            .is_ok_and(|site| site.is_some_and(|site| site != "cross-site"));
        !is_here && !self.query.contains_key(AGAIN)
    }
}
