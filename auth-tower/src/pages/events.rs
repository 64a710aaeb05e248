//! What happened to an account, in words.

use auth_core::{AuditEvent, Principal};

use super::{
    ask::{Ask, Stop},
    texts::Texts,
};

/// As many are told.
const MOST: u64 = 10;

/// Something that happened.
pub(super) struct Row {
    pub(super) text: String,
    pub(super) about: String,
}

/// The latest first; none where no audit is kept.
pub(super) async fn rows(ask: &Ask, caller: &Principal) -> Result<Vec<Row>, Stop> {
    let events = ask.auth().own_events(caller, None, MOST).await?;
    Ok(events.iter().map(|event| row(ask, event)).collect())
}

fn row(ask: &Ask, event: &AuditEvent) -> Row {
    let at = ask.language.moment(event.at);
    let about = event.ip.map_or_else(|| at.clone(), |ip| format!("{at} · {ip}"));
    // One that is younger than these pages, by its name.
    let text = words(&event.code, ask.texts()).map_or_else(|| event.code.replace('_', " "), str::to_owned);
    Row { text, about }
}

fn words(code: &str, texts: &'static Texts) -> Option<&'static str> {
    Some(match code {
        "registered" => texts.event_registered,
        "created" => texts.event_created,
        "signed_in" => texts.event_signed_in,
        "sign_in_failed" => texts.event_sign_in_failed,
        "account_closed" => texts.event_account_closed,
        "refresh_reused" => texts.event_refresh_reused,
        "signed_out" => texts.event_signed_out,
        "others_signed_out" => texts.event_others_signed_out,
        "all_signed_out" => texts.event_all_signed_out,
        "roles_changed" => texts.event_roles_changed,
        "disabled" => texts.event_disabled,
        "enabled" => texts.event_enabled,
        "link_asked" => texts.event_link_asked,
        "email_change_asked" => texts.event_email_change_asked,
        "exported" => texts.event_exported,
        "email_verified" => texts.event_email_verified,
        "email_changed" => texts.event_email_changed,
        "email_change_stopped" => texts.event_email_change_stopped,
        "password_changed" => texts.event_password_changed,
        "password_not_confirmed" => texts.event_password_not_confirmed,
        "password_reset" => texts.event_password_reset,
        "identity_linked" => texts.event_identity_linked,
        "identity_unlinked" => texts.event_identity_unlinked,
        "ways_in_removed" => texts.event_ways_in_removed,
        "profile_changed" => texts.event_profile_changed,
        "factor_added" => texts.event_factor_added,
        "factor_removed" => texts.event_factor_removed,
        "factors_reset" => texts.event_factors_reset,
        "recovery_codes_made" => texts.event_recovery_codes_made,
        "recovery_code_used" => texts.event_recovery_code_used,
        "second_factor_failed" => texts.event_second_factor_failed,
        "factor_locked" => texts.event_factor_locked,
        "device_remembered" => texts.event_device_remembered,
        "device_forgotten" => texts.event_device_forgotten,
        "stepped_up" => texts.event_stepped_up,
        "passkey_counter" => texts.event_passkey_counter,
        "password_removed" => texts.event_password_removed,
        "api_key_created" => texts.event_api_key_created,
        "api_key_rotated" => texts.event_api_key_rotated,
        "api_key_revoked" => texts.event_api_key_revoked,
        "imported" => texts.event_imported,
        "unlocked" => texts.event_unlocked,
        "link_refused" => texts.event_link_refused,
        "reset_started" => texts.event_reset_started,
        "reclaimed" => texts.event_reclaimed,
        "factor_unlocked" => texts.event_factor_unlocked,
        "passkey_backup_changed" => texts.event_passkey_backup_changed,
        "mail_given_up" => texts.event_mail_given_up,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::{super::texts::MASTER, *};

    #[test]
    fn only_what_happens_to_no_person_or_seldom_has_no_words() {
        let told: BTreeSet<_> =
            AuditEvent::codes().filter(|code| words(code, MASTER.texts).is_none()).collect();
        let rare = [
            "row_was_older",
            "password_rehashed",
            "stored_hash_unusable",
            "email_taken",
            "users_exported",
            "deleted",
            "unverified_removed",
            "service_account_created",
            "service_account_changed",
            "service_account_deleted",
            "webhook_added",
            "webhook_changed",
            "webhook_removed",
            "webhook_off",
            "key_added",
            "key_revoked",
        ];
        assert_eq!(told, BTreeSet::from(rare));
    }
}
