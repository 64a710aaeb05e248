//! How often somebody gets mails of one kind that strangers can bring about. Counted for each address, whatever accounts come
//! and go with it, and found out when the mail is to leave: whoever asks learns nothing.

use uuid::Uuid;

use crate::{
    Error,
    email::Email,
    kernel::Kernel,
    store::{ConnectionTrait, find_pace, put_pace},
};

const MINUTE: i64 = 60 * 1000;
const HOUR: i64 = 60 * MINUTE;

/// After so many lost turns others write to the same address so often that it is better to come back later.
pub(crate) const MAX_ROUNDS: usize = 8;

/// In milliseconds.
pub(crate) struct Pace {
    /// The least time between two.
    between: i64,
    /// How many may leave at once after a rest.
    at_once: i64,
    /// Then one in so long a time.
    every: i64,
}

/// Links of one purpose. However much a stranger asks for, one that goes out lives for an hour at least, and the next one can go
/// out by then: there always is a good one in the mailbox.
pub(super) const LINKS: Pace = Pace { between: MINUTE, at_once: 5, every: HOUR };

/// Codes to sign in with. Ten at once after a rest, then one in every tenth part of a day: whoever asks for the codes of somebody else
/// neither fills the mailbox nor keeps its owner out for the rest of the day.
pub(crate) const CODES: Pace = Pace { between: MINUTE, at_once: 10, every: 24 * HOUR / 10 };

/// "You have an account already."
pub(super) const TAKEN: Pace = Pace { between: 0, at_once: 1, every: 24 * HOUR };

/// Notices to who has never proved that the address is theirs.
pub(super) const NOTICES: Pace = Pace { between: 0, at_once: 5, every: HOUR };

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Turn {
    /// Counted.
    Yes,
    /// Not so soon after the last one: at this moment, in unix milliseconds.
    TooSoon(i64),
    /// There were enough.
    No,
    /// Another one was counted at this moment: ask again, after a rollback.
    Lost,
}

impl Kernel {
    /// Whether one more mail about `what` may go to this address; counts it if so.
    pub(crate) async fn mail_turn(
        &self,
        db: &impl ConnectionTrait,
        what: &str,
        to: &str,
        pace: &Pace,
    ) -> Result<Turn, Error> {
        let (id, now) = (self.pace_id(what, to), self.now());
        let seen = find_pace(db, id).await?;
        let full_at = seen.as_ref().map_or(now, |seen| seen.full_at.max(now));
        let room_for_others = pace.every.saturating_mul(pace.at_once.saturating_sub(1));
        if full_at.saturating_sub(now) > room_for_others {
            return Ok(Turn::No);
        }
        let last = seen.as_ref().map(|seen| seen.sent_at);
        if let Some(last) = last.filter(|last| now.saturating_sub(*last) < pace.between) {
            return Ok(Turn::TooSoon(last.saturating_add(pace.between)));
        }
        let counted = put_pace(db, id, seen.as_ref(), now, full_at.saturating_add(pace.every)).await?;
        Ok(if counted { Turn::Yes } else { Turn::Lost })
    }

    /// A keyed hash, so that the table tells no addresses.
    fn pace_id(&self, what: &str, to: &str) -> Uuid {
        let to = Email::parse(to).map_or_else(|_| to.to_owned(), |email| email.normalized().to_owned());
        let (_, mac) = self.keys.get().mail_pace.sign(&[format!("{what}\n{to}").as_bytes()]);
        mac.as_ref().first_chunk().map_or(Uuid::nil(), |id| Uuid::from_bytes(*id))
    }
}
