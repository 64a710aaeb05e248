//! How work is run: to its end, again, every so often.

use std::{future::Future, pin::Pin, time::Duration};

use tracing::Instrument;

use crate::{Error, db_code::run_again};

pub(crate) type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Runs what writes in a task of its own, to its end, also when the caller's future is dropped: a client that
/// leaves can neither tear a transaction apart nor keep the event of what it did from being emitted.
pub(crate) async fn detached<T: Send + 'static>(
    work: impl Future<Output = Result<T, Error>> + Send + 'static,
) -> Result<T, Error> {
    tokio::spawn(work.in_current_span()).await.map_err(Error::internal)?
}

/// Runs a transaction again when the database has ended it for the sake of another one.
pub(crate) async fn until_won<T, F>(transaction: impl Fn() -> F) -> Result<T, Error>
where
    F: Future<Output = Result<T, Error>>,
{
    run_again(transaction, Error::is_lost_race).await
}

/// Asks every so often, for ever. Failures are logged once until one succeeds, as is that.
pub(crate) async fn keep_polling<F>(every: Duration, what: &str, poll: impl Fn() -> F)
where
    F: Future<Output = Result<(), Error>>,
{
    let mut ticks = tokio::time::interval(every);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut failing = false;
    loop {
        ticks.tick().await;
        match (poll().await, failing) {
            (Ok(()), true) => tracing::info!("{what} is known again"),
            (Err(error), false) => {
                tracing::warn!(code = error.code(), "{what} cannot be asked for: {}", error.with_cause());
            }
            (Ok(()), false) | (Err(_), true) => continue,
        }
        failing = !failing;
    }
}
