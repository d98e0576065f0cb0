//! Errors of the library as the exceptions of the package, with the messages of the program.

use pyo3::PyErr;
use std::error::Error;
use std::iter::successors;
use widelimit::config::ConfigError;

/// The exceptions, which are classes of the package.
#[allow(missing_docs)]
mod exceptions {
    pyo3::import_exception!(widelimit._errors, ConfigError);
    pyo3::import_exception!(widelimit._errors, RunError);
}

/// File, key, value and message of a problem; only the message is always there.
pub type ProblemTuple = (Option<String>, Option<String>, Option<String>, String);

/// The message of an error and its causes, each once: most messages end with that of their cause.
fn message(error: &(dyn Error + 'static)) -> String {
    successors(Some(error), |error: &&(dyn Error + 'static)| (*error).source()).fold(String::new(), |text, cause| {
        let cause = cause.to_string();
        match text.as_str() {
            "" => cause,
            _ if text.ends_with(&cause) => text,
            _ => format!("{text}: {cause}"),
        }
    })
}

/// The problems of an experiment that cannot be read.
pub fn problems(error: &ConfigError) -> Vec<ProblemTuple> {
    match error {
        ConfigError::Noted { source, .. } => problems(source),
        ConfigError::Invalid { errors } => {
            let problem = |e: &widelimit::config::KeyError| {
                (Some(e.file.clone()), Some(e.key.clone()), e.value.clone(), e.message.clone())
            };
            errors.iter().map(problem).collect()
        }
        ConfigError::Syntax { file, .. } | ConfigError::TooLong { file, .. } | ConfigError::Varied { file } => {
            vec![(Some(file.clone()), None, None, message(error))]
        }
        ConfigError::VariedKey { file, key, .. } => {
            vec![(Some(file.clone()), Some(format!("vary.{key}")), None, message(error))]
        }
        ConfigError::Unreadable { file, .. } => vec![(Some(file.display().to_string()), None, None, message(error))],
        ConfigError::NoSuchExperiment { .. } | ConfigError::NoSuchStudy { .. } | ConfigError::Override { .. } => {
            vec![(None, None, None, message(error))]
        }
    }
}

/// The exception of an experiment that cannot be read.
pub fn config_error(error: &ConfigError) -> PyErr {
    exceptions::ConfigError::new_err((message(error), problems(error)))
}

/// The exception of a run that fails.
pub fn run_error(error: &(dyn Error + 'static)) -> PyErr {
    exceptions::RunError::new_err(message(error))
}

/// The exception of a run that fails, with a message of its own.
pub fn failed(message: impl Into<String>) -> PyErr {
    exceptions::RunError::new_err(message.into())
}
