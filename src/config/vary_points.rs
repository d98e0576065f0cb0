//! The points of a table `[vary]`: the values of each, its name, and its experiment.

use super::Override;
use super::error::{ConfigError, KeyError, KeyErrors};
use super::read_vary::{VaryTable, read_table, split};
use super::spelling::TypedValues;
use super::vary::{Combine, Varied, VariedKey, VariedPoint, label};
use toml::{Table, Value};

/// A file with a table `[vary]` that is TOML.
pub(super) struct VariedFile<'a> {
    /// Its name in messages.
    pub origin: &'a str,
    /// Its contents.
    pub table: Table,
    /// Keys replaced on the command line.
    pub overrides: Vec<Override>,
    /// Values as they were typed.
    pub typed: TypedValues,
    /// Errors found before: keys with messages.
    pub conflicts: Vec<(String, String)>,
}

impl VariedFile<'_> {
    /// Reads the experiment of every point by `read_one`.
    ///
    /// # Errors
    /// A wrong table `[vary]`; otherwise the errors of all points, with the points at which they occur.
    pub fn read<E>(
        mut self,
        read_one: impl Fn(Table, KeyErrors) -> Result<E, ConfigError>,
    ) -> Result<Varied<E>, ConfigError> {
        let errors = KeyErrors::new(self.origin, &self.overrides, self.typed.clone());
        for (key, message) in std::mem::take(&mut self.conflicts) {
            errors.add(&key, None, message);
        }
        let (given, others) = split(&mut self.table, &self.overrides, &errors)?;
        let VaryTable { keys, combine, fits } = read_table(given, &others, &errors);
        errors.into_result(())?;
        for entry in &others {
            entry.apply(&mut self.table)?;
        }
        let rows = combined(&keys, combine);
        let names = names(&keys, &rows);
        let (mut points, mut found) = (Vec::new(), Vec::new());
        for (name, values) in names.into_iter().zip(rows) {
            let mut table = self.table.clone();
            let mut typed = self.typed.clone();
            for (VariedKey { key, .. }, value) in keys.iter().zip(&values) {
                Override::of_file(key, value.clone()).apply(&mut table).map_err(|error| self.of_key(key, error))?;
                typed.replace(key, &value.to_string());
            }
            match read_one(table, KeyErrors::new(self.origin, &others, typed)) {
                Ok(experiment) => points.push(VariedPoint { name, values, experiment }),
                Err(ConfigError::Invalid { errors }) => found.push((name, errors)),
                Err(error) => return Err(error),
            }
        }
        if found.is_empty() {
            return Ok(Varied { keys, combine, fits, points, notes: Vec::new() });
        }
        Err(ConfigError::Invalid { errors: of_points(found, points.len()) })
    }

    /// The error of a varied key that cannot be applied.
    fn of_key(&self, key: &str, error: ConfigError) -> ConfigError {
        match error {
            ConfigError::Override { source, .. } => {
                ConfigError::VariedKey { file: self.origin.into(), key: key.into(), source }
            }
            other => other,
        }
    }
}

/// Most points that a message names.
const MAX_NAMED: usize = 3;

/// The errors of several points, each once; those that do not occur at all points name where they do. `sound` is the
/// number of points without errors.
fn of_points(found: Vec<(String, Vec<KeyError>)>, sound: usize) -> Vec<KeyError> {
    let all = found.len() + sound;
    let mut distinct: Vec<(KeyError, Vec<String>)> = Vec::new();
    for (point, errors) in found {
        for error in errors {
            match distinct.iter_mut().find(|(other, _)| *other == error) {
                Some((_, points)) => points.push(point.clone()),
                None => distinct.push((error, vec![point.clone()])),
            }
        }
    }
    let named = |(error, points): (KeyError, Vec<String>)| {
        if points.len() == all {
            return error;
        }
        let more =
            if points.len() > MAX_NAMED { format!(" and {} more", points.len() - MAX_NAMED) } else { String::new() };
        let noun = if points.len() == 1 { "point" } else { "points" };
        let shown = points[..points.len().min(MAX_NAMED)].join("; ");
        KeyError { file: format!("{}, {noun} {shown}{more}", error.file), ..error }
    };
    distinct.into_iter().map(named).collect()
}

/// The values of every point.
fn combined(keys: &[VariedKey], combine: Combine) -> Vec<Vec<Value>> {
    match combine {
        Combine::Zip => {
            let count = keys.first().map_or(0, |key| key.values.len());
            (0..count).map(|i| keys.iter().map(|key| key.values[i].clone()).collect()).collect()
        }
        Combine::Product => keys.iter().fold(vec![Vec::new()], |rows, key| {
            let with = |row: &Vec<Value>, value: &Value| row.iter().cloned().chain([value.clone()]).collect();
            rows.iter().flat_map(|row| key.values.iter().map(move |value| with(row, value))).collect()
        }),
    }
}

/// Longest name of the folder of a point that lists its values.
const MAX_NAME: usize = 120;

/// The names of the points: `KEY=VALUE` of every key; numbers where the values have no names that are safe in a file
/// system, are too long, or do not differ there.
fn names(keys: &[VariedKey], rows: &[Vec<Value>]) -> Vec<String> {
    let named = |row: &Vec<Value>| -> Option<String> {
        let parts: Option<Vec<String>> =
            keys.iter().zip(row).map(|(key, value)| Some(format!("{}={}", key.key, label(value)?))).collect();
        parts.map(|parts| parts.join(",")).filter(|name| name.len() <= MAX_NAME)
    };
    let found: Option<Vec<String>> = rows.iter().map(named).collect();
    let distinct = |names: &Vec<String>| {
        let mut folded: Vec<String> = names.iter().map(|name| name.to_lowercase()).collect();
        folded.sort_unstable();
        folded.windows(2).all(|pair| pair[0] != pair[1])
    };
    let digits = rows.len().to_string().len();
    let numbered = || (1..=rows.len()).map(|i| format!("point-{i:0digits$}")).collect();
    found.filter(distinct).unwrap_or_else(numbered)
}
