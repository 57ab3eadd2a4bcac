//! How a handler consumes: what its broker allows, and the filters in terms of attributes.

use super::Diagnostic;
use super::attributes::filter;
use super::compile::Compiler;
use super::draft::HandlerDraft;
use super::keys::Place;
use super::names::{Names, emissions};
use crate::model::{AckMode, BrokerId, Consume, Exhausted, Filter, PublishMode, RetryIn, Trigger};

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
        let ack = draft.ack.map(|(ack, _)| ack);
        let transacts = self.transacts(handler);
        Consume {
            via,
            filters: self.filters(handler, trigger),
            ack: if transacts { Some(AckMode::Transaction) } else { ack },
            prefetch: draft.prefetch,
            batch: draft.batch.clone(),
            backfill: draft.backfill,
            retry_in: draft.retry_in.0,
            on_exhausted: on_exhausted.or(dlq.then_some(Exhausted::Dlq)),
            poison: draft.poison,
        }
    }

    /// Whether a handler works in transactions. What they leave no room for is noted.
    fn transacts(&mut self, handler: &HandlerDraft) -> bool {
        let broker = transforms(handler, self.names).and_then(|id| self.draft.brokers.get(id));
        let Some(wanted) = broker.and_then(|broker| broker.exactly_once) else { return false };
        let mut wrong = |span, what: &str, help: &str| {
            let message = format!("{what} cannot be part of a transaction");
            let diagnostic = Diagnostic::error("E133", span, message)
                .related(wanted, "what it hears and emits is committed together")
                .help(help);
            self.found.push(diagnostic);
        };
        if let Some((_, span)) = handler.consume.ack {
            wrong(span, "an `ack` of its own", "remove it: the transaction acknowledges");
        }
        if let (RetryIn::Delayed, Some(span)) = handler.consume.retry_in {
            wrong(span, "a retry beside the partition", "use \"inline\"");
        }
        if let (PublishMode::Fire, Some(span)) = (handler.publish.mode, handler.publish.at) {
            wrong(span, "what is published without an answer", "use \"async\" or \"sync\"");
        }
        if let (PublishMode::OutboxPoll(_) | PublishMode::OutboxCdc, Some(span)) =
            (handler.publish.mode, handler.publish.at)
        {
            wrong(span, "what another process publishes", "use \"async\" or \"sync\"");
        }
        true
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

/// The broker that a handler hears and emits to, if it is the same one.
pub(super) fn transforms(handler: &HandlerDraft, names: &Names) -> Option<usize> {
    let heard = names.broker(handler.consume.via.as_ref()).ok()?;
    let told = names.broker(handler.publish.to.as_ref()).ok()?;
    let emits = !handler.is_api && emissions(handler).next().is_some();
    (emits && heard == told).then_some(heard.0 as usize)
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
