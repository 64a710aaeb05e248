//! A session, as a row of a page.

use auth_core::{Session, SessionId};

use super::{ask::Ask, program, texts::fill};

pub(super) struct Row {
    pub(super) id: String,
    pub(super) program: String,
    pub(super) last_used: String,
    pub(super) ip: Option<String>,
    pub(super) is_this: bool,
}

/// `here`: that of whoever looks, where it may be among them.
pub(super) fn row(ask: &Ask, here: Option<SessionId>, session: &Session) -> Row {
    let texts = ask.texts();
    let program = session.user_agent.as_deref().and_then(program::of);
    Row {
        id: session.id.to_string(),
        program: program.unwrap_or_else(|| texts.unknown_browser.to_owned()),
        last_used: fill(texts.last_used, &[("time", &ask.language.moment(session.last_used_at))]),
        ip: session.ip.map(|ip| ask.language.apart(ip.to_string())),
        is_this: here == Some(session.id),
    }
}
