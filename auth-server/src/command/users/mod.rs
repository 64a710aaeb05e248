//! `auth-server users`.

mod document;
mod export;
mod import;
mod lines;
mod rows;
mod spreadsheet;

#[cfg(fuzzing)]
pub use self::import::fuzz as fuzz_import;
use std::io::{self, BufRead as _, Read as _};

use auth_core::{
    Auth, ClientInfo, CreateUser, Password, ProfileChange, User, UserChange, UserQuery, mail::Link,
};
use auth_tower::{AccountDocument, rfc3339};
use serde_json::json;
use zeroize::Zeroizing;

use crate::{
    cli::{ProfileOptions, Users},
    command::{
        accounts::{self, told},
        output::print,
    },
    config::Config,
    error::Error,
    handle,
};

/// Longer than any password that the rules take.
const PASSWORD_BYTES_MAX: u64 = 4096;

/// On the database of the settings, which running instances share.
///
/// # Errors
/// [`Error::Connect`], [`Error::Pending`], [`Error::Account`], [`Error::Setting`].
pub(crate) async fn look_after(config: &Config, action: &Users, json: bool) -> Result<(), Error> {
    let (db, auth) = handle::beside(config).await?;
    let done = Desk { auth, json, mails: config.mail.smtp_url.is_some() }.act(action).await;
    handle::close(db).await;
    done.map_err(|error| error.under("users"))
}

struct Desk {
    auth: Auth,
    json: bool,
    /// Whether mail reaches anybody: without a mail server it is written to the log of a running one.
    mails: bool,
}

impl Desk {
    async fn act(&self, action: &Users) -> Result<(), Error> {
        let auth = &self.auth;
        match action {
            Users::List { email, begins } => self.list(email.as_deref(), begins.as_deref()).await,
            Users::Show { user } => self.print(&self.find(user).await?),
            Users::Create { email, role, verified, profile, password_stdin, print_link } => {
                let new = role.iter().fold(CreateUser::new(email.as_str()), CreateUser::role);
                let new = new.profile(change(profile));
                let new = if *verified { new.verified() } else { new };
                self.create(new, *password_stdin, *print_link).await
            }
            Users::SetProfile { user, profile, data, app_data } => {
                let mut change = change(profile);
                (change.data, change.app_data) = (data.clone(), app_data.clone());
                self.change(user, UserChange::default().profile(change)).await
            }
            Users::SetRole { user, roles } => {
                self.change(user, UserChange::default().roles(roles.iter().cloned())).await
            }
            Users::Disable { user } => self.change(user, UserChange::default().disabled(true)).await,
            Users::Enable { user } => self.change(user, UserChange::default().disabled(false)).await,
            Users::Delete { user, .. } => {
                let user = self.find(user).await?;
                told(auth.delete_user(user.id, ClientInfo::default()).await)?;
                self.say(&user, "deleted")
            }
            Users::ResetPassword { user, print_link } => self.reset_password(user, *print_link).await,
            Users::RevokeSessions { user } => {
                let user = self.find(user).await?;
                told(auth.logout_all(user.id, ClientInfo::default()).await)?;
                self.say(&user, "signed out everywhere")
            }
            Users::ResetFactors { user } => {
                let user = self.find(user).await?;
                told(auth.reset_factors(user.id, ClientInfo::default()).await)?;
                self.say(&user, "has no second factor any more")
            }
            Users::Unlock { user } => {
                let user = self.find(user).await?;
                told(auth.unlock(user.id, ClientInfo::default()).await)?;
                told(auth.unlock_factors(user.id, ClientInfo::default()).await)?;
                self.say(&user, "unlocked")
            }
            Users::Import(options) => import::import(auth, options, self.json).await,
            Users::Export(options) => export::export(auth, options).await,
        }
    }

    async fn find(&self, name: &str) -> Result<User, Error> {
        accounts::find(&self.auth, name).await
    }

    /// Page by page, so that neither side holds them all.
    async fn list(&self, email: Option<&str>, begins: Option<&str>) -> Result<(), Error> {
        let query = UserQuery::default().limit(UserQuery::LIMIT_MAX);
        let query = email.map_or(query.clone(), |email| query.email(email));
        let query = begins.map_or(query.clone(), |text| query.begins(text));
        let mut page = told(self.auth.list_users(query.clone()).await)?;
        loop {
            print(page.users.iter().map(|user| self.line(user)))?;
            let Some(next) = page.next else { return Ok(()) };
            page = told(self.auth.list_users(query.clone().cursor(next)).await)?;
        }
    }

    async fn create(&self, new: CreateUser, password_stdin: bool, print_link: bool) -> Result<(), Error> {
        let new = if password_stdin {
            new.password(password()?)
        } else if print_link {
            new
        } else {
            self.needs_mail("add --print-link, or --password-stdin for an account of your own")?;
            new.invite()
        };
        let user = told(self.auth.create_user(new).await)?;
        if print_link {
            return self.hand_out(&user).await;
        }
        if !password_stdin {
            tracing::info!("a link to choose a password is in the outbox: a running server mails it");
        }
        self.print(&user)
    }

    async fn change(&self, user: &str, change: UserChange) -> Result<(), Error> {
        let user = self.find(user).await?;
        let changed = told(self.auth.update_user(user.id, change, ClientInfo::default()).await)?;
        let identities: usize = changed.ways_in.iter().map(|(_, rows)| rows.len()).sum();
        if identities > 0 {
            tracing::warn!(
                "whoever has one of the {identities} identities of this account has its roles now: see --json"
            );
        }
        if self.json {
            return print([json!(AccountDocument::of_changed(&changed)).to_string()]);
        }
        self.print(&changed.user)
    }

    async fn reset_password(&self, user: &str, print_link: bool) -> Result<(), Error> {
        let user = self.find(user).await?;
        if print_link {
            return self.hand_out(&user).await;
        }
        self.needs_mail("add --print-link")?;
        told(self.auth.send_reset_link(user.id, ClientInfo::default()).await)?;
        tracing::info!("a link to choose a password is in the outbox: a running server mails it");
        self.print(&user)
    }

    /// Before anything is done: the link would be written to a log, for whoever reads it.
    fn needs_mail(&self, instead: &str) -> Result<(), Error> {
        if self.mails {
            return Ok(());
        }
        Err(Error::Account(format!("there is no SMTP_URL to mail a link to choose a password by: {instead}")))
    }

    async fn hand_out(&self, user: &User) -> Result<(), Error> {
        let Link { url, valid_for, .. } = told(self.auth.reset_link(user.id, ClientInfo::default()).await)?;
        tracing::warn!(
            "the link opens the account to whoever has it, once, within {} minutes: keep it secret",
            valid_for.as_secs().div_ceil(60)
        );
        if self.json {
            let link =
                json!({ "user": AccountDocument::of(user), "link": url, "expires_in": valid_for.as_secs() });
            return print([link.to_string()]);
        }
        print([self.line(user), url])
    }

    fn print(&self, user: &User) -> Result<(), Error> {
        print([self.line(user)])
    }

    fn line(&self, user: &User) -> String {
        if self.json {
            return json!(AccountDocument::of(user)).to_string();
        }
        let verified = if user.email_verified { "verified" } else { "unverified" };
        let enabled = if user.disabled { "disabled" } else { "enabled" };
        let (id, since, roles) = (user.id, rfc3339(user.created_at), user.roles.join(","));
        format!("{id} {since} {verified:10} {enabled:8} {roles} {}", user.email)
    }

    fn say(&self, user: &User, done: &str) -> Result<(), Error> {
        accounts::say(&user.id.to_string(), done, self.json)
    }
}

/// What was given; an empty text takes away.
fn change(given: &ProfileOptions) -> ProfileChange {
    let member = |text: &Option<String>| text.clone().map(|text| Some(text).filter(|text| !text.is_empty()));
    let mut change = ProfileChange::default();
    change.name = member(&given.name);
    change.username = member(&given.username);
    change.locale = member(&given.locale);
    change
}

/// The first line of standard input, without its end.
fn password() -> Result<Password, Error> {
    let mut line = Zeroizing::new(String::new());
    let read = io::stdin().lock().take(PASSWORD_BYTES_MAX).read_line(&mut line);
    read.map_err(|source| Error::System { what: "standard input", source })?;
    let password = line.trim_end_matches(['\r', '\n']);
    if password.is_empty() {
        return Err(Error::Account("--password-stdin: standard input is empty".to_owned()));
    }
    Ok(Password::from(password))
}
