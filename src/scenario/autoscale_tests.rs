//! Autoscalers in whole scenarios: when help comes, when it goes, and what is refused.

use super::meaning_tests::{blueprint, check};
use crate::probe::{Control, RunRecord, Shape, simulate};
use std::sync::atomic::{AtomicBool, AtomicU64};

fn run(text: &str) -> RunRecord {
    let (cancelled, progress) = (AtomicBool::new(false), AtomicU64::new(0));
    let control = Control { cancelled: &cancelled, progress: &progress };
    simulate(&blueprint(text), 1, 0, control).expect("not cancelled")
}

/// Mean and largest of a level, and its series.
fn level(record: &RunRecord, path: &str) -> (f64, f64, Vec<f64>) {
    let found = record.measures.iter().find(|m| m.path == path).expect("a metric");
    let Shape::Level { mean, max } = found.shape else { panic!("{path} is a level") };
    (mean, max, found.series[0].1.clone())
}

/// 100/s for each instance; the load is 200/s, and 1000/s from 62 s on.
fn step(broker: &str, scale: &str, seconds: u64) -> String {
    format!(
        "duration = \"{seconds}s\"\nnetwork = \"1ms\"\n[broker.bus]\n{broker}\n[service.shop]\n\
         emits.E = {{ rate = [\"0s 200/s\", \"62s 1000/s\"] }}\n[service.books]\ninstances = 3\n\
         on.E = {{ takes = \"10ms\" }}\nautoscale = {{ {scale} }}\n"
    )
}

#[test]
fn the_backlog_grows_until_what_was_asked_for_has_started() {
    // It is looked at 75 s, and 13 s x 700/s wait; new instances work at 105 s.
    let record = run(&step("preset = \"ideal\"", "backlog = 500, min = 3, max = 30", 480));
    let (_, _, backlog) = level(&record, "books.backlog");
    let peak = backlog[..300].iter().copied().fold(0.0, f64::max);
    // 43 s x (1000 - 300)/s, within three standard deviations of as many arrivals and half a bin.
    assert!((peak - 30_100.0).abs() < 3.0 * libm::sqrt(43_000.0) + 450.0, "{peak}");
    let (_, most, series) = level(&record, "books.instances");
    assert_eq!(most, 30.0);
    // 9 100 / 500 are wanted at 75 s, more than 30 at 90 s, and these until 300 s after the last
    // time.
    assert_eq!((series[60], series[104], series[121]), (3.0, 3.0, 30.0));
    assert!((17.0..=21.0).contains(&series[110]), "{}", series[110]);
    assert_eq!(series[400], 30.0);
    assert_eq!(series[479], 3.0);
}

#[test]
fn there_are_no_more_consumers_than_partitions() {
    let broker = "preset = \"kafka\"\npartitions = 5";
    let record = run(&step(broker, "backlog = 100, min = 3, max = 30, start = \"5s\"", 120));
    assert_eq!(level(&record, "books.instances").1, 5.0);
}

#[test]
fn utilisation_is_kept_at_its_target() {
    // 1000/s x 10 ms keep 10 workers busy, half of 20. What the backlog asked for goes first.
    let record = run(&step("preset = \"ideal\"", "rho = \"50%\", max = 40, start = \"1s\"", 700));
    let (_, _, series) = level(&record, "books.instances");
    let last = series[series.len() - 10];
    // Of 15 looks at workers of which 10 +- 3 are busy, the most of 20 decisions.
    assert!((18.0..=26.0).contains(&last), "{last}");
}

#[test]
fn a_service_without_work_goes_to_nothing_and_comes_back() {
    let text = "duration = \"900s\"\n[broker.bus]\npreset = \"rabbitmq-classic\"\n[service.shop]\n\
                emits.E = { rate = [\"0s 20/s\", \"40s 0/s\", \"700s 20/s\"] }\n[service.books]\n\
                on.E = { takes = \"10ms\" }\n\
                autoscale = { backlog = 50, min = 0, max = 4, start = \"10s\" }\n";
    let record = run(text);
    let (_, _, series) = level(&record, "books.instances");
    let bins = series.len() as f64 / 900.0;
    let at = |s: f64| series[(s * bins) as usize];
    assert_eq!([at(100.0), at(290.0), at(500.0), at(690.0)], [1.0, 1.0, 0.0, 0.0]);
    // At 720 s it is found that something waits, and enough for all. Starting takes 10 s.
    assert_eq!([at(725.0), at(745.0)], [0.0, 4.0]);
}

#[test]
fn wrong_autoscalers_are_refused() {
    let of = |scale: &str| check(&step("", scale, 10));
    let cases = [
        "min = 3",
        "backlog = 5, rho = \"50%\"",
        "rho = \"0%\"",
        "rho = \"50%\", min = 0",
        "backlog = 5, min = 9, max = 4",
        "backlog = 5, min = 4",
        "backlog = 0",
    ];
    let told: Vec<String> = cases.iter().map(|c| format!("-- {c}\n{}", of(c))).collect();
    insta::assert_snapshot!(told.join("\n"), @r#"
        -- min = 3
            autoscale = { min = 3 }
        E108 10:13+11 an autoscaler without a target
          help: say what it aims at: backlog = 500 or rho = "70%"

        -- backlog = 5, rho = "50%"
            autoscale = { backlog = 5, rho = "50%" }
        E109 10:28+3 an autoscaler has one target: `backlog` or `rho`
          10:15+7 the first target
          help: keep one of them

        -- rho = "0%"
            autoscale = { rho = "0%" }
        E106 10:21+4 `rho` must be above 0

        -- rho = "50%", min = 0
            autoscale = { rho = "50%", min = 0 }
        E106 10:13+24 a service without instances has no utilisation to be scaled by
          help: let `min` be 1, or scale by `backlog`

        -- backlog = 5, min = 9, max = 4
            instances = 3
        E106 8:13+1 `autoscale` keeps 9 to 9 instances, and 3 are given
          help: `instances` is how many there are at the beginning
            autoscale = { backlog = 5, min = 9, max = 4 }
        E106 10:13+33 `min` is 9 and `max` is 4
          help: let `max` be larger

        -- backlog = 5, min = 4
            instances = 3
        E106 8:13+1 `autoscale` keeps 4 to 100 instances, and 3 are given
          help: `instances` is how many there are at the beginning

        -- backlog = 0
            autoscale = { backlog = 0 }
        E106 10:25+1 `backlog` must be at least 1
        "#);
}
