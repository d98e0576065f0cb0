//! Mutations that know the formats: what is inside a compressed file or an archive is changed, and written with the
//! right checksums; headers of arrays, keys and numbers of texts are replaced by others.
//!
//! | module | what is mutated |
//! |---|---|
//! | [`bytes`] | any bytes: bits, integers of every size and order, ranges |
//! | [`text`] | TOML, JSON and tables: words, numbers, lines, nesting |
//! | [`npy`] | an array: its header, its values |
//! | [`archive`] | a zip archive: its members, their names |

pub mod archive;
pub mod bytes;
pub mod npy;
pub mod text;

use crate::corpus::Input;
use crate::targets::{Layout, Target};
use flate2::Compression;
use flate2::read::MultiGzDecoder;
use flate2::write::GzEncoder;
use rand::{RngExt, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;
use std::io::{Read, Write};

/// The generator of all mutations.
pub type Random = Xoshiro256PlusPlus;

/// Mutated inputs are cut to this length.
pub const LONGEST: usize = 128 << 10;

/// What a compressed part holds is read up to this length.
const INSIDE: u64 = 1 << 20;

/// Most mutations of one input.
const ROUNDS: usize = 4;

/// The generator with this seed.
pub fn random(seed: u64) -> Random {
    Random::seed_from_u64(seed)
}

/// Whether an event of probability `1/n` happens.
pub(crate) fn one_in(n: usize, random: &mut Random) -> bool {
    random.random_range(0..n) == 0
}

/// An element of a list that is not empty.
pub(crate) fn pick<'a, T>(list: &'a [T], random: &mut Random) -> &'a T {
    &list[random.random_range(0..list.len())]
}

/// A mutation of an input of a target. `others` are inputs from which parts may be taken.
pub fn mutate(target: &Target, data: &[u8], others: &[Input], random: &mut Random) -> Vec<u8> {
    let [first, second] = target.layout.split(data).map(<[u8]>::to_vec);
    let mut parts = [first, second];
    let other = if others.is_empty() { &[] } else { pick(others, random).1.as_slice() };
    let other_parts = target.layout.split(other);
    // One mutation in half of the cases, two in a quarter, and so on: inputs with few have a chance to be accepted.
    let rounds = 1 + (random.random::<u32>().trailing_zeros() as usize).min(ROUNDS - 1);
    for _ in 0..rounds {
        let part = match target.layout {
            Layout::Whole => 1,
            Layout::Headed => usize::from(!one_in(50, random)),
            Layout::Pair => random.random_range(0..2),
        };
        parts[part] = content(&parts[part], other_parts[part], random);
    }
    parts.iter_mut().for_each(|part| part.truncate(LONGEST));
    target.layout.join([&parts[0], &parts[1]])
}

/// A mutation of a file, by what it holds.
pub(crate) fn content(data: &[u8], other: &[u8], random: &mut Random) -> Vec<u8> {
    if one_in(12, random) {
        return bytes::mutate(data, other, random);
    }
    if data.starts_with(&[0x1f, 0x8b]) {
        return gzip(data, other, random).unwrap_or_else(|| bytes::mutate(data, other, random));
    }
    if data.starts_with(b"PK\x03\x04") {
        return archive::mutate(data, other, random).unwrap_or_else(|| bytes::mutate(data, other, random));
    }
    if data.starts_with(npy::MAGIC) {
        return npy::mutate(data, other, random);
    }
    match std::str::from_utf8(data) {
        Ok(text) => text::mutate(text, std::str::from_utf8(other).unwrap_or_default(), random).into_bytes(),
        Err(_) => bytes::mutate(data, other, random),
    }
}

fn inside(data: &[u8]) -> Option<Vec<u8>> {
    let mut plain = Vec::new();
    MultiGzDecoder::new(data).take(INSIDE).read_to_end(&mut plain).ok()?;
    Some(plain)
}

/// A gzip file whose content is mutated; `None` where it cannot be read.
fn gzip(data: &[u8], other: &[u8], random: &mut Random) -> Option<Vec<u8>> {
    let plain = content(&inside(data)?, &inside(other).unwrap_or_default(), random);
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(&plain).ok()?;
    encoder.finish().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{TARGETS, corpus};

    /// Mutations are functions of the seed, change most inputs, and leave compressed files readable.
    #[test]
    fn mutations_are_reproducible_and_pass_the_checksums() {
        for target in TARGETS.iter().filter(|t| ["experiment", "npz", "csv-gz", "idx", "problem"].contains(&t.name)) {
            let inputs = corpus::generated(target).unwrap();
            let (mut changed, mut readable, mut all) = (0, 0, 0);
            for seed in 0..200 {
                let (_, data) = &inputs[seed as usize % inputs.len()];
                let found = mutate(target, data, &inputs, &mut random(seed));
                assert!(found == mutate(target, data, &inputs, &mut random(seed)));
                changed += usize::from(found != *data);
                let [_, part] = target.layout.split(&found);
                if part.starts_with(&[0x1f, 0x8b]) {
                    all += 1;
                    readable += usize::from(inside(part).is_some());
                } else if part.starts_with(b"PK\x03\x04") {
                    all += 1;
                    readable += usize::from(archive::members(part).is_some());
                }
            }
            assert!(changed > 140, "{}: {changed} of 200 changed", target.name);
            assert!(2 * readable >= all, "{}: {readable} of {all} readable", target.name);
        }
    }
}
