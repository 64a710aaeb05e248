//! The rule of refresh rotation, as a pure function: what to do with a generation, given the session's four
//! numbers. The manual's architecture page explains what the rule achieves.

/// The four numbers of a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Rotation {
    /// The latest generation issued.
    pub(crate) newest: i64,
    /// The generation whose use brought forth the unused ones.
    pub(crate) last_used: i64,
    /// The oldest generation issued and not used.
    pub(crate) oldest_unused: i64,
    /// Unix milliseconds; `None`: never.
    pub(crate) rotated_at: Option<i64>,
}

/// What to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Decision {
    /// Answer with the token of this generation and write nothing.
    Repeat(i64),
    /// Write this, then answer with the token of its newest generation.
    Rotate(Rotation),
    /// A token that was used up came back: revoke the session.
    Reuse,
    /// The row is older than the token, as after a failover to a standby that lagged or after a backup was restored: write this,
    /// which goes on from the token, then answer with the token of its newest generation.
    CatchUp(Rotation),
    /// No generation at all: refuse and revoke nothing.
    Unknown,
}

/// A rotation so far ahead was written by an instance whose clock is: it has just happened. One further ahead by a
/// clock that was wrong, which must not stop rotation for as long.
const CLOCKS_APART_MILLIS: i64 = 60_000;

impl Rotation {
    /// At sign-in: one token issued, none used.
    pub(crate) const START: Self = Self { newest: 1, last_used: 0, oldest_unused: 1, rotated_at: None };

    /// Decides about generation `used`, whose mac is good, on a session that is alive.
    pub(crate) fn decide(&self, used: i64, now: i64, grace_millis: i64) -> Decision {
        if !(1..i64::MAX).contains(&used) {
            return Decision::Unknown;
        }
        if used > self.newest {
            // A good mac proves that it was issued, so the row has forgotten. Whatever is older is a copy from now on.
            return Decision::CatchUp(Self::after(used, used + 1, now));
        }
        let unused = used >= self.oldest_unused;
        if !unused && used != self.last_used {
            return Decision::Reuse;
        }
        let within_grace = grace_millis > 0
            && self
                .rotated_at
                .is_some_and(|at| (-CLOCKS_APART_MILLIS..grace_millis).contains(&now.saturating_sub(at)));
        if within_grace {
            // An unused one is its own answer. Where there are siblings, answering with the newest would hand
            // out one that dies as soon as another tab uses its own: an honest client would be signed out.
            return Decision::Repeat(if unused { used } else { self.newest });
        }
        let successor = self.newest.saturating_add(1);
        if unused {
            return Decision::Rotate(Self::after(used, successor, now));
        }
        if grace_millis == 0 {
            return Decision::Reuse;
        }
        // The parent again, and no successor was ever used: an answer was lost, or a thief is at work. One
        // more successor; whichever of the siblings is used first kills the others.
        Decision::Rotate(Self { newest: successor, rotated_at: Some(now), ..*self })
    }

    /// The same for a look at the session that a page takes: a token that nobody has used yet, of a session that began or was
    /// rotated less than `kept_millis` ago (`young_since` tells when it began), stays as it is. All else is decided as ever, and
    /// so is reuse.
    pub(crate) fn decide_on_a_look(
        &self,
        used: i64,
        now: i64,
        grace_millis: i64,
        young_since: i64,
        kept_millis: i64,
    ) -> Decision {
        let age = now.saturating_sub(self.rotated_at.unwrap_or(young_since));
        let is_young = (-CLOCKS_APART_MILLIS..kept_millis).contains(&age);
        match self.decide(used, now, grace_millis) {
            Decision::Rotate(_) if is_young && used >= self.oldest_unused => Decision::Repeat(used),
            other => other,
        }
    }

    /// After `used` was used, with one token that is not.
    fn after(used: i64, successor: i64, now: i64) -> Self {
        Self { newest: successor, last_used: used, oldest_unused: successor, rotated_at: Some(now) }
    }
}

#[cfg(test)]
mod proof;

#[cfg(test)]
mod tests {
    use super::*;

    const GRACE: i64 = 10_000;

    fn rotate(state: Rotation, used: i64, now: i64) -> Rotation {
        match state.decide(used, now, GRACE) {
            Decision::Rotate(next) => next,
            other => panic!("{used} on {state:?}: {other:?}"),
        }
    }

    #[test]
    fn the_first_use_rotates() {
        let next = rotate(Rotation::START, 1, 5_000);
        assert_eq!(next, Rotation { newest: 2, last_used: 1, oldest_unused: 2, rotated_at: Some(5_000) });
    }

    #[test]
    fn within_the_grace_parent_and_child_get_the_same_child() {
        let state = rotate(Rotation::START, 1, 0);
        for used in [1, 2] {
            assert_eq!(state.decide(used, GRACE - 1, GRACE), Decision::Repeat(2));
        }
    }

    #[test]
    fn a_lost_answer_is_answered_again_however_late() {
        let mut state = rotate(Rotation::START, 1, 0);
        for retry in 1..100 {
            state = rotate(state, 1, retry * 3_600_000);
            assert_eq!((state.last_used, state.oldest_unused, state.newest), (1, 2, 2 + retry));
        }
    }

    #[test]
    fn the_first_sibling_that_is_used_kills_the_others() {
        let state = rotate(rotate(Rotation::START, 1, 0), 1, GRACE);
        let state = rotate(state, 3, 2 * GRACE);
        for dead in [1, 2] {
            assert_eq!(state.decide(dead, 2 * GRACE, GRACE), Decision::Reuse);
            assert_eq!(state.decide(dead, 3 * GRACE, GRACE), Decision::Reuse);
        }
        assert_eq!(state.decide(3, 3 * GRACE - 1, GRACE), Decision::Repeat(4));
    }

    #[test]
    fn a_used_up_token_is_reuse() {
        let state = rotate(rotate(Rotation::START, 1, 0), 2, GRACE);
        assert_eq!(state.decide(1, GRACE, GRACE), Decision::Reuse);
    }

    #[test]
    fn what_is_no_generation_is_unknown() {
        for used in [i64::MIN, -1, 0, i64::MAX] {
            assert_eq!(Rotation::START.decide(used, 0, GRACE), Decision::Unknown);
        }
    }

    #[test]
    fn a_row_that_is_older_than_the_token_catches_up_and_older_copies_are_reuse() {
        let old = rotate(Rotation::START, 1, 0);
        for grace in [0, GRACE] {
            let Decision::CatchUp(state) = old.decide(7, 1, grace) else { panic!() };
            assert_eq!(state, Rotation { newest: 8, last_used: 7, oldest_unused: 8, rotated_at: Some(1) });
            assert_eq!(state.decide(8, GRACE, GRACE), Decision::Repeat(8));
            for copy in [1, 2, 6] {
                assert_eq!(state.decide(copy, GRACE, GRACE), Decision::Reuse);
            }
        }
    }

    #[test]
    fn without_a_grace_every_use_rotates_and_every_replay_is_reuse() {
        let Decision::Rotate(state) = Rotation::START.decide(1, 0, 0) else { panic!() };
        assert_eq!(state.decide(1, 0, 0), Decision::Reuse);
        assert!(matches!(state.decide(2, 0, 0), Decision::Rotate(_)));
    }

    #[test]
    fn a_look_keeps_an_unused_token_that_is_young_and_nothing_else() {
        const KEPT: i64 = 900_000;
        let look = |state: Rotation, used, now| state.decide_on_a_look(used, now, GRACE, 0, KEPT);
        assert_eq!(look(Rotation::START, 1, KEPT - 1), Decision::Repeat(1));
        let first = Rotation::START.decide(1, KEPT, GRACE);
        assert_eq!(look(Rotation::START, 1, KEPT), first);
        let state = rotate(Rotation::START, 1, KEPT);
        assert_eq!(look(state, 2, 2 * KEPT - 1), Decision::Repeat(2));
        assert!(matches!(look(state, 2, 2 * KEPT), Decision::Rotate(_)));
        // Whose answer was lost gets another, as ever, and a copy of what was used up is reuse.
        assert_eq!(look(state, 1, KEPT + GRACE), state.decide(1, KEPT + GRACE, GRACE));
        let state = rotate(state, 2, 2 * KEPT);
        assert_eq!(look(state, 1, 2 * KEPT + GRACE), Decision::Reuse);
        assert_eq!(look(state, 1, 2 * KEPT), Decision::Reuse);
    }

    #[test]
    fn a_clock_that_was_ahead_does_not_stop_rotation() {
        let state = rotate(Rotation::START, 1, 1_000_000_000);
        assert!(matches!(state.decide(2, 0, GRACE), Decision::Rotate(_)));
        assert_eq!(state.decide(2, 1_000_000_000 - 500, GRACE), Decision::Repeat(2));
    }
}
