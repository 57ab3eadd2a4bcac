//! Small worlds in which every number can be worked out by hand.

use super::measure::{RunRecord, Shape};
use super::{Control, simulate};
use crate::results::FailureWindow;
use crate::scenario::testing::scenario;
use std::sync::atomic::{AtomicBool, AtomicU64};

/// Runs a scenario in which nothing takes time but what says so.
fn run(text: &str) -> RunRecord {
    let text = format!("network = \"0s\"\n{text}\n[broker.bus]\ndeliver = \"0s\"\n");
    let (cancelled, progress) = (AtomicBool::new(false), AtomicU64::new(0));
    let control = Control { cancelled: &cancelled, progress: &progress };
    let blueprint = &scenario(&text).variants[0].blueprint;
    simulate(blueprint, 1, 0, control).expect("not cancelled")
}

fn value(record: &RunRecord, path: &str) -> Result<f64, &'static str> {
    let measure = record.measures.iter().find(|m| m.path == path);
    match measure.unwrap_or_else(|| panic!("{path} is measured")).shape {
        Shape::Scalar(value) => value,
        _ => panic!("{path} is one number"),
    }
}

fn known(record: &RunRecord, path: &str) -> f64 {
    value(record, path).unwrap_or_else(|why| panic!("{path}: {why}"))
}

fn series<'a>(record: &'a RunRecord, path: &str) -> &'a [f64] {
    let measure = record.measures.iter().find(|m| m.path == path);
    &measure.expect("it is measured").series[0].1
}

#[test]
fn five_layers_of_three_attempts_make_243_of_one() {
    // Whatever reaches the last service fails; every layer tries three times.
    let retry = "retry = { attempts = 3, backoff = \"1ms fixed\" }";
    let layer = |n: u32| {
        let next = format!("calls = \"s{}.op\", timeout = \"9s\", {retry}", n + 1);
        format!("[service.s{n}]\nworkers = 9\napi.op = {{ {next} }}\n")
    };
    let layers: String = (1..5).map(layer).collect();
    let text = format!(
        "duration = \"10s\"\n[client.web]\nrate = \"every 4s\"\ncalls = \"s1.op\"\n\
         timeout = \"9s\"\n{retry}\n{layers}[service.s5]\nworkers = 9\n\
         api.op = {{ takes = \"1ms\", fails = \"100%\" }}\n"
    );
    let record = run(&text);
    let of = |name: &str| known(&record, &format!("{name}.amplification"));
    let found = [of("web"), of("s1"), of("s2"), of("s3"), of("s4"), of("s5")];
    assert_eq!(found, [3.0, 3.0, 9.0, 27.0, 81.0, 243.0]);
    // Two requests in 10 s, at 4 s and 8 s.
    assert_eq!(known(&record, "web.offered"), 0.6);
    assert_eq!(known(&record, "s5.offered"), 48.6);
    assert_eq!([known(&record, "s5.goodput"), known(&record, "web.goodput")], [0.0, 0.0]);
    let all: f64 = series(&record, "s5.offered").iter().sum();
    // Bins of 20 ms.
    assert!((all * 0.02 - 486.0).abs() < 1e-6, "{all}");
}

#[test]
fn what_is_turned_away_is_offered_and_not_good() {
    // One worker for 100 ms, no room to wait, a request every 50 ms and one more attempt 10 ms
    // after a refusal: every other request finds the worker busy, and so does its second attempt.
    let record = run("duration = \"10s\"\n[client.web]\nrate = \"every 50ms\"\n\
                      calls = \"shop.buy\"\nretry = { attempts = 2, backoff = \"10ms fixed\" }\n\
                      [service.shop]\nbacklog = { cap = 0 }\napi.buy = \"90ms\"\n");
    // At 50, 100, ... 9950 ms: 199 requests, 100 of them served at 50, 150, ...
    assert_eq!(known(&record, "web.availability"), 100.0 / 199.0);
    assert_eq!(known(&record, "web.offered"), (199.0 + 99.0) / 10.0);
    assert_eq!(known(&record, "web.amplification"), 298.0 / 199.0);
    assert_eq!(known(&record, "shop.offered"), 29.8);
    assert_eq!(known(&record, "shop.amplification"), 298.0 / 199.0);
    // The last one that was taken in, at 9950 ms, is done after the end.
    assert_eq!([known(&record, "shop.goodput"), known(&record, "web.goodput")], [9.9, 9.9]);
}

#[test]
fn attempts_in_place_count_and_effects_count_once() {
    // 9 events; each is tried four times, and never with success at one of the two.
    let record = run("duration = \"1s\"\n[service.shop]\nemits.E = \"every 100ms\"\n\
                      [service.mail]\non.E = { takes = \"1ms\", fails = \"100%\", attempts = 4, \
                      backoff = \"1ms fixed\" }\n[service.copy]\non.E = \"1ms\"\n");
    assert_eq!(known(&record, "mail.amplification"), 4.0);
    assert_eq!(known(&record, "mail.offered"), 36.0);
    assert_eq!(known(&record, "mail.goodput"), 0.0);
    assert_eq!([known(&record, "copy.goodput"), known(&record, "copy.amplification")], [9.0, 1.0]);
}

#[test]
fn what_is_done_twice_is_load_and_good_only_once() {
    // A log of which is committed every 5 s, and a crash: up to 5 s of it are done again.
    let record = run("duration = \"30s\"\n[service.bank]\nemits.E = \"every 100ms\"\n\
                      [service.books]\nstart = \"1s\"\non.E = { takes = \"2ms\", via = \"log\" }\n\
                      [broker.log]\npreset = \"kafka\"\npartitions = 1\nsession_timeout = \"3s\"\n\
                      [[failure]]\ncrash = \"books\"\nat = \"14s\"\nfor = \"500ms\"\n");
    let twice = known(&record, "books.ledger.double_applied");
    assert!(twice >= 10.0, "{twice}");
    // 299 events by the end of 30 s; the last one or two may still be on their way.
    let good = known(&record, "books.goodput") * 30.0;
    assert!((297.0..=299.0).contains(&good.round()), "{good}");
    let done = known(&record, "books.throughput") * 30.0;
    assert_eq!((done - good).round(), twice);
    // What arrives again was tried before.
    let again = (known(&record, "books.amplification") - 1.0) * 299.0;
    assert!((twice - 2.0..=twice + 2.0).contains(&again), "{again} of {twice}");
}

/// A request every second; what it leads to is applied by `fast` 100 ms later, which leads to
/// something that `slow` applies 400 ms after that. The answer comes at once.
fn chain(client: &str, slow: &str) -> RunRecord {
    run(&format!(
        "duration = \"10s\"\n[client.web]\nrate = \"every 1s\"\ncalls = \"shop.buy\"\n{client}\n\
         [service.shop]\nworkers = 9\napi.buy = {{ takes = \"10ms\", emits = \"A\" }}\n\
         [service.fast]\nworkers = 9\non.A = {{ takes = \"100ms\", emits = \"B\" }}\n\
         [service.slow]\nworkers = 9\non.B = {{ takes = \"400ms\"{slow} }}\n"
    ))
}

#[test]
fn a_request_is_fulfilled_when_all_that_it_led_to_is_done_in_time() {
    let of = |client: &str, slow: &str| value(&chain(client, slow), "web.fulfilled");
    // 10 + 100 + 400 ms.
    assert_eq!(of("slo = \"510ms\"", ""), Ok(1.0));
    assert_eq!(of("slo = \"509ms\"", ""), Ok(0.0));
    // In the end nothing is applied at all, though every request was accepted.
    let never = chain("slo = \"1h\"", ", fails = \"100%\", attempts = 1");
    assert_eq!(value(&never, "web.fulfilled"), Ok(0.0));
    assert_eq!(value(&never, "web.availability"), Ok(1.0));
    assert!(of("", "").is_err_and(|why| why.contains("`slo`")));
    // Nobody has to give an objective to expect something.
    let expected = chain("", " }\n[expect]\nweb = { fulfilled = \"> 99%\"");
    assert_eq!(value(&expected, "web.fulfilled"), Ok(1.0));
}

#[test]
fn an_objective_changes_no_history() {
    let digests = |client: &str| chain(client, "").digests;
    assert_eq!(digests(""), digests("slo = \"1s\""));
}

const CRASH: &str = "duration = \"100s\"\n[service.shop]\nemits.E = \"every 100ms\"\n\
    [service.mail]\nstart = \"2s\"\non.E = \"50ms\"\n[service.copy]\non.E = \"1ms\"\n\
    [[failure]]\nname = \"crash mail\"\ncrash = \"mail\"\nat = \"30s\"\nfor = \"8s\"\n";

#[test]
fn a_service_recovers_when_it_has_worked_off_what_waited() {
    let record = run(CRASH);
    // Down from 30 s to 40 s, 100 events wait; two are done for each that comes: the backlog is
    // gone after 10 s. The lag of what is done at 40 s + x is 10 s - x, and so it is at most 1 s
    // from 49 s on, 11 s after the end of the cause. A bin is 0.2 s.
    let ttr = known(&record, "mail.ttr");
    assert!((10.8..=11.4).contains(&ttr), "{ttr}");
    assert_eq!(value(&record, "copy.ttr"), Ok(0.0));
    let windows = &record.trouble.windows;
    let [FailureWindow { name, from, to, costs }] = windows.as_slice() else {
        panic!("one window: {windows:?}")
    };
    assert_eq!((name.as_str(), *from, *to), ("crash mail", 30.0, Some(38.0)));
    // What is done from 40 s to 49 s is late: 20 events a second.
    assert_eq!((costs.len(), costs[0].name.as_str()), (1, "mail"));
    assert!((175..=185).contains(&costs[0].late), "{costs:?}");
    let [felt] = record.trouble.recoveries.as_slice() else { panic!("mail alone feels it") };
    assert_eq!((felt.name.as_str(), felt.threshold, felt.cause_end), ("mail", 1.0, Some(38.0)));
    assert_eq!(felt.recovered, Some(38.0 + ttr));
}

#[test]
fn what_never_recovers_says_so() {
    // What waits is worked off at 1 % of its pace: 99 ms for what comes every 100 ms.
    let record = run(&CRASH.replace("50ms", "99ms"));
    let why = value(&record, "mail.ttr").expect_err("it is far behind to the end");
    assert!(why.starts_with("did not recover"), "{why}");
    assert_eq!(record.trouble.recoveries[0].recovered, None);
    // A cause that stays has no end to count from.
    let record = run(&CRASH.replace("for = \"8s\"\n", ""));
    let why = value(&record, "mail.ttr").expect_err("it stays down");
    assert!(why.contains("not over"), "{why}");
    assert_eq!(record.trouble.windows[0].to, None);
    let (healthy, _) = CRASH.split_once("[[failure]]").expect("a failure");
    assert_eq!(value(&run(healthy), "mail.ttr"), Err("nothing was broken while there was traffic"));
}

#[test]
fn a_client_recovers_when_its_answers_are_as_usual() {
    let record = run("duration = \"60s\"\n[client.web]\nrate = \"every 100ms\"\n\
                      calls = \"shop.buy\"\n[service.shop]\nstart = \"3s\"\nworkers = 9\n\
                      api.buy = \"10ms\"\n[[failure]]\nname = \"down\"\ncrash = \"shop\"\n\
                      at = \"20s\"\nfor = \"5s\"\n");
    // It refuses from 20 s to 28 s: 80 requests, and as many in the window as in 5 s of it.
    let ttr = known(&record, "web.ttr");
    assert!((2.9..=3.1).contains(&ttr), "{ttr}");
    let cost = &record.trouble.windows[0].costs[0];
    assert_eq!((cost.name.as_str(), cost.late), ("web", 0));
    assert!((49..=51).contains(&cost.failed) && cost.requests == cost.failed, "{cost:?}");
}

#[test]
fn a_point_in_time_and_a_rolling_restart_are_windows_too() {
    let text = "duration = \"60s\"\n[service.shop]\nemits.E = \"every 100ms\"\n[service.mail]\n\
                instances = 4\nstart = \"2s\"\non.E = \"1ms\"\n[[failure]]\nname = \"roll\"\n\
                restart = \"mail\"\nat = \"10s\"\n[[failure]]\nname = \"blip\"\n\
                slow = { mail = \"2x\" }\nevery = \"20s\"\n";
    let found: Vec<_> =
        run(text).trouble.windows.into_iter().map(|w| (w.name, w.from, w.to)).collect();
    // One of four at a time, each starts for 2 s.
    let expected = [
        ("roll".to_owned(), 10.0, Some(18.0)),
        ("blip".to_owned(), 20.0, Some(20.0)),
        ("blip".to_owned(), 40.0, Some(40.0)),
        ("blip".to_owned(), 60.0, Some(60.0)),
    ];
    assert_eq!(found[..3], expected[..3]);
    assert!(found.len() <= expected.len());
}

#[test]
fn what_guards_do_is_counted_by_who_calls() {
    // Requests come at 1, 2 .. 9 s. The fifth failure in a row, at 3 s, opens the breaker for 3 s:
    // it refuses the retry of 3 s and the requests of 4, 5 and 6 s. That of 7 s fails, and its
    // retry and the requests of 8 and 9 s are refused.
    let record =
        run("duration = \"10s\"\n[client.web]\nrate = \"every 1s\"\ncalls = \"psp.charge\"\n\
         breaker = { consecutive = 5, open = \"3s\", probes = 1 }\n\
         retry = { attempts = 2, backoff = \"1ms fixed\" }\n\
         [service.psp]\napi.charge = { takes = \"1ms\", fails = \"100%\" }\n");
    let web = |what: &str| known(&record, &format!("web.{what}"));
    assert_eq!(["breaker_opened", "breaker_refused", "retries"].map(web), [2.0, 7.0, 4.0]);
    assert_eq!(["hedges", "bulkhead_refused", "ejections"].map(web), [0.0; 3]);
    // A service calls, each time for 1.5 s, one call at a time; the second copy follows after 1 s,
    // that of 9 s at the very end.
    let record =
        run("duration = \"10s\"\n[client.web]\nrate = \"every 1s\"\ncalls = \"shop.buy\"\n\
         timeout = \"9s\"\n[service.shop]\nworkers = 9\n\
         api.buy = { calls = \"psp.charge\", timeout = \"9s\", bulkhead = 1, hedge = \"1s\" }\n\
         [service.psp]\nworkers = 9\napi.charge = \"1.5s\"\n");
    let shop = |what: &str| known(&record, &format!("shop.{what}"));
    assert_eq!(["bulkhead_refused", "hedges"].map(shop), [4.0, 4.0]);
    assert!(record.measures.iter().all(|m| m.path != "web.hedges" && m.path != "psp.hedges"));
}
