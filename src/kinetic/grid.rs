//! Nodes of the phase plane, and a density on them.
//!
//! Unknowns are values at nodes; integrals are sums over nodes times the spacing, which is exact beyond all orders for a
//! smooth density that vanishes at the box's edges (Trefethen, Weideman, SIAM Review 2014).

/// Nodes of either line come in multiples of this, the lanes of two packs.
pub const LANES: usize = 16;

/// Fewest nodes of a line.
pub const FEWEST: usize = 32;

/// What cannot be solved on a grid.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum KineticError {
    /// A line without length, or with too few nodes or an odd number of them.
    #[error(
        "{line}: {nodes} nodes on [{low}, {high}]: expected low < high and a multiple of {LANES} nodes, at least {FEWEST}"
    )]
    Line {
        /// `theta` or `momentum`.
        line: &'static str,
        /// Nodes asked for.
        nodes: usize,
        /// Lower end.
        low: f64,
        /// Upper end.
        high: f64,
    },
    /// Momenta contract towards zero, which must be inside.
    #[error("momentum: [{low}, {high}] does not hold 0 in its inside")]
    NoRest {
        /// Lower end.
        low: f64,
        /// Upper end.
        high: f64,
    },
    /// A constant outside its range.
    #[error("{name} = {value}: expected {want}")]
    Constant {
        /// Which.
        name: &'static str,
        /// Its value.
        value: f64,
        /// What would be right.
        want: &'static str,
    },
    /// The start does not fit into the box.
    #[error(
        "{line}: {mass:.1e} of the start's mass is outside [{low}, {high}] or at its edges: expected {wanted} or wider"
    )]
    Box {
        /// `theta` or `momentum`.
        line: &'static str,
        /// The mass.
        mass: f64,
        /// Lower end.
        low: f64,
        /// Upper end.
        high: f64,
        /// A box that would do.
        wanted: String,
    },
    /// The nodes are too far apart for what is to be seen on them.
    #[error(
        "{line}: a spacing of {spacing:.3e} is too coarse for {what}, {scale:.3e}: expected at least {wanted} nodes"
    )]
    Coarse {
        /// `theta` or `momentum`.
        line: &'static str,
        /// The spacing.
        spacing: f64,
        /// What is too fine.
        what: &'static str,
        /// Its length.
        scale: f64,
        /// A number of nodes that would do.
        wanted: usize,
    },
    /// The step is too long for the field.
    #[error("a step of {step} is too long for the field: expected at most {wanted:.3e}, where {why}")]
    Step {
        /// The step.
        step: f64,
        /// One that would do.
        wanted: f64,
        /// What changes within it.
        why: &'static str,
    },
    /// All neurons start at one point, or at two.
    #[error("the start of theta is a point and has no density: expected the law \"gaussian\" or \"uniform\"")]
    Point,
    /// The density is not finite any more.
    #[error("the density is not finite at time {time}")]
    NotFinite {
        /// When.
        time: f64,
    },
    /// The radial reduction needs a law of w that looks the same from all directions.
    #[error(
        "network.start.w: the radial reduction needs a rotation-invariant start: expected a gaussian of mean 0 or a sphere"
    )]
    Anisotropic,
    /// The network's neurons have not one trained parameter each.
    #[error("a grid needs neurons with one trained parameter, and these have {trained}: {want}")]
    Parameters {
        /// Trained parameters of a neuron.
        trained: usize,
        /// What would be right.
        want: &'static str,
    },
}

/// Equally spaced nodes `low + (i + 1/2) spacing` of an interval.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Line {
    /// Lower end.
    pub low: f64,
    /// Upper end.
    pub high: f64,
    /// Number of nodes.
    pub nodes: usize,
}

impl Line {
    /// Distance of neighbouring nodes.
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

    fn check(&self, line: &'static str) -> Result<(), KineticError> {
        let Line { low, high, nodes } = *self;
        if low.is_finite() && high.is_finite() && low < high && nodes >= FEWEST && nodes.is_multiple_of(LANES) {
            return Ok(());
        }
        Err(KineticError::Line { line, nodes, low, high })
    }
}

/// A grid of the plane of parameter and momentum.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct PhaseGrid {
    /// Nodes of theta.
    pub theta: Line,
    /// Nodes of r.
    pub momentum: Line,
}

impl PhaseGrid {
    /// The grid of two lines.
    ///
    /// # Errors
    /// A line without length, with too few nodes, with nodes not in multiples of [`LANES`]; momenta without 0 among them.
    pub fn new(theta: Line, momentum: Line) -> Result<Self, KineticError> {
        theta.check("theta")?;
        momentum.check("momentum")?;
        if momentum.low >= 0.0 || momentum.high <= 0.0 {
            return Err(KineticError::NoRest { low: momentum.low, high: momentum.high });
        }
        Ok(PhaseGrid { theta, momentum })
    }

    /// Nodes of the plane.
    pub fn nodes(&self) -> usize {
        self.theta.nodes * self.momentum.nodes
    }

    /// Area of a cell.
    pub fn cell(&self) -> f64 {
        self.theta.spacing() * self.momentum.spacing()
    }
}

/// A density on the nodes of a grid, with respect to `d theta d r`; one row of theta for every momentum.
#[derive(Clone, Debug, PartialEq)]
pub struct Density {
    /// The grid.
    pub grid: PhaseGrid,
    /// Values (momenta, thetas), row-major.
    pub values: Vec<f64>,
}

/// Moments of a density, per unit of mass.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Moments {
    /// Mean of theta and of r.
    pub mean: (f64, f64),
    /// Variance of theta, covariance, variance of r.
    pub covariance: (f64, f64, f64),
}

impl Density {
    /// The density `f(theta, r)` on the nodes, scaled to mass 1.
    pub fn from_fn(grid: PhaseGrid, f: impl Fn(f64, f64) -> f64) -> Self {
        let thetas = grid.theta.points();
        let row = |r: f64| thetas.iter().map(|&theta| f(theta, r)).collect::<Vec<_>>();
        let mut density = Density { grid, values: grid.momentum.points().into_iter().flat_map(row).collect() };
        let mass = density.mass();
        density.values.iter_mut().for_each(|v| *v /= mass);
        density
    }

    /// The product of two densities on the lines, scaled to mass 1.
    pub fn product(grid: PhaseGrid, theta: &[f64], momentum: &[f64]) -> Self {
        let values = momentum.iter().flat_map(|m| theta.iter().map(move |t| m * t)).collect();
        let mut density = Density { grid, values };
        let mass = density.mass();
        density.values.iter_mut().for_each(|v| *v /= mass);
        density
    }

    /// `int mu`.
    pub fn mass(&self) -> f64 {
        // Row by row: the rounding of a sum grows with its length.
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

    /// The law of r on its nodes.
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

    /// The mass in the outermost `1/32` of the box on either side: that of theta's ends, and that of r's.
    pub fn edge_mass(&self) -> (f64, f64) {
        (edge_mass(&self.theta_marginal(), self.grid.theta), edge_mass(&self.momentum_marginal(), self.grid.momentum))
    }
}

/// The mass of a density on a line in the outermost `1/32` on either side.
pub fn edge_mass(density: &[f64], line: Line) -> f64 {
    let edge = line.nodes / 32;
    let inner = edge..line.nodes - edge;
    let outside = |i: &usize| !inner.contains(i);
    (0..line.nodes).filter(outside).map(|i| density[i]).sum::<f64>() * line.spacing()
}
