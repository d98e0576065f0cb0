//! The losses of one network of which some neurons of the last hidden layer are kept.

use super::Keep;
use crate::analysis::drawn_change::moments;
use crate::analysis::dropout::{DropoutNetwork, predicted, random_order};
use crate::analysis::output_layer::{NeuronElimination, OutputLayer};
use crate::compute::Threads;
use crate::run::context::{Outcome, RunError};
use crate::run::tasks::TaskHandle;
use crate::sparse::recovery::{Interrupt, RecoveryError, largest_entries};
use ndarray::s;
use serde::{Deserialize, Serialize};

/// The losses of one network.
#[derive(Serialize, Deserialize)]
pub(super) struct NetworkKept {
    /// Indices of width and seed.
    pub place: (usize, usize),
    /// With all neurons.
    pub loss: f64,
    /// Spread `S^2` of the features.
    pub spread: f64,
    /// Changes over random sets (sizes).
    pub mean: Vec<f64>,
    pub error: Vec<f64>,
    pub skewness: Vec<f64>,
    pub predicted: Vec<f64>,
    /// With the first neurons (sizes).
    pub first: Vec<f64>,
    /// With the rules that need the moment of the activations.
    pub surgeon: Option<SurgeonLosses>,
    /// Whether they could not be computed as no damping made the moment positive definite.
    pub singular: bool,
}

/// Losses with refitted weights and with those of the optimal brain surgeon (sizes).
#[derive(Serialize, Deserialize)]
pub(super) struct SurgeonLosses {
    /// With all neurons, refitted.
    pub optimum: f64,
    /// The relative damping, and whether it is larger than requested.
    pub damping: (f64, bool),
    pub random_refit: Vec<f64>,
    pub first_refit: Vec<f64>,
    pub largest: Vec<f64>,
    pub largest_refit: Vec<f64>,
    pub greedy: Vec<f64>,
    pub greedy_refit: Vec<f64>,
    pub greedy_model: Vec<f64>,
    pub greedy_penalty: Vec<f64>,
}

impl NetworkKept {
    /// Whether there are losses for so many sizes; `eliminated` where neurons are eliminated.
    pub fn fits(&self, sizes: usize, eliminated: bool) -> bool {
        let NetworkKept { mean, error, skewness, predicted, first, .. } = self;
        let of_surgeon = |surgeon: &SurgeonLosses| {
            let SurgeonLosses { random_refit, first_refit, largest, largest_refit, .. } = surgeon;
            let SurgeonLosses { greedy, greedy_refit, greedy_model, greedy_penalty, .. } = surgeon;
            let all = [random_refit, first_refit, largest, largest_refit, greedy, greedy_refit];
            all.into_iter().chain([greedy_model, greedy_penalty]).all(|values| values.len() == sizes)
        };
        [mean, error, skewness, predicted, first].iter().all(|values| values.len() == sizes)
            && self.surgeon.is_some() == (eliminated && !self.singular)
            && self.surgeon.as_ref().is_none_or(of_surgeon)
    }
}

/// A trained network whose neurons are kept in part.
pub(super) struct KeptNeurons<'a> {
    pub spec: &'a Keep,
    pub network: &'a DropoutNetwork<'a>,
    pub seed: u64,
    /// Indices of width and seed.
    pub place: (usize, usize),
    /// Neurons kept of the last hidden layer, increasing.
    pub sizes: &'a [usize],
    pub handle: &'a TaskHandle<'a>,
}

impl KeptNeurons<'_> {
    /// Neurons of the last hidden layer.
    fn neurons(&self) -> usize {
        self.network.network.hidden_layers(self.network.width).pop().unwrap_or(self.network.width)
    }

    /// The losses by all rules.
    ///
    /// # Errors
    /// None but an interruption, which is no error.
    pub fn losses(&self) -> Result<Outcome<NetworkKept>, RunError> {
        let KeptNeurons { spec, network, seed, place, sizes, handle } = *self;
        let (neurons, most) = (self.neurons(), sizes.last().copied().unwrap_or(0));
        let interrupt = Interrupt::when(handle.interrupt());
        let proceed = || !interrupt.requested();
        // The addresses of the study of dropout: the same sets.
        let address = (place.0 as u64) << 32 | place.1 as u64;
        let mut orders: Vec<Vec<usize>> =
            (0..spec.draws as u64).map(|draw| random_order(seed, address, draw, neurons, most)).collect();
        orders.push((0..most).collect());
        let Some(found) = network.losses(&orders, sizes, Threads::Pool, &proceed) else {
            return Ok(Outcome::Interrupted);
        };
        let change = &found.kept - found.full;
        let drawn: Vec<[f64; 3]> =
            change.slice(s![..spec.draws, ..]).columns().into_iter().map(|c| moments(&c.to_vec())).collect();
        let moment = |index: usize| drawn.iter().map(|moments| moments[index]).collect();
        let surgeon = match network.width <= spec.eliminate_up_to && !sizes.is_empty() {
            true => match self.surgeon(&orders) {
                Ok(surgeon) => Ok(Some(surgeon)),
                Err(RecoveryError::Indefinite { .. }) => Err(()),
                Err(other) => return Err(other.into()),
            },
            false => Ok(None),
        };
        Ok(Outcome::Complete(NetworkKept {
            place,
            loss: found.full,
            spread: found.spread,
            mean: moment(0),
            error: moment(1),
            skewness: moment(2),
            predicted: sizes.iter().map(|&m| predicted(neurons, m, found.spread)).collect(),
            first: found.kept.row(spec.draws).to_vec(),
            singular: surgeon.is_err(),
            surgeon: surgeon.unwrap_or(None),
        }))
    }

    /// The losses by the rules that need the moment of the activations. `orders` begin with the random sets.
    fn surgeon(&self, orders: &[Vec<usize>]) -> Result<SurgeonLosses, RecoveryError> {
        let KeptNeurons { spec, network, sizes, handle, .. } = *self;
        let layer = OutputLayer::new(network, spec.damping, Interrupt::when(handle.interrupt()))?;
        let neurons = layer.neurons();
        let all: Vec<usize> = (0..neurons).collect();
        let elimination = layer.eliminate(sizes.first().copied().unwrap_or(neurons))?;
        let mut losses = SurgeonLosses {
            optimum: layer.refit(&all, layer.trained().clone())?,
            damping: layer.damping(),
            random_refit: Vec::new(),
            first_refit: Vec::new(),
            largest: Vec::new(),
            largest_refit: Vec::new(),
            greedy: Vec::new(),
            greedy_refit: Vec::new(),
            greedy_model: Vec::new(),
            greedy_penalty: Vec::new(),
        };
        let contributions = layer.contributions();
        for (done, &m) in sizes.iter().enumerate() {
            let rescaled = |kept: &[usize]| layer.refit(kept, layer.restricted(kept, neurons as f64 / m as f64));
            let of_draw = |order: &Vec<usize>| {
                let mut kept = order[..m].to_vec();
                kept.sort_unstable();
                rescaled(&kept)
            };
            let drawn = orders[..spec.refit_draws].iter().map(of_draw).sum::<Result<f64, _>>()?;
            losses.random_refit.push(drawn / spec.refit_draws as f64);
            losses.first_refit.push(rescaled(&all[..m])?);
            let largest = largest_entries(&contributions, m);
            let weights = layer.restricted(&largest, 1.0);
            losses.largest.push(layer.loss(&weights));
            losses.largest_refit.push(layer.refit(&largest, weights)?);
            losses.eliminated(&layer, &elimination, m)?;
            handle.advance_to((done + 1) as f64 / sizes.len() as f64);
        }
        Ok(losses)
    }
}

impl SurgeonLosses {
    /// Adds the losses with the `m` neurons that the optimal brain surgeon keeps.
    fn eliminated(
        &mut self,
        layer: &OutputLayer<'_>,
        elimination: &NeuronElimination,
        m: usize,
    ) -> Result<(), RecoveryError> {
        let (kept, model) = elimination.keeping(layer.neurons(), m);
        let weights = layer.compensated(&kept)?;
        self.greedy.push(layer.loss(&weights));
        self.greedy_model.push(model);
        self.greedy_penalty.push(layer.penalty(&weights));
        self.greedy_refit.push(layer.refit(&kept, weights)?);
        Ok(())
    }
}
