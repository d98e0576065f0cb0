//! The kinetic equation on a grid has the orders it claims, against the Gaussian closure of the linear neuron and
//! against itself on bump neurons; keeps mass, sign and bits; loses free energy at the rate of the theory; and comes to
//! rest in the Gibbs law.

use crate::common::slope;
use ndarray::Array2;
use widelimit::compute::Threads;
use widelimit::kinetic::friction_diffusion::FrictionDiffusion;
use widelimit::kinetic::{
    Density, FreeEnergy, Gibbs, GridAxis, KineticConstants, KineticError, MeanField, PhaseGrid, Splitting,
};
use widelimit::network::{Law, Loss, Objective};

/// Moments (m, p, S_tt, S_tr, S_rr) of the linear neuron phi = theta x, E x^2 = 1, y = c x (theory section 10, answer
/// 1): `m' = p, p' = -gamma p - (m - c) - lambda m, S' = A S + S A^T + diag(0, 2 gamma tau)`, `A = [[0, 1], [-lambda,
/// -gamma]]`.
#[derive(Clone, Copy, Debug)]
struct Linear {
    target: f64,
    friction: f64,
    temperature: f64,
    ridge: f64,
}

type Moments = [f64; 5];

impl Linear {
    fn velocity(&self, [m, p, tt, tr, rr]: Moments) -> Moments {
        let (g, l) = (self.friction, self.ridge);
        let noise = 2.0 * g * self.temperature;
        [p, -g * p - (m - self.target) - l * m, 2.0 * tr, rr - l * tt - g * tr, -2.0 * (l * tr + g * rr) + noise]
    }

    /// By Runge-Kutta steps so short that their error is rounding.
    fn moments(&self, start: Moments, time: f64) -> Moments {
        let steps = 20_000;
        let h = time / f64::from(steps);
        let plus = |y: Moments, s: f64, k: Moments| -> Moments { std::array::from_fn(|i| y[i] + s * k[i]) };
        (0..steps).fold(start, |y, _| {
            let k1 = self.velocity(y);
            let k2 = self.velocity(plus(y, 0.5 * h, k1));
            let k3 = self.velocity(plus(y, 0.5 * h, k2));
            let k4 = self.velocity(plus(y, h, k3));
            std::array::from_fn(|i| y[i] + h / 6.0 * (k1[i] + 2.0 * k2[i] + 2.0 * k3[i] + k4[i]))
        })
    }

    fn field(&self, line: GridAxis) -> MeanField {
        let x = [1.0, -1.0];
        let y = Array2::from_shape_vec((2, 1), x.map(|x| self.target * x).to_vec()).unwrap();
        let objective = Objective { loss: Loss::HalfSquared, ridge: self.ridge };
        MeanField::new(line, y.view(), objective, |s, _, theta| (theta * x[s], x[s]))
    }

    fn constants(&self, step: f64) -> KineticConstants {
        KineticConstants { friction: self.friction, temperature: self.temperature, step }
    }

    fn solve(&self, nodes: usize, steps: usize, time: f64) -> Density {
        let grid = grid(nodes);
        let mut density = Density::from_fn(grid, gaussian(START));
        advance(&mut density, &self.field(grid.theta), self.constants(time / steps as f64), steps);
        density
    }

    /// L1 distance to the exact density.
    fn error(&self, nodes: usize, steps: usize, time: f64) -> f64 {
        let density = self.solve(nodes, steps, time);
        l1(&density, &Density::from_fn(density.grid, gaussian(self.moments(START, time))))
    }
}

const START: Moments = [-0.8, 0.3, 0.3, 0.05, 0.25];
const WARM: Linear = Linear { target: 0.9, friction: 0.7, temperature: 0.3, ridge: 0.4 };

fn gaussian([m, p, tt, tr, rr]: Moments) -> impl Fn(f64, f64) -> f64 {
    let det = tt * rr - tr * tr;
    move |theta, r| {
        let (a, b) = (theta - m, r - p);
        (-0.5 * (rr * a * a - 2.0 * tr * a * b + tt * b * b) / det).exp()
    }
}

fn grid(nodes: usize) -> PhaseGrid {
    let line = |half: f64| GridAxis { low: -half, high: half, nodes };
    PhaseGrid::new(line(6.0), line(5.0)).unwrap()
}

fn advance(density: &mut Density, field: &MeanField, constants: KineticConstants, steps: usize) {
    let mut splitting = Splitting::new(density.grid, constants, Threads::Pool).unwrap();
    splitting.advance(density, steps, |rho, out| {
        field.gradient(rho, out);
    });
}

fn l1(a: &Density, b: &Density) -> f64 {
    a.values.iter().zip(&b.values).map(|(a, b)| (a - b).abs()).sum::<f64>() * a.grid.cell()
}

fn least(density: &Density) -> f64 {
    density.values.iter().copied().fold(f64::INFINITY, f64::min)
}

#[test]
fn order_two_in_the_step() {
    for problem in [WARM, Linear { friction: 0.0, temperature: 0.0, ..WARM }, Linear { friction: 6.0, ..WARM }] {
        let steps = [10, 20, 40, 80];
        let errors = steps.map(|n| problem.error(256, n, 2.0));
        let order = -slope(&steps.map(|n| n as f64), &errors);
        println!("{problem:?}: {errors:?}, order {order:.3}");
        assert!((order - 2.0).abs() < 0.1, "{problem:?}: order {order} in the step");
    }
}

/// The step is so short that its error is below that of the spacing.
#[test]
fn order_three_and_more_in_the_spacing() {
    let cold = Linear { temperature: 0.0, ..WARM };
    let free = Linear { friction: 0.0, temperature: 0.0, ..WARM };
    // At temperature 0 the momenta contract, and need finer nodes.
    for (problem, nodes, time) in [(WARM, [48, 64, 96], 2.0), (free, [64, 96, 128], 1.0), (cold, [96, 128, 192], 1.0)] {
        let errors = nodes.map(|n| problem.error(n, 400, time));
        let order = -slope(&nodes.map(|n| n as f64), &errors);
        println!("{problem:?}: {errors:?}, order {order:.3}");
        assert!(order > 3.0, "{problem:?}: order {order} in the spacing");
    }
}

#[test]
fn moments_of_the_closure() {
    let exact = WARM.moments(START, 2.0);
    let m = WARM.solve(192, 400, 2.0).moments();
    let found = [m.mean.0, m.mean.1, m.covariance.0, m.covariance.1, m.covariance.2];
    for (found, exact) in found.into_iter().zip(exact) {
        assert!((found - exact).abs() < 3e-6, "{found} {exact}");
    }
}

/// Friction as stiff as one likes: after `gamma h = 40` momenta are Maxwellian about the drift `-g / gamma`.
#[test]
fn one_stiff_step_ends_at_rest() {
    let (grid, tau, friction, slope) = (grid(128), 0.4, 400.0, 3.0);
    let mut density = Density::from_fn(grid, gaussian([0.0, 1.0, 0.5, 0.0, 0.3]));
    let motion = FrictionDiffusion::new(grid.momentum, friction, tau, 0.1).unwrap();
    motion.apply(&mut density, &vec![slope; 128], 1);
    let exact = Density::from_fn(grid, gaussian([0.0, -slope / friction, 0.5, 0.0, tau]));
    assert!(l1(&density, &exact) < 1e-6, "{}", l1(&density, &exact));
}

/// Variances of a column after a step, for every way in which the diffusion is done: `c^2 s + tau (1 - c^2)`.
#[test]
fn diffusion_of_every_width_has_the_right_variance() {
    let grid = grid(128);
    let spacing = grid.momentum.spacing();
    for width in [0.02, 0.3, 0.7, 1.1, 1.2, 3.0, 6.5] {
        let (friction, start) = (1.3, 0.4);
        // The step for which the Gaussian of the step is so many spacings wide.
        let tau = 0.35;
        let step = -0.5 * (-(width * spacing).powi(2) / tau).ln_1p() / friction;
        let mut density = Density::from_fn(grid, gaussian([0.0, 0.0, 0.5, 0.0, start]));
        FrictionDiffusion::new(grid.momentum, friction, tau, step).unwrap().apply(&mut density, &vec![0.0; 128], 1);
        let c2 = (-2.0 * friction * step).exp();
        let (found, exact) = (density.moments().covariance.2, c2 * start + tau * (1.0 - c2));
        assert!((found - exact).abs() < 2e-6, "width {width}: {found} {exact}");
        let gauss = Density::from_fn(grid, gaussian([0.0, 0.0, 0.5, 0.0, exact]));
        assert!(l1(&density, &gauss) < 2e-5, "width {width}: {}", l1(&density, &gauss));
    }
}

/// Blocks with corners, at every temperature, until some of it stands at the walls.
#[test]
fn mass_and_sign_are_kept_whatever_happens() {
    for (friction, temperature) in [(0.0, 0.0), (0.5, 0.0), (0.5, 1e-5), (0.5, 2e-3), (0.5, 0.5), (30.0, 0.5)] {
        let problem = Linear { target: 4.0, friction, temperature, ridge: 0.3 };
        let grid = grid(64);
        let block = |theta: f64, r: f64| f64::from((theta + 2.0).abs() < 1.0 && (r - 1.0).abs() < 0.7);
        let mut density = Density::from_fn(grid, block);
        let field = problem.field(grid.theta);
        for _ in 0..10 {
            advance(&mut density, &field, problem.constants(0.3), 50);
            assert!((density.mass() - 1.0).abs() < 1e-12, "{problem:?}: mass {:e}", density.mass() - 1.0);
            assert!(least(&density) >= 0.0, "{problem:?}: {:e}", least(&density));
        }
    }
}

#[test]
fn bits_do_not_depend_on_threads() {
    let solve = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| WARM.solve(96, 30, 1.0).values)
    };
    let one = solve(1);
    assert!(solve(2) == one && solve(3) == one && solve(5) == one);
}

const SCALE: f64 = 0.5;

/// Bump neurons `exp(-(x - theta)^2 / (2 s^2))` on 40 points of [-1.5, 1.5].
fn bumps(line: GridAxis, ridge: f64) -> MeanField {
    let x: Vec<f64> = (0..40).map(|i| -1.5 + 3.0 * (f64::from(i) + 0.5) / 40.0).collect();
    let y = Array2::from_shape_fn((40, 1), |(i, _)| 0.8 * (-0.5 * ((x[i] - 0.7) / 0.4).powi(2)).exp());
    let objective = Objective { loss: Loss::HalfSquared, ridge };
    MeanField::new(line, y.view(), objective, |s, _, theta| {
        let z = (x[s] - theta) / SCALE;
        let phi = (-0.5 * z * z).exp();
        (phi, z / SCALE * phi)
    })
}

fn bump_solution(nodes: usize, steps: usize) -> Density {
    let line = |half: f64| GridAxis { low: -half, high: half, nodes };
    let grid = PhaseGrid::new(line(4.0), line(3.0)).unwrap();
    let mut density = Density::start(grid, &Law::Gaussian { mean: -0.3, std: 0.5 }, 0.35).unwrap();
    let constants = KineticConstants { friction: 0.5, temperature: 0.05, step: 2.0 / steps as f64 };
    advance(&mut density, &bumps(grid.theta, 0.05), constants, steps);
    density
}

#[test]
fn self_convergence_on_bumps() {
    let solutions = [10, 20, 40, 80].map(|steps| bump_solution(256, steps));
    let errors: Vec<f64> = solutions.windows(2).map(|pair| l1(&pair[0], &pair[1])).collect();
    let order = -slope(&[10.0, 20.0, 40.0], &errors);
    println!("bumps, step: {errors:?}, order {order:.3}");
    assert!((order - 2.0).abs() < 0.1, "order {order} in the step");
    // In the spacing by predictions: grids have no nodes in common.
    let prediction = |nodes: usize| {
        let density = bump_solution(nodes, 80);
        bumps(density.grid.theta, 0.05).predictions(&density.theta_marginal())
    };
    let best = prediction(384);
    let errors = [32, 48, 64, 96].map(|nodes| {
        let square: f64 = prediction(nodes).iter().zip(&best).map(|(a, b)| (a - b).powi(2)).sum();
        (square / 40.0).sqrt()
    });
    let order = -slope(&[32.0, 48.0, 64.0, 96.0], &errors);
    println!("bumps, spacing: {errors:?}, order {order:.3}");
    assert!(order > 3.0, "order {order} in the spacing");
}

/// Of a Gaussian: `int mu log mu = -1 - log(2 pi sqrt(det S))`, and `r + tau d_r log mu` is linear.
#[test]
fn free_energy_of_a_gaussian() {
    let [m, p, tt, _, rr] = START;
    let density = Density::from_fn(grid(256), gaussian([m, p, tt, 0.0, rr]));
    let found = FreeEnergy::of(&WARM.field(density.grid.theta), &density, &WARM.constants(0.1));
    let risk = 0.5 * (m - WARM.target).powi(2) + 0.5 * WARM.ridge * (m * m + tt);
    let entropy = -1.0 - (2.0 * std::f64::consts::PI * (tt * rr).sqrt()).ln();
    let loss = WARM.friction * (p * p + (1.0 - WARM.temperature / rr).powi(2) * rr);
    let exact = [risk, 0.5 * (p * p + rr), entropy, loss];
    for (found, exact) in [found.risk, found.kinetic, found.entropy, found.dissipation].into_iter().zip(exact) {
        assert!((found - exact).abs() < 1e-10, "{found} {exact}");
    }
    let total = risk + 0.5 * (p * p + rr) + WARM.temperature * entropy;
    assert!((found.total - total).abs() < 1e-10);
}

/// The linear neuron's Gibbs law is `N(c / (1 + lambda), tau / lambda)`; the grid comes to rest in it, and loses free
/// energy all the way.
#[test]
fn rest_of_the_linear_neuron() {
    let problem = Linear { target: 0.9, friction: 1.5, temperature: 0.3, ridge: 0.6 };
    let grid = grid(96);
    let field = problem.field(grid.theta);
    let gibbs = Gibbs::find(&field, problem.temperature, 1e-13, 10_000, || true);
    assert!(gibbs.residual <= 1e-13, "{}", gibbs.residual);
    let exact =
        [problem.target / (1.0 + problem.ridge), 0.0, problem.temperature / problem.ridge, 0.0, problem.temperature];
    let rest = gibbs.density(grid, problem.temperature);
    assert!(l1(&rest, &Density::from_fn(grid, gaussian(exact))) < 1e-10);
    let constants = problem.constants(0.025);
    let mut density = Density::from_fn(grid, gaussian(START));
    let mut before = f64::INFINITY;
    for _ in 0..800 {
        advance(&mut density, &field, constants, 1);
        let now = FreeEnergy::of(&field, &density, &constants).total;
        assert!(now < before + 1e-11, "{before} {now}");
        before = now;
    }
    assert!(l1(&density, &rest) < 1e-4, "{}", l1(&density, &rest));
}

/// What is refused comes with a number, and the number does.
#[test]
fn refusals_name_what_would_do() {
    let plane = |theta: (f64, f64, usize), momentum: (f64, usize)| {
        let theta = GridAxis { low: theta.0, high: theta.1, nodes: theta.2 };
        PhaseGrid::new(theta, GridAxis { low: -momentum.0, high: momentum.0, nodes: momentum.1 })
    };
    assert!(matches!(plane((0.0, 1.0, 40), (1.0, 64)), Err(KineticError::Axis { axis: "theta", .. })));
    let law = Law::Gaussian { mean: 0.5, std: 0.4 };
    let narrow = plane((-1.0, 2.0, 64), (3.0, 64)).unwrap();
    let Err(KineticError::Box { axis: "theta", required, .. }) = Density::start(narrow, &law, 0.4) else {
        panic!("the box is too small")
    };
    assert_eq!(required, "[-1.900, 2.900]");
    // A margin at the edges is asked for too.
    assert!(Density::start(plane((-2.1, 3.1, 64), (3.0, 64)).unwrap(), &law, 0.4).is_ok());
    let low = plane((-3.0, 4.0, 64), (1.0, 64)).unwrap();
    assert!(matches!(Density::start(low, &law, 0.4), Err(KineticError::Box { axis: "momentum", .. })));
    assert_eq!(Density::start(low, &Law::Point { value: 1.0 }, 0.1), Err(KineticError::Point));

    let with = |nodes: usize, step: f64| {
        let grid = plane((-8.0, 8.0, nodes), (4.0, 64)).unwrap();
        let constants = KineticConstants { friction: 1.0, temperature: 0.1, step };
        Density::start(grid, &Law::Gaussian { mean: 0.0, std: 1.0 }, 0.5)
            .unwrap()
            .check_resolution(&bumps(grid.theta, 0.0), &constants)
    };
    let Err(KineticError::Coarse { axis: "theta", required, .. }) = with(64, 0.05) else { panic!("too coarse") };
    assert_eq!(with(required, 0.05), Ok(()));
    assert!(matches!(with(required - 32, 0.05), Err(KineticError::Coarse { .. })));
    let Err(KineticError::Step { required: step, .. }) = with(required, 3.0) else { panic!("too long") };
    assert_eq!(with(required, 0.99 * step), Ok(()));
}
