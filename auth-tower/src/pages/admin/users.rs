//! `/admin/users`: who has an account here.

use askama::Template;
use auth_core::{User, UserQuery};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use super::{Nav, user};
use crate::{
    Endpoint,
    pages::{
        ask::{Answered, Ask, Refused},
        redirect::Target,
        view::{Frame, Input},
    },
};

pub(in crate::pages) const PATH: &str = "/admin/users";

#[derive(Template)]
#[template(path = "admin_users.html", config = "src/pages/templates.toml")]
struct Page {
    frame: Frame,
    nav: Option<Nav>,
    search: Input,
    users: Vec<Row>,
    next: Option<String>,
}

struct Row {
    address: String,
    email: String,
    name: Option<String>,
    roles: String,
    is_disabled: bool,
}

/// The same rules as `GET /users`.
pub(in crate::pages) async fn show(ask: &mut Ask) -> Answered {
    ask.administrator_arrives(Endpoint::USERS, PATH).await?;
    let begins = ask.query.get("q").map(|text| text.trim().to_owned()).unwrap_or_default();
    let mut wanted = UserQuery::default();
    if !begins.is_empty() {
        wanted = wanted.begins(begins.clone());
    }
    if let Some(cursor) = ask.query.get("cursor") {
        wanted = wanted.cursor(cursor.clone());
    }
    match ask.auth().list_users(wanted).await {
        Ok(found) => {
            let users = found.users.iter().map(|user| row(ask, user)).collect();
            let next = found.next.map(|cursor| {
                let begins = utf8_percent_encode(&begins, NON_ALPHANUMERIC);
                format!("{}?q={begins}&cursor={cursor}", ask.at(PATH))
            });
            page(ask, begins, users, next, None)
        }
        Err(error) => {
            let refused = ask.refused(error)?;
            let page = page(ask, begins, Vec::new(), None, Some(&refused));
            refused.answer(page)
        }
    }
}

fn row(ask: &Ask, user: &User) -> Row {
    let profile = user.profile.as_ref();
    let names = profile.map(|profile| [profile.name.as_deref(), profile.username.as_deref()]);
    let names: Vec<_> = names.into_iter().flatten().flatten().collect();
    Row {
        address: ask.at(&user::path(user.id)),
        email: user.email.clone(),
        name: (!names.is_empty()).then(|| names.join(", ")),
        roles: user::granted(user).join(", "),
        is_disabled: user.disabled,
    }
}

fn page(
    ask: &Ask,
    begins: String,
    users: Vec<Row>,
    next: Option<String>,
    refused: Option<&Refused>,
) -> Answered {
    let texts = ask.texts();
    let mut frame = ask.admin_frame(texts.admin_users_title, PATH, refused);
    frame.told = ask.query.contains_key("deleted").then_some(texts.admin_told_deleted);
    let search = Input::text("q", texts.admin_search, "off").optional(texts);
    let search = search.hint(texts.admin_search_hint.to_owned()).value(begins).of(&frame);
    Ask::page(&Page { nav: Nav::of(ask, PATH), search, users, next, frame }, &Target::default())
}
