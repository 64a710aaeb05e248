//! Where a host has a say of its own: who may register, who may sign in, what an access token tells besides.

use std::{fmt, future::Future, net::IpAddr, pin::Pin, time::SystemTime};

use sea_orm::{DatabaseTransaction, DbErr};

use crate::{
    Event, SessionId, User,
    verdict::{Claims, HookError, Verdict},
};

/// The future of a hook.
pub type Asking<'a, T> = Pin<Box<dyn Future<Output = Result<T, HookError>> + Send + 'a>>;

/// The future of what a host writes with a change.
pub type Following<'a> = Pin<Box<dyn Future<Output = Result<(), DbErr>> + Send + 'a>>;

/// What a host decides. Each question has an answer that changes nothing; a host answers those that it wants to.
///
/// All have [`HookConfig::deadline`](crate::HookConfig::deadline) to answer. What is asked before something is asked outside of any
/// transaction and more than once, so it writes nothing; one that fails or is late closes the door (503), unless
/// [`HookConfig::on_failure`](crate::HookConfig::on_failure) says otherwise. What follows a change in the host's own tables is written by
/// [`after_change`](Self::after_change), or by whoever reads the [feed](crate::Auth::events_after). The manual's page on
/// [hooks](crate::manual::hooks) has an example.
pub trait Hooks: Send + Sync + 'static {
    /// Whether somebody may make an account for themselves: with a password, or by way of a provider. Asked alike for an address that
    /// has an account and for one that has none.
    fn before_register<'a>(&'a self, asked: &'a BeforeRegister) -> Asking<'a, Verdict> {
        let _ = asked;
        allow()
    }

    /// Whether somebody may sign in whose first factor was right: asked before a second one is asked for, and again before there is a
    /// session.
    fn before_sign_in<'a>(&'a self, asked: &'a BeforeSignIn) -> Asking<'a, Verdict> {
        let _ = asked;
        allow()
    }

    /// What an access token tells besides: asked at each sign-in, refresh and step-up. At most 1 KiB of JSON, and none of the
    /// [names](crate::RESERVED_CLAIMS) that the library writes itself; what breaks that is a failure.
    fn claims<'a>(&'a self, asked: &'a ClaimsFor) -> Asking<'a, Claims> {
        let _ = asked;
        Box::pin(std::future::ready(Ok(Claims::new())))
    }

    /// In the transaction of a change, once the change and its event are written: what the host writes by `txn` is there when the change
    /// is, and never without it. Also where a provider, an administrator, an import or a sweep changes something. `event` is what
    /// [`EventSink`](crate::EventSink) is told once it is committed; what writes nothing but its event has no transaction, and is told only
    /// there.
    ///
    /// A lost race runs the transaction again, and this with it, unless the host has begun it itself. Any other error, or none within the deadline, takes the change back: the
    /// request is answered 503, whatever [`HookConfig::on_failure`](crate::HookConfig::on_failure) says. Rows are locked meanwhile, so
    /// ask nothing but this transaction.
    ///
    /// # Errors
    /// What the database says; [`DbErr::Custom`] for what the host does not want.
    fn after_change<'a>(&'a self, event: &'a Event, txn: &'a DatabaseTransaction) -> Following<'a> {
        let _ = (event, txn);
        Box::pin(std::future::ready(Ok(())))
    }

    /// Asks nothing, and finds out whether somebody would answer, for [`Auth::check`](crate::Auth::check).
    fn check(&self) -> Asking<'_, ()> {
        Box::pin(std::future::ready(Ok(())))
    }
}

fn allow<'a>() -> Asking<'a, Verdict> {
    Box::pin(std::future::ready(Ok(Verdict::Allow)))
}

/// Somebody wants an account.
#[derive(Clone)]
#[non_exhaustive]
pub struct BeforeRegister {
    /// The address that they gave, or that a provider vouches for.
    pub email: String,
    /// From where.
    pub ip: Option<IpAddr>,
    /// With what.
    pub user_agent: Option<String>,
}

/// Tells no address.
impl fmt::Debug for BeforeRegister {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BeforeRegister").field("ip", &self.ip).finish_non_exhaustive()
    }
}

/// Somebody has shown a first factor.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct BeforeSignIn {
    /// Who.
    pub user: User,
    /// How so far: `amr` values (RFC 8176).
    pub methods: Vec<String>,
    /// From where.
    pub ip: Option<IpAddr>,
    /// With what.
    pub user_agent: Option<String>,
}

/// A token is about to be signed.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct ClaimsFor {
    /// Whose.
    pub user: User,
    /// Of which session.
    pub session: SessionId,
    /// How they have shown who they are: `amr` values (RFC 8176).
    pub methods: Vec<String>,
    /// When they last did.
    pub authenticated_at: SystemTime,
}
