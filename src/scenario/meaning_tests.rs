//! Text in; diagnostics out.

use super::meaning::{Meaning, understand};
use super::read::read_text;
use super::tree::{Sources, Table, Value};
use super::*;
use crate::units::SimDuration;
use std::fmt::Write;

/// The tables of a file and its variants, merged without finesse.
pub(super) fn tables(sources: &mut Sources, text: &str) -> Vec<(String, Table)> {
    let mut errors = Vec::new();
    let mut base = read_text(sources, "t.toml", text, &mut errors);
    let errors: Vec<&str> = errors.iter().map(|e| e.message.as_str()).collect();
    assert!(errors.is_empty(), "{errors:?}");
    let mut tables = Vec::new();
    if let Some(Entry { node: Node { value: Value::Table(variants), .. }, .. }) =
        base.remove("variant")
    {
        for entry in variants.entries {
            let Value::Table(change) = entry.node.value else { panic!("a variant is a table") };
            let mut merged = base.clone();
            merged.remove("expect");
            merge(&mut merged, change);
            tables.push((entry.key, merged));
        }
    }
    tables.insert(0, ("base".into(), base));
    let mut shelf = super::presets::Shelf::default();
    for (_, table) in &mut tables {
        shelf.complete(table, sources);
    }
    tables
}

fn merge(into: &mut Table, from: Table) {
    for entry in from.entries {
        match (into.get_mut(&entry.key), entry.node.value) {
            (
                Some(Entry { node: Node { value: Value::Table(old), .. }, .. }),
                Value::Table(new),
            ) => {
                merge(old, new);
            }
            (Some(old), value) => old.node = Node { value, span: entry.node.span },
            (None, value) => {
                let node = Node { value, span: entry.node.span };
                into.entries.push(Entry { node, ..entry });
            }
        }
    }
}

pub(super) fn meaning(text: &str) -> (Sources, Result<Meaning, Vec<Diagnostic>>) {
    let mut sources = Sources::default();
    let tables = tables(&mut sources, text);
    let result = understand(&tables, &sources, &mut |_, name| match name {
        "lat.csv" => Ok(vec![SimDuration::from_ms(3)]),
        _ => Err("no such file".into()),
    });
    (sources, result)
}

/// Every diagnostic on lines of their own: code, line:column-column, message, related places, help.
pub(super) fn check(text: &str) -> String {
    let (sources, result) = meaning(text);
    let found = match result {
        Ok(meaning) => meaning.warnings,
        Err(found) => found,
    };
    let place = |span: Span| {
        let before = &sources.text(span.file)[..span.start as usize];
        let line = before.matches('\n').count() + 1;
        let column = before.chars().rev().take_while(|c| *c != '\n').count() + 1;
        format!("{line}:{column}+{}", span.end - span.start)
    };
    let mut out = String::new();
    for d in found {
        let at = d.span.map_or("-".into(), place);
        if let Some(span) = d.span {
            let line = sources.text(span.file)[..span.start as usize].matches('\n').count();
            let line = sources.text(span.file).lines().nth(line).unwrap_or("");
            let _ = writeln!(out, "    {line}");
        }
        let _ = writeln!(out, "{} {at} {}", d.code, d.message);
        for (span, why) in d.related {
            let _ = writeln!(out, "  {} {why}", place(span));
        }
        if let Some(help) = d.help {
            let _ = writeln!(out, "  help: {help}");
        }
    }
    out
}

/// A scenario without mistakes or warnings.
pub(super) fn good(text: &str) -> Vec<Variant> {
    let remarks = check(text);
    assert_eq!(remarks, "");
    meaning(text).1.expect("no diagnostics").variants
}

/// The variants of a scenario without mistakes.
pub(super) fn variants(text: &str) -> Vec<Variant> {
    match meaning(text).1 {
        Ok(meaning) => meaning.variants,
        Err(found) => panic!("{found:#?}"),
    }
}

/// The blueprint of a scenario without mistakes.
pub(super) fn blueprint(text: &str) -> crate::model::Blueprint {
    variants(text).remove(0).blueprint
}

pub(super) const HELLO: &str = r#"
[service.shop]
emits.OrderPlaced = "100/s"

[service.billing]
on.OrderPlaced = "8ms"

[service.email]
on.OrderPlaced = "30ms"
"#;

const CALLS: &str = r#"
[client.web]
calls = "shop.buy"
rate = "10/s"
[service.shop]
api.buy = "5ms"
"#;

fn with(base: &str, more: &str) -> String {
    format!("{more}\n{base}")
}

#[test]
fn typos_are_found_in_every_kind_of_table() {
    let text = r#"
duratoin = "5s"
[network]
same_zon = "1ms"
[broker.bus]
delivr = "1ms"
[client.web]
call = "shop.buy"
rate = "1/s"
[service.shop]
instnaces = 2
store = { wriet = "1ms" }
emits.E = { rat = "1/s" }
on.E = { take = "5ms", retry = { attemps = 3 } }
api.buy = { tekes = "5ms" }
[[failure]]
crahs = "shop"
att = "5s"
"#;
    insta::assert_snapshot!(check(text));
}

/// Remarks on several texts, each below its number.
fn checks(texts: &[&str]) -> String {
    let mut out = String::new();
    for (i, text) in texts.iter().enumerate() {
        let _ = write!(out, "-- {i}\n{}", check(text));
    }
    out
}

#[test]
fn units_are_asked_for_and_wrong_ones_pointed_at() {
    let hello = |line: &str| with(HELLO, line);
    insta::assert_snapshot!(checks(&[
        &hello("duration = 8"),
        &hello("duration = \"8 parsecs\""),
        &hello("duration = \"1m\"\nwarmup = 8.5"),
        &hello("network = 1"),
        &HELLO.replace("\"8ms\"", "8"),
        &HELLO.replace("\"8ms\"", "\"8 ms p98 9ms\""),
        &HELLO.replace("\"8ms\"", "{ takes = \"8ms\", fails = 0.02 }"),
        &HELLO.replace("\"8ms\"", "{ takes = \"8ms\", fails = \"120%\" }"),
        &HELLO.replace("\"8ms\"", "{ takes = \"8ms\", fails = \"1%\", backoff = 5 }"),
        &HELLO.replace("\"100/s\"", "100"),
        &HELLO.replace("\"100/s\"", "\"100/parsec\""),
        &HELLO.replace("\"100/s\"", "[\"0s 100/s\", \"5s 1x/s\"]"),
        &HELLO.replace("\"100/s\"", "{ rate = \"1/s\", burst = 0 }"),
        &HELLO.replace("\"100/s\"", "{ rate = \"1/s\", burst = \"some\" }"),
        &HELLO.replace("\"8ms\"", "\"file gone.csv\""),
        &with(HELLO, "[[failure]]\nslow = { email = 4 }\nat = \"5s\""),
        &with(HELLO, "[[failure]]\nslow = { email = \"x4\" }\nat = 5"),
    ]));
}

#[test]
fn numbers_and_words_out_of_range() {
    let email = |line: &str| HELLO.replace("on.OrderPlaced = \"30ms\"", line);
    insta::assert_snapshot!(checks(&[
        &with(HELLO, "seeds = 0"),
        &with(HELLO, "seed = -1"),
        &with(HELLO, "schema = 2"),
        &with(HELLO, "duration = \"0s\""),
        &with(HELLO, "duration = \"200000d\"\nwarmup = \"200000d\""),
        &with(HELLO, "title = 5"),
        &with(HELLO, "zones = []"),
        &with(HELLO, "zones = [\"a\", \"a\", \"b/c/d\"]"),
        &email("on.OrderPlaced = \"30ms\"\nworkers = 0"),
        &email("on.OrderPlaced = \"30ms\"\ninstances = \"two\""),
        &email("on.OrderPlaced = { takes = \"1ms\", attempts = 0 }"),
        &email("on.OrderPlaced = \"30ms\"\nbalance = \"leastloaded\""),
        &email("on.OrderPlaced = \"30ms\"\nbalance = \"best\""),
        &email("on.OrderPlaced = \"30ms\"\nzone = \"b\""),
        &email("on = \"30ms\""),
        "service = 5",
        "[service]\nshop = 5",
    ]));
}

#[test]
fn unknown_names_are_shown_beside_the_near_ones() {
    insta::assert_snapshot!(checks(&[
        &HELLO.replace("on.OrderPlaced = \"30ms\"", "on.OrdrPlaced = \"30ms\""),
        &HELLO.replace("on.OrderPlaced = \"30ms\"", "on.\"x.y\" = \"30ms\""),
        &CALLS.replace("shop.buy", "shp.buy"),
        &CALLS.replace("shop.buy", "shop.bye"),
        &CALLS.replace("shop.buy", "shop"),
        &CALLS.replace("shop.buy", "web.buy"),
        &CALLS.replace("\"5ms\"", "{ calls = [\"psp.charge\"] }"),
        &CALLS.replace("\"5ms\"", "{ do = [\"5ms\", \"call shop.by\"] }"),
        &with(CALLS, "[[failure]]\ncrash = \"shopp\"\nat = \"5s\""),
        &with(CALLS, "[[failure]]\nslow = { shopp = \"4x\" }\nat = \"5s\""),
        &with(CALLS, "[[failure]]\ncrash = \"shop[1]\"\nat = \"5s\""),
        &with(CALLS, "[[failure]]\ncrash = \"shop[x]\"\nat = \"5s\""),
        &with(CALLS, "[[failure]]\ncrash = \"0% of shop\"\nat = \"5s\""),
        &with(CALLS, "[[failure]]\ncrash = \"3 of shop\"\nat = \"5s\""),
    ]));
}

#[test]
fn names_share_one_namespace() {
    insta::assert_snapshot!(checks(&[
        &HELLO.replace("OrderPlaced", "billing"),
        &with(CALLS, "[client.shop]\ncalls = \"shop.buy\"\nrate = \"1/s\""),
        &HELLO.replace("OrderPlaced", "ledger"),
        &HELLO.replace("email", "\"e.mail\""),
        &CALLS.replace("api.buy", "api.\"b uy\""),
        &HELLO.replace("\"30ms\"", "{ writes = \"o@x\" }"),
    ]));
}

#[test]
fn settings_that_exclude_each_other() {
    let client = |lines: &str| CALLS.replace("rate = \"10/s\"", lines);
    let fails = |lines: &str| with(CALLS, &format!("[[failure]]\n{lines}"));
    let api = |table: &str| CALLS.replace("\"5ms\"", table);
    insta::assert_snapshot!(checks(&[
        &client("rate = \"10/s\"\nusers = 5"),
        &client(""),
        &client("rate = \"10/s\"\nthink = \"1s\""),
        &client("rate = \"10/s\"\nrety = {}").replace("calls = \"shop.buy\"", "calls = []"),
        &CALLS.replace("calls = \"shop.buy\"", ""),
        &CALLS.replace("\"shop.buy\"", "[\"shop.buy\", \"shop.buy\"]"),
        &api("{ do = [\"1ms\"], takes = \"5ms\" }"),
        &api("{ do = [\"1ms\", \"wrote x\", \"emit\", \"sleep 5\", \"\", 5, \"write a b\"] }"),
        &fails("crash = \"shop\"\nslow = \"shop\"\nat = \"5s\""),
        &fails("crash = \"shop\"\nat = \"5s\"\nevery = \"5s\""),
        &fails("crash = \"shop\""),
        &fails("at = \"5s\""),
        &fails("crash = { shop = \"5x\" }\nat = \"5s\""),
        &fails("slow = { shop = \"5x\", web = \"4x\" }\nat = \"5s\""),
        &fails("crash = \"shop\"\nevery = \"0s\""),
        &with(CALLS, "failure = 5"),
        &HELLO.replace("\"30ms\"", "{ emits = [\"B 60%\", \"C 60%\"] }"),
        &HELLO.replace("\"30ms\"", "{ emits = [\"B 60%\", \"C\"] }"),
        &HELLO.replace("\"30ms\"", "{ emits = [\"B x0\", \"C 1\", \"D 101%\"] }"),
    ]));
}

#[test]
fn what_comes_later_is_refused_and_not_unknown() {
    insta::assert_snapshot!(checks(&[
        &with(HELLO, "[sweep]\n\"service.email.workers\" = [1, 2]"),
        &with(HELLO, "[saga.x]\nstarts = \"OrderPlaced\""),
        &with(HELLO, "[event.OrderPlaced]\nkey = \"order\""),
        &with(HELLO, "[broker.bus]\npreset = \"kafka\"\npartitions = 4"),
        &with(HELLO, "[broker.bus]\npreset = \"kafak\""),
        &with(HELLO, "[broker.bus]\npreset = \"ideal\"\npartitions = 4\n[broker.b]"),
        &HELLO.replace("\"30ms\"", "{ takes = \"1ms\", via = \"bus\", do = [\"read view\"] }"),
        &with(CALLS, "[[failure]]\nlag_replica = { web = \"5x\" }\nat = \"5s\""),
        &with(CALLS, "[[failure]]\ncrash = \"zone:a\"\nat = \"5s\""),
        &with(CALLS, "[[failure]]\ncrash = \"shop\"\nmtbf = \"5s\""),
        &with(HELLO, "[expect]\n\"email.stale\" = \"< 5%\"\ncost.messages = \"< 5\""),
        &HELLO.replace("100/s", "every 4s per driver"),
    ]));
}

#[test]
fn expectations_are_held_against_the_metrics_there_are() {
    let expect = |lines: &str| format!("{HELLO}[expect]\n{lines}");
    insta::assert_snapshot!(checks(&[
        &expect("emial.lag.p99 = \"< 2s\""),
        &expect("email.lag = \"< 2s\""),
        &expect("email.lag.p98 = \"< 2s\""),
        &expect("shop.lag.p99 = \"< 2s\""),
        &expect("nobody.lag.p99 = \"< 2s\""),
        &expect("email.lag.p99 = 2"),
        &expect("email.lag.p99 = \"< 2\""),
        &expect("email.lag.p99 = \"< 20%\""),
        &expect("email.lag.p99 = \"< 2 parsecs\""),
        &expect("email.throughput = \"> 5\""),
        &expect("email.throughput = \"> 5ms\""),
        &expect("email.rho.mean = \"> 5ms\""),
        &expect("email.lag.p99 = \"5s..2s\""),
        &expect("email.lag.p99 = \"< 1s..2s\""),
        &expect("email.lag.p99 = \"< 0.5x bse\""),
        &expect("email.lag.p99 = \"0.5x base\""),
        &expect("email.lag.p99 = \"\""),
        &expect("email.lag.p99 = true"),
        &with(HELLO, "expect = 5"),
    ]));
}

#[test]
fn bounds_are_read() {
    let text = format!(
        "{HELLO}[expect]\nledger.lost = \"= 0\"\nemail.ledger.applied = 5\n\
         email.lag.p99 = \"< 2s\"\n\"OrderPlaced@email.lag.max\" = \"60s..80s\"\n\
         billing.rho.mean = \"80%..86%\"\nbilling.rho.max = \"> 99.9%\"\n\
         email.throughput = \">= 60/m\"\nOrderPlaced.convergence.p50 = \"<= 0.5x base\"\n\
         email.segment.wait.mean = \"1ms\"\n"
    );
    let expect: Vec<String> = good(&text)[0]
        .expect
        .iter()
        .map(|e| format!("{} | {} | {:?}", e.metric, e.text, e.bound))
        .collect();
    insta::assert_snapshot!(expect.join("\n"));
}

#[test]
fn what_a_failure_makes_fail_may_be_tried_again() {
    let warns = |failure: &str| {
        let again = HELLO.replace("\"30ms\"", "{ takes = \"1ms\", attempts = 2 }");
        let text = with(&again, &format!("[[failure]]\nat = \"1s\"\n{failure}"));
        checks(&[&text]).contains("`attempts` has no effect")
    };
    assert!(warns("crash = \"email\""));
    assert!(warns("poison = \"email\"\noff = true"));
    assert!(warns("schema = { OrderPlaced = [] }"));
    assert!(!warns("poison = \"email\""));
    assert!(!warns("poison = { \"email.on.OrderPlaced\" = \"1%\" }"));
    assert!(!warns("schema = { OrderPlaced = \"email\" }"));
}

#[test]
fn what_has_no_effect_is_a_warning() {
    insta::assert_snapshot!(checks(&[
        &HELLO
            .replace("on.OrderPlaced", "on.Other")
            .replace("emits.O", "emits.Other = \"1/s\"\nemits.O"),
        &with(HELLO, "[service.idle]\nworkers = 3"),
        &with(HELLO, "[event.OrderPlaced]\n[entity.order]"),
        &format!("{CALLS}api.sell = \"5ms\"\nbalance = \"random\"\nstore.write = \"1ms\""),
        &with(HELLO, "[[failure]]\ncrash = \"email\"\nat = \"2m\""),
        &with(HELLO, "[[failure]]\ncrash = \"email\"\nevery = \"2m\""),
        &HELLO.replace(
            "\"30ms\"",
            "{ takes = \"1ms\", timeout = \"1s\", attempts = 2, retry = { attempts = 2 } }"
        ),
        &CALLS.replace("rate = ", "retry = { backoff = \"1s\" }\nrate = "),
    ]));
}

#[test]
fn something_must_happen() {
    insta::assert_snapshot!(checks(&["title = \"empty\"", "[service.shop]\napi.buy = \"5ms\"",]));
}

#[test]
fn what_one_variant_uses_is_no_idle_part() {
    let text = r#"
[service.shop]
emits.E = "1/s"
[service.email]
api.send = "5ms"
[client.web]
calls = "email.send"
rate = "1/s"
[variant.events]
service.email.on.E = "5ms"
"#;
    assert_eq!(check(text), "");
    let unheard = text.replace("service.email.on.E", "service.email.api.other");
    assert!(check(&unheard).contains("W101"));
}

#[test]
fn a_mistake_is_told_once_and_one_of_a_variant_with_its_name() {
    let text = r#"
[service.shop]
emits.E = "1/s"
workrs = 3
[service.email]
on.E = "5ms"
[variant.a]
service.email.wokers = 4
[variant.b]
service.email.on.F = "5ms"
seeds = 4
"#;
    insta::assert_snapshot!(check(text));
}

#[test]
fn a_thousand_services_are_read_in_no_time() {
    let mut text = String::from("[service.shop]\n");
    for event in 0..1000 {
        let _ = writeln!(text, "emits.E{event} = \"1/s\"");
    }
    for service in 0..1000 {
        let _ = writeln!(text, "[service.s{service}]\nworkers = 4");
        for k in 0..10 {
            let _ = writeln!(text, "on.E{} = \"1ms\"", (service * 7 + k * 13) % 1000);
        }
    }
    text.push_str("[expect]\ns5.lag.p99 = \"< 2s\"\n");
    let variants = good(&text);
    assert_eq!(variants[0].blueprint.services.len(), 1001);
    let subscriptions: usize =
        variants[0].blueprint.services.iter().map(|s| s.handlers.len()).sum();
    assert_eq!(subscriptions, 10_000);
}

/// Every kind of table, for the test below.
const ALL_KINDS: &str = r#"
duration = "1m"
zones = ["eu/a", "us/b"]
network = "1ms"
[broker.bus]
preset = "ideal"
[client.web]
calls = "shop.buy"
rate = "1/s"
[client.lab]
calls = "shop.buy"
users = 3
think = "~1s"
[service.shop]
instances = 3
emits.A = { rate = ["0s 1/s", "5s 2/s"], burst = "geometric 4" }
api.buy.takes = "1ms"
api.buy.calls = [["psp.x", "psp.x"]]
api.buy.writes = "o"
api.buy.emits = ["B 30%", "C 70%"]
api.buy.fails = "1%"
[service.psp]
api.x = { do = ["1ms", "emit D x3"] }
on.A = "~1ms"
on.B = "1ms"
on.C = "1ms"
on.D = "1ms"
[[failure]]
crash = "30% of shop"
at = "1s"
[[failure]]
slow = { "shop[1]" = "4x" }
every = "1s"
[expect]
psp.lag.p99 = "< 0.5x base"
"#;

proptest::proptest! {
    #[test]
    fn no_scenario_makes_the_reader_panic(
        at in 0..ALL_KINDS.len(),
        length in 0_usize..6,
        new in proptest::sample::select(vec![
            "", "\"", "0", "-1", "9e99", "[]", "{}", "\"\"", "x", ".", "%", "\n", " ", "é", "[0]",
            "99999999999999999999d", "1e400", "true", "2026-01-01", "\"\\u00e9\"", "x100", "of",
        ]),
    ) {
        let end = (at + length).min(ALL_KINDS.len());
        let text = format!("{}{new}{}", &ALL_KINDS[..at], &ALL_KINDS[end..]);
        let mut sources = Sources::default();
        let mut errors = Vec::new();
        let table = read_text(&mut sources, "t.toml", &text, &mut errors);
        // What is no TOML is not understood any further.
        if !errors.is_empty() {
            return Ok(());
        }
        let tables = [("base".to_owned(), table.clone()), ("v".to_owned(), table)];
        let found = match understand(&tables, &sources, &mut |_, _| Err("none".into())) {
            Ok(meaning) => meaning.warnings,
            Err(found) => found,
        };
        // Every place lies in its text, at the border of characters.
        for span in found.iter().filter_map(|d| d.span) {
            let (start, end) = (span.start as usize, span.end as usize);
            proptest::prop_assert!(sources.text(span.file).get(start..end).is_some());
        }
        super::explain::explain_tables(&tables, &sources);
    }
}

#[test]
fn the_scenario_with_every_kind_of_table_is_fine() {
    assert_eq!(check(ALL_KINDS), "");
}

#[test]
fn an_expectation_beside_a_subscription_to_nothing_is_read() {
    let text = "[service.s]\non.A = \"1ms\"\n[expect]\ns.lag.p99 = \"< 1s\"";
    assert!(check(text).contains("E110"));
}
