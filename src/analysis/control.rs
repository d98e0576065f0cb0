//! Means over seeds, corrected by a control variate: a quantity of the same seeds that varies with the measured one and
//! whose mean is known from elsewhere.
//!
//! For measurements `X_s` and controls `C_s` of seeds s, with an estimate `mu_s` of the mean of the control that is
//! independent of all seeds and of the other `mu_r`, the corrected values are
//!
//! ```text
//! Y_s = X_s - beta_s (C_s - mu_s),    beta_s the slope of X on C in a regression over the other seeds
//! ```
//!
//! `beta_s` is independent of `C_s` and of `mu_s`, and both have the same mean: `E Y_s = E X_s` exactly, whatever the
//! law of the seeds. The spread of the `Y_s` contains the error of the mean of the control, so that the mean of the
//! `Y_s` is treated like the mean of any values of seeds, by Student's interval (measured coverage: the tests, and
//! docs/verification.md).

use ndarray::{Array2, ArrayView1, ArrayView2, Axis};

/// Fewest seeds that are corrected: the slope of each is fitted to at least three others.
pub const MIN_SEEDS: usize = 4;

/// Measurements of several rows (widths) and seeds, corrected row by row.
#[derive(Clone, Debug, PartialEq)]
pub struct ControlledMeans {
    /// Corrected values (rows, seeds). NaN for seeds without measurement or control, and in rows with fewer than
    /// [`MIN_SEEDS`] of both.
    pub corrected: Array2<f64>,
    /// The correlation of measurement and control over seeds (rows).
    pub correlation: Vec<f64>,
    /// The slope of the regression over all seeds (rows).
    pub slope: Vec<f64>,
    /// The standard error of the plain mean divided by that of the corrected one (rows).
    pub reduction: Vec<f64>,
}

/// Sums of first and second order over the seeds of a row, about a point near the means.
#[derive(Clone, Copy, Default)]
struct PairMoments {
    count: f64,
    x: f64,
    c: f64,
    xc: f64,
    xx: f64,
    cc: f64,
}

impl PairMoments {
    fn plus(self, sign: f64, x: f64, c: f64) -> Self {
        PairMoments {
            count: self.count + sign,
            x: self.x + sign * x,
            c: self.c + sign * c,
            xc: self.xc + sign * x * c,
            xx: self.xx + sign * x * x,
            cc: self.cc + sign * c * c,
        }
    }

    /// Central sums: of x c, x^2 and c^2.
    fn central(self) -> [f64; 3] {
        let PairMoments { count, x, c, xc, xx, cc } = self;
        [xc - x * c / count, xx - x * x / count, cc - c * c / count]
    }

    /// The slope of x on c; 0 where the control does not vary.
    fn slope(self) -> f64 {
        let [xc, _, cc] = self.central();
        if cc > 0.0 { xc / cc } else { 0.0 }
    }
}

impl ControlledMeans {
    /// Corrects `measured` by `control`, whose means are estimated by `means`; all (rows, seeds).
    pub fn new(measured: ArrayView2<f64>, control: ArrayView2<f64>, means: ArrayView2<f64>) -> Self {
        let rows = measured.nrows();
        let mut found = ControlledMeans {
            corrected: Array2::from_elem(measured.dim(), f64::NAN),
            correlation: vec![f64::NAN; rows],
            slope: vec![f64::NAN; rows],
            reduction: vec![f64::NAN; rows],
        };
        for row in 0..rows {
            found.correct(row, measured.row(row), control.row(row), means.row(row));
        }
        found
    }

    fn correct(&mut self, row: usize, x: ArrayView1<f64>, c: ArrayView1<f64>, means: ArrayView1<f64>) {
        let usable: Vec<usize> =
            (0..x.len()).filter(|&s| [x[s], c[s], means[s]].iter().all(|v| v.is_finite())).collect();
        if usable.len() < MIN_SEEDS {
            return;
        }
        let count = usable.len() as f64;
        let mean = |values: ArrayView1<f64>| usable.iter().map(|&s| values[s]).sum::<f64>() / count;
        let (x_mean, c_mean) = (mean(x), mean(c));
        let centred = |s: usize| (x[s] - x_mean, c[s] - c_mean);
        let all = usable.iter().fold(PairMoments::default(), |all, &s| all.plus(1.0, centred(s).0, centred(s).1));
        let [xc, xx, cc] = all.central();
        self.correlation[row] = xc / (xx * cc).sqrt();
        self.slope[row] = all.slope();
        for &s in &usable {
            let others = all.plus(-1.0, centred(s).0, centred(s).1);
            self.corrected[[row, s]] = x[s] - others.slope() * (c[s] - means[s]);
        }
        let corrected = self.corrected.index_axis(Axis(0), row);
        let y_mean = mean(corrected);
        let yy: f64 = usable.iter().map(|&s| (corrected[s] - y_mean).powi(2)).sum();
        self.reduction[row] = (xx / yy).sqrt();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::fit::{Bootstrap, Statistic, points};
    use crate::compute::rng::{Role, Stream, stream};
    use ndarray::array;
    use rand::RngExt;
    use rand_distr::StandardNormal;

    /// The slopes of the other seeds by hand: of (1, 0), (2, 1), (4, 2), (3, 3) without each in turn.
    #[test]
    fn every_seed_is_corrected_by_the_slope_of_the_others() {
        let (x, c) = (array![[1.0, 2.0, 4.0, 3.0, f64::NAN]], array![[0.0, 1.0, 2.0, 3.0, 1.0]]);
        let means = array![[1.0, 1.5, 1.5, 2.0, 0.0]];
        let found = ControlledMeans::new(x.view(), c.view(), means.view());
        // Without the first seed: c centred (-1, 0, 1), x (2, 4, 3): slope 1/2; the second: c centred (-5, 1, 4)/3, x
        // (1, 4, 3): slope (-5 + 4 + 12)/3 / (42/9) = 11/14; the third: c centred (-4, -1, 5)/3, x (1, 2, 3): 9/14.
        let expected = [1.0 + 0.5, 2.0 + 11.0 / 28.0, 4.0 - 9.0 / 28.0, 3.0 - 1.5];
        for (found, expected) in found.corrected.iter().zip(expected) {
            assert!((found - expected).abs() < 1e-12, "{found} {expected}");
        }
        assert!(found.corrected[[0, 4]].is_nan());
        assert!((found.slope[0] - 0.8).abs() < 1e-12 && (found.correlation[0] - 0.8).abs() < 1e-12);
        let three = ControlledMeans::new(array![[1.0, 2.0, 3.0]].view(), array![[1.0, 2.0, 4.0]].view(), x.view());
        assert!(three.corrected.iter().all(|v| v.is_nan()));
    }

    /// One table of `seeds` networks of which the square of a Gaussian field is measured, with a cubic part and noise
    /// that the control does not have; and estimates of the control's mean from 10 draws each.
    fn table(seeds: usize, address: u64, common: bool) -> ControlledMeans {
        let mut rng = stream(17, Role::Start, address, seeds as u64);
        const SCALES: [f64; 6] = [1.0, 0.8, 0.6, 0.4, 0.3, 0.2];
        let field = |rng: &mut Stream| SCALES.map(|scale| scale * rng.sample::<f64, _>(StandardNormal));
        let square = |field: &[f64; 6]| field.iter().map(|v| v * v).sum::<f64>();
        let (mut x, mut c, mut means) =
            (Array2::zeros((1, seeds)), Array2::zeros((1, seeds)), Array2::zeros((1, seeds)));
        for s in 0..seeds {
            let g = field(&mut rng);
            let noise: f64 = rng.sample(StandardNormal);
            c[[0, s]] = square(&g);
            // E x = 2.29.
            x[[0, s]] = square(&g) + 0.1 * g[0].powi(3) + 0.1 * noise;
            means[[0, s]] = (0..10).map(|_| square(&field(&mut rng))).sum::<f64>() / 10.0;
        }
        if common {
            // The error of the mean is not part of the spread over seeds.
            let mean = means.sum() / seeds as f64;
            means.fill(mean);
        }
        ControlledMeans::new(x.view(), c.view(), means.view())
    }

    /// Share of 4000 tables whose 95 % interval contains the true mean, the mean of the estimates, and the mean
    /// reduction of the error.
    fn coverage(seeds: usize, common: bool) -> (f64, f64, f64) {
        let truth: f64 = [1.0, 0.64, 0.36, 0.16, 0.09, 0.04].iter().sum();
        let (mut covered, mut sum, mut reduction) = (0, 0.0, 0.0);
        for address in 0..4000 {
            let found = table(seeds, address, common);
            let mean =
                points(&[1.0], found.corrected.view(), Statistic::Mean, &Bootstrap::new(1, 1)).unwrap().remove(0);
            let (low, high) = mean.interval.unwrap();
            covered += u32::from(low <= truth && truth <= high);
            sum += mean.y / 4000.0;
            reduction += found.reduction[0] / 4000.0;
        }
        (f64::from(covered) / 4000.0, sum / truth, reduction)
    }

    #[test]
    fn intervals_of_corrected_means_cover() {
        for seeds in [6, 8, 16, 64] {
            let (covered, bias, reduction) = coverage(seeds, false);
            assert!((0.925..=0.975).contains(&covered), "{seeds} seeds: {covered}, reduction {reduction}");
            assert!((bias - 1.0).abs() < 0.01, "{seeds} seeds: {bias}");
            assert!(reduction > 2.0, "{seeds} seeds: {reduction}");
        }
        // Without the error of the control's mean in the spread, which is as large as the rest, intervals are too short.
        let (covered, ..) = coverage(64, true);
        assert!(covered < 0.85, "{covered}");
    }
}
