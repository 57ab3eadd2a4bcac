//! What `remove` takes away, and what it says of a path that is not there.

use super::testing::one;

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
