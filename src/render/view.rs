//! One variant's results with an index, so that every table and chart finds a number by its path at
//! once.
//!
//! Knows where numbers are in the file; not how they read.

use crate::render::wording::{Reading, Style};
use crate::results::{Metric, Results, Series, ServiceInfo, VariantResult};
use std::collections::BTreeMap;

/// A variant, its name, and its numbers by path.
pub(crate) struct View<'a> {
    /// Name of the variant.
    pub(crate) name: &'a str,
    /// All of it.
    pub(crate) result: &'a VariantResult,
    metrics: BTreeMap<&'a str, &'a Metric>,
    series: BTreeMap<&'a str, &'a Series>,
}

impl<'a> View<'a> {
    fn new(name: &'a str, result: &'a VariantResult) -> Self {
        Self {
            name,
            result,
            metrics: result.metrics.iter().collect(),
            series: result.series.iter().collect(),
        }
    }

    /// Every variant in the order of the file.
    pub(crate) fn all(results: &'a Results) -> Vec<Self> {
        results.variants.iter().map(|(name, result)| View::new(name, result)).collect()
    }

    /// A metric by its path.
    pub(crate) fn metric(&self, path: &str) -> Option<&'a Metric> {
        self.metrics.get(path).copied()
    }

    /// The value of a metric, if it has one.
    pub(crate) fn value(&self, path: &str) -> Option<f64> {
        self.metric(path)?.value.filter(|v| v.is_finite())
    }

    /// A metric as it reads, "-" without a value.
    pub(crate) fn reading(&self, path: &str) -> Reading {
        let Some(metric) = self.metric(path) else { return Reading::plain("-") };
        match metric.value {
            Some(v) => Style::of(path, &metric.unit).read(v, metric.ci95),
            None => Reading::plain("-"),
        }
    }

    /// Numbers over time: the first of `suffixes` that component `name` has, with at least one
    /// value.
    pub(crate) fn series(&self, name: &str, suffixes: &[&str]) -> Option<&'a Series> {
        suffixes
            .iter()
            .filter_map(|suffix| self.series.get(format!("{name}.{suffix}").as_str()).copied())
            .find(|s| s.bin_s > 0.0 && s.values.iter().any(Option::is_some))
    }

    /// Services that hear an event.
    pub(crate) fn subscribers(&self) -> impl Iterator<Item = &'a ServiceInfo> {
        self.result.topology.services.iter().filter(|s| !s.on.is_empty())
    }

    /// Whether the service has a handler at all, so that it has utilisation, wait and backlog.
    pub(crate) fn works(service: &ServiceInfo) -> bool {
        !service.on.is_empty() || !service.api.is_empty()
    }

    /// How bad the lag of a subscriber is: its p99, else its largest, else its mean, in seconds.
    pub(crate) fn badness(&self, subscriber: &str) -> Option<f64> {
        ["p99", "max", "mean"]
            .iter()
            .find_map(|stat| self.value(&format!("{subscriber}.lag.{stat}")))
    }

    /// Start and end of the measured phase in seconds.
    pub(crate) fn measured(&self) -> (f64, f64) {
        let phases = &self.result.phases;
        (phases.warmup_s, phases.warmup_s + phases.measured_s)
    }
}

/// Names of all subscribers of all variants, those furthest behind in any variant first; ties in
/// the order of the file.
pub(crate) fn worst_first(views: &[View<'_>]) -> Vec<String> {
    let mut found: Vec<(String, f64)> = Vec::new();
    let mut place: BTreeMap<&str, usize> = BTreeMap::new();
    for view in views {
        for service in view.subscribers() {
            let bad = view.badness(&service.name).unwrap_or(0.0);
            let at = *place.entry(&service.name).or_insert_with(|| {
                found.push((service.name.clone(), bad));
                found.len() - 1
            });
            found[at].1 = found[at].1.max(bad);
        }
    }
    found.sort_by(|a, b| b.1.total_cmp(&a.1));
    found.into_iter().map(|(name, _)| name).collect()
}

/// Names of all clients of all variants, in the order of the file.
pub(crate) fn clients(views: &[View<'_>]) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for client in views.iter().flat_map(|v| &v.result.topology.clients) {
        if !names.contains(&client.name) {
            names.push(client.name.clone());
        }
    }
    names
}

/// Keeps the order of the file, but only the `most` first of `worst_first` where there are more.
pub(crate) fn in_order(view: &View<'_>, worst: &[String], most: usize) -> Vec<String> {
    let keep = &worst[..worst.len().min(most)];
    view.subscribers().map(|s| s.name.clone()).filter(|name| keep.contains(name)).collect()
}
