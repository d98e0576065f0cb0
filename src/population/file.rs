//! The empirical law of a data file of the user: every row is a sample, with equal probability.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use ndarray::s;
use serde::Serialize;

use super::images::Limit;
use super::npz_file::NpzFile;
use super::table::{RowOrigin, SampleTable};
use super::test_part::DataParts;
use super::{
    FileLabels, Population, PopulationError, Sample, SourceFile, Standardise, TestPart, csv_table, read_data_file,
    source,
};

/// A data file.
///
/// * `.npz`: arrays `x` or `X` (n, d) and `y` (n) or (n, K), of numbers or bool ([`NpzFile`]).
/// * `.csv`, `.csv.gz`: with a header, columns `x0`, ..., `x{d-1}` and `y` (or `y0`, ..., `y{K-1}`) in any order;
///   without one, the last column is y. The first line is a header if none of its cells is a number.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct FileSpec {
    /// The file.
    pub path: PathBuf,
    /// The kind of labels.
    pub labels: FileLabels,
    /// Number of samples, the first of the file; `None`: all. In either case the whole file is read and checked, and
    /// the number of classes is that of the whole file.
    pub limit: Option<usize>,
    /// Standardisation of the inputs, with the moments of these samples.
    pub standardise: Standardise,
}

impl FileSpec {
    /// Builds the population.
    ///
    /// # Errors
    /// If the file, or that of the test part, cannot be read or is invalid, or the limit is 0 or above the number of
    /// samples; a test part that is empty, or of other dimensions or classes.
    pub(super) fn build(&self, test: Option<&TestPart>, seed: u64) -> Result<Population, PopulationError> {
        require_kind(&self.path)?;
        self.build_from(&read_data_file(&self.path)?, test, seed)
    }

    /// Builds the population from the contents of the file, which need not exist.
    ///
    /// # Errors
    /// If the contents, or the file of the test part, are invalid, or the limit is 0 or above the number of samples; a test
    /// part that is empty, or of other dimensions or classes.
    pub fn build_from(&self, bytes: &[u8], test: Option<&TestPart>, seed: u64) -> Result<Population, PopulationError> {
        let path = &self.path;
        let (table, source) = table_of(path, bytes)?;
        let (y, labels) = self.labels.apply(path, &table)?;
        let kept = self.limit.first_of(y.nrows(), &path.display().to_string())?;
        let sample = Sample { x: table.x.slice(s![..kept, ..]).to_owned(), y: y.slice(s![..kept, ..]).to_owned() };
        let mut sources = vec![source];
        let mut parts = match test {
            Some(TestPart::Fraction(fraction)) => DataParts::held_out(&sample, *fraction, seed)?,
            Some(TestPart::File(test)) => {
                let (table, source) = read_table(test)?;
                sources.push(source);
                let y = self.labels.apply_to_test(test, &table, labels)?;
                DataParts::beside(sample, Sample { x: table.x, y }, test)?
            }
            Some(TestPart::Draws(_) | TestPart::T10k) | None => DataParts::whole(sample),
        };
        let standardisation = parts.standardise(self.standardise, &path.display().to_string())?;
        let (n, d, k) = parts.train.shape();
        let description = format!(
            "{}: {n} samples, d = {d}, K = {k}, labels {}, standardisation {}{}",
            path.display(),
            self.labels,
            self.standardise,
            parts.description()
        );
        let DataParts { train, test } = parts;
        Ok(Population { sample: train, test, sampler: None, labels, standardisation, sources, description })
    }
}

/// The table in a data file, and the record of the file.
fn read_table(path: &Path) -> Result<(SampleTable, SourceFile), PopulationError> {
    require_kind(path)?;
    table_of(path, &read_data_file(path)?)
}

/// The table in the contents of a data file, and the record of the file.
fn table_of(path: &Path, bytes: &[u8]) -> Result<(SampleTable, SourceFile), PopulationError> {
    let table = match require_kind(path)? {
        FileKind::Npz => npz_table(path, bytes)?,
        FileKind::Csv => csv_table::parse(path, &source::decompress(path, bytes)?)?,
    };
    Ok((table, SourceFile::of(path, bytes)))
}

/// The format of a data file by its name.
fn require_kind(path: &Path) -> Result<FileKind, PopulationError> {
    file_kind(path).ok_or_else(|| PopulationError::UnknownKind { path: path.to_owned() })
}

/// The table of an archive.
fn npz_table(path: &Path, bytes: &[u8]) -> Result<SampleTable, PopulationError> {
    let samples = NpzFile::open(bytes).and_then(|mut file| file.samples());
    let samples = samples.map_err(|source| PopulationError::Npz { path: path.to_owned(), source })?;
    Ok(SampleTable { x: samples.x, y: samples.y, rows: RowOrigin::Entries })
}

/// The format of a data file.
enum FileKind {
    /// An archive of NumPy arrays.
    Npz,
    /// Comma-separated text, possibly compressed.
    Csv,
}

/// The format of a file, by the extension of its name in lower or upper case.
fn file_kind(path: &Path) -> Option<FileKind> {
    let name = path.file_name().map(OsStr::to_string_lossy)?.to_ascii_lowercase();
    if name.ends_with(".npz") {
        Some(FileKind::Npz)
    } else if name.ends_with(".csv") || name.ends_with(".csv.gz") {
        Some(FileKind::Csv)
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::population::{LabelKind, PopulationSpec};
    use nalgebra::Complex;
    use ndarray::{Array, Array1, Array2, Array3, Dimension, ShapeBuilder, array};
    use ndarray_npy::{NpzWriter, WritableElement};
    use proptest::prelude::*;
    use std::fmt::Write as _;
    use std::io::{Cursor, Write as _};

    fn build(
        name: &str,
        bytes: &[u8],
        labels: FileLabels,
        limit: Option<usize>,
    ) -> Result<Population, PopulationError> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        PopulationSpec::File(FileSpec { path, labels, limit, standardise: Standardise::None }).build(0)
    }

    fn npz<A: WritableElement, B: WritableElement, D: Dimension, E: Dimension>(
        x: &Array<A, D>,
        y: &Array<B, E>,
    ) -> Vec<u8> {
        let mut writer = NpzWriter::new_compressed(Cursor::new(Vec::new()));
        writer.add_array("x", x).unwrap();
        writer.add_array("y", y).unwrap();
        writer.finish().unwrap().into_inner()
    }

    /// CSV with a header, columns from last to first.
    fn csv(x: &Array2<f64>, y: &Array2<f64>) -> Vec<u8> {
        let mut text = String::new();
        let header: Vec<String> =
            (0..y.ncols()).map(|k| format!("y{k}")).chain((0..x.ncols()).map(|j| format!("x{j}"))).rev().collect();
        writeln!(text, "{}", header.join(",")).unwrap();
        for (x, y) in x.rows().into_iter().zip(y.rows()) {
            let cells: Vec<String> = y.iter().chain(x.iter()).rev().map(|v| format!("{v:e}")).collect();
            writeln!(text, "{}", cells.join(",")).unwrap();
        }
        text.into_bytes()
    }

    fn samples() -> impl Strategy<Value = (Array2<f64>, Array2<f64>)> {
        use proptest::num::f64::{NEGATIVE, NORMAL, POSITIVE, SUBNORMAL, ZERO};
        (1_usize..6, 1_usize..5, 1_usize..4).prop_flat_map(|(n, d, k)| {
            let number = POSITIVE | NEGATIVE | NORMAL | SUBNORMAL | ZERO;
            proptest::collection::vec(number, n * (d + k)).prop_map(move |values| {
                let (x, y) = values.split_at(n * d);
                let shaped = |width: usize, part: &[f64]| Array2::from_shape_vec((n, width), part.to_vec()).unwrap();
                (shaped(d, x), shaped(k, y))
            })
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        /// Any finite sample comes back bit by bit from both formats, and from Fortran order.
        #[test]
        fn files_are_read_exactly((x, y) in samples()) {
            let mut fortran = Array2::zeros(x.raw_dim().f());
            fortran.assign(&x);
            for (name, bytes) in [("a.csv", csv(&x, &y)), ("a.npz", npz(&x, &y)), ("f.npz", npz(&fortran, &y))] {
                let found = build(name, &bytes, FileLabels::Real, None).unwrap().sample;
                prop_assert_eq!(found.shape(), (x.nrows(), x.ncols(), y.ncols()));
                prop_assert!(found.x.is_standard_layout() && found.y.is_standard_layout());
                let bits = |a: &Array2<f64>| a.iter().map(|v| v.to_bits()).collect::<Vec<_>>();
                prop_assert_eq!((bits(&found.x), bits(&found.y)), (bits(&x), bits(&y)));
            }
        }
    }

    #[test]
    fn tables_without_header_and_with_one() {
        let x = array![[1.0, 2.0], [3.0, 4.0]];
        for text in [
            "1,2,-1\n3,4,1\n",
            "x0,x1,y\n1,2,-1\n3,4,1",
            "\u{feff}\"y\",\"x1\",\"x0\"\r\n\r\n -1 , 2,1\r\n+1,4e0,\"3\"\r\n\r\n",
            "y0,x0,x1\n-1,1,2\n1,3,4\n",
        ] {
            let found = build("t.csv", text.as_bytes(), FileLabels::Sign, None).unwrap();
            assert_eq!(
                (&found.sample.x, &found.sample.y, found.labels),
                (&x, &array![[-1.0], [1.0]], LabelKind::Sign),
                "{text}"
            );
        }
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(b"1,2,0\n3,4,1\n").unwrap();
        let found = build("t.CSV.gz", &encoder.finish().unwrap(), FileLabels::Classes, Some(1)).unwrap();
        // the limit does not change the number of classes
        assert_eq!((found.sample.y, found.labels), (array![[1.0, 0.0]], LabelKind::OneHot(2)));
    }

    #[test]
    fn every_accepted_dtype() {
        let expected = array![[1.0, 2.0], [3.0, 4.0]];
        macro_rules! check {
            ($($Type:ty),+) => {$(
                let x = expected.mapv(|v| v as $Type);
                let found = build("a.npz", &npz(&x, &array![0 as $Type, 1 as $Type]), FileLabels::Classes, None).unwrap();
                assert_eq!((&found.sample.x, found.sample.y), (&expected, array![[1.0, 0.0], [0.0, 1.0]]));
            )+};
        }
        check!(f64, f32, i64, i32, i16, i8, u64, u32, u16, u8);
    }

    /// The messages of every kind of invalid file.
    #[test]
    fn bad_files_are_explained() {
        let text = |t: &str| t.as_bytes().to_vec();
        let (x, y) = (array![[1.0, 2.0], [3.0, 4.0]], array![1.0, -1.0]);
        let no_x = {
            let mut writer = NpzWriter::new(Cursor::new(Vec::new()));
            writer.add_array("inputs", &x).unwrap();
            writer.add_array("y", &y).unwrap();
            writer.finish().unwrap().into_inner()
        };
        let valid = npz(&x, &y);
        use FileLabels::{Classes, Real, Sign};
        let cases: Vec<(&str, Vec<u8>, FileLabels, &[&str])> = vec![
            ("a.txt", text("1,2"), Real, &["a.txt", ".npz", ".csv.gz"]),
            ("a.csv", text(""), Real, &["a.csv", "no samples"]),
            ("a.csv", text("x0,y\n"), Real, &["no samples"]),
            ("a.csv", text("1,2\n3,4,5\n"), Real, &["line 2 has 3 cells", "first line has 2"]),
            ("a.csv", text("x0,y\n1,2\n\n3\n"), Real, &["line 4 has 1 cells"]),
            ("a.csv", text("1,2\n3,four\n"), Real, &["line 2, column y", "\"four\" is not a number"]),
            ("a.csv", text("1,one,2\n"), Real, &["line 1, column x1", "\"one\""]),
            ("a.csv", text("x0,x1,y\r\n1,,2\r\n"), Real, &["line 2, column x1", "\"\" is not a number"]),
            ("a.csv", text("x0,y\n1,2\nNaN,3\n"), Real, &["line 3, column x0", "NaN is not finite"]),
            ("a.csv", text("1,-inf\n"), Real, &["line 1, column y", "-inf is not finite"]),
            ("a.csv", text("1e999,1\n"), Real, &["1e999 is not finite"]),
            ("a.csv", text("x0,x2,y\n1,2,3\n"), Real, &["line 1", "no column x1"]),
            ("a.csv", text("x1,y\n1,2\n"), Real, &["no column x0"]),
            ("a.csv", text("x0,x1\n1,2\n"), Real, &["no column y:"]),
            ("a.csv", text("y\n1\n"), Real, &["no column x0"]),
            ("a.csv", text("x0,y1\n1,2\n"), Real, &["no column y0"]),
            ("a.csv", text("x0,x0,y\n1,2,3\n"), Real, &["column x0 appears twice"]),
            ("a.csv", text("x0,y,y0\n1,2,3\n"), Real, &["column y0 appears twice"]),
            ("a.csv", text(",x0,y\n0,1,2\n"), Real, &["unknown column \"\"", "nothing else"]),
            ("a.csv", text("x00,y\n1,2\n"), Real, &["unknown column \"x00\""]),
            ("a.csv", text("x0;y\n1;2\n"), Real, &["unknown column \"x0;y\"", "commas"]),
            ("a.csv", text("1\n2\n"), Real, &["one column only"]),
            ("a.csv", vec![b'1', b',', 0xff], Real, &["not UTF-8", "byte 2"]),
            ("a.csv.gz", vec![0x1f, 0x8b, 8, 0, 0], Real, &["a.csv.gz", "damaged"]),
            ("a.csv", text("1,1\n2,0\n"), Sign, &["line 2, column y", "label 0", "-1 or +1"]),
            ("a.csv", text("1,0\n2,1.5\n"), Classes, &["line 2", "label 1.5", "whole numbers"]),
            ("a.csv", text("1,-1\n2,1\n"), Classes, &["line 1", "label -1"]),
            ("a.csv", text("1,0\n2,3\n"), Classes, &["no sample has class 1", "largest is 3"]),
            ("a.csv", text("1,4000000000\n"), Classes, &["no sample has class 0"]),
            ("a.csv", text("x0,y0,y1\n1,0,1\n"), Classes, &["2 label columns"]),
            ("a.npz", text("not an archive"), Real, &["a.npz", "archive"]),
            ("a.npz", valid[..valid.len() - 30].to_vec(), Real, &["a.npz", "archive"]),
            ("a.npz", no_x, Real, &["no array x (or X)", "inputs, y"]),
            (
                "a.npz",
                npz(&array![[Complex::new(0.0, 1.0)], [Complex::new(1.0, 0.0)]], &y),
                Real,
                &["x has dtype <c16", "float64"],
            ),
            ("a.npz", npz(&array![1.0, 2.0], &y), Real, &["array x has shape [2]", "(n, d)"]),
            ("a.npz", npz(&Array2::<f64>::zeros((2, 0)), &y), Real, &["array x has shape [2, 0]"]),
            ("a.npz", npz(&x, &Array3::<f64>::zeros((2, 1, 1))), Real, &["array y has shape [2, 1, 1]"]),
            ("a.npz", npz(&x, &Array2::<f64>::zeros((2, 0))), Real, &["array y has shape [2, 0]"]),
            ("a.npz", npz(&x, &array![1.0]), Real, &["x has 2 rows", "y has 1"]),
            ("a.npz", npz(&Array2::<f64>::zeros((0, 3)), &Array1::<f64>::zeros(0)), Real, &["no samples"]),
            ("a.npz", npz(&array![[1.0, f64::NAN]], &array![1.0]), Real, &["array x, row 0, column 1", "NaN"]),
            ("a.npz", npz(&x, &array![0.0_f32, f32::INFINITY]), Real, &["array y, row 1, column 0", "inf"]),
            ("a.npz", npz(&x, &array![1, 2]), Sign, &["array y, row 1", "label 2"]),
        ];
        for (name, bytes, labels, fragments) in cases {
            let message = build(name, &bytes, labels, None).unwrap_err().to_string();
            for fragment in fragments {
                assert!(message.contains(fragment), "{message:?} lacks {fragment:?}");
            }
        }
        let message = build("a.csv", b"1,2\n", Real, Some(2)).unwrap_err().to_string();
        assert!(message.contains("limit = 2") && message.contains("1 samples"), "{message}");
        let spec = FileSpec { path: "no/such.npz".into(), labels: Real, limit: None, standardise: Standardise::None };
        assert!(spec.build(None, 0).unwrap_err().to_string().contains("cannot read no/such.npz"));
    }
}
