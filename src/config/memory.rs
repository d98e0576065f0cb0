//! What a run will hold in memory, before it starts.

use super::experiment::{BatchSize, Experiment, Precision};
use crate::network::kernel::work_bytes;

/// Bytes by purpose.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Estimate {
    /// The samples, in double precision and in the states' scalar type.
    pub population: u64,
    /// The limit: its state, the integrator's work arrays and its recorded path.
    pub reference: u64,
    /// The limits beside sweeps: their recorded paths.
    pub sweeps: u64,
    /// The networks in training at one time.
    pub networks: u64,
}

/// Estimates an experiment on a population of shape (n, d, K).
pub fn estimate(e: &Experiment, (n, d, outputs): (usize, usize, usize)) -> Estimate {
    let scalar: u64 = if e.precision == Precision::F64 { 8 } else { 4 };
    let model = e.network.model(d, outputs);
    let (n, d, outputs) = (n as u64, d as u64, outputs as u64);
    let records = e.horizon.records as u64 + 1;
    let state = |width: usize| model.layout(width).len() as u64 * scalar;
    let pass = |width: usize, samples: u64| work_bytes(&model, width, samples as usize, scalar as usize) as u64;
    let path = |width: usize| records * (state(width) + n * outputs * 8);
    let gap = e.gap.as_ref();
    let projections = gap.map_or(0, |gap| gap.projections as u64);
    let m = e.reference.particles;
    let work = e.reference.method.work_arrays() as u64;
    let sorted = |width: usize| records * projections * width as u64 * 8;
    let sweeps =
        gap.iter().flat_map(|gap| &gap.sweep).map(|s| s.seeds as u64 * (path(s.width) + sorted(s.width))).sum();
    let widest = e.widths.largest().max(gap.iter().flat_map(|gap| &gap.sweep).map(|s| s.width).max().unwrap_or(0));
    let threads = rayon::current_num_threads() as u64;
    let batch = if let BatchSize::Size(size) = e.dynamics.batch { size as u64 } else { n };
    Estimate {
        population: n * (d * (8 + scalar) + 2 * outputs * 8),
        // The halved reference keeps its path too, while it is compared with the whole one.
        // Its checkpoint is put together in double precision, path included, and held twice when it is written.
        reference: (3 + work) * state(m)
            + pass(m, n)
            + path(m)
            + path(m / 2)
            + sorted(m)
            + sorted(m / 2)
            + 2 * (records + 2) * (m * model.parameters()) as u64 * 8,
        sweeps,
        networks: threads * ((8 + 2) * state(widest) + pass(widest, batch)),
    }
}

impl Estimate {
    /// The sum, in bytes.
    pub fn total(&self) -> u64 {
        self.population + self.reference + self.sweeps + self.networks
    }

    /// Refuses an estimate above the machine's memory, in words that say what would do.
    pub fn fits_machine(&self) -> Result<(), String> {
        let machine = machine_memory();
        if machine == 0 || self.total() <= machine {
            return Ok(());
        }
        Err(format!(
            "the run would hold about {} (population {}, limit {}, sweeps {}, networks {}) and this machine has {}: expected fewer particles, fewer records, a smaller population or precision = \"f32\"",
            bytes(self.total()),
            bytes(self.population),
            bytes(self.reference),
            bytes(self.sweeps),
            bytes(self.networks),
            bytes(machine)
        ))
    }
}

/// The machine's memory in bytes, or a control group's limit where that is lower; 0 where it cannot be told.
pub fn machine_memory() -> u64 {
    let mut system = sysinfo::System::new();
    system.refresh_memory();
    let total = system.total_memory();
    system.cgroup_limits().map_or(total, |limits| limits.total_memory.min(total))
}

/// Bytes for people: `1.5 GiB`.
pub fn bytes(n: u64) -> String {
    indicatif::BinaryBytes(n).to_string()
}
