//! Thresholds of tests that make many comparisons and share one false-alarm probability among them.
//!
//! With m comparisons, each at the level a/m, at least one of them exceeds its threshold by chance in at most a of all
//! runs, whatever their dependence (Bonferroni).

use statrs::distribution::{ContinuousCDF, FisherSnedecor, StudentsT};

/// The probability that a check with a threshold from here fails by chance where its statement is true.
pub const FALSE_ALARM: f64 = 0.01;

/// The two-sided threshold of the largest of `comparisons` statistics of Student's law with `freedom` degrees of
/// freedom, at [`FALSE_ALARM`] together.
///
/// It also bounds `sqrt(sum_i d_i^2 / sum_i s_i^2)` for normal deviations d with independent estimates s of their
/// standard deviations from `freedom` degrees of freedom each, however the d are correlated: far in the tail, among all
/// quadratic forms of given mean the one of rank one is the largest (Szekely, Bakirov, PTRF 2003).
///
/// # Panics
/// For `freedom` = 0.
pub fn student(comparisons: usize, freedom: usize) -> f64 {
    let student = StudentsT::new(0.0, 1.0, freedom as f64).expect("a positive number of degrees of freedom");
    -student.inverse_cdf(0.5 * FALSE_ALARM / comparisons.max(1) as f64)
}

/// The upper threshold of the largest of `comparisons` ratios of mean squares with these degrees of freedom (Fisher's
/// law), at [`FALSE_ALARM`] together.
///
/// # Panics
/// Where a number of degrees of freedom is 0.
pub fn fisher(comparisons: usize, above: usize, below: usize) -> f64 {
    let law = FisherSnedecor::new(above as f64, below as f64).expect("positive numbers of degrees of freedom");
    law.inverse_cdf(1.0 - FALSE_ALARM / comparisons.max(1) as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Tables: t(1, .995) = 63.657, t(7, .995) = 3.4995, t(15, .9995) = 4.0728; F(5, 10, .99) = 5.636.
    #[test]
    fn tabulated_thresholds() {
        for (comparisons, freedom, table) in [(1, 1, 63.657), (1, 7, 3.4995), (10, 15, 4.0728)] {
            let found = student(comparisons, freedom);
            assert!((found / table - 1.0).abs() < 1e-4, "{comparisons} {freedom}: {found}");
        }
        assert!((fisher(1, 5, 10) - 5.636).abs() < 1e-3, "{}", fisher(1, 5, 10));
    }

    /// Far tails have the right probability: the threshold put back into the law.
    #[test]
    fn far_tails() {
        for (comparisons, freedom) in [(55, 3), (1000, 7), (5000, 15), (100_000, 63)] {
            let law = StudentsT::new(0.0, 1.0, freedom as f64).unwrap();
            let tail = 2.0 * comparisons as f64 * law.cdf(-student(comparisons, freedom));
            assert!((tail / FALSE_ALARM - 1.0).abs() < 1e-3, "{comparisons} {freedom}: {tail}");
        }
        for (comparisons, above, below) in [(11, 30, 210), (50, 60, 900)] {
            let law = FisherSnedecor::new(above as f64, below as f64).unwrap();
            let tail = comparisons as f64 * law.sf(fisher(comparisons, above, below));
            assert!((tail / FALSE_ALARM - 1.0).abs() < 1e-3, "{comparisons} {above} {below}: {tail}");
        }
    }
}
