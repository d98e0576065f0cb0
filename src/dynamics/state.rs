//! The state of an ensemble: parameters, momenta, step count and time.

/// Parameters `theta` and momenta `r` as flat slices in the network's layout, with the step count and the time.
#[derive(Clone, Debug, PartialEq)]
pub struct State<R> {
    /// Parameters.
    pub theta: Vec<R>,
    /// Momenta `r = d theta / dt`; zero throughout under first-order dynamics.
    pub momentum: Vec<R>,
    /// Steps taken.
    pub step: u64,
    /// Time t.
    pub time: f64,
}

impl<R: num_traits::Zero + Copy> State<R> {
    /// These parameters at time 0, with zero momenta.
    pub fn at_rest(theta: Vec<R>) -> Self {
        let momentum = vec![R::zero(); theta.len()];
        State { theta, momentum, step: 0, time: 0.0 }
    }
}
