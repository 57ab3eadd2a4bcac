//! Failures in words: when something was broken, what it cost whom, and when it was over for them.

use crate::render::view::View;
use crate::render::wording::{count, list, percent, plural, seconds};
use crate::results::{FailureCost, FailureWindow, Recovery};

/// Of whom it is told what a failure cost them, at most.
const COSTS: usize = 3;

/// "crash email: 120 s to 180 s: 5 998 events late at email".
pub(crate) fn windows(view: &View<'_>, most: usize) -> Vec<String> {
    let all = &view.result.failures;
    let mut lines: Vec<String> = all.iter().take(most).map(window).collect();
    if all.len() > most {
        lines.push(format!("and {} more times", count((all.len() - most) as u64)));
    }
    if let (Some(note), Some(last)) = (&view.result.failures_note, lines.last_mut()) {
        *last = format!("{last} ({note})");
    }
    lines
}

fn window(w: &FailureWindow) -> String {
    let when = match w.to {
        Some(to) if to <= w.from => format!("{}: at {}", w.name, seconds(w.from)),
        Some(to) => format!("{}: {} to {}", w.name, seconds(w.from), seconds(to)),
        None => format!("{}: from {} for good", w.name, seconds(w.from)),
    };
    if w.costs.is_empty() {
        return when;
    }
    let mut costs: Vec<String> = w.costs.iter().take(COSTS).map(cost).collect();
    if w.costs.len() > COSTS {
        costs.push(format!("{} more in results.json", count((w.costs.len() - COSTS) as u64)));
    }
    format!("{when}: {}", list(&costs))
}

fn cost(c: &FailureCost) -> String {
    if c.failed == 0 {
        return format!("{} events late at {}", count(c.late), c.name);
    }
    let good = c.requests.saturating_sub(c.failed) as f64 / c.requests.max(1) as f64;
    format!(
        "{} of {} requests of {} failed (availability {})",
        count(c.failed),
        count(c.requests),
        c.name,
        percent(good)
    )
}

/// "email was as usual 24 s after the last failure", for each who felt it, the slowest first.
pub(crate) fn recoveries(view: &View<'_>, most: usize) -> Vec<String> {
    let mut all: Vec<&Recovery> = view.result.recoveries.iter().collect();
    let took = |r: &Recovery| match (r.cause_end, r.recovered) {
        (Some(end), Some(at)) => at - end,
        _ => f64::INFINITY,
    };
    all.sort_by(|a, b| took(b).total_cmp(&took(a)));
    let mut lines: Vec<String> = all.iter().take(most).map(|r| recovery(r)).collect();
    if all.len() > most {
        lines.push(format!("{} were faster", plural(all.len() - most, "other")));
    }
    lines
}

fn recovery(r: &Recovery) -> String {
    let (name, late) = (&r.name, seconds(r.threshold));
    match (r.cause_end, r.recovered) {
        (Some(end), Some(at)) if at > end => {
            format!("{name} after {} (p99 within {late} again)", seconds(at - end))
        }
        (Some(_), Some(_)) => format!("{name} at once"),
        (Some(_), None) => {
            format!("{name} NOT before the traffic ended (its p99 stays above {late})")
        }
        (None, _) => format!("{name} unknown, as something was broken to the end"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::wording::plain;

    #[test]
    fn a_window_tells_what_it_cost_and_a_recovery_how_long_it_took() {
        let client = FailureCost { name: "web".to_owned(), requests: 80, failed: 60, late: 0 };
        let service = FailureCost { name: "email".to_owned(), late: 120, ..FailureCost::default() };
        let w = FailureWindow {
            name: "crash".to_owned(),
            from: 10.0,
            to: Some(20.0),
            costs: vec![client, service],
        };
        assert_eq!(
            plain(&window(&w)),
            "crash: 10.0 s to 20.0 s: 60 of 80 requests of web failed (availability 25.0 %) and \
             120 events late at email"
        );
        let told = |cause_end, recovered| {
            let name = "email".to_owned();
            plain(&recovery(&Recovery { name, threshold: 1.0, cause_end, recovered }))
        };
        assert_eq!(told(Some(20.0), Some(32.0)), "email after 12.0 s (p99 within 1.00 s again)");
        assert_eq!(told(Some(20.0), Some(20.0)), "email at once");
        assert!(told(Some(20.0), None).starts_with("email NOT before"));
        assert!(told(None, None).contains("broken to the end"));
    }
}
