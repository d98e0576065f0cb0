//! A module depends on lower layers only, the files of a layer form no cycle but the listed ones, studies do not
//! depend on each other, and unsafe code stays in the kernels. Read from the source files.

mod source;

use source::{Sources, cycle, tokens};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// Every module of the library from the lowest to the highest.
const LAYERS: [&str; 18] = [
    "choice",
    "number",
    "compute",
    "ranks",
    "population",
    "network",
    "dynamics",
    "kinetic",
    "fluctuation",
    "sparse",
    "prune",
    "analysis",
    "record",
    "figure",
    "config",
    "run",
    "study",
    "report",
];

/// The root of the library, and the program, which are above all layers.
const ABOVE: [&str; 3] = ["lib", "main", "cli"];

/// Uses that close a cycle of files within a layer, each for a reason; `*` stands for any part of a name. Nothing may
/// be added without one, and what is no longer needed must go.
const CLOSING: &[(&str, &str)] = &[
    // A study's table implements the trait by calling the study, which takes the table.
    ("study/*/spec.rs", "study/*/study.rs"),
    ("study/kinetic/*.rs", "study/kinetic/study.rs"),
    // A factory is in the file of the trait, or of the loop, that its products implement.
    ("dynamics/integrator.rs", "dynamics/*.rs"),
    ("sparse/recovery/solve.rs", "sparse/recovery/method.rs"),
    ("analysis/paths/constructive.rs", "analysis/paths/*_layer.rs"),
    // A model and the kernels that evaluate it.
    ("network/workspace.rs", "network/model.rs"),
    ("network/kernel/three_layer/*.rs", "network/kernel/three_layer/mod.rs"),
    ("network/kernel/three_layer/mod.rs", "network/three_layer.rs"),
    ("network/kernel/superblock.rs", "network/kernel/sweep.rs"),
    ("compute/real.rs", "compute/exp.rs"),
    ("kinetic/radial.rs", "kinetic/radial_particles.rs"),
    // A description and what is made of it.
    ("figure/axis.rs", "figure/chart.rs"),
    ("figure/style.rs", "figure/chart.rs"),
    ("config/override_key.rs", "config/error.rs"),
    ("config/study.rs", "config/experiment.rs"),
    ("config/study.rs", "config/recovery.rs"),
    ("config/study.rs", "config/pruning.rs"),
    ("config/sweep.rs", "config/experiment.rs"),
    ("config/sweep.rs", "config/read.rs"),
    ("config/routes.rs", "config/validate.rs"),
];

/// Folders that may hold unsafe code.
const UNSAFE: [&str; 2] = ["compute/", "network/kernel/"];

fn sources() -> Sources {
    Sources::read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"))
}

fn rank(layer: &str) -> Option<usize> {
    LAYERS.iter().position(|known| *known == layer)
}

#[test]
fn modules_name_lower_layers_only() {
    let sources = sources();
    let mut wrong = Vec::new();
    for file in sources.files.iter().filter(|file| !ABOVE.contains(&file.layer())) {
        let Some(own) = rank(file.layer()) else {
            wrong.push(format!("{}: not in the list of layers", file.name));
            continue;
        };
        for path in &file.paths {
            let Some(absolute) = sources.absolute(file, path) else { continue };
            let named = absolute.first().map_or("", String::as_str);
            if rank(named).is_none_or(|rank| rank > own) {
                wrong.push(format!("{}:{}: {} names {named}", file.name, path.line, file.layer()));
            }
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn files_of_run_use_nothing_of_its_root() {
    let sources = sources();
    let uses = sources.uses("run");
    let wrong = uses.iter().filter_map(|(file, used)| Some(format!("src/{file}:{}", used.get("run/mod.rs")?)));
    let wrong: Vec<String> = wrong.collect();
    assert!(wrong.is_empty(), "run/mod.rs is used by {}", wrong.join(", "));
}

/// Whether a name is of a pattern with at most one `*`.
fn matches(name: &str, pattern: &str) -> bool {
    match pattern.split_once('*') {
        Some((start, end)) => name.len() >= start.len() + end.len() && name.starts_with(start) && name.ends_with(end),
        None => name == pattern,
    }
}

#[test]
fn the_files_of_a_layer_form_no_cycle() {
    let sources = sources();
    let mut unused: BTreeSet<_> = CLOSING.iter().collect();
    let mut cycles = Vec::new();
    for layer in LAYERS {
        let mut uses = sources.uses(layer);
        for (file, used) in &mut uses {
            used.retain(|other, _| {
                let closing = |rule: &&(&str, &str)| matches(file, rule.0) && matches(other, rule.1);
                let rules: Vec<_> = CLOSING.iter().filter(closing).collect();
                unused.retain(|rule| !rules.contains(rule));
                rules.is_empty()
            });
        }
        cycles.extend(cycle(&uses).map(|cycle| cycle.join(" -> ")));
    }
    assert!(cycles.is_empty(), "\n{}", cycles.join("\n"));
    assert!(unused.is_empty(), "no longer needed in the list: {unused:?}");
}

#[test]
fn studies_do_not_depend_on_each_other() {
    let sources = sources();
    let mut wrong = Vec::new();
    for (file, used) in sources.uses("study") {
        let study = |name: &str| name.split('/').nth(1).map(String::from).filter(|name| !name.ends_with(".rs"));
        let Some(own) = study(file) else { continue };
        wrong.extend(
            used.iter()
                .filter(|(other, _)| study(other).is_none_or(|other| other != own))
                .map(|(other, line)| format!("src/{file}:{line} uses src/{other}")),
        );
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn unsafe_code_is_in_the_kernels_only() {
    let sources = sources();
    let mut places = sources.files.iter().flat_map(|file| {
        let tokens = file.tokens.iter().filter(|token| token.text == "unsafe");
        tokens.map(|token| (file.name.as_str(), token.line))
    });
    let outside: Vec<_> = places.by_ref().filter(|(name, _)| !UNSAFE.iter().any(|f| name.starts_with(f))).collect();
    assert!(outside.is_empty(), "{outside:?}");
}

#[test]
fn no_type_name_is_defined_twice() {
    let sources = sources();
    let mut places: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for file in &sources.files {
        for token in file.types() {
            places.entry(&token.text).or_default().push(format!("src/{}:{}", file.name, token.line));
        }
    }
    let twice = places.iter().filter(|(_, at)| at.len() > 1);
    let twice: Vec<String> = twice.map(|(name, at)| format!("{name}: {}", at.join(", "))).collect();
    assert!(twice.is_empty(), "\n{}", twice.join("\n"));
}

/// Comments, strings, characters and lifetimes are no tokens.
#[test]
fn literals_and_comments_are_no_tokens() {
    let text = r####"
        /// crate::doc
        /* crate::one /* nested */ crate::two */ use crate::{a::{self, B}, c::D as E}; // crate::three
        fn f<'a>(x: &'a str) -> char { let _ = ("\" crate::four", r#"crate::" five"#, b'\'', '"', '\u{1f}', 1.5e3f64); 'x' }
    "####;
    let found: Vec<String> = tokens(text).into_iter().map(|token| token.text).collect();
    let expected = "use crate :: { a :: { self , B } , c :: D as E } ; \
                    fn f < > ( x : & str ) - > char { let _ = ( , , , , , . ) ; }";
    assert_eq!(found.join(" "), expected);
    assert_eq!(tokens(text).last().unwrap().line, 4);
}
