//! What happened, in words: a text for each code of the audit.

use auth_core::{AuditEvent, Principal};

use super::{
    ask::{Ask, Stop},
    texts::Texts,
};

/// As many are told to the owner.
const MOST: u64 = 10;

/// Something that happened.
pub(super) struct Row {
    pub(super) text: &'static str,
    pub(super) about: String,
}

/// What happened to whoever is signed in, the latest first; none where no audit is kept.
pub(super) async fn own(ask: &Ask, caller: &Principal) -> Result<Vec<Row>, Stop> {
    let events = ask.auth().own_events(caller, None, MOST).await?;
    Ok(events.iter().map(|event| row(ask, event)).collect())
}

fn row(ask: &Ask, event: &AuditEvent) -> Row {
    let at = ask.language.moment(event.at);
    let about = event.ip.map_or_else(
        || at.clone(),
        |ip| {
            let ip = ask.language.apart(ip.to_string());
            format!("{at} · {ip}")
        },
    );
    Row { text: words(ask.texts(), &event.code), about }
}

/// Of a code. One that is younger than these texts is told as such.
pub(super) fn words(texts: &'static Texts, code: &str) -> &'static str {
    texts.get(&format!("event_{code}")).unwrap_or(texts.event)
}

#[cfg(test)]
mod tests {
    use auth_core::AuditEvent;

    use super::*;
    use crate::pages::texts::LANGUAGES;

    #[test]
    fn every_event_of_the_audit_has_its_words() {
        for language in LANGUAGES {
            for code in AuditEvent::codes() {
                assert_ne!(words(language.texts, code), language.texts.event, "{code} in {}", language.tag);
            }
        }
    }
}
