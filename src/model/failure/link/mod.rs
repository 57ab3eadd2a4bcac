//! Links between components: what is lost, late, doubled or out of order on its way.
//!
//! Everybody who sends or receives is a *party* with a number: instances and relays as they
//! publish, then clients, then the nodes of brokers. A message asks [`Links::pass`] what becomes of
//! it at the instant at which it is sent, and only while something is wrong with some link. What
//! follows for calls, publications and deliveries stands in a file each, and what engines learn in
//! `reach`.

mod build;
mod calls;
mod deliveries;
mod publications;
mod reach;
#[cfg(test)]
mod tests;

use crate::model::blueprint::Capacity;
use crate::random::{Chance, StreamKey, Variate, derive_id};
use crate::units::{SimDuration, SimTime};

/// First pause before a lost packet is sent again; each further one is twice as long.
const RETRANSMISSION: u64 = 200_000_000;
/// Times that a packet is sent again before its connection is given up.
const RETRANSMISSIONS: u32 = 8;
/// Time from the first of those until the connection breaks.
const BREAKS_AFTER: SimDuration = SimDuration::from_ns(RETRANSMISSION * ((1 << 8) - 1));
/// Bytes of a request and of an answer.
const CALL: u64 = 1024;
/// How long somebody waits for an answer who has no timeout for that.
pub(crate) const PATIENCE: SimDuration = SimDuration::from_secs(30);

/// All links of an architecture with which something may be wrong.
#[derive(Debug, Default)]
pub(crate) struct Links {
    /// Whether something is wrong with one of them now.
    pub(crate) any: bool,
    /// Whether one of them is cut.
    pub(crate) cuts: bool,
    faults: Vec<Fault>,
    /// Those that last, in the order of the file.
    active: Vec<u32>,
    /// First party that is a client.
    clients: u32,
    /// First party that is a node of each broker.
    nodes: Vec<u32>,
    /// Nodes of each broker that cannot reach most of the others.
    isolated: Vec<Vec<bool>>,
}

/// A failure of a link.
#[derive(Debug)]
struct Fault {
    /// Which failure of the blueprint it is.
    failure: u32,
    /// Whether it also strikes the way back.
    both: bool,
    from: Vec<bool>,
    to: Vec<bool>,
    harm: Harm,
    /// Streams of whether, and of how long.
    key: StreamKey,
    time: StreamKey,
    /// Strikes that last.
    strikes: u32,
    /// When what was sent through the bottleneck is through, ns.
    free: u64,
}

#[derive(Debug)]
enum Harm {
    Cut,
    Loss(Chance),
    Datagram(Chance),
    Duplicate(Chance, Variate),
    Reorder(Chance, Variate),
    Delay(Variate),
    Throttle(Capacity),
}

/// A message on its way.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Message {
    pub(crate) from: u32,
    pub(crate) to: u32,
    pub(crate) bytes: u64,
    /// Stream of its ordinary delay, identity and attempt there: they tell it from all others.
    pub(crate) key: StreamKey,
    pub(crate) id: u64,
    pub(crate) attempt: u32,
}

/// What becomes of a message that arrives.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Passed {
    /// It takes so much longer, and what follows on its connection waits for it.
    pub(crate) delay: SimDuration,
    /// Then it is held back for so long, and what follows passes it.
    pub(crate) held: SimDuration,
    /// Whether it arrives a second time, so much later.
    pub(crate) again: Option<SimDuration>,
}

/// How a message is lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lost {
    /// With what follows it on its connection.
    Cut,
    /// After all attempts to send it again.
    Broken,
    /// By itself.
    Datagram,
}

impl Fault {
    #[inline]
    fn strikes(&self, from: u32, to: u32) -> bool {
        let hits = |from: u32, to: u32| self.from[from as usize] && self.to[to as usize];
        hits(from, to) || self.both && hits(to, from)
    }

    /// Whether a draw of one of its strikes says yes.
    fn says_yes(&self, chance: Chance, id: u64, attempt: u32) -> bool {
        (0..self.strikes).any(|n| chance.draw(self.key, of_strike(id, n), attempt))
    }
}

/// The identity of a message for the draws of the n-th strike of a failure.
fn of_strike(id: u64, n: u32) -> u64 {
    if n == 0 { id } else { derive_id(id, u64::from(n)) }
}

impl Links {
    /// The party that a client is.
    pub(crate) fn client(&self, client: u32) -> u32 {
        self.clients + client
    }

    /// The party that a node of a broker is.
    pub(crate) fn node(&self, broker: u32, node: u32) -> u32 {
        let first = self.nodes[broker as usize];
        let end = self.nodes[broker as usize + 1];
        first + node % (end - first)
    }

    /// Whether nothing arrives between two parties. Everybody reaches itself.
    pub(crate) fn cut(&self, a: u32, b: u32) -> bool {
        self.cuts
            && a != b
            && self.active.iter().any(|&at| {
                let f = &self.faults[at as usize];
                matches!(f.harm, Harm::Cut) && f.strikes(a, b)
            })
    }

    /// So many strikes of a failure last now.
    pub(super) fn count(&mut self, failure: u32, strikes: u32) {
        for fault in self.faults.iter_mut().filter(|f| f.failure == failure) {
            fault.strikes = strikes;
        }
        let faults = &self.faults;
        let lasts = |&at: &u32| faults[at as usize].strikes > 0;
        self.active = (0..faults.len() as u32).filter(lasts).collect();
        self.any = !self.active.is_empty();
        let cuts = |&at: &u32| matches!(faults[at as usize].harm, Harm::Cut);
        self.cuts = self.active.iter().any(cuts);
    }

    /// What becomes of a message that is sent at `now`.
    pub(crate) fn pass(&mut self, now: SimTime, m: &Message) -> Result<Passed, Lost> {
        let id = derive_id(m.id, m.key.raw());
        let mut passed = Passed::default();
        // The narrowest bottleneck on its way, and its bandwidth.
        let mut narrowest: Option<(usize, f64)> = None;
        let mut lossy = false;
        for &at in &self.active {
            let f = &self.faults[at as usize];
            if !f.strikes(m.from, m.to) {
                continue;
            }
            match &f.harm {
                Harm::Cut => return Err(Lost::Cut),
                Harm::Loss(_) => lossy = true,
                Harm::Datagram(chance) if f.says_yes(*chance, id, m.attempt) => {
                    return Err(Lost::Datagram);
                }
                Harm::Datagram(_) => {}
                Harm::Duplicate(chance, after) => {
                    if f.says_yes(*chance, id, m.attempt) {
                        let after = after.sample(f.time, id, m.attempt);
                        passed.again = Some(passed.again.map_or(after, |other| other.min(after)));
                    }
                }
                Harm::Reorder(chance, hold) => {
                    if f.says_yes(*chance, id, m.attempt) {
                        passed.held += hold.sample(f.time, id, m.attempt);
                    }
                }
                Harm::Delay(by) => {
                    for n in 0..f.strikes {
                        passed.delay += by.sample(f.time, of_strike(id, n), m.attempt);
                    }
                }
                Harm::Throttle(capacity) => {
                    let rate = capacity.bytes_per_s;
                    if narrowest.is_none_or(|(_, least)| rate < least) {
                        narrowest = Some((at as usize, rate));
                    }
                }
            }
        }
        if lossy {
            passed.delay += self.retransmitted(m, id).ok_or(Lost::Broken)?;
        }
        if let Some((at, _)) = narrowest {
            let f = &mut self.faults[at];
            let Harm::Throttle(capacity) = f.harm else { return Ok(passed) };
            let done = SimTime::from_ns(f.free.max(now.ns())) + capacity.service(0, m.bytes);
            f.free = done.ns();
            passed.delay += done.since(now);
        }
        Ok(passed)
    }

    /// How long it takes until a message gets through that is sent again whenever it is lost;
    /// `None` if it never does.
    fn retransmitted(&self, m: &Message, id: u64) -> Option<SimDuration> {
        let lost = |nth: u32| {
            self.active.iter().any(|&at| {
                let f = &self.faults[at as usize];
                let attempt = m.attempt.wrapping_mul(RETRANSMISSIONS + 1).wrapping_add(nth);
                matches!(f.harm, Harm::Loss(chance) if f.says_yes(chance, id, attempt))
                    && f.strikes(m.from, m.to)
            })
        };
        let through = (0..=RETRANSMISSIONS).find(|&nth| !lost(nth))?;
        Some(SimDuration::from_ns(RETRANSMISSION * ((1 << through) - 1)))
    }
}
