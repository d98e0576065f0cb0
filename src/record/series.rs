//! The series of all runs: one file per group of networks, one for the limit.

use super::measure::Measure;
use super::npz::{ArrayField, ArrayRecord, Arrays, NpzError, StoredArrays};
use ndarray::{Array1, Array2, Array3};

/// `records/GROUP.npz`: a group of networks.
#[derive(Clone, Debug, PartialEq)]
pub struct GroupSeries {
    /// What varies: widths, steps or batch sizes (values).
    pub values: Array1<f64>,
    /// The abscissa of fits (values).
    pub abscissa: Array1<f64>,
    /// Recording times (times).
    pub times: Array1<f64>,
    /// Every measure (values, seeds, times); NaN where nothing was recorded.
    pub measures: Vec<(Measure, Array3<f64>)>,
    /// The largest value over time of every distance (values, seeds), stored as `sup_MEASURE`; NaN where a network diverged.
    pub sups: Vec<(Measure, Array2<f64>)>,
}

const SUP: &str = "sup_";

impl GroupSeries {
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
        self.values.push(&name("values"), arrays);
        self.abscissa.push(&name("abscissa"), arrays);
        self.times.push(&name("times"), arrays);
        self.measures.iter().for_each(|(measure, array)| array.push(&name(&measure.to_string()), arrays));
        self.sups.iter().for_each(|(measure, array)| array.push(&name(&format!("{SUP}{measure}")), arrays));
    }

    fn take(prefix: &str, table: &StoredArrays) -> Result<Self, NpzError> {
        let name = |name: &str| format!("{prefix}{name}");
        let mut series = GroupSeries {
            values: table.shaped(&name("values"))?,
            abscissa: table.shaped(&name("abscissa"))?,
            times: table.shaped(&name("times"))?,
            measures: Vec::new(),
            sups: Vec::new(),
        };
        for array in table.names().filter_map(|array| array.strip_prefix(prefix)) {
            if let Some(measure) = array.strip_prefix(SUP).and_then(|measure| measure.parse().ok()) {
                series.sups.push((measure, table.shaped(&name(array))?));
            } else if let Ok(measure) = array.parse() {
                series.measures.push((measure, table.shaped(&name(array))?));
            }
        }
        Ok(series)
    }
}

/// The limit and what it is compared with: other numbers of particles, steps, samples and nodes, and other routes to it.
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
    /// The limit by particles, where the reference is found otherwise.
    ByParticles,
    /// The limit by Picard's iteration.
    ByPicard,
    /// The limit on a grid.
    ByGrid,
}

impl LimitRun {
    /// All of them, in the order of the records.
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

    /// Name of its files in `state/` and of its entry in the manifest.
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

    /// What its arrays in `records/reference.npz` begin with.
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

/// `records/reference.npz`: the limit's series, and those of the runs that tell its error, each measure behind the run's
/// [`LimitRun::prefix`].
#[derive(Clone, Debug, PartialEq)]
pub struct LimitSeries {
    /// Recording times (times).
    pub times: Array1<f64>,
    /// Series (times) of the runs there are. Distances are to the run that each is compared with.
    pub series: Vec<(LimitRun, Measure, Array1<f64>)>,
}

impl LimitSeries {
    /// A series of one of the runs.
    pub fn of(&self, run: LimitRun, measure: Measure) -> Option<&Array1<f64>> {
        self.series.iter().find(|(r, m, _)| (*r, *m) == (run, measure)).map(|(_, _, array)| array)
    }
}

impl ArrayRecord for LimitSeries {
    fn push(&self, prefix: &str, arrays: &mut Arrays) {
        self.times.push(&format!("{prefix}times"), arrays);
        for (run, measure, array) in &self.series {
            array.push(&format!("{prefix}{}{measure}", run.prefix()), arrays);
        }
    }

    fn take(prefix: &str, table: &StoredArrays) -> Result<Self, NpzError> {
        let mut found = LimitSeries { times: table.shaped(&format!("{prefix}times"))?, series: Vec::new() };
        for name in table.names() {
            let Some(own) = name.strip_prefix(prefix) else { continue };
            let named = |run: LimitRun| Some((run, own.strip_prefix(run.prefix())?.parse::<Measure>().ok()?));
            if let Some((run, measure)) = LimitRun::ALL.into_iter().find_map(named) {
                found.series.push((run, measure, table.shaped(name)?));
            }
        }
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
