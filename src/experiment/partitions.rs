//! Backlogs of the partitions of logs, over all replications: by event type and subscriber.

use super::interval::mean;
use super::reduce::Replication;
use crate::model::{Blueprint, LagStatus, LaneInfo, lanes};
use crate::probe::LaneRecord;
use crate::results::{PartitionBacklog, Partitions};

/// Partitions that are kept of each event type at each subscriber.
const MOST: usize = 64;

/// What waited in each partition. Of many partitions those with the largest mean are kept, in the
/// order of their numbers.
pub(super) fn merge(blueprint: &Blueprint, runs: &[Replication]) -> Vec<Partitions> {
    let lanes = lanes(blueprint);
    let numbered: Vec<(usize, &LaneInfo)> =
        lanes.iter().enumerate().filter(|(_, lane)| lane.partition.is_some()).collect();
    let topics = numbered.chunk_by(|(_, a), (_, b)| {
        (a.broker, a.service, a.event) == (b.broker, b.service, b.event)
    });
    topics
        .filter_map(|topic| {
            let (_, first) = topic.first()?;
            let event = blueprint.events.get(first.event? as usize)?;
            let mut backlogs: Vec<PartitionBacklog> =
                topic.iter().filter_map(|(at, lane)| backlog(*at, lane, runs)).collect();
            let count = backlogs.len() as u32;
            let all = topic.iter().flat_map(|(at, _)| runs.iter().map(|run| run.lanes.get(*at)));
            let worst = all.filter_map(|lane| lane?.status).max().unwrap_or(LagStatus::Ok);
            // The sort is stable: among equals the first partitions are kept.
            backlogs.sort_by(|a, b| b.mean.total_cmp(&a.mean));
            backlogs.truncate(MOST);
            backlogs.sort_by_key(|b| b.partition);
            Some(Partitions {
                service: blueprint.services[first.service as usize].name.clone(),
                event: event.name.clone(),
                broker: blueprint.brokers[first.broker as usize].name.clone(),
                count,
                status: word(worst).to_owned(),
                backlogs,
            })
        })
        .collect()
}

/// As Burrow calls it.
fn word(status: LagStatus) -> &'static str {
    match status {
        LagStatus::Ok => "OK",
        LagStatus::Warn => "WARN",
        LagStatus::Stall => "STALL",
        LagStatus::Rewind => "REWIND",
        LagStatus::Stop => "STOP",
    }
}

fn backlog(lane: usize, info: &LaneInfo, runs: &[Replication]) -> Option<PartitionBacklog> {
    let of: Vec<&LaneRecord> = runs.iter().filter_map(|run| run.lanes.get(lane)).collect();
    let means: Vec<f64> = of.iter().map(|lane| lane.mean).collect();
    Some(PartitionBacklog {
        partition: info.partition?,
        mean: if means.is_empty() { 0.0 } else { mean(&means) },
        max: of.iter().map(|lane| lane.max).max().unwrap_or(0),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::testing::{blueprint, handler, on, plain_log, service, source, work};
    use crate::model::{BrokerId, Consume};
    use crate::probe::{RunRecord, TroubleRecord};

    fn two_topics(partitions: u32) -> Blueprint {
        let mut hears = handler(on(0), vec![work(1)]);
        hears.consume = Consume::plain(BrokerId(1));
        let mut also = hears.clone();
        also.trigger = on(1);
        let services = vec![source(2), service("email", vec![hears, also])];
        let mut blueprint = blueprint(10, 2, services);
        blueprint.brokers.push(plain_log(partitions));
        blueprint
    }

    /// Mean and largest backlog of each lane, and those whose status is known.
    fn run(lanes: Vec<(f64, u64)>, statuses: &[(usize, LagStatus)]) -> Replication {
        let status = |at: usize| statuses.iter().find(|s| s.0 == at).map(|s| s.1);
        let record =
            |(at, (mean, max)): (usize, (f64, u64))| LaneRecord { mean, max, status: status(at) };
        let lanes = lanes.into_iter().enumerate().map(record).collect();
        let record = RunRecord {
            events: 0,
            digests: Vec::new(),
            drained_s: 0.0,
            converged: true,
            limit: None,
            measures: Vec::new(),
            ledgers: Vec::new(),
            lanes,
            trouble: TroubleRecord::default(),
        };
        Replication::new(record, true)
    }

    #[test]
    fn means_are_averaged_and_maxima_kept_by_topic() {
        let runs = [
            run(vec![(1.0, 9), (2.0, 2), (0.0, 0), (5.0, 5)], &[(1, LagStatus::Warn)]),
            run(
                vec![(3.0, 4), (4.0, 7), (0.0, 1), (6.0, 6)],
                &[(0, LagStatus::Stop), (2, LagStatus::Ok)],
            ),
        ];
        let found = merge(&two_topics(2), &runs);
        let topics: Vec<(&str, &str, &str, u32)> = found
            .iter()
            .map(|t| (t.event.as_str(), t.service.as_str(), t.broker.as_str(), t.count))
            .collect();
        assert_eq!(topics, [("E0", "email", "log", 2), ("E1", "email", "log", 2)]);
        assert_eq!([found[0].status.as_str(), found[1].status.as_str()], ["STOP", "OK"]);
        let part = |partition, mean, max| PartitionBacklog { partition, mean, max };
        assert_eq!(found[0].backlogs, [part(0, 2.0, 9), part(1, 3.0, 7)]);
        assert_eq!(found[1].backlogs, [part(0, 0.0, 1), part(1, 5.5, 6)]);
    }

    #[test]
    fn of_many_partitions_the_fullest_are_kept_in_their_order() {
        let mut lanes: Vec<(f64, u64)> = (0..200).map(|k| (f64::from(k % 100), 1)).collect();
        lanes[70].0 = 1e6;
        let found = merge(&two_topics(100), &[run(lanes, &[])]);
        assert_eq!((found[0].count, found[0].backlogs.len()), (100, MOST));
        let numbers: Vec<u32> = found[0].backlogs.iter().map(|b| b.partition).collect();
        assert_eq!(numbers, (36..100).collect::<Vec<u32>>());
        assert_eq!(found[0].backlogs[34].mean, 1e6);
    }
}
