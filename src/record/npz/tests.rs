//! Records read back, and files whose arrays do not fit each other.

use super::*;
use ndarray::{Array1, Array2, array};

array_record! {
    /// Series of one kind.
    pub struct KindSeries[steps] {
        /// Values (rows, steps).
        pub values[rows, steps]: Array2<f64>,
        /// The same after an update (steps).
        pub later[steps]: Option<Array1<f64>>,
        /// Lower and upper end (2).
        pub ends[2]: Array1<f64>,
    }
}

fn kind(rows: usize, steps: usize) -> KindSeries {
    KindSeries { values: Array2::zeros((rows, steps)), later: Some(Array1::zeros(steps)), ends: array![0.0, 1.0] }
}

/// Writes two records into one file and reads them back.
fn read_back(kinds: &[KindSeries; 2]) -> Result<[KindSeries; 2], String> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.npz");
    let mut arrays = Arrays::default();
    kinds[0].push("first_", &mut arrays);
    kinds[1].push("second_", &mut arrays);
    arrays.write(&path).unwrap();
    let stored = StoredArrays::read(&path).unwrap();
    let load = |prefix| KindSeries::load(prefix, &stored).map_err(|error| error.to_string());
    Ok([load("first_")?, load("second_")?])
}

#[test]
fn arrays_share_their_axes() {
    // Steps are each record's own, rows are shared.
    let kinds = [kind(3, 2), kind(3, 5)];
    assert_eq!(read_back(&kinds).unwrap(), kinds);
    let message = read_back(&[kind(3, 2), kind(4, 2)]).unwrap_err();
    assert!(message.contains("'second_values' has 4 rows, 'first_values' 3"), "{message}");
    let message = read_back(&[kind(3, 2), KindSeries { later: Some(array![0.0]), ..kind(3, 2) }]).unwrap_err();
    assert!(message.contains("'second_later' has 1 second_steps, 'second_values' 2"), "{message}");
    let message = read_back(&[KindSeries { ends: array![1.0], ..kind(3, 2) }, kind(3, 2)]).unwrap_err();
    assert!(message.contains("'first_ends' has an axis of size 1 in place of 2"), "{message}");
}

/// The names of the axes are in the comment of the archive, with the prefix of the record where they are its own; arrays
/// are read as without them.
#[test]
fn axes_are_in_the_comment() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.npz");
    let mut arrays = Arrays::default();
    kind(3, 2).push("first_", &mut arrays);
    KindSeries { later: None, ..kind(3, 5) }.push("second_", &mut arrays);
    arrays.write(&path).unwrap();
    let bytes = std::fs::read(&path).unwrap();
    let archive = zip::ZipArchive::new(io::Cursor::new(bytes.as_slice())).unwrap();
    let comment: serde_json::Value = serde_json::from_slice(archive.comment()).unwrap();
    let expected = serde_json::json!({"axes": {
        "first_ends": ["2"], "first_later": ["first_steps"], "first_values": ["rows", "first_steps"],
        "second_ends": ["2"], "second_values": ["rows", "second_steps"],
    }});
    assert_eq!(comment, expected);
    // Without the comment, the archive is that of the arrays alone.
    let plain = arrays.archive(Storage::Deflated, &path).unwrap();
    assert_eq!(bytes[..plain.len() - 2], plain[..plain.len() - 2]);
    assert_eq!(StoredArrays::<f64>::read(&path).unwrap().names().count(), 5);
}
