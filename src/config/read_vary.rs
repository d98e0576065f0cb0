//! Reading the table `[vary]`: the varied keys, how they are combined, and the statements about quantities over them.

use super::allowed::Allowed;
use super::error::{ConfigError, KeyErrors};
use super::section::Section;
use super::spelling::{contains, related};
use super::vary::{Combine, TrendSpec, VariedKey, number};
use super::{Override, vary};
use crate::analysis::trend::TrendLaw;
use toml::{Table, Value};

/// Keys of `[vary]` that are not those of experiments.
const OWN: [&str; 2] = ["combine", "fit"];

/// Keys that cannot be varied, each with the reason.
const FIXED: [(&str, &str); 5] = [
    ("vary", "a point has no table [vary] of its own"),
    ("kind", "all points are of one kind"),
    ("name", "it names the folder of all points"),
    ("title", "it is that of all points"),
    ("run", "its keys change no result"),
];

/// Most points.
const MAX_POINTS: usize = 1000;

/// What was read.
pub(super) struct VaryTable {
    pub keys: Vec<VariedKey>,
    pub combine: Combine,
    pub fits: Vec<TrendSpec>,
}

/// The contents of `[vary]` as they were given.
pub(super) struct GivenTable {
    /// Its own keys.
    own: Table,
    /// Varied keys with their values.
    varied: Vec<(String, Value)>,
}

/// Takes `[vary]` out of a file, with what the command line replaces in it; returns the other replaced keys too.
///
/// # Errors
/// A replaced key of `[vary]` that cannot be applied.
pub(super) fn split(
    table: &mut Table,
    overrides: &[Override],
    errors: &KeyErrors,
) -> Result<(GivenTable, Vec<Override>), ConfigError> {
    let mut given = GivenTable { own: Table::new(), varied: Vec::new() };
    match table.remove("vary") {
        None => {}
        Some(Value::Table(all)) => {
            for (key, value) in all {
                if OWN.contains(&key.as_str()) {
                    given.own.insert(key, value);
                } else {
                    flatten(&key, value, &mut given.varied, errors);
                }
            }
        }
        Some(other) => errors.add("vary", Some(other.to_string()), "expected a table, [vary]"),
    }
    let (of_vary, others): (Vec<Override>, Vec<Override>) =
        overrides.iter().cloned().partition(|entry| entry.key[0] == "vary");
    for entry in of_vary {
        match &entry.key[1..] {
            [] => {
                let value = entry.value.as_ref().map(Value::to_string);
                errors.add("vary", value, "expected vary.KEY=[...], one key at a time");
            }
            [own, ..] if OWN.contains(&own.as_str()) => {
                entry.without_first(1).apply(&mut given.own)?;
            }
            parts => {
                let key = parts.join(".");
                let before = given.varied.len();
                given.varied.retain(|(other, _)| *other != key);
                match &entry.value {
                    Some(value) => given.varied.push((key, value.clone())),
                    None if given.varied.len() == before => return Err(entry.nothing_to_remove()),
                    None => {}
                }
            }
        }
    }
    given.varied.sort_by(|a, b| a.0.cmp(&b.0));
    Ok((given, others))
}

/// Adds the keys of a table inside `[vary]`: an unquoted dotted key is one.
fn flatten(key: &str, value: Value, found: &mut Vec<(String, Value)>, errors: &KeyErrors) {
    match value {
        Value::Table(table) => {
            for (inner, value) in table {
                flatten(&format!("{key}.{inner}"), value, found, errors);
            }
        }
        value if found.iter().any(|(other, _)| other == key) => {
            errors.add(&format!("vary.{key}"), Some(value.to_string()), "given twice: leave one of them");
        }
        value => found.push((key.into(), value)),
    }
}

/// Reads the contents; errors are collected. `replaced` are the keys of the command line that apply to all points.
pub(super) fn read_table(given: GivenTable, replaced: &[Override], errors: &KeyErrors) -> VaryTable {
    let GivenTable { own, varied } = given;
    let mut root = Section::root(Table::from_iter([("vary".to_string(), Value::Table(own))]), errors);
    let Some(mut s) = root.section("vary", true) else {
        return VaryTable { keys: Vec::new(), combine: Combine::Product, fits: Vec::new() };
    };
    let combine = s.choice_of("combine", Some(Combine::Product));
    let keys: Vec<VariedKey> =
        varied.into_iter().filter_map(|(key, value)| varied_key(key, value, combine, errors)).collect();
    if keys.is_empty() && !errors.any() {
        errors.add(
            "vary",
            None,
            "expected at least one key with a list of values, such as \"dynamics.friction\" = [0.3, 1, 3]",
        );
    }
    require_compatible(&keys, combine, replaced, errors);
    let mut fits: Vec<TrendSpec> = Vec::new();
    for section in s.sections("fit") {
        let fit = fit(section, &keys);
        if fits.iter().any(|other| other.name == fit.name) {
            let message = format!("two statements are called \"{}\": give each another name", fit.name);
            errors.add(&format!("vary.fit.{}.name", fits.len()), None, message);
        }
        fits.push(fit);
    }
    s.finish();
    VaryTable { keys, combine, fits }
}

/// A key with its values; `None` where they are no list of values.
fn varied_key(key: String, value: Value, combine: Combine, errors: &KeyErrors) -> Option<VariedKey> {
    let full = format!("vary.{key}");
    let first = key.split('.').next().unwrap_or_default();
    if key.split('.').any(str::is_empty) {
        errors.add(&full, None, "the key has an empty part; expected something like \"dynamics.step\"");
        return None;
    }
    if let Some((_, reason)) = FIXED.iter().find(|(fixed, _)| *fixed == first) {
        errors.add(&full, Some(value.to_string()), format!("cannot be varied: {reason}"));
        return None;
    }
    match value {
        Value::Array(values) if !values.is_empty() => {
            let same = |a: &Value, b: &Value| a == b || number(a).is_some_and(|a| number(b) == Some(a));
            let twice = (1..values.len()).find(|&i| values[..i].iter().any(|other| same(other, &values[i])));
            if let Some(i) = twice.filter(|_| combine == Combine::Product) {
                errors.add(
                    &full,
                    Some(Value::Array(values.clone()).to_string()),
                    format!("expected every value once; {} is there twice", values[i]),
                );
            }
            Some(VariedKey { key, values })
        }
        other => {
            errors.add(&full, Some(other.to_string()), "expected a list of at least one value, such as [0.3, 1, 3]");
            None
        }
    }
}

/// Adds errors where keys contradict each other, or the command line.
fn require_compatible(keys: &[VariedKey], combine: Combine, replaced: &[Override], errors: &KeyErrors) {
    for (i, VariedKey { key, values }) in keys.iter().enumerate() {
        let full = format!("vary.{key}");
        if let Some(other) = keys[..i].iter().find(|other| related(&other.key, key)) {
            errors.add(
                &full,
                None,
                format!("contains, or is a part of, the varied key {}: vary one of the two", other.key),
            );
        }
        if let Some(set) = replaced.iter().map(Override::name).find(|set| contains(key, set)) {
            errors.add(
                &full,
                None,
                format!(
                    "the key is varied and given by --set {set}: to vary other values, use --set 'vary.{key}=[...]'"
                ),
            );
        }
        if combine == Combine::Zip && values.len() != keys[0].values.len() {
            let message = format!(
                "{} values; combine = \"zip\" needs as many as vary.{} has, {}",
                values.len(),
                keys[0].key,
                keys[0].values.len()
            );
            errors.add(&full, None, message);
        }
    }
    let points = match combine {
        Combine::Zip => keys.first().map_or(0, |key| key.values.len()),
        Combine::Product => keys.iter().fold(1, |product: usize, key| product.saturating_mul(key.values.len())),
    };
    if combine == Combine::Zip {
        let row = |i: usize| keys.iter().map(|key| key.values.get(i)).collect::<Vec<_>>();
        if let Some(i) = (1..points).find(|&i| (0..i).any(|j| row(j) == row(i))) {
            errors.add("vary", None, format!("the values at position {} are those of another point", i + 1));
        }
    }
    if points > MAX_POINTS {
        errors.add("vary", None, format!("{points} points: expected at most {MAX_POINTS}"));
    }
}

/// Reads a table `[[vary.fit]]`.
fn fit(mut s: Section, keys: &[VariedKey]) -> TrendSpec {
    let quantity = s.text("quantity", None);
    let law = s.choice_of("law", None);
    let only = if let [key] = keys { Some(key.key.as_str()) } else { None };
    let over = s.text("over", only);
    let varied = keys.iter().find(|key| key.key == over);
    match varied {
        None if !over.is_empty() => {
            let names: Vec<&str> = keys.iter().map(|key| key.key.as_str()).collect();
            s.reject("over", Some(format!("\"{over}\"")), format!("expected a varied key: {}", names.join(", ")));
        }
        None => {}
        Some(key) => require_abscissae(&s, law, key),
    }
    let name = s.text("name", Some(&format!("{quantity}-{}", law_name(law))));
    if name.is_empty() || vary::label(&Value::String(name.clone())).is_none() {
        s.reject("name", Some(format!("\"{name}\"")), "expected letters, digits, '-', '_' and '.', as it names files");
    }
    let fit = TrendSpec {
        name,
        quantity,
        over,
        law,
        relation: s.choice_of("relation", Some(law.relation())),
        expected: s.real("expected", law.expected(), Allowed::Any),
        resolution: s.real("resolution", Some(law.resolution()), Allowed::Positive),
        slack: s.real("slack", Some(0.0), Allowed::NonNegative),
        statement: s.text("statement", Some("")),
    };
    s.finish();
    fit
}

fn law_name(law: TrendLaw) -> &'static str {
    crate::choice::Choice::name(law)
}

/// Adds an error where the values of a key are no abscissae of a law.
fn require_abscissae(s: &Section, law: TrendLaw, key: &VariedKey) {
    let mut values: Vec<f64> = key.values.iter().filter_map(number).collect();
    let reject = |why: String| s.reject("over", Some(format!("\"{}\"", key.key)), why);
    if values.len() < key.values.len() || values.iter().any(|v| !v.is_finite()) {
        return reject("expected a key whose values are numbers".into());
    }
    if law.needs_positive() && values.iter().any(|v| *v <= 0.0) {
        return reject(format!("law = \"{}\" needs positive values", law_name(law)));
    }
    values.sort_by(f64::total_cmp);
    values.dedup();
    if values.len() < law.least_points() {
        reject(format!("law = \"{}\" needs at least {} values", law_name(law), law.least_points()));
    }
}
