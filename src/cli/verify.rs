//! `--verify`: two simulations of one scenario are equal to the last bit, or the program is wrong,
//! and then it is said where. Knows nothing of why.

use super::status::Failure;
use super::{broken, interrupt};
use crate::experiment::{Cancelled, Difference, first_difference};
use crate::results::Results;
use crate::scenario::Scenario;

/// Holds the results of two simulations of `scenario` against each other; `replay` are the words of
/// the command line that made them.
///
/// # Errors
/// If they differ: in which variant and component, and the first event that differs when that
/// variant is simulated twice more, side by side.
pub(super) fn verify(
    scenario: &Scenario,
    first: &Results,
    second: &Results,
    replay: &[String],
) -> Result<(), Failure> {
    let text = match component(first, second) {
        Some((variant, component)) => {
            let said = format!("two simulations differ: variant {variant}, {component}");
            let variant = scenario.variants.iter().find(|v| v.name == variant);
            let found = variant.map(|v| first_difference(scenario, v, interrupt::listen()));
            found.map_or(said.clone(), |found| format!("{said}\n  {}", event(&found)))
        }
        None if first == second => return Ok(()),
        None => "two simulations have equal histories but other numbers".to_owned(),
    };
    let words = replay.iter().map(String::as_str).chain(["--verify"]);
    Err(broken::ours(&text, &broken::command_line(words)))
}

/// The first variant with a component whose history differs, and that component with both digests.
fn component<'a>(first: &'a Results, second: &Results) -> Option<(&'a str, String)> {
    first.variants.iter().zip(second.variants.iter()).find_map(|((variant, a), (_, b))| {
        let mut digests = a.digests.iter().zip(b.digests.iter());
        let ((name, one), (_, other)) = digests.find(|((_, one), (_, other))| one != other)?;
        Some((variant, format!("component {name}, digest {one} against {other}")))
    })
}

/// The first event that differs, in words.
fn event(found: &Result<Option<Difference>, Cancelled>) -> String {
    let Ok(found) = found else {
        return "interrupted before the first event that differs was found".to_owned();
    };
    let Some(Difference { replication, component, index, events }) = found else {
        return "simulated twice more, side by side, it did not differ again".to_owned();
    };
    let [one, other] = events.map(|event| match event {
        Some(e) => {
            let at = e.at.as_secs();
            format!("{} at {at} s (id {:016x}, attempt {})", e.what(), e.id, e.attempt)
        }
        None => "nothing more".to_owned(),
    });
    format!(
        "first event that differs: replication {replication}, component {component}, event \
         {index} of its history: {one} against {other}"
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::status::Status;
    use crate::probe::Replay;
    use crate::results::{Ordered, ScenarioInfo, VariantResult};
    use crate::scenario::testing::scenario;

    const FILE: &str = "duration = \"1s\"\nservice.shop.emits.Placed = \"every 100ms\"\n\
        service.email.on.Placed = \"5ms\"\n";

    fn results(digest: &str, events: u64) -> Results {
        let digests = Ordered::from_iter([("shop".to_owned(), digest.to_owned())]);
        let base = VariantResult { digests, events, ..VariantResult::default() };
        Results {
            schema: 1,
            program: String::new(),
            scenario: ScenarioInfo::default(),
            seed: 1,
            seeds: 1,
            variants: Ordered::from_iter([("base".to_owned(), base)]),
            comparisons: Vec::new(),
        }
    }

    fn verdict(first: &Results, second: &Results) -> Result<(), Failure> {
        verify(&scenario(FILE), first, second, &["tidelag".to_owned(), "run".to_owned()])
    }

    #[test]
    fn the_first_component_that_differs_is_named_even_if_it_does_not_again() {
        assert_eq!(verdict(&results("a", 1), &results("a", 1)), Ok(()));
        let failure = verdict(&results("a", 1), &results("b", 1)).expect_err("they differ");
        assert_eq!(failure.status, Status::Broken);
        for part in [
            "variant base, component shop, digest a against b\n  simulated twice more, side by side",
            "tidelag run --verify",
        ] {
            assert!(failure.message.contains(part), "{}", failure.message);
        }
        let failure = verdict(&results("a", 1), &results("a", 2)).expect_err("they differ");
        assert!(failure.message.contains("equal histories"), "{}", failure.message);
    }

    #[test]
    fn an_event_that_differs_is_told_with_time_component_and_place() {
        let scenario = scenario(FILE);
        let parts = Replay::new(&scenario.variants[0].blueprint, 1, 0);
        let first = parts.flatten().flatten().next().expect("an event");
        let found = Difference {
            replication: 3,
            component: "shop".to_owned(),
            index: 17,
            events: [Some(first), None],
        };
        assert_eq!(
            event(&Ok(Some(found))),
            format!(
                "first event that differs: replication 3, component shop, event 17 of its \
                 history: emitted at 0.1 s (id {:016x}, attempt 0) against nothing more",
                first.id
            )
        );
        assert!(event(&Err(Cancelled)).starts_with("interrupted"));
    }
}
