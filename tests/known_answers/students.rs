//! Students and teachers on Gaussian inputs, whose averages are closed forms (Saad, Solla 1995; Cho, Saul 2009):
//!
//! ```text
//! sigma(z) = erf(z / sqrt 2):   E[sigma(<w,x>) sigma(<v,x>)] = (2/pi) asin q,   q = <w,v> / sqrt((1+|w|^2)(1+|v|^2))
//! ReLU:                         E[sigma(<w,x>) sigma(<v,x>)] = |w||v| / (2 pi) (sin h + (pi - h) cos h),   h the angle
//! ```
//!
//! Sampled populations must approach the risk and the potential's gradient at 1 / sqrt(n).

use crate::common::{mean, normals, slope};
use std::f64::consts::PI;
use widelimit::compute::Threads;
use widelimit::network::{Activation, Batch, Loss, Network, Objective, TwoLayer};

const INPUTS: usize = 3;
/// Neurons as (w, a).
const STUDENT: [[f64; 4]; 4] =
    [[0.9, -0.3, 0.2, 1.1], [-0.4, 0.8, 0.5, -0.7], [0.1, 0.6, -1.2, 0.9], [1.5, 0.4, 0.3, 0.5]];
const TEACHER: [[f64; 4]; 2] = [[1.0, 0.5, -0.5, 1.4], [-0.2, 1.1, 0.7, -0.8]];

fn dot(w: &[f64], v: &[f64]) -> f64 {
    w.iter().zip(v).map(|(w, v)| w * v).sum()
}

/// `E[sigma(<w,x>) sigma(<v,x>)]` and its gradient in the first argument, the second held.
fn average(activation: Activation, w: &[f64], v: &[f64]) -> (f64, Vec<f64>) {
    let (ww, vv, wv) = (dot(w, w), dot(v, v), dot(w, v));
    match activation {
        Activation::Erf => {
            let scale = ((1.0 + ww) * (1.0 + vv)).sqrt();
            let q = wv / scale;
            let front = 2.0 / (PI * (1.0 - q * q).sqrt());
            let gradient = w.iter().zip(v).map(|(w, v)| front * (v / scale - q * w / (1.0 + ww))).collect();
            (2.0 / PI * q.asin(), gradient)
        }
        Activation::Relu => {
            let (w_norm, v_norm) = (ww.sqrt(), vv.sqrt());
            let h = (wv / (w_norm * v_norm)).clamp(-1.0, 1.0).acos();
            let gradient =
                w.iter().zip(v).map(|(w, v)| (v_norm * h.sin() * w / w_norm + (PI - h) * v) / (2.0 * PI)).collect();
            (w_norm * v_norm / (2.0 * PI) * (h.sin() + (PI - h) * h.cos()), gradient)
        }
        _ => unreachable!("no closed form is stated for {activation:?}"),
    }
}

/// The risk `E|f - y|^2 / 2` followed by `grad Psi` of every student neuron in canonical order.
fn closed_form(activation: Activation) -> Vec<f64> {
    // f - y = sum_u c_u sigma(<u, x>) over student and teacher together.
    let student = STUDENT.iter().map(|u| (&u[..3], u[3] / STUDENT.len() as f64));
    let teacher = TEACHER.iter().map(|u| (&u[..3], -u[3] / TEACHER.len() as f64));
    let all: Vec<(&[f64], f64)> = student.chain(teacher).collect();
    let risk: f64 =
        all.iter().flat_map(|(u, cu)| all.iter().map(move |(v, cv)| 0.5 * cu * cv * average(activation, u, v).0)).sum();
    let mut values = vec![risk];
    for neuron in &STUDENT {
        let (w, a) = neuron.split_at(INPUTS);
        let mut gradient = vec![0.0; INPUTS + 1];
        for (v, c) in &all {
            let (value, slope) = average(activation, w, v);
            gradient.iter_mut().zip(&slope).for_each(|(g, s)| *g += a[0] * c * s);
            gradient[INPUTS] += c * value;
        }
        values.extend(gradient);
    }
    values
}

/// The same by the network on n Gaussian inputs.
fn sampled(activation: Activation, n: usize, address: u64) -> Vec<f64> {
    let network = Network::from(TwoLayer { inputs: INPUTS, outputs: 1, bias: false, activation, fixed_output: false });
    let x = normals(17, address, n * INPUTS);
    let y =
        x.chunks_exact(INPUTS).map(|x| mean(&TEACHER.map(|u| u[3] * activation.value(dot(&u[..INPUTS], x))))).collect();
    let theta = network.from_canonical(STUDENT.len(), &STUDENT.concat());
    let mut gradient = vec![0.0; theta.len()];
    let risk = network.potential_gradient(
        STUDENT.len(),
        &theta,
        &Batch { x, y },
        Objective { loss: Loss::HalfSquared, ridge: 0.0 },
        Threads::One,
        &mut gradient,
    );
    let mut values = vec![risk];
    values.extend(network.to_canonical(STUDENT.len(), &gradient));
    values
}

fn approaches_its_closed_form(activation: Activation) {
    let exact = closed_form(activation);
    // Two sizes, each as 100 independent parts that give the mean's standard error.
    for part in [10, 1000] {
        let parts: Vec<Vec<f64>> = (0..100).map(|k| sampled(activation, part, 1000 + k)).collect();
        let mut worst: f64 = 0.0;
        for (k, exact) in exact.iter().enumerate() {
            let values: Vec<f64> = parts.iter().map(|part| part[k]).collect();
            let m = mean(&values);
            let variance = values.iter().map(|v| (v - m).powi(2)).sum::<f64>() / 99.0;
            worst = worst.max((m - exact).abs() / (variance / 100.0).sqrt());
        }
        println!("{activation:?}, n = {}: worst of {} entries {worst:.1} standard errors off", 100 * part, exact.len());
        assert!(worst < 5.0, "{activation:?} at n = {}: {worst}", 100 * part);
    }
    let sizes = [100, 1000, 10_000, 100_000];
    let errors = sizes.map(|n| {
        let squares: Vec<f64> = (0..30)
            .map(|repetition| {
                let apart = sampled(activation, n, 10_000 + repetition);
                mean(&apart.iter().zip(&exact).map(|(a, b)| (a - b).powi(2)).collect::<Vec<f64>>())
            })
            .collect();
        mean(&squares).sqrt()
    });
    let rate = slope(&sizes.map(|n| n as f64), &errors);
    println!("{activation:?}: error {:.1e} to {:.1e}, n^{rate:.3}", errors[0], errors[3]);
    assert!((rate + 0.5).abs() < 0.15, "{activation:?}: error ~ n^{rate}");
}

#[test]
fn erf_student_approaches_its_arcsines() {
    approaches_its_closed_form(Activation::Erf);
}

#[test]
fn relu_student_approaches_its_arc_cosines() {
    approaches_its_closed_form(Activation::Relu);
}

#[test]
fn closed_gradients_are_derivatives_of_closed_averages() {
    let (w, v, h) = ([0.9, -0.3, 0.2], [0.4, 1.1, -0.5], 1e-5);
    for activation in [Activation::Erf, Activation::Relu] {
        for k in 0..INPUTS {
            let at = |by: f64| {
                let mut w = w;
                w[k] += by;
                average(activation, &w, &v).0
            };
            let difference = (at(h) - at(-h)) / (2.0 * h);
            assert!((difference - average(activation, &w, &v).1[k]).abs() < 1e-9);
        }
    }
}
