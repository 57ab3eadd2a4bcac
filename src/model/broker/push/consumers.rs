//! Connections of consumers: how they come about, break, and are tried again.

use super::{Alarm, Push};
use crate::model::broker::{Ctx, Departure};
use crate::model::observation::Observer;
use crate::model::tables::NONE;
use crate::units::SimDuration;

/// Leases that are too old are looked for this often.
const CHECK: SimDuration = SimDuration::from_secs(60);
/// No client tries to connect more often.
const SHORTEST_PAUSE: SimDuration = SimDuration::from_ms(1);

/// An instance as a consumer of a queue.
#[expect(clippy::struct_excessive_bools, reason = "independent facts")]
#[derive(Debug)]
pub(super) struct Consumer {
    queue: u32,
    pub(super) instance: u32,
    link: Link,
    paused: bool,
    /// Whether nothing arrives between it and the broker.
    cut: bool,
    /// Whether its process is gone and the broker does not know.
    dead: bool,
    /// Whether it has its place among those with credit.
    pub(super) in_turn: bool,
    /// Its leases, and the oldest and newest of them.
    pub(super) held: u32,
    pub(super) oldest: u32,
    pub(super) newest: u32,
    /// Connections lost, for draws.
    losses: u32,
    /// Attempts to connect since the last loss.
    tries: u32,
    /// When it tries to connect, ns.
    connects: u64,
    /// When it has been silent for too long, ns.
    given_up: u64,
}

/// The connection of a consumer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Link {
    /// It does not want one.
    Away,
    /// It wants one.
    Lost,
    Open,
}

impl Consumer {
    pub(super) fn new(queue: u32, instance: u32) -> Self {
        Self {
            queue,
            instance,
            link: Link::Away,
            paused: false,
            cut: false,
            dead: false,
            in_turn: false,
            held: 0,
            oldest: NONE,
            newest: NONE,
            losses: 0,
            tries: 0,
            connects: u64::MAX,
            given_up: u64::MAX,
        }
    }
}

impl Push {
    /// A consumer gets its place among those with credit, if it has some.
    #[inline]
    pub(super) fn offer(&mut self, consumer: u32) {
        let c = &mut self.consumers[consumer as usize];
        let queue = &mut self.queues[c.queue as usize];
        if !c.in_turn && c.link == Link::Open && c.held < queue.credit {
            c.in_turn = true;
            queue.turns.push_back(consumer);
        }
    }

    /// From now on the consumers of a queue hold at most so many messages; who has more keeps them.
    pub(super) fn set_credit(&mut self, queue: u32, credit: u32) {
        self.queues[queue as usize].credit = credit;
        let consumers = &mut self.consumers;
        self.queues[queue as usize].turns.retain(|&consumer| {
            let c = &mut consumers[consumer as usize];
            c.in_turn = c.held < credit;
            c.in_turn
        });
        for consumer in 0..self.consumers.len() as u32 {
            if self.consumers[consumer as usize].queue == queue {
                self.offer(consumer);
            }
        }
    }

    /// A consumer has started.
    pub(super) fn consumer_joins<O: Observer>(&mut self, ctx: &mut Ctx<O>, consumer: u32) {
        if self.consumers[consumer as usize].link == Link::Away {
            // What it holds it has had since it listened before.
            let c = &mut self.consumers[consumer as usize];
            (c.link, c.connects, c.given_up) = (Link::Lost, u64::MAX, u64::MAX);
        } else {
            self.disconnect(ctx, consumer, Link::Lost, false, true);
        }
        let c = &mut self.consumers[consumer as usize];
        c.paused = false;
        c.dead = false;
        c.tries = 0;
        self.connect(ctx, consumer);
    }

    /// A consumer tries to connect.
    fn connect<O: Observer>(&mut self, ctx: &mut Ctx<O>, consumer: u32) {
        if self.nodes.leader.is_none() || self.consumers[consumer as usize].cut {
            self.try_later(ctx, consumer);
            return;
        }
        let c = &mut self.consumers[consumer as usize];
        c.link = Link::Open;
        c.connects = u64::MAX;
        let queue = c.queue;
        self.offer(consumer);
        self.pump(ctx, queue);
    }

    /// A consumer pauses before its next attempt to connect.
    fn try_later<O: Observer>(&mut self, ctx: &mut Ctx<O>, consumer: u32) {
        let c = &mut self.consumers[consumer as usize];
        let queue = &self.queues[c.queue as usize];
        let nth = u64::from(consumer - queue.first);
        let id = u64::from(c.losses) << 32 | nth;
        let pause = ctx.table.spec.reconnect.sample(queue.reconnect, id, c.tries, c.tries);
        let pause = pause.max(SHORTEST_PAUSE);
        c.tries += 1;
        c.connects = (ctx.now() + pause).ns();
        ctx.timer(pause, Alarm::Connect(consumer).token());
    }

    /// The pause of a consumer may be over.
    pub(super) fn connect_due<O: Observer>(&mut self, ctx: &mut Ctx<O>, consumer: u32) {
        let c = &mut self.consumers[consumer as usize];
        if c.connects != ctx.now().ns() || c.link != Link::Lost {
            return;
        }
        if c.paused {
            c.connects = u64::MAX;
        } else {
            self.connect(ctx, consumer);
        }
    }

    /// A consumer has its connection no more, and what it held returns. `counts`: as failed.
    /// `arrive`: what it has said before still does.
    fn disconnect<O: Observer>(
        &mut self,
        ctx: &mut Ctx<O>,
        consumer: u32,
        to: Link,
        counts: bool,
        arrive: bool,
    ) -> u32 {
        let c = &mut self.consumers[consumer as usize];
        c.link = to;
        c.connects = u64::MAX;
        c.given_up = u64::MAX;
        let queue = c.queue;
        if std::mem::take(&mut c.in_turn) {
            self.queues[queue as usize].turns.retain(|&other| other != consumer);
        }
        self.end_leases(ctx, consumer, counts, arrive);
        queue
    }

    /// A connection breaks; its consumer notices when it runs.
    fn lose<O: Observer>(&mut self, ctx: &mut Ctx<O>, consumer: u32, counts: bool) {
        let dead = std::mem::take(&mut self.consumers[consumer as usize].dead);
        let to = if dead { Link::Away } else { Link::Lost };
        let queue = self.disconnect(ctx, consumer, to, counts, false);
        let c = &mut self.consumers[consumer as usize];
        c.losses += 1;
        c.tries = 0;
        if !c.paused && !dead {
            self.try_later(ctx, consumer);
        }
        self.pump(ctx, queue);
    }

    /// All connections break.
    pub(super) fn lose_all<O: Observer>(&mut self, ctx: &mut Ctx<O>) {
        for consumer in 0..self.consumers.len() as u32 {
            if self.consumers[consumer as usize].link == Link::Open {
                self.lose(ctx, consumer, false);
            }
        }
    }

    /// A consumer stops. In good order it first finishes what it has.
    pub(super) fn consumer_leaves<O: Observer>(
        &mut self,
        ctx: &mut Ctx<O>,
        consumer: u32,
        how: Departure,
    ) {
        if how == Departure::Crash {
            let c = &mut self.consumers[consumer as usize];
            c.paused = false;
            if c.cut && c.link == Link::Open {
                // Nobody tells the broker.
                c.dead = true;
                return;
            }
            // After a stop in good order nothing has failed.
            let counts = self.consumers[consumer as usize].link != Link::Away;
            let queue = self.disconnect(ctx, consumer, Link::Away, counts, true);
            self.consumers[consumer as usize].losses += 1;
            self.pump(ctx, queue);
            return;
        }
        let c = &mut self.consumers[consumer as usize];
        c.link = Link::Away;
        c.connects = u64::MAX;
        c.given_up = u64::MAX;
        if std::mem::take(&mut c.in_turn) {
            self.queues[c.queue as usize].turns.retain(|&other| other != consumer);
        }
    }

    /// A consumer stands still, and its connection stays until its heartbeats are missed.
    pub(super) fn consumer_pauses<O: Observer>(&mut self, ctx: &mut Ctx<O>, consumer: u32) {
        let c = &mut self.consumers[consumer as usize];
        c.paused = true;
        self.watch_silence(ctx, consumer);
    }

    /// No heartbeat of a consumer is heard from now on.
    fn watch_silence<O: Observer>(&mut self, ctx: &mut Ctx<O>, consumer: u32) {
        let c = &mut self.consumers[consumer as usize];
        if self.spec.heartbeat > SimDuration::ZERO && c.given_up == u64::MAX {
            c.given_up = (ctx.now() + self.spec.heartbeat).ns();
            ctx.timer(self.spec.heartbeat, Alarm::Silent(consumer).token());
        }
    }

    /// Consumers may have been cut off, or be heard again: then their connection begins anew.
    pub(super) fn look_around<O: Observer>(&mut self, ctx: &mut Ctx<O>) {
        for consumer in 0..self.consumers.len() as u32 {
            let c = &mut self.consumers[consumer as usize];
            let cut = self.nodes.leader.is_some_and(|leader| ctx.apart(c.instance, leader));
            if std::mem::replace(&mut c.cut, cut) == cut {
                continue;
            }
            if cut {
                self.watch_silence(ctx, consumer);
                continue;
            }
            if !c.paused {
                c.given_up = u64::MAX;
            }
            self.break_off(ctx, consumer);
        }
    }

    /// The connection of a consumer breaks, if it has one.
    pub(super) fn break_off<O: Observer>(&mut self, ctx: &mut Ctx<O>, consumer: u32) {
        let c = &self.consumers[consumer as usize];
        match c.link {
            Link::Open => self.lose(ctx, consumer, true),
            Link::Away if c.held > 0 => {
                let queue = self.disconnect(ctx, consumer, Link::Away, false, false);
                self.pump(ctx, queue);
            }
            Link::Away | Link::Lost => {}
        }
    }

    /// The connections of an instance break.
    pub(super) fn break_all_off<O: Observer>(&mut self, ctx: &mut Ctx<O>, instance: u32) {
        for consumer in 0..self.consumers.len() as u32 {
            if self.consumers[consumer as usize].instance == instance {
                self.break_off(ctx, consumer);
            }
        }
    }

    /// A consumer may have been silent for too long.
    pub(super) fn silent_due<O: Observer>(&mut self, ctx: &mut Ctx<O>, consumer: u32) {
        let c = &self.consumers[consumer as usize];
        let silent = c.paused || c.cut;
        if silent && c.link == Link::Open && c.given_up == ctx.now().ns() {
            self.lose(ctx, consumer, true);
        }
    }

    /// A consumer goes on, and learns what has become of its connection.
    pub(super) fn consumer_resumes<O: Observer>(&mut self, ctx: &mut Ctx<O>, consumer: u32) {
        let c = &mut self.consumers[consumer as usize];
        c.paused = false;
        if !c.cut {
            c.given_up = u64::MAX;
        }
        if c.link == Link::Lost && c.connects == u64::MAX {
            self.try_later(ctx, consumer);
        }
    }

    /// Consumers that hold a message for too long lose their connection. Looks again later.
    pub(super) fn check_leases<O: Observer>(&mut self, ctx: &mut Ctx<O>) {
        let Some(timeout) = self.spec.ack_timeout else { return };
        ctx.timer(CHECK, Alarm::Check.token());
        for consumer in 0..self.consumers.len() as u32 {
            let c = &self.consumers[consumer as usize];
            let too_old = |m: u32| {
                let since = self.messages.get(m).since;
                since.saturating_add(timeout.ns()) <= ctx.now().ns()
            };
            if c.link == Link::Open && c.oldest != NONE && too_old(c.oldest) {
                self.lose(ctx, consumer, true);
            }
        }
    }
}
