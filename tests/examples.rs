//! The programs of `examples/` run, and what each asserts holds.

#[path = "../examples/kinetic_equation.rs"]
mod kinetic_equation;
#[path = "../examples/network_and_limit.rs"]
mod network_and_limit;
#[path = "../examples/own_activation.rs"]
mod own_activation;
#[path = "../examples/refit_exponent.rs"]
mod refit_exponent;
#[path = "../examples/sparse_recovery.rs"]
mod sparse_recovery;
#[path = "../examples/train_network.rs"]
mod train_network;

use std::error::Error;

#[test]
fn the_kinetic_equation_conserves_mass_and_dissipates_free_energy() -> Result<(), Box<dyn Error>> {
    kinetic_equation::main()
}

#[test]
fn four_times_the_width_halves_the_distance_from_the_limit() -> Result<(), Box<dyn Error>> {
    network_and_limit::main()
}

#[test]
fn networks_of_an_own_activation_approach_their_limit() -> Result<(), Box<dyn Error>> {
    own_activation::main()
}

#[test]
fn exponents_are_refitted_from_records() -> Result<(), Box<dyn Error>> {
    refit_exponent::main()
}

#[test]
fn a_sparse_vector_is_recovered_exactly() -> Result<(), Box<dyn Error>> {
    sparse_recovery::main()
}

#[test]
fn training_obeys_the_energy_balance() -> Result<(), Box<dyn Error>> {
    train_network::main()
}

/// A new example must be run above.
#[test]
fn every_example_is_run() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/examples");
    let this = include_str!("examples.rs");
    for entry in std::fs::read_dir(folder).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        if name.ends_with(".toml") {
            // Of a size that every machine has.
            let small = "variants.0.width=1048576".parse().unwrap();
            let read = widelimit::load(&format!("{folder}/{name}"), &[small]);
            assert!(read.is_ok(), "examples/{name}: {read:?}");
            continue;
        }
        assert!(this.contains(&format!("#[path = \"../examples/{name}\"]")), "examples/{name} is not run");
    }
}
