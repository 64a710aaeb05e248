//! `/admin/users/{id}`: one account, and what is done to it.

use askama::Template;
use auth_core::{AuditEvent, Error, User, UserChange, UserId, factor::FactorList};
use uuid::Uuid;

use super::{Nav, users};
use crate::{
    Endpoint,
    pages::{
        ask::{Answered, Ask, Refused},
        happened,
        redirect::Target,
        session,
        texts::fill,
        view::{Frame, Input},
    },
};

/// Events of one page.
const EVENTS: u64 = 20;

#[derive(Template)]
#[template(path = "admin_user.html", config = "src/pages/templates.toml")]
struct Page {
    frame: Frame,
    nav: Option<Nav>,
    here: String,
    /// What is known, each with its name.
    facts: Vec<(&'static str, String)>,
    roles: Input,
    is_disabled: bool,
    sessions: Vec<session::Row>,
    /// Nothing where second factors are off.
    factors: Option<Factors>,
    sends_links: bool,
    events: Vec<Happened>,
    older: Option<String>,
}

struct Factors {
    has: Vec<String>,
}

struct Happened {
    time: String,
    what: &'static str,
    more: String,
}

pub(super) fn path(user: UserId) -> String {
    format!("{}/{user}", users::PATH)
}

/// The roles of an account beside that which everybody has.
pub(super) fn granted(user: &User) -> Vec<&str> {
    user.roles.iter().skip(1).map(String::as_str).collect()
}

pub(in crate::pages) async fn show(ask: &mut Ask) -> Answered {
    let user: UserId = ask.id()?;
    ask.administrator_arrives(Endpoint::USER, &path(user)).await?;
    page(ask, user, None).await
}

/// The same rules as at `/users/{id}`, as it says what is to be done.
pub(in crate::pages) async fn send(ask: &mut Ask) -> Answered {
    let user: UserId = ask.id()?;
    ask.administrator_sends(Endpoint::USER, &path(user)).await?;
    match done(ask, user).await {
        Ok("deleted") => Ask::go(&format!("{}?deleted=1", ask.at(users::PATH))),
        Ok(told) => Ask::go(&format!("{}?told={told}", ask.at(&path(user)))),
        Err(error) => {
            let refused = ask.refused(error)?;
            let page = page(ask, user, Some(&refused)).await;
            refused.answer(page)
        }
    }
}

/// What was done, for the page to tell.
async fn done(ask: &Ask, user: UserId) -> Result<&'static str, Error> {
    let (auth, client) = (ask.auth(), ask.client.clone());
    if let Ok(session) = ask.field("session").parse() {
        return auth.logout_session(session, client).await.map(|()| "ended");
    }
    match ask.field("do").as_str() {
        "roles" => {
            let change = UserChange::default().roles(ask.list("roles"));
            auth.update_user(user, change, client).await.map(|_| "roles")
        }
        "disable" => auth.disable(user, client).await.map(|()| "disabled"),
        "enable" => auth.enable(user, client).await.map(|()| "enabled"),
        "end" => auth.logout_all(user, client).await.map(|()| "ended"),
        "reset_factors" => auth.reset_factors(user, client).await.map(|()| "factors"),
        "link" => auth.send_reset_link(user, client).await.map(|()| "link"),
        "unlock" => {
            auth.unlock(user, client.clone()).await?;
            auth.unlock_factors(user, client).await.map(|()| "unlocked")
        }
        // Not by a slip of the hand.
        "delete" if ask.form.contains_key("sure") => auth.delete_user(user, client).await.map(|()| "deleted"),
        _ => Ok("nothing"),
    }
}

async fn page(ask: &Ask, id: UserId, refused: Option<&Refused>) -> Answered {
    let (texts, auth) = (ask.texts(), ask.auth());
    let user = auth.user(id).await?;
    let sessions = auth.sessions_of(id).await?;
    let factors = match auth.factors().filter(|_| ask.has_page_of(Endpoint::USER_FACTORS)) {
        Some(factors) => Some(Factors { has: has(ask, &factors.list_of(id).await?) }),
        None => None,
    };
    let before: Option<Uuid> = ask.query.get("before").and_then(|id| id.parse().ok());
    let events = auth.events(id, before, EVENTS).await?;
    let is_full = u64::try_from(events.len()).is_ok_and(|length| length >= EVENTS);
    let older = events.last().filter(|_| is_full);
    let mut frame = ask.admin_frame(texts.admin_user_title, &path(id), refused);
    frame.told = ask.query.get("told").and_then(|told| match told.as_str() {
        "roles" => Some(texts.admin_told_roles),
        "disabled" => Some(texts.admin_told_disabled),
        "enabled" => Some(texts.admin_told_enabled),
        "ended" => Some(texts.told_ended),
        "factors" => Some(texts.admin_told_factors),
        "link" => Some(texts.admin_told_link),
        "unlocked" => Some(texts.admin_told_unlocked),
        _ => None,
    });
    let typed = ask.form.get("roles").cloned();
    let roles = Input::text("roles", texts.admin_roles, "off").optional(texts);
    let roles = roles.hint(texts.admin_roles_hint.to_owned());
    let here = ask.at(&path(id));
    let page = Page {
        nav: Nav::of(ask, users::PATH),
        facts: facts(ask, &user),
        roles: roles.value(typed.unwrap_or_else(|| granted(&user).join(" "))).of(&frame),
        is_disabled: user.disabled,
        sessions: sessions.iter().map(|one| session::row(ask, None, one)).collect(),
        factors,
        sends_links: auth.sends_mail() && !user.disabled,
        events: events.iter().map(|event| happened(ask, id, event)).collect(),
        older: older.map(|last| format!("{here}?before={}#events", last.id)),
        here,
        frame,
    };
    Ask::page(&page, &Target::default())
}

fn facts(ask: &Ask, user: &User) -> Vec<(&'static str, String)> {
    let texts = ask.texts();
    let proved = if user.email_verified { texts.proved } else { texts.not_proved };
    let mut facts = vec![(texts.email, format!("{} ({proved})", user.email))];
    if let Some(profile) = &user.profile {
        facts.extend(profile.name.clone().map(|name| (texts.name, name)));
        facts.extend(profile.username.clone().map(|name| (texts.username, name)));
    }
    facts.push((texts.admin_created, ask.language.moment(user.created_at)));
    facts.push((texts.admin_id, user.id.to_string()));
    if user.disabled {
        facts.push((texts.admin_state, texts.admin_is_disabled.to_owned()));
    }
    facts
}

/// What there is, in words.
fn has(ask: &Ask, factors: &FactorList) -> Vec<String> {
    let texts = ask.texts();
    let count = |text, count: u64| fill(text, &[("count", &count.to_string())]);
    let mut has = Vec::new();
    has.extend(factors.totp.map(|since| fill(texts.app_since, &[("time", &ask.language.moment(since))])));
    if !factors.passkeys.is_empty() {
        has.push(count(texts.admin_passkeys, u64::try_from(factors.passkeys.len()).unwrap_or(u64::MAX)));
    }
    if factors.recovery_codes_left > 0 {
        has.push(count(texts.codes_left, factors.recovery_codes_left));
    }
    has.extend(factors.is_locked.then(|| texts.admin_codes_locked.to_owned()));
    has
}

fn happened(ask: &Ask, user: UserId, event: &AuditEvent) -> Happened {
    let by = match (event.actor.filter(|actor| *actor != user), &event.operator) {
        (_, Some(operator)) => Some(operator.clone()),
        (actor, None) => actor.map(|actor| actor.to_string()),
    };
    let apart = |text: String| ask.language.apart(text);
    let by = by.map(apart).map(|by| fill(ask.texts().admin_by, &[("who", &by)]));
    let parts = [event.reason.clone().map(apart), event.ip.map(|ip| apart(ip.to_string())), by];
    Happened {
        time: ask.language.moment(event.at),
        what: happened::words(ask.texts(), &event.code),
        more: parts.into_iter().flatten().collect::<Vec<_>>().join(" · "),
    }
}
