//! Folders of models in the format of Hugging Face: `config.json`, and the weights in one `model.safetensors` or in
//! several files with an index.
//!
//! | file | contents |
//! |---|---|
//! | `contents.rs` | the names of the files, and what a folder holds that is not one of a model |
//! | `header.rs` | headers of safetensors files |
//! | `stored_type.rs` | element types |
//! | `folder.rs` | reading: one tensor at a time, at its place in the file |
//! | `copy.rs` | writing: a copy of a folder in which tensors are replaced, which appears complete or not at all |

mod contents;
mod copy;
mod folder;
mod header;
mod stored_type;

pub use copy::ModelCopy;
pub use folder::ModelFolder;
pub use stored_type::StoredType;
