//! What happened, in words: a text for each code of the audit.

use super::texts::Texts;

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
