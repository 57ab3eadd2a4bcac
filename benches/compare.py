#!/usr/bin/env python3
"""Compares the simulator's CPU time per job with the yardstick's, workload by workload; what a
broker with an engine costs is compared with the ideal bus too (w2).

usage: python3 benches/compare.py [--pairs N] [--only W] [--bin PATH] [--yardstick PATH] [--json]

Runs both in turn (A B A B ...), one unmeasured pair first, pinned to one core where taskset exists.
Prints ns of CPU per job and the ratio, pair by pair: minimum, median and maximum; peak memory; and
whether the measured lag agrees with theory, because a wrong run has no speed. Then the goals.
Exit status 1 if a lag contradicts theory. Python 3.11 or later, nothing to install.
"""
import argparse
import json
import os
import resource
import shutil
import statistics
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(HERE)

SUBS = [f"sub{k}" for k in range(5)]
# 0.3 ms there, then what waits and works: Exp(4 ms). Of logs and polled queues there is no theory.
PUSHED = [(4.3e-3, 3.5e-4), (3.073e-3, 3.5e-4), (18.72e-3, 2.5e-3)]

# name, what it is compared with (arguments of the yardstick, or another workload), subscribers, and
# the lag that theory gives: mean, p50, p99 in s, each with the largest accepted difference (four
# standard errors of a run, 1 % for quantiles)
WORKLOADS = [
    ("w1", ["w1"], ["server"], [(5e-3, 1.3e-4), (3.466e-3, 1.3e-4), (23.03e-3, 1.0e-3)]),
    ("w2", ["w2"], SUBS,
     [(6e-3, 2.4e-4), (4.912e-3, 2.4e-4), (21.18e-3, 1.6e-3)]),
    ("w3-100", ["w3", "--pending", "100"], ["sink"],
     [(1.0, 2e-3), (0.6931, 9e-3), (4.605, 6e-2)]),
    ("w3-100k", ["w3", "--pending", "100000"], ["sink"],
     [(1.0, 2e-3), (0.6931, 9e-3), (4.605, 6e-2)]),
    ("w3-1m", ["w3", "--pending", "1000000"], ["sink"],
     [(1.0, 2e-3), (0.6931, 9e-3), (4.605, 6e-2)]),
    ("fan-kafka", "w2", SUBS, []),
    ("fan-rabbit", "w2", SUBS, PUSHED),
    ("fan-sqs", "w2", SUBS, []),
    ("fan-nats", "w2", SUBS, PUSHED),
    ("wide-log", ["w2"], ["reader"], []),
]
# What the simulator may cost: a multiple of the yardstick, or of its own cost on another workload.
GOALS = [("w1", "yardstick", 2.5), ("w2", "yardstick", 2.5),
         ("w3-100k", "w3-100", 2.0), ("w3-1m", "w3-100", 5.0),
         ("fan-kafka", "w2", 2.5), ("fan-rabbit", "w2", 2.5), ("fan-sqs", "w2", 2.5),
         ("fan-nats", "w2", 2.5), ("wide-log", "yardstick", 12.0)]


def pinned(command):
    """The command on the last core, if that can be arranged."""
    if shutil.which("taskset") is None:
        return command
    core = max(os.sched_getaffinity(0))
    return ["taskset", "-c", str(core)] + command


def run(command):
    """(stdout, stderr, user + system seconds) of the finished process."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    p = subprocess.run(pinned(command), capture_output=True, text=True, check=False)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if p.returncode not in (0, 1):
        sys.exit(f"{' '.join(command)}: exit status {p.returncode}\n{p.stderr}")
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return p.stdout, p.stderr, cpu


def simulator(binary, name, subscribers, theory):
    """One run: ns of CPU per job, peak memory, jobs, and what contradicts theory."""
    path = os.path.join(HERE, "workloads", name + ".toml")
    out, err, cpu = run([binary, "run", path, "--threads", "1", "--format", "json", "--timings"])
    base = json.loads(out)["variants"]["base"]
    timings = json.loads(next(l for l in reversed(err.splitlines()) if l.startswith("{")))
    # Jobs are counted by the ledger: engines count their events differently.
    jobs = sum(base["ledger"][s]["applied"] for s in subscribers)
    lost = sum(base["ledger"][s]["committed"] for s in subscribers) - jobs
    wrong = [f"{lost} jobs have not been done"] if lost else []
    for statistic, (value, tolerance) in zip(("mean", "p50", "p99"), theory):
        found = [base["metrics"][f"{s}.lag.{statistic}"]["value"] for s in subscribers]
        mean = sum(found) / len(found)
        if abs(mean - value) > tolerance:
            wrong.append(f"lag.{statistic} is {mean:.6g} s, theory says {value:.6g} s")
    return cpu * 1e9 / jobs, timings.get("peak_rss_bytes", 0), jobs, wrong


def yardstick(binary, arguments):
    """One run: ns of CPU per job, peak memory."""
    out, _, cpu = run([binary] + arguments)
    line = json.loads(out)
    if not line["ok"]:
        sys.exit(f"the yardstick contradicts theory: {out}")
    return cpu * 1e9 / line["jobs"], line["peak_rss_bytes"]


def spread(values, digits=2):
    return " / ".join(f"{f(values):.{digits}f}" for f in (min, statistics.median, max))


def measure(args, workload):
    name, against, subscribers, theory = workload
    ours, theirs, memory, wrong = [], [], (0, 0), []
    for pair in range(args.pairs + 1):
        a, rss_a, jobs, wrong = simulator(args.bin, name, subscribers, theory)
        if isinstance(against, str):
            b, rss_b, _, _ = simulator(args.bin, against, subscribers, [])
        else:
            b, rss_b = yardstick(args.yardstick, against)
        if pair > 0:
            ours.append(a)
            theirs.append(b)
            memory = (max(memory[0], rss_a), max(memory[1], rss_b))
    ratios = [a / b for a, b in zip(ours, theirs)]
    return {"workload": name, "jobs": jobs, "ns_per_job": ours, "other_ns_per_job": theirs,
            "ratios": ratios, "peak_rss_bytes": memory[0], "other_peak_rss_bytes": memory[1],
            "against": against if isinstance(against, str) else "yardstick", "wrong": wrong}


def main():
    ap = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    ap.add_argument("--pairs", type=int, default=5)
    ap.add_argument("--only", action="append", help="workload (repeatable)")
    ap.add_argument("--bin", default=os.path.join(ROOT, "target/release/tidelag"))
    ap.add_argument("--yardstick",
                    default=os.path.join(HERE, "yardstick/target/release/yardstick"))
    ap.add_argument("--json", action="store_true", help="print the raw figures too")
    args = ap.parse_args()
    results = {}
    print("ns of CPU per job and their ratio: min / median / max")
    for workload in WORKLOADS:
        if args.only and workload[0] not in args.only:
            continue
        r = measure(args, workload)
        results[r["workload"]] = r
        mib = 1 << 20
        print(f"{r['workload']:10} tidelag {spread(r['ns_per_job'], 1)}"
              f"  {r['against']} {spread(r['other_ns_per_job'], 1)}  ratio {spread(r['ratios'])}"
              f"  memory {r['peak_rss_bytes'] / mib:.1f} and"
              f" {r['other_peak_rss_bytes'] / mib:.1f} MiB", flush=True)
        for line in r["wrong"]:
            print(f"{r['workload']:10} WRONG: {line}")
    for name, against, most in GOALS:
        if name not in results:
            continue
        if results[name]["against"] == against:
            ratio = statistics.median(results[name]["ratios"])
        elif against in results:
            median = statistics.median(results[name]["ns_per_job"])
            ratio = median / statistics.median(results[against]["ns_per_job"])
        else:
            continue
        verdict = "met" if ratio <= most else "MISSED"
        print(f"goal: {name} at most {most} x {against}: {ratio:.2f}, {verdict}")
    if "w3-1m" in results and "w3-100" in results:
        more = results["w3-1m"]["peak_rss_bytes"] - results["w3-100"]["peak_rss_bytes"]
        verdict = "met" if more / 1e6 <= 128 else "MISSED"
        print(f"goal: at most 128 B per pending delivery: {more / 1e6:.0f} B, {verdict}")
    if args.json:
        print(json.dumps(list(results.values())))
    return 1 if any(r["wrong"] for r in results.values()) else 0


if __name__ == "__main__":
    sys.exit(main())
