//! The compiled part of the Python package `widelimit`: reading and running experiments.
//!
//! Run folders are read in Python alone. The functions here take what the package has prepared: experiments as names or
//! TOML text, overrides as text, arrays of shapes (n, d) and (n, K) in double precision.

#![deny(clippy::print_stdout, clippy::print_stderr)]

mod error;
mod run;
mod source;

use pyo3::prelude::*;
use widelimit::compute::AlignedAllocator;
use widelimit::config::ConfigError;
use widelimit::config::builtin::BUILTIN;

/// The alignment of arrays that the kernels are measured with.
#[global_allocator]
static ALLOCATOR: AlignedAllocator = AlignedAllocator;

/// The compiled part of `widelimit`.
#[pymodule]
mod _native {
    #[pymodule_export]
    use super::{built_in, problems, run::run, version};
}

/// Name and TOML text of every built-in experiment.
#[pyfunction]
fn built_in() -> Vec<(&'static str, &'static str, String)> {
    let title = |text: &str| text.parse::<toml::Table>().ok()?.get("title")?.as_str().map(String::from);
    BUILTIN.iter().map(|b| (b.name, b.text, title(b.text).unwrap_or_default())).collect()
}

/// Version and revision of the library.
#[pyfunction]
fn version() -> (String, String) {
    let build = widelimit::record::Build::present();
    (build.version, build.revision)
}

/// What is wrong with an experiment, as tuples (file, key, value, message); empty where it can be run.
#[pyfunction]
fn problems(
    config: &str,
    is_text: bool,
    replaced: Vec<String>,
    removed: Vec<String>,
) -> PyResult<Vec<error::ProblemTuple>> {
    let read = source::overrides(&replaced, &removed).and_then(|overrides| source::read(config, is_text, &overrides));
    Ok(read.err().map_or_else(Vec::new, |error: ConfigError| error::problems(&error)))
}
