//! Why a run may end without coming to rest. Each reason is seen in the scenario as it is drawn;
//! a run that ends otherwise is a defect.

/// What may keep a run from coming to rest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Restless {
    /// A failure whose cause is never removed.
    ForGood,
    /// A failure that strikes again and again, in the drain too. If a system heals slowly, as a
    /// group of a log does, it never does; so it has to come to rest when each strikes once.
    ComesBack,
    /// A log whose partition stands still when work has failed for good.
    Halts,
    /// Leases that are shorter than what waits in a consumer's hands: everything is given out again
    /// before it is done, and the work for that keeps the rest waiting.
    ShortLease,
    /// A delivery lost at once, by a broker whose leases end with their connection alone.
    NoLease,
}

/// Verbs that are over at once whatever their trigger.
const AT_ONCE: [&str; 4] = ["\nrestart = ", "\nreplay = ", "\nredrive = ", "\nherd = "];

/// The scenario, but for failures that come back: each strikes once, for as long as it would.
pub(super) fn struck_once(text: &str) -> String {
    let block = |block: &str| {
        // What strikes `every` so often is over at once if it does not say how long it lasts.
        let ends = block.contains("\nfor = ") || AT_ONCE.iter().any(|verb| block.contains(verb));
        let endless = block.contains("\nevery = ") && !ends;
        let for_no_time = if endless { "for = \"0s\"\n" } else { "" };
        block.lines().map(once).collect::<String>() + for_no_time
    };
    text.split("[[failure]]\n").map(block).collect::<Vec<_>>().join("[[failure]]\n")
}

/// The line of a failure as it stands if that strikes once.
fn once(line: &str) -> String {
    match line.split_once(" = ") {
        Some(("every" | "mtbf", at)) => format!("at = {at}\n"),
        Some(("mttr", lasts)) => format!("for = {lasts}\n"),
        Some(("when" | "chance", _)) => "at = \"1s\"\n".to_owned(),
        Some(("cooldown", _)) => String::new(),
        _ => format!("{line}\n"),
    }
}
