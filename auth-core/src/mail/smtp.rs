//! Mails by SMTP (RFC 5321), with TLS unless the server is on this machine.

use std::{io::ErrorKind, net::IpAddr, time::Duration};

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
use crate::{ConfigError, email::normalize_domain};

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
        let from = Mailbox::new(
            from.name,
            in_ascii(&from.email)
                .ok_or_else(|| ConfigError::new("mail from", "has a domain that is no host name"))?,
        );
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
        let to: Option<Address> = mail.to.parse().ok();
        let to = to.and_then(|to| in_ascii(&to)).ok_or_else(|| refused("the address cannot be mailed to"))?;
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
            let needs_utf8 = !message.envelope().to().iter().all(|to| AsRef::<str>::as_ref(to).is_ascii());
            self.transport.send(message).await.map(drop).map_err(|error| match sort(&error) {
                // Another try would find the same server.
                MailError::NotNow(_) if needs_utf8 && error.is_client() => {
                    MailError::Refused("the server takes only addresses in ASCII (no SMTPUTF8)".to_owned())
                }
                sorted => sorted,
            })
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
        Some(code) => MailError::NotNow(match of_code(code) {
            Some(cause) => format!("code {code}: {cause}"),
            None => format!("code {code}"),
        }),
        None => MailError::NotNow(of_error(error).to_owned()),
    }
}

/// RFC 4954 section 6, RFC 3207, RFC 5321.
fn of_code(code: u16) -> Option<&'static str> {
    Some(match code {
        535 => "user or password is wrong",
        530 => "it wants a user and a password, or TLS",
        534 | 538 => "it wants another way to sign in",
        454 => "it cannot check user and password, or speak TLS, at the moment",
        421 => "it is too busy, or refuses this machine",
        _ => return None,
    })
}

/// Why there was no answer with a code. The words of the libraries below, where no type tells.
fn of_error(error: &SmtpError) -> &'static str {
    if error.is_timeout() {
        return "timed out: nobody answers at this host and port, or a firewall is between";
    }
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(source) = cause {
        if source
            .downcast_ref::<std::io::Error>()
            .is_some_and(|error| error.kind() == ErrorKind::ConnectionRefused)
        {
            return "nobody listens at this host and port";
        }
        text.push_str(&source.to_string());
        cause = source.source();
    }
    let has = |words: &str| text.contains(words);
    match () {
        () if has("lookup address") => "the name of the host is not known here (DNS)",
        () if has("STARTTLS") => {
            "it offers no TLS (STARTTLS): is it the port for mail from users (587), or one that begins with TLS (smtps://, 465)?"
        }
        () if has("authentication mechanism") => "it offers no way to sign in by password, or only after TLS",
        () if has("valid for name") || has("NotValidForName") => {
            "TLS failed: its certificate is of another name than the address has"
        }
        () if has("UnknownIssuer") => "TLS failed: the issuer of its certificate is not known",
        () if has("xpired") => "TLS failed: its certificate is over",
        () if has("InvalidContentType") || has("corrupt message") => {
            "TLS failed: it does not begin with TLS: write smtp:// instead of smtps://"
        }
        () if error.is_tls() => "TLS failed",
        () if has("incomplete") || has("closed") || has("reset") || has("response") => {
            "it ended the connection: it may begin with TLS (smtps://), or refuse this machine"
        }
        () => "no connection",
    }
}

/// With the domain in its ASCII form, which every server takes.
fn in_ascii(address: &Address) -> Option<Address> {
    if address.domain().is_ascii() {
        return Some(address.clone());
    }
    Address::new(address.user(), normalize_domain(address.domain()).ok()?).ok()
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
    use std::{
        io::{BufRead as _, BufReader, Write as _},
        net::TcpListener,
        sync::{Arc, Mutex},
    };

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

    /// Takes one mail, and knows no SMTPUTF8.
    fn old_server(listener: &TcpListener, told: &Mutex<Vec<String>>) {
        let (client, _) = listener.accept().unwrap();
        let mut lines = BufReader::new(client.try_clone().unwrap()).lines();
        let answer = |text: &str| (&client).write_all(format!("{text}\r\n").as_bytes()).unwrap();
        answer("220 mail.example.com");
        while let Some(Ok(line)) = lines.next() {
            told.lock().unwrap().push(line.clone());
            match line.split(' ').next() {
                Some("EHLO") => answer("250-mail.example.com\r\n250 8BITMIME"),
                Some("DATA") => {
                    answer("354 go on");
                    let _ = lines.by_ref().find(|line| line.as_deref().is_ok_and(|line| line == "."));
                    answer("250 taken");
                }
                _ => answer("250 fine"),
            }
        }
    }

    async fn send(to: &str) -> (Result<(), MailError>, Vec<String>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("smtp://{}", listener.local_addr().unwrap());
        let told = Arc::new(Mutex::new(Vec::new()));
        let there = Arc::clone(&told);
        std::thread::spawn(move || old_server(&listener, &there));
        let mailer = SmtpMailer::new(&url, "Tee <tee@bücher.example>").unwrap();
        let mail = Mail {
            id: uuid::Uuid::nil(),
            kind: super::super::MailKind::PasswordChanged,
            to: to.to_owned(),
            link: None,
            code: None,
            new_address: None,
            provider: None,
            ways_in: None,
        };
        let text = MailText { subject: "x".to_owned(), text: "x".to_owned(), html: "x".to_owned() };
        let sent = mailer.send(&mail, &text).await;
        let told = told.lock().unwrap().clone();
        (sent, told)
    }

    #[tokio::test]
    async fn a_server_without_smtputf8_gets_the_domain_in_ascii_and_what_cannot_be_is_refused_at_once() {
        let (sent, told) = send("ada@bücher.example").await;
        assert!(sent.is_ok(), "{sent:?}");
        assert!(
            told.iter().any(|line| line.starts_with("MAIL FROM:<tee@xn--bcher-kva.example>")),
            "{told:?}"
        );
        assert!(told.contains(&"RCPT TO:<ada@xn--bcher-kva.example>".to_owned()), "{told:?}");
        let (sent, told) = send("jösé@example.com").await;
        assert!(matches!(&sent, Err(MailError::Refused(why)) if why.contains("SMTPUTF8")), "{sent:?}");
        assert!(!told.iter().any(|line| line.starts_with("RCPT")), "{told:?}");
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
