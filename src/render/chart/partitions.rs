//! Backlog by partition of a log: which partition holds what waits.

use super::Kind;
use super::axis::Axis;
use super::figure::{Bar, Figure, Panel};
use super::palette;
use super::shared::{MOST, left_out};
use crate::render::view::View;
use crate::render::wording::{count, significant};
use crate::results::{PartitionBacklog, Partitions};

pub(super) const KIND: Kind = Kind {
    file_name: "backlog-by-partition.svg",
    variants: palette::MOST,
    how_to_read: "A bar is the mean backlog of one partition, the thin line above it reaches to \
                  the largest. Bars of one height share the load evenly; one that stands out has a \
                  hot key or a slow member. Several bars at one partition are the variants, in the \
                  order of the legend.",
    figure,
};

/// Partitions drawn in a plot at most.
const DRAWN: usize = 64;
/// Share of a partition's place that its bars take.
const FILLED: f64 = 0.8;

/// One event type at one subscriber, in each variant that has it.
struct Topic<'a> {
    name: String,
    of: Vec<(usize, &'a Partitions)>,
}

impl<'a> Topic<'a> {
    fn all(views: &[View<'a>]) -> Vec<Self> {
        let mut topics: Vec<Self> = Vec::new();
        for (variant, view) in views.iter().enumerate() {
            for partitions in view.result.partitions.iter().filter(|p| !p.backlogs.is_empty()) {
                let name = format!("{} at {}", partitions.event, partitions.service);
                let of = (variant, partitions);
                match topics.iter_mut().find(|t| t.name == name) {
                    Some(topic) => topic.of.push(of),
                    None => topics.push(Self { name, of: vec![of] }),
                }
            }
        }
        topics.sort_by(|a, b| b.fullest().1.total_cmp(&a.fullest().1));
        topics
    }

    fn backlogs(&self) -> impl Iterator<Item = (usize, &'a PartitionBacklog)> {
        self.of.iter().flat_map(|(variant, p)| p.backlogs.iter().map(|b| (*variant, b)))
    }

    /// The partition with the largest mean in any variant: variant, mean, largest, partition.
    fn fullest(&self) -> (usize, f64, u64, u32) {
        let mut most = (0, 0.0, 0, 0);
        for (variant, b) in self.backlogs() {
            if b.mean > most.1 {
                most = (variant, b.mean, b.max, b.partition);
            }
        }
        most
    }

    /// Partitions to draw: all, or the fullest in any variant, by number.
    fn drawn(&self) -> Vec<u32> {
        let mut by_mean: Vec<&PartitionBacklog> = self.backlogs().map(|(_, b)| b).collect();
        by_mean.sort_by(|a, b| b.mean.total_cmp(&a.mean).then(a.partition.cmp(&b.partition)));
        let mut drawn: Vec<u32> = Vec::new();
        for backlog in by_mean {
            if drawn.len() < DRAWN && !drawn.contains(&backlog.partition) {
                drawn.push(backlog.partition);
            }
        }
        drawn.sort_unstable();
        drawn
    }

    fn panel(&self) -> Panel {
        let drawn = self.drawn();
        let mut bars = Vec::new();
        let mut high = 0.0_f64;
        let width = FILLED / self.of.len() as f64;
        for (nth, (variant, partitions)) in self.of.iter().enumerate() {
            for b in &partitions.backlogs {
                let Ok(place) = drawn.binary_search(&b.partition) else { continue };
                let from = place as f64 + (1.0 - FILLED) / 2.0 + width * nth as f64;
                let peak = b.max as f64;
                bars.push(Bar { variant: *variant, from, to: from + width, mean: b.mean, peak });
                high = high.max(peak).max(b.mean);
            }
        }
        let all = self.of.iter().map(|(_, p)| p.count as usize).max().unwrap_or(0);
        let some = if all > drawn.len() {
            format!(" ({} fullest of {} partitions)", drawn.len(), count(all as u64))
        } else {
            String::new()
        };
        let labels: Vec<String> = drawn.iter().map(u32::to_string).collect();
        let (x, y) = (Axis::places(&labels, 16), Axis::linear(high, 4, 1.0));
        let title = format!("{}{some}", self.name);
        Panel { bars, ..Panel::new(title, "messages waiting (1)".to_owned(), x, y) }
    }
}

fn figure(views: &[View<'_>]) -> Option<Figure> {
    let topics = Topic::all(views);
    let worst = topics.first()?;
    let (variant, mean, max, partition) = worst.fullest();
    let named = if views.len() > 1 { format!(" ({})", views[variant].name) } else { String::new() };
    Some(Figure {
        title: if mean > 0.0 {
            format!(
                "Partition {partition} of {} holds {} messages on average, at most {}{named}",
                worst.name,
                significant(mean),
                count(max)
            )
        } else {
            "Nothing waits in any partition".to_owned()
        },
        subtitle: format!(
            "Backlog of each partition in the measured phase: bar mean, line largest.{}",
            left_out(topics.len(), "topics", "fullest")
        ),
        x_name: "partition".to_owned(),
        panels: topics.iter().take(MOST).map(Topic::panel).collect(),
        ..Figure::default()
    })
}
