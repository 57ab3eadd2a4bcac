//! One scenario written in different ways has one normal form and one hash.

use super::normal::{hash, normal_form};
use super::testing::open;

const FILE: &str = "title = \"t\"\n[service.b]\non.E = \"8ms\"\n[service.a]\nworkers = 2\n\
    [[failure]]\ncrash = \"a\"\nat = \"1m\"\n[expect]\nb.lag.p99 = \"< 1s\"\n\
    [variant.v]\nservice.a.\"x\\ny\" = [1.5, { b = true, a = 1 }]\n";

#[test]
fn the_normal_form_is_sorted_and_expanded() {
    let (document, _) = open(&[("a.toml", FILE)], &[]);
    insta::assert_snapshot!(normal_form(&document), @r#"
    tidelag scenario 1
    ["base"]
    failure = [{at = "1m", crash = "a"}]
    service.a.workers = 2
    service.b.on.E.takes = "8ms"
    ["v"]
    failure = [{at = "1m", crash = "a"}]
    service.a.workers = 2
    service.a."x\u000ay" = [1.5, {a = 1, b = true}]
    service.b.on.E.takes = "8ms"
    "#);
    insta::assert_snapshot!(hash(&document), @"6392a0f38128836b2eb0a4a1f92ed0f756235010bc489998a0132b1e9d975cb4");
}

#[test]
fn how_it_is_written_leaves_no_trace() {
    let other = [
        (
            "other.toml",
            "extends = \"rest.toml\"\nquestion = \"?\"\n# comment\n\
          service.a = { workers = 0x2 }\nfailure = [{ at = \"1m\", crash = \"a\" }]\n",
        ),
        (
            "rest.toml",
            "[service.a]\nworkers = 9\n[service.b.on.E]\ntakes = \"8ms\"\n\
          [variant.v.service.a]\n'x\\ny' = 1\n",
        ),
    ];
    let own = FILE.replace("\"x\\ny\" = [1.5, { b = true, a = 1 }]", "'x\\ny' = 1");
    let (one, errors) = open(&[("a.toml", &own)], &[]);
    assert!(errors.is_empty());
    let (two, errors) = open(&other, &[]);
    assert!(errors.is_empty());
    assert_eq!(normal_form(&one), normal_form(&two));
    let (three, _) = open(&other, &["service.a.workers=3"]);
    assert_ne!(hash(&one), hash(&three));
}
