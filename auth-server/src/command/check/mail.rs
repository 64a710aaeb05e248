//! What is told of mails. Whether they leave, the library looks at.

use auth_core::Finding;

use super::http::is_http_elsewhere;
use crate::config::{self, Config};

/// Ends of names that no mail server elsewhere believes: they are for one machine or network, or for no one (RFC 2606, 6761,
/// 6762, 9476).
const NOWHERE: [&str; 8] =
    [".localhost", ".local", ".internal", ".lan", ".test", ".invalid", ".example", ".alt"];

pub(super) fn check(config: &Config) -> Vec<Finding> {
    let mut found = Vec::new();
    let links = [
        ("VERIFY_EMAIL_URL", &config.mail.verify_email_url),
        ("RESET_PASSWORD_URL", &config.mail.reset_password_url),
        ("STOP_EMAIL_CHANGE_URL", &config.mail.stop_email_change_url),
        ("EMAIL_SIGN_IN_URL", &config.mail.sign_in_url),
    ];
    for (name, url) in links {
        if url.as_deref().is_some_and(is_http_elsewhere) {
            found.push(Finding::warning(
                "mail_link_http",
                format!("{name} is http and not this machine: whoever is on the way can change the page and take the token"),
                "use https",
            ));
        }
    }
    let is_public = !config::is_loopback(config::host_of(&config.http.public_url(config.http.listen.port)));
    if is_public && config.mail.smtp_url.is_some() && is_of_nowhere(&config.mail.from) {
        found.push(Finding::warning(
            "mail_from_domain",
            "MAIL_FROM has a domain that nobody else knows: most mail servers refuse such a sender",
            "take an address of a domain of yours, for which the mail server may send (SPF, DKIM)",
        ));
    }
    found
}

fn is_of_nowhere(from: &str) -> bool {
    let domain =
        from.rsplit('@').next().unwrap_or_default().trim_end_matches(['>', ' ']).to_ascii_lowercase();
    !domain.contains('.') || NOWHERE.iter().any(|end| domain.ends_with(end))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sender_that_nobody_knows_is_told_from_one_with_a_domain() {
        for from in ["auth@localhost", "Tea Shop <tea@shop.local>", "auth@Tea.TEST"] {
            assert!(is_of_nowhere(from), "{from}");
        }
        for from in ["auth@example.com", "Tea Shop <tea@mail.example.org>", "tea@local.example.com"] {
            assert!(!is_of_nowhere(from), "{from}");
        }
    }
}
