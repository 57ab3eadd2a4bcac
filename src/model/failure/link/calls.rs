//! Requests and answers over links with which something is wrong. Whoever gets no answer learns of
//! it by its deadline.

use super::{CALL, Message};
use crate::model::event::{Event, Kind};
use crate::model::observation::Observer;
use crate::model::tables::{Call, NONE};
use crate::model::{Sched, World};
use crate::random::StreamKey;
use crate::units::SimDuration;

impl<O: Observer> World<O> {
    /// The party that makes a call.
    fn calling(&self, call: &Call) -> u32 {
        match self.sites[call.site as usize].client {
            NONE => call.instance,
            client => self.trouble.links.client(client),
        }
    }

    /// Sends a request, which takes `delay` by itself.
    #[cold]
    #[inline(never)]
    pub(crate) fn request_over_links(&mut self, s: &mut Sched, job: u32, delay: SimDuration) {
        let j = *self.jobs.get(job);
        let call = *self.calls.get(j.origin);
        let key = self.sites[call.site as usize].request_key;
        let (from, to) = (self.calling(&call), j.instance);
        let m = Message { from, to, bytes: CALL, key, id: j.id, attempt: j.attempt };
        // Within an instance nothing is sent.
        let passed = if from == to {
            Ok(super::Passed::default())
        } else {
            self.trouble.links.pass(s.now(), &m)
        };
        let Ok(passed) = passed else {
            self.end_request(job);
            return;
        };
        let delay = delay + passed.delay + passed.held;
        s.after(delay, Event::new(Kind::RequestArrives, 0, job));
        if let Some(after) = passed.again {
            let second = self.jobs.insert(j);
            self.running += 1;
            if self.book.identity.on {
                self.book.identity.tried(j.origin, second);
            }
            s.after(delay + after, Event::new(Kind::RequestArrives, 0, second));
        }
    }

    /// How much longer the answer of a request takes; `None` if it is lost.
    #[cold]
    #[inline(never)]
    pub(crate) fn answer_over_links(
        &mut self,
        s: &Sched,
        job: u32,
        key: StreamKey,
    ) -> Option<SimDuration> {
        let j = *self.jobs.get(job);
        let (from, to) = (j.instance, self.calling(self.calls.get(j.origin)));
        if from == to {
            return Some(SimDuration::ZERO);
        }
        let m = Message { from, to, bytes: CALL, key, id: j.id, attempt: j.attempt };
        let passed = self.trouble.links.pass(s.now(), &m).ok()?;
        Some(passed.delay + passed.held)
    }
}
