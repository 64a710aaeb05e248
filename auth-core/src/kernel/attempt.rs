//! One attempt: counted as a failure before its password is hashed, so that guesses made side by side count too, and
//! taken back when it was right or was never checked.

use std::{net::IpAddr, sync::Arc, time::Duration};

use uuid::Uuid;

use super::Kernel;
use crate::{
    ClientInfo, DeviceToken, Error, UserId,
    email::Email,
    error::is_lost_race,
    event::{EventKind, ThrottleReason},
    profile::Username,
    random, refusal,
    store::{
        ConnectionTrait, Counters, UserRow, count_failure, find_counter, find_profile, find_user,
        forget_all_failures, forget_failures, take_back_failure,
    },
    task::{detached, until_won},
    throttle::{Counter, Decision, Rule, Subject},
    token::device::{Device, DeviceSeed},
};

/// Each lost race means that somebody else was counted; after very few of them there is a wait to be had.
const MAX_ROUNDS: usize = 8;

/// One attempt, counted as a failure until its outcome is told. One whose request goes away stays counted.
#[derive(Debug)]
#[must_use = "an attempt whose outcome is not told stays counted as a failure"]
pub(crate) struct Attempt {
    network: Option<IpAddr>,
    /// Of the account; or of a known device, and of all of them.
    rows: Vec<Row>,
    /// The other counter of the account: that of strangers for a known device, and the other way round.
    passed_by: Option<Row>,
    /// If this one fails too, only a known device can sign in.
    closes_account: bool,
}

impl Attempt {
    fn in_network(network: Option<IpAddr>) -> Self {
        Self { network, rows: Vec::new(), passed_by: None, closes_account: false }
    }

    /// Of somebody who was counted elsewhere.
    pub(crate) fn counted_elsewhere() -> Self {
        Self::in_network(None)
    }

    /// It was right: the failures before it are forgotten, of strangers and of known devices, but for those that another device
    /// has had for itself. What others have begun meanwhile stays counted. Failing to do so is no reason to refuse the sign-in: the next one tries
    /// again. To be called [detached].
    pub(crate) async fn right(self, kernel: &Kernel) {
        kernel.leave_network(self.network);
        let own = self.rows.iter().map(|row| (row.id, row.failures().saturating_add(1)));
        let passed_by = self.passed_by.map(|row| (row.id, row.failures()));
        for (id, failures) in own.chain(passed_by) {
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
        for row in self.rows {
            row.take_back(kernel).await;
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

    async fn take_back(self, kernel: &Arc<Kernel>) {
        let (Self { id, seen }, kernel) = (self, Arc::clone(kernel));
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
            devices: keys.devices(email),
            device: device.and_then(|token| keys.device_of(token, email, self.now())),
        })
    }

    /// The same where a user name was given: it has a counter of its own, and a device is known by the address of whoever has the
    /// name.
    pub(crate) fn subject_by_name(
        &self,
        name: &Username,
        owner: Option<&Email>,
        client: &ClientInfo,
    ) -> Option<Subject> {
        if self.throttle.off {
            return None;
        }
        let keys = &self.keys.get().devices;
        let device = owner.zip(client.device.as_ref());
        Some(Subject {
            account: keys.account_by_name(name),
            devices: owner.map_or_else(|| keys.devices_by_name(name), |email| keys.devices(email)),
            device: device.and_then(|(email, token)| keys.device_of(token, email, self.now())),
        })
    }

    /// The same as [`let_in`](Self::let_in) where it is not yet known whose device it would have to be.
    pub(crate) fn let_in_somebody(&self, client: &ClientInfo) -> Result<(), Error> {
        if self.device_shown(client).is_some() { Ok(()) } else { self.let_in(None, client) }
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

    /// Counts an attempt, or refuses it. A known device has a budget of its own, and all devices of an account have one
    /// together; when one of the two is used up it is a stranger.
    pub(crate) async fn attempt(
        self: &Arc<Self>,
        subject: Option<Subject>,
        counters: Counters,
        client: &ClientInfo,
        user: Option<&UserRow>,
    ) -> Result<Attempt, Error> {
        if let Some(subject) = subject
            && let Some(rows) = self.count_device(subject, counters, user).await?
        {
            let passed_by = counters.account.map(|seen| Row { id: subject.account, seen: Some(seen) });
            return Ok(Attempt { rows: rows.into(), passed_by, ..Attempt::in_network(None) });
        }
        let user = user.map(|user| user.id);
        let network = self.count_in_network(client, user)?;
        let Some(Subject { account, devices, .. }) = subject else {
            return Ok(Attempt::in_network(network));
        };
        let refused = match self.count(account, counters.account, self.throttle.account).await {
            Ok(Ok(row)) => {
                let closes_account = row.failures().saturating_add(1) == self.throttle.account.limit();
                let passed_by = counters.devices.map(|seen| Row { id: devices, seen: Some(seen) });
                let rows = vec![row];
                return Ok(Attempt { rows, passed_by, closes_account, ..Attempt::in_network(network) });
            }
            Ok(Err((reason, wait))) => self.throttled(client, user, reason, wait),
            Err(error) => error,
        };
        self.leave_network(network);
        Err(refused)
    }

    /// `None`: it is no device of this user, or has nothing left.
    async fn count_device(
        self: &Arc<Self>,
        subject: Subject,
        counters: Counters,
        user: Option<&UserRow>,
    ) -> Result<Option<[Row; 2]>, Error> {
        let is_of = |device: &Device, user: &UserRow| {
            let seed = user.device_seed.as_ref();
            seed.is_some_and(|seed| self.keys.get().devices.is_of(device, seed, user.epoch))
        };
        let device = subject.device.zip(user).filter(|(device, user)| is_of(device, user));
        let Some((Device { id, .. }, _)) = device else { return Ok(None) };
        let Ok(own) = self.count(id, counters.device, self.throttle.device).await? else { return Ok(None) };
        let all = self.count(subject.devices, counters.devices, self.throttle.devices).await;
        if let Ok(Ok(all)) = all {
            return Ok(Some([own, all]));
        }
        own.take_back(self).await;
        all.map(|_| None)
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
    /// Another device by this id knows it already. `None`: nothing is counted, and nothing is to be known.
    pub(crate) fn new_device(
        &self,
        email: &str,
        seed: &DeviceSeed,
        epoch: i64,
        id: Option<Uuid>,
    ) -> Result<Option<DeviceToken>, Error> {
        let is_wanted = id.is_some() || !self.throttle.off;
        let Some(email) = Email::parse(email).ok().filter(|_| is_wanted) else { return Ok(None) };
        let device = match id {
            Some(id) => id,
            None => random::uuid(self.random.as_ref())?,
        };
        Ok(Some(self.keys.get().devices.make(device, &email, seed, epoch, self.now())))
    }

    /// The device that the client's token names, if it is one of ours. Whose it is, only its rows tell.
    pub(crate) fn device_shown(&self, client: &ClientInfo) -> Option<Uuid> {
        self.keys.get().devices.id_of(client.device.as_ref()?, self.now())
    }

    /// Whether a refresh may be tried: strangers from a network that tried too many that were no good may not. `None`:
    /// nothing is to be counted.
    pub(crate) fn may_refresh(&self, client: &ClientInfo) -> Result<Option<IpAddr>, Error> {
        let Some(network) = self.throttle.network(client) else { return Ok(None) };
        let now = self.now();
        if client.device.as_ref().is_some_and(|token| self.keys.get().devices.id_of(token, now).is_some()) {
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

    /// Counts a key as one that nobody has, before it is looked up. `None`: nothing is counted.
    pub(crate) fn try_key(&self, client: &ClientInfo) -> Result<Option<IpAddr>, Error> {
        let Some(network) = self.throttle.network(client) else { return Ok(None) };
        let taken = self.throttle.api_keys.take(network, self.now());
        taken.map_err(|wait| self.throttled(client, None, ThrottleReason::Network, wait))?;
        Ok(Some(network))
    }

    /// Somebody has it, or had: that is no guess.
    pub(crate) fn key_was_known(&self, network: IpAddr) {
        self.throttle.api_keys.give_back(network, self.now());
    }

    pub(crate) async fn unlock(&self, user: UserId, client: ClientInfo) -> Result<(), Error> {
        let row = find_user(self.store.db(), user).await?.ok_or(Error::Refused(refusal::USER_NOT_FOUND))?;
        let kind = EventKind::Unlocked { user };
        until_won(|| async {
            let txn = self.store.begin().await?;
            if let Ok(email) = Email::parse(&row.email) {
                self.forget_guesses(&txn, user, &email).await?;
            }
            self.record(&txn, &client, &kind).await?;
            Ok(txn.commit().await?)
        })
        .await?;
        self.emit(&client, kind);
        Ok(())
    }

    /// Whatever was tried at the address of a user, and at the user name, by strangers and on known devices.
    pub(crate) async fn forget_guesses(
        &self,
        db: &impl ConnectionTrait,
        user: UserId,
        email: &Email,
    ) -> Result<(), Error> {
        let profile = if self.config.profile.usernames { find_profile(db, user).await? } else { None };
        let name = profile.and_then(|profile| Username::read(&profile.username?));
        let keys = &self.keys.get().devices;
        let of_name = name.map(|name| keys.account_by_name(&name));
        let all = [keys.account(email), keys.devices(email)].into_iter().chain(of_name);
        Ok(forget_all_failures(db, all).await?)
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
