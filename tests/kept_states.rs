//! What a complete run keeps of its states: all, the final parameters, or nothing; records and figures are the same.

use crate::common::experiment::{TINY, arrays, files, fine};
use std::fs;
use std::path::Path;

fn run(folder: &Path, kept: &str) {
    let set = [format!("run.states={kept}"), "paths.pairs=1".into(), "paths.points=5".into()];
    let mut args = vec!["run", "tiny.toml", "--quiet", "--out", kept];
    set.iter().for_each(|key| args.extend(["--set", key]));
    fine(folder, &args);
}

#[test]
fn states_are_kept_as_requested() {
    let here = tempfile::tempdir().unwrap();
    fs::write(here.path().join("tiny.toml"), TINY).unwrap();
    for kept in ["all", "ends", "none"] {
        run(here.path(), kept);
    }
    let state = |kept: &str| files(&here.path().join(kept).join("state"));
    let all = state("all");
    assert_eq!(state("none").keys().collect::<Vec<_>>(), ["data.npz"]);
    let ends = state("ends");
    assert!(all.keys().any(|name| name.starts_with("paths/")) && !ends.keys().any(|name| name.starts_with("paths/")));
    let networks = all.keys().filter(|name| !name.starts_with("paths/") && !name.starts_with("reference-"));
    assert_eq!(ends.keys().collect::<Vec<_>>(), networks.collect::<Vec<_>>());
    for name in ends.keys().filter(|name| *name != "data.npz") {
        let before = arrays(&here.path().join("all/state").join(name));
        let after = arrays(&here.path().join("ends/state").join(name));
        assert_eq!(after.keys().collect::<Vec<_>>(), ["a_final", "b_final", "w_final"], "{name}");
        assert!(after.iter().all(|(part, values)| before[part] == *values), "{name}");
    }
    for kept in ["ends", "none"] {
        for part in ["records", "figures"] {
            let (one, other) = (files(&here.path().join("all").join(part)), files(&here.path().join(kept).join(part)));
            assert_eq!(one.keys().collect::<Vec<_>>(), other.keys().collect::<Vec<_>>(), "{kept}");
            assert!(one.iter().all(|(name, bytes)| name == "timings.json" || *bytes == other[name]), "{kept} {part}");
        }
        // Figures are drawn again, but for those of states that were not kept.
        let drawn = fine(here.path(), &["figures", kept]);
        assert_eq!(drawn.contains("neurons"), kept == "ends");
        assert!(
            fine(
                here.path(),
                &[
                    "run",
                    "tiny.toml",
                    "--set",
                    &format!("run.states={kept}"),
                    "--set",
                    "paths.pairs=1",
                    "--set",
                    "paths.points=5",
                    "--out",
                    kept,
                    "--resume"
                ]
            )
            .contains("is complete")
        );
    }
}
