//! Whole documents: wrong variants, the wrong files of `tests/diagnostics`, and texts that no one
//! would write.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::document::Document;
use super::draw::render;
use super::normal::normal_form;
use super::testing::{Memory, one, open};
use super::tree::{Sources, Span, Table, Value};

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
