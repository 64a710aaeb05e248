//! The words of a mail.

use std::time::Duration;

use super::{Mail, MailKind};

/// What a person reads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MailText {
    /// One line.
    pub subject: String,
    /// For programs that show no HTML.
    pub text: String,
    /// A whole document.
    pub html: String,
}

/// Writes mails: replace it for other words or another language.
///
/// ```
/// use auth_core::mail::{EnglishMails, Mail, MailKind, MailTemplates, MailText};
///
/// /// German where somebody has written it, else what comes with this crate.
/// struct GermanMails;
///
/// impl MailTemplates for GermanMails {
///     fn write(&self, mail: &Mail, service: &str) -> MailText {
///         match (mail.kind, &mail.link) {
///             (MailKind::VerifyEmail, Some(link)) => MailText {
///                 subject: "Bitte bestätigen Sie Ihre Adresse".to_owned(),
///                 text: format!("Willkommen bei {service}:\n\n{}\n", link.url),
///                 html: format!("<!doctype html><p><a href=\"{}\">Adresse bestätigen</a>", link.url),
///             },
///             _ => EnglishMails.write(mail, service),
///         }
///     }
/// }
///
/// # fn build(db: sea_orm::DatabaseConnection, keys: auth_core::Keys) -> Result<(), auth_core::ConfigError> {
/// let auth = auth_core::Auth::builder(db, keys).mail_templates(std::sync::Arc::new(GermanMails)).build()?;
/// # Ok(())
/// # }
/// ```
pub trait MailTemplates: Send + Sync + 'static {
    /// Writes a mail in the name of a service ([`MailConfig::service_name`](crate::MailConfig::service_name)). Whatever goes into
    /// `html` has to be escaped.
    fn write(&self, mail: &Mail, service: &str) -> MailText;
}

/// The words that come with this crate.
#[derive(Debug, Clone, Copy, Default)]
pub struct EnglishMails;

impl MailTemplates for EnglishMails {
    fn write(&self, mail: &Mail, service: &str) -> MailText {
        let (subject, paragraph, action) = sentences(mail, service);
        let mut text = format!("{paragraph}\n");
        let mut html = format!("<p>{}</p>\n", escape(&paragraph));
        if let Some(code) = &mail.code {
            let code = code.expose();
            text = format!("{text}\nThe code: {code}\n");
            html = format!("{html}<p>The code: <strong>{}</strong></p>\n", escape(code));
        }
        if let Some(link) = &mail.link {
            let valid = format!("The link works once, within {}.", words(link.valid_for));
            text = format!("{text}\n{action}: {}\n\n{valid}\n", link.url);
            html = format!("{html}<p><a href=\"{}\">{action}</a></p>\n<p>{valid}</p>\n", escape(&link.url));
            // A page that runs no script does not see what is behind the `#` of its address.
            let asked = format!("If the page asks for a code: {}", link.token.expose());
            text = format!("{text}\n{asked}\n");
            html = format!("{html}<p>{}</p>\n", escape(&asked));
        }
        let title = escape(&subject);
        let html = format!(
            "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>{title}</title></head>\n\
             <body>\n{html}</body></html>\n"
        );
        MailText { subject, text, html }
    }
}

/// The subject, what it is about, and what its link does.
#[expect(clippy::too_many_lines, reason = "one text after the other")]
fn sentences(mail: &Mail, service: &str) -> (String, String, &'static str) {
    let provider = mail.provider.as_deref().unwrap_or("a provider");
    match mail.kind {
        MailKind::VerifyEmail => (
            format!("Confirm your address for {service}"),
            format!(
                "Somebody, probably you, has registered this address with {service}. Confirm that it is yours."
            ),
            "Confirm the address",
        ),
        MailKind::ChangeEmail => (
            format!("Confirm your new address for {service}"),
            format!(
                "Somebody, probably you, wants to use this address for an account with {service}. Confirm that it is yours."
            ),
            "Confirm the address",
        ),
        MailKind::ResetPassword => (
            format!("Choose a new password for {service}"),
            format!(
                "Somebody, probably you, has forgotten the password of your account with {service}. If it was not \
                     you, nothing has changed, and there is nothing to do."
            ),
            "Choose a new password",
        ),
        MailKind::SignInCode => (
            format!("Sign in to {service}"),
            format!(
                "Somebody, probably you, wants to sign in to {service} with this address. Type the code where you asked for it, and tell \
                     it nobody; or follow the link. If it was not you, there is nothing to do."
            ),
            "Sign in",
        ),
        MailKind::EmailTaken => (
            format!("You already have an account with {service}"),
            format!(
                "Somebody, probably you, wanted to register this address with {service}, and it has an account \
                     already. Sign in with it; if you do not know the password, ask for a new one there."
            ),
            "",
        ),
        MailKind::PasswordChanged => (
            format!("Your password for {service} was changed"),
            format!(
                "The password of your account with {service} was changed. If it was not you, ask for a new one \
                     there at once.{}",
                mail.ways_in
                    .as_ref()
                    .map(|ways| format!(
                        " What else can sign in to it stays: {ways}. Look there whether all of it is yours."
                    ))
                    .unwrap_or_default()
            ),
            "",
        ),
        MailKind::EmailChangeAsked => (
            format!("Your address for {service} is to be changed"),
            format!(
                "Somebody who is signed in to your account with {service} wants its address to be {}. If it was you, there \
                     is nothing to do here. If it was not, stop it: everybody is signed out then. Choose a new password there \
                     afterwards.",
                mail.new_address.as_deref().unwrap_or("another one")
            ),
            "Stop the change",
        ),
        MailKind::EmailChanged => (
            format!("Your address for {service} was changed"),
            format!(
                "The address of your account with {service} is now {}. If it was not you, write to {service} at \
                     once.",
                mail.new_address.as_deref().unwrap_or("another one")
            ),
            "",
        ),
        MailKind::AccountDeleted => (
            format!("Your account with {service} was deleted"),
            format!("Your account with {service} and what was stored with it is gone."),
            "",
        ),
        MailKind::IdentityLinked => (
            format!("A new way to sign in to {service}"),
            format!(
                "Your account with {service} can now be signed in to with {provider}. If it was not you, sign in there, \
                     remove it and choose a new password."
            ),
            "",
        ),
        MailKind::IdentityUnlinked => (
            format!("A way to sign in to {service} was removed"),
            format!(
                "Your account with {service} can no longer be signed in to with {provider}. If it was not you, choose a \
                     new password there at once."
            ),
            "",
        ),
        MailKind::FactorAdded => (
            format!("A second factor for {service}"),
            format!(
                "Your account with {service} now asks for a code of an authenticator app at each sign-in. If it was not you, \
                 write to {service} at once."
            ),
            "",
        ),
        MailKind::FactorRemoved => (
            format!("The second factor for {service} was removed"),
            format!(
                "Your account with {service} no longer asks for a code at a sign-in. If it was not you, choose a new password \
                 there at once, and write to {service}."
            ),
            "",
        ),
        MailKind::FactorsReset => (
            format!("The second factor for {service} was reset"),
            format!(
                "An administrator of {service} has removed the second factor of your account and signed you out. If you did \
                 not ask for it, write to {service} at once."
            ),
            "",
        ),
        MailKind::RecoveryCodesMade => (
            format!("New recovery codes for {service}"),
            format!(
                "There are new recovery codes for your account with {service}; the old ones work no longer. If it was not \
                 you, choose a new password there at once."
            ),
            "",
        ),
        MailKind::RecoveryCodeUsed => (
            format!("A recovery code for {service} was used"),
            format!(
                "A recovery code was used for your account with {service}. It works no longer. If it was not you, choose a new \
                 password and make new codes there at once."
            ),
            "",
        ),
        MailKind::SecondFactorFailed => (
            format!("Somebody may know your password for {service}"),
            format!(
                "Wrong codes were given several times at your account with {service}, after the right password. If it was \
                 not you, somebody knows your password: choose a new one there at once."
            ),
            "",
        ),
        MailKind::FactorLocked => (
            format!("Codes for {service} are locked"),
            format!(
                "So many wrong codes were given at your account with {service}, after the right password, that no code is \
                 taken any more. Choose a new password there. A sign-in with a passkey opens them again; without one, \
                 write to {service}."
            ),
            "",
        ),
        MailKind::PasskeyAdded => (
            format!("A new passkey for {service}"),
            format!(
                "Your account with {service} can now be signed in to with a new passkey. If it was not you, sign in there, \
                 remove it and choose a new password."
            ),
            "",
        ),
        MailKind::PasskeyRemoved => (
            format!("A passkey for {service} was removed"),
            format!(
                "A passkey of your account with {service} was removed; it signs in nobody any more. If it was not you, choose a \
                 new password there at once."
            ),
            "",
        ),
        MailKind::PasskeyCounter => (
            format!("There may be a copy of your passkey for {service}"),
            format!(
                "A passkey of your account with {service} was used, and what it counts says that it may have been copied. If you \
                 have not moved it to another device lately, remove it there and make a new one."
            ),
            "",
        ),
        MailKind::PasskeyBackupChanged => (
            format!("Your passkey for {service} has changed"),
            format!(
                "A passkey of your account with {service} says now whether it is kept on several devices, and said otherwise \
                 before. If you do not know why, remove it there and make a new one."
            ),
            "",
        ),
        MailKind::PasswordRemoved => (
            format!("Your password for {service} was removed"),
            format!(
                "Your account with {service} has no password any more, and is signed in to by other means. If it was not you, ask \
                 for a new password there at once."
            ),
            "",
        ),
        MailKind::ApiKeyCreated => (
            format!("A new API key for {service}"),
            format!(
                "A program can now act for your account with {service}, by a new API key. If it was not you, sign in there, end the \
                 key and choose a new password."
            ),
            "",
        ),
        MailKind::WebhookOff => (
            format!("A webhook of {service} was switched off"),
            format!(
                "A webhook of {service} is told of no events any more: it said that it is gone, or for three days nothing could be \
                     handed over. Look at it in the administration; it goes on where it was once it is switched on again."
            ),
            "",
        ),
        MailKind::WaysInRemoved => (
            format!("Ways to sign in to {service} were removed"),
            format!(
                "It is proved now that this address is yours, and before that somebody, perhaps you, could sign in to your \
                     account with {service} by other means. They were removed: {}. What is yours you can set up again there.",
                mail.ways_in.as_deref().unwrap_or("all of them")
            ),
            "",
        ),
    }
}

/// For text and for attributes in double quotes.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            c => escaped.push(c),
        }
    }
    escaped
}

fn words(time: Duration) -> String {
    let minutes = time.as_secs().div_ceil(60);
    match minutes {
        1 => "a minute".to_owned(),
        60 => "an hour".to_owned(),
        minutes if minutes % 60 == 0 => format!("{} hours", minutes / 60),
        minutes => format!("{minutes} minutes"),
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::mail::Link;

    fn mail(kind: MailKind) -> Mail {
        let link = Link {
            url: "https://example.com/page?a=1&b=2#token=abc".to_owned(),
            token: "abc".into(),
            valid_for: Duration::from_hours(1),
        };
        let link = matches!(
            kind,
            MailKind::VerifyEmail
                | MailKind::ChangeEmail
                | MailKind::EmailChangeAsked
                | MailKind::ResetPassword
                | MailKind::SignInCode
        )
        .then_some(link);
        let new_address = Some("<b>@example.com".to_owned());
        Mail {
            id: Uuid::nil(),
            kind,
            to: "ada@example.com".to_owned(),
            link,
            code: (kind == MailKind::SignInCode).then(|| "12345678".into()),
            new_address,
            provider: None,
            ways_in: None,
        }
    }

    #[test]
    fn each_mail_names_the_service_and_what_there_is_to_do() {
        for kind in MailKind::ALL.iter().copied() {
            let written = EnglishMails.write(&mail(kind), "Tea & Co");
            assert!(written.subject.contains("Tea & Co") && !written.subject.contains('\n'), "{kind:?}");
            assert!(written.text.contains("Tea & Co") && written.html.contains("Tea &amp; Co"), "{kind:?}");
            let has_link = mail(kind).link.is_some();
            assert_eq!(written.text.contains("https://example.com/page?a=1&b=2#token=abc"), has_link);
            assert_eq!(
                written.html.contains("href=\"https://example.com/page?a=1&amp;b=2#token=abc\""),
                has_link
            );
            assert_eq!(written.text.contains("within an hour"), has_link);
            let has_code = mail(kind).code.is_some();
            assert_eq!(written.text.contains("12345678") && written.html.contains("12345678"), has_code);
            assert!(!written.html.contains("<b>"), "{kind:?}");
        }
    }

    #[test]
    fn times_are_told_in_words() {
        for (seconds, expected) in [
            (60, "a minute"),
            (61, "2 minutes"),
            (3600, "an hour"),
            (86400, "24 hours"),
            (5400, "90 minutes"),
        ] {
            assert_eq!(words(Duration::from_secs(seconds)), expected);
        }
    }
}
