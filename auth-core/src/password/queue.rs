//! Who hashes, who waits, and who is turned away. Neither threads nor time in here.
//!
//! Those who wait are taken in turns, network by network, each network's oldest first. So a flood from one address
//! delays a login from another by one hash, not by the flood; and when the queue is full, it is the flood that makes
//! room.
//!
//! A job may need the memory of several slots, as the check of a costly imported hash does. It then has as many, or all: when
//! its turn comes nobody begins before it.

use std::{
    collections::{HashMap, VecDeque},
    net::IpAddr,
};

use crate::ClientInfo;

/// What shares a turn: an address or network, or everybody whose address is not known.
pub(super) type Network = Option<IpAddr>;

pub(super) fn network(ip: Option<IpAddr>) -> Network {
    ip.map(ClientInfo::network_of)
}

pub(super) struct Queue<J> {
    slots: usize,
    running: usize,
    capacity: usize,
    waiting: usize,
    /// Those who wait, the oldest first. No line is empty.
    lines: HashMap<Network, VecDeque<Waiting<J>>>,
    /// Every network that has a line, the next to be served first.
    turns: VecDeque<Network>,
    /// The number of the newest ticket.
    tickets: u64,
}

struct Waiting<J> {
    number: u64,
    slots: usize,
    job: J,
}

/// A place among those who wait.
#[derive(Debug)]
pub(super) struct Ticket {
    network: Network,
    number: u64,
}

/// What becomes of a job that arrives.
#[derive(Debug)]
pub(super) enum Arrival<J> {
    /// It has a slot, until [`Queue::finish`].
    Runs(J),
    /// It waits, in place of another one if the queue was full.
    Waits { ticket: Ticket, displaced: Option<J> },
    /// It is turned away.
    Full,
}

impl<J> Queue<J> {
    pub(super) fn new(slots: usize, capacity: usize) -> Self {
        Self {
            slots,
            running: 0,
            capacity,
            waiting: 0,
            lines: HashMap::new(),
            turns: VecDeque::new(),
            tickets: 0,
        }
    }

    pub(super) fn slots(&self) -> usize {
        self.slots
    }

    pub(super) fn running(&self) -> usize {
        self.running
    }

    pub(super) fn waiting(&self) -> usize {
        self.waiting
    }

    /// How many slots a job gets that needs the memory of so many.
    pub(super) fn granted(&self, slots: usize) -> usize {
        slots.clamp(1, self.slots)
    }

    /// For so many slots, as [granted](Self::granted).
    pub(super) fn arrive(&mut self, network: Network, slots: usize, job: J) -> Arrival<J> {
        // While a slot is free nobody waits, but for one that needs several, and those behind it.
        if self.waiting == 0 && self.fits(slots) {
            self.running += slots;
            return Arrival::Runs(job);
        }
        let mut displaced = None;
        if self.waiting >= self.capacity {
            displaced = self.displace(network);
            if displaced.is_none() {
                return Arrival::Full;
            }
        }
        self.tickets += 1;
        let number = self.tickets;
        let line = self.lines.entry(network).or_default();
        if line.is_empty() {
            self.turns.push_back(network);
        }
        line.push_back(Waiting { number, slots, job });
        self.waiting += 1;
        Arrival::Waits { ticket: Ticket { network, number }, displaced }
    }

    /// Whether a job of this network for one slot would be turned away if it arrived now.
    pub(super) fn is_full_for(&self, network: Network) -> bool {
        let longest = || self.lines.values().map(VecDeque::len).max().unwrap_or(0);
        let waits = self.waiting > 0 || !self.fits(1);
        waits && self.waiting >= self.capacity && longest() <= self.share(network)
    }

    fn fits(&self, slots: usize) -> bool {
        self.running.saturating_add(slots) <= self.slots
    }

    /// A network with no more than this makes no room for another job of `network`: it would have fewer then.
    fn share(&self, network: Network) -> usize {
        self.lines.get(&network).map_or(0, VecDeque::len) + 1
    }

    /// Takes the newest job of the network with the most, if that one still has no fewer than `network` then.
    fn displace(&mut self, network: Network) -> Option<J> {
        let share = self.share(network);
        let line = self.lines.values_mut().max_by_key(|line| line.len())?;
        if line.len() <= share {
            return None;
        }
        let out = line.pop_back()?;
        self.waiting -= 1;
        Some(out.job)
    }

    /// A job with so many slots is done. They go to those that are returned, or are free.
    pub(super) fn finish(&mut self, slots: usize) -> VecDeque<J> {
        self.running -= slots;
        std::iter::from_fn(|| self.next()).collect()
    }

    /// The one whose turn it is, if there are enough slots for it.
    fn next(&mut self) -> Option<J> {
        let network = *self.turns.front()?;
        let line = self.lines.get_mut(&network)?;
        let slots = line.front()?.slots;
        if self.running.saturating_add(slots) > self.slots {
            return None;
        }
        let next = line.pop_front()?;
        self.turns.pop_front();
        if line.is_empty() {
            self.lines.remove(&network);
        } else {
            self.turns.push_back(network);
        }
        self.waiting -= 1;
        self.running += slots;
        Some(next.job)
    }

    /// Takes a job out, unless it runs already or was displaced.
    pub(super) fn leave(&mut self, ticket: &Ticket) -> Option<J> {
        let line = self.lines.get_mut(&ticket.network)?;
        let place = line.binary_search_by_key(&ticket.number, |waiting| waiting.number).ok()?;
        let out = line.remove(place)?;
        if line.is_empty() {
            self.lines.remove(&ticket.network);
            self.turns.retain(|network| *network != ticket.network);
        }
        self.waiting -= 1;
        Some(out.job)
    }
}

#[cfg(test)]
mod proof;
