//! Files that rest on files: in order, in circles, missing or wrong.

use std::collections::BTreeMap;

use super::document::Document;
use super::draw::render;
use super::testing::{Memory, one, out};

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
    broker = {bus: {preset: ideal}}
    seed = 1
    ");
    insta::assert_snapshot!(one("extends = \"preset:kafak\"\nseed = 1"), @r#"
    error[E014]: there is no preset `kafak`
     --> a.toml:1:19
      |
    1 | extends = "preset:kafak"
      |                   ^^^^^
      |
      = help: did you mean `kafka`?

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
