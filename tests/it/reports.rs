//! The committed reports are what the program writes today (`UPDATE=1` writes them anew). Only what
//! people look at is committed, the page and the charts; the data files are several times as big.

use crate::support::{self, status, stderr, tidelag};
use std::collections::BTreeMap;
use std::path::Path;

/// Scenarios whose reports are committed under reports/.
const SHOWN: [&str; 4] = ["01-hello", "09-dual-write", "16-silent-crash", "checkout"];

/// What people look at under `dir`, by its path there.
fn contents(dir: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut open = vec![dir.to_path_buf()];
    while let Some(at) = open.pop() {
        for entry in std::fs::read_dir(at).into_iter().flatten() {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                open.push(path);
                continue;
            }
            if path.extension().is_none_or(|e| e != "html" && e != "svg") {
                continue;
            }
            let name = path.strip_prefix(dir).expect("below it").to_string_lossy().into_owned();
            found.insert(name.replace('\\', "/"), std::fs::read(&path).expect("a readable file"));
        }
    }
    found
}

#[test]
fn committed_reports_are_up_to_date() {
    for name in SHOWN {
        let dir = tempfile::tempdir().expect("a directory");
        let out = dir.path().join("out");
        let file = format!("scenarios/{name}.toml");
        let mut command = tidelag();
        let output = command.args(["run", &file, "--quiet", "--out"]).arg(&out).output();
        let output = output.expect("the binary starts");
        assert_eq!(status(&output), 0, "{}", stderr(&output));
        let found = contents(&out);
        let committed = support::root().join("reports").join(name);
        if support::update() {
            let _ = std::fs::remove_dir_all(&committed);
            for (path, bytes) in &found {
                let to = committed.join(path);
                std::fs::create_dir_all(to.parent().expect("a parent")).expect("a directory");
                std::fs::write(to, bytes).expect("a writable file");
            }
        }
        let expected = contents(&committed);
        assert_eq!(expected.keys().collect::<Vec<_>>(), found.keys().collect::<Vec<_>>(), "{name}");
        for (path, bytes) in &found {
            assert!(expected[path] == *bytes, "reports/{name}/{path} is out of date");
        }
    }
}
