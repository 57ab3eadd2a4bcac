//! The directory of a report: its files appear whole or not at all.
//!
//! Each file is written under a temporary name beside its final one, and renamed only when all were
//! written. A directory with files of somebody else is left alone unless forced, and even then
//! those files stay.

use super::status::Failure;
use crate::render;
use crate::results::Results;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// Names at the top of a report; `charts` is a directory of `.svg` files.
const NAMES: [&str; 4] = ["results.json", "report.html", "series.csv", "lag.csv"];
const CHARTS: &str = "charts";
/// Ends the name of a file that is being written.
const PARTIAL: &str = ".tidelag-partial";

/// A file of the report: its path below the directory, and its text.
pub(super) type ReportFile = (PathBuf, String);

/// Every file of the report on `results`.
pub(super) fn files(results: &Results) -> Vec<ReportFile> {
    let charts = render::charts(results);
    let mut files = vec![
        ("results.json".into(), render::json(results)),
        ("report.html".into(), render::html(results, &charts)),
        ("series.csv".into(), render::series_csv(results)),
        ("lag.csv".into(), render::lag_csv(results)),
    ];
    for chart in charts {
        files.push((Path::new(CHARTS).join(chart.file_name), chart.svg));
    }
    files
}

/// Makes sure that a report may be written into `dir`, before any work is done for it.
///
/// # Errors
/// If `dir` holds files that are not of a report of tidelag, unless `force`; if it cannot be read.
pub(super) fn inspect(dir: &Path, force: bool) -> Result<(), Failure> {
    let entries = match fs::read_dir(dir) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(failure("use", dir, &error)),
    };
    let mut names = Vec::new();
    for entry in entries {
        let entry = entry.map_err(|error| failure("read", dir, &error))?;
        names.push(entry.file_name().to_string_lossy().into_owned());
    }
    names.sort_unstable();
    if force || names.is_empty() {
        return Ok(());
    }
    let foreign = match names.iter().find(|name| !is_ours(dir, name)) {
        Some(name) => format!("{name} is not of a report of tidelag"),
        None if has_our_results(dir, &names) => return Ok(()),
        None => "its results.json is not of tidelag".to_owned(),
    };
    Err(Failure::unfinished(format!(
        "{} holds other files: {foreign}. Choose another directory, or add --force to write beside \
         them",
        dir.display()
    )))
}

/// Whether a name at the top of `dir` is one that a report uses.
fn is_ours(dir: &Path, name: &str) -> bool {
    let partial = name.starts_with('.') && name.ends_with(PARTIAL);
    NAMES.contains(&name) || partial || (name == CHARTS && is_charts(&dir.join(CHARTS)))
}

/// Whether a directory holds nothing but drawings.
fn is_charts(dir: &Path) -> bool {
    let ours = |name: &Path| is_drawing(name) || name.to_string_lossy().ends_with(PARTIAL);
    fs::read_dir(dir)
        .is_ok_and(|mut entries| entries.all(|entry| entry.is_ok_and(|entry| ours(&entry.path()))))
}

fn is_drawing(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "svg")
}

/// Whether the results in `dir`, if there are any, were written by tidelag: of any version, so only
/// the name is read.
fn has_our_results(dir: &Path, names: &[String]) -> bool {
    #[derive(serde::Deserialize)]
    struct Program {
        program: String,
    }
    if !names.iter().any(|name| name == "results.json") {
        return names.iter().all(|name| name.ends_with(PARTIAL) || name == CHARTS);
    }
    fs::read_to_string(dir.join("results.json")).is_ok_and(|text| {
        serde_json::from_str::<Program>(&text).is_ok_and(|p| p.program.starts_with("tidelag"))
    })
}

/// Writes the report into `dir`, which is created if it is missing. Drawings of an earlier report
/// that this one does not have are removed.
///
/// # Errors
/// If a file cannot be written; then none appears under its final name, and nothing half-written is
/// left behind.
pub(super) fn write(dir: &Path, files: &[ReportFile]) -> Result<(), Failure> {
    let mut made = Made::default();
    let written = fill(dir, files, &mut made, &create);
    if written.is_err() {
        made.undo();
    }
    written
}

/// Opens a file that does not exist yet.
#[expect(clippy::disallowed_methods, reason = "the command line writes reports")]
fn create(path: &Path) -> io::Result<File> {
    File::options().write(true).create_new(true).open(path)
}

/// Opens a new file to be written: a parameter, so that tests can fill the disk.
type Create<'a> = dyn Fn(&Path) -> io::Result<File> + 'a;

/// What was made on the way and must go if the report fails.
#[derive(Default)]
struct Made {
    dirs: Vec<PathBuf>,
    partial: Vec<PathBuf>,
}

impl Made {
    /// Removes what was made, as far as that is possible. A directory in which somebody put a file
    /// stays.
    #[expect(clippy::disallowed_methods, reason = "the command line writes reports")]
    fn undo(&self) {
        for file in &self.partial {
            let _best_effort = fs::remove_file(file);
        }
        for dir in self.dirs.iter().rev() {
            let _best_effort = fs::remove_dir(dir);
        }
    }

    /// Creates `dir` and the directories above it that are missing.
    #[expect(clippy::disallowed_methods, reason = "the command line writes reports")]
    fn create_dir(&mut self, dir: &Path) -> Result<(), Failure> {
        let missing: Vec<&Path> = dir
            .ancestors()
            .filter(|d| !d.as_os_str().is_empty())
            .take_while(|d| !d.exists())
            .collect();
        for dir in missing.into_iter().rev() {
            fs::create_dir(dir).map_err(|error| failure("create", dir, &error))?;
            self.dirs.push(dir.to_owned());
        }
        Ok(())
    }
}

#[expect(clippy::disallowed_methods, reason = "the command line writes reports")]
fn fill(
    dir: &Path,
    files: &[ReportFile],
    made: &mut Made,
    create: &Create<'_>,
) -> Result<(), Failure> {
    made.create_dir(dir)?;
    made.create_dir(&dir.join(CHARTS))?;
    for (name, text) in files {
        let partial = partial_name(&dir.join(name));
        // What a killed run left behind.
        let _there_is_none_as_a_rule = fs::remove_file(&partial);
        let mut file = create(&partial).map_err(|error| failure("write", &partial, &error))?;
        made.partial.push(partial.clone());
        file.write_all(text.as_bytes())
            .map_err(|error| failure("write", &dir.join(name), &error))?;
    }
    for (name, _) in files {
        let path = dir.join(name);
        fs::rename(partial_name(&path), &path).map_err(|error| failure("write", &path, &error))?;
    }
    remove_old_charts(&dir.join(CHARTS), files);
    Ok(())
}

/// `report.html` is written as `.report.html.tidelag-partial`.
fn partial_name(path: &Path) -> PathBuf {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    path.with_file_name(format!(".{name}{PARTIAL}"))
}

/// Removes drawings that are not among `files`. Best effort: a drawing too many is no reason to
/// fail.
#[expect(clippy::disallowed_methods, reason = "the command line writes reports")]
fn remove_old_charts(charts: &Path, files: &[ReportFile]) {
    let Ok(entries) = fs::read_dir(charts) else { return };
    for entry in entries.flatten() {
        let name = entry.file_name();
        let current = files.iter().any(|(path, _)| *path == Path::new(CHARTS).join(&name));
        if !current && is_drawing(&entry.path()) {
            let _best_effort = fs::remove_file(entry.path());
        }
    }
}

fn failure(verb: &str, path: &Path, error: &io::Error) -> Failure {
    Failure::unfinished(format!("cannot {verb} {}: {error}", path.display()))
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "tests of writing write")]
mod tests {
    use super::*;
    use crate::cli::status::Status;
    use std::cell::Cell;

    fn report() -> Vec<ReportFile> {
        let ours = r#"{ "schema": 1, "program": "tidelag 0.1.0" }"#.to_owned();
        vec![
            ("results.json".into(), ours),
            ("report.html".into(), "<html>".to_owned()),
            ("charts/lag.svg".into(), "<svg>".to_owned()),
        ]
    }

    /// Paths of all files below `dir`, sorted.
    fn tree(dir: &Path) -> Vec<String> {
        let mut found = Vec::new();
        let mut todo = vec![dir.to_owned()];
        while let Some(next) = todo.pop() {
            for entry in fs::read_dir(&next).into_iter().flatten().flatten() {
                let path = entry.path();
                found.push(path.strip_prefix(dir).unwrap().to_string_lossy().into_owned());
                if path.is_dir() {
                    todo.push(path);
                }
            }
        }
        found.sort_unstable();
        found
    }

    #[test]
    fn a_report_may_replace_an_earlier_one_and_its_drawings() {
        let temp = tempfile::tempdir().unwrap();
        let dir = temp.path().join("deep/er");
        let old = [report(), vec![("charts/old.svg".into(), String::new())]].concat();
        write(&dir, &old).unwrap();
        inspect(&dir, false).unwrap();
        write(&dir, &report()).unwrap();
        assert_eq!(tree(&dir), ["charts", "charts/lag.svg", "report.html", "results.json"]);
        assert_eq!(fs::read_to_string(dir.join("charts/lag.svg")).unwrap(), "<svg>");
    }

    #[test]
    fn foreign_files_are_refused_unless_forced() {
        for (name, text) in [("notes.txt", ""), ("results.json", "{}"), ("charts", "")] {
            let temp = tempfile::tempdir().unwrap();
            fs::write(temp.path().join(name), text).unwrap();
            let refused = inspect(temp.path(), false).expect_err(name);
            assert_eq!(refused.status, Status::Unfinished);
            assert!(refused.message.contains("--force"), "{}", refused.message);
            assert_eq!(inspect(temp.path(), true), Ok(()));
        }
    }

    #[test]
    fn forced_into_a_foreign_directory_leaves_its_files_alone() {
        let temp = tempfile::tempdir().unwrap();
        fs::write(temp.path().join("notes.txt"), "mine").unwrap();
        write(temp.path(), &report()).unwrap();
        assert_eq!(fs::read_to_string(temp.path().join("notes.txt")).unwrap(), "mine");
    }

    #[test]
    fn what_a_killed_run_left_is_no_obstacle() {
        let temp = tempfile::tempdir().unwrap();
        fs::create_dir(temp.path().join("charts")).unwrap();
        fs::write(temp.path().join(".results.json.tidelag-partial"), "half").unwrap();
        inspect(temp.path(), false).unwrap();
        write(temp.path(), &report()).unwrap();
        assert!(!tree(temp.path()).iter().any(|name| name.contains("partial")));
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_full_disk_leaves_no_trace_and_the_earlier_report() {
        let full = |temp: &Path, fails_at: usize| {
            let opened = Cell::new(0);
            let dir = temp.join("report");
            let mut made = Made::default();
            let result = fill(&dir, &report(), &mut made, &|path| {
                let now = opened.replace(opened.get() + 1);
                if now == fails_at {
                    File::options().write(true).open("/dev/full")
                } else {
                    create(path)
                }
            });
            let failure = result.expect_err("the disk is full");
            assert_eq!(failure.status, Status::Unfinished);
            assert!(failure.message.contains("No space left"), "{}", failure.message);
            made.undo();
        };
        for fails_at in 0..3 {
            let temp = tempfile::tempdir().unwrap();
            full(temp.path(), fails_at);
            assert_eq!(tree(temp.path()), Vec::<String>::new());
            let earlier = vec![("results.json".into(), "earlier".to_owned())];
            write(&temp.path().join("report"), &earlier).unwrap();
            full(temp.path(), fails_at);
            assert_eq!(tree(&temp.path().join("report")), ["charts", "results.json"]);
            let kept = fs::read_to_string(temp.path().join("report/results.json")).unwrap();
            assert_eq!(kept, "earlier");
        }
    }

    #[test]
    fn a_path_through_a_file_cannot_be_created() {
        let temp = tempfile::tempdir().unwrap();
        let file = temp.path().join("file");
        fs::write(&file, "").unwrap();
        let failure = write(&file.join("report"), &report()).expect_err("it is no directory");
        assert_eq!(failure.status, Status::Unfinished);
    }
}
