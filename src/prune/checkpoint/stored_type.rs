//! The element types of stored tensors, and their conversion to and from the type of a computation.

use crate::compute::Real;
use half::{bf16, f16};
use safetensors::Dtype;

/// The type of the elements of a stored tensor, little-endian.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StoredType {
    /// 64 bits.
    F64,
    /// 32 bits.
    F32,
    /// IEEE 754 binary16.
    F16,
    /// The upper half of 32 bits.
    Bf16,
}

impl StoredType {
    /// The type with this descriptor, if it is one of floating-point numbers that are read.
    pub(super) fn of(dtype: Dtype) -> Option<Self> {
        match dtype {
            Dtype::F64 => Some(StoredType::F64),
            Dtype::F32 => Some(StoredType::F32),
            Dtype::F16 => Some(StoredType::F16),
            Dtype::BF16 => Some(StoredType::Bf16),
            _ => None,
        }
    }

    /// Bytes of an element.
    pub fn bytes(self) -> usize {
        match self {
            StoredType::F64 => 8,
            StoredType::F32 => 4,
            StoredType::F16 | StoredType::Bf16 => 2,
        }
    }

    /// Appends the elements in `bytes`, whose length is a multiple of that of an element.
    pub(super) fn decode<R: Real>(self, bytes: &[u8], to: &mut Vec<R>) {
        match self {
            StoredType::F64 => to.extend(bytes.as_chunks().0.iter().map(|b| R::of(f64::from_le_bytes(*b)))),
            StoredType::F32 => to.extend(bytes.as_chunks().0.iter().map(|b| R::of(f32::from_le_bytes(*b).into()))),
            StoredType::F16 => to.extend(bytes.as_chunks().0.iter().map(|b| R::of(f16::from_le_bytes(*b).into()))),
            StoredType::Bf16 => to.extend(bytes.as_chunks().0.iter().map(|b| R::of(bf16::from_le_bytes(*b).into()))),
        }
    }

    /// The bytes of `values`, each rounded to nearest.
    pub(super) fn encode(self, values: &[f64]) -> Vec<u8> {
        match self {
            StoredType::F64 => encoded(values, f64::to_le_bytes),
            StoredType::F32 => encoded(values, |v| (v as f32).to_le_bytes()),
            StoredType::F16 => encoded(values, |v| f16::from_f32(to_odd(v)).to_le_bytes()),
            StoredType::Bf16 => encoded(values, |v| bf16::from_f32(to_odd(v)).to_le_bytes()),
        }
    }

    /// Replaces every value by the nearest number of this type.
    pub fn round_all(self, values: &mut [f64]) {
        match self {
            StoredType::F64 => {}
            StoredType::F32 => values.iter_mut().for_each(|v| *v = f64::from(*v as f32)),
            StoredType::F16 | StoredType::Bf16 => values.iter_mut().for_each(|v| *v = self.round(*v)),
        }
    }

    /// The nearest number of this type.
    pub fn round(self, value: f64) -> f64 {
        match self {
            StoredType::F64 => value,
            StoredType::F32 => (value as f32).into(),
            StoredType::F16 => f16::from_f32(to_odd(value)).into(),
            StoredType::Bf16 => bf16::from_f32(to_odd(value)).into(),
        }
    }
}

/// The bytes of all values.
fn encoded<const N: usize>(values: &[f64], bytes_of: impl Fn(f64) -> [u8; N]) -> Vec<u8> {
    let mut bytes = vec![0; N * values.len()];
    bytes.as_chunks_mut::<N>().0.iter_mut().zip(values).for_each(|(bytes, v)| *bytes = bytes_of(*v));
    bytes
}

/// The number rounded to single precision such that a further rounding to 16 bits gives the nearest number: of the two
/// neighbours of a number that is not representable, the one whose last bit is 1.
fn to_odd(value: f64) -> f32 {
    let near = value as f32;
    if f64::from(near) == value || !near.is_finite() {
        return near;
    }
    let below = if f64::from(near).abs() > value.abs() { near.to_bits() - 1 } else { near.to_bits() };
    f32::from_bits(below | 1)
}
