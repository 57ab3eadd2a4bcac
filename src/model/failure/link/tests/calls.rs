//! Requests and answers. A client asks every 10 ms; each way takes 1 ms, and the work 3 ms.

use super::*;

const CLIENT: End = End::Client(ClientId(0));
const SERVICE: End = End::Service(ServiceId(0));

fn asked(until: u64, timeout: u64, attempts: u32) -> Blueprint {
    let api = handler(Trigger::Api("get".to_owned()), vec![work(3)]);
    let mut b = blueprint(until, 0, vec![service("s", vec![api])]);
    let calls = Operation { service: ServiceId(0), handler: 0 };
    b.clients = vec![client(calls, 10, timeout, attempts)];
    b
}

fn outcomes(b: &Blueprint) -> Vec<String> {
    told(b, &["after"])
}

#[test]
fn a_delay_counts_in_its_direction_only_and_delays_add_up() {
    let delay = |by, at, lasts| LinkEffectAt { effect: LinkEffect::Delay(fixed(by)), at, lasts };
    let there = |f: LinkEffectAt| link(CLIENT, SERVICE, f.effect, f.at, f.lasts);
    let back = |f: LinkEffectAt| link(SERVICE, CLIENT, f.effect, f.at, f.lasts);
    let mut b = asked(45, 1_000, 1);
    // Of the requests of 10, 20, 30 and 40 those of 20 and 30 meet both, and the answer of 20 too.
    b.failures = vec![there(delay(2, 15, 20)), there(delay(1, 18, 100)), back(delay(4, 24, 6))];
    assert_eq!(
        outcomes(&b),
        [
            "15 c0 is answered after 5",
            "32 c0 is answered after 12",
            "38 c0 is answered after 8",
            "46 c0 is answered after 6",
        ]
    );
}

struct LinkEffectAt {
    effect: LinkEffect,
    at: u64,
    lasts: u64,
}

#[test]
fn behind_a_partition_requests_time_out_and_answers_are_lost() {
    let mut b = asked(35, 7, 1);
    // The request of 10 is on its way, its answer is lost; the request of 20 is lost.
    b.failures = vec![link(SERVICE, CLIENT, LinkEffect::Partition, 11, 10)];
    assert_eq!(
        told(&b, &["after", "done"]),
        [
            "14 s0 done: wait 0, work 3, draw 0",
            "17 c0 fails after 7",
            "27 c0 fails after 7",
            "34 s0 done: wait 0, work 3, draw 0",
            "35 c0 is answered after 5",
        ]
    );
    // An attempt after the partition gets through: 20 + 7 + 3 ms of pause, and 5.
    b.clients[0].retry.attempts = 2;
    assert_eq!(outcomes(&b)[1], "35 c0 is answered after 15");
}

#[test]
fn what_is_lost_is_sent_again_unless_it_is_a_datagram() {
    // Nine losses in a row happen to 0.5^9 of all messages: to none of these.
    let n = 2_000;
    for (datagram, answered) in [(false, 1.0), (true, 0.5)] {
        let mut b = asked(10 * n + 5, 600_000, 1);
        let loss = LinkEffect::Loss { share: share(0.5), datagram };
        b.failures = vec![link(CLIENT, SERVICE, loss, 0, 100_000)];
        if datagram {
            b.clients[0].timeout = ms(9);
        }
        let found = outcomes(&b);
        let ok = found.iter().filter(|l| l.contains("answered")).count() as f64;
        let sd = libm::sqrt(n as f64 * 0.25);
        assert!((ok - answered * n as f64).abs() < 4.0 * sd, "{ok}");
        if datagram {
            continue;
        }
        // Half of them are not lost, a quarter once, an eighth twice: 0, 200 and 600 ms.
        for (late, expected) in [(0, 0.5), (200, 0.25), (600, 0.125)] {
            let took = |line: &&String| {
                let took = line.rsplit(' ').next().expect("a number").parse::<f64>().expect("ms");
                // Others may be in work.
                (f64::from(late)..f64::from(late) + 150.0).contains(&took)
            };
            let share = found.iter().filter(took).count() as f64 / n as f64;
            let sd = libm::sqrt(expected * (1.0 - expected) / n as f64);
            assert!((share - expected).abs() < 4.0 * sd, "{late}: {share}");
        }
    }
}

#[test]
fn losses_combine_and_a_connection_that_only_loses_breaks() {
    let lossy = |p| LinkEffect::Loss { share: share(p), datagram: true };
    let mut b = asked(20_005, 9, 1);
    b.failures = vec![
        link(CLIENT, SERVICE, lossy(0.5), 0, 100_000),
        link(CLIENT, SERVICE, lossy(0.5), 0, 100_000),
    ];
    let ok = outcomes(&b).iter().filter(|l| l.contains("answered")).count() as f64;
    // Three quarters are lost.
    assert!((ok - 500.0).abs() < 4.0 * libm::sqrt(2_000.0 * 0.25 * 0.75), "{ok}");
    b.failures =
        vec![link(CLIENT, SERVICE, LinkEffect::Loss { share: EVERY, datagram: false }, 0, 100_000)];
    assert!(outcomes(&b).iter().all(|l| l.contains("fails after 9")));
}

#[test]
fn a_doubled_request_is_handled_twice_and_the_second_answer_ignored() {
    let mut b = asked(15, 1_000, 1);
    let twice = LinkEffect::Duplicate { share: EVERY, after: fixed(2) };
    b.failures = vec![link(CLIENT, SERVICE, twice, 5, 10)];
    assert_eq!(
        told(&b, &["after", "done"]),
        [
            "14 s0 done: wait 0, work 3, draw 0",
            "15 c0 is answered after 5",
            "17 s0 done: wait 1, work 3, draw 0, in vain",
        ]
    );
}

#[test]
fn a_request_that_is_held_back_is_passed() {
    let mut b = asked(25, 1_000, 1);
    let hold = LinkEffect::Reorder { share: EVERY, hold: fixed(20) };
    b.failures = vec![link(CLIENT, SERVICE, hold, 5, 10)];
    assert_eq!(outcomes(&b), ["25 c0 is answered after 5", "35 c0 is answered after 25"]);
}

#[test]
fn a_bottleneck_is_shared_and_the_narrowest_counts() {
    let mut b = asked(25, 1_000, 1);
    b.services[0].workers = 9;
    // A request of 1 KB takes 15 ms: that of 20 waits for that of 10 until 25.
    let narrow = |rate| LinkEffect::Throttle(rate);
    let rate = 1024.0 / 0.015;
    b.failures = vec![
        link(CLIENT, SERVICE, narrow(2.0 * rate), 5, 100),
        link(CLIENT, SERVICE, narrow(rate), 5, 100),
        link(SERVICE, CLIENT, narrow(1024.0 / 0.001), 5, 100),
    ];
    assert_eq!(outcomes(&b), ["31 c0 is answered after 21", "46 c0 is answered after 26"]);
}

#[test]
fn links_draw_from_streams_of_their_own() {
    let random = |b: &mut Blueprint| {
        b.network.same_zone = "~1ms".parse().expect("valid");
        b.services[0].handlers[0].steps = vec![Step::Work("~3ms".parse().expect("valid"))];
    };
    let mut b = asked(1_000, 1_000, 1);
    random(&mut b);
    let plain = lines(&b);
    let delay = LinkEffect::Delay("~5ms".parse().expect("valid"));
    b.failures = vec![link(CLIENT, SERVICE, delay, 500, 400)];
    let with = lines(&b);
    let before = |all: &[String]| {
        let at = |l: &String| l.split(' ').next().and_then(|at| at.parse::<f64>().ok());
        all.iter().filter(|l| at(l).is_some_and(|at| at < 500.0)).cloned().collect::<Vec<_>>()
    };
    assert_eq!(before(&plain), before(&with));
    assert_ne!(plain, with);
    // Work takes as long as before: what comes after the failure is the same again.
    assert_eq!(plain.last(), with.last());
}

#[test]
fn a_zone_that_falls_does_not_even_refuse() {
    // The service is down either way, from 15 to 35 and the 5 ms of its start.
    let zone = Target::Zone(ZoneId(1));
    let instance = Target::Instances { service: ServiceId(0), instances: vec![0] };
    for (target, took) in [(instance, 4), (zone, 7)] {
        let mut b = asked(25, 7, 1);
        b.zones.push(Zone { name: "b".to_owned(), region: String::new() });
        b.services[0].zone = Some(ZoneId(1));
        b.failures = vec![Failure { target, ..crash(0, 19, 20) }];
        let expected = [
            "17 c0 is answered after 7".to_owned(),
            format!("{} c0 fails after {took}", 20 + took),
        ];
        assert_eq!(outcomes(&b), expected);
    }
}
