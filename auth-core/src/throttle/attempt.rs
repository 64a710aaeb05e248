//! One attempt: counted as a failure before its password is hashed, so that guesses made side by side count too, and
//! taken back when it was right or was never checked.

use std::{net::IpAddr, sync::Arc, time::Duration};

use uuid::Uuid;

use super::{Counter, Decision, Rule};
use crate::{
    ClientInfo, DeviceToken, Error, UserId,
    email::Email,
    error::is_lost_race,
    event::{EventKind, ThrottleReason},
    flow::detached,
    kernel::Kernel,
    random, refusal,
    store::{Counters, count_failure, find_counter, find_user, forget_failures, take_back_failure},
};

/// Each lost race means that somebody else was counted; after very few of them there is a wait to be had.
const MAX_ROUNDS: usize = 8;

/// Whose failures an attempt counts among: the names of two rows.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Subject {
    pub(crate) account: Uuid,
    /// A device on which somebody signed in to this account before.
    pub(crate) device: Option<Uuid>,
}

/// One attempt, counted as a failure until its outcome is told. One whose request goes away stays counted.
#[derive(Debug)]
#[must_use = "an attempt whose outcome is not told stays counted as a failure"]
pub(crate) struct Attempt {
    network: Option<IpAddr>,
    row: Option<Row>,
    /// The account's own counter, which a known device passes by.
    passed_by: Option<Row>,
    /// If this one fails too, only a known device can sign in.
    closes_account: bool,
}

impl Attempt {
    /// For what was counted by other rules before.
    pub(crate) fn counted_elsewhere() -> Self {
        Self::in_network(None)
    }

    fn in_network(network: Option<IpAddr>) -> Self {
        Self { network, row: None, passed_by: None, closes_account: false }
    }

    /// It was right: the failures before it are forgotten, those of the account too when a known device passed them by. What
    /// others have begun meanwhile stays counted. Failing to do so is no reason to refuse the sign-in: the next one tries
    /// again. To be called [detached].
    pub(crate) async fn right(self, kernel: &Kernel) {
        kernel.leave_network(self.network);
        let own = self.row.map(|row| (row.id, row.failures().saturating_add(1)));
        let passed_by = self.passed_by.map(|row| (row.id, row.failures()));
        for (id, failures) in own.into_iter().chain(passed_by) {
            if let Err(error) = forget_failures(kernel.store.db(), id, failures).await {
                tracing::warn!(error = Error::from(error).code(), "failures before a sign-in stay counted");
            }
        }
    }

    /// It was wrong, and is counted already.
    pub(crate) async fn wrong(self, kernel: &Kernel, client: &ClientInfo, user: Option<UserId>) {
        if self.closes_account {
            kernel.note(client, EventKind::AccountClosed { user }).await;
        }
    }

    /// It was never checked, by no fault of who tried.
    pub(crate) async fn not_checked(self, kernel: &Arc<Kernel>) {
        kernel.leave_network(self.network);
        let Some(Row { id, seen }) = self.row else { return };
        let kernel = Arc::clone(kernel);
        let taken_back = detached(async move {
            match seen {
                Some(seen) => take_back_failure(kernel.store.db(), id, seen.tried_at).await?,
                None => forget_failures(kernel.store.db(), id, 1).await?,
            }
            Ok(())
        });
        if let Err(error) = taken_back.await {
            tracing::warn!(error = error.code(), "an attempt that was not checked stays counted");
        }
    }

    /// Counts, whatever comes of it.
    pub(crate) fn stays_counted(self) {
        let Self { .. } = self;
    }
}

#[derive(Debug, Clone, Copy)]
struct Row {
    id: Uuid,
    /// What it was before. `None`: there was none.
    seen: Option<Counter>,
}

impl Row {
    /// The failures before this one.
    fn failures(self) -> i64 {
        self.seen.map_or(0, |seen| seen.failures)
    }
}

impl Kernel {
    /// `None`: nothing is counted.
    pub(crate) fn subject(&self, email: &Email, client: &ClientInfo) -> Option<Subject> {
        if self.throttle.off {
            return None;
        }
        let keys = &self.keys.get().devices;
        let device = client.device.as_ref();
        Some(Subject {
            account: keys.account(email),
            device: device.and_then(|token| keys.device_of(token, email, self.now())),
        })
    }

    /// Refuses strangers from a network that has used up its failures, before anything is read for them.
    pub(crate) fn let_in(&self, subject: Option<Subject>, client: &ClientInfo) -> Result<(), Error> {
        let is_known = subject.is_some_and(|subject| subject.device.is_some());
        match self.throttle.network(client) {
            Some(network) if !is_known => {
                let look = self.throttle.guesses.look(network, self.now());
                look.map_err(|wait| self.throttled(client, None, ThrottleReason::Network, wait))
            }
            _ => Ok(()),
        }
    }

    /// Counts an attempt, or refuses it. A known device has a budget of its own; when that is used up it is a stranger.
    pub(crate) async fn attempt(
        self: &Arc<Self>,
        subject: Option<Subject>,
        counters: Counters,
        client: &ClientInfo,
        user: Option<UserId>,
    ) -> Result<Attempt, Error> {
        if let Some(Subject { account, device: Some(device) }) = subject {
            let row = self.count(device, counters.device, self.throttle.device).await?;
            if let Ok(row) = row {
                let passed_by = counters.account.map(|seen| Row { id: account, seen: Some(seen) });
                return Ok(Attempt { row: Some(row), passed_by, ..Attempt::in_network(None) });
            }
        }
        let network = self.count_in_network(client, user)?;
        let Some(Subject { account, .. }) = subject else {
            return Ok(Attempt::in_network(network));
        };
        let refused = match self.count(account, counters.account, self.throttle.account).await {
            Ok(Ok(row)) => {
                let closes_account = row.failures().saturating_add(1) == self.throttle.account.limit();
                return Ok(Attempt { row: Some(row), closes_account, ..Attempt::in_network(network) });
            }
            Ok(Err((reason, wait))) => self.throttled(client, user, reason, wait),
            Err(error) => error,
        };
        self.leave_network(network);
        Err(refused)
    }

    /// Counts an attempt among the failures of the client's network alone, or refuses it.
    pub(crate) fn attempt_in_network(&self, client: &ClientInfo) -> Result<Attempt, Error> {
        Ok(Attempt::in_network(self.count_in_network(client, None)?))
    }

    /// `None`: nothing is counted.
    fn count_in_network(&self, client: &ClientInfo, user: Option<UserId>) -> Result<Option<IpAddr>, Error> {
        let Some(network) = self.throttle.network(client) else { return Ok(None) };
        let taken = self.throttle.guesses.take(network, self.now());
        taken.map_err(|wait| self.throttled(client, user, ThrottleReason::Network, wait))?;
        Ok(Some(network))
    }

    /// Takes one attempt back that stayed counted: its outcome came in another request.
    #[cfg(feature = "oidc")]
    pub(crate) fn give_back_in_network(&self, client: &ClientInfo) {
        self.leave_network(self.throttle.network(client));
    }

    fn leave_network(&self, network: Option<IpAddr>) {
        if let Some(network) = network {
            self.throttle.guesses.give_back(network, self.now());
        }
    }

    /// One statement if nobody else is at work. The outer error is the store's, the inner one a refusal.
    async fn count(
        self: &Arc<Self>,
        id: Uuid,
        mut seen: Option<Counter>,
        rule: Rule,
    ) -> Result<Result<Row, (ThrottleReason, Duration)>, Error> {
        for _ in 0..MAX_ROUNDS {
            let now = self.now();
            let below = match rule.decide(seen.unwrap_or_default(), now) {
                Decision::Reserve { below } => below,
                Decision::Wait(wait) => return Ok(Err((ThrottleReason::AccountWait, millis(wait)))),
                // The longest wait, though a wait is of no use: a stranger need not know that it is over here.
                Decision::Closed => {
                    return Ok(Err((ThrottleReason::AccountClosed, millis(self.throttle.longest_wait))));
                }
            };
            let kernel = Arc::clone(self);
            let is_first = seen.is_none();
            let counted = detached(async move {
                match count_failure(kernel.store.db(), id, is_first, below, now).await {
                    Err(error) if is_lost_race(&error) => Ok(false),
                    counted => Ok(counted?),
                }
            });
            if counted.await? {
                return Ok(Ok(Row { id, seen }));
            }
            seen = find_counter(self.store.db(), id).await?;
        }
        Err(Error::Overloaded { retry_after: Duration::from_secs(1) })
    }

    /// A device that signed in: a new one each time, so that whoever has the token of an earlier one has a budget that
    /// ends, and not one that begins again whenever the owner signs in.
    /// `None`: nothing is counted.
    pub(crate) fn new_device(&self, email: &str) -> Result<Option<DeviceToken>, Error> {
        let Some(email) = Email::parse(email).ok().filter(|_| !self.throttle.off) else { return Ok(None) };
        let device = random::uuid(self.random.as_ref())?;
        Ok(Some(self.keys.get().devices.make(device, &email, self.now())))
    }

    /// Whether a refresh may be tried: strangers from a network that tried too many that were no good may not. `None`:
    /// nothing is to be counted.
    pub(crate) fn may_refresh(&self, client: &ClientInfo) -> Result<Option<IpAddr>, Error> {
        let Some(network) = self.throttle.network(client) else { return Ok(None) };
        let now = self.now();
        if client.device.as_ref().is_some_and(|token| self.keys.get().devices.knows(token, now)) {
            return Ok(None);
        }
        let look = self.throttle.refreshes.look(network, now);
        look.map_err(|wait| self.throttled(client, None, ThrottleReason::Network, wait))?;
        Ok(Some(network))
    }

    pub(crate) fn refresh_was_refused(&self, network: IpAddr) {
        // Refused or not: this one has been tried.
        let _ = self.throttle.refreshes.take(network, self.now());
    }

    pub(crate) async fn unlock(&self, user: UserId, client: ClientInfo) -> Result<(), Error> {
        let row = find_user(self.store.db(), user).await?.ok_or(Error::Refused(refusal::USER_NOT_FOUND))?;
        if let Ok(email) = Email::parse(&row.email) {
            forget_failures(self.store.db(), self.keys.get().devices.account(&email), i64::MAX).await?;
        }
        self.note(&client, EventKind::Unlocked { user }).await;
        Ok(())
    }

    fn throttled(
        &self,
        client: &ClientInfo,
        user: Option<UserId>,
        reason: ThrottleReason,
        wait: Duration,
    ) -> Error {
        self.emit(client, EventKind::Throttled { user, reason });
        Error::Throttled { retry_after: wait }
    }
}

fn millis(millis: i64) -> Duration {
    Duration::from_millis(u64::try_from(millis).unwrap_or(0))
}
