//! Promise: a module depends on lower layers only, no files depend on each other in a circle, studies do not depend on each
//! other, and unsafe code stays in the kernels. Read from the source files.

mod source;

use source::{Sources, cycle, tokens};
use std::path::Path;

/// Every module of the library from the lowest to the highest.
const LAYERS: [&str; 14] = [
    "choice",
    "number",
    "compute",
    "population",
    "network",
    "dynamics",
    "kinetic",
    "sparse",
    "analysis",
    "record",
    "figure",
    "config",
    "run",
    "study",
];

/// The root of the library, and the program, which are above all layers.
const ABOVE: [&str; 3] = ["lib", "main", "cli"];

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

#[test]
fn no_files_depend_on_each_other_in_a_circle() {
    let sources = sources();
    let cycles: Vec<String> =
        LAYERS.iter().filter_map(|layer| cycle(&sources.uses(layer))).map(|cycle| cycle.join(" -> ")).collect();
    assert!(cycles.is_empty(), "\n{}", cycles.join("\n"));
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

/// Comments, strings, characters and lifetimes are no tokens.
#[test]
fn the_reader_of_tokens_is_right() {
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
