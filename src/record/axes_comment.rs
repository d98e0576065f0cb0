//! The names of the axes of the arrays of a file, in the comment of its archive: `{"axes": {"risk": ["values", ...]}}`.
//!
//! A comment is part of the format of zip archives; readers of arrays, such as NumPy's, pass over it.

use serde_json::json;
use std::collections::BTreeMap;

/// Longest comment of an archive in bytes.
const MAX_COMMENT: usize = u16::MAX as usize;

/// Appends the names of axes to an archive that has no comment. Names that are longer than a comment can be are left out:
/// the arrays are the record.
pub(super) fn append(archive: &mut Vec<u8>, axes: &BTreeMap<String, Vec<String>>) {
    // Without a comment the archive ends with the length of the comment, of two bytes.
    let comment = json!({ "axes": axes }).to_string();
    if axes.is_empty() || comment.len() > MAX_COMMENT || !archive.ends_with(&[0, 0]) {
        return;
    }
    archive.truncate(archive.len() - 2);
    archive.extend((comment.len() as u16).to_le_bytes());
    archive.extend(comment.as_bytes());
}
