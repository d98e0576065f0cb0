//! Named axes of the arrays of a file: arrays that share an axis have as many entries along it.

use std::cell::RefCell;
use std::collections::BTreeMap;

/// The sizes of the named axes of a file, as far as its arrays have been read.
#[derive(Clone, Debug, Default)]
pub(super) struct AxisSizes {
    /// By axis, its size and the first array that has it.
    found: RefCell<BTreeMap<String, (usize, String)>>,
}

impl AxisSizes {
    /// Compares the shape of an array with those of the arrays before it. An axis whose name is a number has that size.
    ///
    /// # Errors
    /// What does not agree, in words.
    pub fn compare(&self, array: &str, shape: &[usize], axes: &[impl AsRef<str>]) -> Result<(), String> {
        let mut found = self.found.borrow_mut();
        for (axis, &size) in axes.iter().map(AsRef::as_ref).zip(shape) {
            if let Ok(expected) = axis.parse::<usize>() {
                if size != expected {
                    return Err(format!("array '{array}' has an axis of size {size} in place of {expected}"));
                }
                continue;
            }
            let (expected, first) = found.entry(axis.to_string()).or_insert_with(|| (size, array.to_string()));
            if size != *expected {
                return Err(format!(
                    "the sizes of arrays do not agree: '{array}' has {size} {axis}, '{first}' {expected}"
                ));
            }
        }
        Ok(())
    }
}
