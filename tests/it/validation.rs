//! Models whose results theory knows exactly: each is simulated and held against every number.
//! In a debug build the runs are shorter and the tolerances wider by the square root of that.
//! In a release build docs/validation.md must show the very numbers that come out
//! (`cargo run --release --example validation` writes it).

#[path = "../validation/cases.rs"]
mod cases;

use crate::support;
use std::fmt::Write as _;

/// Factor by which a debug build shortens the runs.
const SHORTER: f64 = if cfg!(debug_assertions) { 5.0 } else { 1.0 };

fn check(id: &str) {
    let all = cases::all();
    let case = all.iter().find(|c| c.id == id).unwrap_or_else(|| panic!("no case {id}"));
    let (scenario, wider) = case.shortened(SHORTER);
    let results = support::simulate(&scenario, &["--threads", "1"]);
    let page = std::fs::read_to_string(support::root().join("docs/validation.md"));
    let page = page.expect("docs/validation.md");
    let mut faults = String::new();
    for check in &case.checks {
        let found = support::value(&results, &check.metric);
        let (difference, most) = ((found - check.value).abs(), check.tol * wider);
        if difference.is_nan() || difference > most {
            let (metric, exact) = (&check.metric, check.value);
            let _ = writeln!(faults, "{metric}: {found}, exactly {exact}, tolerance {most:.3e}");
        }
        let row = cases::row(case, check, found);
        if SHORTER == 1.0 && !page.contains(&row) {
            let _ = writeln!(faults, "docs/validation.md lacks {row}");
        }
    }
    assert!(faults.is_empty(), "{id}\n{faults}");
}

macro_rules! cases {
    ($($name:ident = $id:literal,)*) => {
        $(
            #[test]
            fn $name() {
                check($id);
            }
        )*

        #[test]
        fn every_case_is_a_test() {
            let ids: Vec<String> = cases::all().into_iter().map(|c| c.id).collect();
            assert_eq!(ids, [$($id),*]);
        }
    };
}

cases! {
    batch_fixed_5 = "batch-fixed-5",
    batch_geo_4 = "batch-geo-4",
    mmpp_mild = "mmpp-mild",
    closed_20_det = "closed-20-det",
    closed_20_exp = "closed-20-exp",
    closed_bolch_8_3 = "closed-bolch-8-3",
    closed_bolch_8_4 = "closed-bolch-8-4",
    closed_jain_34_2 = "closed-jain-34-2",
    closed_det_saturated = "closed-det-saturated",
    det_overload = "det-overload",
    det_underload = "det-underload",
    det_workers = "det-workers",
    dist_exponential = "dist-exponential",
    dist_lognormal = "dist-lognormal",
    dist_lognormal_shifted = "dist-lognormal-shifted",
    dist_mix_hyperexp = "dist-mix-hyperexp",
    dist_mix_two_point = "dist-mix-two-point",
    dist_normal = "dist-normal",
    dist_pareto = "dist-pareto",
    dist_uniform = "dist-uniform",
    dist_uniform_wide = "dist-uniform-wide",
    converge_10 = "converge-10",
    converge_100 = "converge-100",
    converge_3 = "converge-3",
    forkjoin2_r50 = "forkjoin2-r50",
    forkjoin2_r60 = "forkjoin2-r60",
    dm1_r80 = "dm1-r80",
    e2m1_r80 = "e2m1-r80",
    um1_r75 = "um1-r75",
    jackson_3 = "jackson-3",
    jackson_bolch_7_4 = "jackson-bolch-7-4",
    merge_2 = "merge-2",
    open_visits_jain = "open-visits-jain",
    jsq2_r50 = "jsq2-r50",
    two_choices_50 = "two-choices-50",
    two_choices_80 = "two-choices-80",
    two_choices_90 = "two-choices-90",
    md1_r50 = "md1-r50",
    md1_r80 = "md1-r80",
    mdc_4_r90 = "mdc-4-r90",
    mg1_bimodal_r58 = "mg1-bimodal-r58",
    mg1_erlang3_r80 = "mg1-erlang3-r80",
    mg1_h2_scv4_r80 = "mg1-h2-scv4-r80",
    mg1_lognormal_scv2_r70 = "mg1-lognormal-scv2-r70",
    mg1_pareto35_r60 = "mg1-pareto35-r60",
    mg1_uniform_r85 = "mg1-uniform-r85",
    mginf_lognormal_10 = "mginf-lognormal-10",
    mm1_r30 = "mm1-r30",
    mm1_r50 = "mm1-r50",
    mm1_r80 = "mm1-r80",
    mm1_r90 = "mm1-r90",
    mmc_2_l9 = "mmc-2-l9",
    mmc_2_r80 = "mmc-2-r80",
    mmc_20_r85 = "mmc-20-r85",
    mmc_3_r70 = "mmc-3-r70",
    mmc_4_l9 = "mmc-4-l9",
    mmc_5_r85 = "mmc-5-r85",
    partitions_4_roundrobin = "partitions-4-roundrobin",
    partitions_8_random = "partitions-8-random",
    profile_two_steps = "profile-two-steps",
    profile_warmup = "profile-warmup",
    blocking_caller_1 = "blocking-caller-1",
    sync_chain_1 = "sync-chain-1",
    tandem_3 = "tandem-3",
    timeout_zombie_r80 = "timeout-zombie-r80",
    linger_8_5s = "linger-8-5s",
    outbox_poll_1s = "outbox-poll-1s",
    dlq_3_inline = "dlq-3-inline",
    dlq_4_requeue = "dlq-4-requeue",
    acks1_failover = "acks1-failover",
    feedback_tail_p50 = "feedback-tail-p50",
    retry_in_place_p30 = "retry-in-place-p30",
    mm1_ttl_80 = "mm1-ttl-80",
    maxlen_drop_head_5 = "maxlen-drop-head-5",
    maxlen_reject_10 = "maxlen-reject-10",
    group_12p_3c = "group-12p-3c",
    prefetch_1_pool_2 = "prefetch-1-pool-2",
    prefetch_many_2 = "prefetch-many-2",
    chain_availability_3 = "chain-availability-3",
    crash_window_10pct = "crash-window-10pct",
    ephemeral_gap = "ephemeral-gap",
    mm1_lifo_r70 = "mm1-lifo-r70",
    erlangb_10_8_det = "erlangb-10-8-det",
    erlangb_10_8_exp = "erlangb-10-8-exp",
    erlangb_10_8_lognormal = "erlangb-10-8-lognormal",
    erlangb_5_12_det = "erlangb-5-12-det",
    gray_1of8 = "gray-1of8",
    slow_overlap = "slow-overlap",
    slow_overlap_b = "slow-overlap-b",
    mm1k_10_overload = "mm1k-10-overload",
    mm1k_5 = "mm1k-5",
    mmck_2_5 = "mmck-2-5",
    mmck_3_7 = "mmck-3-7",
    mmck_3_8 = "mmck-3-8",
    mmck_4_6 = "mmck-4-6",
    outage_dd1 = "outage-dd1",
    outage_peak_20s = "outage-peak-20s",
    slow_4x = "slow-4x",
    client_retry_3 = "client-retry-3",
    client_retry_4 = "client-retry-4",
    retry_backoff_p12_cap = "retry-backoff-p12-cap",
    retry_backoff_p15 = "retry-backoff-p15",
    retry_backoff_p20 = "retry-backoff-p20",
    retry_decorrelated = "retry-decorrelated",
    retry_fulljitter = "retry-fulljitter",
    retry_fulljitter_9 = "retry-fulljitter-9",
    retry_memoryless = "retry-memoryless",
    amplification_3_5 = "amplification-3-5",
    retrial_r60 = "retrial-r60",
    link_delay = "link-delay",
    link_loss_4pct = "link-loss-4pct",
    erlang_a_10 = "erlang-a-10",
    breaker_5_f50 = "breaker-5-f50",
    hedge_p95 = "hedge-p95",
    shaper_b5 = "shaper-b5",
    retry_bucket_f50 = "retry-bucket-f50",
    availability_995 = "availability-995",
    breakdown_a90 = "breakdown-a90",
    breakdown_a95 = "breakdown-a95",
    spike_5x = "spike-5x",
    ps_bimodal_r60 = "ps-bimodal-r60",
    ps_det_r70 = "ps-det-r70",
    ps_exp_r60 = "ps-exp-r60",
    ps_exp_r70 = "ps-exp-r70",
    erlang_a_10_events = "erlang-a-10-events",
    mm1_siro_r70 = "mm1-siro-r70",
    bulkhead_10_8 = "bulkhead-10-8",
}
