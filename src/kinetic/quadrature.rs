//! Gauss-Legendre rules, for the averages of the radial reduction.

/// Nodes and weights of the Gauss-Legendre rule with `n` points on [-1, 1], by Newton's method on the Legendre
/// polynomial.
pub fn gauss_legendre(n: usize) -> Vec<(f64, f64)> {
    let node = |i: usize| {
        let mut x = libm::cos(std::f64::consts::PI * (i as f64 + 0.75) / (n as f64 + 0.5));
        let mut slope = 0.0;
        // Newton's method converges quadratically from four correct digits: six steps suffice.
        for _ in 0..6 {
            let (mut before, mut p) = (1.0, x);
            for k in 2..=n {
                let k = k as f64;
                (before, p) = (p, ((2.0 * k - 1.0) * x * p - (k - 1.0) * before) / k);
            }
            slope = n as f64 * (x * p - before) / (x * x - 1.0);
            x -= p / slope;
        }
        (x, 2.0 / ((1.0 - x * x) * slope * slope))
    };
    (0..n).map(node).collect()
}

/// Nodes and weights of a rule on [-1, 1], mapped to [low, high].
pub fn scaled_rule(rule: &[(f64, f64)], low: f64, high: f64) -> impl Iterator<Item = (f64, f64)> {
    let (middle, half) = (0.5 * (low + high), 0.5 * (high - low));
    rule.iter().map(move |&(x, w)| (middle + half * x, half * w))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn polynomials_of_degree_2n_minus_1_are_exact() {
        for n in [2, 5, 16] {
            let rule = gauss_legendre(n);
            for degree in [0, 2, 2 * n - 2] {
                let sum: f64 = rule.iter().map(|(x, w)| w * x.powi(degree as i32)).sum();
                assert!((sum - 2.0 / (degree as f64 + 1.0)).abs() < 1e-13, "{n} {degree}: {sum}");
            }
            assert!(rule.iter().map(|(x, w)| w * x.powi(3)).sum::<f64>().abs() < 1e-14);
        }
        let exponential: f64 = scaled_rule(&gauss_legendre(12), 0.0, 2.0).map(|(x, w)| w * x.exp()).sum();
        assert!((exponential - (2.0_f64.exp() - 1.0)).abs() < 1e-13);
    }
}
