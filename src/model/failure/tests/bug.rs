//! Handlers that show wrong results for a while.

use super::message::ends_well;
use super::*;

/// Event 0 every 10 ms until 65 about one of `count` individuals, through a broker, at a service
/// that works on it for 2 ms.
fn shown(broker: Option<Broker>, count: u64) -> Blueprint {
    let via = BrokerId(u32::from(broker.is_some()));
    let mut from = source(10);
    from.sources[0].publish = Publish::plain(via);
    let mut h = handler(on(0), vec![work(2)]);
    h.consume = Consume::plain(via);
    let mut b = blueprint(65, 1, vec![from, service("s", vec![h])]);
    b.brokers.extend(broker);
    let population = Population { count, popularity: Popularity::Uniform };
    b.entities = vec![Entity { population: Some(population), ..Entity::new("account") }];
    b.events[0].key = Some(EntityId(0));
    b
}

fn bug(fix: Option<u64>, at_ms: u64, for_ms: u64) -> Failure {
    let target = Target::Handlers { service: ServiceId(1), handlers: vec![0] };
    Failure { verb: Verb::Bug(fix.map(at)), target, ..crash(1, at_ms, for_ms) }
}

/// When it is behind, and how many individuals are at the end.
fn behind(story: &str) -> (String, usize) {
    let told = |l: &&str| l.contains("behind") || l.contains("caught up") || l.contains("harmed");
    let lines: Vec<&str> = story.lines().filter(told).collect();
    let count = |what: &str| story.matches(what).count();
    (lines.join("\n"), count("is behind") - count("caught up"))
}

#[test]
fn what_is_applied_meanwhile_is_wrong_until_a_newer_version() {
    let mut b = shown(None, 1);
    b.failures = vec![bug(None, 15, 20)];
    let (story, left) = behind(&ends_well(&b));
    // The versions of 20 and 30 are spoilt; that of 40 is not.
    insta::assert_snapshot!(story, @r"
    10 0 is behind
    13 0 has caught up
    20 0 is behind
    0 is harmed first
    43 0 has caught up
    50 0 is behind
    53 0 has caught up
    60 0 is behind
    63 0 has caught up
    ");
    assert_eq!(left, 0);
}

#[test]
fn each_individual_stays_wrong_by_itself() {
    // Six of 10^9 are different ones.
    let mut b = shown(None, 1_000_000_000);
    b.failures = vec![bug(None, 15, 20)];
    assert_eq!(behind(&ends_well(&b)).1, 2);
    // Causes are counted: from 15 to 45.
    b.failures.push(bug(None, 25, 20));
    assert_eq!(behind(&ends_well(&b)).1, 3);
}

#[test]
fn a_fix_reads_the_log_again_and_mends_unless_the_service_skips_what_it_has_done() {
    let left = |fix: Option<u64>, dedup: Dedup| {
        let mut b = shown(Some(plain_log(1)), 1_000_000_000);
        b.services[1].memory.dedup = dedup;
        b.failures = vec![bug(fix, 15, 20)];
        let story = ends_well(&b);
        (behind(&story).1, story.matches("applied 0 again").count())
    };
    assert_eq!(left(None, Dedup::None), (2, 0));
    // All three until then, or from 25 on that of 30.
    assert_eq!(left(Some(0), Dedup::None), (0, 3));
    assert_eq!(left(Some(25), Dedup::None), (1, 1));
    assert_eq!(left(Some(0), Dedup::Inbox), (2, 0));
}

#[test]
fn an_older_version_that_is_applied_again_by_a_bug_is_wrong_too() {
    // Read again from 0 at 35 while another bug lasts: the versions of 10, 20 and 30 are spoilt,
    // and so are those of 40 and 50; that of 60 is not.
    let mut b = shown(Some(plain_log(1)), 1_000_000_000);
    b.failures = vec![bug(Some(0), 15, 20), bug(None, 34, 23)];
    assert_eq!(behind(&ends_well(&b)).1, 5);
}
