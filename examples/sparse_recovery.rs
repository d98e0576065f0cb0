//! Recovers a sparse vector from fewer measurements than unknowns by iterative hard thresholding.
//!
//! k-IHT iterates `w <- T_k(w - grad f(w) / L)` (Blumensath, Davies 2009). Once the support is the true one the
//! iteration is gradient descent on it, `e <- (I - H_SS / L) e`: the error is multiplied by at most `1 -
//! lambda_min(H_SS) / L`.

use std::error::Error;
use widelimit::sparse::recovery::dense::{difference, eigenvalues, norm, principal};
use widelimit::sparse::recovery::instance::{Design, Instance, Signal};
use widelimit::sparse::recovery::{Interrupt, RecoveryMethod, SampleLoss, Settings, largest_entries, solve};

const MEASUREMENTS: usize = 120;
const UNKNOWNS: usize = 200;
const SPARSITY: usize = 6;

/// Recovers the vector and prints the errors and their ratios.
pub fn main() -> Result<(), Box<dyn Error>> {
    let law = Instance {
        loss: SampleLoss::Squared,
        n: MEASUREMENTS,
        d: UNKNOWNS,
        sparsity: SPARSITY,
        design: Design::Gaussian,
        signal: Signal::Sign,
        snr_db: None,
        start_distance: None,
    };
    let problem = law.draw(1, 0)?;
    let truth = problem.truth().ok_or("a drawn problem has a truth")?;
    let support = largest_entries(truth, SPARSITY);

    let mut iterates = Vec::new();
    let found = solve(&problem, RecoveryMethod::Iht, &Settings::new(SPARSITY), |w| iterates.push(w.to_vec()))?;
    let error = |w: &[f64]| norm(&difference(w, truth));
    println!("{SPARSITY} of {UNKNOWNS} entries from {MEASUREMENTS} measurements, {} iterations", iterates.len() - 1);
    println!("error {:.1e} at the start, {:.1e} at the end", error(&iterates[0]), error(&found.w));
    assert_eq!(found.support, support, "the support is recovered");
    assert!(error(&found.w) < 1e-9 * norm(truth), "the entries are recovered to rounding");

    let spectrum = eigenvalues(principal(problem.gram(), &support).as_ref());
    let rate = 1.0 - spectrum[0] / problem.smoothness(Interrupt::NEVER);
    let on_support = |w: &Vec<f64>| (0..UNKNOWNS).all(|j| (w[j] != 0.0) == support.contains(&j));
    // Below this error the steps are dominated by rounding.
    let resolved = |w: &Vec<f64>| error(w) > 1e-8;
    let steps = iterates.windows(2).filter(|pair| pair.iter().all(on_support) && pair.iter().all(resolved));
    let ratios: Vec<f64> = steps.map(|pair| error(&pair[1]) / error(&pair[0])).collect();
    let worst = ratios.iter().copied().fold(0.0, f64::max);
    println!("largest ratio of successive errors on the true support {worst:.4}, bound {rate:.4}");
    assert!(ratios.len() > 10, "the true support is found early");
    assert!(worst <= rate * (1.0 + 1e-6), "errors contract at the rate of gradient descent on the support");
    Ok(())
}
