//! Scenarios in which the swarm found the program wrong, cut down to what it takes.

use crate::support;

/// Two copies of a request emit the same event, and the batch of the second one leaves first.
const HEDGED: &str = r#"
duration = "4s"
[broker.bus]
preset = "kafka-share"
[client.web]
calls = "shop.buy"
rate = "18/s"
hedge = "8ms"
[service.shop]
instances = 3
api.buy = { takes = "2ms", calls = "psp.charge", emits = "B" }
[service.psp]
api.charge = "mix 90% ~2ms, 10% 300ms"
[service.s0]
on.B = "~5ms"
"#;

/// A record comes twice, and both emit: only the first one is part of its log's transaction.
const TWICE: &str = r#"
duration = "4s"
seeds = 8
[broker.bus]
preset = "kafka"
exactly_once = true
[service.source]
start = "100ms"
emits.A = "40/s"
[service.s0]
start = "100ms"
on.A = { takes = "3ms", emits = "C" }
on.C = "1ms"
[[failure]]
duplicate = { "bus->s0[0]" = "20%" }
at = "1752ms"
for = "305ms"
"#;

#[test]
fn what_two_have_emitted_adds_up_and_comes_to_an_end() {
    for text in [HEDGED, TWICE] {
        let results = support::simulate(text, &[]);
        assert!(results.variants.get("base").expect("a variant").phases.converged);
    }
}
