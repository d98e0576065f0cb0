//! Runs that are killed or interrupted at random moments, again and again, and resumed, end with the bytes of a run that
//! was left alone; so do runs whose checkpoints were damaged in between.
//!
//! Seeds are fixed, and moments are fractions of a measured duration: a failure may need several tries to be seen again.
//!
//! | variable | meaning | default |
//! |---|---|---|
//! | `WIDELIMIT_CRASHES` | trials, a fifth of them with damaged files | 15 |
//! | `WIDELIMIT_CRASH_SEED` | seed of the trials | 1 |
//! | `WIDELIMIT_CRASH_ONLY` | index of the only trial to be made | all |
//! | `WIDELIMIT_CRASH_CASE` | name of the only experiment | all |
//! | `WIDELIMIT_CRASH_SIZE` | factor of the sizes of the experiments | 1; 0.25 without optimisation |
//! | `WIDELIMIT_CRASH_SECONDS` | time in which a signal must end the program, which an idle machine does within 1 | 20 |
//! | `WIDELIMIT_CRASH_PROGRAM` | the program | that of this build |
//! | `WIDELIMIT_CRASH_KEEP` | a folder to which failed runs are copied | none |
#![cfg(unix)]

#[path = "../common/mod.rs"]
mod common;

mod cases;
mod compare;
mod damage;
mod trial;

use cases::{CASES, Case};
use std::str::FromStr;
use std::sync::{LazyLock, Mutex, PoisonError};
use trial::{Trials, Whole};

/// One run after the other: a signal must end the program within a second.
static TURN: Mutex<()> = Mutex::new(());

/// The runs that were left alone, made when they are first needed.
static WHOLE: LazyLock<Vec<Mutex<Option<Whole>>>> = LazyLock::new(|| CASES.iter().map(|_| Mutex::new(None)).collect());

/// The value of an environment variable.
pub fn setting<T: FromStr>(name: &str) -> Option<T> {
    let text = std::env::var(name).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{name}: unexpected value '{text}'")))
}

/// Makes all trials of one kind, and reports every failure.
fn all(damaged: bool) {
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let crashes = setting::<usize>("WIDELIMIT_CRASHES").unwrap_or(15);
    let with_damage = crashes.div_ceil(5);
    let count = if damaged { with_damage } else { crashes - with_damage };
    let seed = setting("WIDELIMIT_CRASH_SEED").unwrap_or(1);
    let only = setting::<usize>("WIDELIMIT_CRASH_ONLY");
    let named = setting::<String>("WIDELIMIT_CRASH_CASE");
    let chosen: Vec<&Case> = CASES.iter().filter(|case| named.as_ref().is_none_or(|name| *name == case.name)).collect();
    assert!(!chosen.is_empty(), "no experiment is called {named:?}");
    println!("seed {seed}, {count} trials");
    let mut trials = Trials::new(seed, damaged);
    let mut failures = Vec::new();
    for index in (0..count).filter(|index| only.is_none_or(|only| only == *index)) {
        let case = chosen[index % chosen.len()];
        let place = CASES.iter().position(|other| other.name == case.name).expect("a case of the list");
        let mut whole = WHOLE[place].lock().unwrap_or_else(PoisonError::into_inner);
        let whole = whole.get_or_insert_with(|| Whole::new(case));
        if let Err(failure) = trials.one(index, case, whole) {
            println!("{failure}");
            failures.push(failure);
        }
    }
    println!("{}", trials.summary());
    assert!(failures.is_empty(), "{} of {count} trials failed:\n{}", failures.len(), failures.join("\n"));
}

#[test]
fn killed_and_interrupted_runs_end_with_the_same_bytes() {
    all(false);
}

#[test]
fn damaged_checkpoints_are_redone() {
    all(true);
}
