//! The built-in digits: 1797 images of 8 x 8 pixels, grey levels 0 to 16.
//!
//! The test part of UCI *Optical Recognition of Handwritten Digits* (Alpaydin, Kaynak 1998), CC BY 4.0; see
//! `data/README.md`.

use std::path::Path;

use serde::Serialize;

use super::images::{Images, Limit, TestImages};
use super::{LabelRule, Population, PopulationError, SourceFile, Standardise, TestPart, csv_table, source};

/// Number of built-in images.
pub const DIGITS: usize = 1797;
/// Number of pixels of an image, 8 x 8, row by row.
pub const DIGITS_PIXELS: usize = 64;

/// The path of the data in records and messages.
const PATH: &str = "built-in/digits.csv.gz";
const COMPRESSED: &[u8] = include_bytes!("data/digits.csv.gz");

/// The built-in digits; d = 64. Inputs are grey levels 0 to 16, unless standardised.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct DigitsSpec {
    /// The rule that gives the labels.
    pub labels: LabelRule,
    /// Number of images, 1 to 1797, the first of the set; `None`: all.
    pub limit: Option<usize>,
    /// Standardisation of the inputs, with the moments of these images.
    pub standardise: Standardise,
}

impl DigitsSpec {
    /// Builds the population.
    ///
    /// # Errors
    /// If the limit is 0 or above 1797, or one of the parts would be empty.
    pub(super) fn build(&self, test: Option<&TestPart>, seed: u64) -> Result<Population, PopulationError> {
        let path = Path::new(PATH);
        let kept = self.limit.first_of(DIGITS, "the built-in digits")?;
        let table = csv_table::parse(path, &source::decompress(path, COMPRESSED)?)?;
        let digits: Vec<u8> = table.y.iter().take(kept).map(|&digit| digit as u8).collect();
        Images {
            name: "digits",
            size: (8, 8),
            x: table.x.slice_move(ndarray::s![..kept, ..]).as_standard_layout().into_owned(),
            digits,
            sources: vec![SourceFile::of(path, COMPRESSED)],
        }
        .population(self.labels, self.standardise, TestImages::held_out(test, seed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::population::{LabelKind, PopulationSpec, Standardisation};
    use ndarray::Axis;

    fn build(labels: LabelRule, limit: Option<usize>, standardise: Standardise) -> Population {
        PopulationSpec::Digits(DigitsSpec { labels, limit, standardise }).build(0).unwrap()
    }

    /// The counts are those of the published test part.
    #[test]
    fn published_facts() {
        let digits = build(LabelRule::Classes, None, Standardise::None);
        assert_eq!(digits.shape(), (1797, 64, 10));
        assert!(digits.sample.x.is_standard_layout() && digits.sample.y.is_standard_layout());
        assert!(digits.sample.x.iter().all(|&v| (0.0..=16.0).contains(&v) && v.fract() == 0.0));
        assert!(digits.sample.x.iter().any(|&v| v == 16.0));
        let counts = digits.sample.y.sum_axis(Axis(0)).to_vec();
        assert_eq!(counts, [178.0, 182.0, 177.0, 183.0, 181.0, 182.0, 181.0, 179.0, 174.0, 180.0]);
        assert_eq!(digits.labels, LabelKind::OneHot(10));

        // even: 178 + 177 + 181 + 181 + 174 = 891, odd: 906
        let parity = build(LabelRule::Parity, None, Standardise::None);
        assert_eq!(parity.shape(), (1797, 64, 1));
        assert_eq!(parity.sample.y.sum(), 891.0 - 906.0);
    }

    #[test]
    fn global_moments() {
        let x = build(LabelRule::Parity, None, Standardise::Global).sample.x;
        let (mean, square) = (x.sum() / x.len() as f64, x.iter().map(|v| v * v).sum::<f64>() / x.len() as f64);
        assert!(mean.abs() < 1e-12 && (square - 1.0).abs() < 1e-12, "{mean:e} {square}");
    }

    /// Mean 0 and variance 1 for each pixel that varies, exact 0 for those that do not, and the record undoes it.
    #[test]
    fn per_feature_moments() {
        let raw = build(LabelRule::Parity, Some(500), Standardise::None).sample.x;
        let digits = build(LabelRule::Parity, Some(500), Standardise::PerFeature);
        let Some(Standardisation::PerFeature { mean, scale }) = &digits.standardisation else { panic!() };
        let mut constant = 0;
        for (j, column) in digits.sample.x.columns().into_iter().enumerate() {
            for (found, value) in column.iter().zip(raw.column(j)) {
                assert!((found * scale[j] + mean[j] - value).abs() < 1e-12);
            }
            if raw.column(j).iter().all(|&v| v == raw[[0, j]]) {
                constant += 1;
                assert!(column.iter().all(|&v| v == 0.0));
                continue;
            }
            let (m, s) = (column.sum() / 500.0, column.iter().map(|v| v * v).sum::<f64>() / 500.0);
            assert!(m.abs() < 1e-12 && (s - 1.0).abs() < 1e-12, "pixel {j}: {m:e} {s}");
        }
        assert!(constant > 0); // the left edge of every image is blank
    }

    #[test]
    fn limit_keeps_the_first() {
        let all = build(LabelRule::Classes, None, Standardise::None).sample;
        let some = build(LabelRule::Classes, Some(7), Standardise::None).sample;
        assert_eq!(some.x, all.x.slice(ndarray::s![..7, ..]));
        assert_eq!(some.y, all.y.slice(ndarray::s![..7, ..]));
        for limit in [0, 1798] {
            let spec = DigitsSpec { labels: LabelRule::Parity, limit: Some(limit), standardise: Standardise::None };
            let message = PopulationSpec::Digits(spec).build(0).unwrap_err().to_string();
            assert!(message.contains(&format!("limit = {limit}")), "{message}");
        }
    }
}
