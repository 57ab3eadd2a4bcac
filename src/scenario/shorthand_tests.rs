//! Short forms written by people, and the long ones that become of them.

use super::testing::{one, open};
use super::tree::{Span, Value};

#[test]
fn short_forms_become_long() {
    insta::assert_snapshot!(one("[service.a]\non.E = \"8ms\"\n\
        on.F = { takes = \"1ms\", emits = \"G\" }\n\
        api.get = \"2ms\"\nemits.E = \"5/s\"\nemits.H = [\"0s 1/s\", \"1m 5/s\"]\n\
        [broker.b]\nextends = \"preset:ideal\"\n[expect]\na.lag.p99 = \"< 1s\"\n\"E@a.lag\".max = \"< 2s\""), @r"
        [base]
        service = {a: {on: {E: {takes: 8ms}, F: {takes: 1ms, emits: G}}, api: {get: {takes: 2ms}}, emits: {E: {rate: 5/s}, H: {rate: [0s 1/s, 1m 5/s]}}}}
        broker = {b: {preset: ideal}}
        expect = {a.lag.p99: < 1s, E@a.lag.max: < 2s}
        ");
}

#[test]
fn a_new_key_stands_where_its_value_does() {
    let text = "service.a.on.E = \"8ms\"\nexpect.a.lag.p99 = \"< 1s\"\n";
    let (document, _) = open(&[("a.toml", text)], &[]);
    let place = |s: Span| &text[s.start as usize..s.end as usize];
    let mut table = &document.base;
    for key in ["service", "a", "on", "E"] {
        let Value::Table(inner) = &table.get(key).unwrap().node.value else { panic!() };
        table = inner;
    }
    assert_eq!(place(table.get("takes").unwrap().key_span), "\"8ms\"");
    let Value::Table(expect) = &document.base.get("expect").unwrap().node.value else { panic!() };
    assert_eq!(place(expect.entries[0].key_span), "a.lag.p99");
}

#[test]
fn presets_and_expectations_can_be_wrong() {
    insta::assert_snapshot!(one("[broker.b]\nextends = \"preset:kafak\"\n[broker.c]\n\
        extends = \"b\"\n\
        [expect]\na.lag.p99 = \"< 1s\"\n\"a.lag\".p99 = \"< 2s\""), @r#"
        error[E014]: there is no preset `kafak`
         --> a.toml:2:19
          |
        2 | extends = "preset:kafak"
          |                   ^^^^^
          |
          = help: did you mean `kafka`?

        error[E013]: a broker extends a preset
         --> a.toml:4:11
          |
        4 | extends = "b"
          |           ^^^
          |
          = help: write extends = "preset:kafka", or preset = "kafka"

        error[E006]: `expect."a.lag.p99"` is written twice
         --> a.toml:7:1
          |
        6 | a.lag.p99 = "< 1s"
          | --------- first written here
        7 | "a.lag".p99 = "< 2s"
          | ^^^^^^^^^^^ again here
          |
          = help: keep one of the two lines

        3 errors
        "#);
}
