//! Tests of the whole program, in one binary.

#![expect(clippy::disallowed_methods, reason = "tests prepare and pin files")]

mod cli;
mod coupling;
mod determinism;
mod diagnostics;
mod docs;
mod failures;
mod ground_truth;
mod journal;
mod knobs;
mod laws;
mod links;
mod loops;
mod mutation;
mod plan;
mod published;
mod reports;
mod scenarios;
mod speed;
mod support;
mod swarm;
mod tidy;
mod validation;
