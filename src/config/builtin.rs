//! The built-in experiments, compiled into the library.

/// A built-in experiment.
pub struct Builtin {
    /// Its name on the command line.
    pub name: &'static str,
    /// Its TOML text, which `widelimit show` prints.
    pub text: &'static str,
}

macro_rules! builtin {
    ($($name:literal),+ $(,)?) => {
        &[$(Builtin { name: $name, text: include_str!(concat!("../../experiments/", $name, ".toml")) }),+]
    };
}

/// Every built-in experiment, in the order of `widelimit list`.
pub const BUILTIN: &[Builtin] = builtin![
    "digits",
    "digits-classes",
    "teacher",
    "mixture",
    "langevin",
    "descent",
    "dropout",
    "dropout-teacher",
    "prune-neurons",
    "connect",
    "connect-teacher",
    "converge",
    "converge-teacher",
    "picard",
    "radial",
    "bump",
    "gibbs",
    "predict",
    "bound-dimension",
    "bound-horizon",
    "learning-rate",
    "mnist",
    "digits3",
    "mnist3",
    "recover",
    "recover-mnist",
    "phase",
    "prune-digits",
    "prune-text",
];

/// The built-in experiment of this name.
pub fn find(name: &str) -> Option<&'static Builtin> {
    BUILTIN.iter().find(|b| b.name == name)
}

/// The names of all built-in experiments.
pub fn names() -> Vec<&'static str> {
    BUILTIN.iter().map(|b| b.name).collect()
}
