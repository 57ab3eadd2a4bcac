//! How often everything happens, estimated before the run: rates from the sources through events
//! and calls.
//!
//! Waiting is left out, so the estimate holds for a system that keeps up; `advice` says what
//! follows from it.

use crate::model::{
    Blueprint, Broker, Dedup, Emission, Emit, Handler, Load, Operation, PublishMode, Retry,
    RetryIn, Service, Step, Trigger,
};
use crate::random::Variate;
use crate::units::SimTime;

/// Rounds after which a cycle that has not settled counts as endless.
const ROUNDS: usize = 2_000;
/// Depth of nested calls that is followed.
const DEPTH: usize = 64;
/// Steps over which the gain of a cycle is measured.
const POWER_STEPS: i32 = 256;
const SECOND: f64 = 1e9;

/// Estimated rates of a blueprint, per second.
#[derive(Debug)]
pub(super) struct Flow {
    /// By event type; infinite if a cycle has no end.
    pub(super) events: Vec<f64>,
    /// By service and handler: arrivals of events or requests.
    pub(super) handlers: Vec<Vec<f64>>,
    /// Mean time in seconds that a worker spends on an arrival, by service and handler.
    pub(super) holds_s: Vec<Vec<f64>>,
    /// Mean time that it works in that, all attempts included, s.
    pub(super) works_s: Vec<Vec<f64>>,
    /// Requests of each client, at most.
    pub(super) clients: Vec<f64>,
    /// Events and operations of a cycle that feeds itself without end.
    pub(super) endless: Option<Endless>,
}

/// A cycle that feeds itself.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Endless {
    /// Names in order; the last one leads back to the first.
    pub(super) cycle: Vec<String>,
    /// How many one becomes each time round, on average.
    pub(super) gain: f64,
}

impl Flow {
    /// Estimates the rates, with closed loops at the most that they can ask for, or without them.
    pub(super) fn of(blueprint: &Blueprint, closed: bool) -> Self {
        let holds_s = holds(blueprint);
        let of_all = |s: &Service| s.handlers.iter().map(works).collect();
        let works_s = blueprint.services.iter().map(of_all).collect();
        let graph = Graph::of(blueprint);
        let mut base = vec![0.0; graph.edges.len()];
        let end = blueprint.phases.traffic_end();
        for source in blueprint.services.iter().flat_map(|s| &s.sources) {
            base[source.event.0 as usize] +=
                source.rate.mean_per_s(SimTime::ZERO, end) * source.burst.mean();
        }
        let mut clients = Vec::new();
        for client in &blueprint.clients {
            let answer = wait_s(blueprint, &holds_s, client.calls);
            let rate = match &client.load {
                Load::Open(rate) => rate.mean_per_s(SimTime::ZERO, end),
                Load::Closed { .. } if !closed => 0.0,
                Load::Closed { users, think } => {
                    f64::from(*users) / (think.mean_ns() / SECOND + answer).max(1e-9)
                }
            };
            let node = graph.handler(client.calls.service.0, client.calls.handler);
            base[node] += rate * tries(blueprint, client.calls, &client.retry);
            clients.push(rate);
        }
        let (rates, core) = graph.solve(&base);
        let endless = graph.endless(blueprint, &rates, &core);
        let events = rates[..blueprint.events.len()].to_vec();
        let handlers = blueprint
            .services
            .iter()
            .zip(&graph.first)
            .map(|(service, first)| rates[*first..first + service.handlers.len()].to_vec())
            .collect();
        Self { events, handlers, holds_s, works_s, clients, endless }
    }
}

/// Attempts that an arrival at a handler takes on average, and the chance that it succeeds in the
/// end.
fn attempts(handler: &Handler) -> (f64, f64) {
    let (fails, poison) = (handler.fails.get(), handler.consume.poison.get());
    let lost = libm::pow(fails, f64::from(handler.attempts));
    let tries = if fails < 1.0 { (1.0 - lost) / (1.0 - fails) } else { handler.attempts.into() };
    // Poison takes all attempts and fails.
    let tries = (1.0 - poison) * tries + poison * f64::from(handler.attempts);
    (tries, (1.0 - poison) * (1.0 - lost))
}

fn handler_of(blueprint: &Blueprint, operation: Operation) -> Option<&Handler> {
    let service: &Service = blueprint.services.get(operation.service.0 as usize)?;
    service.handlers.get(operation.handler as usize)
}

/// Attempts of a call on average, with a callee that answers in time.
fn tries(blueprint: &Blueprint, operation: Operation, retry: &Retry) -> f64 {
    let fails = handler_of(blueprint, operation).map_or(0.0, |h| 1.0 - attempts(h).1);
    if fails < 1.0 {
        (1.0 - libm::pow(fails, f64::from(retry.attempts))) / (1.0 - fails)
    } else {
        retry.attempts.into()
    }
}

/// Time from a request to its answer, in seconds, with a callee that is idle.
fn wait_s(blueprint: &Blueprint, holds_s: &[Vec<f64>], operation: Operation) -> f64 {
    let hold = holds_s
        .get(operation.service.0 as usize)
        .and_then(|of_service| of_service.get(operation.handler as usize))
        .copied()
        .unwrap_or(0.0);
    2.0 * delay(blueprint).mean_ns() / SECOND + hold
}

/// The usual one-way delay: between zones if there are several.
fn delay(blueprint: &Blueprint) -> &Variate {
    let zones = &blueprint.zones;
    if zones.iter().any(|zone| zone.region != zones[0].region) {
        &blueprint.network.other_region
    } else if zones.len() > 1 {
        &blueprint.network.other_zone
    } else {
        &blueprint.network.same_zone
    }
}

/// Mean time that a worker spends on an arrival: takes, writes, waiting in calls, and pauses
/// between attempts.
fn holds(blueprint: &Blueprint) -> Vec<Vec<f64>> {
    let mut holds: Vec<Vec<f64>> =
        blueprint.services.iter().map(|s| vec![0.0; s.handlers.len()]).collect();
    for _ in 0..DEPTH {
        let next: Vec<Vec<f64>> = blueprint
            .services
            .iter()
            .map(|s| s.handlers.iter().map(|h| hold(blueprint, s, h, &holds)).collect())
            .collect();
        let settled = next == holds;
        holds = next;
        if settled {
            break;
        }
    }
    holds
}

fn hold(blueprint: &Blueprint, service: &Service, handler: &Handler, holds: &[Vec<f64>]) -> f64 {
    let (together, each) = batch(handler);
    let confirmation = match (handler.publish.mode, broker_of(blueprint, handler)) {
        (PublishMode::Sync, Some(broker)) => broker.publish.mean_ns() / SECOND,
        _ => 0.0,
    };
    let check = match service.memory.dedup {
        Dedup::None => 0.0,
        Dedup::Inbox | Dedup::Separate => service.read.mean_ns() / SECOND,
    };
    let steps: f64 = handler
        .steps
        .iter()
        .map(|step| match step {
            Step::Work(takes) => takes.mean_ns() / SECOND / together,
            Step::Write(_) => service.write.mean_ns() / SECOND,
            Step::Emit(_) => confirmation,
            Step::Call(_) if !handler.blocking => 0.0,
            Step::Call(operations) => operations
                .iter()
                .map(|operation| {
                    let answer = wait_s(blueprint, holds, *operation);
                    answer.min(handler.timeout.as_secs())
                        * tries(blueprint, *operation, &handler.retry)
                })
                .fold(0.0, f64::max),
        })
        .sum();
    let once = check + each + steps;
    let fails = handler.fails.get();
    let mut pauses = 0.0;
    // A pause holds its worker only where the work waits with it.
    let inline = handler.consume.retry_in == RetryIn::Inline;
    let mut still_failing = if inline { fails } else { 0.0 };
    for n in 0..handler.attempts.saturating_sub(1).min(DEPTH as u32) {
        pauses += still_failing * handler.backoff.mean_ns(n) / SECOND;
        still_failing *= fails;
    }
    once * attempts(handler).0 + pauses
}

/// Mean time that a worker works on an arrival.
fn works(handler: &Handler) -> f64 {
    let (together, each) = batch(handler);
    let steps = handler.steps.iter().map(|step| match step {
        Step::Work(takes) => takes.mean_ns() / SECOND / together,
        _ => 0.0,
    });
    (each + steps.sum::<f64>()) * attempts(handler).0
}

/// How many arrivals are worked on at once, and the work for each of them, s.
fn batch(handler: &Handler) -> (f64, f64) {
    // Under load, where it matters, batches are full.
    let batch = handler.consume.batch.as_ref();
    batch.map_or((1.0, 0.0), |b| (f64::from(b.max), b.each.mean_ns() / SECOND))
}

fn broker_of<'a>(blueprint: &'a Blueprint, handler: &Handler) -> Option<&'a Broker> {
    blueprint.brokers.get(handler.publish.to.0 as usize)
}

/// What starts what: nodes are the event types, then the handlers service by service.
struct Graph {
    /// Node of each service's first handler.
    first: Vec<usize>,
    /// Targets of each node, and how many arrive there for one here.
    edges: Vec<Vec<(usize, f64)>>,
}

impl Graph {
    fn of(blueprint: &Blueprint) -> Self {
        let mut first = Vec::new();
        let mut nodes = blueprint.events.len();
        for service in &blueprint.services {
            first.push(nodes);
            nodes += service.handlers.len();
        }
        let mut graph = Self { first, edges: vec![Vec::new(); nodes] };
        for (s, service) in blueprint.services.iter().enumerate() {
            for (k, handler) in service.handlers.iter().enumerate() {
                let node = graph.first[s] + k;
                if let Trigger::On(events) = &handler.trigger {
                    for event in events {
                        graph.edges[event.0 as usize].push((node, 1.0));
                    }
                }
                let (tried, done) = attempts(handler);
                for step in &handler.steps {
                    match step {
                        Step::Emit(Emit::All(all)) => {
                            let weight = |e: &Emission| done * f64::from(e.count);
                            let to = all.iter().map(|e| (e.event.0 as usize, weight(e)));
                            graph.edges[node].extend(to);
                        }
                        Step::Emit(Emit::OneOf(one)) => {
                            let weight = |p: f64, e: &Emission| done * p * f64::from(e.count);
                            let to =
                                one.iter().map(|(p, e)| (e.event.0 as usize, weight(p.get(), e)));
                            graph.edges[node].extend(to);
                        }
                        Step::Call(operations) => {
                            for called in operations {
                                let target = graph.handler(called.service.0, called.handler);
                                let weight = tried * tries(blueprint, *called, &handler.retry);
                                graph.edges[node].push((target, weight));
                            }
                        }
                        Step::Work(_) | Step::Write(_) => {}
                    }
                }
            }
        }
        graph
    }

    fn handler(&self, service: u32, handler: u32) -> usize {
        self.first.get(service as usize).map_or(0, |first| first + handler as usize)
    }

    /// Rates of all nodes, and the nodes that lie on cycles or between them.
    fn solve(&self, base: &[f64]) -> (Vec<f64>, Vec<usize>) {
        let mut rates = base.to_vec();
        let mut incoming = vec![0_usize; rates.len()];
        for (target, _) in self.edges.iter().flatten() {
            incoming[*target] += 1;
        }
        let mut ready: Vec<usize> = (0..rates.len()).filter(|n| incoming[*n] == 0).collect();
        let mut done = vec![false; rates.len()];
        while let Some(node) = ready.pop() {
            done[node] = true;
            for &(target, weight) in &self.edges[node] {
                rates[target] += rates[node] * weight;
                incoming[target] -= 1;
                if incoming[target] == 0 {
                    ready.push(target);
                }
            }
        }
        let rest: Vec<usize> = (0..rates.len()).filter(|n| !done[*n]).collect();
        let fed = rates.clone();
        let mut settled = rest.is_empty();
        for _ in 0..ROUNDS {
            if settled {
                break;
            }
            let mut next = fed.clone();
            for &node in &rest {
                for &(target, weight) in &self.edges[node] {
                    next[target] += rates[node] * weight;
                }
            }
            settled = rest.iter().all(|n| (next[*n] - rates[*n]).abs() <= 1e-9 * next[*n]);
            rates = next;
        }
        if !settled {
            for &node in &rest {
                if rates[node] > 0.0 {
                    rates[node] = f64::INFINITY;
                }
            }
        }
        let core = self.core(rest);
        (rates, core)
    }

    /// Those of `nodes` that lead back into themselves or to such: nodes without a way on are
    /// dropped in turn.
    fn core(&self, mut nodes: Vec<usize>) -> Vec<usize> {
        loop {
            let inside: std::collections::BTreeSet<usize> = nodes.iter().copied().collect();
            let before = nodes.len();
            nodes.retain(|n| self.edges[*n].iter().any(|(t, w)| *w > 0.0 && inside.contains(t)));
            if nodes.len() == before {
                return nodes;
            }
        }
    }

    /// The cycle among `core` that grows or never fades, if something starts it.
    fn endless(&self, blueprint: &Blueprint, rates: &[f64], core: &[usize]) -> Option<Endless> {
        let started: Vec<usize> = core.iter().copied().filter(|n| rates[*n] > 0.0).collect();
        if started.is_empty() {
            return None;
        }
        let mut inside = vec![false; rates.len()];
        for node in &started {
            inside[*node] = true;
        }
        let mut weights = vec![0.0; rates.len()];
        for node in &started {
            weights[*node] = 1.0;
        }
        // Geometric mean of the growth over an even number of steps, so that cycles of period two
        // do not deceive.
        let mut growth = 0.0;
        for step in 0..POWER_STEPS {
            let mut next = vec![0.0; rates.len()];
            for &node in &started {
                for &(target, weight) in self.edges[node].iter().filter(|(t, _)| inside[*t]) {
                    next[target] += weights[node] * weight;
                }
            }
            let (before, after) = (weights.iter().sum::<f64>(), next.iter().sum::<f64>());
            if after <= 0.0 {
                return None;
            }
            if step >= POWER_STEPS / 2 {
                growth += libm::log(after / before);
            }
            for weight in &mut next {
                *weight /= after;
            }
            weights = next;
        }
        let gain = libm::exp(growth / f64::from(POWER_STEPS / 2));
        // One becomes one for ever: never at rest. Rounding takes a little off.
        (gain > 1.0 - 1e-6).then(|| {
            let nodes = self.walk(&started, &weights);
            let names: Vec<String> =
                nodes.iter().filter_map(|n| Some(blueprint.events.get(*n)?.name.clone())).collect();
            let cycle = if names.is_empty() { self.operations(blueprint, &nodes) } else { names };
            Endless { cycle, gain: libm::pow(gain, nodes.len() as f64) }
        })
    }

    /// Follows the heaviest successors until they repeat.
    fn walk(&self, nodes: &[usize], weights: &[f64]) -> Vec<usize> {
        let heavier = |a: &usize, b: &usize| weights[*a].total_cmp(&weights[*b]);
        let mut path: Vec<usize> = Vec::new();
        let mut next = nodes.iter().copied().max_by(heavier);
        while let Some(node) = next {
            if let Some(start) = path.iter().position(|n| *n == node) {
                return path.split_off(start);
            }
            path.push(node);
            let targets = self.edges[node].iter().map(|(t, _)| *t).filter(|t| nodes.contains(t));
            next = targets.max_by(heavier);
        }
        Vec::new()
    }

    fn operations(&self, blueprint: &Blueprint, nodes: &[usize]) -> Vec<String> {
        let name = |node: usize| {
            let s = self.first.partition_point(|first| *first <= node).checked_sub(1)?;
            let service = &blueprint.services[s];
            match &service.handlers.get(node - self.first[s])?.trigger {
                Trigger::Api(operation) => Some(format!("{}.{operation}", service.name)),
                Trigger::On(_) => None,
            }
        };
        nodes.iter().filter_map(|node| name(*node)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::super::meaning_tests::blueprint;
    use super::*;

    fn near(a: f64, b: f64) -> bool {
        (a - b).abs() <= 1e-6 * b.abs()
    }

    #[test]
    fn rates_follow_events_shares_bursts_and_calls() {
        let b = blueprint(
            r#"
network = "0s"
[service.a]
emits.A = { rate = "10/s", burst = "geometric 3" }
[service.b]
on.A = { takes = "1ms", emits = ["B 30%", "C 50%"], calls = ["c.op", "c.op"] }
[service.c]
on.B = "1ms"
on.C = { takes = "2ms", emits = "D x4", writes = "x" }
api.op = "5ms"
[service.d]
on.D = "1ms"
"#,
        );
        let flow = Flow::of(&b, true);
        let by_name =
            |name: &str| flow.events[b.events.iter().position(|e| e.name == name).unwrap()];
        assert!(near(by_name("A"), 30.0) && near(by_name("B"), 9.0) && near(by_name("C"), 15.0));
        assert!(near(by_name("D"), 60.0));
        assert!(near(flow.handlers[2][2], 60.0), "two calls for each A");
        assert!(near(flow.holds_s[1][0], 0.011), "work and two answers of 5 ms");
        assert!(near(flow.holds_s[2][1], 0.004), "work and a write of 2 ms");
        assert_eq!(flow.endless, None);
    }

    #[test]
    fn failed_attempts_and_their_pauses_hold_a_worker() {
        let b = blueprint(
            r#"
[service.a]
emits.A = "1/s"
[service.b]
on.A = { takes = "10ms", fails = "50%", attempts = 2, backoff = "1s fixed", emits = "B" }
[service.c]
on.B = "1ms"
"#,
        );
        let flow = Flow::of(&b, true);
        assert!(near(flow.holds_s[1][0], 1.5 * 0.01 + 0.5), "{:?}", flow.holds_s);
        assert!(near(flow.events[1], 0.75), "a quarter fails twice");
    }

    #[test]
    fn a_closed_loop_asks_as_often_as_its_users_can() {
        let b = blueprint(
            r#"
network = "5ms"
[client.web]
users = 10
think = "80ms"
calls = "a.op"
[service.a]
api.op = "10ms"
"#,
        );
        assert!(near(Flow::of(&b, true).clients[0], 100.0));
        assert_eq!(Flow::of(&b, false).handlers[0][0], 0.0);
    }

    #[test]
    fn a_cycle_that_fades_is_summed_up() {
        let b = blueprint(
            r#"
[service.a]
emits.A = "1/s"
[service.b]
on.A = { takes = "1ms", emits = "B 50%" }
on.B = { takes = "1ms", emits = "A" }
"#,
        );
        let flow = Flow::of(&b, true);
        assert!(near(flow.events[0], 2.0), "1 + 1/2 + 1/4 + ... {:?}", flow.events);
        assert_eq!(flow.endless, None);
    }

    #[test]
    fn a_cycle_that_feeds_itself_is_named() {
        let b = blueprint(
            r#"
[service.a]
emits.Start = "1/s"
[service.b]
on.Start = { takes = "1ms", emits = "A" }
on.A = { takes = "1ms", emits = "B x2" }
on.B = { takes = "1ms", emits = "A 60%" }
[service.c]
on.A = "1ms"
"#,
        );
        let endless = Flow::of(&b, true).endless.unwrap();
        assert!(near(endless.gain, 1.2), "{}", endless.gain);
        assert_eq!(endless.cycle.len(), 2);
        assert!(endless.cycle.contains(&"A".into()) && endless.cycle.contains(&"B".into()));
    }

    #[test]
    fn services_that_call_each_other_for_ever_are_named() {
        let b = blueprint(
            r#"
[client.web]
rate = "1/s"
calls = "a.x"
[service.a]
api.x = { calls = "b.y" }
[service.b]
api.y = { calls = "a.x" }
"#,
        );
        let mut cycle = Flow::of(&b, true).endless.unwrap().cycle;
        cycle.sort();
        assert_eq!(cycle, ["a.x", "b.y"]);
    }
}
