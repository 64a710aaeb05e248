//! What an error of the rules is in the words of a page. The rules know codes; no rule is repeated here.

use auth_core::FieldError;
use http::StatusCode;

use super::{
    texts::{Texts, fill},
    view::Wrong,
};
use crate::problem::{Problem, whole_seconds};

/// What the words depend on beside the code.
pub(super) struct Setting {
    pub(super) min_password_length: usize,
    pub(super) has_usernames: bool,
}

/// What can be said beside the form that was sent. `None`: there is nothing to correct in it, and the problem is a page of its own.
pub(super) fn of(problem: &Problem, texts: &'static Texts, setting: &Setting) -> Option<Vec<Wrong>> {
    let of_form = |text: &str| Some(vec![Wrong { field: None, text: text.to_owned() }]);
    let of_field = |field, text: &str| Some(vec![Wrong { field: Some(field), text: text.to_owned() }]);
    match problem.code() {
        "validation_failed" => {
            Some(problem.errors().iter().map(|error| of_rule(error, texts, setting)).collect())
        }
        "invalid_credentials" if setting.has_usernames => of_form(texts.wrong_credentials_username),
        "invalid_credentials" => of_form(texts.wrong_credentials),
        "invalid_code" => of_field("code", texts.wrong_code),
        "factor_locked" => of_form(texts.factor_locked),
        "throttled" => {
            let seconds = whole_seconds(problem.retry_after().unwrap_or_default());
            of_form(&fill(texts.throttled, &[("seconds", &seconds.to_string())]))
        }
        "overloaded" | "unavailable" => of_form(texts.busy),
        "verification_needed" => of_form(texts.verification_needed),
        "factor_required" => of_form(texts.factor_required),
        "last_way_in" => of_form(texts.last_way_in),
        "too_many_passkeys" => of_form(texts.too_many_passkeys),
        "email_taken" => of_field("email", texts.email_taken),
        "username_taken" => of_field("username", texts.username_taken),
        "last_admin" => of_form(texts.last_admin),
        "user_in_use" => of_form(texts.user_in_use),
        "webhook_of_setting" => of_form(texts.admin_of_setting),
        "cursor_too_old" => of_field("after", texts.cursor_too_old),
        "api_key_limit" => of_form(texts.api_key_limit),
        "api_key_rotated" => of_form(texts.api_key_rotated),
        "forbidden" => of_form(texts.not_allowed),
        // The host's own rule, in its own words.
        _ if problem.status() == StatusCode::FORBIDDEN => of_form(problem.detail()),
        _ => None,
    }
}

fn of_rule(error: &FieldError, texts: &'static Texts, setting: &Setting) -> Wrong {
    let text = match (error.field, error.code) {
        ("password" | "current_password", "wrong_password") => texts.wrong_password.to_owned(),
        ("password" | "current_password", "required") => texts.enter_password.to_owned(),
        ("code", "invalid_code") => texts.wrong_code.to_owned(),
        ("method", _) | (_, "no_password") => texts.confirm_impossible.to_owned(),
        ("password" | "new_password", "too_short") => {
            let count = setting.min_password_length.to_string();
            fill(texts.password_too_short, &[("count", &count)])
        }
        (_, "too_long") => texts.password_too_long.to_owned(),
        (_, "too_common") => texts.password_too_common.to_owned(),
        (_, "breached") => texts.password_breached.to_owned(),
        (_, "same_as_email") => texts.password_like_email.to_owned(),
        (_, "context_word") => texts.password_context.to_owned(),
        ("token", _) => texts.link_no_good.to_owned(),
        ("credential", _) => texts.passkey_refused.to_owned(),
        ("name", "bad_name" | "invalid_name") => texts.passkey_name_invalid.to_owned(),
        ("email", "invalid_email") => texts.email_invalid.to_owned(),
        ("username", "reserved") => texts.username_reserved.to_owned(),
        ("username", _) => texts.username_invalid.to_owned(),
        ("name", _) => texts.name_invalid.to_owned(),
        ("label" | "key_name", _) => texts.label_invalid.to_owned(),
        ("roles", _) => texts.roles_invalid.to_owned(),
        ("scopes", _) => texts.scopes_invalid.to_owned(),
        ("expires_in_days", _) => texts.days_invalid.to_owned(),
        ("q", _) => texts.search_invalid.to_owned(),
        ("url", "invalid_url") => texts.url_invalid.to_owned(),
        ("types", _) => texts.types_invalid.to_owned(),
        ("after", _) => texts.after_invalid.to_owned(),
        ("user", "disabled") => texts.user_disabled.to_owned(),
        ("locale", _) => texts.locale_invalid.to_owned(),
        // A rule that is younger than these pages, in English.
        _ => error.detail.clone(),
    };
    // What a script has put in is no field to go to.
    let field = Some(error.field).filter(|field| *field != "credential");
    Wrong { field, text }
}
