//! What happens in the world, packed into eight bytes: rank, kind, component, slot.

use crate::engine;

/// Ranks of events of one instant, lowest first.
mod rank {
    pub(super) const FAILURE: u64 = 0;
    pub(super) const COMPLETION: u64 = 1;
    pub(super) const DELIVERY: u64 = 2;
    pub(super) const TIMEOUT: u64 = 3;
    pub(super) const ARRIVAL: u64 = 4;
}

/// A kind of event, named by what it addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Kind {
    /// A failure begins; component: the part of its target, slot: failure.
    FailureBegins,
    /// A strike of a failure ends; component: the part of its target, slot: failure.
    FailureEnds,
    /// A failure looks whether its condition holds; slot: failure.
    FailureLooks,
    /// An instance may have finished starting; slot: instance.
    InstanceStarted,
    /// An instance may have used up its time to stop; slot: instance.
    GraceEnds,
    /// A step of a job is over; slot: job.
    StepDone,
    /// An answer about a delivery reaches its broker; slot: delivery.
    Settled,
    /// A shard has served a publication; slot: record.
    Served,
    /// A publisher learns what became of a publication; slot: record.
    Confirmed,
    /// An engine goes on; component: broker, slot: token of the engine.
    BrokerStep,
    /// A publication reaches its broker; slot: record.
    Publication,
    /// A copy reaches a consumer; slot: delivery.
    CopyArrives,
    /// One copy arrives; component: subscription, slot: fact.
    Deliver,
    /// All copies arrive together; slot: fact.
    Fanout,
    /// A request arrives at its instance; slot: job.
    RequestArrives,
    /// An answer arrives at the caller; slot: job.
    AnswerArrives,
    /// The pause before the next attempt of a job is over; slot: job.
    AttemptDue,
    /// The oldest deadline of a lane may have passed; slot: lane.
    Deadline,
    /// The pause before the next attempt of a call is over; slot: call.
    CallDue,
    /// Something that guards calls; component: what, slot: call, guard or service.
    Guard,
    /// The first of a batch has waited long enough; component: batch, slot: place.
    BatchDue,
    /// A timer of an engine; component: broker, slot: token of the engine.
    BrokerTimer,
    /// The pause before the next attempt of a publication is over; slot: record.
    PublishDue,
    /// An autoscaler looks or decides; component: which, slot: autoscaler.
    ScaleDue,
    /// A source emits; component: epoch, slot: source.
    SourceArrival,
    /// An open-loop client asks; component: epoch, slot: client.
    ClientArrival,
    /// A closed-loop user has thought, or one of a herd comes; component: client, slot: user.
    UserAsks,
    /// A connection between a broker and an instance breaks; component: broker, slot: instance.
    ConnectionBreaks,
    /// The work of an instance ends it; component: incarnation, slot: instance.
    InstanceDies,
    /// Somebody may have computed enough at an instance whose workers share processors; slot:
    /// instance.
    CoresDue,
}

/// Kinds by number; filled up to a power of two, so that a look-up needs no check.
const KINDS: [Kind; 32] = {
    let mut all = [Kind::UserAsks; 32];
    let mut at = 0;
    while at < IN_USE.len() {
        all[at] = IN_USE[at];
        at += 1;
    }
    all
};

const IN_USE: [Kind; 30] = [
    Kind::FailureBegins,
    Kind::FailureEnds,
    Kind::FailureLooks,
    Kind::InstanceStarted,
    Kind::GraceEnds,
    Kind::StepDone,
    Kind::Settled,
    Kind::Served,
    Kind::Confirmed,
    Kind::BrokerStep,
    Kind::Publication,
    Kind::CopyArrives,
    Kind::Deliver,
    Kind::Fanout,
    Kind::RequestArrives,
    Kind::AnswerArrives,
    Kind::AttemptDue,
    Kind::Deadline,
    Kind::CallDue,
    Kind::Guard,
    Kind::BatchDue,
    Kind::BrokerTimer,
    Kind::PublishDue,
    Kind::ScaleDue,
    Kind::SourceArrival,
    Kind::ClientArrival,
    Kind::UserAsks,
    Kind::ConnectionBreaks,
    Kind::InstanceDies,
    Kind::CoresDue,
];

const fn rank_of(kind: Kind) -> u64 {
    match kind {
        Kind::FailureBegins
        | Kind::FailureEnds
        | Kind::FailureLooks
        | Kind::InstanceStarted
        | Kind::GraceEnds
        | Kind::ConnectionBreaks
        | Kind::InstanceDies => rank::FAILURE,
        Kind::StepDone
        | Kind::CoresDue
        | Kind::Settled
        | Kind::Served
        | Kind::Confirmed
        | Kind::BrokerStep => rank::COMPLETION,
        Kind::Publication
        | Kind::CopyArrives
        | Kind::Deliver
        | Kind::Fanout
        | Kind::RequestArrives
        | Kind::AnswerArrives => rank::DELIVERY,
        Kind::AttemptDue
        | Kind::Deadline
        | Kind::CallDue
        | Kind::Guard
        | Kind::BatchDue
        | Kind::BrokerTimer
        | Kind::PublishDue
        | Kind::ScaleDue => rank::TIMEOUT,
        Kind::SourceArrival | Kind::ClientArrival | Kind::UserAsks => rank::ARRIVAL,
    }
}

/// Bits of a component index; a scenario may have this many subscriptions, clients and so on.
const COMPONENT_BITS: u32 = 24;
/// Components of one kind are fewer than this.
pub(crate) const MAX_COMPONENTS: usize = 1 << COMPONENT_BITS;

/// An event: 3 bits rank, 5 bits kind, 24 bits component, 32 bits slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Event(u64);

impl Event {
    /// An event of `kind` for `component` about `slot`.
    #[inline]
    pub(crate) const fn new(kind: Kind, component: u32, slot: u32) -> Self {
        let head = rank_of(kind) << 5 | kind as u64;
        Self(head << 56 | (component as u64) << 32 | slot as u64)
    }

    #[inline]
    pub(crate) fn kind(self) -> Kind {
        KINDS[(self.0 >> 56 & 31) as usize]
    }

    #[inline]
    pub(crate) fn component(self) -> u32 {
        (self.0 >> 32) as u32 & (MAX_COMPONENTS as u32 - 1)
    }

    #[inline]
    pub(crate) fn slot(self) -> u32 {
        self.0 as u32
    }
}

impl engine::Event for Event {
    #[inline]
    fn rank(self) -> u8 {
        (self.0 >> 61) as u8
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::Event as _;

    #[test]
    fn an_event_keeps_its_parts_in_eight_bytes() {
        assert_eq!(size_of::<Event>(), 8);
        for kind in IN_USE {
            let e = Event::new(kind, 0xab_cdef, 0xfedc_ba98);
            assert_eq!((e.kind(), e.component(), e.slot()), (kind, 0xab_cdef, 0xfedc_ba98));
            assert_eq!(u64::from(e.rank()), rank_of(kind));
        }
    }
}
