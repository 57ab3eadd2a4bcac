//! An event that causes itself: without time it is stopped, with time it ends with the drain.

use crate::support::{self, results, tidelag, write};
use std::path::Path;
use std::process::Output;

/// A becomes B and B becomes A, in no work at all; `deliver` is how long the bus takes.
fn circle(deliver: &str) -> String {
    format!(
        r#"
duration = "5s"
drain    = "10s"
broker.bus = {{ preset = "ideal"{deliver} }}
service.start.emits.A = "1/s"
service.one.on.A = {{ takes = "0ms", emits = "B" }}
service.two.on.B = {{ takes = "0ms", emits = "A" }}
"#
    )
}

fn run(file: &Path) -> (Output, String) {
    let output = tidelag().arg("run").arg(file).output().expect("the binary starts");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    (output, text)
}

#[test]
fn a_circle_that_takes_no_time_is_ended_by_a_named_limit() {
    let dir = tempfile::tempdir().expect("a directory");
    let file = write(dir.path(), "circle.toml", circle(", deliver = \"0ms\""));
    let (output, text) = run(&file);
    let errors = support::stderr(&output);
    assert_eq!(support::status(&output), 3, "{errors}");
    assert!(errors.contains("ended by a limit: events per instant"), "{errors}");
    assert!(text.contains("A -> B -> A"), "{text}");
}

#[test]
fn a_circle_on_the_default_bus_ends_with_the_drain_and_a_warning() {
    let dir = tempfile::tempdir().expect("a directory");
    let file = write(dir.path(), "circle.toml", circle(""));
    let found = results(&file, &[]);
    let phases = &found.variants.get("base").expect("a variant `base`").phases;
    assert!(!phases.converged, "{phases:?}");
    assert_eq!(phases.drained_s, 10.0);
    let (output, text) = run(&file);
    assert_eq!(support::status(&output), 0, "{}", support::stderr(&output));
    assert!(text.contains("NOT at rest after 10.0 s of drain"), "{text}");
    assert!(text.contains("A004"), "{text}");
}
