//! Problems whose weighted clouds have a closed form, draw by draw.

use super::cloud;
use crate::common::{Problem, linear, linear_state, mean, motion, normals};
use widelimit::compute::Threads;
use widelimit::dynamics::{Method, Scheme, State};
use widelimit::fluctuation::layers::LayerVariances;
use widelimit::fluctuation::pairs::{PairEstimates, PairSettings, weight_draw};
use widelimit::network::{Activation, Batch, Law, Loss, Network, Start, ThreeLayer, TwoLayer};

fn close(found: f64, expected: f64, tolerance: f64, what: &str) {
    assert!((found - expected).abs() <= tolerance * (1.0 + expected.abs()), "{what}: {found}, expected {expected}");
}

/// The linear neuron: the difference D of the weighted and the plain mean obeys `D'' = -gamma D' - (1 + lambda) D`, here
/// by the recurrence of heavy ball, from `D(0) = (s/M) sum nu_i theta_i`. There is no remainder: c, with momenta at the
/// start, is exact at every amplitude, weights of either sign included; b is zero; the mean gap is c/2.
#[test]
fn linear_neurons_have_the_exact_covariance_at_every_amplitude() {
    let (m, gamma, eps, times) = (40, 0.7, 0.05, [0.0, 0.5, 1.0, 3.0, 8.0]);
    let scheme = Scheme { method: Method::HeavyBall, motion: motion(eps, gamma) };
    for (ridge, amplitude) in [(0.0, 2.5), (0.4, 0.1)] {
        let problem = linear(m, 0.8, ridge);
        let (theta, r) = (normals(1, 1, m), normals(1, 2, m));
        let start = linear_state(&problem, &theta, &r);
        let settings = PairSettings { amplitude, draws: 6, seed: 4, layer: 0 };
        let found = PairEstimates::of(&cloud(&problem, &start, scheme, &times), settings).unwrap();
        let distance = |nu: &[f64], time: f64| {
            let weighted = |v: &[f64]| nu.iter().zip(v).map(|(nu, v)| nu * v).sum::<f64>() / (m as f64).sqrt();
            let (mut d, mut rate) = (weighted(&theta), weighted(&r));
            for _ in 0..(time / eps).round() as usize {
                rate = (1.0 - gamma * eps) * rate - eps * (1.0 + ridge) * d;
                d += eps * rate;
            }
            d
        };
        let most = |draw: u64| {
            let nu = weight_draw(4, 0, draw, m);
            times.iter().map(|&time| distance(&nu, time).powi(2)).fold(0.0, f64::max)
        };
        close(found.sup.value, mean(&[0, 1, 2, 3, 4, 5].map(most)), 1e-12, "sup");
        for (index, &time) in times.iter().enumerate() {
            let squares: Vec<f64> = (0..6).map(|draw| distance(&weight_draw(4, 0, draw, m), time).powi(2)).collect();
            let c = mean(&squares);
            let spread = squares.iter().map(|square| (square - c).powi(2)).sum::<f64>();
            close(found.c[index].value, c, 1e-12, "c");
            close(found.c[index].standard_error, (spread / 30.0).sqrt(), 1e-12, "standard error");
            close(found.odd[index].value, c, 1e-12, "odd part");
            for k in 0..2 {
                close(found.shift[2 * index + k].value, 0.0, 1e-10, "b");
            }
            if ridge == 0.0 {
                close(found.gap[index].value, 0.5 * c, 1e-10, "gap");
                // The leading part of the loss gap is (m - c0) D, with m the mean of the unweighted cloud.
                let e2 = 2.0 * found.unweighted.risk[index];
                close(found.slope[index].value, e2 * c, 1e-10, "variance of the gap");
            }
        }
    }
}

/// The product neuron `phi = a w x` on `x = +-1` with labels c0 x, at rest: with `u = (a + w) / sqrt 2` and
/// `v = (a - w) / sqrt 2` the prediction is `m x`, `m = (U alpha^2 - V beta^2) / 2`, where U, V are the weighted means of
/// u^2, v^2 at time 0 and alpha, beta solve `alpha'' = -gamma alpha' - e alpha`, `beta'' = -gamma beta' + e beta`,
/// `e = m - c0`, from (1, 0). This is m at time `steps` eps by heavy ball.
fn product(big_u: f64, big_v: f64, target: f64, gamma: f64, eps: f64, steps: usize) -> f64 {
    let (mut alpha, mut beta, mut alpha_rate, mut beta_rate) = (1.0, 1.0, 0.0, 0.0);
    let m = |alpha: f64, beta: f64| 0.5 * (big_u * alpha * alpha - big_v * beta * beta);
    for _ in 0..steps {
        let e = m(alpha, beta) - target;
        alpha_rate = (1.0 - gamma * eps) * alpha_rate - eps * e * alpha;
        beta_rate = (1.0 - gamma * eps) * beta_rate + eps * e * beta;
        alpha += eps * alpha_rate;
        beta += eps * beta_rate;
    }
    m(alpha, beta)
}

#[test]
fn product_neurons_have_the_exact_fields_with_a_remainder_of_second_order() {
    let (m, gamma, eps, target, draws) = (64, 1.0, 0.05, 0.9, 5);
    let network =
        TwoLayer { inputs: 1, outputs: 1, bias: false, activation: Activation::Identity, fixed_output: false };
    let population = Batch { x: vec![-1.0, 1.0], y: vec![-target, target] };
    let problem = Problem { network: network.into(), width: m, population, loss: Loss::HalfSquared, ridge: 0.0 };
    let canonical: Vec<f64> = normals(2, 1, 2 * m).into_iter().map(|v| 0.8 * v).collect();
    let start = State::at_rest(problem.lay(&canonical));
    let squares: Vec<[f64; 2]> =
        canonical.chunks_exact(2).map(|n| [(n[1] + n[0]).powi(2) / 2.0, (n[1] - n[0]).powi(2) / 2.0]).collect();
    let times = [0.0, 1.0, 2.0, 5.0, 10.0];
    let scheme = Scheme { method: Method::HeavyBall, motion: motion(eps, gamma) };
    let estimates = |amplitude| {
        let settings = PairSettings { amplitude, draws, seed: 9, layer: 0 };
        PairEstimates::of(&cloud(&problem, &start, scheme, &times), settings).unwrap()
    };
    let pairs = [0.4, 0.2, 0.1].map(estimates);
    let average = |k: usize| mean(&squares.iter().map(|s| s[k]).collect::<Vec<f64>>());
    let (big_u, big_v) = (average(0), average(1));
    let mut orders = Vec::new();
    for (index, &time) in times.iter().enumerate() {
        let at = |du: f64, dv: f64| product(big_u + du, big_v + dv, target, gamma, eps, (time / eps).round() as usize);
        close(pairs[0].unweighted.f[2 * index + 1], at(0.0, 0.0), 1e-12, "limit");
        // The exact c, b and mean gap of these draws, by differences of the recurrence in the direction of each.
        let (mut c, mut b, mut gap, mut finite) = (0.0, 0.0, 0.0, 0.0);
        for draw in 0..draws as u64 {
            let nu = weight_draw(9, 0, draw, m);
            let along = |k: usize| nu.iter().zip(&squares).map(|(nu, s)| nu * s[k]).sum::<f64>() / (m as f64).sqrt();
            let (du, dv) = (along(0), along(1));
            let f = |h: f64| at(h * du, h * dv);
            let h = 2e-3;
            let first = (8.0 * (f(h) - f(-h)) - (f(2.0 * h) - f(-2.0 * h))) / (12.0 * h);
            let second = (16.0 * (f(h) + f(-h)) - (f(2.0 * h) + f(-2.0 * h)) - 30.0 * f(0.0)) / (12.0 * h * h);
            c += first * first / draws as f64;
            b += 0.5 * second / draws as f64;
            gap += (0.5 * first * first + 0.5 * second * (f(0.0) - target)) / draws as f64;
            let s = 0.4 / (m as f64).sqrt();
            finite += ((f(s) - f(0.0)).powi(2) + (f(-s) - f(0.0)).powi(2)) / (2.0 * s * s * draws as f64);
        }
        // At finite amplitude there is no remainder either: the recurrence holds for every weights.
        close(pairs[0].c[index].value, finite, 1e-10, "c at finite amplitude");
        let errors = pairs
            .each_ref()
            .map(|p| [p.odd[index].value - c, p.shift[2 * index + 1].value - b, p.gap[index].value - gap]);
        for k in 0..3 {
            let [coarse, middle, fine] = [errors[0][k], errors[1][k], errors[2][k]];
            assert!(fine.abs() < 2e-3, "quantity {k} at {time}: {fine}");
            if coarse.abs() > 1e-5 {
                orders.push([(coarse / middle).abs().log2(), (middle / fine).abs().log2()]);
            }
        }
    }
    assert!(orders.len() >= 10, "{orders:?}");
    let second = |order: &[f64; 2]| (order[0] - 2.0).abs() < 0.5 && (order[1] - 2.0).abs() < 0.1;
    assert!(orders.iter().all(second), "{orders:?}");
}

/// Three layers of identities at time 0, `f = (1/(M1 M2)) sum_ij a_j u_ij w_i x` on one input: all differences are
/// finite sums, and Hoeffding's coefficients have closed forms.
#[test]
fn bilinear_networks_have_the_coefficients_of_hoeffding() {
    let activations = [Activation::Identity; 2];
    let three =
        ThreeLayer { inputs: 1, outputs: 1, bias: false, activations, fixed_output: false, proportions: [1, 2] };
    let gaussian = |mean, std| Law::Gaussian { mean, std };
    let law = Start { w: gaussian(0.5, 1.0), u: gaussian(1.0, 2.0), a: gaussian(1.0, 0.7), ..Start::default() };
    let (m, draws) = (32, 60);
    let network = Network::from(three);
    let population = Batch { x: vec![1.0], y: vec![0.0] };
    let problem = Problem { network, width: m, population, loss: Loss::HalfSquared, ridge: 0.0 };
    let at =
        |weights: u64| State::at_rest(problem.network.low_discrepancy_start(&law, 0.0, (3, weights), m).unwrap().theta);
    let start = at(1000);
    let scheme = Scheme { method: Method::HeavyBall, motion: motion(0.1, 1.0) };
    let cloud = cloud(&problem, &start, scheme, &[0.0]);
    let settings = |layer| PairSettings { amplitude: 0.05, draws, seed: 6, layer };
    let single = [0, 1].map(|layer| PairEstimates::of(&cloud, settings(layer)).unwrap());
    let found = LayerVariances::of(&cloud, settings(0), single.each_ref(), &at).unwrap();
    // The same sums written out, for the draws that were used.
    let canonical = problem.network.to_canonical(m, &start.theta);
    let families = problem.network.families(m);
    let [w, u, a] = [0, 1, 2].map(|k| families[k].matrix(&canonical).to_owned());
    let term = |i: usize, j: usize| a[[j, 0]] * u[[i, j]] * w[[i, 0]];
    let (m1, m2) = (m, 2 * m);
    let mut expected = [0.0; 3];
    for draw in 0..draws as u64 {
        let (nu, mu) = (weight_draw(6, 0, draw, m1), weight_draw(6, 1, draw, m2));
        let sum = |p: &dyn Fn(usize) -> f64, q: &dyn Fn(usize) -> f64| -> f64 {
            (0..m1).map(|i| (0..m2).map(|j| p(i) * q(j) * term(i, j)).sum::<f64>()).sum::<f64>()
        };
        let sums = [
            sum(&|i| nu[i], &|_| 1.0) / ((m1 as f64).sqrt() * m2 as f64),
            sum(&|_| 1.0, &|j| mu[j]) / ((m2 as f64).sqrt() * m1 as f64),
            sum(&|i| nu[i], &|j| mu[j]) / ((m1 * m2) as f64).sqrt(),
        ];
        expected.iter_mut().zip(sums).for_each(|(expected, sum)| *expected += sum * sum / draws as f64);
    }
    close(found.single[0][0].value, expected[0], 1e-10, "c1");
    close(found.single[1][0].value, expected[1], 1e-10, "c2");
    close(found.between[0].value, expected[2], 1e-8, "c12");
    let redrawn = |draw: u64| problem.network.predict(m, &at(draw).theta, &[1.0], Threads::One)[0];
    let squares: Vec<f64> =
        (0..draws as u64).map(|k| 0.5 * (redrawn(2 * k) - redrawn(2 * k + 1)).powi(2) * (m1 * m2) as f64).collect();
    close(found.weights[0].value, mean(&squares), 1e-10, "variance over redrawn weights");
    // c_u = Var(u) mean(a^2 w^2) of these neurons; the variance of a network from the moments of its laws.
    let square = |values: &ndarray::Array2<f64>| values.iter().map(|v| v * v).sum::<f64>() / values.len() as f64;
    let noise = 4.0 * square(&a) * square(&w);
    let within = |found: f64, expected: f64, error: f64, what: &str| {
        assert!((found - expected).abs() < 4.0 * error, "{what}: {found} +- {error}, expected {expected}");
    };
    within(found.weights[0].value, noise, found.weights[0].standard_error, "c_u");
    let (c1, c2) = (1.0, 0.25 * 0.49);
    let c12 = (1.0 + 0.49) * (0.25 + 1.0) * 5.0 - c1 - c2 - 0.25;
    within(found.between[0].value, c12, found.between[0].standard_error, "c12 of the law");
    for sizes in [[8, 16], [64, 64]] {
        let variance = c1 / sizes[0] as f64 + c2 / sizes[1] as f64 + c12 / (sizes[0] * sizes[1]) as f64;
        let found = found.at(0, sizes);
        within(found.value, variance, found.standard_error, "variance");
    }
}
