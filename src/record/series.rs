//! Time series of all trajectories: one file per group of networks, one for the limit.

use super::folder::RunFolder;
use super::measure::Measure;
use super::npz::{ArrayRecord, Arrays, NpzError, StoredArrays};
use ndarray::{Array1, Array2, Array3};

/// `records/GROUP.npz`: a group of networks.
#[derive(Clone, Debug, PartialEq)]
pub struct GroupSeries {
    /// Widths, steps or batch sizes (values).
    pub values: Array1<f64>,
    /// Abscissa of fits (values).
    pub abscissa: Array1<f64>,
    /// Recording times (times).
    pub times: Array1<f64>,
    /// Every measure (values, seeds, times); NaN where nothing was recorded.
    pub measures: Vec<(Measure, Array3<f64>)>,
    /// The largest value over time of every distance (values, seeds), stored as `sup_MEASURE`; NaN where a network
    /// diverged.
    pub sups: Vec<(Measure, Array2<f64>)>,
}

/// Prefix of the names of the arrays in [`GroupSeries::sups`].
const SUP: &str = "sup_";

impl GroupSeries {
    /// Writes the series of the group `name`.
    ///
    /// # Errors
    /// A file that cannot be written.
    pub fn write_to(&self, folder: &RunFolder, name: &str) -> Result<(), NpzError> {
        self.write(&folder.file(&format!("records/{name}.npz")))
    }

    /// Reads the series of the group `name`.
    ///
    /// # Errors
    /// A file that is missing or damaged.
    pub fn read_from(folder: &RunFolder, name: &str) -> Result<Self, NpzError> {
        Self::read(&folder.file(&format!("records/{name}.npz")))
    }

    /// A measure (values, seeds, times).
    pub fn measure(&self, measure: Measure) -> Option<&Array3<f64>> {
        self.measures.iter().find(|(of, _)| *of == measure).map(|(_, array)| array)
    }

    /// The largest value of a distance over time (values, seeds).
    pub fn sup(&self, measure: Measure) -> Option<&Array2<f64>> {
        self.sups.iter().find(|(of, _)| *of == measure).map(|(_, array)| array)
    }
}

impl ArrayRecord for GroupSeries {
    fn push(&self, prefix: &str, arrays: &mut Arrays) {
        let name = |name: &str| format!("{prefix}{name}");
        arrays.push_named(&name("values"), ["values"], &self.values);
        arrays.push_named(&name("abscissa"), ["values"], &self.abscissa);
        arrays.push_named(&name("times"), ["times"], &self.times);
        for (measure, array) in &self.measures {
            arrays.push_named(&name(&measure.to_string()), ["values", "seeds", "times"], array);
        }
        for (measure, array) in &self.sups {
            arrays.push_named(&name(&format!("{SUP}{measure}")), ["values", "seeds"], array);
        }
    }

    fn load(prefix: &str, stored: &StoredArrays) -> Result<Self, NpzError> {
        let name = |name: &str| format!("{prefix}{name}");
        let mut series = GroupSeries {
            values: stored.on_axes(&name("values"), &["values"])?,
            abscissa: stored.on_axes(&name("abscissa"), &["values"])?,
            times: stored.on_axes(&name("times"), &["times"])?,
            measures: Vec::new(),
            sups: Vec::new(),
        };
        for array in stored.names().filter_map(|array| array.strip_prefix(prefix)) {
            if let Some(measure) = array.strip_prefix(SUP).and_then(|measure| measure.parse().ok()) {
                series.sups.push((measure, stored.on_axes(&name(array), &["values", "seeds"])?));
            } else if let Ok(measure) = array.parse() {
                series.measures.push((measure, stored.on_axes(&name(array), &["values", "seeds", "times"])?));
            }
        }
        stored.require_records(!series.times.is_empty())?;
        Ok(series)
    }
}

/// The solutions of the limit: the reference, and those with which it is compared to estimate its error.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum LimitRun {
    /// The reference itself.
    Reference,
    /// Half the particles.
    HalfParticles,
    /// Half the particles and half the step.
    HalfStep,
    /// Half the particles and half the sample.
    HalfSample,
    /// Half the particles under the networks' own method and step.
    TrainingStep,
    /// The grid with half its nodes.
    HalfNodes,
    /// The grid with half its step.
    GridHalfStep,
    /// The limit by particles, where the reference is computed otherwise.
    ByParticles,
    /// The limit by Picard iteration.
    ByPicard,
    /// The limit on a grid.
    ByGrid,
}

impl LimitRun {
    /// Every run of the limit, in the order of the records.
    pub const ALL: [LimitRun; 10] = [
        LimitRun::Reference,
        LimitRun::HalfParticles,
        LimitRun::HalfStep,
        LimitRun::HalfSample,
        LimitRun::TrainingStep,
        LimitRun::HalfNodes,
        LimitRun::GridHalfStep,
        LimitRun::ByParticles,
        LimitRun::ByPicard,
        LimitRun::ByGrid,
    ];

    /// Id of the trajectory: the name of its files in `state/`, and in the manifest.
    pub const fn id(self) -> &'static str {
        match self {
            LimitRun::Reference => "reference",
            LimitRun::HalfParticles => "reference-half-particles",
            LimitRun::HalfStep => "reference-half-step",
            LimitRun::HalfSample => "reference-half-sample",
            LimitRun::TrainingStep => "reference-training-step",
            LimitRun::HalfNodes => "grid-half-nodes",
            LimitRun::GridHalfStep => "grid-half-step",
            LimitRun::ByParticles => "reference-by-particles",
            LimitRun::ByPicard => "reference-by-picard",
            LimitRun::ByGrid => "reference-by-grid",
        }
    }

    /// Prefix of the names of its arrays in `records/reference.npz`.
    pub const fn prefix(self) -> &'static str {
        match self {
            LimitRun::Reference => "",
            LimitRun::HalfParticles => "half_particles_",
            LimitRun::HalfStep => "half_step_",
            LimitRun::HalfSample => "half_sample_",
            LimitRun::TrainingStep => "training_step_",
            LimitRun::HalfNodes => "half_nodes_",
            LimitRun::GridHalfStep => "grid_half_step_",
            LimitRun::ByParticles => "by_particles_",
            LimitRun::ByPicard => "by_picard_",
            LimitRun::ByGrid => "by_grid_",
        }
    }
}

/// `records/reference.npz`: the series of every run of the limit. An array's name is the run's [`LimitRun::prefix`] and
/// the name of the measure.
#[derive(Clone, Debug, PartialEq)]
pub struct LimitSeries {
    /// Recording times (times).
    pub times: Array1<f64>,
    /// Series (times), by run and measure. Distances are to the run with which each is compared.
    pub series: Vec<(LimitRun, Measure, Array1<f64>)>,
}

const LIMIT_FILE: &str = "records/reference.npz";

impl LimitSeries {
    /// Writes the series of a run.
    ///
    /// # Errors
    /// A file that cannot be written.
    pub fn write_to(&self, folder: &RunFolder) -> Result<(), NpzError> {
        self.write(&folder.file(LIMIT_FILE))
    }

    /// Reads the series of a run.
    ///
    /// # Errors
    /// A file that is missing or damaged.
    pub fn read_from(folder: &RunFolder) -> Result<Self, NpzError> {
        Self::read(&folder.file(LIMIT_FILE))
    }

    /// The series of a measure of a run (times).
    pub fn of(&self, run: LimitRun, measure: Measure) -> Option<&Array1<f64>> {
        self.series.iter().find(|(r, m, _)| (*r, *m) == (run, measure)).map(|(_, _, array)| array)
    }
}

impl ArrayRecord for LimitSeries {
    fn push(&self, prefix: &str, arrays: &mut Arrays) {
        arrays.push_named(&format!("{prefix}times"), ["times"], &self.times);
        for (run, measure, array) in &self.series {
            arrays.push_named(&format!("{prefix}{}{measure}", run.prefix()), ["times"], array);
        }
    }

    fn load(prefix: &str, stored: &StoredArrays) -> Result<Self, NpzError> {
        let mut found =
            LimitSeries { times: stored.on_axes(&format!("{prefix}times"), &["times"])?, series: Vec::new() };
        for name in stored.names() {
            let Some(own) = name.strip_prefix(prefix) else { continue };
            let named = |run: LimitRun| Some((run, own.strip_prefix(run.prefix())?.parse::<Measure>().ok()?));
            if let Some((run, measure)) = LimitRun::ALL.into_iter().find_map(named) {
                found.series.push((run, measure, stored.on_axes(name, &["times"])?));
            }
        }
        stored.require_records(!found.times.is_empty())?;
        Ok(found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    #[test]
    fn series_of_the_limit_read_back() {
        let mut series = LimitSeries { times: array![0.0, 1.0], series: Vec::new() };
        for (i, run) in LimitRun::ALL.into_iter().enumerate() {
            for measure in [Measure::Risk, Measure::RiskGap, Measure::FamilyCouplingMax("u")] {
                series.series.push((run, measure, array![i as f64, -1.0]));
            }
        }
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("reference.npz");
        series.write(&path).unwrap();
        let read = LimitSeries::read(&path).unwrap();
        assert_eq!(read.series.len(), series.series.len());
        for (run, measure, values) in &series.series {
            assert_eq!(read.of(*run, *measure), Some(values));
        }
    }

    #[test]
    fn series_of_a_group_read_back() {
        let cube = Array3::from_shape_fn((1, 2, 3), |(_, s, t)| (10 * s + t) as f64);
        let group = GroupSeries {
            values: array![4.0],
            abscissa: array![5.0],
            times: array![0.0, 0.5, 1.0],
            measures: vec![(Measure::Function, cube)],
            sups: vec![(Measure::Function, array![[2.0, 12.0]])],
        };
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("widths.npz");
        group.write(&path).unwrap();
        assert_eq!(GroupSeries::read(&path).unwrap(), group);
    }
}
