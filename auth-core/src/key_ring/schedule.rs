//! Which key signs and which are accepted: from times alone, so that every instance comes to the same answer without
//! asking, and a key's turn begins and ends by the clock also while the database is away.

/// A key in the ring. Times are unix milliseconds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Term<K> {
    /// Decides between two whose turns begin at the same moment.
    pub(crate) number: i64,
    /// When it takes over from the one before.
    pub(crate) active_at: i64,
    pub(crate) revoked_at: Option<i64>,
    pub(crate) key: K,
}

impl<K> Term<K> {
    pub(crate) fn is_revoked(&self) -> bool {
        self.revoked_at.is_some()
    }
}

/// The keys in the order of their turns.
#[derive(Debug)]
pub(crate) struct Schedule<K> {
    turns: Vec<Term<K>>,
    /// Revoked before their turn: as if they had never been.
    cancelled: Vec<Term<K>>,
    /// How long a key is accepted after the next one has taken over.
    keep_millis: i64,
}

impl<K> Schedule<K> {
    pub(crate) fn new(terms: impl IntoIterator<Item = Term<K>>, keep_millis: i64) -> Self {
        let (cancelled, mut turns): (Vec<_>, Vec<_>) =
            terms.into_iter().partition(|term| term.revoked_at.is_some_and(|at| at < term.active_at));
        turns.sort_by_key(|term| (term.active_at, term.number));
        Self { turns, cancelled, keep_millis }
    }

    /// Number and turn of a key that is to be added and not to sign before `active_at`: its turn comes after that of all
    /// others, so that none is overtaken by one that was published later.
    pub(crate) fn next(&self, active_at: i64) -> (i64, i64) {
        let last_turn = self.turns.last().map_or(active_at, |term| term.active_at);
        let last = self.turns.iter().chain(&self.cancelled).map(|term| term.number).max().unwrap_or(0);
        (last.saturating_add(1), active_at.max(last_turn))
    }

    /// The latest one whose turn has begun, or the first if none has. Where that one is revoked, the one that comes
    /// next takes over early; never does one come back that was relieved. `None`: there is nothing to sign with.
    pub(crate) fn signing(&self, now: i64) -> Option<&Term<K>> {
        let begun = self.turns.partition_point(|term| term.active_at <= now);
        self.turns.iter().skip(begun.saturating_sub(1)).find(|term| !term.is_revoked())
    }

    /// Every key that has or may get its turn, with the time from which it is over; `None`: nobody follows it yet.
    pub(crate) fn turns(&self) -> impl Iterator<Item = (&Term<K>, Option<i64>)> {
        let next = self.turns.iter().skip(1).map(Some).chain([None]);
        self.turns
            .iter()
            .zip(next)
            .map(|(term, next)| (term, next.map(|next| next.active_at.saturating_add(self.keep_millis))))
    }

    /// Those that may sign a token that is accepted, or have signed one that still lives; each with its end.
    pub(crate) fn accepted(&self, now: i64) -> impl Iterator<Item = (&Term<K>, Option<i64>)> {
        self.turns().filter(move |(term, end)| !term.is_revoked() && end.is_none_or(|end| now < end))
    }

    /// Those that nothing depends on any more. Taking them away changes no answer.
    pub(crate) fn over(&self, now: i64) -> impl Iterator<Item = &Term<K>> {
        let ended =
            self.turns().filter(move |(_, end)| end.is_some_and(|end| end <= now)).map(|(term, _)| term);
        let cancelled =
            self.cancelled.iter().filter(move |term| term.active_at.saturating_add(self.keep_millis) <= now);
        ended.chain(cancelled)
    }

    /// Those that were revoked and still have a row.
    pub(crate) fn revoked(&self) -> impl Iterator<Item = &Term<K>> {
        self.turns.iter().filter(|term| term.is_revoked()).chain(&self.cancelled)
    }
}

#[cfg(test)]
mod proof;
