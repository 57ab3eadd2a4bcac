//! After the last failure of a link or zone everything is delivered, whatever the broker.

use crate::support::{self, results};

/// Presets, and whether all that gets lost comes again.
const BROKERS: [(&str, bool); 6] = [
    ("ideal", true),
    ("kafka", true),
    ("rabbitmq-classic", true),
    ("rabbitmq-quorum", true),
    ("sqs", true),
    ("nats-core", false),
];

const LINKS: [&str; 7] = [
    "partition = [\"bus\", \"books\"]",
    "partition = [\"shop\", \"bus\"]",
    "loss = { \"bus->books\" = \"5%\" }",
    "duplicate = \"shop->bus\"",
    "reorder = \"bus->books\"",
    "delay = { \"books->bus\" = \"~30ms\" }",
    "throttle = { \"shop->bus\" = \"20KB/s\" }",
];

#[test]
fn what_links_and_zones_keep_back_arrives_when_they_are_mended() {
    let dir = tempfile::tempdir().expect("a directory");
    for (preset, keeps) in BROKERS {
        let mut failures = vec!["zone = \"b\"", "zone = \"a\""];
        if preset != "ideal" {
            failures.extend(LINKS);
        }
        for (nth, failure) in failures.iter().enumerate() {
            let text = format!(
                "duration = \"20s\"\nzones = [\"a\", \"b\", \"c\"]\n[broker.bus]\npreset = \
                 \"{preset}\"\n[service.shop]\ninstances = 3\nemits.E = \"20/s\"\n\
                 [service.books]\ninstances = 3\non.E = \"5ms\"\n\
                 [[failure]]\n{failure}\nat = \"5s\"\nfor = \"8s\"\n\
                 [[failure]]\nname = \"again\"\nzone = \"c\"\nat = \"10s\"\nfor = \"5s\"\n"
            );
            let file = support::write(dir.path(), &format!("{preset}-{nth}.toml"), text);
            let found = results(&file, &[]);
            let base = found.variants.iter().next().expect("a variant").1;
            let (_, ledger) = base.ledger.iter().next().expect("a subscription");
            let case = format!("{preset}, {failure}: {ledger:?}");
            assert!(base.phases.converged, "{case}");
            assert!(ledger.committed > 300, "{case}");
            let open = ledger.pending + ledger.stored + ledger.leased;
            assert_eq!(open, 0, "{case}");
            // What an instance had not sent dies with it.
            let crashed = ledger.lost.iter().filter(|(reason, _)| *reason == "crash");
            let crashed: u64 = crashed.map(|(_, n)| n).sum();
            if keeps {
                assert_eq!(ledger.applied + crashed, ledger.committed, "{case}");
            }
        }
    }
}
