//! Results that others have published: each file states them as bounds, and docs/validation.md
//! shows what comes out.

#[path = "../published/rows.rs"]
mod rows;

use crate::support;
use std::fmt::Write as _;

fn check(file: &str) {
    let path = support::root().join(format!("tests/published/{file}.toml"));
    let results = support::results(&path, &["--threads", "1"]);
    let page = std::fs::read_to_string(support::root().join("docs/validation.md"));
    let page = page.expect("docs/validation.md");
    let rows = rows::rows(file, &results);
    let mut faults = String::new();
    for (row, holds) in &rows {
        if !holds {
            let _ = writeln!(faults, "{row}");
        }
        if !page.contains(row) {
            let _ = writeln!(faults, "docs/validation.md lacks {row}");
        }
    }
    assert!(!rows.is_empty(), "{file} states no bound");
    assert!(faults.is_empty(), "{file}\n{faults}");
}

macro_rules! files {
    ($($name:ident = $file:literal,)*) => {
        $(
            #[test]
            fn $name() {
                check($file);
            }
        )*

        #[test]
        fn every_file_is_a_test() {
            let listed: Vec<&str> = rows::FILES.iter().map(|f| f.0).collect();
            assert_eq!(listed, [$($file),*]);
            let mut there: Vec<String> =
                support::files("tests/published", "toml").into_iter().map(|f| f.0).collect();
            let mut sorted = listed;
            sorted.sort_unstable();
            there.sort_unstable();
            assert_eq!(there, sorted);
        }
    };
}

files! {
    one_asynchronous_server = "asyncflow-single",
    two_servers_behind_a_balancer = "asyncflow-balanced",
    fifty_clients_update_one_row = "backoff-contention",
    servers_and_edges_in_trouble = "asyncflow-outages",
    a_server_behind_a_slow_network = "asyncflow-spike",
    retries_that_successes_pay_for = "retry-budget",
}
