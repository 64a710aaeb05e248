//! `auth-server serve`: the life of a server, from its start to its last request.

use tokio::time::sleep;

use crate::{
    config::{Config, Given},
    error::Error,
    handle::{close, hand_over},
    http::{accept::accept_until, ending::Ending, health::Health, layers, routes},
    logging::Logging,
    reload::Reload,
    signals::{Hangups, Signals},
    start::{Started, start},
    systemd::{self, Passed},
    welcome,
};

/// # Errors
/// What keeps it from starting.
pub(super) async fn serve(
    given: Vec<Given>,
    config: Config,
    passed: Passed,
    logging: &Logging,
) -> Result<(), Error> {
    let no_signals = |source| Error::System { what: "signals", source };
    let mut signals = Signals::new().map_err(no_signals)?;
    let hangups = Hangups::new().map_err(no_signals)?;
    // As the first process of a container the program would not be ended by a signal that nobody takes.
    let service = tokio::select! {
        started = start(&config, passed) => started?,
        () = signals.next() => return Ok(()),
    };
    if logging.is_for_people {
        logging.write(&welcome::block(&config, &given, &service));
    }
    let Started { listener, tls, db, auth, background, service, pages, hsts, .. } = service;
    let (ending, delay) = (Ending::default(), config.http.shutdown_delay);
    let health = Health::new(db.clone(), auth.clone(), ending.clone());
    let routes = routes::routes(service, pages, health, config.http.docs, hsts.clone());
    let layered = layers::around(routes, hsts, ending.clone());
    let (proxies, limits) = (config.http.trusted_proxies.clone(), config.http.limits);
    tokio::spawn(Reload::new(given, config, auth.clone(), tls).at(hangups));
    tokio::spawn(systemd::keep_watchdog_quiet());
    systemd::ready();
    let mut at_once = false;
    let told_to_end = async || {
        if at_once {
            return;
        }
        signals.next().await;
        if !ending.begin() {
            return;
        }
        systemd::stopping();
        if !delay.is_zero() {
            tracing::info!(
                seconds = delay.as_secs(),
                "told to end: no longer ready, requests are taken for a while"
            );
            at_once = tokio::select! {
                () = sleep(delay) => false,
                () = signals.next() => true,
            };
        }
    };
    accept_until(listener, layered, proxies, limits, told_to_end).await;
    hand_over(background, &auth).await;
    close(db).await;
    tracing::info!("ended");
    Ok(())
}
