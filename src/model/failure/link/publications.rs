//! Publications and confirmations over links with which something is wrong.
//!
//! Whoever wants an answer and gets none publishes again when its timeout is over. Until then it
//! sends nothing more to a destination that it cannot reach; a lost datagram is overtaken.

use super::{Lost, Message, PATIENCE};
use crate::model::event::{Event, Kind};
use crate::model::fate::Fate;
use crate::model::observation::Observer;
use crate::model::publish::Record;
use crate::model::tables::NONE;
use crate::model::{Sched, World};
use crate::units::{SimDuration, SimTime};

impl<O: Observer> World<O> {
    /// How long a publisher waits for an answer.
    fn patience(&self, broker: u32) -> SimDuration {
        match self.brokers[broker as usize].spec.producer.request_timeout {
            SimDuration::MAX => PATIENCE,
            timeout => timeout,
        }
    }

    /// The node at which a record arrives.
    fn node_for(&self, r: &Record) -> u32 {
        let node = self.engines[r.broker as usize].last_node_of(r.destination);
        self.trouble.links.node(r.broker, node)
    }

    /// Sends a chain that would arrive at `at` by itself. By how much it arrives later, and how
    /// long it is held back then; `None` if it is lost.
    #[cold]
    #[inline(never)]
    pub(crate) fn chain_over_links(
        &mut self,
        s: &mut Sched,
        head: u32,
        at: SimTime,
    ) -> Option<(SimDuration, SimDuration)> {
        let r = *self.records.get(head);
        let (_, bytes) = self.weight(head);
        let (from, to) = (r.producer, self.node_for(&r));
        let key = self.publish_keys[r.broker as usize].publish;
        let m = Message { from, to, bytes, key, id: r.id, attempt: r.tries - 1 };
        match self.trouble.links.pass(s.now(), &m) {
            Ok(passed) => {
                let idempotent = self.brokers[r.broker as usize].spec.producer.idempotent;
                if let (Some(after), false) = (passed.again, idempotent) {
                    let second = self.echo(head);
                    let at = at + passed.delay + passed.held + after;
                    s.at(at, Event::new(Kind::Publication, 0, second));
                }
                Some((passed.delay, passed.held))
            }
            Err(lost) => {
                let back = self.patience(r.broker);
                self.unheard(s, head, back, lost);
                None
            }
        }
    }

    /// No answer comes about a chain: its publisher gives this attempt up after `back`.
    fn unheard(&mut self, s: &mut Sched, head: u32, back: SimDuration, lost: Lost) {
        let head = self.without_deaf(s, head, Fate::LostNetwork);
        if head == NONE {
            return;
        }
        if lost == Lost::Datagram {
            self.pause_chain_after(s, head, back);
        } else {
            self.join_halt(s, head, back, false);
        }
    }

    /// The broker has decided about a record. How much longer its answer takes; `None` if it is
    /// lost, and the record will be published again.
    #[cold]
    #[inline(never)]
    pub(crate) fn confirm_over_links(&mut self, s: &mut Sched, record: u32) -> Option<SimDuration> {
        let r = *self.records.get(record);
        match self.answer_of(s, &r) {
            Ok(later) => Some(later),
            Err(lost) => {
                self.unheard(s, record, self.left_of(s, &r), lost);
                None
            }
        }
    }

    /// How much longer "not now" takes to arrive. Whoever does not hear it waits for its timeout.
    #[cold]
    #[inline(never)]
    pub(crate) fn refusal_over_links(&mut self, s: &Sched, r: &Record) -> SimDuration {
        self.answer_of(s, r).unwrap_or_else(|_| self.left_of(s, r))
    }

    fn answer_of(&mut self, s: &Sched, r: &Record) -> Result<SimDuration, Lost> {
        let (from, to) = (self.node_for(r), r.producer);
        let key = self.publish_keys[r.broker as usize].confirm;
        let m = Message { from, to, bytes: 0, key, id: r.id, attempt: r.tries - 1 };
        let passed = self.trouble.links.pass(s.now(), &m)?;
        Ok(passed.delay + passed.held)
    }

    /// What is left of the time that a publisher waits for the answer about a record.
    fn left_of(&self, s: &Sched, r: &Record) -> SimDuration {
        let until = SimTime::from_ns(r.departed) + self.patience(r.broker);
        until.max(s.now()).since(s.now())
    }
}
