//! Inputs to begin with: the built-in experiments, small arrays, and the files of the small runs of
//! [`base`](crate::base).

use crate::targets::{Layout, Target};
use crate::{base, targets};
use anyhow::Context;
use flate2::Compression;
use flate2::write::GzEncoder;
use ndarray::{Array, Array1, Array2, Array3, Dimension, ShapeBuilder, array};
use ndarray_npy::{NpzWriter, WritableElement};
use std::io::{Cursor, Write};
use std::path::Path;
use widelimit::config::builtin::BUILTIN;

/// Inputs above this size are left out: they are slow, and smaller ones reach as much.
pub const LARGEST: usize = 24 << 10;

/// An input with its name.
pub type Input = (String, Vec<u8>);

/// The inputs of a target that are generated.
///
/// # Errors
/// Arrays that cannot be written.
pub fn generated(target: &Target) -> anyhow::Result<Vec<Input>> {
    let mut inputs = match target.name {
        "experiment" => BUILTIN.iter().map(|b| (b.name.to_string(), b.text.as_bytes().to_vec())).collect(),
        "overrides" => overrides(),
        "npz" => tables()?,
        "csv" => CSV.iter().map(|(name, text)| ((*name).into(), text.as_bytes().to_vec())).collect(),
        "csv-gz" => CSV
            .iter()
            .map(|(name, text)| Ok(((*name).into(), gzip(text.as_bytes())?)))
            .collect::<anyhow::Result<_>>()?,
        "idx" => images()?,
        "problem" => problems()?,
        "safetensors" => models(),
        "trajectory" => targets::with_unfinished(|runs| {
            let of = |run: &targets::Unfinished| {
                let input = |name: &String| headed(run.base.name, name, &run.read(name));
                run.trajectories().iter().map(input).collect::<Vec<_>>()
            };
            runs.iter().flat_map(of).collect()
        }),
        "task" => targets::with_unfinished(|runs| {
            let of = |run: &targets::Unfinished| {
                run.tasks().map(|name| headed(run.base.name, name, &run.read(name))).collect::<Vec<_>>()
            };
            runs.iter().flat_map(of).collect()
        }),
        _ => targets::with_runs(|runs| records(runs, target.name == "manifest"))?,
    };
    inputs.retain(|(_, data)| data.len() <= LARGEST);
    Ok(inputs)
}

/// The inputs in a folder.
///
/// # Errors
/// Files that cannot be read. A folder that does not exist is empty.
pub fn stored(folder: &Path) -> anyhow::Result<Vec<Input>> {
    if folder.is_dir() { base::files(folder) } else { Ok(Vec::new()) }
}

fn headed(base: &str, name: &str, content: &[u8]) -> Input {
    let heading = format!("{base}/{name}");
    (heading.replace('/', "-"), Layout::Headed.join([heading.as_bytes(), content]))
}

/// Files of the complete runs.
fn records(runs: &Path, manifest: bool) -> anyhow::Result<Vec<Input>> {
    let mut inputs = Vec::new();
    for base in base::BASES {
        for (name, content) in base::files(&runs.join(base.name))? {
            let about_the_run = name == "manifest.json" || name == "checks.json";
            if about_the_run && manifest || !about_the_run && !manifest && name.starts_with("records/") {
                inputs.push(headed(base.name, &name, &content));
            }
        }
    }
    // The figure of the neurons reads states.
    if !manifest {
        for name in ["state/n8-s0.npz", "state/reference.npz"] {
            let content = std::fs::read(runs.join("students").join(name)).with_context(|| name.to_string())?;
            inputs.push(headed("students", name, &content));
        }
    }
    Ok(inputs)
}

fn overrides() -> Vec<Input> {
    let cases: &[(&str, &[&str])] = &[
        ("digits", &["widths.values=[32,128]", "dynamics.step=0.05", "gap.sweep=[]"]),
        ("digits", &["gap.sweep.0.width=16", "gap.sweep.1.values=[1, 2]", "precision=f32"]),
        ("teacher", &["dynamics={step=0.1,friction=1.0,batch=4}", "seed=7", "title=a word"]),
        ("converge", &["variants.0.name=other", "convergence.fractions=[0.5]", "run.checkpoint_seconds=1e-3"]),
        ("picard", &["reference.picard.windows=5", "picard={}", "reference.against=[]"]),
        ("radial", &["reference.grid.nodes=512", "radial.dimensions=[2, 5]", "population.delta=.5"]),
        ("gibbs", &["kinetic.frictions=[0.5,1]", "population.bumps.0.width=2", "network.start.w.std=0.25"]),
        ("digits3", &["paths.bezier={}", "dropout.kept=[1,2]", "network.proportions=[2,1]"]),
        ("recover", &["solver.methods=[\"omp\"]", "problem.snr_db=20", "recover.problems=2"]),
        ("phase", &["phase.n_over_d=[0.5]", "solver.k=3", "problem.kind=file", "problem.path=a.npz"]),
        ("mnist", &["population.folder=data", "connect.pairs=3", "network.start.a=\"x\""]),
    ];
    let input = |(i, (name, lines)): (usize, &(&str, &[&str]))| {
        (format!("{name}-{i}"), Layout::Headed.join([name.as_bytes(), lines.join("\n").as_bytes()]))
    };
    cases.iter().enumerate().map(input).collect()
}

const CSV: &[(&str, &str)] = &[
    ("plain", "1,2,-1\n3,4,1\n"),
    ("header", "x0,x1,y\n0.5,-2e-3,1\n1e5,.25,-1\n7,8,1"),
    ("quoted", "\u{feff}\"y\",\"x1\",\"x0\"\r\n\r\n -1 , 2,1\r\n+1,4e0,\"3\"\r\n\r\n"),
    ("labels", "y1,x0,y0\n1,0.25,0\n0,0.5,1\n"),
    ("classes", "x0,y\n0.1,0\n0.2,1\n0.3,2\n0.4,0\n"),
];

fn gzip(bytes: &[u8]) -> anyhow::Result<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes)?;
    Ok(encoder.finish()?)
}

/// An archive of two arrays.
fn pair<A: WritableElement, B: WritableElement, D: Dimension, E: Dimension>(
    names: [&str; 2],
    x: &Array<A, D>,
    y: &Array<B, E>,
    compressed: bool,
) -> anyhow::Result<Vec<u8>> {
    let out = Cursor::new(Vec::new());
    let mut writer = if compressed { NpzWriter::new_compressed(out) } else { NpzWriter::new(out) };
    writer.add_array(names[0], x)?;
    writer.add_array(names[1], y)?;
    Ok(writer.finish()?.into_inner())
}

/// Numbers without a pattern.
fn numbers(count: usize) -> Vec<f64> {
    (0..count).map(|i| (1.0 + i as f64 * 2.3).sin()).collect()
}

fn tables() -> anyhow::Result<Vec<Input>> {
    let x = Array2::from_shape_vec((5, 3), numbers(15))?;
    let signs = array![1.0, -1.0, -1.0, 1.0, 1.0];
    let classes = array![0_i64, 1, 2, 1, 0];
    let mut fortran = Array2::zeros(x.raw_dim().f());
    fortran.assign(&x);
    let names = ["x", "y"];
    Ok(vec![
        ("signs".into(), pair(names, &x, &signs, false)?),
        ("classes".into(), pair(names, &x.mapv(|v| v as f32), &classes, true)?),
        ("fortran".into(), pair(names, &fortran, &Array2::from_shape_vec((5, 2), numbers(10))?, false)?),
        ("integers".into(), pair(names, &array![[1_u8, 2], [3, 4]], &array![0_i16, 1], false)?),
        ("booleans".into(), pair(names, &array![[true, false], [false, true]], &array![true, false], false)?),
        ("three-axes".into(), pair(names, &Array3::<f64>::zeros((2, 2, 1)), &array![1_u32, 2], true)?),
    ])
}

fn problems() -> anyhow::Result<Vec<Input>> {
    let x = Array2::from_shape_vec((6, 4), numbers(24))?;
    let w = array![0.0, 1.5, 0.0, -1.0];
    let y: Array1<f64> = x.dot(&w);
    let mut whole = NpzWriter::new(Cursor::new(Vec::new()));
    whole.add_array("X", &x)?;
    whole.add_array("y", &y)?;
    whole.add_array("w_star", &w)?;
    whole.add_array("w0", &Array1::<f64>::from_elem(4, 0.25))?;
    let names = ["X", "y"];
    Ok(vec![
        ("whole".into(), whole.finish()?.into_inner()),
        ("single".into(), pair(names, &x.mapv(|v| v as f32), &y.mapv(|v| v as f32), true)?),
        ("signs".into(), pair(names, &x, &y.mapv(f64::signum), false)?),
        ("squares".into(), pair(names, &x, &y.mapv(|v| v * v), false)?),
        ("integers".into(), pair(names, &array![[1_i32, 2], [3, 4]], &array![true, false], false)?),
    ])
}

/// The configuration and the weights of two small models of the tests.
fn models() -> Vec<Input> {
    macro_rules! model {
        ($name:literal) => {{
            let config = include_bytes!(concat!("../../tests/data/prune/", $name, "/config.json"));
            let weights = include_bytes!(concat!("../../tests/data/prune/", $name, "/model.safetensors"));
            ($name.into(), Layout::Pair.join([config.as_slice(), weights.as_slice()]))
        }};
    }
    vec![model!("tiny-llama-tied"), model!("tiny-vit")]
}

/// An IDX file: its magic number, big-endian extents, bytes.
fn idx_file(extents: &[u32], body: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0, 0, 8, extents.len() as u8];
    extents.iter().for_each(|extent| bytes.extend(extent.to_be_bytes()));
    bytes.extend(body);
    bytes
}

fn images() -> anyhow::Result<Vec<Input>> {
    let images = idx_file(&[3, 2, 2], &[0, 255, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]);
    let labels = idx_file(&[3], &[0, 9, 4]);
    Ok(vec![
        ("plain".into(), Layout::Pair.join([&images, &labels])),
        ("compressed".into(), Layout::Pair.join([&gzip(&images)?, &gzip(&labels)?])),
    ])
}
