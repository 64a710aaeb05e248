//! Mails by SMTP (RFC 5321), with TLS unless the server is on this machine.

use std::{net::IpAddr, time::Duration};

use lettre::{
    Address, AsyncSmtpTransport, AsyncTransport, Message, Tokio1Executor,
    message::{
        Mailbox, MultiPart,
        header::{HeaderName, HeaderValue},
    },
    transport::smtp::{Error as SmtpError, PoolConfig, extension::ClientId},
};
use zeroize::Zeroizing;

use super::{Mail, MailError, MailText, Mailer, Sending};
use crate::ConfigError;

/// Of one command.
const TIMEOUT: Duration = Duration::from_secs(10);
/// As many as the outbox sends at once.
const CONNECTIONS: u32 = 4;

/// Codes by which a server refuses this mail or recipient for good (RFC 5321 section 4.2.3). Others of the fives are about
/// ourselves, such as 535 for wrong credentials: that can be mended, and the mail waits for it.
const REFUSED: [u16; 5] = [550, 551, 552, 553, 554];

/// Sends by SMTP.
#[derive(Clone)]
pub struct SmtpMailer {
    transport: AsyncSmtpTransport<Tokio1Executor>,
    from: Mailbox,
}

impl SmtpMailer {
    /// `smtps://user:password@host:465` speaks TLS from the first byte, `smtp://user:password@host:587` after STARTTLS,
    /// which is demanded; certificates are checked against Mozilla's roots. Only for a host of this machine
    /// (`smtp://127.0.0.1:1025`, also `localhost` and `[::1]`) TLS is left away. User and password are percent-encoded.
    /// `from` is the sender: `Ada's Tea <tea@example.com>` or the address alone.
    ///
    /// # Errors
    /// [`ConfigError`] names `smtp url` or `mail from`; it never repeats them.
    pub fn new(url: &str, from: &str) -> Result<Self, ConfigError> {
        let from: Mailbox = from.parse().map_err(|_| {
            ConfigError::new("mail from", "must be an address, or a name and an address in <>")
        })?;
        let wrong = |problem| ConfigError::new("smtp url", problem);
        let (scheme, rest) = url.split_once("://").unwrap_or_default();
        if !["smtp", "smtps"].contains(&scheme) {
            return Err(wrong("needs to begin with smtp:// or smtps://"));
        }
        if rest.contains(['?', '#']) {
            return Err(wrong("may have no ? and no #; percent-encode them in a password"));
        }
        let tls = if scheme == "smtp" && !is_loopback(rest) { "?tls=required" } else { "" };
        let url = Zeroizing::new(format!("{scheme}://{}{tls}", rest.trim_end_matches('/')));
        let transport = AsyncSmtpTransport::<Tokio1Executor>::from_url(&url)
            .map_err(|_| {
                wrong("must be like smtp://user:password@host:587, user and password percent-encoded")
            })?
            .hello_name(ClientId::Domain(from.email.domain().to_owned()))
            .timeout(Some(TIMEOUT))
            .pool_config(PoolConfig::new().max_size(CONNECTIONS))
            .build();
        Ok(Self { transport, from })
    }

    fn message(&self, mail: &Mail, text: &MailText) -> Result<Message, MailError> {
        let refused = |what: &str| MailError::Refused(what.to_owned());
        let to: Address = mail.to.parse().map_err(|_| refused("the address cannot be mailed to"))?;
        Message::builder()
            .from(self.from.clone())
            .to(Mailbox::new(None, to))
            .subject(text.subject.clone())
            // The same at a second try, by which mail programs know it again.
            .message_id(Some(format!("<{}@{}>", mail.id, self.from.email.domain())))
            // RFC 3834: nobody who is on holiday need answer.
            .raw_header(HeaderValue::new(
                HeaderName::new_from_ascii_str("Auto-Submitted"),
                "auto-generated".to_owned(),
            ))
            .multipart(MultiPart::alternative_plain_html(text.text.clone(), text.html.clone()))
            .map_err(|_| refused("the mail cannot be written"))
    }
}

impl Mailer for SmtpMailer {
    fn send<'a>(&'a self, mail: &'a Mail, text: &'a MailText) -> Sending<'a> {
        Box::pin(async move {
            let message = self.message(mail, text)?;
            self.transport.send(message).await.map(drop).map_err(|error| sort(&error))
        })
    }

    /// As far as to a login. Here a code of the server means a refusal, whatever it is: nothing is to be tried again.
    fn check(&self) -> Sending<'_> {
        Box::pin(async move {
            match self.transport.test_connection().await {
                Ok(true) => Ok(()),
                Ok(false) => Err(MailError::NotNow("no connection".to_owned())),
                Err(error) => Err(match (error.status(), sort(&error)) {
                    (Some(_), MailError::NotNow(code)) => MailError::Refused(code),
                    (_, sorted) => sorted,
                }),
            }
        })
    }
}

/// The server's own words may quote the address, so only its code is told.
fn sort(error: &SmtpError) -> MailError {
    match error.status().map(u16::from) {
        Some(code) if REFUSED.contains(&code) => MailError::Refused(format!("code {code}")),
        Some(code) => MailError::NotNow(format!("code {code}")),
        None if error.is_timeout() => MailError::NotNow("timed out".to_owned()),
        None if error.is_tls() => MailError::NotNow("TLS failed".to_owned()),
        None => MailError::NotNow("no connection".to_owned()),
    }
}

/// Whether what follows the scheme names this machine.
fn is_loopback(rest: &str) -> bool {
    let host = rest.rsplit_once('@').map_or(rest, |(_, host)| host).trim_end_matches('/');
    let name = match host.strip_prefix('[') {
        Some(ipv6) => ipv6.split(']').next().unwrap_or_default(),
        None => host.split(':').next().unwrap_or_default(),
    };
    name == "localhost" || name.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

impl std::fmt::Debug for SmtpMailer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SmtpMailer").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(url: &str, from: &str) -> &'static str {
        SmtpMailer::new(url, from).map(drop).unwrap_err().setting()
    }

    #[tokio::test]
    async fn addresses_of_servers_are_checked_and_never_repeated() {
        let from = "Ada's Tea <tea@example.com>";
        for url in [
            "smtp://127.0.0.1:1025",
            "smtp://[::1]:1025/",
            "smtp://user:p%40ss@mail.example.com:587",
            "smtps://user:pass@mail.example.com",
        ] {
            assert!(SmtpMailer::new(url, from).is_ok(), "{url}");
        }
        for url in ["", "mail.example.com", "http://x", "smtp://", "smtp://secret@host?tls=opportunistic"] {
            assert_eq!(refused(url, from), "smtp url", "{url}");
        }
        assert_eq!(refused("smtp://127.0.0.1", "no address"), "mail from");
        let error = SmtpMailer::new("smtp://user:secret word@ho st", from).unwrap_err().to_string();
        assert!(!error.contains("secret"), "{error}");
    }

    #[test]
    fn only_this_machine_is_spoken_to_in_the_clear() {
        for here in ["127.0.0.1:25", "localhost", "localhost:25/", "[::1]:25", "user:pass@127.0.0.1"] {
            assert!(is_loopback(here), "{here}");
        }
        for there in
            ["127.0.0.1@mail.example.com", "localhost.example.com", "[2001:db8::1]:25", "10.0.0.1", ""]
        {
            assert!(!is_loopback(there), "{there}");
        }
    }
}
