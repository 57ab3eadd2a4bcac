//! Variants laid over the file: what is kept, what is replaced.

use super::testing::one;

const BASE: &str = "[service.a]\nworkers = 2\nzone = \"x\"\non.E = \"8ms\"\n[service.b]\n";

#[test]
fn tables_merge_and_the_rest_replaces() {
    let file = format!(
        "zones = [\"x\", \"y\"]\n{BASE}[variant.v]\nzones = [\"z\"]\n\
         service.a = {{ workers = 3, on.E.fails = \"2%\", on.F = \"1ms\" }}\n\
         service.c.workers = 1\n"
    );
    insta::assert_snapshot!(one(&file), @r"
    [base]
    zones = [x, y]
    service = {a: {workers: 2, zone: x, on: {E: {takes: 8ms}}}, b: {}}
    [v]
    zones = [z]
    service = {a: {workers: 3, zone: x, on: {E: {takes: 8ms, fails: 2%}, F: {takes: 1ms}}}, b: {}, c: {workers: 1}}
    ");
}

#[test]
fn one_way_to_say_a_thing_replaces_the_other() {
    let file = "[service.a]\non.E = { takes = \"1ms\", emits = \"F\", fails = \"1%\" }\n\
        on.G = { do = [\"1ms\"], fails = \"1%\" }\n[client.c]\ncalls = \"a.x\"\n\
        rate = \"5/s\"\n\
        [[failure]]\nname = \"f\"\ncrash = \"a\"\nat = \"1m\"\nfor = \"2m\"\n\
        [variant.v]\nservice.a.on.E.do = [\"2ms\"]\nservice.a.on.G.emits = \"H\"\n\
        client.c.users = 5\n[[variant.v.failure]]\nname = \"f\"\nslow = { a = \"2x\" }\n\
        mtbf = \"5m\"\nmttr = \"1m\"\n\
        [variant.w]\nextends = \"v\"\nservice.a.on.E = \"3ms\"\nclient.c.think = \"1s\"\n\
        [variant.both]\nservice.a.on.E = { do = [\"2ms\"], takes = \"5ms\" }\n\
        client.c = { rate = \"1/s\", users = 3 }\n";
    insta::assert_snapshot!(one(file), @r"
    [base]
    service = {a: {on: {E: {takes: 1ms, emits: F, fails: 1%}, G: {do: [1ms], fails: 1%}}}}
    client = {c: {calls: a.x, rate: 5/s}}
    failure = [{name: f, crash: a, at: 1m, for: 2m}]
    [v]
    service = {a: {on: {E: {fails: 1%, do: [2ms]}, G: {fails: 1%, emits: H}}}}
    client = {c: {calls: a.x, users: 5}}
    failure = [{name: f, slow: {a: 2x}, mtbf: 5m, mttr: 1m}]
    [w]
    service = {a: {on: {E: {fails: 1%, takes: 3ms}, G: {fails: 1%, emits: H}}}}
    client = {c: {calls: a.x, users: 5, think: 1s}}
    failure = [{name: f, slow: {a: 2x}, mtbf: 5m, mttr: 1m}]
    [both]
    service = {a: {on: {E: {fails: 1%, do: [2ms], takes: 5ms}, G: {do: [1ms], fails: 1%}}}}
    client = {c: {calls: a.x, rate: 1/s, users: 3}}
    failure = [{name: f, crash: a, at: 1m, for: 2m}]
    ");
}

#[test]
fn failures_append_or_merge_by_name() {
    let file = "[[failure]]\ncrash = \"a\"\nat = \"1m\"\n[[failure]]\nname = \"n\"\n\
        crash = \"b\"\n\
        at = \"2m\"\n[variant.v]\n[[variant.v.failure]]\nname = \"n\"\noff = true\n\
        [[variant.v.failure]]\ncrash = \"c\"\n[[variant.v.failure]]\nname = \"m\"\nslow = \"a\"\n";
    insta::assert_snapshot!(one(file), @r"
    [base]
    failure = [{crash: a, at: 1m}, {name: n, crash: b, at: 2m}]
    [v]
    failure = [{crash: a, at: 1m}, {name: n, crash: b, at: 2m, off: true}, {crash: c}, {name: m, slow: a}]
    ");
}

#[test]
fn a_bare_network_is_three_distances() {
    let file = "network = \"0s\"\n[variant.v]\nnetwork.other_zone = \"1ms\"\n\
        [variant.w]\nextends = \"v\"\nnetwork = \"5ms\"\n";
    insta::assert_snapshot!(one(file), @r"
    [base]
    network = 0s
    [v]
    network = {same_zone: 0s, other_zone: 1ms, other_region: 0s}
    [w]
    network = 5ms
    ");
}

#[test]
fn expectations_judge_their_own_variant() {
    let file = "[expect]\na.lag.p99 = \"< 1s\"\n[variant.v]\nexpect.a.lag.max = \"< 2s\"\n\
        [variant.w]\nextends = \"v\"\nexpect.\"a.lag.max\" = \"< 3s\"\nexpect.b.rho.mean = \"< 1\"\n\
        [variant.none]\nx = 1\n[variant.same]\nextends = \"base\"\nexpect.a.lag.p99 = \"< 5s\"\n";
    insta::assert_snapshot!(one(file), @r"
    [base]
    expect = {a.lag.p99: < 1s}
    [v]
    expect = {a.lag.max: < 2s}
    [w]
    expect = {a.lag.max: < 3s, b.rho.mean: < 1}
    [none]
    x = 1
    [same]
    expect = {a.lag.p99: < 5s}
    ");
}
