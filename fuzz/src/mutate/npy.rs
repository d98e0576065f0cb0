//! Mutations of an array in the format of NumPy.

use super::{Random, bytes, one_in, pick, text};
use rand::RngExt;

/// The first bytes of an array.
pub const MAGIC: &[u8] = b"\x93NUMPY";

const TYPES: &[&str] = &[
    "<f8", ">f8", "<f4", "<f2", "|b1", "<i8", "<i4", "<i2", "|i1", "<u8", "<u4", "|u1", "<c16", "|O", "<U3", "|S1",
    "<M8[s]", "f8", "<f16", "",
];

const EXTENTS: &[&str] = &[
    "0",
    "1",
    "2",
    "3",
    "5",
    "12",
    "64",
    "65536",
    "4294967296",
    "1000000000000",
    "9223372036854775807",
    "18446744073709551615",
    "18446744073709551616",
    "-1",
];

/// A mutation of an array: of its header, with the length of the header right in most cases, or of its values.
pub fn mutate(data: &[u8], other: &[u8], random: &mut Random) -> Vec<u8> {
    let Some((header, values)) = split(data) else { return bytes::mutate(data, other, random) };
    let (mut header, mut values) = (header.trim_end().to_string(), values.to_vec());
    match random.random_range(0..8) {
        0 => header = with_value(&header, "'descr':", &format!("'{}'", pick(TYPES, random))),
        1 => header = with_value(&header, "'shape':", &shape(random)),
        2 => {
            let order = if header.contains("True") { "False" } else { "True" };
            header = with_value(&header, "'fortran_order':", order);
        }
        3 => header = text::mutate(&header, "", random),
        4 | 5 => bytes::real(&mut values, random),
        6 => values = bytes::mutate(&values, split(other).map_or(&[], |(_, values)| values), random),
        _ => {
            header = with_value(&header, "'shape':", &shape(random));
            values = bytes::mutate(&values, &[], random);
        }
    }
    let mut out = MAGIC.to_vec();
    out.extend([if one_in(30, random) { random.random_range(0..4) } else { 1 }, 0]);
    while !(out.len() + 2 + header.len() + 1).is_multiple_of(64) {
        header.push(' ');
    }
    header.push('\n');
    let length = if one_in(20, random) { random.random::<u16>() } else { header.len() as u16 };
    out.extend(length.to_le_bytes());
    out.extend(header.as_bytes());
    out.extend(values);
    out
}

/// Header and values of an array of version 1.
fn split(data: &[u8]) -> Option<(&str, &[u8])> {
    let rest = data.strip_prefix(MAGIC)?.get(2..)?;
    let (length, rest) = rest.split_first_chunk::<2>()?;
    let (header, values) = rest.split_at_checked(usize::from(u16::from_le_bytes(*length)))?;
    Some((std::str::from_utf8(header).ok()?, values))
}

/// The header with another value of a key.
fn with_value(header: &str, key: &str, value: &str) -> String {
    let Some((before, rest)) = header.split_once(key) else { return header.to_string() };
    // The value ends at the next key, or at the end of the dictionary.
    let end = rest.find(", '").or_else(|| rest.rfind(", }")).or_else(|| rest.rfind('}')).unwrap_or(rest.len());
    format!("{before}{key} {value}{}", &rest[end..])
}

fn shape(random: &mut Random) -> String {
    let axes = if one_in(30, random) { random.random_range(0..200) } else { random.random_range(0..4) };
    let extents: Vec<&str> = (0..axes).map(|_| *pick(EXTENTS, random)).collect();
    match extents.len() {
        1 => format!("({},)", extents[0]),
        _ => format!("({})", extents.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_of_a_header_are_replaced() {
        let header = "{'descr': '<f8', 'fortran_order': False, 'shape': (2, 3), }";
        let found = with_value(header, "'descr':", "'<f4'");
        assert_eq!(found, "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }");
        let found = with_value(header, "'shape':", "(7,)");
        assert_eq!(found, "{'descr': '<f8', 'fortran_order': False, 'shape': (7,), }");
    }
}
