//! `/data`: all that is stored about somebody; `/delete`: the end of their account.

use askama::Template;
use auth_core::Principal;
use http::{HeaderValue, header::CONTENT_DISPOSITION};

use super::{
    ask::{Answered, Ask, Refused},
    redirect::Target,
    sign_in,
    view::{Frame, Input},
};
use crate::endpoint;

pub(super) const PATH: &str = "/data";
pub(super) const DELETE: &str = "/delete";

#[derive(Template)]
#[template(path = "data.html", config = "src/pages/templates.toml")]
struct Page {
    frame: Frame,
}

pub(super) async fn show(ask: &mut Ask) -> Answered {
    let who = ask.who_arrives(PATH).await?;
    ask.signed_in(who, PATH).await?;
    let mut frame = ask.frame(ask.texts().data_title, PATH);
    frame.signed_in = true;
    Ask::page(&Page { frame }, &Target::default())
}

/// What `GET /users/me/export` gives, as a file.
pub(super) async fn send(ask: &mut Ask) -> Answered {
    let who = ask.who().await?;
    let (caller, _) = ask.signed_in(who, PATH).await?;
    match endpoint::exported(&ask.pages.service, &caller, ask.client.clone()).await {
        Ok(mut response) => {
            let file = HeaderValue::from_static("attachment; filename=\"account.json\"");
            response.headers_mut().insert(CONTENT_DISPOSITION, file);
            Ok(response)
        }
        Err(error) => {
            let refused = ask.refused_or_sent_to_confirm(error, PATH)?;
            let mut frame = ask.frame(ask.texts().data_title, PATH);
            frame.signed_in = true;
            frame.errors.clone_from(&refused.errors);
            let page = Ask::page(&Page { frame }, &Target::default());
            refused.answer(page)
        }
    }
}

#[derive(Template)]
#[template(path = "delete.html", config = "src/pages/templates.toml")]
struct DeletePage {
    frame: Frame,
    password: Option<Input>,
}

pub(super) async fn show_delete(ask: &mut Ask) -> Answered {
    let who = ask.who_arrives(DELETE).await?;
    let (caller, _) = ask.signed_in(who, DELETE).await?;
    delete_page(ask, &caller, None).await
}

/// The same rules as `DELETE /users/me`.
pub(super) async fn delete(ask: &mut Ask) -> Answered {
    let who = ask.who().await?;
    let (caller, _) = ask.signed_in(who, DELETE).await?;
    match ask.auth().delete_account(&caller, ask.password_again(), ask.client.clone()).await {
        Ok(()) => {
            endpoint::clear_session_cookies(&ask.pages.service, &mut ask.jar);
            Ask::go(&format!("{}?told=deleted", ask.at(sign_in::PATH)))
        }
        Err(error) => {
            let refused = ask.refused_or_sent_to_confirm(error, DELETE)?;
            let page = delete_page(ask, &caller, Some(&refused)).await;
            refused.answer(page)
        }
    }
}

async fn delete_page(ask: &Ask, caller: &Principal, refused: Option<&Refused>) -> Answered {
    let mut frame = ask.frame(ask.texts().delete_title, DELETE);
    frame.signed_in = true;
    frame.errors = refused.map(|refused| refused.errors.clone()).unwrap_or_default();
    let password = ask.password_field(caller, &frame).await?;
    Ask::page(&DeletePage { frame, password }, &Target::default())
}
