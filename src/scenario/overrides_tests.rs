//! What `--set` changes, and what it answers to a wrong path or value.

use super::testing::set;

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
    let sets = ["variant.v.seeds=1", "remove=[]", "failure.outge.for=\"1m\"", "failure.outage=5"];
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
