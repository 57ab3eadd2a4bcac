//! The whole text layer: files, variants and `--set` in, merged tables or drawn mistakes out.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::diagnostic::Diagnostic;
use super::document::Document;
use super::draw::render;
use super::files::Files;
use super::normal::{hash, normal_form};
use super::tree::{Node, Sources, Span, Table, Value};

/// Files in memory.
struct Memory(BTreeMap<String, Vec<u8>>);

impl Files for Memory {
    fn read(&self, path: &str) -> Result<Vec<u8>, String> {
        self.0.get(path).cloned().ok_or_else(|| "no such file".to_owned())
    }
}

fn open(files: &[(&str, &str)], sets: &[&str]) -> (Document, Vec<Diagnostic>) {
    let own = |(name, text): &(&str, &str)| ((*name).to_owned(), text.as_bytes().to_vec());
    let memory = Memory(files.iter().map(own).collect());
    let sets: Vec<String> = sets.iter().map(|s| (*s).to_owned()).collect();
    let mut errors = Vec::new();
    let document = Document::open(&memory, files[0].0, &sets, &mut errors);
    (document, errors)
}

/// The merged tables, or the mistakes as they are drawn.
fn out(files: &[(&str, &str)], sets: &[&str]) -> String {
    let (document, errors) = open(files, sets);
    if errors.is_empty() { dump(&document) } else { render(&errors, &document.sources, false) }
}

fn one(text: &str) -> String {
    out(&[("a.toml", text)], &[])
}

fn set(text: &str, sets: &[&str]) -> String {
    out(&[("a.toml", text)], sets)
}

/// Each variant with a line per key of its root, in order.
fn dump(document: &Document) -> String {
    let mut out = String::new();
    for (name, table) in document.tables() {
        writeln!(out, "[{name}]").unwrap();
        for entry in &table.entries {
            writeln!(out, "{} = {}", entry.key, text(&entry.node)).unwrap();
        }
    }
    out
}

fn text(node: &Node) -> String {
    match &node.value {
        Value::Table(Table { entries }) => {
            let pairs = entries.iter().map(|e| format!("{}: {}", e.key, text(&e.node)));
            format!("{{{}}}", pairs.collect::<Vec<_>>().join(", "))
        }
        Value::Array(items) => {
            format!("[{}]", items.iter().map(text).collect::<Vec<_>>().join(", "))
        }
        Value::String(s) => s.clone(),
        Value::Integer(i) => i.to_string(),
        Value::Float(f) => format!("{f:?}"),
        Value::Boolean(b) => b.to_string(),
        Value::Datetime(d) => d.clone(),
    }
}

mod expanding {
    use super::*;

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
        let Value::Table(expect) = &document.base.get("expect").unwrap().node.value else {
            panic!()
        };
        assert_eq!(place(expect.entries[0].key_span), "a.lag.p99");
    }

    #[test]
    fn presets_and_expectations_can_be_wrong() {
        insta::assert_snapshot!(one("[broker.b]\nextends = \"preset:kafka\"\n[broker.c]\n\
            extends = \"b\"\n\
            [expect]\na.lag.p99 = \"< 1s\"\n\"a.lag\".p99 = \"< 2s\""), @r#"
            error[E014]: the preset `kafka` is not supported yet
             --> a.toml:2:19
              |
            2 | extends = "preset:kafka"
              |                   ^^^^^
              |
              = help: the only preset so far is `ideal`, the bus without limits or losses

            error[E013]: a broker extends a preset
             --> a.toml:4:11
              |
            4 | extends = "b"
              |           ^^^
              |
              = help: write extends = "preset:ideal", or preset = "ideal"

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
}

mod merging {
    use super::*;

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

    #[test]
    fn removing_comes_before_writing() {
        let file = "[service.a]\nworkers = 2\nzone = \"x\"\n[service.b]\nworkers = 1\n\
            [[failure]]\nname = \"n\"\ncrash = \"a\"\n[expect]\na.lag.p99 = \"1\"\na.rho.mean = \"1\"\n\
            [variant.v]\nextends = \"base\"\n\
            remove = [\"service.a\", \"service.'b'.workers\", \"failure.n\", \"expect.a.lag\"]\n\
            service.a.zone = \"y\"\n[variant.w]\nextends = \"v\"\nremove = \"service.b\"\n";
        insta::assert_snapshot!(one(file), @r"
        [base]
        service = {a: {workers: 2, zone: x}, b: {workers: 1}}
        failure = [{name: n, crash: a}]
        expect = {a.lag.p99: 1, a.rho.mean: 1}
        [v]
        service = {b: {}, a: {zone: y}}
        expect = {a.rho.mean: 1}
        [w]
        service = {a: {zone: y}}
        expect = {a.rho.mean: 1}
        ");
    }

    #[test]
    fn what_is_removed_must_be_there() {
        let file = "[service.email]\nworkers = 2\n[[failure]]\nname = \"outage\"\n\
            crash = \"email\"\n\
            [variant.v]\nremove = [\n  \"service.emial\",\n  \"serv.email\",\n  \"service.email.workers.x\",\n\
            \x20 \"failure.outge\",\n  \"expect.a\",\n  \"service.email.zone\",\n]\n\
            [variant.w]\nremove = [\"a..b\", 5]\n[variant.x]\nremove = { a = 1 }\n";
        insta::assert_snapshot!(one(file), @r#"
        error[E018]: `remove` names `service.emial`, which is not there
         --> a.toml:8:12
          |
        8 |   "service.emial",
          |            ^^^^^ not in `service`
          |
          = help: did you mean `email`?

        error[E018]: `remove` names `serv.email`, which is not there
         --> a.toml:9:4
          |
        9 |   "serv.email",
          |    ^^^^ not in the scenario
          |
          = help: the scenario has `service`, `failure`

        error[E018]: `remove` names `service.email.workers.x`, which is not there
          --> a.toml:10:26
           |
        10 |   "service.email.workers.x",
           |                          ^ not in `service.email.workers`
           |
           = help: `service.email.workers` has no keys

        error[E018]: `remove` names `failure.outge`, which is not there
          --> a.toml:11:12
           |
        11 |   "failure.outge",
           |            ^^^^^ not in `failure`
           |
           = help: did you mean `outage`?

        error[E018]: `remove` names `expect.a`, which is not there
          --> a.toml:12:4
           |
        12 |   "expect.a",
           |    ^^^^^^ not in the scenario
           |
           = help: the scenario has `service`, `failure`

        error[E018]: `remove` names `service.email.zone`, which is not there
          --> a.toml:13:18
           |
        13 |   "service.email.zone",
           |                  ^^^^ not in `service.email`
           |
           = help: `service.email` has `workers`

        error[E019]: `remove` takes a list of dotted paths
          --> a.toml:16:11
           |
        16 | remove = ["a..b", 5]
           |           ^^^^^^ is no path
           |
           = help: write remove = ["service.email", "service.shop.on.OrderPlaced"]

        error[E019]: `remove` takes a list of dotted paths
          --> a.toml:16:19
           |
        16 | remove = ["a..b", 5]
           |                   ^ is no path
           |
           = help: write remove = ["service.email", "service.shop.on.OrderPlaced"]

        error[E019]: `remove` takes a list of dotted paths
          --> a.toml:18:10
           |
        18 | remove = { a = 1 }
           |          ^^^^^^^^^ is no path
           |
           = help: write remove = ["service.email", "service.shop.on.OrderPlaced"]

        9 errors
        "#);
    }
}

mod extending {
    use super::*;

    #[test]
    fn files_rest_on_files_and_inherit_their_variants() {
        let files = [
            (
                "dir/c.toml",
                "extends = \"sub/b.toml\"\nremove = [\"variant.gone\"]\nservice.a.workers = 3\n\
             [variant.v]\nservice.a.zone = \"c\"\n[variant.new]\nextends = \"v\"\n",
            ),
            ("dir/sub/b.toml", "extends = \"../a.toml\"\nseed = 2\n[service.b]\n[variant.gone]\n"),
            (
                "dir/sub/../a.toml",
                "seed = 1\n[service.a]\nworkers = 1\n[expect]\na.lag.p99 = \"< 1s\"\n\
             [variant.v]\nservice.a = { workers = 9, zone = \"a\" }\n",
            ),
        ];
        insta::assert_snapshot!(out(&files, &[]), @r"
        [base]
        seed = 2
        service = {a: {workers: 3}, b: {}}
        expect = {a.lag.p99: < 1s}
        [v]
        seed = 2
        service = {a: {workers: 9, zone: c}, b: {}}
        [new]
        seed = 2
        service = {a: {workers: 9, zone: c}, b: {}}
        ");
    }

    #[test]
    fn circles_of_files_are_shown() {
        let files = [
            ("a.toml", "extends = \"x/b.toml\"\n"),
            ("x/b.toml", "# b\nextends = \"../c.toml\"\n"),
            ("x/../c.toml", "extends = \"./a.toml\"\n"),
        ];
        insta::assert_snapshot!(out(&files, &[]), @r#"
        error[E012]: `extends` goes in a circle: a.toml -> x/b.toml -> x/../c.toml -> a.toml
         --> x/../c.toml:1:11
          |
        1 | extends = "./a.toml"
          |           ^^^^^^^^^^ leads back
          |
         ::: a.toml:1:11
          |
        1 | extends = "x/b.toml"
          |           ---------- leads to x/b.toml
          |
         ::: x/b.toml:2:11
          |
        2 | extends = "../c.toml"
          |           ----------- leads to x/../c.toml
          |
          = help: let one of the files stand on its own

        1 error
        "#);
        insta::assert_snapshot!(one("extends = \"a.toml\""), @r#"
        error[E012]: `extends` goes in a circle: a.toml -> a.toml
         --> a.toml:1:11
          |
        1 | extends = "a.toml"
          |           ^^^^^^^^ leads back
          |
          = help: let one of the files stand on its own

        1 error
        "#);
    }

    #[test]
    fn files_that_cannot_be_read_are_told_once() {
        let file = "extends = \"b.toml\"\nremove = [\"service.x\"]\n[variant.v]\nextends = \"w\"\n";
        insta::assert_snapshot!(one(file), @r#"
        error[E011]: cannot read `b.toml`: no such file
         --> a.toml:1:11
          |
        1 | extends = "b.toml"
          |           ^^^^^^^^ extended here
          |
          = help: the path is relative to the file that extends it

        1 error
        "#);
        let mut errors = Vec::new();
        let nothing = Memory(BTreeMap::new());
        let document = Document::open(&nothing, "a.toml", &[], &mut errors);
        insta::assert_snapshot!(render(&errors, &document.sources, false), @r"
        error[E011]: cannot read `a.toml`: no such file

        1 error
        ");
    }

    #[test]
    fn mistakes_in_an_extended_file_carry_its_name() {
        let files = [("a.toml", "extends = \"b.toml\"\nx = 1ms\n"), ("b.toml", "y = 2ms\n")];
        insta::assert_snapshot!(out(&files, &[]), @r#"
        error[E010]: text without quotes
         --> a.toml:2:5
          |
        2 | x = 1ms
          |     ^^^ needs quotes
          |
          = help: everything but plain numbers, true and false stands in quotes: "1ms"

        error[E010]: text without quotes
         --> b.toml:1:5
          |
        1 | y = 2ms
          |     ^^^ needs quotes
          |
          = help: everything but plain numbers, true and false stands in quotes: "2ms"

        2 errors
        "#);
    }

    #[test]
    fn long_chains_end() {
        let names: Vec<String> = (0..100).map(|i| format!("{i}.toml")).collect();
        let texts: Vec<String> = (1..101).map(|i| format!("extends = \"{i}.toml\"")).collect();
        let files: Vec<(&str, &str)> =
            names.iter().zip(&texts).map(|(n, t)| (n.as_str(), t.as_str())).collect();
        insta::assert_snapshot!(out(&files, &[]), @r#"
        error[E012]: more than 32 files extend one another
         --> 31.toml:1:11
          |
        1 | extends = "32.toml"
          |           ^^^^^^^^^

        1 error
        "#);
    }

    #[test]
    fn presets_and_wrong_targets() {
        insta::assert_snapshot!(one("extends = \"preset:ideal\"\nseed = 1"), @r"
        [base]
        seed = 1
        ");
        insta::assert_snapshot!(one("extends = \"preset:kafka\"\nseed = 1"), @r#"
        error[E014]: the preset `kafka` is not supported yet
         --> a.toml:1:19
          |
        1 | extends = "preset:kafka"
          |                   ^^^^^
          |
          = help: the only preset so far is `ideal`, the bus without limits or losses

        1 error
        "#);
        insta::assert_snapshot!(one("extends = [\"b.toml\"]\nseed = 1"), @r#"
        error[E013]: `extends` takes one string
         --> a.toml:1:11
          |
        1 | extends = ["b.toml"]
          |           ^^^^^^^^^^
          |
          = help: at the root extends = "file.toml", in a variant the name of another

        1 error
        "#);
    }

    #[test]
    fn variants_can_be_wrong() {
        insta::assert_snapshot!(one("[variant.events]\n[variant.a]\nextends = \"event\"\n\
            [variant.b]\nextends = \"x.toml\"\n\
            [variant.base]\n[variant.c.variant.d]\n[variant]\ne = 1\nf.extends = 5\n"), @r#"
            error[E015]: variant `a` extends `event`, which is no variant
             --> a.toml:3:11
              |
            3 | extends = "event"
              |           ^^^^^^^ unknown variant
              |
              = help: did you mean `events`?

            error[E015]: variant `b` extends `x.toml`, which is no variant
             --> a.toml:5:11
              |
            5 | extends = "x.toml"
              |           ^^^^^^^^ unknown variant
              |
              = help: a variant extends another variant; files and presets are extended at the root

            error[E017]: no variant can be named `base`
             --> a.toml:6:10
              |
            6 | [variant.base]
              |          ^^^^ reserved
              |
              = help: `base` is the name of the file without any variant: choose another name

            error[E020]: a variant inside of a variant
             --> a.toml:7:12
              |
            7 | [variant.c.variant.d]
              |            ^^^^^^^
              |
              = help: write [variant.OTHER] with extends = "c"

            error[E020]: variant `e` is no table
             --> a.toml:9:5
              |
            9 | e = 1
              |     ^
              |
              = help: head it with [variant.e] and write its changes below

            error[E013]: `extends` takes one string
              --> a.toml:10:13
               |
            10 | f.extends = 5
               |             ^
               |
               = help: at the root extends = "file.toml", in a variant the name of another

            6 errors
            "#);
        insta::assert_snapshot!(one("[variant.a]\nextends = \"b\"\n[variant.b]\nextends = \"c\"\n\
            [variant.c]\nextends = \"b\"\n\
            [variant.self]\nextends = \"self\"\n"), @r#"
            error[E016]: variants extend one another in a circle: b -> c -> b
             --> a.toml:6:11
              |
            4 | extends = "c"
              |           --- leads to `c`
            5 | [variant.c]
            6 | extends = "b"
              |           ^^^ leads back
              |
              = help: let one of them rest on the file: leave out its `extends`

            error[E016]: variants extend one another in a circle: self -> self
             --> a.toml:8:11
              |
            8 | extends = "self"
              |           ^^^^^^ leads back
              |
              = help: let one of them rest on the file: leave out its `extends`

            2 errors
            "#);
        insta::assert_snapshot!(one("variant = 5"), @r"
        error[E020]: `variant` is a table of variants
         --> a.toml:1:11
          |
        1 | variant = 5
          |           ^
          |
          = help: head each variant with [variant.NAME]

        1 error
        ");
        insta::assert_snapshot!(one("[[failure]]\nname = \"n\"\n[[failure]]\nname = \"n\"\n"), @r#"
        error[E024]: two failures are named `n`
         --> a.toml:4:8
          |
        2 | name = "n"
          |        --- first here
        3 | [[failure]]
        4 | name = "n"
          |        ^^^ again here
          |
          = help: a variant changes a failure by its name: give each its own

        1 error
        "#);
    }
}

mod setting {
    use super::*;

    const FILE: &str = "seeds = 2\n[service.email]\n\
        on.OrderPlaced = { takes = \"1ms\", fails = \"1%\" }\n\
        [[failure]]\nname = \"outage\"\ncrash = \"email\"\nat = \"1m\"\n[variant.v]\nservice.email.workers = 4\n";

    #[test]
    fn values_reach_every_variant() {
        let sets = [
            "service.email.workers=7",
            "service.email.on.OrderPlaced=\"5ms\"",
            "failure.outage.for = \"2m\"",
            "service.\"a.b\".zone='z'",
            "seeds=1",
            "seeds=4",
        ];
        insta::assert_snapshot!(set(FILE, &sets), @r"
        [base]
        seeds = 4
        service = {email: {on: {OrderPlaced: {takes: 5ms, fails: 1%}}, workers: 7}, a.b: {zone: z}}
        failure = [{name: outage, crash: email, at: 1m, for: 2m}]
        [v]
        seeds = 4
        service = {email: {on: {OrderPlaced: {takes: 5ms, fails: 1%}}, workers: 7}, a.b: {zone: z}}
        failure = [{name: outage, crash: email, at: 1m, for: 2m}]
        ");
    }

    #[test]
    fn a_failure_of_one_variant_is_set_there() {
        let file = "seeds = 1\n[[variant.v.failure]]\nname = \"f\"\ncrash = \"a\"\n";
        insta::assert_snapshot!(set(file, &["failure.f.at=\"1m\""]), @r"
        [base]
        seeds = 1
        [v]
        seeds = 1
        failure = [{name: f, crash: a, at: 1m}]
        ");
    }

    #[test]
    fn wrong_paths_are_drawn_as_text_of_their_own() {
        let sets = ["duration", "=5", "service..x=1", "a b=1", "a=1\nb=2", "[a]\nb=2"];
        insta::assert_snapshot!(set(FILE, &sets), @r#"
        error[E021]: `--set` takes PATH=VALUE
         --> --set:1:1
          |
        1 | duration
          | ^^^^^^^^ has no `=`
          |
          = help: for instance --set service.email.workers=4

        error[E021]: the path is not written as TOML writes keys
         --> --set:1:1
          |
        1 | =5
          | ^ expected letters or numbers or `-` or `_`
          |
          = help: join plain names by dots and quote others, as in service."eu.shop".workers

        error[E021]: the path is not written as TOML writes keys
         --> --set:1:9
          |
        1 | service..x=1
          |         ^ expected letters or numbers or `-` or `_`
          |
          = help: join plain names by dots and quote others, as in service."eu.shop".workers

        error[E021]: the path is not written as TOML writes keys
         --> --set:1:3
          |
        1 | a b=1
          |   ^ expected `=`
          |
          = help: join plain names by dots and quote others, as in service."eu.shop".workers

        error[E021]: `--set` sets one value
         --> --set:1:1
          |
        1 | a=1
          | ^^^
          |
          = help: repeat --set for each, as in --set seeds=4 --set seed=7

        error[E021]: `--set` sets one value
         --> --set:1:1
          |
        1 | [a]
          | ^^^
          |
          = help: repeat --set for each, as in --set seeds=4 --set seed=7

        6 errors
        "#);
    }

    #[test]
    fn wrong_values_get_the_quotes_that_they_lack() {
        let sets = ["duration=1s", "duration=", "x={a=1", "x=\"1"];
        insta::assert_snapshot!(set(FILE, &sets), @r#"
        error[E022]: `1s` is not a TOML value
         --> --set:1:10
          |
        1 | duration=1s
          |          ^^ needs quotes
          |
          = help: text needs quotes, and those the shell's: --set duration='"1s"'

        error[E022]: `duration` is set to nothing
         --> --set:1:10
          |
        1 | duration=
          |          ^ expected a value
          |
          = help: write a value, as in --set duration='"1s"'

        error[E022]: the value is not a TOML value
         --> --set:1:7
          |
        1 | x={a=1
          |       ^ expected `}`
          |
          = help: close the table with }

        error[E022]: the value is not a TOML value
         --> --set:1:5
          |
        1 | x="1
          |     ^ expected `"`
          |
          = help: close the string with " on the same line

        4 errors
        "#);
    }

    #[test]
    fn what_cannot_be_set_is_refused() {
        let sets =
            ["variant.v.seeds=1", "remove=[]", "failure.outge.for=\"1m\"", "failure.outage=5"];
        insta::assert_snapshot!(set(FILE, &sets), @r#"
        error[E023]: `variant` cannot be set
         --> --set:1:1
          |
        1 | variant.v.seeds=1
          | ^^^^^^^ shapes the file
          |
          = help: --set changes values of every variant; pick variants with --variant NAME

        error[E023]: `remove` cannot be set
         --> --set:1:1
          |
        1 | remove=[]
          | ^^^^^^ shapes the file
          |
          = help: --set changes values of every variant; pick variants with --variant NAME

        error[E023]: no failure is named `outge`
         --> --set:1:9
          |
        1 | failure.outge.for="1m"
          |         ^^^^^ unknown
          |
          = help: did you mean `outage`?

        error[E023]: the failure `outage` is a table
         --> --set:1:16
          |
        1 | failure.outage=5
          |                ^
          |
          = help: set one of its keys, as in failure.outage.for

        4 errors
        "#);
    }
}

mod hashing {
    use super::*;

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
}

mod wrong_files {
    use super::*;

    /// The files of `tests/diagnostics` whose text alone is wrong, with the codes they must get.
    const FILES: [(&str, &[u8], &[&str]); 16] = [
        ("empty.toml", include_bytes!("../../tests/diagnostics/empty.toml"), &["E003"]),
        (
            "extends-a-missing-file.toml",
            include_bytes!("../../tests/diagnostics/extends-a-missing-file.toml"),
            &["E011"],
        ),
        (
            "extends-an-unknown-variant.toml",
            include_bytes!("../../tests/diagnostics/extends-an-unknown-variant.toml"),
            &["E015"],
        ),
        (
            "extends-in-a-circle.toml",
            include_bytes!("../../tests/diagnostics/extends-in-a-circle.toml"),
            &["E012"],
        ),
        (
            "extends-in-a-circle-back.toml",
            include_bytes!("../../tests/diagnostics/extends-in-a-circle-back.toml"),
            &["E012"],
        ),
        (
            "failures-of-one-name.toml",
            include_bytes!("../../tests/diagnostics/failures-of-one-name.toml"),
            &["E024"],
        ),
        (
            "key-and-table-written-twice.toml",
            include_bytes!("../../tests/diagnostics/key-and-table-written-twice.toml"),
            &["E006", "E006"],
        ),
        (
            "nested-too-deeply.toml",
            include_bytes!("../../tests/diagnostics/nested-too-deeply.toml"),
            &["E005"],
        ),
        ("not-utf8.toml", include_bytes!("../../tests/diagnostics/not-utf8.toml"), &["E002"]),
        (
            "remove-of-an-unknown-path.toml",
            include_bytes!("../../tests/diagnostics/remove-of-an-unknown-path.toml"),
            &["E018", "E018"],
        ),
        (
            "reserved-variant-name.toml",
            include_bytes!("../../tests/diagnostics/reserved-variant-name.toml"),
            &["E017", "E017"],
        ),
        (
            "syntax-errors-on-many-lines.toml",
            include_bytes!("../../tests/diagnostics/syntax-errors-on-many-lines.toml"),
            &["E001", "E001", "E001", "E010", "E001", "E001"],
        ),
        (
            "toml-head-after-dotted-key.toml",
            include_bytes!("../../tests/diagnostics/toml-head-after-dotted-key.toml"),
            &["E007"],
        ),
        (
            "toml-inline-table-extended.toml",
            include_bytes!("../../tests/diagnostics/toml-inline-table-extended.toml"),
            &["E008"],
        ),
        (
            "toml-short-form-extended.toml",
            include_bytes!("../../tests/diagnostics/toml-short-form-extended.toml"),
            &["E008"],
        ),
        (
            "variants-in-a-circle.toml",
            include_bytes!("../../tests/diagnostics/variants-in-a-circle.toml"),
            &["E016"],
        ),
    ];

    #[test]
    fn each_gets_its_codes() {
        let own = |(name, bytes, _): &(&str, &[u8], _)| ((*name).to_owned(), bytes.to_vec());
        let memory = Memory(FILES.iter().map(own).collect());
        for (name, _, codes) in FILES {
            let mut errors = Vec::new();
            let document = Document::open(&memory, name, &[], &mut errors);
            errors.sort_by_key(|e| e.span.map(|s| (s.file, s.start)));
            let told: Vec<&str> = errors.iter().map(|e| e.code).collect();
            let drawn = render(&errors, &document.sources, false);
            assert_eq!(told, codes, "{name}\n{drawn}");
        }
    }
}

mod mutating {
    use proptest::prelude::*;

    use super::*;

    const GOOD: &str = "extends = \"b.toml\"\ntitle = 'x'\n[service.shop]\nworkers = 1_0\n\
        emits.E = [\"0s 1/s\", \"1m 5/s\"]\n[service.email]\non.E = { takes = \"8ms\", do = [] }\n\
        [[failure]]\nname = \"n\"\ncrash = \"email\"\nat = \"1m\"\n[expect]\nemail.lag.p99 = \"< 2s\"\n\
        \"E@email.lag.max\" = '''x'''\n[variant.v]\nextends = \"w\"\nremove = [\"service.shop\"]\n\
        [variant.w]\nservice.email.on.E = \"30ms\" # äöü\n";
    const PIECES: [&str; 22] = [
        "[",
        "]",
        "{",
        "}",
        "=",
        ".",
        ",",
        "\"",
        "'",
        "'''",
        "\"\"\"",
        "\\",
        "\n",
        "#",
        "ä",
        "\u{0}",
        "1e99",
        "[[failure]]\n",
        "[variant.v]\n",
        "extends = \"v\"\n",
        "on.E",
        "\r",
    ];

    /// A place must lie on whole characters of its text.
    fn check(span: Span, sources: &Sources) -> Result<(), TestCaseError> {
        let bytes = span.start as usize..span.end as usize;
        prop_assert!(sources.text(span.file).get(bytes).is_some(), "{:?}", span);
        Ok(())
    }

    fn check_table(table: &Table, sources: &Sources) -> Result<(), TestCaseError> {
        for entry in &table.entries {
            check(entry.key_span, sources)?;
            check(entry.node.span, sources)?;
            if let Value::Table(inner) = &entry.node.value {
                check_table(inner, sources)?;
            }
        }
        Ok(())
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn the_order_of_names_is_kept(
            names in prop::collection::btree_set("[a-z]{1,3}", 1..20)
                .prop_map(|set| set.into_iter().collect::<Vec<_>>())
                .prop_shuffle(),
            dotted in any::<bool>(),
        ) {
            let line = |name: &String| if dotted {
                format!("service.{name}.x.y = 1\n")
            } else {
                format!("[service.{name}.x]\ny = 1\n")
            };
            let text: String = names.iter().map(line).collect();
            let (document, errors) = open(&[("a.toml", &text)], &[]);
            prop_assert!(errors.is_empty());
            let Value::Table(services) = &document.base.entries[0].node.value else {
                return Err(TestCaseError::fail("no services"));
            };
            let read: Vec<&String> = services.entries.iter().map(|e| &e.key).collect();
            prop_assert_eq!(read, names.iter().collect::<Vec<_>>());
        }

        #[test]
        fn no_text_does_harm(
            edits in prop::collection::vec((0..GOOD.len(), 0..6usize, 0..PIECES.len()), 1..8),
        ) {
            let mut bytes = GOOD.as_bytes().to_vec();
            for (at, cut, piece) in edits {
                let at = at.min(bytes.len());
                let end = (at + cut).min(bytes.len());
                bytes.splice(at..end, PIECES[piece].bytes());
            }
            let files = Memory(BTreeMap::from([
                ("a.toml".to_owned(), bytes.clone()),
                ("b.toml".to_owned(), b"[service.shop]\n[variant.v]\n".to_vec()),
            ]));
            let set = String::from_utf8_lossy(&bytes[..bytes.len().min(40)]).into_owned();
            let mut errors = Vec::new();
            let document = Document::open(&files, "a.toml", &[set], &mut errors);
            let drawn = render(&errors, &document.sources, false);
            prop_assert_eq!(errors.is_empty(), drawn.is_empty());
            for error in &errors {
                for span in error.span.iter().chain(error.related.iter().map(|(span, _)| span)) {
                    check(*span, &document.sources)?;
                }
            }
            for (_, table) in document.tables() {
                check_table(&table, &document.sources)?;
            }
            normal_form(&document);
        }
    }
}
