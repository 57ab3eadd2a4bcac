//! Tests of the whole program, in one binary.

mod cli;
mod determinism;
mod diagnostics;
mod docs;
mod laws;
mod mutation;
mod reports;
mod scenarios;
mod speed;
mod support;
mod tidy;
mod validation;
