//! Work that waits for a worker over time, by service.

use super::Kind;
use super::figure::Figure;
use super::palette;
use super::shared::{left_out, told};
use super::throughput::{ByService, by_service};
use crate::render::view::View;
use crate::render::wording::Style;

pub(super) const KIND: Kind = Kind {
    file_name: "backlog.svg",
    variants: palette::MOST,
    how_to_read: "The line is how much work waits for a free worker at that moment. It climbs \
                  while more arrives than the workers can do and falls while they catch up; each \
                  panel has a scale of its own.",
    figure,
};

const SERIES: [&str; 3] = ["backlog.mean", "backlog", "backlog.max"];

fn figure(views: &[View<'_>]) -> Option<Figure> {
    let ByService { names, all, x_name, panels } = by_service(views, &SERIES, "work waiting (1)");
    let name = names.first()?;
    let most = |view: &View<'_>| {
        view.value(&format!("{name}.backlog.max")).map(|v| Style::Number.write(v))
    };
    Some(Figure {
        title: told(views, &most).map_or(format!("Backlog of {name}"), |text| {
            format!("Most work waiting at {name}: {text}")
        }),
        subtitle: format!(
            "Backlog over time, mean of each interval.{}",
            left_out(all, "services", "furthest behind")
        ),
        x_name,
        panels,
        ..Figure::default()
    })
}
