//! Array records in JSON, as the results of tasks are saved.

use super::npz::{ArrayRecord, Arrays, StoredArrays};
use ndarray::{ArrayD, IxDyn};
use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::collections::BTreeMap;

/// A record of arrays that is written as an object: the name of every array, with its shape and its values, row-major.
/// Written and read by [`crate::number`], values that are not finite are kept.
#[derive(Clone, Debug, PartialEq)]
pub struct ArraysAsJson<A>(pub A);

/// One array.
#[derive(Serialize, Deserialize)]
struct JsonArray {
    shape: Vec<usize>,
    values: Vec<f64>,
}

impl<A: ArrayRecord> Serialize for ArraysAsJson<A> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut arrays = Arrays::default();
        self.0.push("", &mut arrays);
        serializer.collect_map(arrays.entries().map(|(name, array)| {
            (name, JsonArray { shape: array.shape().to_vec(), values: array.iter().copied().collect() })
        }))
    }
}

impl<'de, A: ArrayRecord> Deserialize<'de> for ArraysAsJson<A> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let stored = BTreeMap::<String, JsonArray>::deserialize(deserializer)?;
        let array = |(name, JsonArray { shape, values }): (String, JsonArray)| {
            let array = ArrayD::from_shape_vec(IxDyn(&shape), values).map_err(D::Error::custom)?;
            Ok((name, array))
        };
        let arrays: BTreeMap<String, ArrayD<f64>> = stored.into_iter().map(array).collect::<Result<_, D::Error>>()?;
        A::load("", &StoredArrays::from(arrays)).map(ArraysAsJson).map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::number::{from_json, to_json};
    use crate::record::npz::array_record;
    use ndarray::{Array1, Array2, array};

    array_record! {
        /// Arrays of a test.
        pub struct Kept {
            /// A vector.
            pub line[columns]: Array1<f64>,
            /// A matrix.
            pub table[rows, entries]: Option<Array2<f64>>,
        }
    }

    #[test]
    fn numbers_that_are_not_finite_and_empty_arrays_are_kept() {
        let line = array![1.0 / 3.0, f64::NAN, f64::INFINITY, -0.0];
        for table in [None, Some(Array2::zeros((0, 3))), Some(array![[1.0, 2.0], [3.0, f64::NEG_INFINITY]])] {
            let kept = ArraysAsJson(Kept { line: line.clone(), table });
            let text = to_json(&kept).unwrap();
            let ArraysAsJson(read): ArraysAsJson<Kept> = from_json(&text).unwrap();
            let bits = |line: &Array1<f64>| line.iter().map(|v| v.to_bits()).collect::<Vec<_>>();
            assert_eq!(bits(&read.line), bits(&line));
            assert_eq!(read.table, kept.0.table);
        }
    }

    #[test]
    fn shapes_that_do_not_fit_are_refused() {
        let read = |text: &str| from_json::<ArraysAsJson<Kept>>(text).is_err();
        assert!(read(r#"{"line": {"shape": [3], "values": [1.0, 2.0]}}"#));
        assert!(read(r#"{"table": {"shape": [1, 1], "values": [1.0]}}"#));
        assert!(read(r#"{"line": {"shape": [1, 1], "values": [1.0]}}"#));
    }
}
