//! The experiment file: one TOML file describes a problem and the studies to run on it.
//!
//! Reading collects *every* error before anything is computed: unknown keys, wrong types and impossible values are
//! reported together, each with its file, key, value and the expected value ([`Section`]). The result is an
//! [`AnyExperiment`]: complete, validated, and serialisable as TOML. The tables of the studies are read by the studies
//! ([`study`]).

mod allowed;
pub mod builtin;
mod describe;
mod error;
mod experiment;
mod override_key;
mod pruning;
mod read;
mod read_figure;
mod read_population;
mod read_pruning;
mod read_recovery;
mod read_vary;
mod recovery;
mod routes;
mod schema;
mod schema_rules;
mod section;
mod section_texts;
mod spelling;
pub mod study;
mod study_choice;
mod sweep;
mod syntax;
mod validate;
mod values;
pub mod vary;
mod vary_points;

pub use allowed::{Allowed, MAX_COUNT};
pub use error::{ConfigError, KeyError, KeyErrors, OverrideError, did_you_mean};
pub use experiment::{
    BatchSize, Dynamics, Experiment, GridSpec, Horizon, KeptStates, NetworkKind, NetworkSpec, PicardSpec,
    PopulationTable, Precision, Reference, Route, RunOptions, Widths,
};
pub use override_key::Override;
pub use pruning::{CalibrationSpec, HeldOutSpec, ModelSpec, PruningExperiment, PruningOptions, SampleSource};
pub use read::{MAX_ITERATES, MAX_NODES, batch};
pub use read_figure::figure_style;
pub use recovery::{MnistSignals, ProblemSpec, RecoveryExperiment, Solver};
pub use routes::{NEEDS_INDEPENDENT_UNITS, is_radial, require_windows};
pub use schema::schema;
pub use section::Section;
pub use study::{MemoryExcess, Readers};
pub use sweep::{MAX_SEEDS, Over, Sweep, Variant};
pub use validate::{
    MAX_STEPS, divides_no_interval, exceeds_friction, require_divides_interval, require_few_steps, too_short,
};

use spelling::TypedValues;
use std::io::Read;
use std::path::Path;
use study::ExperimentKind;
use toml::Table;

/// Most bytes of an experiment file.
const MAX_FILE: u64 = 4 << 20;

/// An experiment of any kind. The kind is the top-level key `kind` of the file: `"training"`, which may be left out,
/// `"recovery"` or `"pruning"`.
#[derive(Clone, Debug, PartialEq)]
pub enum AnyExperiment {
    /// Networks and their mean-field limit.
    Training(Box<Experiment>),
    /// Sparse recovery.
    Recovery(Box<RecoveryExperiment>),
    /// Pruning of Transformers.
    Pruning(Box<PruningExperiment>),
}

impl AnyExperiment {
    /// Name of the run folder.
    pub fn name(&self) -> &str {
        match self {
            Self::Training(e) => &e.name,
            Self::Recovery(e) => &e.name,
            Self::Pruning(e) => &e.name,
        }
    }

    /// Seed of all random streams.
    pub fn seed(&self) -> u64 {
        match self {
            Self::Training(e) => e.seed,
            Self::Recovery(e) => e.seed,
            Self::Pruning(e) => e.seed,
        }
    }

    /// The same experiment with another seed.
    pub fn with_seed(&self, seed: u64) -> Self {
        match self {
            Self::Training(e) => Self::Training(Box::new(Experiment { seed, ..(**e).clone() })),
            Self::Recovery(e) => Self::Recovery(Box::new(RecoveryExperiment { seed, ..(**e).clone() })),
            Self::Pruning(e) => Self::Pruning(Box::new(PruningExperiment { seed, ..(**e).clone() })),
        }
    }

    /// The resolved experiment as JSON.
    pub fn resolved(&self) -> serde_json::Value {
        match self {
            Self::Training(e) => e.resolved(),
            Self::Recovery(e) => e.resolved(),
            Self::Pruning(e) => e.resolved(),
        }
    }

    /// One-line title.
    pub fn title(&self) -> &str {
        match self {
            Self::Training(e) => &e.title,
            Self::Recovery(e) => &e.title,
            Self::Pruning(e) => &e.title,
        }
    }

    /// The experiment as TOML from which it can be read again.
    ///
    /// # Errors
    /// A value that TOML cannot represent.
    pub fn to_toml(&self) -> Result<String, toml::ser::Error> {
        match self {
            Self::Training(e) => e.to_toml(),
            Self::Recovery(e) => toml::to_string(e),
            Self::Pruning(e) => toml::to_string(e),
        }
    }
}

/// An experiment that was read, with notes for its author.
#[derive(Clone, Debug, PartialEq)]
pub struct Loaded {
    /// The experiment.
    pub experiment: AnyExperiment,
    /// Keys that were read under a former name, each with its present name.
    pub notes: Vec<String>,
}

/// What an experiment file describes.
#[derive(Clone, Debug, PartialEq)]
pub enum Description {
    /// One experiment.
    Single(Loaded),
    /// Several, the points of its table `[vary]`.
    Varied(Box<vary::Varied<AnyExperiment>>),
}

impl Description {
    /// The experiment, or that of the first point.
    pub fn first(&self) -> &AnyExperiment {
        match self {
            Description::Single(loaded) => &loaded.experiment,
            Description::Varied(varied) => &varied.points[0].experiment,
        }
    }

    /// The experiment of a file without `[vary]`; `origin` names the file in messages.
    ///
    /// # Errors
    /// [`ConfigError::Varied`].
    pub fn single(self, origin: &str) -> Result<Loaded, ConfigError> {
        match self {
            Description::Single(loaded) => Ok(loaded),
            Description::Varied(_) => Err(ConfigError::Varied { file: origin.into() }),
        }
    }
}

/// Reads one experiment of any kind from TOML text. `origin` names the text in messages. Relative data paths are taken
/// from `base`, those of overrides from the current folder.
///
/// # Errors
/// Text that is not TOML, overrides that cannot be applied, and every key whose value cannot be used.
pub fn parse(
    text: &str,
    origin: &str,
    base: &Path,
    overrides: &[Override],
    readers: &Readers,
) -> Result<Loaded, ConfigError> {
    describe(text, origin, base, overrides, None, readers)?.single(origin)
}

/// As [`parse`], also where the file has a table `[vary]`; with the `chosen` studies alone, where there are some.
///
/// # Errors
/// As [`parse`], of every point; a chosen study that the experiment does not have.
pub fn describe(
    text: &str,
    origin: &str,
    base: &Path,
    overrides: &[Override],
    chosen: Option<&[String]>,
    readers: &Readers,
) -> Result<Description, ConfigError> {
    let mut table: Table = text.parse().map_err(|error: toml::de::Error| {
        let advice = syntax::syntax_advice(text, &error);
        ConfigError::Syntax { file: origin.into(), advice, source: Box::new(error) }
    })?;
    let mut overrides = overrides.to_vec();
    let mut typed = TypedValues::of_file(text);
    let mut renamed = rename_tables(&mut table, &mut overrides, &mut typed, readers);
    vary::remove_whole(&mut table, &mut overrides)?;
    if vary::is_varied(&table, &overrides) {
        if let Some(chosen) = chosen {
            renamed.notes.extend(study_choice::keep(&mut table, chosen, readers)?);
        }
        let conflicts = renamed.conflicts.into_iter().map(|(key, message)| (key.to_string(), message)).collect();
        let file = vary_points::VariedFile { origin, table, overrides, typed, conflicts };
        return match file.read(|table, errors| read_table(table, base, readers, errors)) {
            Ok(varied) => Ok(Description::Varied(Box::new(vary::Varied { notes: renamed.notes, ..varied }))),
            Err(error) => Err(noted(error, renamed.notes)),
        };
    }
    // After the overrides have their present keys, by which errors are attributed to them.
    let errors = KeyErrors::new(origin, &overrides, typed);
    for (key, message) in renamed.conflicts {
        errors.add(key, None, message);
    }
    let mut notes = renamed.notes;
    let mut change = || {
        overrides.iter().try_for_each(|entry| entry.apply(&mut table))?;
        chosen.map_or(Ok(Vec::new()), |chosen| study_choice::keep(&mut table, chosen, readers))
    };
    let changed = change().map(|found| notes.extend(found));
    match changed.and_then(|()| read_table(table, base, readers, errors)) {
        Ok(experiment) => Ok(Description::Single(Loaded { experiment, notes })),
        Err(error) => Err(noted(error, notes)),
    }
}

/// The error with the notes, where there are some.
fn noted(error: ConfigError, notes: Vec<String>) -> ConfigError {
    if notes.is_empty() { error } else { ConfigError::Noted { source: Box::new(error), notes } }
}

/// Reads a resolved experiment, as manifests record it. `origin` names it in messages.
///
/// # Errors
/// As [`parse`].
pub fn from_resolved(
    resolved: &serde_json::Value,
    origin: &str,
    readers: &Readers,
) -> Result<AnyExperiment, ConfigError> {
    let text = resolved_text(resolved);
    parse(&text, origin, Path::new("."), &[], readers).map(|loaded| loaded.experiment)
}

/// The TOML text of a resolved experiment; keys without a value, which TOML does not have, are left out.
pub fn resolved_text(resolved: &serde_json::Value) -> String {
    let table = toml_value(resolved).unwrap_or(toml::Value::Table(Table::new()));
    toml::to_string(&table).unwrap_or_default()
}

fn toml_value(value: &serde_json::Value) -> Option<toml::Value> {
    Some(match value {
        serde_json::Value::Null => return None,
        serde_json::Value::Bool(flag) => toml::Value::Boolean(*flag),
        serde_json::Value::Number(number) => match number.as_i64() {
            Some(whole) => toml::Value::Integer(whole),
            None => toml::Value::Float(number.as_f64()?),
        },
        serde_json::Value::String(text) => toml::Value::String(text.clone()),
        serde_json::Value::Array(items) => toml::Value::Array(items.iter().filter_map(toml_value).collect()),
        serde_json::Value::Object(keys) => {
            toml::Value::Table(keys.iter().filter_map(|(key, value)| Some((key.clone(), toml_value(value)?))).collect())
        }
    })
}

/// Reads an experiment from its root table, whose tables have their present names.
fn read_table(
    mut table: Table,
    base: &Path,
    readers: &Readers,
    errors: KeyErrors,
) -> Result<AnyExperiment, ConfigError> {
    let kind = table.remove("kind");
    let mut root = Section::root(table, &errors);
    root.also("kind");
    match kind.as_ref().map(|kind| kind.as_str()) {
        None | Some(Some("training")) => {
            readers.elsewhere(&mut root, "training");
            let experiment = read::experiment(root, base, &readers.training);
            validate::validate(&experiment, &errors);
            if let Some(MemoryExcess { key, value, message }) = (readers.exceeds_memory)(&experiment) {
                errors.add(&key, value, message);
            }
            errors.into_result(AnyExperiment::Training(Box::new(experiment)))
        }
        Some(Some("recovery")) => {
            readers.elsewhere(&mut root, "recovery");
            let experiment = read_recovery::experiment(root, base, &readers.recovery, &errors);
            errors.into_result(AnyExperiment::Recovery(Box::new(experiment)))
        }
        Some(Some("pruning")) => {
            readers.elsewhere(&mut root, "pruning");
            let experiment = read_pruning::experiment(root, base, &readers.pruning, &errors);
            errors.into_result(AnyExperiment::Pruning(Box::new(experiment)))
        }
        Some(_) => {
            let expected = "expected one of \"training\", \"recovery\", \"pruning\"";
            errors.add("kind", kind.map(|kind| kind.to_string()), expected);
            Err(errors.into_error())
        }
    }
}

impl Readers {
    /// Makes the tables of the other kinds of experiment known to the root table of this kind.
    fn elsewhere(&self, root: &mut Section<'_>, kind: &str) {
        let training = self.training.iter().map(|reader| reader.name).chain(read::OWN_KEYS);
        let recovery = self.recovery.iter().map(|reader| reader.name).chain(read_recovery::OWN_KEYS);
        let pruning = self.pruning.iter().map(|reader| reader.name).chain(read_pruning::OWN_KEYS);
        let kinds: [(&str, Vec<&str>); 3] =
            [("training", training.collect()), ("recovery", recovery.collect()), ("pruning", pruning.collect())];
        for (other, keys) in kinds.iter().filter(|(other, _)| *other != kind) {
            root.elsewhere(&format!("kind = \"{other}\""), keys);
        }
    }
}

/// What was found when tables were renamed.
#[derive(Default)]
struct RenamedTables {
    /// A note for each table that was read under a former name.
    notes: Vec<String>,
    /// Former names of tables that are given under both names, each with a message.
    conflicts: Vec<(&'static str, String)>,
}

/// Renames tables with a former name, in the file and in overrides.
fn rename_tables(
    table: &mut Table,
    overrides: &mut [Override],
    typed: &mut TypedValues,
    readers: &Readers,
) -> RenamedTables {
    let mut found = RenamedTables::default();
    for (old, new) in readers.renamed() {
        let note = format!("the table [{old}] is now called [{new}]");
        if let Some(value) = table.remove(old) {
            if table.contains_key(new) {
                found.conflicts.push((old, format!("{note}: give one of the two")));
            } else {
                table.insert(new.into(), value);
                typed.rename(old, new);
                found.notes.push(note.clone());
            }
        }
        for entry in overrides.iter_mut().filter(|entry| entry.key[0] == old) {
            entry.key[0] = new.into();
            if !found.notes.contains(&note) {
                found.notes.push(note.clone());
            }
        }
    }
    found
}

/// Reads the experiment called `name`: a built-in one, or a file.
///
/// # Errors
/// As [`parse`]; no experiment of that name, and files that cannot be read.
pub fn load(name: &str, overrides: &[Override], readers: &Readers) -> Result<Loaded, ConfigError> {
    load_description(name, overrides, None, readers)?.single(name)
}

/// As [`load`], also where the file has a table `[vary]`; with the `chosen` studies alone, where there are some.
///
/// # Errors
/// As [`load`], of every point; a chosen study that the experiment does not have.
pub fn load_description(
    name: &str,
    overrides: &[Override],
    chosen: Option<&[String]>,
    readers: &Readers,
) -> Result<Description, ConfigError> {
    if let Some(builtin) = builtin::find(name) {
        return describe(builtin.text, name, Path::new("."), overrides, chosen, readers);
    }
    let path = Path::new(name);
    if !path.exists() {
        return Err(ConfigError::NoSuchExperiment { name: name.into() });
    }
    let unreadable = |source| ConfigError::Unreadable { file: name.into(), source };
    let mut text = String::new();
    let file = std::fs::File::open(path).map_err(unreadable)?;
    file.take(MAX_FILE + 1).read_to_string(&mut text).map_err(unreadable)?;
    if text.len() as u64 > MAX_FILE {
        return Err(ConfigError::TooLong { file: name.into(), most: MAX_FILE });
    }
    describe(&text, name, path.parent().unwrap_or(Path::new(".")), overrides, chosen, readers)
}
