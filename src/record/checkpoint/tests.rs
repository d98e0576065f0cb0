//! Every change of a byte of a checkpoint is noticed, and so is a checkpoint of another name or run.

use super::*;
use crate::record::npz::array_record;
use ndarray::{Array1, array};

array_record! {
    /// Two arrays.
    pub struct SavedPair {
        /// Numbers, some of them not finite.
        pub a[first]: Array1<f64>,
        /// None.
        pub b[second]: Array1<f64>,
    }
}

fn folder(path: &std::path::Path, identity: &str) -> RunFolder {
    RunFolder { identity: identity.into(), ..RunFolder::unlocked(path) }
}

/// Replaces a file, and returns what is found in it.
fn damaged<T>(file: &std::path::Path, bytes: &[u8], load: impl Fn() -> SavedPart<T>) -> bool {
    std::fs::write(file, bytes).unwrap();
    matches!(load(), SavedPart::Damaged(_))
}

/// Every damage of one byte, every truncation, and files of other contents.
fn every_damage_is_noticed<T>(file: &std::path::Path, load: impl Fn() -> SavedPart<T>) {
    let whole = std::fs::read(file).unwrap();
    for i in 0..whole.len() {
        for bit in [0x01, 0x10, 0x80] {
            let mut changed = whole.clone();
            changed[i] ^= bit;
            assert!(damaged(file, &changed, &load), "bit {bit:#x} of byte {i}");
        }
        assert!(damaged(file, &whole[..i], &load), "{i} bytes");
    }
    for other in [&b"[]"[..], b"{}", b"null", &[whole.as_slice(), b"\n"].concat()] {
        assert!(damaged(file, other, &load), "{other:?}");
    }
    std::fs::write(file, &whole).unwrap();
    assert!(matches!(load(), SavedPart::Found(_)));
    std::fs::remove_file(file).unwrap();
    assert!(matches!(load(), SavedPart::Absent));
    std::fs::create_dir(file).unwrap();
    assert!(matches!(load(), SavedPart::Damaged(_)));
}

#[test]
fn damaged_json_is_noticed() {
    let here = tempfile::tempdir().unwrap();
    let run = folder(here.path(), "run");
    let name = "checkpoint/study-a.json";
    let value = vec![Some(1.5), None, Some(f64::NAN), Some(f64::INFINITY)];
    run.save_json(name, &value).unwrap();
    let SavedPart::Found(back) = run.load_json::<Vec<Option<f64>>>(name).unwrap() else { panic!() };
    assert_eq!(format!("{back:?}"), format!("{value:?}"));
    assert!(serde_json::from_slice::<serde_json::Value>(&std::fs::read(run.file(name)).unwrap()).is_ok());
    every_damage_is_noticed(&run.file(name), || run.load_json::<Vec<Option<f64>>>(name).unwrap());
}

#[test]
fn damaged_archives_are_noticed() {
    let here = tempfile::tempdir().unwrap();
    let run = folder(here.path(), "run");
    let name = "checkpoint/n4-s0.npz";
    let pair = SavedPair { a: array![1.0, f64::INFINITY, -0.0], b: array![] };
    let sealed = run.seal_arrays(name, &pair).unwrap();
    sealed.write().unwrap();
    assert_eq!(run.load_arrays(name).unwrap(), SavedPart::Found((pair.clone(), sealed.sha256)));
    // The file is still an archive for others.
    assert_eq!(SavedPair::read(&run.file(name)).unwrap(), pair);
    every_damage_is_noticed(&run.file(name), || run.load_arrays::<SavedPair>(name).unwrap());
}

#[test]
fn checkpoints_of_another_name_or_run_are_noticed() {
    let here = tempfile::tempdir().unwrap();
    let (run, other) = (folder(here.path(), "run"), folder(here.path(), "other"));
    run.save_json("checkpoint/a.json", &1.0).unwrap();
    std::fs::copy(run.file("checkpoint/a.json"), run.file("checkpoint/b.json")).unwrap();
    assert_eq!(run.load_json::<f64>("checkpoint/a.json").unwrap(), SavedPart::Found(1.0));
    assert!(matches!(run.load_json::<f64>("checkpoint/b.json").unwrap(), SavedPart::Damaged(_)));
    assert!(matches!(other.load_json::<f64>("checkpoint/a.json").unwrap(), SavedPart::Damaged(_)));
    let SavedPart::Damaged(reason) = run.load_json::<String>("checkpoint/a.json").unwrap() else { panic!() };
    assert!(reason.contains("not of this run"), "{reason}");
}

#[test]
fn altered_files_are_named() {
    let here = tempfile::tempdir().unwrap();
    let run = folder(here.path(), "run");
    for name in ["records/a.json", "records/b.json"].iter().chain(&super::super::manifest::OF_THE_CLOCK) {
        run.write_text(name, "1").unwrap();
    }
    let names = run.record_names().unwrap();
    assert_eq!(names, ["records/a.json", "records/b.json"]);
    let sums = run.checksums(names).unwrap();
    // FIPS 180-2: SHA-256 of "1".
    assert_eq!(sums["records/a.json"], "6b86b273ff34fce19d6b804eff5a3f5747ada4eaa22f1d49c01e52ddb7875b4b");
    assert_eq!(run.first_altered(&sums).unwrap(), None);
    run.write_text("records/b.json", "2").unwrap();
    let (name, found) = run.first_altered(&sums).unwrap().unwrap();
    assert!(name == "records/b.json" && found.contains("d4735e3a265e16ee"), "{name} {found}");
    run.remove("records/a.json").unwrap();
    assert_eq!(run.first_altered(&sums).unwrap(), Some(("records/a.json".into(), "it is missing".into())));
}
