//! Nodes of phase space, and a density on them.
//!
//! Unknowns are values at nodes; integrals are sums over nodes times the spacing, which converge faster than any power
//! of the spacing for a smooth density that vanishes at the edges of the box (Trefethen, Weideman, SIAM Review 2014).

/// The number of nodes of an axis is a multiple of this, the lanes of two packs.
pub const NODE_MULTIPLE: usize = 16;

/// Smallest number of nodes of an axis.
pub const MIN_NODES: usize = 32;

/// Why a problem cannot be solved on a grid.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum KineticError {
    /// An axis without length, or whose number of nodes is too small or not a multiple of [`NODE_MULTIPLE`].
    #[error(
        "{axis}: {nodes} nodes on [{low}, {high}]: expected low < high and a multiple of {NODE_MULTIPLE} nodes, at least {MIN_NODES}"
    )]
    Axis {
        /// `theta` or `momentum`.
        axis: &'static str,
        /// Requested number of nodes.
        nodes: usize,
        /// Lower end.
        low: f64,
        /// Upper end.
        high: f64,
    },
    /// A number of nodes that cannot be halved.
    #[error("{key} = {nodes}: expected a multiple of {divisor}, such as {required}")]
    Multiple {
        /// The key of the experiment.
        key: &'static str,
        /// Requested number of nodes.
        nodes: usize,
        /// The number that it must be a multiple of.
        divisor: usize,
        /// A number of nodes that suffices.
        required: usize,
    },
    /// Friction contracts the momenta towards zero, which must be inside the box.
    #[error("momentum: [{low}, {high}] does not contain 0 in its interior")]
    ZeroOutside {
        /// Lower end.
        low: f64,
        /// Upper end.
        high: f64,
    },
    /// A constant outside its range.
    #[error("{name} = {value}: expected {expected}")]
    Constant {
        /// Name of the constant.
        name: &'static str,
        /// Its value.
        value: f64,
        /// Its range.
        expected: &'static str,
    },
    /// The start does not fit into the box.
    #[error(
        "{axis}: {mass:.1e} of the start's mass is outside [{low}, {high}] or at its edges: expected {required} or wider"
    )]
    Box {
        /// `theta` or `momentum`.
        axis: &'static str,
        /// The mass outside the box or at its edges.
        mass: f64,
        /// Lower end.
        low: f64,
        /// Upper end.
        high: f64,
        /// A box that suffices.
        required: String,
    },
    /// The nodes are too far apart to resolve the problem.
    #[error(
        "{axis}: a spacing of {spacing:.3e} is too coarse for {what}, {scale:.3e}: expected at least {required} nodes"
    )]
    Coarse {
        /// `theta` or `momentum`.
        axis: &'static str,
        /// The spacing.
        spacing: f64,
        /// The quantity that is not resolved.
        what: &'static str,
        /// Its length scale.
        scale: f64,
        /// A number of nodes that suffices.
        required: usize,
    },
    /// The step is too long for the field.
    #[error("a step of {step} is too long for the field: expected at most {required:.3e}, where {why}")]
    Step {
        /// The step.
        step: f64,
        /// A step that suffices.
        required: f64,
        /// What happens within a step of that length.
        why: &'static str,
    },
    /// The law of theta at the start has no density.
    #[error("the start of theta is a point and has no density: expected the law \"gaussian\" or \"uniform\"")]
    Point,
    /// The density is no longer finite.
    #[error("the density is not finite at time {time}")]
    NotFinite {
        /// The time.
        time: f64,
    },
    /// The radial reduction needs a rotation-invariant law of w.
    #[error(
        "network.start.w: the radial reduction needs a rotation-invariant start: expected a gaussian of mean 0 or a sphere"
    )]
    Anisotropic,
    /// The neurons of the network do not have exactly one trained parameter.
    #[error("a grid needs neurons with one trained parameter, but these have {trained}: expected {expected}")]
    Parameters {
        /// Trained parameters of a neuron.
        trained: usize,
        /// Settings of a suitable network.
        expected: &'static str,
    },
}

/// Equally spaced nodes `low + (i + 1/2) spacing`, i = 0 .. nodes - 1, of an interval.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct GridAxis {
    /// Lower end.
    pub low: f64,
    /// Upper end.
    pub high: f64,
    /// Number of nodes.
    pub nodes: usize,
}

impl GridAxis {
    /// Distance between neighbouring nodes.
    pub fn spacing(&self) -> f64 {
        (self.high - self.low) / self.nodes as f64
    }

    /// Node `i`.
    pub fn node(&self, i: usize) -> f64 {
        self.low + (i as f64 + 0.5) * self.spacing()
    }

    /// All nodes in order.
    pub fn points(&self) -> Vec<f64> {
        (0..self.nodes).map(|i| self.node(i)).collect()
    }

    /// Whether the axis can be used; `axis` is its name in the error.
    fn check(&self, axis: &'static str) -> Result<(), KineticError> {
        let GridAxis { low, high, nodes } = *self;
        if low.is_finite()
            && high.is_finite()
            && low < high
            && nodes >= MIN_NODES
            && nodes.is_multiple_of(NODE_MULTIPLE)
        {
            return Ok(());
        }
        Err(KineticError::Axis { axis, nodes, low, high })
    }
}

/// A grid of phase space, the product of an axis of theta and one of r.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct PhaseGrid {
    /// Nodes of theta.
    pub theta: GridAxis,
    /// Nodes of r.
    pub momentum: GridAxis,
}

impl PhaseGrid {
    /// The product of two axes.
    ///
    /// # Errors
    /// [`KineticError::Axis`] for an axis without length or with a wrong number of nodes, [`KineticError::ZeroOutside`]
    /// for momenta that do not contain 0.
    pub fn new(theta: GridAxis, momentum: GridAxis) -> Result<Self, KineticError> {
        theta.check("theta")?;
        momentum.check("momentum")?;
        if momentum.low >= 0.0 || momentum.high <= 0.0 {
            return Err(KineticError::ZeroOutside { low: momentum.low, high: momentum.high });
        }
        Ok(PhaseGrid { theta, momentum })
    }

    /// Number of nodes.
    pub fn nodes(&self) -> usize {
        self.theta.nodes * self.momentum.nodes
    }

    /// Area of a cell.
    pub fn cell(&self) -> f64 {
        self.theta.spacing() * self.momentum.spacing()
    }
}

/// A density on the nodes of a grid, with respect to `d theta d r`; one row over theta for every momentum.
#[derive(Clone, Debug, PartialEq)]
pub struct Density {
    /// The grid.
    pub grid: PhaseGrid,
    /// Values (momenta, thetas), row-major.
    pub values: Vec<f64>,
}

/// First and second moments of a density, divided by its mass.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Moments {
    /// Mean of theta and of r.
    pub mean: (f64, f64),
    /// Variance of theta, covariance, variance of r.
    pub covariance: (f64, f64, f64),
}

impl Density {
    /// The density `f(theta, r)` on the nodes, normalised to mass 1.
    pub fn from_fn(grid: PhaseGrid, f: impl Fn(f64, f64) -> f64) -> Self {
        let thetas = grid.theta.points();
        let row = |r: f64| thetas.iter().map(|&theta| f(theta, r)).collect::<Vec<_>>();
        let mut density = Density { grid, values: grid.momentum.points().into_iter().flat_map(row).collect() };
        let mass = density.mass();
        density.values.iter_mut().for_each(|v| *v /= mass);
        density
    }

    /// The product of densities of theta and of r on their nodes, normalised to mass 1.
    pub fn product(grid: PhaseGrid, theta: &[f64], momentum: &[f64]) -> Self {
        let values = momentum.iter().flat_map(|m| theta.iter().map(move |t| m * t)).collect();
        let mut density = Density { grid, values };
        let mass = density.mass();
        density.values.iter_mut().for_each(|v| *v /= mass);
        density
    }

    /// `int mu`.
    pub fn mass(&self) -> f64 {
        // Row by row, as the rounding error of a sum grows with its length.
        let rows = self.values.chunks_exact(self.grid.theta.nodes).map(|row| row.iter().sum::<f64>());
        rows.sum::<f64>() * self.grid.cell()
    }

    /// The law of theta, `rho = int mu dr`, on its nodes.
    pub fn theta_marginal(&self) -> Vec<f64> {
        let mut rho = vec![0.0; self.grid.theta.nodes];
        for row in self.values.chunks_exact(rho.len()) {
            rho.iter_mut().zip(row).for_each(|(rho, v)| *rho += v);
        }
        let spacing = self.grid.momentum.spacing();
        rho.iter_mut().for_each(|rho| *rho *= spacing);
        rho
    }

    /// The law of r, `int mu d theta`, on its nodes.
    pub fn momentum_marginal(&self) -> Vec<f64> {
        let spacing = self.grid.theta.spacing();
        self.values.chunks_exact(self.grid.theta.nodes).map(|row| spacing * row.iter().sum::<f64>()).collect()
    }

    /// Means and covariances.
    pub fn moments(&self) -> Moments {
        let (thetas, momenta) = (self.grid.theta.points(), self.grid.momentum.points());
        let mut sums = [0.0; 6];
        for (row, &r) in self.values.chunks_exact(thetas.len()).zip(&momenta) {
            let (mut one, mut first, mut second) = (0.0, 0.0, 0.0);
            for (v, theta) in row.iter().zip(&thetas) {
                one += v;
                first += v * theta;
                second += v * theta * theta;
            }
            for (sum, part) in sums.iter_mut().zip([one, first, one * r, second, first * r, one * r * r]) {
                *sum += part;
            }
        }
        let [mass, theta, r, theta2, cross, r2] = sums;
        let (theta, r) = (theta / mass, r / mass);
        Moments {
            mean: (theta, r),
            covariance: (theta2 / mass - theta * theta, cross / mass - theta * r, r2 / mass - r * r),
        }
    }

    /// The mass in the outermost `1/32` of the box at both ends: of the law of theta, and of the law of r.
    pub fn edge_mass(&self) -> (f64, f64) {
        (edge_mass(&self.theta_marginal(), self.grid.theta), edge_mass(&self.momentum_marginal(), self.grid.momentum))
    }
}

/// The mass of a density on the nodes of an axis in the outermost `1/32` at both ends.
pub fn edge_mass(density: &[f64], axis: GridAxis) -> f64 {
    let margin = axis.nodes / 32;
    let inner = margin..axis.nodes - margin;
    let outside = |i: &usize| !inner.contains(i);
    (0..axis.nodes).filter(outside).map(|i| density[i]).sum::<f64>() * axis.spacing()
}
