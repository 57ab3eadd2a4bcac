//! All integration tests in one binary: what the program promises, seen from outside.

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
