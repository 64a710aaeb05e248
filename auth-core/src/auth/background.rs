//! What goes on without a request: one call, and each of its parts for a host that has a scheduler of its own.

use std::{sync::Arc, time::Duration};

use tokio::{task::JoinSet, time::MissedTickBehavior};

use crate::{Auth, Error, task::detached};

/// What goes on without a request.
impl Auth {
    /// The background task: polls what other instances have ended, and the key ring; brings mails on their way; removes what is
    /// over, in turn with the other instances. What has ended is asked for where tokens are verified by it, mails are sent where
    /// there is a mailer; the key ring is polled in any case, as other instances may sign with it. For ever: give it a task of its own, in every process that answers requests. Each part logs a failure, once until it succeeds again, and goes on.
    ///
    /// How often is [`BackgroundConfig`](crate::BackgroundConfig). Where it does not run, the first thing that waits for it says
    /// so in the log, and [`check`](Self::check) does.
    ///
    /// ```no_run
    /// # fn run(auth: auth_core::Auth) {
    /// tokio::spawn(async move { auth.run_background().await });
    /// # }
    /// ```
    pub async fn run_background(&self) {
        let kernel = &self.kernel;
        let every = &kernel.config.background;
        kernel.background.runs();
        // Tasks that end with this one.
        let mut tasks = JoinSet::new();
        let (ended, keys, sweeper) = (Arc::clone(kernel), Arc::clone(kernel), self.clone());
        let (poll, sweep) = (every.poll, every.sweep);
        tasks.spawn(async move { ended.watch_revocations(poll).await });
        tasks.spawn(async move { keys.watch_keys(poll).await });
        tasks.spawn(async move { sweeper.keep_sweeping(sweep).await });
        if kernel.config.audit_retention.is_some() {
            tasks.spawn(Arc::clone(kernel).keep_placing_events(poll));
        }
        if kernel.post.is_some() {
            tasks.spawn(Arc::clone(kernel).keep_delivering_mail(every.mail));
        }
        for background in kernel.rooms.iter().filter_map(|room| room.background) {
            tasks.spawn(background(Arc::clone(kernel)));
        }
        // One that panics takes no other along.
        while let Some(ended) = tasks.join_next().await {
            if let Err(error) = ended {
                tracing::error!(%error, "a part of the background task has ended");
            }
        }
    }

    /// Gives up the turns of this instance, so that another one takes over at its next round: webhooks would else wait for up to 20
    /// seconds for one that is gone. For the end of the process, after the future of [`run_background`](Self::run_background) was
    /// dropped: this instance takes no turn any more.
    ///
    /// # Errors
    /// [`Error::Unavailable`]; then the turns end by themselves.
    pub async fn release_leases(&self) -> Result<(), Error> {
        let kernel = Arc::clone(&self.kernel);
        detached(async move { kernel.release_leases().await }).await
    }

    async fn keep_sweeping(&self, every: Duration) {
        let mut ticks = tokio::time::interval(every);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            match self.sweep_in_turn(every).await {
                Ok(None | Some(0)) => {}
                Ok(Some(removed)) => tracing::info!(removed, "removed what had ended"),
                Err(error) => tracing::warn!(error = error.code(), "what has ended was not removed"),
            }
        }
    }

    /// Asks the database what has ended since the last time.
    ///
    /// # Errors
    /// [`Error::Unavailable`]; what was known stays known.
    pub async fn poll_revocations(&self) -> Result<(), Error> {
        self.kernel.poll_revocations().await
    }

    /// Asks the database for the keys of the ring: one SELECT. Where the ring signs ([`Keys::key_ring`](crate::Keys::key_ring)) and
    /// has no key that could, one is made; of several instances that try at once, one succeeds. Call it once before the first
    /// sign-in.
    ///
    /// # Errors
    /// [`Error::Unavailable`]; [`Error::Config`] when a key is encrypted under a secret that this instance does not
    /// have. What was known stays known, except for keys that were revoked.
    pub async fn poll_keys(&self) -> Result<(), Error> {
        let kernel = Arc::clone(&self.kernel);
        detached(async move { kernel.poll_keys().await }).await
    }

    /// Sends the mails that are due, in one round, and tells how many left. Several instances may do so at once: each mail is
    /// taken on by one.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn deliver_mail(&self) -> Result<u64, Error> {
        self.kernel.background.runs();
        Arc::clone(&self.kernel).deliver_mail().await
    }

    /// Gives the events that are committed their places in the feed, and tells how many. Any number of instances may do so at once.
    ///
    /// # Errors
    /// [`Error::Unavailable`]; places already given stay given.
    pub async fn place_events(&self) -> Result<u64, Error> {
        let kernel = Arc::clone(&self.kernel);
        detached(async move { kernel.place_events().await }).await
    }

    /// Removes sessions that ended longer ago than an access token lives, one-time tokens that are over, and failed
    /// sign-ins that are to be forgotten, in batches of 500, and tells how many rows. Keys of the ring that are over go
    /// too. Any number of instances may do so at once. A session that nobody used any more goes up to a day later: the row learns of its
    /// use once a day, so that a refresh changes no index.
    ///
    /// # Errors
    /// [`Error::Unavailable`]; batches already removed stay removed.
    pub async fn sweep(&self) -> Result<u64, Error> {
        let kernel = Arc::clone(&self.kernel);
        detached(async move { kernel.sweep().await }).await
    }

    /// Sweeps if it is this instance's turn: of several that ask every so often, one sweeps, and when it stays
    /// away another takes over after one and a half rounds. `None`: another one's turn.
    ///
    /// # Errors
    /// As [`sweep`](Self::sweep).
    pub async fn sweep_in_turn(&self, every: Duration) -> Result<Option<u64>, Error> {
        let kernel = Arc::clone(&self.kernel);
        detached(async move { kernel.sweep_in_turn(every).await }).await
    }
}
