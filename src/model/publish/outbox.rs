//! Outboxes: events that commit as rows of a transaction, and the relays that publish them later.
//!
//! A row holds its fact until a broker has decided about it, and keeps it as long as a relay may
//! publish it again.

use super::due;
use super::record::Waiter;
use crate::model::blueprint::{Publish, PublishMode};
use crate::model::event::{Event, Kind};
use crate::model::fate::Fate;
use crate::model::observation::Observer;
use crate::model::tables::{Job, Op};
use crate::model::{Sched, World};
use crate::random::{StreamKey, Variate};
use crate::units::{SimDuration, SimTime};
use std::collections::VecDeque;

/// Rows that a round of a polling relay reads at most.
const ROUND: usize = 100;
/// From one row to the next of a relay that tails the log: 10 000 rows a second.
const ROW_GAP: SimDuration = SimDuration::from_ns(100_000);
/// How often it writes its position down.
const FLUSH: SimDuration = SimDuration::from_secs(60);
/// No timer is set.
const NEVER: u64 = u64::MAX;

/// What publishes the rows of one service, in one way.
#[derive(Debug)]
pub(crate) struct Relay {
    pub(crate) service: u32,
    pub(crate) kind: RelayKind,
    /// Its number among those who publish.
    pub(crate) producer: u32,
    up: bool,
    /// Crashes whose cause lasts, of a process of its own.
    crashes: u32,
    /// Rows that are not done, in the order of their commits.
    rows: VecDeque<Row>,
    /// Number of the first of them.
    first: u64,
    /// When it goes on, ns, or [`NEVER`]; any other timer is void.
    wakes: u64,
    /// When the next round or row is due at the earliest, ns.
    next: u64,
    round: Round,
    /// Number of the next row of the log to publish.
    cursor: u64,
    /// When it last started, ns.
    started: u64,
    /// When it writes its position down, ns, or [`NEVER`]; any other timer is void.
    flushes: u64,
}

/// How a relay finds rows.
#[derive(Clone, Debug)]
pub(crate) enum RelayKind {
    /// It asks so long after its last round, and marks what it has published.
    Poll { every: SimDuration, mark: Variate, mark_key: StreamKey },
    /// It tails the log.
    Cdc {
        lag: Variate,
        lag_key: StreamKey,
        /// Whether it may crash, and publish again what it has published.
        crashes: bool,
    },
}

/// Where a polling relay is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Round {
    /// Between two rounds.
    Sleeps,
    /// So many of this many rows are not answered.
    Awaits { open: usize, read: usize },
    /// It marks this many rows.
    Marks { read: usize },
}

/// An event that has committed and may not be published.
#[derive(Clone, Copy, Debug)]
struct Row {
    fact: u32,
    id: u64,
    broker: u32,
    commit: u64,
    /// Whether it holds its fact; it only keeps it otherwise.
    holds: bool,
    /// Whether it was published before.
    again: bool,
    /// Whether its publisher knows that it is done.
    done: bool,
}

impl Relay {
    pub(crate) fn new(service: u32, kind: RelayKind, producer: u32) -> Self {
        Self {
            service,
            kind,
            producer,
            up: true,
            crashes: 0,
            rows: VecDeque::new(),
            first: 0,
            wakes: NEVER,
            next: 0,
            round: Round::Sleeps,
            cursor: 0,
            started: 0,
            flushes: NEVER,
        }
    }

    /// Whether it is a process of its own.
    pub(crate) fn tails(&self) -> bool {
        matches!(self.kind, RelayKind::Cdc { .. })
    }

    /// Whether it publishes what is emitted in this mode.
    fn serves(&self, mode: PublishMode) -> bool {
        match (&self.kind, mode) {
            (RelayKind::Poll { every, .. }, PublishMode::OutboxPoll(other)) => *every == other,
            (RelayKind::Cdc { .. }, PublishMode::OutboxCdc) => true,
            _ => false,
        }
    }

    fn row(&mut self, row: u64) -> Option<&mut Row> {
        let at = row.checked_sub(self.first)?;
        self.rows.get_mut(at as usize)
    }
}

/// Whether events are published from an outbox.
pub(crate) fn is_outbox(mode: PublishMode) -> bool {
    matches!(mode, PublishMode::OutboxPoll(_) | PublishMode::OutboxCdc)
}

impl<O: Observer> World<O> {
    /// The relay of a service for a way to publish, if it is one through an outbox.
    #[inline]
    pub(super) fn relay_of(&self, service: u32, mode: PublishMode) -> Option<u32> {
        if !is_outbox(mode) {
            return None;
        }
        let first = self.relays.partition_point(|r| r.service < service);
        let own = self.relays[first..].iter().take_while(|r| r.service == service);
        let at = own.into_iter().position(|r| r.serves(mode))?;
        Some((first + at) as u32)
    }

    /// A row commits.
    pub(super) fn add_row(&mut self, s: &mut Sched, relay: u32, fact: u32, broker: u32) {
        self.book.hold(fact);
        let id = self.book.facts.get(fact).id;
        let commit = s.now().ns();
        let row = Row { fact, id, broker, commit, holds: true, again: false, done: false };
        self.relays[relay as usize].rows.push_back(row);
        self.wake(s, relay);
        self.arm_flush(s, relay);
    }

    /// The rows that commit with the write that a job has just done: those of the emit steps from
    /// there to the next write, and before the first write also those of earlier steps.
    pub(crate) fn commit_rows(&mut self, s: &mut Sched, job: u32, first: bool) {
        let j = *self.jobs.get(job);
        let handler = &self.handlers[j.handler as usize];
        if !is_outbox(handler.publish.mode) {
            return;
        }
        let publish = handler.publish;
        let (start, end) = (handler.steps.start, handler.steps.end);
        let is_write = |&step: &u32| matches!(self.ops[step as usize], Op::Write { .. });
        let until = (j.step..end).find(is_write).unwrap_or(end);
        let from = if first { start } else { j.step };
        for step in from..until {
            self.emit_of(s, job, job, step, publish, 0);
        }
    }

    /// Whether the emit steps of a job's handler commit with its writes.
    pub(crate) fn emits_with_write(&self, job: &Job) -> bool {
        let handler = &self.handlers[job.handler as usize];
        handler.writes && is_outbox(handler.publish.mode)
    }

    /// Sets the timer of a relay that has something to do.
    fn wake(&mut self, s: &mut Sched, relay: u32) {
        let r = &mut self.relays[relay as usize];
        let now = s.now().ns();
        if !r.up || r.wakes != NEVER || r.round != Round::Sleeps {
            return;
        }
        let at = match &r.kind {
            RelayKind::Poll { every, .. } => {
                if r.rows.is_empty() {
                    return;
                }
                // It has asked in vain since.
                let every = every.ns().max(1);
                r.next += now.saturating_sub(r.next).div_ceil(every) * every;
                r.next
            }
            RelayKind::Cdc { lag, lag_key, .. } => {
                let Some(row) = r.rows.get((r.cursor - r.first) as usize) else { return };
                let lag = lag.sample(*lag_key, row.id, 0).ns();
                row.commit.saturating_add(lag).max(r.next).max(now)
            }
        };
        r.wakes = at;
        s.at(SimTime::from_ns(at), Event::new(Kind::PublishDue, due::RELAY, relay));
    }

    /// A relay goes on.
    pub(super) fn relay_due(&mut self, s: &mut Sched, relay: u32) {
        let r = &mut self.relays[relay as usize];
        if !r.up || r.wakes != s.now().ns() {
            return;
        }
        r.wakes = NEVER;
        match (&r.kind, r.round) {
            (RelayKind::Cdc { .. }, _) => self.tail(s, relay),
            (RelayKind::Poll { .. }, Round::Marks { read }) => self.marked(s, relay, read),
            (RelayKind::Poll { .. }, _) => self.poll(s, relay),
        }
    }

    /// A polling relay reads a round of rows and publishes all of them.
    fn poll(&mut self, s: &mut Sched, relay: u32) {
        let r = &mut self.relays[relay as usize];
        let read = r.rows.len().min(ROUND);
        let first = r.first;
        r.rows.iter_mut().take(read).for_each(|row| row.done = false);
        r.round = Round::Awaits { open: read, read };
        for row in first..first + read as u64 {
            self.publish_row(s, relay, row);
        }
    }

    /// A relay that tails the log publishes the next row.
    fn tail(&mut self, s: &mut Sched, relay: u32) {
        let r = &mut self.relays[relay as usize];
        let row = r.cursor;
        r.cursor += 1;
        r.next = (s.now() + ROW_GAP).ns();
        self.publish_row(s, relay, row);
        self.wake(s, relay);
    }

    /// Publishes a row.
    fn publish_row(&mut self, s: &mut Sched, relay: u32, number: u64) {
        let r = &mut self.relays[relay as usize];
        let producer = r.producer;
        let Some(row) = r.row(number) else { return };
        let Row { fact, broker, again, .. } = *row;
        row.again = true;
        let f = self.book.facts.get_mut(fact);
        let again = std::mem::replace(&mut f.out, true) || again;
        if !again {
            f.relayed = s.now().ns();
        }
        let record = self.record(s.now(), fact, broker, producer);
        let mode =
            self.mode_of(Publish { to: crate::model::BrokerId(broker), mode: PublishMode::Async });
        let r = self.records.get_mut(record);
        r.mode = mode;
        r.until = u64::MAX;
        r.first = !again;
        r.waiter = Waiter::Row { relay, row: number };
        // It does not linger.
        self.leave_buffer(s, record);
    }

    /// A broker has decided about a row: it does not hold its fact any more.
    pub(super) fn row_decided(&mut self, relay: u32, row: u64, reason: Fate) {
        let Some(row) = self.relays[relay as usize].row(row) else { return };
        let fact = row.fact;
        if std::mem::replace(&mut row.holds, false) {
            self.book.keep(fact);
            self.book.release(&mut self.observer, fact, reason);
        }
    }

    /// A relay learns that a row is done.
    pub(super) fn row_answered(&mut self, s: &mut Sched, relay: u32, row: u64) {
        let r = &mut self.relays[relay as usize];
        let Some(row) = r.row(row) else { return };
        row.done = true;
        match (&r.kind, r.round) {
            (RelayKind::Cdc { crashes: false, .. }, _) => self.drop_done(relay),
            (RelayKind::Poll { .. }, Round::Awaits { open, read }) => {
                if open > 1 {
                    r.round = Round::Awaits { open: open - 1, read };
                    return;
                }
                r.round = Round::Marks { read };
                let service = r.service;
                if !self.cannot_write(service) {
                    self.marks(s, relay);
                }
            }
            _ => {}
        }
    }

    /// A polling relay marks the rows of its round.
    fn marks(&mut self, s: &mut Sched, relay: u32) {
        let r = &mut self.relays[relay as usize];
        if let RelayKind::Poll { mark, mark_key, .. } = &r.kind {
            let at = s.now() + mark.sample(*mark_key, r.first, 0);
            r.wakes = at.ns();
            s.at(at, Event::new(Kind::PublishDue, due::RELAY, relay));
        }
    }

    /// The store of a service has room again: its relays mark what they could not mark.
    pub(crate) fn marks_again(&mut self, s: &mut Sched, service: u32) {
        for relay in 0..self.relays.len() as u32 {
            let r = &self.relays[relay as usize];
            let marks = matches!(r.round, Round::Marks { .. }) && r.wakes == NEVER;
            if r.service == service && r.up && marks {
                self.marks(s, relay);
            }
        }
    }

    /// The rows of a round are marked as sent.
    fn marked(&mut self, s: &mut Sched, relay: u32, read: usize) {
        for _ in 0..read {
            self.drop_row(relay);
        }
        let r = &mut self.relays[relay as usize];
        r.round = Round::Sleeps;
        r.next = s.now().ns();
        if read < ROUND
            && let RelayKind::Poll { every, .. } = &r.kind
        {
            r.next += every.ns();
        }
        self.wake(s, relay);
    }

    /// The first row is done for good.
    fn drop_row(&mut self, relay: u32) {
        let r = &mut self.relays[relay as usize];
        let Some(row) = r.rows.pop_front() else { return };
        r.first += 1;
        if row.holds {
            self.book.release(&mut self.observer, row.fact, Fate::LostPublish);
        } else {
            self.book.let_go(row.fact);
        }
    }

    /// All first rows that are done are so for good.
    fn drop_done(&mut self, relay: u32) {
        while self.relays[relay as usize].rows.front().is_some_and(|row| row.done) {
            self.drop_row(relay);
        }
    }

    /// Sets the timer for a position that has to be written down: at multiples of the period since
    /// the relay started.
    fn arm_flush(&mut self, s: &mut Sched, relay: u32) {
        let r = &mut self.relays[relay as usize];
        let now = s.now().ns();
        let may_crash = matches!(r.kind, RelayKind::Cdc { crashes: true, .. });
        if !may_crash || !r.up || r.flushes != NEVER || r.rows.is_empty() {
            return;
        }
        let period = FLUSH.ns();
        r.flushes = r.started + ((now - r.started) / period + 1) * period;
        s.at(SimTime::from_ns(r.flushes), Event::new(Kind::PublishDue, due::FLUSH, relay));
    }

    /// A relay writes its position down.
    pub(super) fn flush_due(&mut self, s: &mut Sched, relay: u32) {
        let r = &mut self.relays[relay as usize];
        if r.up && r.flushes == s.now().ns() {
            r.flushes = NEVER;
            self.drop_done(relay);
            self.arm_flush(s, relay);
        }
    }

    /// The polling relays of a service die or start with it.
    pub(crate) fn relays_follow(&mut self, s: &mut Sched, service: u32) {
        let mut instances = self.services[service as usize].instances.clone();
        let up = instances.any(|i| {
            let i = &self.instances[i as usize];
            i.up || i.draining
        });
        for relay in 0..self.relays.len() as u32 {
            let r = &self.relays[relay as usize];
            let polls = matches!(r.kind, RelayKind::Poll { .. });
            if polls && r.service == service && r.up != up {
                self.turn(s, relay, up);
            }
        }
    }

    /// The process that tails the log of a service crashes.
    pub(crate) fn relay_crashes(&mut self, s: &mut Sched, service: u32) {
        let Some(relay) = self.relay_of(service, PublishMode::OutboxCdc) else { return };
        self.relays[relay as usize].crashes += 1;
        if self.relays[relay as usize].up {
            self.turn(s, relay, false);
        }
    }

    /// The cause of a crash of that process is removed: it is back when it has started.
    pub(crate) fn relay_recovers(&mut self, s: &mut Sched, service: u32) {
        let Some(relay) = self.relay_of(service, PublishMode::OutboxCdc) else { return };
        let r = &mut self.relays[relay as usize];
        r.crashes -= 1;
        if r.crashes == 0 {
            let at = s.now() + self.services[service as usize].start;
            r.started = at.ns();
            s.at(at, Event::new(Kind::PublishDue, due::START, relay));
        }
    }

    /// A relay may have started; a crash meanwhile has put it off.
    pub(super) fn relay_started(&mut self, s: &mut Sched, relay: u32) {
        let r = &self.relays[relay as usize];
        if !r.up && r.crashes == 0 && r.started == s.now().ns() {
            self.turn(s, relay, true);
        }
    }

    /// A relay stops or starts. It knows nothing of what it has not written down.
    fn turn(&mut self, s: &mut Sched, relay: u32, up: bool) {
        let r = &mut self.relays[relay as usize];
        r.up = up;
        r.wakes = NEVER;
        r.flushes = NEVER;
        r.round = Round::Sleeps;
        r.cursor = r.first;
        r.rows.iter_mut().for_each(|row| row.done = false);
        if up {
            r.started = s.now().ns();
            r.next = s.now().ns();
            self.wake(s, relay);
            self.arm_flush(s, relay);
        } else {
            let producer = r.producer;
            self.publisher_dies(s, producer);
        }
    }
}
