//! The shares of right predictions of signs and of classes.

use crate::population::LabelKind;

/// Shares of right predictions.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Accuracy {
    /// Share of the samples that are right: all of their signs, or their class.
    pub samples: f64,
    /// Share of the signs that are right; `None` for one sign per sample, where it is the share of the samples, and for
    /// classes.
    pub signs: Option<f64>,
}

impl Accuracy {
    /// The accuracy of predictions for labels, both (n, K) row-major with K = `outputs`; `None` for real labels.
    ///
    /// A sign is right where prediction and label have the same sign; a prediction of 0 is not. A class is right where
    /// its output is larger than every other: equal largest outputs are not.
    pub fn of(labels: LabelKind, f: &[f64], y: &[f64], outputs: usize) -> Option<Self> {
        let rows = || f.chunks_exact(outputs).zip(y.chunks_exact(outputs));
        let samples = f.len() as f64 / outputs as f64;
        match labels {
            LabelKind::Real => None,
            LabelKind::Sign => {
                let right = |(f, y): (&f64, &f64)| f * y > 0.0;
                let all = rows().filter(|(f, y)| f.iter().zip(*y).all(right)).count();
                let signs = f.iter().zip(y).filter(|&pair| right(pair)).count();
                let signs = (outputs > 1).then(|| signs as f64 / f.len() as f64);
                Some(Accuracy { samples: all as f64 / samples, signs })
            }
            LabelKind::OneHot(_) => {
                let right = |(f, y): &(&[f64], &[f64])| {
                    let class = y.iter().position(|&y| y == 1.0).unwrap_or(0);
                    (0..outputs).all(|k| if k == class { !f[k].is_nan() } else { f[k] < f[class] })
                };
                Some(Accuracy { samples: rows().filter(right).count() as f64 / samples, signs: None })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_sign_is_right_where_it_agrees() {
        let f = [0.5, -2.0, 0.0, 3.0, f64::NAN];
        let y = [1.0, 1.0, 1.0, 1.0, 1.0];
        assert_eq!(Accuracy::of(LabelKind::Sign, &f, &y, 1), Some(Accuracy { samples: 0.4, signs: None }));
        assert_eq!(Accuracy::of(LabelKind::Real, &f, &y, 1), None);
    }

    #[test]
    fn several_signs_are_counted_by_samples_and_by_signs() {
        // Right: both; the second; neither, as a prediction of 0 has no sign; none of the zeros.
        let f = [0.1, -0.2, -1.0, 5.0, 0.0, -3.0, 0.0, 0.0];
        let y = [1.0, -1.0, 1.0, 1.0, 1.0, 1.0, -1.0, 1.0];
        let found = Accuracy::of(LabelKind::Sign, &f, &y, 2).unwrap();
        assert_eq!(found, Accuracy { samples: 0.25, signs: Some(3.0 / 8.0) });
    }

    #[test]
    fn a_class_is_right_where_its_output_is_the_only_largest() {
        // Right; wrong; a tie of the largest; all zero.
        let f = [0.0, 2.0, 1.0, 0.0, 2.0, 1.0, 2.0, 2.0, 1.0, 0.0, 0.0, 0.0];
        let y = [0.0, 1.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 1.0, 0.0, 0.0];
        let found = Accuracy::of(LabelKind::OneHot(3), &f, &y, 3).unwrap();
        assert_eq!(found, Accuracy { samples: 0.25, signs: None });
    }
}
