//! A scenario as its file states it: quantities read, defaults filled in, names still words with a
//! place.

use super::reader::{Ref, Worded};
use super::{Span, Value};
use crate::model::{Balance, FailureTrigger, Network, PhasePlan, Retry, Verb, Zone};
use crate::random::{Backoff, Burst, Rate, Variate};
use crate::units::{Probability, SimDuration};

/// One variant of a scenario.
#[derive(Debug)]
pub(super) struct Draft<'t> {
    pub(super) title: String,
    pub(super) question: String,
    pub(super) lesson: String,
    pub(super) seed: u64,
    pub(super) seeds: u64,
    pub(super) max_events: u64,
    pub(super) phases: PhasePlan,
    pub(super) zones: Vec<ZoneDraft>,
    pub(super) network: Network,
    pub(super) bus: BusDraft,
    pub(super) services: Vec<ServiceDraft>,
    pub(super) clients: Vec<ClientDraft>,
    pub(super) failures: Vec<FailureDraft>,
    /// Names of the tables `[event.X]`.
    pub(super) events: Vec<Ref>,
    /// Names of the tables `[entity.X]`.
    pub(super) entities: Vec<Ref>,
    /// The value of `expect`, with its place.
    pub(super) expect: Option<(&'t Value, Span)>,
}

#[derive(Debug)]
pub(super) struct ZoneDraft {
    pub(super) zone: Zone,
    /// As the file writes it, with its region.
    pub(super) written: Ref,
}

#[derive(Debug)]
pub(super) struct BusDraft {
    /// Its name, if the file declares it.
    pub(super) name: Option<Ref>,
    pub(super) deliver: Variate,
}

#[derive(Debug)]
pub(super) struct ServiceDraft {
    pub(super) name: Ref,
    pub(super) instances: u32,
    pub(super) workers: u32,
    pub(super) zone: Option<Ref>,
    pub(super) start: SimDuration,
    pub(super) balance: Balance,
    pub(super) write: Variate,
    pub(super) sources: Vec<SourceDraft>,
    pub(super) handlers: Vec<HandlerDraft>,
    /// Keys that are set but need something else to matter.
    pub(super) idle: Vec<IdleKey>,
}

/// A key that is set, and what it would need to matter.
#[derive(Debug)]
pub(super) struct IdleKey {
    pub(super) key: Ref,
    pub(super) needs: Needs,
}

/// What a key needs to matter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Needs {
    /// At least one write step.
    Writes,
    /// At least one operation and more than one instance.
    SeveralInstancesAndApi,
    /// At least one call.
    Calls,
    /// More than one attempt.
    Attempts,
    /// Attempts that fail.
    Failing,
}

#[derive(Debug)]
pub(super) struct SourceDraft {
    pub(super) event: Ref,
    /// None if it is wrong.
    pub(super) rate: Option<Worded<Rate>>,
    pub(super) burst: Burst,
}

#[derive(Debug)]
pub(super) struct HandlerDraft {
    /// Event or operation.
    pub(super) name: Ref,
    /// Whether `name` is an operation.
    pub(super) is_api: bool,
    pub(super) steps: Vec<StepDraft>,
    pub(super) fails: Probability,
    pub(super) attempts: u32,
    pub(super) backoff: Backoff,
    pub(super) timeout: SimDuration,
    pub(super) retry: Retry,
    pub(super) idle: Vec<IdleKey>,
}

#[derive(Debug)]
pub(super) enum StepDraft {
    Work(Variate),
    /// Operations called at once.
    Call(Vec<Ref>),
    Write(Ref),
    Emit(EmitDraft),
}

#[derive(Debug)]
pub(super) enum EmitDraft {
    All(Vec<EmissionDraft>),
    OneOf(Vec<(Probability, EmissionDraft)>),
}

#[derive(Debug)]
pub(super) struct EmissionDraft {
    pub(super) event: Ref,
    pub(super) count: u32,
}

#[derive(Debug)]
pub(super) struct ClientDraft {
    pub(super) name: Ref,
    /// None if it is missing.
    pub(super) calls: Option<Ref>,
    /// None if it is missing or wrong.
    pub(super) load: Option<LoadDraft>,
    pub(super) timeout: SimDuration,
    pub(super) retry: Retry,
    pub(super) zone: Option<Ref>,
    pub(super) idle: Vec<IdleKey>,
}

#[derive(Debug)]
pub(super) enum LoadDraft {
    Open(Worded<Rate>),
    Closed { users: u32, think: Variate },
}

#[derive(Debug)]
pub(super) struct FailureDraft {
    pub(super) name: String,
    pub(super) verb: Verb,
    pub(super) service: Ref,
    pub(super) part: Part,
    pub(super) trigger: FailureTrigger,
    /// Where the trigger stands.
    pub(super) when: Span,
    pub(super) lasts: Option<SimDuration>,
    pub(super) off: bool,
}

/// Which instances of a service.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Part {
    /// All of them.
    All,
    /// This one, with the place of its number.
    Instance(u64, Span),
    /// The lowest ones that make up this share, rounded up.
    Share(Probability),
}
