//! Values of every kind of type that serde knows, written and read back bit by bit.

use super::{from_json, to_json_line};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt::Debug;

#[derive(Serialize, Deserialize, Debug, PartialEq)]
struct Unit;

#[derive(Serialize, Deserialize, Debug)]
struct Wrapped(f64);

#[derive(Serialize, Deserialize, Debug)]
struct Pair(f64, f32);

#[derive(Serialize, Deserialize, Debug)]
enum Form {
    Bare,
    One(f64),
    Two(f64, Option<f64>),
    Named { x: f64, list: Vec<f64> },
}

#[derive(Serialize, Deserialize, Debug)]
#[serde(tag = "kind")]
enum Tagged {
    Number {
        #[serde(with = "super")]
        x: f64,
    },
}

#[derive(Serialize, Deserialize, Debug)]
struct Everything {
    plain: f64,
    optional: Option<f64>,
    ends: Option<(f64, f64)>,
    wrapped: Option<Wrapped>,
    pair: Pair,
    table: Vec<Vec<f64>>,
    named: BTreeMap<String, [f64; 2]>,
    forms: Vec<Form>,
    tagged: Tagged,
    unit: Unit,
    count: u64,
    signed: i32,
    text: String,
    letter: char,
    flag: bool,
    none: Option<f64>,
}

fn everything(x: f64) -> Everything {
    Everything {
        plain: x,
        optional: Some(x),
        ends: Some((x, -x)),
        wrapped: Some(Wrapped(x)),
        pair: Pair(x, x as f32),
        table: vec![vec![x, 0.1], vec![], vec![-0.0]],
        named: [("inf".into(), [x, 5e-324])].into(),
        forms: vec![Form::Bare, Form::One(x), Form::Two(x, Some(x)), Form::Named { x, list: vec![x; 2] }],
        tagged: Tagged::Number { x },
        unit: Unit,
        count: u64::MAX,
        signed: -3,
        text: "inf".into(),
        letter: 'ß',
        flag: true,
        none: None,
    }
}

/// `Debug` shows every number with all its digits, the sign of zero and NaN.
fn round_trip<T: Serialize + DeserializeOwned + Debug>(value: &T) -> String {
    let json = to_json_line(value).unwrap();
    serde_json::from_str::<serde_json::Value>(&json).unwrap_or_else(|error| panic!("{json}: {error}"));
    let back: T = from_json(&json).unwrap_or_else(|error| panic!("{json}: {error}"));
    assert_eq!(format!("{back:?}"), format!("{value:?}"), "{json}");
    json
}

#[test]
fn every_type_comes_back_with_every_number() {
    for x in [1.5, -0.0, 0.1, f64::MAX, f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        round_trip(&everything(x));
    }
}

#[test]
fn the_written_form() {
    assert_eq!(round_trip(&f64::NAN), "null");
    assert_eq!(round_trip(&f32::NEG_INFINITY), "\"-inf\"");
    assert_eq!(round_trip(&vec![1.0, f64::NAN, f64::INFINITY]), "[1.0,null,\"inf\"]");
    // Null is an absent value in an option, so NaN is not.
    assert_eq!(round_trip(&[Some(f64::NAN), None, Some(f64::INFINITY)]), "[\"nan\",null,\"inf\"]");
    assert_eq!(round_trip(&Some((f64::NAN, 2.0))), "[null,2.0]");
}

/// Finite values have the text that serde_json gives them.
#[test]
fn finite_values_are_written_as_ever() {
    let value = everything(0.1);
    assert_eq!(super::to_json(&value).unwrap(), serde_json::to_string_pretty(&value).unwrap());
}

#[test]
fn what_is_no_number_is_refused() {
    for text in ["\"tired\"", "[1.0]", "{}", "true"] {
        assert!(from_json::<f64>(text).is_err(), "{text}");
    }
    let error = from_json::<Vec<f64>>("[\"tired\"]").unwrap_err().to_string();
    assert!(error.contains("tired") && error.contains("a number"), "{error}");
    // Elsewhere null and texts are what they were.
    assert!(from_json::<u32>("null").is_err() && from_json::<u32>("\"3\"").is_err());
    assert_eq!(from_json::<String>("\"inf\"").unwrap(), "inf");
    assert!(from_json::<(f64, f64)>("[1.0, 2.0, 3.0]").is_err());
    assert!(from_json::<Form>("{\"One\": 1.0, \"Bare\": null}").is_err());
}

/// A type that serde buffers loses what is expected of a value, so that its numbers need the attribute; none but these
/// may be added to the records without it.
#[test]
fn types_that_are_read_into_a_buffer() {
    let mut found = Vec::new();
    let mut open = vec![std::path::PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/src"))];
    while let Some(folder) = open.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
            } else if path.extension().is_some_and(|kind| kind == "rs") && !path.ends_with("number/tests.rs") {
                let text = std::fs::read_to_string(&path).unwrap();
                let mut items = text.split("\n#[derive(").skip(1);
                let buffered = |item: &str| {
                    let (derived, rest) = item.split_once(')').unwrap_or_default();
                    let own = rest.split("\n}").next().unwrap_or_default();
                    let attributes = own.lines().filter(|line| line.trim_start().starts_with("#[serde("));
                    derived.contains("Deserialize")
                        && attributes.into_iter().any(|line| {
                            ["tag =", "untagged", "flatten"].iter().any(|attribute| line.contains(attribute))
                        })
                };
                if items.any(buffered) {
                    let name = path.strip_prefix(concat!(env!("CARGO_MANIFEST_DIR"), "/src")).unwrap();
                    found.push(name.to_string_lossy().into_owned());
                }
            }
        }
    }
    found.sort();
    // The form of a bound and the reason of a stop, whose numbers have the attribute; the representation of a number
    // itself; a key of the experiment file, which is finite.
    let expected = ["analysis/bound.rs", "dynamics/time_loop.rs", "number/mod.rs", "sparse/recovery/inverse.rs"];
    assert_eq!(found, expected);
}
