//! The renderers as a whole: pinned reports, the bones of the charts, what a page must not contain,
//! and that no results whatever make any of them panic.

use super::*;
use crate::results::{
    Advice, BrokerInfo, ClientInfo, Comparison, Expectation, FailureWindow, Histogram, Ledger,
    Metric, PartitionBacklog, Partitions, Results, Series, ServiceInfo, VariantResult, Verdict,
};
use proptest::prelude::*;

#[test]
fn terminal_report_of_an_overload() {
    insta::assert_snapshot!(terminal(&testing::overload(), &TerminalOptions::default()));
}

#[test]
fn terminal_report_of_a_crash() {
    insta::assert_snapshot!(terminal(&testing::crash(), &TerminalOptions::default()));
}

#[test]
fn terminal_report_on_a_narrow_screen() {
    let options = TerminalOptions { color: false, width: 56 };
    let text = terminal(&testing::crash(), &options);
    for line in text.lines() {
        assert!(line.chars().count() <= 56, "{line}");
    }
    insta::assert_snapshot!(text);
}

#[test]
fn colour_adds_escapes_and_nothing_else() {
    for results in [testing::overload(), testing::crash(), testing::empty()] {
        let plain = terminal(&results, &TerminalOptions { color: false, width: 90 });
        let colour = terminal(&results, &TerminalOptions { color: true, width: 90 });
        assert!(!plain.contains('\u{1b}') && colour.contains('\u{1b}'));
        let mut stripped = String::new();
        for (i, part) in colour.split('\u{1b}').enumerate() {
            stripped.push_str(if i == 0 { part } else { part.split_once('m').map_or("", |p| p.1) });
        }
        assert_eq!(stripped, plain);
    }
}

#[test]
fn the_answer_stands_in_the_first_ten_lines() {
    let first = |results: &Results| -> String {
        let text = terminal(results, &TerminalOptions::default());
        text.lines().take(10).collect::<Vec<_>>().join(" ")
    };
    let overload = first(&testing::overload());
    assert!(overload.contains("email falls 0.667 s further behind every second"), "{overload}");
    assert!(overload.contains("Expectations: 1 of 2 fails"), "{overload}");
    let crash = first(&testing::crash());
    assert!(crash.contains("82.0 % of web's requests succeed"), "{crash}");
    assert!(crash.contains("12 deliveries lost"), "{crash}");
}

#[test]
fn markdown_report() {
    insta::assert_snapshot!(markdown(&testing::crash()));
}

/// Names of the elements of an SVG with how often each occurs, and its texts.
fn bones(svg: &str) -> String {
    let mut out = String::new();
    for name in ["rect", "polyline", "polygon", "circle", "line"] {
        let count = svg.matches(&format!("<{name} ")).count();
        out.extend([name, " ", &count.to_string(), "\n"]);
    }
    let mut rest = svg;
    while let Some((_, after)) = rest.split_once("<text ") {
        let (text, after) = after.split_once("</text>").unwrap_or(("", ""));
        out.push_str(text.split_once('>').map_or("", |t| t.1).trim());
        out.push('\n');
        rest = after;
    }
    out
}

#[test]
fn bones_of_the_charts() {
    for (name, results) in [
        ("overload", testing::overload()),
        ("crash", testing::crash()),
        ("delivery", testing::delivery()),
    ] {
        for chart in charts(&results) {
            let name = format!("{name}-{}", chart.file_name);
            let all = format!(
                "{}\n{}\n{}\n\n{}",
                chart.title,
                chart.alt,
                chart.how_to_read,
                bones(&chart.svg)
            );
            insta::assert_snapshot!(name, all);
        }
    }
}

#[test]
fn every_coordinate_is_a_whole_number() {
    for chart in charts(&testing::overload()).into_iter().chain(charts(&testing::delivery())) {
        for attribute in [" x=\"", " y=\"", " points=\"", " x1=\"", " width=\"", " height=\""] {
            for value in chart.svg.split(attribute).skip(1) {
                let value = value.split_once('"').map_or("", |v| v.0);
                assert!(
                    !value.contains(['.', 'e', 'N']),
                    "{}: {attribute}{value}",
                    chart.file_name
                );
            }
        }
    }
}

#[test]
fn charts_of_nothing_are_no_charts() {
    assert_eq!(charts(&testing::empty()), []);
    let mut results = testing::overload();
    for name in ["base", "fixed"] {
        let variant = results.variants.get_mut(name).expect("a variant");
        variant.series = crate::results::Ordered::default();
        variant.histograms = crate::results::Ordered::default();
    }
    assert_eq!(charts(&results), []);
}

#[test]
fn of_a_hundred_subscribers_six_are_drawn_and_the_chart_says_so() {
    let mut results = testing::overload();
    let v = results.variants.get_mut("base").expect("a variant");
    let (email, series) = (v.topology.services[2].clone(), v.series.get("email.lag.p99").cloned());
    for k in 0..98 {
        let name = format!("s{k}");
        v.series.push(format!("{name}.lag.p99"), series.clone().expect("a series"));
        v.topology.services.push(ServiceInfo { name, ..email.clone() });
    }
    let chart = &charts(&results)[0];
    assert!(chart.alt.contains("The 6 furthest behind of 100 subscribers."), "{}", chart.alt);
    assert_eq!(chart.svg.matches("lag (").count(), 6);
}

#[test]
fn of_a_thousand_partitions_64_are_drawn_and_the_fullest_is_named() {
    let mut results = testing::delivery();
    let backlog = |partition: u32| {
        let mean = if partition == 777 { 80.5 } else { 1.0 };
        PartitionBacklog { partition, mean, max: 90 }
    };
    let v = results.variants.get_mut("base").expect("a variant");
    v.partitions[0].count = 1000;
    v.partitions[0].backlogs = (0..1000).map(backlog).collect();
    let base = v.clone();
    results.variants = [("base".to_owned(), base)].into_iter().collect();
    let charts = charts(&results);
    let chart = charts.iter().find(|c| c.file_name == "backlog-by-partition.svg").expect("drawn");
    assert_eq!(
        chart.title,
        "Partition 777 of OrderPlaced at email holds 80.5 messages on average, at most 90"
    );
    assert!(chart.svg.contains("64 fullest of 1\u{202f}000 partitions"), "{}", chart.alt);
    // A rectangle for each bar and one for the paper.
    assert_eq!(chart.svg.matches("<rect ").count(), 65);
}

#[test]
fn the_matrix_is_drawn_of_all_variants_and_says_which_combination_is_clean() {
    let mut results = testing::delivery();
    let title = |results: &Results| {
        let found = charts(results).into_iter().find(|c| c.file_name == "delivery-matrix.svg");
        found.map(|c| c.title)
    };
    assert_eq!(
        title(&results).as_deref(),
        Some("Only after + outbox + inbox brings every event to email exactly once in effect")
    );
    let ledger = |results: &mut Results, name: &str| {
        let v = results.variants.get_mut(name).expect("a variant");
        v.ledger.get_mut("email").expect("a ledger").double_applied = 1;
    };
    ledger(&mut results, "after-outbox-inbox");
    assert_eq!(
        title(&results).as_deref(),
        Some("None of 8 combinations brings every event to email exactly once in effect")
    );
    // One combination less, and what is left is no matrix.
    results.variants =
        results.variants.iter().take(8).map(|(n, v)| (n.to_owned(), v.clone())).collect();
    results.variants.push("other", VariantResult::default());
    assert_eq!(title(&results), None);
}

#[test]
fn reports_show_the_matrix_brokers_and_what_rests_on_estimates() {
    let results = testing::delivery();
    let plain = |text: String| text.replace(['\u{202f}', '\u{a0}', '\n'], " ").replace("  ", " ");
    let reports =
        [terminal(&results, &TerminalOptions::default()), markdown(&results), page(&results)];
    for report in reports.map(plain) {
        for part in [
            "Delivery matrix",
            "applied twice",
            "partitioned log, 12 partitions, 3 copies on 3 nodes",
            "Some of these numbers are of grade C or D: see A006",
            "of preset kafka",
            "not committed",
            "12.5 %",
            "WARN",
        ] {
            assert!(report.contains(part), "{part}");
        }
    }
}

/// Whether every element is closed in order. Stricter than HTML for what this page uses.
fn is_well_formed(page: &str) -> Result<(), String> {
    let void = ["meta", "rect", "line", "polyline", "polygon", "circle"];
    let mut open: Vec<&str> = Vec::new();
    for part in page.split('<').skip(1) {
        let (tag, _) = part.split_once('>').ok_or_else(|| format!("open tag: {part}"))?;
        let name = tag.split([' ', '/']).find(|n| !n.is_empty()).unwrap_or("");
        if tag.starts_with('!') || void.contains(&name) {
            continue;
        }
        if tag.starts_with('/') {
            let last = open.pop();
            if last != Some(name) {
                return Err(format!("</{name}> closes {last:?}"));
            }
        } else {
            open.push(name);
        }
    }
    if open.is_empty() { Ok(()) } else { Err(format!("never closed: {open:?}")) }
}

fn page(results: &Results) -> String {
    html(results, &charts(results))
}

#[test]
fn the_page_needs_nothing_from_elsewhere() {
    for results in [testing::overload(), testing::crash(), testing::empty()] {
        let page = page(&results);
        assert_eq!(is_well_formed(&page), Ok(()));
        for banned in ["<script", "<link", "<iframe", "@import", "url(", "src=", "href=", "onload"]
        {
            assert!(!page.contains(banned), "{banned}");
        }
        // The one address is the name of the SVG format, which nothing loads.
        let addresses = page.matches("http").count();
        assert_eq!(addresses, page.matches("xmlns=\"http://www.w3.org/2000/svg\"").count());
        assert_eq!(page.matches("<h1").count(), 1);
        assert!(page.contains("tidelag run SCENARIO.toml --seed 1 --seeds "));
    }
}

#[test]
fn headings_of_the_page_skip_no_level_and_tables_have_captions() {
    let page = page(&testing::crash());
    let mut level = 0;
    for part in page.split("<h").skip(1) {
        let Some(next) = part.chars().next().and_then(|c| c.to_digit(10)) else { continue };
        assert!(next <= level + 1, "h{level} then h{next}");
        level = next;
    }
    assert_eq!(page.matches("<table").count(), page.matches("<caption").count());
    assert_eq!(page.matches("<figure").count(), page.matches("role=\"img\" aria-label=").count());
}

#[test]
fn the_page_states_where_it_comes_from() {
    let page = page(&testing::overload());
    for part in ["5f5f5f", "00c0ffee", "tidelag 0.1.0", "0000000002af37bc", "24011 events"] {
        assert!(page.contains(part), "{part}");
    }
}

#[test]
fn names_cannot_break_out_of_the_page() {
    let mut results = testing::crash();
    results.scenario.title = "<script>alert(1)</script>".to_owned();
    let v = results.variants.get_mut("base").expect("a variant");
    v.failures[0].name = "</svg><b onload=x>".to_owned();
    let page = page(&results);
    assert!(!page.contains("<script") && !page.contains("<b "), "escaped");
    assert_eq!(is_well_formed(&page), Ok(()));
}

#[test]
fn what_is_drawn_from_the_file_is_what_was_drawn_before_it_was_saved() {
    for results in [testing::overload(), testing::crash()] {
        let again = parse_json(&json(&results)).expect("our own file");
        assert_eq!(page(&again), page(&results));
        assert_eq!(markdown(&again), markdown(&results));
        assert_eq!(metrics_csv(&again), metrics_csv(&results));
    }
}

/// Numbers that reports trip over.
fn number() -> impl Strategy<Value = f64> {
    prop_oneof![
        Just(0.0),
        Just(1.0),
        Just(-1.0),
        Just(5e-324),
        Just(f64::MAX),
        Just(1e-9),
        Just(1e6),
        -1e3..1e3,
        0.0..1.0,
    ]
}

fn name() -> impl Strategy<Value = String> {
    prop_oneof![Just("a".to_owned()), Just("b".to_owned()), Just(String::new()), ".{0,12}"]
}

fn path() -> impl Strategy<Value = String> {
    let suffix = prop::sample::select(vec![
        "lag.p50",
        "lag.p99",
        "lag.max",
        "lag.mean",
        "rho.mean",
        "throughput",
        "backlog.mean",
        "availability",
        "latency.p50",
        "latency.p99",
        "segment.wait.mean",
        "service.mean",
        "ledger.lost",
        "ledger.redelivered",
        "backlog.max",
        "",
    ]);
    (name(), suffix).prop_map(|(name, suffix)| format!("{name}.{suffix}"))
}

fn pair() -> impl Strategy<Value = [f64; 2]> {
    [number(), number()]
}

fn few<T: std::fmt::Debug>(of: impl Strategy<Value = T>) -> impl Strategy<Value = Vec<T>> {
    prop::collection::vec(of, 0..5)
}

fn metric() -> impl Strategy<Value = Metric> {
    let unit = prop::sample::select(vec!["s", "1/s", "1", "B", "?"]);
    let parts = (unit, prop::option::of(number()), prop::option::of(pair()), any::<Option<u64>>());
    parts.prop_map(|(unit, value, ci95, censored)| Metric {
        unit: unit.to_owned(),
        value,
        ci95,
        count: censored,
        censored,
        ..Metric::default()
    })
}

fn series() -> impl Strategy<Value = Series> {
    (number(), prop::collection::vec(prop::option::of(number()), 0..30))
        .prop_map(|(bin_s, values)| Series { unit: "s".to_owned(), bin_s, values })
}

fn histogram() -> impl Strategy<Value = Histogram> {
    let counts = prop::collection::vec(any::<u64>(), 0..5);
    (prop::collection::vec(number(), 0..5), counts, any::<u64>()).prop_map(
        |(values, counts, censored)| Histogram { unit: "s".to_owned(), values, counts, censored },
    )
}

fn variant() -> impl Strategy<Value = VariantResult> {
    let service = (name(), any::<u32>(), any::<u32>(), few(name()), few(name())).prop_map(
        |(name, instances, workers, on, api)| ServiceInfo {
            name,
            instances,
            workers,
            on,
            api,
            ..ServiceInfo::default()
        },
    );
    let client = (name(), name()).prop_map(|(name, calls)| ClientInfo {
        name,
        calls,
        load: "open loop".to_owned(),
    });
    let ledger = (any::<u64>(), any::<u64>(), few((name(), any::<u64>()))).prop_map(
        |(committed, applied, lost)| Ledger {
            committed,
            applied,
            redelivered: applied,
            double_applied: committed,
            lost: lost.into_iter().collect(),
            ..Ledger::default()
        },
    );
    let expectation = (path(), name(), prop::option::of(number()), any::<bool>()).prop_map(
        |(metric, bound, value, holds)| Expectation {
            metric,
            bound,
            value,
            unit: "s".to_owned(),
            holds,
            note: None,
        },
    );
    let window = (name(), number(), prop::option::of(number()))
        .prop_map(|(name, from, to)| FailureWindow { name, from, to, costs: Vec::new() });
    let advice = (name(), name(), prop::option::of(name()))
        .prop_map(|(code, text, try_next)| Advice { code, text, try_next });
    let backlog = (0..70_u32, number(), any::<u64>())
        .prop_map(|(partition, mean, max)| PartitionBacklog { partition, mean, max });
    let partitions = (name(), name(), few(backlog)).prop_map(|(service, event, backlogs)| {
        let (count, broker) = (backlogs.len() as u32, String::new());
        let status = event.clone();
        Partitions { service, event, broker, count, status, backlogs }
    });
    let broker = (name(), any::<bool>()).prop_map(|(name, stores)| BrokerInfo {
        name,
        stores,
        ..BrokerInfo::default()
    });
    let lists = (
        few(service),
        few(client),
        few(expectation),
        few(window),
        few(advice),
        few(partitions),
        few(broker),
    );
    let maps = (
        few((path(), metric())),
        few((path(), series())),
        few((path(), histogram())),
        few((name(), ledger)),
    );
    (lists, maps, [number(), number(), number()], any::<u64>()).prop_map(
        |(lists, maps, phases, events)| {
            let (services, clients, expect, failures, advice, partitions, brokers) = lists;
            let mut v = VariantResult {
                events,
                partitions,
                expect,
                advice,
                failures,
                ..Default::default()
            };
            v.topology.brokers = brokers;
            v.topology.services = services;
            v.topology.clients = clients;
            v.metrics = maps.0.into_iter().collect();
            v.series = maps.1.into_iter().collect();
            v.histograms = maps.2.into_iter().collect();
            v.ledger = maps.3.into_iter().collect();
            [v.phases.warmup_s, v.phases.measured_s, v.phases.drained_s] = phases;
            v
        },
    )
}

fn comparison() -> impl Strategy<Value = Comparison> {
    let verdict = prop::sample::select(vec![
        Verdict::Lower,
        Verdict::Higher,
        Verdict::Equal,
        Verdict::Undetected,
    ]);
    let numbers = (prop::option::of(number()), prop::option::of(number()));
    let intervals = (prop::option::of(pair()), prop::option::of(pair()));
    (name(), name(), path(), numbers, intervals, verdict).prop_map(
        |(a, b, metric, (diff, relative), (ci95, relative_ci95), verdict)| Comparison {
            a,
            b,
            metric,
            unit: "s".to_owned(),
            diff,
            ci95,
            relative,
            relative_ci95,
            verdict,
            note: None,
        },
    )
}

fn results() -> impl Strategy<Value = Results> {
    let scenario = (name(), name(), name(), name());
    // Names of which some make a matrix.
    let named = prop_oneof![name(), "[ab]-[xy]".prop_map(String::from)];
    (few((named, variant())), few(comparison()), scenario, any::<u64>(), 0_u64..3).prop_map(
        |(variants, comparisons, (title, question, lesson, hash), seed, seeds)| {
            let mut results = testing::empty();
            results.variants = variants.into_iter().collect();
            results.comparisons = comparisons;
            results.scenario.title = title;
            results.scenario.question = question;
            results.scenario.lesson = lesson;
            results.scenario.hash = hash;
            results.seed = seed;
            results.seeds = seeds;
            results
        },
    )
}

proptest! {
    #[test]
    fn no_results_make_a_renderer_panic(results in results(), width in 0_usize..200) {
        let text = json(&results);
        prop_assert!(parse_json(&text) == Ok(results.clone()));
        let report = terminal(&results, &TerminalOptions { color: true, width });
        prop_assert!(report.ends_with('\n'));
        prop_assert!(markdown(&results).ends_with('\n'));
        let charts = charts(&results);
        for chart in &charts {
            prop_assert_eq!(is_well_formed(&chart.svg), Ok(()));
        }
        let page = html(&results, &charts);
        prop_assert_eq!(is_well_formed(&page), Ok(()));
        for csv in [metrics_csv(&results), series_csv(&results), lag_csv(&results)] {
            prop_assert!(csv.ends_with('\n'));
        }
    }
}
