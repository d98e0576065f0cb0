//! Confidence intervals of a proportion.

use statrs::distribution::{ContinuousCDF, Normal};

/// Wilson's score interval (1927) of a probability from `successes` in `trials`, at a level such as 0.95. Its
/// coverage stays near the level for probabilities near 0 and 1, where that of the normal interval does not.
pub fn wilson_interval(successes: usize, trials: usize, level: f64) -> (f64, f64) {
    if trials == 0 {
        return (0.0, 1.0);
    }
    let z = Normal::standard().inverse_cdf(0.5 + level / 2.0);
    let (n, p) = (trials as f64, successes as f64 / trials as f64);
    let centre = p + z * z / (2.0 * n);
    let spread = z * (p * (1.0 - p) / n + z * z / (4.0 * n * n)).sqrt();
    let scale = 1.0 + z * z / n;
    // The clamps ensure that the interval contains the proportion where rounding errors would exclude it.
    (((centre - spread) / scale).clamp(0.0, p), ((centre + spread) / scale).clamp(p, 1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The ends solve (p - x)^2 = z^2 x (1 - x) / n.
    #[test]
    fn ends_solve_their_equation() {
        for (successes, trials) in [(0, 10), (3, 10), (10, 10), (19, 20)] {
            let (low, high) = wilson_interval(successes, trials, 0.95);
            let (p, n) = (successes as f64 / trials as f64, trials as f64);
            let z = 1.959_963_984_540_054_f64;
            for end in [low, high] {
                let gap = (p - end).powi(2) - z * z * end * (1.0 - end) / n;
                assert!(gap.abs() < 1e-9, "{successes} of {trials}: {end}");
            }
            assert!(low <= p && p <= high);
        }
        assert_eq!(wilson_interval(0, 0, 0.95), (0.0, 1.0));
    }
}
