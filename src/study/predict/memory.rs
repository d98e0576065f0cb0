//! The memory of the study of predictions.

use super::networks::PIECES;
use super::settings::{MOST_DRAWS, PARTICLES_PER_PARTICLE};
use super::{Predict, PredictionRoute};
use crate::config::Route;
use crate::fluctuation::most_partial_numbers;
use crate::run::memory::{grid_rows, grid_solution_bytes};
use crate::run::study::{StudyMemory, TrainingSizes};

/// Numbers of the state of the tangent system that are alive at one time, in units of its length: parameters, momenta,
/// gradients, and those of an observation.
const STATES: f64 = 6.0;

impl Predict {
    /// The states of the tangent systems of both clouds, or of the runs of a draw at the recording times; the features of
    /// a few tiles, and the fields at the recording times, with the partial fields of both clouds.
    pub(super) fn estimated_memory(&self, sizes: TrainingSizes<'_>) -> StudyMemory {
        if self.by == PredictionRoute::Pairs {
            return self.memory_of_pairs(sizes);
        }
        let columns = (self.modes + self.columns + 2) as f64 + 7.0;
        let state = sizes.network.state_len_f64(self.particles);
        let rows = sizes.samples * sizes.outputs;
        let records = sizes.experiment.horizon.records as f64 + 1.0;
        let tangent = STATES * state * (1.0 + columns);
        let fields = rows * columns * (2.0 * records + 4.0);
        // Products of the range finder with groups of samples, eight at a time, and its bases.
        let modes = 12.0 * self.particles as f64 * (columns + 24.0) + records.min(21.0) * state;
        let laws = 2.0 * self.draws as f64 * self.widths.len() as f64;
        let terms = TermsNumbers::new(self, &sizes, records, state);
        // The passes of the starts and of mini-batches follow each other.
        let of_batches = self.batch_noise.map_or(0.0, |keys| rows * (keys.batch_columns + 9) as f64);
        let partial = most_partial_numbers(rows * columns).max(most_partial_numbers(of_batches));
        // The second cloud has half of the particles, and fields as many.
        let shared = 8.0 * (1.5 * (tangent + modes + terms.sum()) + 2.0 * (fields + partial + laws));
        let of_networks = self.networks_memory(sizes);
        let keys = StudyMemory::keys_of_largest(&[
            (12.0 * (tangent + modes) + 16.0 * fields, &["predict.particles", "predict.modes", "predict.columns"]),
            (12.0 * terms.noise, &["predict.particles", "predict.batch_columns"]),
            (12.0 * terms.draws + 16.0 * laws, &["predict.draws", "predict.widths"]),
            (12.0 * terms.paths, &["predict.particles"]),
            (of_networks, &["predict.control_starts"]),
        ]);
        let shared = shared + self.grid_memory(sizes) + of_networks;
        // Features of a few tiles of 64 samples.
        StudyMemory { per_thread: 8.0 * 256.0 * sizes.outputs * self.particles as f64, shared, keys }
    }

    /// The memory of pairs: at the recording times the odd states of the layers in every run, and the fields of all draws,
    /// of which those of 32 are held twice.
    fn memory_of_pairs(&self, sizes: TrainingSizes<'_>) -> StudyMemory {
        let layers = sizes.network.hidden_layers(1).len() as f64;
        let draws = (self.modes + self.columns) as f64;
        let state = sizes.network.state_len_f64(self.particles);
        let rows = sizes.samples * sizes.outputs;
        let records = sizes.experiment.horizon.records as f64 + 1.0;
        let neurons = layers * self.particles as f64;
        let fields = records * rows * (2.0 * layers * draws + 2.0_f64.powf(layers) * 32.0);
        let columns = layers * (self.particles as f64) * (draws + if layers > 1.0 { 4.0 * neurons } else { draws });
        // The first terms are those of both clouds, the second of which has half of the particles.
        let shared = 8.0 * (1.5 * (2.0 * records * state + columns + 32.0 * records * neurons) + 2.0 * fields);
        let run = state * (records * layers + 8.0) + rows * (records * 2.0_f64.powf(layers) + 8.0);
        let hidden = 4.0 * neurons * sizes.samples * sizes.outputs;
        StudyMemory {
            per_thread: 8.0 * (run + hidden),
            shared,
            keys: &["predict.particles", "predict.modes", "predict.columns"],
        }
    }

    /// The solutions on the grid with all and with half of the nodes, and their predictions at every step.
    fn grid_memory(&self, sizes: TrainingSizes<'_>) -> f64 {
        let e = sizes.experiment;
        let Some(grid) = e.reference.grid.as_ref().filter(|_| e.reference.kind == Route::Grid) else { return 0.0 };
        let (nodes, steps) = (grid.nodes as f64, e.horizon.time / self.step + 1.0);
        let rows = sizes.samples * sizes.outputs;
        let solution = |nodes: f64| grid_solution_bytes(nodes, grid_rows(e, rows), steps) + 8.0 * steps * rows;
        solution(nodes) + solution(0.5 * nodes)
    }

    /// The predictions of single networks: those of the limit at every step, the modes and their response, the sums of
    /// the ranges of particles and of the pieces that are held at one time, and the predictions of the networks.
    fn networks_memory(&self, sizes: TrainingSizes<'_>) -> f64 {
        let e = sizes.experiment;
        if self.control_starts == 0 {
            return 0.0;
        }
        let rows = sizes.samples * sizes.outputs;
        let steps = e.horizon.time / self.step + 1.0;
        let times = (e.horizon.records as f64 + 2.0).min(22.0);
        let (widths, seeds) = (e.widths.values.len() as f64, e.widths.seeds as f64);
        let sums = seeds * (2.0 * widths + 3.0) + PIECES as f64;
        8.0 * rows * (steps + times * self.modes as f64 + sums)
    }
}

/// Numbers that the parts along one cloud hold at one time.
struct TermsNumbers {
    draws: f64,
    paths: f64,
    noise: f64,
}

impl TermsNumbers {
    /// Those of a cloud with `state` numbers of parameters, at so many recording times.
    fn new(spec: &Predict, sizes: &TrainingSizes<'_>, records: f64, state: f64) -> Self {
        let settings = spec.settings(sizes.experiment);
        let rows = sizes.samples * sizes.outputs;
        // As many vectors of the length of the state as the tangent system of the starts has, and the fields.
        let noise = spec.batch_noise.map_or(0.0, |keys| {
            let columns = (keys.batch_columns + 9) as f64;
            STATES * state / PARTICLES_PER_PARTICLE as f64 * columns + rows * columns * (2.0 * records + 4.0)
        });
        TermsNumbers {
            draws: spec.draws.min(MOST_DRAWS) as f64 * (6.0 * records + 42.0),
            paths: if settings.steps.is_empty() { 0.0 } else { 4.0 * records * (rows + state) },
            noise,
        }
    }

    fn sum(&self) -> f64 {
        self.draws + self.paths + self.noise
    }
}
