//! Sample quantiles.

/// The quantile `q` in [0, 1] of the finite values, linear between order statistics; NaN where no value is finite.
pub fn quantile(values: impl IntoIterator<Item = f64>, q: f64) -> f64 {
    let mut finite: Vec<f64> = values.into_iter().filter(|v| v.is_finite()).collect();
    finite.sort_by(f64::total_cmp);
    let Some(last) = finite.len().checked_sub(1) else { return f64::NAN };
    let at = q * last as f64;
    let below = at.floor() as usize;
    let above = (below + 1).min(last);
    finite[below] + (at - below as f64) * (finite[above] - finite[below])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn between_order_statistics() {
        let values = [3.0, f64::NAN, 1.0, 2.0];
        assert_eq!([0.0, 0.25, 0.5, 1.0].map(|q| quantile(values, q)), [1.0, 1.5, 2.0, 3.0]);
        assert!(quantile([f64::NAN], 0.5).is_nan());
    }
}
