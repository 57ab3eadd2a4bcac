//! The command line as a script sees it: exit statuses, streams, files.

use assert_cmd::Command;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};
use tempfile::TempDir;

const HELLO: &str = r#"
title = "Hello"
question = "How far behind is email?"
duration = "5s"

[service.shop]
emits.OrderPlaced = "50/s"

[service.email]
on.OrderPlaced = "10ms"

[expect]
email.lag.max = "< 1m"
ledger.lost = "= 0"

[variant.fix]
service.email.workers = 4
"#;

/// Replications without end, each of them short.
const MANY: &str = r#"
seeds = 1000000
duration = "100ms"

[service.shop]
emits.OrderPlaced = "50/s"

[service.email]
on.OrderPlaced = "10ms"
"#;

/// A folder with scenario files.
struct Desk {
    temp: TempDir,
}

impl Desk {
    fn new() -> Self {
        let desk = Self { temp: tempfile::tempdir().expect("a temporary folder") };
        desk.put("hello.toml", HELLO);
        desk
    }

    #[expect(clippy::disallowed_methods, reason = "a test prepares its files")]
    fn put(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path(name);
        fs::create_dir_all(path.parent().expect("it has one")).expect("a folder");
        fs::write(&path, text).expect("a file");
        path
    }

    fn path(&self, name: &str) -> PathBuf {
        self.temp.path().join(name)
    }

    /// What `tidelag` does in this folder.
    fn run(&self, args: &[&str]) -> Output {
        self.command(args).output().expect("it starts")
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::from_std(self.plain_command(args));
        command.timeout(std::time::Duration::from_secs(120));
        command
    }

    fn plain_command(&self, args: &[&str]) -> std::process::Command {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_tidelag"));
        command.current_dir(self.temp.path()).env_remove("NO_COLOR").args(args);
        command
    }

    /// Runs and checks the status; returns stdout and stderr.
    fn check(&self, args: &[&str], status: i32) -> (String, String) {
        let output = self.run(args);
        let (out, err) = (text(&output.stdout), text(&output.stderr));
        assert_eq!(output.status.code(), Some(status), "{args:?}\n{out}\n{err}");
        assert!(!err.contains("panicked"), "{err}");
        (out, err)
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("output is UTF-8")
}

/// Every file below `dir` with its bytes, by path.
fn tree(dir: &Path) -> Vec<(String, Vec<u8>)> {
    let mut found = Vec::new();
    let mut todo = vec![dir.to_owned()];
    while let Some(next) = todo.pop() {
        for entry in fs::read_dir(&next).into_iter().flatten() {
            let path = entry.expect("it can be read").path();
            if path.is_dir() {
                todo.push(path);
            } else {
                let name = path.strip_prefix(dir).expect("it is below").to_string_lossy();
                found.push((name.into_owned(), fs::read(&path).expect("it can be read")));
            }
        }
    }
    found.sort();
    found
}

fn names(dir: &Path) -> Vec<String> {
    tree(dir).into_iter().map(|(name, _)| name).collect()
}

fn json(text: &str) -> serde_json::Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

#[test]
fn status_0_when_all_is_well() {
    let desk = Desk::new();
    let (out, err) = desk.check(&["run", "hello.toml"], 0);
    assert!(out.contains("How far behind is email?"), "{out}");
    assert_eq!(err, "");
    desk.check(&["--version"], 0);
    desk.check(&["run", "--help"], 0);
}

#[test]
fn status_1_when_an_expectation_fails() {
    let desk = Desk::new();
    let set = ["run", "hello.toml", "--set", "expect.ledger.lost='> 3'"];
    let (out, _) = desk.check(&set, 1);
    assert!(out.contains("ledger.lost"), "{out}");
}

#[test]
fn a_variant_that_a_bound_is_relative_to_is_simulated_and_not_judged() {
    let desk = Desk::new();
    let better = "[variant.fix.expect]\nemail.lag.mean = \"< 0.99x base\"\n\
                  email.lag.max = \"> 0.1x other\"\nledger.lost = \"= 0\"\n\
                  [variant.other]\nservice.email.workers = 2\n\
                  [variant.idle]\nservice.email.workers = 3\n";
    let broken = HELLO.replace("ledger.lost = \"= 0\"", "ledger.lost = \"> 7\"");
    desk.put("relative.toml", &format!("{broken}{better}"));
    let args = ["run", "relative.toml", "--variant", "fix", "--format", "json"];
    let (out, _) = desk.check(&args, 0);
    let found = json(&out);
    let judged = |variant: &str| found["variants"][variant]["expect"].as_array().map(Vec::len);
    assert_eq!(judged("base"), Some(0), "its own bound would fail");
    assert_eq!(judged("other"), Some(0));
    assert_eq!(judged("fix"), Some(3));
    assert_eq!(judged("idle"), None, "nobody asked for it");
}

#[test]
fn status_2_when_the_scenario_or_the_usage_is_wrong() {
    let desk = Desk::new();
    desk.put("typo.toml", "[service.shop]\nemitts.A = \"1/s\"\n");
    let (out, err) = desk.check(&["run", "typo.toml"], 2);
    assert_eq!(out, "");
    assert!(err.contains("typo.toml:2:"), "{err}");
    for wrong in [
        &["run", "nowhere.toml"][..],
        &["run", "."],
        &["run", "hello.toml", "--variant", "nobody"],
        &["run", "hello.toml", "--set", "service.email.wokers=4"],
        &["run", "hello.toml", "--seeds", "0"],
        &["run", "hello.toml", "--format", "xml"],
        &["run"],
        &["walk"],
        &["check", "typo.toml"],
        &["compare"],
        &["compare", "hello.toml", "--variant", "base"],
        &["compare", "hello.toml", "hello.toml"],
        &["compare", "hello.toml", "--fail-if", "email.lag.p50"],
        &["compare", "hello.toml", "--fail-if", "email.leg.p50 higher"],
        &["explain", "nothing.at.all"],
        &["explain", "nowhere.toml"],
        &["report", "nowhere.json"],
        &["report", "hello.toml"],
    ] {
        let (out, err) = desk.check(wrong, 2);
        assert_eq!(out, "", "{wrong:?}");
        assert_ne!(err, "", "{wrong:?}");
    }
}

#[test]
fn status_3_when_a_limit_ends_a_run_and_what_was_measured_is_kept() {
    let desk = Desk::new();
    let limited = ["run", "hello.toml", "--set", "max_events=100", "--format", "json"];
    let (out, err) = desk.check(&limited, 3);
    assert_eq!(json(&out)["variants"]["base"]["events"], 100);
    assert!(err.contains("max_events"), "{err}");
}

#[test]
fn a_reader_who_has_seen_enough_is_no_error() {
    let desk = Desk::new();
    for (args, status) in [
        (&["run", "hello.toml"][..], 0),
        (&["run", "hello.toml", "--format", "json"], 0),
        (&["run", "hello.toml", "--set", "expect.ledger.lost='> 3'"], 1),
        (&["check", "hello.toml"], 0),
        (&["--help"], 0),
    ] {
        let mut command = desk.plain_command(args);
        let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
        let mut child = child.expect("it starts");
        drop(child.stdout.take());
        let output = child.wait_with_output().expect("it ends");
        assert_eq!(output.status.code(), Some(status), "{args:?}: {}", text(&output.stderr));
        assert!(!text(&output.stderr).contains("panic"));
    }
}

#[cfg(target_os = "linux")]
#[test]
fn status_3_when_the_disk_of_stdout_is_full() {
    let desk = Desk::new();
    let full = fs::OpenOptions::new().write(true).open("/dev/full").expect("Linux has it");
    let mut command = desk.plain_command(&["run", "hello.toml"]);
    let output = command.stdout(full).stderr(Stdio::piped()).output().expect("it starts");
    assert_eq!(output.status.code(), Some(3));
    assert!(text(&output.stderr).contains("No space left"), "{}", text(&output.stderr));
}

#[test]
fn status_3_when_the_report_cannot_be_written() {
    let desk = Desk::new();
    desk.put("file", "");
    let (out, err) = desk.check(&["run", "hello.toml", "--out", "file/report"], 3);
    assert_eq!(out, "", "nothing is printed that was not saved");
    assert!(err.contains("file"), "{err}");
}

/// Root may write anywhere, so there the kernel's own file system stands in for a folder without
/// permission.
#[cfg(target_os = "linux")]
#[test]
fn status_3_when_the_folder_is_read_only() {
    let desk = Desk::new();
    let (out, err) = desk.check(&["run", "hello.toml", "--out", "/proc/tidelag-report"], 3);
    assert_eq!(out, "");
    assert!(err.contains("/proc/tidelag-report"), "{err}");

    let file = desk.put("locked/report/keep.svg", "");
    let dir = file.parent().expect("it has one");
    fs::set_permissions(dir, fs::Permissions::from_mode(0o555)).expect("it is ours");
    let output = desk.run(&["run", "hello.toml", "--out", "locked/report", "--force"]);
    fs::set_permissions(dir, fs::Permissions::from_mode(0o755)).expect("it is ours");
    match output.status.code() {
        Some(0) => assert!(names(dir).contains(&"results.json".to_owned()), "this is root"),
        status => {
            assert_eq!(status, Some(3));
            assert_eq!(names(dir), ["keep.svg"]);
        }
    }
}

#[test]
fn a_report_is_a_folder_of_known_files() {
    let desk = Desk::new();
    let (out, err) = desk.check(&["run", "hello.toml", "--out", "a/report"], 0);
    assert!(!out.is_empty());
    assert!(err.contains("report.html"), "{err}");
    let names = names(&desk.path("a/report"));
    for name in ["results.json", "report.html", "series.csv", "lag.csv"] {
        assert!(names.contains(&name.to_owned()), "{names:?}");
    }
    let others = names.iter().filter(|name| name.starts_with("charts"));
    assert!(
        others.clone().count() > 0
            && others.clone().all(|name| Path::new(name).extension() == Some("svg".as_ref()))
    );
    assert!(names.iter().all(|name| !name.contains("partial")), "{names:?}");
    // An earlier report may be replaced.
    desk.check(&["run", "hello.toml", "--out", "a/report", "--seed", "2"], 0);
}

#[test]
fn a_folder_with_foreign_files_is_refused_unless_forced() {
    let desk = Desk::new();
    desk.put("mine/notes.txt", "mine");
    let (out, err) = desk.check(&["run", "hello.toml", "--out", "mine"], 3);
    assert_eq!(out, "");
    assert!(err.contains("notes.txt") && err.contains("--force"), "{err}");
    assert_eq!(names(&desk.path("mine")), ["notes.txt"]);
    desk.check(&["run", "hello.toml", "--out", "mine", "--force"], 0);
    let kept = fs::read_to_string(desk.path("mine/notes.txt")).expect("it is still there");
    assert_eq!(kept, "mine");
    assert!(desk.path("mine/report.html").exists());
}

#[test]
fn equal_bytes_at_any_number_of_threads_in_any_folder_under_any_name() {
    let desk = Desk::new();
    desk.put("other/place/renamed.toml", HELLO);
    let mut trees = Vec::new();
    for (file, threads, out) in [
        ("hello.toml", "1", "one"),
        ("hello.toml", "2", "two"),
        ("hello.toml", "7", "seven"),
        ("other/place/renamed.toml", "2", "moved"),
    ] {
        let mut texts = Vec::new();
        for format in ["text", "json", "csv", "markdown"] {
            let args =
                ["run", file, "--seeds", "4", "--threads", threads, "--format", format, "--quiet"];
            texts.push(desk.check(&args, 0).0);
        }
        let args = ["run", file, "--seeds", "4", "--threads", threads, "--out", out, "--quiet"];
        assert_eq!(desk.check(&args, 0), (String::new(), String::new()));
        trees.push((texts, tree(&desk.path(out))));
    }
    for other in &trees[1..] {
        assert!(*other == trees[0]);
    }
}

#[test]
fn formats_are_what_they_say_and_nothing_else_is_on_stdout() {
    let desk = Desk::new();
    let run = |format| desk.check(&["run", "hello.toml", "--seeds", "2", "--format", format], 0).0;
    let results = json(&run("json"));
    assert_eq!((&results["schema"], &results["seeds"]), (&1.into(), &2.into()));
    let lag = &results["variants"]["base"]["metrics"]["email.lag.mean"];
    assert!(lag["value"].is_f64() && lag["ci95"].is_array(), "{lag}");
    assert_eq!(results["comparisons"][0]["a"], "base");
    let csv = run("csv");
    let columns = csv.lines().next().expect("a head").split(',').count();
    assert!(columns > 3 && csv.contains("email.lag.p50"), "{csv}");
    assert!(run("markdown").contains('|'));
    assert_eq!(run("text"), desk.check(&["run", "hello.toml", "--seeds", "2"], 0).0);
}

#[test]
fn a_report_is_drawn_again_from_saved_results_alone() {
    let desk = Desk::new();
    let args = ["run", "hello.toml", "--seeds", "2", "--out", "first"];
    let (drawn, _) = desk.check(&args, 0);
    let (again, _) = desk.check(&["report", "first/results.json", "--out", "again"], 0);
    assert_eq!(drawn, again);
    assert!(tree(&desk.path("first")) == tree(&desk.path("again")));
}

#[test]
fn wrong_results_are_refused() {
    let desk = Desk::new();
    desk.put("broken.json", "{ \"schema\": 1,");
    desk.put("newer.json", "{ \"schema\": 99, \"program\": \"tidelag 9.0.0\" }");
    for (file, says) in [("broken.json", "JSON"), ("newer.json", "schema 99")] {
        let (out, err) = desk.check(&["report", file], 2);
        assert_eq!(out, "");
        assert!(err.contains(says), "{err}");
    }
}

#[test]
fn compare_pairs_variants_and_files() {
    let desk = Desk::new();
    desk.put("slow.toml", &HELLO.replace("10ms", "15ms"));
    let args = ["compare", "hello.toml", "slow.toml", "--seeds", "4", "--format", "json"];
    let results = json(&desk.check(&args, 0).0);
    let variants = results["variants"].as_object().expect("an object");
    for name in ["hello", "hello/fix", "slow", "slow/fix"] {
        assert!(variants.contains_key(name), "{:?}", variants.keys());
    }
    let verdict = |b: &str| {
        let all = results["comparisons"].as_array().expect("a list");
        let found = all.iter().find(|c| c["b"] == b && c["metric"] == "email.lag.mean");
        found.expect("it is compared")["verdict"].clone()
    };
    assert_eq!((verdict("slow"), verdict("hello/fix")), ("higher".into(), "lower".into()));
}

#[test]
fn fail_if_decides_the_status() {
    let desk = Desk::new();
    let compare = |condition, status| {
        let args = ["compare", "hello.toml", "--seeds", "4", "--fail-if", condition];
        desk.check(&args, status)
    };
    compare("email.lag.mean higher", 0);
    let (out, err) = compare("email.lag.mean lower", 1);
    assert!(!out.is_empty());
    assert!(err.contains("email.lag.mean of fix is lower against base"), "{err}");
}

#[test]
fn compare_shows_the_comparison_before_the_tables() {
    let desk = Desk::new();
    let (compared, _) = desk.check(&["compare", "hello.toml"], 0);
    let (run, _) = desk.check(&["run", "hello.toml"], 0);
    let at = |text: &str, what: &str| text.find(what).unwrap_or_else(|| panic!("{what}: {text}"));
    assert!(at(&compared, "fix against base") < at(&compared, "base: 5.00 s measured"));
    assert!(at(&run, "fix against base") > at(&run, "base: 5.00 s measured"));
}

#[test]
fn check_advises_and_simulates_nothing() {
    let desk = Desk::new();
    let (out, err) = desk.check(&["check", "hello.toml"], 0);
    assert_eq!(err, "");
    assert!(out.contains("utilisation   50.0 %"), "{out}");
    assert!(out.ends_with("ok: 2 services, 1 event type, 2 variants\n"), "{out}");
    desk.put("typo.toml", "[service.shop]\nemitts.A = \"1/s\"\n");
    let (out, err) = desk.check(&["check", "typo.toml", "hello.toml"], 2);
    assert!(out.contains("ok: 2 services, 1 event type, 2 variants in hello.toml"), "{out}");
    assert!(err.contains("typo.toml:2:"), "{err}");
}

#[test]
fn explain_knows_codes_metrics_and_files() {
    let desk = Desk::new();
    assert!(desk.check(&["explain", "a001"], 0).0.starts_with("A001"));
    assert!(desk.check(&["explain", "email.lag.p99"], 0).0.contains("commit"));
    assert!(desk.check(&["explain", "hello.toml"], 0).0.contains("workers"));
}

#[test]
fn presets_are_listed_and_printed_as_files() {
    let desk = Desk::new();
    let (list, _) = desk.check(&["presets"], 0);
    assert_eq!(list.lines().count(), 15);
    let (kafka, _) = desk.check(&["presets", "kafka"], 0);
    assert!(kafka.contains("\npreset = \"kafka\"\n") && kafka.contains("# A [K1]"), "{kafka}");
    assert!(desk.check(&["presets", "kafak"], 2).1.contains("there is no preset kafak"));
}

#[test]
fn timings_are_one_json_object_on_stderr() {
    let desk = Desk::new();
    let (out, err) = desk.check(&["run", "hello.toml", "--timings", "--format", "json"], 0);
    let timings = json(&err);
    let events = |variant: &str| json(&out)["variants"][variant]["events"].as_u64();
    assert_eq!(timings["events"].as_u64(), Some(events("base").unwrap() + events("fix").unwrap()));
    for key in ["wall_s", "cpu_s", "events_per_s", "peak_rss_bytes"] {
        assert!(timings.get(key).is_some(), "{key} in {err}");
    }
}

#[test]
fn verify_finds_two_simulations_equal() {
    let desk = Desk::new();
    let plain = desk.check(&["run", "hello.toml", "--seeds", "2"], 0);
    assert_eq!(desk.check(&["run", "hello.toml", "--seeds", "2", "--verify"], 0), plain);
}

#[test]
fn colours_are_for_those_who_want_them() {
    let desk = Desk::new();
    let escapes = |args: &[&str]| desk.check(args, 0).0.contains('\u{1b}');
    assert!(!escapes(&["run", "hello.toml"]));
    assert!(!escapes(&["run", "hello.toml", "--color", "never"]));
    assert!(escapes(&["run", "hello.toml", "--color", "always"]));
}

#[test]
fn quiet_prints_only_what_a_format_asks_for() {
    let desk = Desk::new();
    assert_eq!(desk.check(&["run", "hello.toml", "-q"], 0), (String::new(), String::new()));
    assert!(!desk.check(&["run", "hello.toml", "-q", "--format", "csv"], 0).0.is_empty());
}

#[test]
fn stderr_that_is_no_terminal_shows_no_progress() {
    let desk = Desk::new();
    let (_, err) = desk.check(&["run", "hello.toml", "--seeds", "40"], 0);
    assert_eq!(err, "");
}

/// Starts, interrupts after a while, and tries again more patiently if the program was not yet
/// listening.
#[cfg(unix)]
fn interrupt(desk: &Desk, args: &[&str]) -> Output {
    for pause_ms in [300, 1_000, 3_000, 9_000] {
        let mut command = desk.plain_command(args);
        let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
        let child = child.expect("it starts");
        std::thread::sleep(std::time::Duration::from_millis(pause_ms));
        let kill = format!("kill -INT {}", child.id());
        let killed = std::process::Command::new("sh").args(["-c", &kill]).status();
        assert!(killed.expect("there is a shell").success());
        let output = child.wait_with_output().expect("it ends");
        if output.status.code().is_some() {
            return output;
        }
    }
    panic!("it never listened")
}

#[cfg(unix)]
#[test]
fn status_130_when_interrupted_and_what_was_finished_is_saved_and_said() {
    let desk = Desk::new();
    desk.put("many.toml", MANY);
    let output =
        interrupt(&desk, &["run", "many.toml", "--threads", "2", "--out", "saved", "--quiet"]);
    let err = text(&output.stderr);
    assert_eq!(output.status.code(), Some(130), "{err}");
    assert!(err.contains("interrupted") && !err.contains("panic"), "{err}");
    if err.contains("nothing was saved") {
        assert!(!desk.path("saved").exists());
        return;
    }
    let saved = fs::read_to_string(desk.path("saved/results.json")).expect("it is saved");
    let seeds = json(&saved)["seeds"].as_u64().expect("a number");
    assert!((1..1_000_000).contains(&seeds), "{seeds}");
    assert!(err.contains(&format!("{seeds} of 1000000 replications")), "{err}");
    // What is left is what as many seeds would have given.
    let seeds = seeds.to_string();
    let args = ["run", "many.toml", "--seeds", &seeds, "--out", "asked", "--quiet"];
    desk.check(&args, 0);
    assert!(tree(&desk.path("saved")) == tree(&desk.path("asked")));
}

#[cfg(unix)]
#[test]
fn status_130_when_interrupted_within_the_first_replication() {
    let desk = Desk::new();
    let long = ["run", "hello.toml", "--set", "duration='100d'", "--out", "saved"];
    let output = interrupt(&desk, &long);
    assert_eq!(output.status.code(), Some(130));
    assert!(text(&output.stderr).contains("nothing was saved"), "{}", text(&output.stderr));
    assert_eq!(text(&output.stdout), "");
    assert!(!desk.path("saved").exists());
}
