//! How many instances a service has: a number, or an autoscaler that decides on it.

use super::Diagnostic;
use super::keys::Place;
use super::reader::{Fields, Reader};
use crate::model::{Autoscale, ScaleBy};

/// The number of instances of a service at the beginning, and what decides on it afterwards.
pub(super) fn size(reader: &mut Reader, service: &Fields) -> (u32, Option<Autoscale>) {
    let given = reader.whole_given(service, "instances").map(|n| n as u32);
    let autoscale = autoscale(reader, service);
    let Some(scale) = autoscale else {
        return (given.unwrap_or(1), None);
    };
    if let (Some(n), Some(entry)) = (given, service.get("instances"))
        && !(scale.min..=scale.max).contains(&n)
    {
        let Autoscale { min, max, .. } = scale;
        let message = format!("`autoscale` keeps {min} to {max} instances, and {n} are given");
        let help = "`instances` is how many there are at the beginning";
        reader.note(Diagnostic::error("E106", entry.node.span, message).help(help));
    }
    (given.unwrap_or(scale.min.max(1)), Some(scale))
}

fn autoscale(reader: &mut Reader, service: &Fields) -> Option<Autoscale> {
    let entry = service.get("autoscale")?;
    let fields = reader.fields(&entry.node, Place::Autoscale)?;
    let by = scale_by(reader, &fields);
    let min = reader.whole(&fields, "min") as u32;
    let max = reader.whole(&fields, "max") as u32;
    let start = reader.duration(&fields, "start");
    if min > max {
        let message = format!("`min` is {min} and `max` is {max}");
        reader.note(Diagnostic::error("E106", fields.head, message).help("let `max` be larger"));
    }
    let by = by?;
    if min == 0 && matches!(by, ScaleBy::Rho(_)) {
        let message = "a service without instances has no utilisation to be scaled by";
        let help = "let `min` be 1, or scale by `backlog`";
        reader.note(Diagnostic::error("E106", fields.head, message).help(help));
    }
    Some(Autoscale { by, min, max: max.max(min), start })
}

/// The one thing that it aims at.
fn scale_by(reader: &mut Reader, fields: &Fields) -> Option<ScaleBy> {
    match (fields.get("backlog"), fields.get("rho")) {
        (Some(_), None) => reader.whole_given(fields, "backlog").map(ScaleBy::Backlog),
        (None, Some(entry)) => {
            let share = reader.share(fields, "rho").get();
            if share == 0.0 {
                let message = "`rho` must be above 0";
                reader.note(Diagnostic::error("E106", entry.node.span, message));
            }
            (share > 0.0).then_some(ScaleBy::Rho(share))
        }
        (Some(first), Some(second)) => {
            let message = "an autoscaler has one target: `backlog` or `rho`";
            let diagnostic = Diagnostic::error("E109", second.key_span, message)
                .related(first.key_span, "the first target")
                .help("keep one of them");
            reader.note(diagnostic);
            None
        }
        (None, None) => {
            if fields.all_known() {
                let message = "an autoscaler without a target";
                let help = "say what it aims at: backlog = 500 or rho = \"70%\"";
                reader.note(Diagnostic::error("E108", fields.head, message).help(help));
            }
            None
        }
    }
}
