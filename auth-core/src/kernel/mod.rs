//! What every operation works with: the settings, the store, the hash pool, the keys, the clock. Rooms stand on it, and it
//! knows none of them.

mod arrival;
mod attempt;
mod background;
mod hook;
mod link_mail;
mod room;
mod ways_in;

use std::{
    any::Any,
    sync::{
        Arc, Mutex,
        atomic::{AtomicI64, AtomicU16, AtomicU64},
    },
};

use uuid::Uuid;

pub(crate) use self::ways_in::count_ways_in;
pub(crate) use self::{
    arrival::{Arrival, Passage, Remembered, Replaced},
    attempt::Attempt,
    background::Background,
    link_mail::{Composed, LinkMail, Recipient, WrittenMail},
    room::{Gate, Moves, Objection, Room, Sweep, WaysIn, sealers},
    ways_in::listed,
};
use crate::{
    Clock, Config, EventSink, Hooks, Revocations, TokenVerifier, clock,
    key_ring::{KeySource, KeysInForce},
    mail::Post,
    password::{HashPool, PasswordPolicy},
    random::Random,
    store::Store,
    throttle::Throttle,
    token::current::Current,
};

pub(crate) struct Kernel {
    pub(crate) config: Config,
    pub(crate) store: Store,
    pub(crate) passwords: HashPool,
    pub(crate) policy: PasswordPolicy,
    pub(crate) throttle: Throttle,
    pub(crate) keys: Current<KeysInForce>,
    pub(crate) key_source: Mutex<KeySource>,
    pub(crate) ring_reading: tokio::sync::Mutex<()>,
    pub(crate) verifier: TokenVerifier,
    pub(crate) revocations: Revocations,
    /// Which of several instances this is, for jobs that one of them does.
    pub(crate) instance: Uuid,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) random: Arc<dyn Random>,
    pub(crate) events: Arc<dyn EventSink>,
    pub(crate) hooks: Option<Arc<dyn Hooks>>,
    /// Who acts where nobody is signed in.
    pub(crate) operator: Option<String>,
    pub(crate) events_so_far: AtomicU16,
    /// Rises whenever something may have ended here: what is known of callers from before is read again.
    pub(crate) endings: AtomicU64,
    /// An event was written that has no place in the feed yet.
    pub(crate) unplaced: tokio::sync::Notify,
    /// Events have a place now.
    pub(crate) placed: tokio::sync::watch::Sender<()>,
    /// Users who ended all their sessions before this moment have been looked at; unix milliseconds, 0 at the start.
    pub(crate) epochs_swept: AtomicI64,
    /// `None`: no mail is sent.
    pub(crate) post: Option<Post>,
    pub(crate) mail_waits: tokio::sync::Notify,
    pub(crate) background: Background,
    /// Every room that there is, switched on or not.
    pub(crate) rooms: Vec<Room>,
    /// What the host switched rooms on with.
    pub(crate) set_up: Vec<Arc<dyn Any + Send + Sync>>,
}

impl Kernel {
    /// Unix milliseconds by the injected clock.
    pub(crate) fn now(&self) -> i64 {
        clock::to_millis(self.clock.now())
    }
}
