//! The kinetic equation on a grid, for neurons with one trained parameter.
//!
//! A particle solver approximates the mean-field limit by sampling; here its density is computed directly from the
//! kinetic Fokker-Planck equation (theory section 3; WKM section 4, KCH):
//!
//! ```text
//! d_t mu + d_theta(r mu) - d_r((gamma r + Psi'(theta; rho)) mu) = gamma tau d_r^2 mu,    rho(theta) = int mu(theta, r) dr
//! ```
//!
//! One step of Strang's splitting (order 2) is free flight over half a step, the motion of the momenta over a whole
//! step, and free flight over half a step. Both parts are solved exactly in time:
//!
//! ```text
//! flight    mu(theta, r)  <-  mu(theta - r h / 2, r)
//! momenta   r  <-  c r - (1 - c) / gamma Psi'(theta) + sqrt(tau (1 - c^2)) xi,    c = exp(-gamma h)
//! ```
//!
//! The motion of the momenta does not change `rho`, so that the field of the second part is the field at the midpoint.
//! Neither part restricts the step: a flight may cross any number of nodes, and the Ornstein-Uhlenbeck part is a
//! contraction and a convolution with a Gaussian for every `gamma h`. The errors are those of the splitting, of order 2
//! in the step, and of interpolation, of order 5 in the spacing for flights and kicks and at least 4 for friction and
//! diffusion.
//!
//! | file | what |
//! |---|---|
//! | [`grid`] | nodes of phase space, and a density on them |
//! | [`transport`] | shifts of order 5 that conserve mass and positivity: flights and kicks |
//! | [`friction_diffusion`], `columns` | the Ornstein-Uhlenbeck part, and its kernels |
//! | [`start`] | the density at time 0, and checks of the resolution of grid and step |
//! | [`splitting`] | Strang's step, for any field |
//! | [`field`] | the self-consistent field by quadrature over the samples |
//! | [`law`] | the law of theta: quantiles, Wasserstein distance |
//! | [`limit`] | the mean-field limit of a problem at its recording times |
//! | [`radial`] | isotropic Gaussians in R^d as a one-dimensional problem |
//! | [`radial_particles`] | the radial reduction by particles |
//! | [`free_energy`] | the free energy, its terms and its dissipation |
//! | [`gibbs`] | the self-consistent Gibbs law by a fixed-point iteration |
//! | [`quadrature`] | Gauss-Legendre rules |

mod columns;
pub mod field;
pub mod free_energy;
pub mod friction_diffusion;
pub mod gibbs;
pub mod grid;
pub mod law;
pub mod limit;
pub mod quadrature;
pub mod radial;
pub mod radial_particles;
pub mod splitting;
pub mod start;
pub mod transport;

pub use field::MeanField;
pub use free_energy::FreeEnergy;
pub use gibbs::Gibbs;
pub use grid::{Density, GridAxis, KineticError, NODE_MULTIPLE, PhaseGrid};
pub use law::{AtomsError, GridLaw};
pub use limit::{GridLimit, KineticProblem, PartialSolution, rows_are};
pub use radial::{Radial, RadialNodes};
pub use radial_particles::{FeatureTable, RadialForce};
pub use splitting::{KineticConstants, Splitting};
