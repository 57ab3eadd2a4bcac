//! The delivery matrix: what each combination of choices does to deliveries, where the names of the
//! variants say which choices were combined.
//!
//! `after-outbox-inbox`, `after-outbox-plain`, `after-dual-inbox` and so on: the parts of a name
//! between its hyphens are choices, and there is a variant for every one of them. Decision 0009.

use crate::render::findings::total;
use crate::render::view::View;
use crate::results::Ledger;

/// Subscribers that a matrix shows at most.
pub(crate) const MOST: usize = 4;

/// What it means for a subscriber if something that a matrix counts is not 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Harm {
    /// It misses something, or hears what is not true.
    Missing,
    /// It did something twice, or in the wrong order.
    Wrong,
    /// None, if it knows what it has done already.
    None,
}

/// Something that a matrix counts.
#[derive(Debug)]
pub(crate) struct Column {
    /// What it is called.
    pub(crate) name: &'static str,
    /// How many.
    pub(crate) of: fn(&Ledger) -> u64,
    /// What it means.
    pub(crate) harm: Harm,
    /// Shown even if there are none in any cell.
    always: bool,
}

const fn column(name: &'static str, harm: Harm, always: bool, of: fn(&Ledger) -> u64) -> Column {
    Column { name, of, harm, always }
}

const COLUMNS: [Column; 6] = [
    column("lost", Harm::Missing, true, |l| total(&l.lost)),
    column("given up", Harm::Missing, false, given_up),
    column("phantom", Harm::Missing, false, |l| l.phantom),
    column("redelivered", Harm::None, true, |l| l.redelivered),
    column("out of order", Harm::None, false, |l| l.out_of_order),
    column("applied twice", Harm::Wrong, true, |l| l.double_applied),
];

/// What ended without being applied, for a reason that somebody chose.
fn given_up(l: &Ledger) -> u64 {
    let all = [total(&l.dropped), l.rejected, l.expired, l.dead_lettered];
    all.into_iter().fold(0, u64::saturating_add)
}

/// The variants as combinations of choices.
#[derive(Debug)]
pub(crate) struct Matrix<'a> {
    /// The choices: what there was to choose from, in the order in which names first have it.
    pub(crate) choices: Vec<Vec<&'a str>>,
    /// What each combination chose, and where its variant stands among all.
    pub(crate) cells: Vec<(Vec<usize>, usize)>,
    /// Subscribers, those with most losses and repetitions first.
    pub(crate) services: Vec<String>,
    /// What is counted.
    pub(crate) columns: Vec<&'static Column>,
}

impl<'a> Matrix<'a> {
    /// The matrix of these variants, or nothing if their names are no combinations. The first
    /// variant may stand outside: it then takes the one combination that no other has, if there is
    /// just one, and else is no part of the matrix.
    pub(crate) fn of(views: &[View<'a>]) -> Option<Self> {
        let names: Vec<(usize, Vec<&str>)> =
            views.iter().enumerate().map(|(at, v)| (at, v.name.split('-').collect())).collect();
        let parts = names.last()?.1.len();
        let fits = |name: &[&str]| name.len() == parts && name.iter().all(|p| !p.is_empty());
        let (first, others) = names.split_first()?;
        if parts < 2 || !others.iter().all(|(_, name)| fits(name)) {
            return None;
        }
        let inside = if fits(&first.1) { &names[..] } else { others };
        let mut choices = vec![Vec::new(); parts];
        let mut cells = Vec::new();
        for (at, name) in inside {
            let mut cell = Vec::new();
            for (part, choice) in name.iter().zip(&mut choices) {
                let known = choice.iter().position(|c| c == part);
                cell.push(known.unwrap_or_else(|| {
                    choice.push(*part);
                    choice.len() - 1
                }));
            }
            cells.push((cell, *at));
        }
        let all = choices.iter().map(Vec::len).try_fold(1_usize, usize::checked_mul)?;
        if choices.iter().filter(|c| c.len() > 1).count() < 2 || all > 2 * views.len() {
            return None;
        }
        if inside.len() == others.len() && cells.len() + 1 == all {
            let missing = combinations(&choices).find(|c| cells.iter().all(|(cell, _)| cell != c));
            cells.push((missing?, first.0));
        }
        cells.sort();
        let distinct = cells.windows(2).all(|pair| pair[0].0 != pair[1].0);
        (distinct && cells.len() == all).then(|| Self::with_counts(views, choices, cells))
    }

    fn with_counts(
        views: &[View<'a>],
        mut choices: Vec<Vec<&'a str>>,
        mut cells: Vec<(Vec<usize>, usize)>,
    ) -> Self {
        // What leaves no choice need not be told.
        let real: Vec<bool> = choices.iter().map(|c| c.len() > 1).collect();
        choices.retain(|c| c.len() > 1);
        for (cell, _) in &mut cells {
            let kept = cell.iter().zip(&real).filter(|(_, real)| **real).map(|(at, _)| *at);
            *cell = kept.collect();
        }
        let ledgers = |service: &str| -> Vec<&Ledger> {
            let of = |(_, at): &(Vec<usize>, usize)| views[*at].result.ledger.get(service);
            cells.iter().filter_map(of).collect()
        };
        let sum = |service: &str| {
            let all = ledgers(service).into_iter();
            all.flat_map(|l| COLUMNS.iter().map(move |c| (c.of)(l))).fold(0, u64::saturating_add)
        };
        let mut services: Vec<String> = Vec::new();
        for (name, _) in views.iter().flat_map(|v| v.result.ledger.iter()) {
            if !services.iter().any(|s| s == name) && !ledgers(name).is_empty() {
                services.push(name.to_owned());
            }
        }
        // The sort is stable: equals keep the order of the file.
        services.sort_by_key(|name| std::cmp::Reverse(sum(name)));
        services.truncate(MOST);
        let any = |c: &&Column| {
            c.always || services.iter().any(|s| ledgers(s).iter().any(|l| (c.of)(l) > 0))
        };
        let columns = COLUMNS.iter().filter(any).collect();
        Self { choices, cells, services, columns }
    }

    /// Whether every event reached a service, and had its effect once.
    pub(crate) fn is_clean(&self, ledger: &Ledger) -> bool {
        let harmful = self.columns.iter().filter(|c| c.harm != Harm::None);
        harmful.fold(0, |sum: u64, c| sum.saturating_add((c.of)(ledger))) == 0
    }

    /// What each combination is called, choice by choice.
    pub(crate) fn words(&self, cell: &[usize]) -> Vec<&'a str> {
        cell.iter().zip(&self.choices).map(|(at, choice)| choice[*at]).collect()
    }
}

/// All combinations, the last choice changing first.
fn combinations(choices: &[Vec<&str>]) -> impl Iterator<Item = Vec<usize>> {
    let sizes: Vec<usize> = choices.iter().map(Vec::len).collect();
    let all: usize = sizes.iter().product();
    (0..all).map(move |k| {
        let mut rest = k;
        let mut cell: Vec<usize> = sizes
            .iter()
            .rev()
            .map(|size| {
                let at = rest % size;
                rest /= size;
                at
            })
            .collect();
        cell.reverse();
        cell
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::testing;
    use crate::results::{Results, VariantResult};

    fn named(names: &[&str]) -> Results {
        let mut results = testing::empty();
        for (k, name) in names.iter().enumerate() {
            let mut v = VariantResult::default();
            let ledger = Ledger { committed: 9, redelivered: k as u64, ..Ledger::default() };
            v.ledger.push("quiet", Ledger::default());
            v.ledger.push("email", ledger);
            results.variants.push(*name, v);
        }
        results
    }

    fn cells(names: &[&str]) -> Option<Vec<String>> {
        let results = named(names);
        let views = View::all(&results);
        let matrix = Matrix::of(&views)?;
        assert_eq!(matrix.services, ["email", "quiet"]);
        let cell = |(cell, at): &(Vec<usize>, usize)| {
            format!("{} = {}", matrix.words(cell).join(" "), views[*at].name)
        };
        Some(matrix.cells.iter().map(cell).collect())
    }

    #[test]
    fn names_that_are_all_combinations_make_a_matrix() {
        let found = cells(&["base", "a-x", "a-y", "b-x", "b-y"]).expect("a matrix");
        assert_eq!(found, ["a x = a-x", "a y = a-y", "b x = b-x", "b y = b-y"]);
        // The first variant may be a combination by name or the one that is missing.
        let found = cells(&["b-y", "a-x", "a-y", "b-x"]).expect("a matrix");
        assert_eq!(found, ["b y = b-y", "b x = b-x", "a y = a-y", "a x = a-x"]);
        let found = cells(&["base", "a-x", "a-y", "b-x"]).expect("a matrix");
        assert_eq!(found[3], "b y = base");
        // A part that never changes is no choice.
        let found = cells(&["base", "k-a-x", "k-a-y", "k-b-x", "k-b-y"]).expect("a matrix");
        assert_eq!(found[0], "a x = k-a-x");
    }

    #[test]
    fn other_names_do_not() {
        for names in [
            &["base"][..],
            &["base", "plus-one"],
            &["base", "acks-one", "dual-write"],
            &["base", "a-x", "a-y"],
            &["base", "a-x", "a-y", "b-x", "b-y", "other"],
            &["base", "a-x", "a-y", "b-x", "b-"],
            &["base", "a-x", "a-x", "b-x", "b-y"],
            &[],
        ] {
            assert_eq!(cells(names), None, "{names:?}");
        }
    }

    #[test]
    fn what_never_happens_has_no_column_but_losses_and_repetitions_do() {
        let results = named(&["base", "a-x", "a-y", "b-x", "b-y"]);
        let views = View::all(&results);
        let matrix = Matrix::of(&views).expect("a matrix");
        let names: Vec<&str> = matrix.columns.iter().map(|c| c.name).collect();
        assert_eq!(names, ["lost", "redelivered", "applied twice"]);
    }
}
