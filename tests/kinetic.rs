//! The kinetic equation on a grid: against the Gaussian closure of the linear neuron, against itself on the bump problem,
//! and what it keeps exactly.

use ndarray::{Array1, Array2};
use widelimit::kinetic::{Constants, Density, Line, MeanField, PhaseGrid, Splitting};
use widelimit::network::{Loss, Objective, Threads};

/// Moments (m, p, S_tt, S_tr, S_rr) of the linear neuron phi = theta x, E x^2 = 1, y = c x (theory section 10, answer 1):
/// m' = p, p' = -gamma p - (m - c) - lambda m, S' = A S + S A^T + diag(0, 2 gamma tau), A = [[0, 1], [-lambda, -gamma]].
#[derive(Clone, Copy)]
struct Linear {
    target: f64,
    friction: f64,
    temperature: f64,
    ridge: f64,
}

impl Linear {
    fn velocity(&self, [m, p, tt, tr, rr]: [f64; 5]) -> [f64; 5] {
        let (g, l) = (self.friction, self.ridge);
        [
            p,
            -g * p - (m - self.target) - l * m,
            2.0 * tr,
            rr - l * tt - g * tr,
            -2.0 * (l * tr + g * rr) + 2.0 * g * self.temperature,
        ]
    }

    /// By Runge-Kutta steps so short that their error is rounding.
    fn moments(&self, start: [f64; 5], time: f64) -> [f64; 5] {
        let steps = 4000;
        let h = time / f64::from(steps);
        let plus = |y: [f64; 5], s: f64, k: [f64; 5]| -> [f64; 5] { std::array::from_fn(|i| y[i] + s * k[i]) };
        (0..steps).fold(start, |y, _| {
            let k1 = self.velocity(y);
            let k2 = self.velocity(plus(y, 0.5 * h, k1));
            let k3 = self.velocity(plus(y, 0.5 * h, k2));
            let k4 = self.velocity(plus(y, h, k3));
            std::array::from_fn(|i| y[i] + h / 6.0 * (k1[i] + 2.0 * k2[i] + 2.0 * k3[i] + k4[i]))
        })
    }

    fn field(&self, line: Line) -> MeanField {
        // Two samples with E x^2 = 1.
        let x = [1.0, -1.0];
        let y = Array2::from_shape_vec((2, 1), x.map(|x| self.target * x).to_vec()).unwrap();
        let objective = Objective { loss: Loss::HalfSquared, ridge: self.ridge };
        MeanField::new(line, y.view(), objective, |s, _, theta| (theta * x[s], x[s]))
    }
}

fn gaussian([m, p, tt, tr, rr]: [f64; 5]) -> impl Fn(f64, f64) -> f64 {
    let det = tt * rr - tr * tr;
    move |theta, r| {
        let (a, b) = (theta - m, r - p);
        (-0.5 * (rr * a * a - 2.0 * tr * a * b + tt * b * b) / det).exp() / (2.0 * std::f64::consts::PI * det.sqrt())
    }
}

const START: [f64; 5] = [-0.8, 0.3, 0.3, 0.05, 0.25];

fn grid(nodes: usize) -> PhaseGrid {
    let line = |half: f64| Line { low: -half, high: half, nodes };
    PhaseGrid::new(line(6.0), line(5.0)).unwrap()
}

fn solve(problem: Linear, nodes: usize, steps: usize, time: f64) -> Density {
    let grid = grid(nodes);
    let field = problem.field(grid.theta);
    let mut density = Density::from_fn(grid, gaussian(START));
    let constants =
        Constants { friction: problem.friction, temperature: problem.temperature, step: time / steps as f64 };
    let mut splitting = Splitting::new(grid, constants, Threads::Pool).unwrap();
    splitting.advance(&mut density, steps, |rho, out| {
        field.gradient(rho, out);
    });
    density
}

/// L1 distance to the exact density.
fn error(problem: Linear, density: &Density, time: f64) -> f64 {
    let exact = Density::from_fn(density.grid, gaussian(problem.moments(START, time)));
    let l1: f64 = density.values.iter().zip(&exact.values).map(|(a, b)| (a - b).abs()).sum();
    l1 * density.grid.cell()
}

#[test]
fn probe() {
    let p = Linear { target: 0.9, friction: 0.7, temperature: 0.3, ridge: 0.4 };
    for steps in [10, 20, 40, 80] {
        let d = solve(p, 256, steps, 2.0);
        println!(
            "steps {steps}: {:.3e} mass {:.1e} min {:.1e}",
            error(p, &d, 2.0),
            d.mass() - 1.0,
            d.values.iter().cloned().fold(1.0, f64::min)
        );
    }
    for nodes in [32, 48, 64, 96, 128] {
        let d = solve(p, nodes, 320, 2.0);
        let e = solve(p, 512, 320, 2.0);
        let mo = d.moments();
        println!("nodes {nodes}: {:.3e} {:?} edge {:?}", error(p, &d, 2.0), mo, d.edge_mass());
        let mo = e.moments();
        println!("nodes 512: {:.3e} {:?}", error(p, &e, 2.0), mo);
    }
    println!("{:?}", p.moments(START, 2.0));
    let p = Linear { target: 0.9, friction: 0.7, temperature: 0.0, ridge: 0.4 };
    for nodes in [32, 48, 64, 96, 128] {
        let d = solve(p, nodes, 320, 1.0);
        println!("cold nodes {nodes}: {:.3e} {:?} edge {:?}", error(p, &d, 1.0), d.moments(), d.edge_mass());
    }
    println!("{:?}", p.moments(START, 1.0));
    let p = Linear { target: 0.9, friction: 0.0, temperature: 0.0, ridge: 0.4 };
    for nodes in [32, 48, 64, 96, 128] {
        let d = solve(p, nodes, 320, 1.0);
        println!("frictionless nodes {nodes}: {:.3e}", error(p, &d, 1.0));
    }
    let p = Linear { target: 0.9, friction: 50.0, temperature: 0.3, ridge: 0.4 };
    for nodes in [64, 128] {
        let d = solve(p, nodes, 320, 1.0);
        println!("stiff nodes {nodes}: {:.3e}", error(p, &d, 1.0));
    }
}
