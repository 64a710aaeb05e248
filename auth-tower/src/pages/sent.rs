//! Something was sent by mail, and says how to go on.

use askama::Template;

use super::{
    ask::{Answered, Ask},
    sign_in,
    view::Frame,
};

#[derive(Template)]
#[template(path = "sent.html", config = "src/pages/templates.toml")]
struct Page {
    frame: Frame,
    text: &'static str,
    sign_in: String,
}

/// At `path`.
pub(super) fn page(ask: &Ask, path: &str, text: &'static str) -> Answered {
    let target = ask.target();
    let sign_in = target.kept_in(&ask.at(sign_in::PATH)).into_owned();
    Ask::page(&Page { frame: ask.frame(ask.texts().sent_title, path), text, sign_in }, &target)
}
