//! What guards calls, and in which order work waits: several of each at once, or none.
//!
//! Everything is a list of keys with values, which stand in a table or between braces.

use crate::support::Dice;

/// Each of these with its own odds, and of each at most one variant.
const CALLING: &[(usize, &[&str])] = &[
    (3, &["timeout = \"60ms\"", "timeout = \"150ms\"", "timeout = \"2s\""]),
    (
        3,
        &[
            "retry = { attempts = 3, backoff = \"10ms..100ms full-jitter\", budget = true }",
            "retry = { attempts = 3, backoff = \"5ms fixed\", budget = \"10%\" }",
            "retry = { attempts = 4, backoff = \"10ms..1s decorrelated\", budget = { size = 3 } }",
            "retry = { attempts = 2 }",
        ],
    ),
    (5, &["deadline = true"]),
    (5, &["cancel = true"]),
    (5, &["hedge = \"8ms\"", "hedge = \"30ms\""]),
    (6, &["pool = 1", "pool = 4"]),
    (5, &["health = true"]),
    (
        5,
        &[
            "breaker = true",
            "breaker = { consecutive = 3, open = \"300ms\", probes = 2 }",
            "breaker = { window = 20, calls = 10, slow = \"20ms\", slow_calls = \"50%\", \
             open = \"400ms\" }",
        ],
    ),
    (6, &["bulkhead = 1", "bulkhead = 5"]),
    (6, &["throttle = true", "throttle = { k = 1.1, window = \"3s\" }"]),
    (6, &["rate_limit = { \"psp.charge\" = \"40/s burst 5\" }"]),
];

/// Keys of somebody who calls `psp.charge`.
pub(super) fn calling(dice: &mut Dice) -> Vec<&'static str> {
    let mut keys = Vec::new();
    for (odds, variants) in CALLING {
        if dice.below(*odds) == 0 {
            keys.push(*dice.pick(variants));
        }
    }
    keys
}

/// The same for a client that calls somebody else.
pub(super) fn of_client(dice: &mut Dice) -> Vec<&'static str> {
    calling(dice).into_iter().filter(|key| !key.starts_with("rate_limit")).collect()
}

/// Keys of a handler that calls, each after a comma.
pub(super) fn of_handler(dice: &mut Dice) -> String {
    let mut keys = calling(dice);
    if dice.below(4) == 0 {
        keys.push("blocking = false");
    }
    keys.iter().flat_map(|key| [", ", *key]).collect()
}

/// How a service lets work wait; perhaps without a limit.
pub(super) fn backlog(dice: &mut Dice) -> String {
    if dice.below(2) == 0 {
        return String::new();
    }
    let policies = ["reject-new", "drop-oldest", "lifo", "random", "deadline", "codel"];
    let mut keys = vec![format!("policy = \"{}\"", dice.pick(&policies))];
    if keys[0].contains("codel") && dice.below(2) == 0 {
        keys.push("target = \"2ms\", interval = \"40ms\"".to_owned());
    }
    if dice.below(3) > 0 {
        keys.push(format!("cap = {}", dice.below(30)));
    }
    if dice.below(4) == 0 {
        keys.push("patience = \"~100ms\"".to_owned());
    }
    format!("backlog = {{ {} }}\n", keys.join(", "))
}

/// How many instances a service begins with and may come to, and the key that says so.
pub(super) fn size(dice: &mut Dice) -> (usize, usize, String) {
    let n = 1 + dice.below(3);
    if dice.below(5) > 0 {
        return (n, n, format!("instances = {n}\n"));
    }
    let by = *dice.pick(&["backlog = 3", "backlog = 20", "rho = \"40%\""]);
    let min = usize::from(by.starts_with("rho") || dice.below(2) == 0);
    let keys = format!("{by}, min = {min}, max = 4, start = \"300ms\"");
    (n, 4, format!("instances = {n}\nautoscale = {{ {keys} }}\n"))
}
