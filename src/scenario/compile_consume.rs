//! How a handler consumes: what its broker allows, and the filters in terms of attributes.

use super::Diagnostic;
use super::attributes::filter;
use super::compile::Compiler;
use super::draft::HandlerDraft;
use super::keys::Place;
use crate::model::{AckMode, BrokerId, Consume, Exhausted, Filter, RetryIn, Trigger};

impl Compiler<'_> {
    /// The consuming half of a handler.
    pub(super) fn consume(&mut self, handler: &HandlerDraft, trigger: &Trigger) -> Consume {
        let draft = &handler.consume;
        let found = self.names.broker(draft.via.as_ref());
        let via = self.keep(found).unwrap_or(BrokerId(0));
        if !handler.is_api {
            self.found.extend(misplaced(handler, self.names.listens_to(handler)));
        }
        let dlq = self.draft.brokers.get(via.0 as usize).is_some_and(|broker| broker.dlq);
        let on_exhausted = draft.on_exhausted.map(|(what, _)| what);
        Consume {
            via,
            filters: self.filters(handler, trigger),
            ack: draft.ack.map(|(ack, _)| ack),
            prefetch: draft.prefetch,
            batch: draft.batch.clone(),
            backfill: draft.backfill,
            retry_in: draft.retry_in.0,
            on_exhausted: on_exhausted.or(dlq.then_some(Exhausted::Dlq)),
            poison: draft.poison,
        }
    }

    /// The filter of each event of a trigger; none if there is no filter.
    fn filters(&mut self, handler: &HandlerDraft, trigger: &Trigger) -> Vec<Filter> {
        let (Some(text), Trigger::On(events)) = (&handler.consume.filter, trigger) else {
            return Vec::new();
        };
        let mut filters = Vec::new();
        for event in events {
            let Some(event) = self.events.get(event.0 as usize) else { continue };
            match filter(&text.text, &event.attributes) {
                Ok(filter) => filters.push(filter),
                Err((code, error)) => {
                    let place = self.sources.inside(text.span, &error.at);
                    let message = if code == "E131" && handler.name.text != event.name {
                        format!("{} (`{}`)", error.message, event.name)
                    } else {
                        error.message
                    };
                    let mut diagnostic = Diagnostic::error(code, place, message);
                    diagnostic.help = error.help;
                    self.found.push(diagnostic);
                    break;
                }
            }
        }
        filters
    }
}

/// Settings that the broker that a handler listens to cannot follow.
fn misplaced(handler: &HandlerDraft, engine: Place) -> Vec<Diagnostic> {
    let draft = &handler.consume;
    let log = engine == Place::Log;
    let queue = matches!(engine, Place::Push | Place::Pull);
    let mut found = Vec::new();
    let mut wrong = |span, what: &str, help: &str| {
        let message = format!("{} knows no {what}", engine.noun());
        found.push(Diagnostic::error("E133", span, message).help(help));
    };
    if let Some((AckMode::Interval(_), span)) = draft.ack
        && !log
    {
        wrong(span, "acknowledgement by intervals", "use \"after\" or \"before\"");
    }
    match draft.on_exhausted {
        Some((Exhausted::Halt | Exhausted::Skip, span)) if !log => {
            wrong(span, "partition to halt or to skip in", "use \"drop\" or, on a queue, \"dlq\"");
        }
        Some((Exhausted::Dlq, span)) if !log && !queue => {
            wrong(span, "dead-letter queue", "use \"drop\", or a log or queue as broker");
        }
        _ => {}
    }
    match draft.retry_in {
        (RetryIn::Requeue, Some(span)) if !queue => {
            wrong(span, "queue to return to", "use \"inline\" or, on a log, \"delayed\"");
        }
        (RetryIn::Delayed, Some(span)) if !log && !queue => {
            wrong(span, "place beside it for a retry", "use \"inline\"");
        }
        _ => {}
    }
    found
}
