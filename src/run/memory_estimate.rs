//! The estimated memory of a run by purpose, and what to change where it is too much.

use super::machine_memory::{MemoryShortage, Shortfall};
use crate::config::study::ExperimentKind;
use crate::config::{Experiment, MemoryExcess};

/// Bytes by purpose.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
pub struct MemoryEstimate {
    /// Code, fonts and small allocations; held throughout.
    pub program: u64,
    /// The samples, in double precision and in the states' scalar type; held throughout.
    pub population: u64,
    /// Recorded series; held throughout.
    pub records: u64,
    /// Writing the samples.
    pub data: u64,
    /// Integration of the limits: the paths kept so far, states, work arrays, activations, checkpoints.
    pub limit: u64,
    /// Networks in training at the same time, with the paths of the limits with which they are compared.
    pub networks: u64,
    /// The largest study.
    pub studies: u64,
    /// What determines it.
    #[serde(skip)]
    pub largest_study: Option<LargestStudy>,
    /// The key that determines the largest networks in training.
    #[serde(skip)]
    pub largest_networks: &'static str,
    /// Whether the sample determines the memory of the limits.
    #[serde(skip)]
    pub limit_of_sample: bool,
    /// Whether the sample determines the memory of the networks in training.
    #[serde(skip)]
    pub networks_of_sample: bool,
    /// Figures that are drawn at the same time.
    pub figures: u64,
}

/// What determines the memory of a study.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LargestStudy {
    /// Its table.
    pub table: &'static str,
    /// The keys that determine the largest part of it, with their tables.
    pub keys: &'static [&'static str],
    /// Whether the larger part of it is needed by every thread.
    pub of_threads: bool,
}

impl LargestStudy {
    /// The first of its keys, and what reduces it.
    fn advice(self) -> (String, String) {
        let threads = if self.of_threads { ", or fewer threads" } else { "" };
        match self.keys.split_last() {
            None => (self.table.into(), format!("smaller widths, fewer records{threads}")),
            Some((last, [])) => (last.to_string(), format!("a smaller {last}{threads}")),
            Some((last, others)) => (others[0].into(), format!("smaller {} or {last}{threads}", others.join(", "))),
        }
    }
}

/// A purpose of memory, with what reduces it.
struct MemoryPart {
    purpose: &'static str,
    bytes: u64,
    /// A key that determines it.
    key: String,
    advice: String,
}

impl MemoryEstimate {
    /// Largest memory at one time, in bytes: what is held throughout, and the largest of the successive phases.
    pub fn total(&self) -> u64 {
        let phases = [self.data, self.limit, self.networks, self.studies, self.figures];
        let largest = phases.into_iter().fold(0, u64::max);
        [self.program, self.population, self.records, largest].into_iter().fold(0, u64::saturating_add)
    }

    /// The memory of the ranks after the first, which write no samples and draw no figures.
    #[must_use]
    pub fn of_other_ranks(self) -> Self {
        MemoryEstimate { data: 0, figures: 0, ..self }
    }

    /// Checks that the machine has enough memory, whatever else is running on it.
    ///
    /// # Errors
    /// [`MemoryShortage`] with all parts of the estimate.
    pub fn fits_machine(&self) -> Result<(), MemoryShortage> {
        self.without(Shortfall::of_machine(self.total()))
    }

    /// Checks that enough memory is available now, with what this process holds already.
    ///
    /// # Errors
    /// [`MemoryShortage`] with all parts of the estimate.
    pub fn fits_available(&self) -> Result<(), MemoryShortage> {
        self.without(Shortfall::of(self.total()))
    }

    /// The error of an experiment that needs more memory than this machine has, as that of the key that determines the
    /// largest part; `None` where the memory suffices.
    pub fn excess(&self, e: &Experiment) -> Option<MemoryExcess> {
        let message = self.fits_machine().err()?.to_string();
        let (key, resolved) = (self.largest().key, e.resolved());
        let value = resolved.pointer(&format!("/{}", key.replace('.', "/"))).filter(|value| !value.is_object());
        Some(MemoryExcess { value: value.map(ToString::to_string), key, message })
    }

    /// The parts, in the order of messages.
    fn parts(&self) -> [MemoryPart; 7] {
        let part = |purpose, bytes, key: &str, advice: &str| MemoryPart {
            purpose,
            bytes,
            key: key.into(),
            advice: advice.into(),
        };
        let sample = "a smaller population, as by population.limit";
        let limit = "fewer particles, fewer records (horizon.records) or precision = \"f32\"";
        let (key, of_study) = self.largest_study.map(LargestStudy::advice).unwrap_or_default();
        let batch = "smaller batches";
        let networks = if self.largest_networks == "dynamics.batch" { batch } else { "smaller widths" };
        let networks = format!("{networks}, fewer particles or precision = \"f32\"");
        [
            part("population", self.population, "population", sample),
            part(
                "records",
                self.records,
                "widths.seeds",
                "fewer seeds, fewer records (horizon.records) or a smaller population",
            ),
            part("writing the samples", self.data, "population", sample),
            if self.limit_of_sample {
                part("limits", self.limit, "population", sample)
            } else {
                part("limits", self.limit, "reference.particles", limit)
            },
            if self.networks_of_sample && self.largest_networks != "dynamics.batch" {
                part("networks", self.networks, "population", sample)
            } else {
                part("networks", self.networks, self.largest_networks, &networks)
            },
            part("studies", self.studies, &key, &of_study),
            part("figures", self.figures, "horizon.records", "fewer records (horizon.records)"),
        ]
    }

    /// The largest part; of equal ones the first.
    fn largest(&self) -> MemoryPart {
        let first = |a: MemoryPart, b: MemoryPart| if b.bytes > a.bytes { b } else { a };
        self.parts().into_iter().reduce(first).expect("seven parts")
    }

    fn without(&self, shortfall: Option<Shortfall>) -> Result<(), MemoryShortage> {
        let Some(shortfall) = shortfall else { return Ok(()) };
        let parts = self.parts().iter().map(|part| (part.purpose, part.bytes)).collect();
        Err(MemoryShortage { shortfall, parts, advice: self.largest().advice })
    }
}
