//! From where there is no return, in words and as a table.

use crate::render::tables::{MOST_ROWS, Table};
use crate::render::wording::{Reading, count, percent, seconds, significant};
use crate::results::{Fate, Metastability, Search, Trial};

/// Whether the system returns, and from where on it does not.
pub(crate) fn answer(found: &Metastability) -> String {
    let all = found.replications.len();
    let last = found.replications.iter().filter_map(|search| search.trials.last());
    let overloaded: Vec<&Trial> =
        last.filter(|t| t.outcome == Fate::Overloaded && found.over == "for").collect();
    if let Some(trial) = overloaded.first() {
        let who = trial.who.as_deref().unwrap_or("somebody");
        return format!(
            "is down without any failure in {} of {}: {who} first, with {}/s done",
            count(overloaded.len() as u64),
            replications(all),
            significant(trial.reference)
        );
    }
    let name = &found.failure;
    let searches = found.replications.iter();
    let stays: Vec<&Trial> = searches.filter_map(|s| s.trial(s.stays?)).collect();
    let slow = found.replications.iter().any(Search::is_slow);
    let verdict = if slow {
        format!("takes more than {} to return from", seconds(found.within_s))
    } else {
        "does not return from".to_owned()
    };
    let limit = value(found, found.limit);
    let what = if found.over == "for" { "lasts" } else { "strikes at a load of" };
    match (found.threshold, stays.first()) {
        (Some(threshold), Some(first)) if first.outcome == Fate::Stays => format!(
            "{verdict} \"{name}\" if it {what} {} or more{}: {} after its end {} of {}/s are \
             done, and {} is not back",
            value(found, threshold),
            sure(found),
            seconds(found.within_s),
            significant(first.goodput),
            significant(first.reference),
            first.who.as_deref().unwrap_or("somebody")
        ),
        (Some(threshold), Some(_)) => format!(
            "returns from \"{name}\" under any load that it can bear: a load of {}{} brings it \
             down without any failure",
            value(found, threshold),
            sure(found)
        ),
        (_, None) => format!("returns from \"{name}\", whatever is tried up to {limit}"),
        (_, Some(_)) => {
            let lowest = found.replications.iter().filter_map(|s| s.stays);
            let lowest = lowest.fold(f64::INFINITY, f64::min);
            format!(
                "{} of {} do not return from \"{name}\", the first if it {what} {} or more; the \
                 others return from everything up to {limit}",
                count(stays.len() as u64),
                replications(all),
                value(found, lowest)
            )
        }
    }
}

fn replications(n: usize) -> String {
    format!("{} replication{}", count(n as u64), if n == 1 { "" } else { "s" })
}

/// " (± 0.1 s in 5 replications)", or that there is only one.
fn sure(found: &Metastability) -> String {
    match found.ci95 {
        Some([low, high]) => format!(
            " (± {} in {})",
            value(found, (high - low) / 2.0),
            replications(found.replications.len())
        ),
        None => " (one replication)".to_owned(),
    }
}

/// A length, or a multiple of the load.
pub(crate) fn value(found: &Metastability, v: f64) -> String {
    if found.over == "for" { seconds(v) } else { format!("{}x", significant(v)) }
}

/// The bracket of each replication.
pub(crate) fn table(variant: &str, found: &Metastability) -> Table {
    let what = if found.over == "for" { "length of" } else { "load under" };
    let caption = format!("{variant}{what} \"{}\" from which there is no return", found.failure);
    let head = [
        "replication",
        "returns\nup to",
        "goodput\nthen",
        "does not\nfrom",
        "goodput\nthen",
        "without\nfailure",
        "first not back",
        "and much\nlater",
    ];
    let mut table = Table::new(caption, &head);
    table.words = vec![0, 6, 7];
    let rate = |v: f64| format!("{}/s", significant(v));
    let of = |trial: Option<&Trial>, f: &dyn Fn(&Trial) -> String| {
        Reading::plain(trial.map_or("-".to_owned(), f))
    };
    for (at, search) in found.replications.iter().take(MOST_ROWS).enumerate() {
        let good = search.trial(search.returns).filter(|t| t.outcome == Fate::Returns);
        let bad = search.stays.and_then(|stays| {
            let down = search.trials.iter().find(|t| t.outcome == Fate::Overloaded);
            search.trial(stays).or(down)
        });
        table.rows.push(vec![
            Reading::plain(at.to_string()),
            of(good, &|t| value(found, t.value)),
            of(good, &|t| rate(t.goodput)),
            of(bad, &|t| value(found, t.value)),
            of(bad, &|t| rate(t.goodput)),
            of(bad.or(good), &|t| rate(t.reference)),
            of(bad, &|t| t.who.clone().unwrap_or_default()),
            Reading::plain(match &search.later {
                None => "-",
                Some(_) if search.is_slow() => "back",
                Some(_) => "down",
            }),
        ]);
    }
    table.note = Some(format!(
        "It has returned if, in the {} that begin {} after the end of the failure, every client \
         gets at least {} of the answers and no subscriber's p99 lag is above twice that, and \
         above 1 s, of the run without the failure with the same random numbers. Much later is \
         five times as long after. {} runs.",
        seconds(found.window_s),
        seconds(found.within_s),
        percent(0.9),
        count(found.runs)
    ));
    table
}

/// Arguments of the command that finds this.
pub(crate) fn flags(found: &Metastability) -> String {
    let limit = if found.over == "for" { "s" } else { "x" };
    format!(
        " --metastable --failure '{}' --over {} --within {}s --up-to {}{limit}",
        found.failure.replace('\'', "'\\''"),
        found.over,
        found.within_s,
        found.limit
    )
}
