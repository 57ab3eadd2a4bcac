//! The report as one page that needs nothing else: no script, no font, no network; light and dark;
//! for print.
//!
//! The page says what the terminal says and shows the charts. Knows no path, no clock and no
//! machine.

mod parts;

use crate::render::chart::Chart;
use crate::render::failures;
use crate::render::findings;
use crate::render::study;
use crate::render::tables;
use crate::render::verdict;
use crate::render::view::View;
use crate::render::wording::plural;
use crate::results::Results;
use maud::{DOCTYPE, Markup, PreEscaped, html as markup};
use parts::{answers, table};

const STYLE: &str = include_str!("style.css");

/// Subscribers whose lag is taken apart, per variant.
const TAKEN_APART: usize = 3;

/// `report.html`: the whole report with `charts` inlined.
pub fn html(results: &Results, charts: &[Chart]) -> String {
    let views = View::all(results);
    let studies = study::tables(results);
    let title = findings::title(results);
    let page = markup! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { (title) }
                style { (PreEscaped(STYLE)) }
            }
            body {
                header { (opening(results)) }
                main {
                    @if studies.is_empty() {
                        (expectations(results))
                        (matrix(results))
                        (chart_section(charts))
                        (comparison(results))
                        @for view in &views { (variant(view)) }
                        (closing(results))
                    } @else {
                        (chart_section(charts))
                        @for study in &studies {
                            section { h2 { (study.caption) } (table(study)) }
                        }
                    }
                    (provenance(results))
                }
            }
        }
    };
    let mut text = page.into_string();
    text.push('\n');
    text
}

fn opening(results: &Results) -> Markup {
    markup! {
        h1 { (findings::title(results)) }
        @if !results.scenario.question.is_empty() {
            p.question { (results.scenario.question) }
        }
        (answers(&findings::answers(results), "answer"))
    }
}

fn expectations(results: &Results) -> Markup {
    let all = tables::expectations(results);
    markup! {
        section {
            h2 { "Expectations: " (findings::verdict(results)) }
            (table(&all))
        }
    }
}

fn matrix(results: &Results) -> Markup {
    markup! {
        @if let Some(matrix) = tables::matrix(results) {
            section { h2 { "Delivery matrix" } (table(&matrix)) }
        }
    }
}

fn chart_section(charts: &[Chart]) -> Markup {
    markup! {
        @if !charts.is_empty() {
            section {
                h2 { "Charts" }
                @for chart in charts {
                    figure {
                        div.card role="img" aria-label=(chart.alt) { (PreEscaped(&chart.svg)) }
                        figcaption { strong { "How to read it: " } (chart.how_to_read) }
                    }
                }
            }
        }
    }
}

fn comparison(results: &Results) -> Markup {
    let Some(side_by_side) = tables::side_by_side(results) else { return Markup::default() };
    markup! {
        section {
            h2 { "Comparison" }
            @for pair in verdict::pairs(results) {
                h3 { (pair.b) " against " (pair.a) }
                ul {
                    @for sentence in &pair.sentences { li { (sentence) } }
                }
                @if pair.untold > 0 {
                    p.note { (plural(pair.untold, "more compared metric")) " in results.json." }
                }
            }
            @if let Some(caveat) = verdict::caveat(results) { p.note { (caveat) } }
            (table(&side_by_side))
        }
    }
}

fn variant(view: &View<'_>) -> Markup {
    let broken = failures::windows(view, 10);
    let recovered = failures::recoveries(view, 10);
    markup! {
        section {
            h2 { "Variant " (view.name) }
            p { (tables::phases(view)) "." }
            @if !view.result.topology.broker.is_empty() && tables::brokers(view).rows.is_empty() {
                p { "Broker: " (view.result.topology.broker) "." }
            }
            (table(&tables::services(view)))
            (table(&tables::client_table(view)))
            (table(&tables::brokers(view)))
            (table(&tables::groups(view)))
            (table(&tables::ledger(view)))
            @if !broken.is_empty() {
                h3 { "Failures" }
                ul { @for failure in &broken { li { (failure) } } }
            }
            @if !recovered.is_empty() {
                h3 { "Recovered from the last failure" }
                ul { @for one in &recovered { li { (one) } } }
            }
            (parts::lag_sources(&tables::lag_sources(view, TAKEN_APART)))
        }
    }
}

fn closing(results: &Results) -> Markup {
    let meanings = findings::meanings(results);
    let advice = findings::advice(results);
    markup! {
        @if !meanings.is_empty() {
            section { h2 { "What it means" } (answers(&meanings, "answer")) }
        }
        @if !results.scenario.lesson.is_empty() {
            section { h2 { "Lesson" } p { (results.scenario.lesson) } }
        }
        section {
            h2 { "What to do next" }
            @if !advice.is_empty() {
                ul { @for (code, text) in &advice { li { code { (code) } " " (text) } } }
            }
            p { "Try next: " code { (findings::next_step(results)) } }
        }
    }
}

/// The command line that makes the same results again. The path of the scenario is not known here,
/// so that a report does not depend on it.
fn command(results: &Results) -> String {
    let (verb, flags) = study::command(results);
    let mut words = vec![format!("tidelag {verb} SCENARIO.toml{flags}")];
    words.push(format!("--seed {} --seeds {}", results.seed, results.seeds));
    for setting in &results.scenario.settings {
        words.push(format!("--set '{}'", setting.replace('\'', "'\\''")));
    }
    words.join(" ")
}

fn provenance(results: &Results) -> Markup {
    markup! {
        section {
            h2 { "Provenance" }
            p { "This command makes the same results again, to the last byte:" }
            pre { code { (command(results)) } }
            dl.stamp {
                dt { "program" } dd { (results.program) }
                dt { "scenario" } dd { code { (results.scenario.hash) } }
                dt { "seed" } dd { (results.seed) }
                dt { "replications" } dd { (results.seeds) }
                @for (name, variant) in results.variants.iter() {
                    dt { "variant " (name) }
                    dd { "digest " code { (variant.digest) } ", " (variant.events) " events" }
                }
            }
            @for (name, variant) in results.variants.iter() {
                @if !variant.digests.is_empty() {
                    // Folded only where there are many: what is folded is not printed.
                    details open[variant.digests.len() <= 20] {
                        summary { "Digests of the components of " (name) }
                        dl.stamp {
                            @for (component, digest) in variant.digests.iter() {
                                dt { (component) } dd { code { (digest) } }
                            }
                        }
                    }
                }
            }
        }
    }
}
