//! What the pages say, in each language. English is the master: a language that lacks a text does not compile, and neither does
//! one that has another. Texts avoid counted nouns, so that no language needs rules for them.

mod de;
mod en;
mod es;
mod fr;
mod own;
mod ru;

pub use self::own::PageTexts;
pub(super) use self::own::with_own;
use super::language::Language;

/// For whoever speaks none of the others.
pub(super) const MASTER: &Language = &en::ENGLISH;

/// Every language.
pub(super) const LANGUAGES: &[Language] = &[en::ENGLISH, de::GERMAN, es::SPANISH, fr::FRENCH, ru::RUSSIAN];

macro_rules! catalogue {
    ($($key:ident),* $(,)?) => {
        /// All texts of one language.
        #[derive(Debug, Clone)]
        pub(in crate::pages) struct Texts {
            $(pub(in crate::pages) $key: &'static str,)*
        }

        impl Texts {
            /// The one of a key, if there is such a key.
            pub(in crate::pages) fn get(&self, key: &str) -> Option<&'static str> {
                match key {
                    $(stringify!($key) => Some(self.$key),)*
                    _ => None,
                }
            }

            /// Another text for a key that there is.
            fn set(&mut self, key: &str, text: &'static str) {
                match key {
                    $(stringify!($key) => self.$key = text,)*
                    _ => {}
                }
            }

            /// Each with its key.
            fn all(&self) -> Vec<(&'static str, &'static str)> {
                vec![$((stringify!($key), self.$key)),*]
            }
        }
    };
}

catalogue! {
    // Around every page.
    language_name, skip, language_menu, sign_out, go_on, error, check_this,
    // The way from another site.
    detour_title,
    // Signing in.
    sign_in, sign_in_title, new_here, email, email_or_username, password, show_password, hide_password,
    told_signed_out, told_expired, passkey_sign_in, passkey_failed, forgot_title, forgot_text, forgot_send, forgot_sent,
    mail_code_title, mail_code_text, mail_code_send, mail_code_sent, mail_code_another, wrong_mail_code,
    // Signing up.
    sign_up, sign_up_title, sign_up_closed, have_account, password_hint, name, optional, sent_title, sent_text,
    // The second step.
    challenge_title, challenge_totp, challenge_recovery, challenge_passkey, code, recovery_code, use_recovery_code, use_app,
    remember_device, confirm, begin_again, enrol_title, enrol_text, enrol_key, enrol_picture, codes_title, codes_text,
    // The account.
    account, account_title, proved, not_proved, username, language, language_of_browser, save, told_saved,
    // Its security.
    nav_label, security_title, change_password, current_password, new_password, told_password, second_step, second_step_off, second_step_passkey, app_since, turn_off, set_up_app, set_up_app_text, codes_left, new_codes, sessions_title, this_browser, unknown_browser, last_used, end_session, end_others, told_ended, told_turned_off, confirm_title, confirm_text, confirm_password_text, confirm_impossible, wrong_password, factor_required, back,
    // What is wrong.
    enter_email, enter_password, enter_code, wrong_credentials, wrong_credentials_username, wrong_code, factor_locked, throttled,
    busy, verification_needed, email_taken, email_invalid, username_taken, username_invalid, username_reserved, name_invalid,
    locale_invalid, password_too_short, password_too_long, password_too_common, password_breached, password_like_email,
    password_context, not_allowed,
    not_found_title, not_found_text, cross_origin_title, cross_origin_text, failed_title, failed_text,
    // The owner's own.
    send_link_again, told_link_sent,
    passkeys, passkeys_none, passkeys_text, add_passkey, use_passkey, passkey_title, passkey_name, passkey_name_hint, passkey_name_invalid, passkey_remove, passkey_refused, passkey_not_made, passkey_needs_script, told_passkey_added, told_passkey_removed, too_many_passkeys, last_way_in, since, never_used, change, enrol_passkey_text, confirm_passkey_text, link_code, link_code_hint, link_missing, link_no_good, reset_title, reset_text, told_reset, verify_title, verify_text, verify_button, told_verified, stop_title, stop_text, stop_button, told_stopped, link_title, link_text, link_of, sign_in_with, provider_denied, provider_link_first, provider_email, provider_taken, provider_not_recent, provider_failed, identities_title, link_identity, link_identity_title, link_identity_text, unlink, unlink_title, unlink_text, told_linked, told_unlinked, confirm_provider_text, change_email, change_email_text, new_email, told_email_asked, data_title, export_title, export_text, export_button, delete_title, delete_text, delete_button, told_deleted, user_in_use, devices_title, device_until, forget, forget_all, told_forgotten, keys_title, keys_link, keys_text, key_name, key_scopes, key_scopes_hint, key_days, key_make, key_made_title, key_made_text, key_until, events_title,
    // Administration.
    admin, admin_users_title, admin_search, admin_search_hint, admin_find, admin_nobody, admin_next, admin_is_disabled, admin_roles,
    admin_roles_hint, admin_user_title, admin_created, admin_id, admin_state, admin_help, admin_send_link, admin_unlock,
    admin_disable, admin_enable, admin_passkeys, admin_codes_locked, admin_no_factors, admin_reset_factors,
    admin_reset_factors_text, admin_sessions, admin_no_sessions, admin_end_all, admin_events, admin_no_events, admin_older,
    admin_by, admin_delete, admin_delete_sure, admin_told_roles, admin_told_disabled, admin_told_enabled, admin_told_factors,
    admin_told_link, admin_told_unlocked, admin_told_deleted, admin_services_title, admin_service_title, admin_no_services,
    admin_new_service, admin_service_roles_hint, admin_told_service_deleted, admin_make, admin_keys, admin_no_keys, admin_new_key,
    admin_scopes, admin_scopes_hint, admin_days, admin_until, admin_replace, admin_replace_hint, admin_secret_title,
    admin_secret_text, admin_webhooks_title, admin_webhook_title, admin_no_webhooks, admin_new_webhook, admin_told_webhook_deleted,
    admin_url, admin_types, admin_types_hint, admin_on, admin_failing, admin_off_by_hand, admin_off_gone, admin_off_failing,
    admin_next_try, admin_of_setting, admin_send_test, admin_switch_on, admin_switch_off, admin_new_secret, admin_change,
    admin_replay, admin_replay_text, admin_replay_after, admin_replay_begin, admin_deliveries, admin_no_deliveries, admin_test,
    admin_answered, admin_no_answer, admin_told_arrived, admin_told_not_arrived, admin_told_replay, last_admin,
    user_disabled, api_key_limit, api_key_rotated, cursor_too_old, label_invalid, roles_invalid, scopes_invalid, days_invalid,
    search_invalid, url_invalid, types_invalid, after_invalid,
    // What happened: by the code of the event.
    event, event_registered, event_created, event_imported, event_signed_in, event_sign_in_failed, event_account_closed,
    event_unlocked, event_refresh_reused, event_row_was_older, event_signed_out, event_others_signed_out, event_all_signed_out,
    event_password_rehashed, event_stored_hash_unusable, event_roles_changed, event_disabled, event_enabled, event_email_taken,
    event_link_asked, event_email_change_asked, event_link_refused, event_exported, event_users_exported, event_email_verified,
    event_email_changed, event_email_change_stopped, event_password_changed, event_password_not_confirmed, event_password_reset,
    event_reset_started, event_identity_linked, event_identity_unlinked, event_reclaimed, event_ways_in_removed, event_deleted,
    event_profile_changed, event_factor_added, event_factor_removed, event_factors_reset, event_recovery_codes_made,
    event_recovery_code_used, event_second_factor_failed, event_factor_locked, event_factor_unlocked, event_device_remembered,
    event_device_forgotten, event_stepped_up, event_passkey_counter, event_passkey_backup_changed, event_password_removed,
    event_unverified_removed, event_api_key_created, event_api_key_rotated, event_api_key_revoked, event_service_account_created,
    event_service_account_changed, event_service_account_deleted, event_mail_given_up, event_webhook_added, event_webhook_changed,
    event_webhook_removed, event_webhook_off, event_key_added, event_key_revoked,
}

/// A text with what stands in its braces.
pub(super) fn fill(text: &str, values: &[(&str, &str)]) -> String {
    let mut filled = String::with_capacity(text.len() + 16);
    let mut rest = text;
    while let Some((before, (name, after))) =
        rest.split_once('{').and_then(|(before, rest)| Some((before, rest.split_once('}')?)))
    {
        filled.push_str(before);
        filled.push_str(values.iter().find(|(known, _)| *known == name).map_or("", |(_, value)| value));
        rest = after;
    }
    filled.push_str(rest);
    filled
}

#[cfg(test)]
mod tests {
    use super::{own::placeholders, *};

    #[test]
    fn every_language_has_the_placeholders_of_the_master_and_no_text_is_empty() {
        let master = en::ENGLISH.texts.all();
        for language in LANGUAGES {
            for ((key, text), (_, of_master)) in language.texts.all().into_iter().zip(&master) {
                assert_eq!(placeholders(text), placeholders(of_master), "{key} in {}", language.tag);
                assert!(!text.trim().is_empty() && text.trim() == text, "{key} in {}", language.tag);
            }
        }
    }

    #[test]
    fn another_language_is_other_words() {
        let mut same = Vec::new();
        for (key, _) in MASTER.texts.all() {
            let said = |language: &Language| language.texts.get(key);
            let others =
                |one: &Language| LANGUAGES.iter().filter(|other| said(other) == said(one)).count() > 1;
            let tags: Vec<_> = LANGUAGES.iter().filter(|one| others(one)).map(|one| one.tag).collect();
            if !tags.is_empty() {
                same.push((key, tags.join(" ")));
            }
        }
        let expected = [
            ("error", "en es"),
            ("name", "en de"),
            ("optional", "en de"),
            ("code", "en de fr"),
            ("passkeys", "en de"),
            ("passkey_title", "en de"),
            ("admin", "en fr"),
            ("admin_roles", "en es"),
            ("admin_passkeys", "en de"),
            ("admin_sessions", "en fr"),
            ("admin_scopes", "en de"),
            ("admin_webhooks_title", "en de es fr"),
            ("admin_webhook_title", "es fr"),
            ("admin_url", "de fr"),
            ("admin_test", "en de fr"),
        ];
        assert_eq!(same, expected.map(|(key, tags)| (key, tags.to_owned())));
    }

    #[test]
    fn every_language_has_its_own_marks() {
        for language in LANGUAGES {
            let marks = match language.tag {
                "en" => "“”",
                "de" => "„“",
                _ => "«»",
            };
            for (key, text) in language.texts.all() {
                let foreign = |mark: char| "\"'„“”«»‹›".contains(mark) && !marks.contains(mark);
                assert!(!text.contains(foreign), "{key} in {}: {text}", language.tag);
            }
        }
    }

    #[test]
    fn no_line_of_french_begins_with_a_mark() {
        for (key, text) in fr::FRENCH.texts.all() {
            let count = |what: &str| text.matches(what).count();
            for kept in ["\u{a0}:", "\u{a0};", "\u{a0}!", "\u{a0}?", "\u{a0}»", "«\u{a0}"] {
                assert_eq!(count(kept.trim()), count(kept), "{key}: {text}");
            }
        }
    }

    #[test]
    fn a_value_is_put_in_as_it_is_and_is_no_text_itself() {
        assert_eq!(fill("In {seconds} seconds.", &[("seconds", "5")]), "In 5 seconds.");
        assert_eq!(fill("{a}{b}", &[("a", "{b}"), ("b", "x")]), "{b}x");
        assert_eq!(fill("{a", &[("a", "1")]), "{a");
    }
}
