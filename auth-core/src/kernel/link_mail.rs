//! Mails with a link: what a room says of one.

use std::time::Duration;

use super::Kernel;
use crate::{
    Config, Error,
    mail::{Mail, MailKind},
    store::{MailRow, UserRow},
    task::BoxFuture,
    token::Purpose,
};

/// A kind of mail with a link that works once.
pub(crate) struct LinkMail {
    pub(crate) kind: MailKind,
    pub(crate) purpose: Purpose,
    /// The page that the link leads to.
    pub(crate) page: fn(&Config) -> &str,
    /// How long it works.
    pub(crate) valid_for: fn(&Config) -> Duration,
    pub(crate) to: Recipient,
    /// Whether there is anything to do for this user still.
    pub(crate) is_due: fn(&UserRow) -> bool,
}

/// A kind of mail that a room writes itself when it is to leave.
#[derive(Clone, Copy)]
pub(crate) struct WrittenMail {
    pub(crate) kind: MailKind,
    pub(crate) compose: Compose,
}

type Compose = for<'a> fn(&'a Kernel, &'a MailRow) -> BoxFuture<'a, Result<Composed, Error>>;

/// What becomes of a mail that is to leave.
pub(crate) enum Composed {
    Mail(Box<Mail>),
    /// There is nothing to tell, or nobody to tell it to.
    Nothing,
    /// It waits for its turn, at this moment; unix milliseconds.
    NotBefore(i64),
}

/// Who reads a mail with a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Recipient {
    /// The address of the account, whatever somebody typed. Another address ends the link.
    Account,
    /// The address that was asked for. Whatever ends the sessions ends the link: the mail carries the epoch in which it was
    /// asked for. A newer link to another address ends it as well: the older one may have been mistyped.
    Asked,
    /// The address that the account had when it was asked for. Another one ends the link, and so does whatever ends the
    /// sessions.
    AccountThen,
}

impl Recipient {
    /// Whether the address stands in the row of the mail; else it is that of the account.
    pub(crate) fn is_written_down(self) -> bool {
        matches!(self, Self::Asked | Self::AccountThen)
    }
}
