//! Mutations of any bytes.

use super::{LONGEST, Random, one_in, pick};
use rand::{Rng, RngExt};

/// Whole numbers at which programs go wrong.
const INTEGERS: &[u64] = &[
    0,
    1,
    2,
    7,
    8,
    0x7f,
    0x80,
    0xff,
    0x100,
    0x7fff,
    0x8000,
    0xffff,
    0x1_0000,
    0x7fff_ffff,
    0x8000_0000,
    0xffff_ffff,
    0x1_0000_0000,
    1_000_000_000_000,
    0x7fff_ffff_ffff_ffff,
    0x8000_0000_0000_0000,
    u64::MAX,
];

/// Floating-point numbers at which programs go wrong.
pub(super) const REALS: &[f64] = &[
    0.0,
    -0.0,
    1.0,
    -1.0,
    0.5,
    f64::NAN,
    f64::INFINITY,
    f64::NEG_INFINITY,
    f64::MAX,
    f64::MIN,
    f64::MIN_POSITIVE,
    5e-324,
    1e-300,
    1e300,
    1e16,
    9_007_199_254_740_993.0,
    1.8446744073709552e19,
    -1e9,
    4_294_967_296.0,
];

/// A range of an array of this length, most often short.
fn range(length: usize, random: &mut Random) -> std::ops::Range<usize> {
    if length == 0 {
        return 0..0;
    }
    let start = random.random_range(0..length);
    let most = if one_in(4, random) { length } else { 16 };
    start..(start + random.random_range(1..=most)).min(length)
}

/// A mutation of bytes.
pub fn mutate(data: &[u8], other: &[u8], random: &mut Random) -> Vec<u8> {
    let mut out = data.to_vec();
    if out.is_empty() {
        out.extend((0..random.random_range(1..32)).map(|_| random.random::<u8>()));
        return out;
    }
    let at = random.random_range(0..out.len());
    match random.random_range(0..11) {
        0 => out[at] ^= 1 << random.random_range(0..8),
        1 => out[at] = random.random(),
        2 => out[at] = out[at].wrapping_add(random.random_range(0..5u8).wrapping_sub(2)),
        3 => integer(&mut out, random),
        4 => real(&mut out, random),
        5 => drop(out.drain(range(data.len(), random))),
        6 => {
            let copy = data[range(data.len(), random)].to_vec();
            let times = if one_in(20, random) { random.random_range(1..200) } else { 1 };
            let copies = copy.repeat(times.min(LONGEST / copy.len().max(1)));
            out.splice(at..at, copies);
        }
        7 => out.truncate(at),
        8 => {
            let (from, to) = (range(data.len(), random), range(data.len(), random));
            let part = data[from].to_vec();
            out.splice(to, part);
        }
        9 if !other.is_empty() => {
            let part = other[range(other.len(), random)].to_vec();
            out.splice(range(data.len(), random), part);
        }
        _ => {
            let mut part = vec![0; random.random_range(1..16)];
            random.fill_bytes(&mut part);
            out.splice(at..at, part);
        }
    }
    out
}

/// Overwrites an integer of one, two, four or eight bytes.
fn integer(out: &mut [u8], random: &mut Random) {
    let size = (*pick(&[1, 2, 4, 8], random)).min(out.len());
    let at = random.random_range(0..=out.len() - size);
    let field = &mut out[at..at + size];
    let little = random.random::<bool>();
    let mut value = [0; 8];
    value[..size].copy_from_slice(field);
    if !little {
        value[..size].reverse();
    }
    let old = u64::from_le_bytes(value);
    let new = if random.random() {
        *pick(INTEGERS, random)
    } else {
        old.wrapping_add(random.random_range(0..33u64)).wrapping_sub(16)
    };
    let mut bytes = new.to_le_bytes();
    if !little {
        bytes[..size].reverse();
    }
    field.copy_from_slice(&bytes[..size]);
}

/// Overwrites a floating-point number that begins a multiple of its size before the end, as in an array.
pub(super) fn real(out: &mut [u8], random: &mut Random) {
    let value = if one_in(4, random) { f64::from_bits(random.random()) } else { *pick(REALS, random) };
    let single = one_in(4, random);
    let size = if single { 4 } else { 8 };
    if out.len() < size {
        return;
    }
    let start = out.len() - size * random.random_range(1..=out.len() / size);
    if single {
        out[start..start + size].copy_from_slice(&(value as f32).to_le_bytes());
    } else {
        out[start..start + size].copy_from_slice(&value.to_le_bytes());
    }
}
