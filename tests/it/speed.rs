//! A large scenario is answered while one waits: 1 000 services with 10 000 subscriptions.

use crate::support::{self, tidelag, write};
use std::fmt::Write as _;
use std::process::Output;

const SERVICES: usize = 1_000;
const SUBSCRIPTIONS: usize = 10;
/// A debug build may take this many times as long.
const PATIENCE: f64 = if cfg!(debug_assertions) { 5.0 } else { 1.0 };

/// Each service announces something of its own and listens to ten others.
fn scenario() -> String {
    let mut text = String::from("title = \"Large\"\nduration = \"60s\"\n");
    for service in 0..SERVICES {
        let _ = writeln!(text, "[service.s{service}]\nworkers = 4\nemits.E{service} = \"1/s\"");
        for k in 1..=SUBSCRIPTIONS {
            let _ = writeln!(text, "on.E{} = \"5ms\"", (service + 37 * k) % SERVICES);
        }
    }
    text
}

/// Seconds since some fixed instant.
fn clock() -> f64 {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
    now.tv_sec as f64 + now.tv_nsec as f64 * 1e-9
}

/// What the binary answers, and the seconds that it takes.
fn timed(arguments: &[&str]) -> (Output, f64) {
    let start = clock();
    let output = tidelag().args(arguments).output().expect("the binary starts");
    (output, clock() - start)
}

#[test]
fn a_thousand_services_are_checked_in_a_second_and_run_in_two() {
    let dir = tempfile::tempdir().expect("a directory");
    let file = write(dir.path(), "large.toml", scenario());
    let file = file.to_string_lossy();
    for (arguments, limit) in [
        (&["check", &file][..], 1.0),
        (&["run", &file, "--set", "duration=\"1s\"", "--quiet"][..], 2.0),
    ] {
        let (output, seconds) = timed(arguments);
        assert_eq!(support::status(&output), 0, "{}", support::stderr(&output));
        assert!(seconds < limit * PATIENCE, "{}: {seconds:.2} s", arguments[0]);
    }
}
