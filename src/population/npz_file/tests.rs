//! Arrays of every type and damage of every kind.

use super::*;
use ndarray::array;
use std::io::Write;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

/// An array as NumPy writes it.
fn npy(dtype: &str, fortran: bool, shape: &str, data: &[u8]) -> Vec<u8> {
    let order = if fortran { "True" } else { "False" };
    let header = format!("{{'descr': '{dtype}', 'fortran_order': {order}, 'shape': {shape}, }}\n");
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    bytes.extend((header.len() as u16).to_le_bytes());
    bytes.extend(header.as_bytes());
    bytes.extend(data);
    bytes
}

fn archive(entries: &[(&str, Vec<u8>)], method: CompressionMethod) -> Vec<u8> {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in entries {
        let options = SimpleFileOptions::default().compression_method(method);
        writer.start_file(format!("{name}.npy"), options).unwrap();
        writer.write_all(bytes).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

/// The array of an entry, stored and compressed.
fn read(entry: Vec<u8>) -> Result<ArrayD<f64>, NpzFault> {
    let of = |method| {
        let bytes = archive(&[("x", entry.clone())], method);
        NpzFile::open(&bytes).unwrap().array("x").map(Option::unwrap)
    };
    let (stored, deflated) = (of(CompressionMethod::Stored), of(CompressionMethod::Deflated));
    assert_eq!(stored.is_ok(), deflated.is_ok());
    stored
}

fn bytes_of<const B: usize>(values: &[[u8; B]]) -> Vec<u8> {
    values.concat()
}

/// The numbers 0, 1, 2, 3 (or 0, 1, 1, 1) in every type and byte order, and values with a sign or a fraction.
#[test]
fn every_type_and_byte_order() {
    macro_rules! both {
        ($($name:literal: $Type:ty, $values:expr;)+) => {$({
            let values: [$Type; 4] = $values;
            let expected = values.map(|v| v as f64).to_vec();
            for (order, bytes) in [("<", values.map(<$Type>::to_le_bytes)), (">", values.map(<$Type>::to_be_bytes))] {
                let found = read(npy(&format!("{order}{}", $name), false, "(4,)", &bytes_of(&bytes))).unwrap();
                assert_eq!(found.into_raw_vec_and_offset().0, expected, "{order}{}", $name);
            }
        })+};
    }
    both! {
        "f8": f64, [0.1, -2.5, 1e300, 5e-324];
        "f4": f32, [0.1, -2.5, 1e30, 1e-45];
        "i2": i16, [0, -1, i16::MAX, i16::MIN];
        "i4": i32, [0, -1, i32::MAX, i32::MIN];
        "i8": i64, [0, -1, 1 << 53, i64::MIN];
        "u2": u16, [0, 1, 256, u16::MAX];
        "u4": u32, [0, 1, 256, u32::MAX];
        "u8": u64, [0, 1, 1 << 53, 1 << 63];
    }
    let one = |dtype: &str, data: [u8; 4]| read(npy(dtype, false, "(4,)", &data)).unwrap().into_raw_vec_and_offset().0;
    assert_eq!(one("|b1", [0, 1, 0, 1]), [0.0, 1.0, 0.0, 1.0]);
    assert_eq!(one("|i1", [0, 1, 127, 128]), [0.0, 1.0, 127.0, -128.0]);
    assert_eq!(one("|u1", [0, 1, 127, 255]), [0.0, 1.0, 127.0, 255.0]);
    // IEEE 754 binary16: 1, -2, the largest number, the smallest, 1/3 rounded.
    let halves: [(u16, f64); 5] =
        [(0x3c00, 1.0), (0xc000, -2.0), (0x7bff, 65504.0), (1, 2f64.powi(-24)), (0x3555, 0.333251953125)];
    let bytes: Vec<u8> = halves.iter().flat_map(|(bits, _)| bits.to_le_bytes()).collect();
    let found = read(npy("<f2", false, "(5,)", &bytes)).unwrap();
    assert_eq!(found.into_raw_vec_and_offset().0, halves.map(|(_, value)| value));
    for dtype in ["<c16", "|O", "<U3", "|S2", "<M8[s]", "<f16", "|f8", "f8", "é8"] {
        let found = read(npy(dtype, false, "(1,)", &[0; 16]));
        assert!(matches!(found, Err(NpzFault::Dtype { .. })), "{dtype}: {found:?}");
    }
}

#[test]
fn both_orders_and_shapes() {
    let data = [1_u8, 2, 3, 4, 5, 6];
    let rows = read(npy("|u1", false, "(2, 3)", &data)).unwrap();
    assert_eq!(rows, array![[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]].into_dyn());
    let columns = read(npy("|u1", true, "(2, 3)", &data)).unwrap();
    assert_eq!(columns, array![[1.0, 3.0, 5.0], [2.0, 4.0, 6.0]].into_dyn());
    assert!(columns.is_standard_layout());

    let x = npy("<f4", false, "(2, 1)", &bytes_of(&[1_f32, 2.0].map(f32::to_le_bytes)));
    for (name, shape) in [("x", "(2,)"), ("X", "(2, 1)")] {
        let y = npy("|b1", false, shape, &[0, 1]);
        let bytes = archive(&[(name, x.clone()), ("y", y)], CompressionMethod::Stored);
        let found = NpzFile::open(&bytes).unwrap().samples().unwrap();
        assert_eq!((found.x, found.y), (array![[1.0], [2.0]], array![[0.0], [1.0]]));
    }
    let bytes = archive(&[("x", x.clone()), ("X", x.clone()), ("y", x)], CompressionMethod::Stored);
    assert_eq!(NpzFile::open(&bytes).unwrap().samples(), Err(NpzFault::Ambiguous));
}

/// Headers that announce what is not there are refused before anything is allocated.
#[test]
fn nothing_is_allocated_for_a_false_header() {
    for shape in ["(1000000000000, 100)", "(18446744073709551615, 18446744073709551615)", "(3,)", "(1,)", "()"] {
        let found = read(npy("<f8", false, shape, &[0; 16]));
        assert!(matches!(found, Err(NpzFault::Size { .. })), "{shape}: {found:?}");
    }
    let message = read(npy("<f8", false, "(1000000000000, 100)", &[0; 16])).unwrap_err().to_string();
    assert!(message.contains("[1000000000000, 100]") && message.contains("727.60 TiB"), "{message}");
    // Header and directory agree on 4 GB, which no stream of this length can expand to.
    let entry = npy("<f8", false, "(500000000,)", &[0; 24]);
    let mut bytes = archive(&[("x", entry.clone())], CompressionMethod::Deflated);
    let at = bytes.windows(4).rposition(|four| four == b"PK\x01\x02").unwrap();
    let size = (entry.len() - 24) as u32 + 4_000_000_000;
    bytes[at + 24..at + 28].copy_from_slice(&size.to_le_bytes());
    let found = NpzFile::open(&bytes).unwrap().array("x");
    assert!(matches!(found, Err(NpzFault::Size { held, .. }) if held == u64::from(size)), "{found:?}");
}

/// A file of one array is no archive, and its messages do not call it one.
#[test]
fn faults_of_single_arrays_name_no_archive() {
    let good = npy("<f8", false, "(3,)", &[1; 24]);
    let packed = archive(&[("x", good.clone())], CompressionMethod::Stored);
    for (bytes, words) in [
        (&good[..good.len() - 8], "24 B, and is 84 B long: the .npy file is truncated"),
        (&good[..20], "not a readable .npy file: ends within its header"),
        (&good[..4], "not a readable .npy file: ends within its header"),
        (b"nothing like an array".as_slice(), "not a readable .npy file: does not start as an array of NumPy"),
        (&packed, "is a zip archive, such as .npz"),
        (&npy("|O", false, "(1,)", &[0; 8]), "has dtype |O: expected float64"),
    ] {
        let message = npy_array(bytes, bytes.len() as u64).unwrap_err().to_string();
        assert!(message.contains(words), "{message}");
        assert!(!message.contains("array (") && !message.contains("entry"), "{message}");
    }
}

#[test]
fn damage_is_reported() {
    let good = npy("<f8", false, "(3,)", &[1; 24]);
    let mut bytes = archive(&[("x", good.clone())], CompressionMethod::Stored);
    let at = bytes.windows(24).position(|part| part == [1; 24]).unwrap();
    bytes[at] = 2;
    let message = NpzFile::open(&bytes).unwrap().array("x").unwrap_err().to_string();
    assert!(message.contains("array x") && message.contains("damaged"), "{message}");
    let nested = npy("<f8", false, &format!("{}3{}", "(".repeat(4000), ")".repeat(4000)), &[1; 24]);
    let long = npy("<f8", false, &format!("(3,{})", " ".repeat(11_000)), &[1; 24]);
    for (entry, words) in [
        (b"nothing like an array".to_vec(), "NumPy"),
        (good[..9].to_vec(), "array x"),
        (npy("<f8", false, "(-3,)", &[1; 24]), "shape"),
        (npy("<f8", false, "3", &[1; 24]), "shape"),
        (nested, "brackets"),
        (long, "header"),
    ] {
        let message = read(entry).unwrap_err().to_string();
        assert!(message.contains(words), "{message}");
    }
}
