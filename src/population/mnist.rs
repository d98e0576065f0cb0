//! MNIST, read from a folder with four IDX files, plain or compressed by gzip.

use crate::choice::choice;
use std::path::{Path, PathBuf};

use ndarray::Array2;
use serde::Serialize;

use super::images::{Images, Limit, TestImages};
use super::{LabelRule, Population, PopulationError, SourceFile, Standardise, TestPart, idx, read_data_file, source};

choice! {
    /// A part of MNIST.
    pub enum Split: "MNIST split" {
        /// 60,000 training images (`train-*`).
        Train = "train",
        /// 10,000 test images (`t10k-*`).
        Test = "test",
    }
}

impl Split {
    /// The prefix of the names of its files.
    const fn prefix(self) -> &'static str {
        match self {
            Self::Train => "train",
            Self::Test => "t10k",
        }
    }
}

/// MNIST; d = 784 for the original files. Inputs are pixels scaled to [0, 1], unless standardised.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct MnistSpec {
    /// Folder with the IDX files.
    pub folder: PathBuf,
    /// The part.
    pub split: Split,
    /// The rule that gives the labels.
    pub labels: LabelRule,
    /// Number of images, the first of the part; `None`: all.
    pub limit: Option<usize>,
    /// Standardisation of the inputs, with the moments of these images.
    pub standardise: Standardise,
}

/// The names of the two files of a split, after the prefix.
const PARTS: [&str; 2] = ["images-idx3-ubyte", "labels-idx1-ubyte"];

impl MnistSpec {
    /// Builds the population.
    ///
    /// # Errors
    /// If files are missing, truncated, of another format or do not match, or the limit is 0 or above the number of
    /// images.
    pub(super) fn build(&self, test: Option<&TestPart>, seed: u64) -> Result<Population, PopulationError> {
        let test = match test {
            Some(TestPart::T10k) => {
                TestImages::Other(MnistSpec { split: Split::Test, limit: None, ..self.clone() }.images()?)
            }
            other => TestImages::held_out(other, seed),
        };
        self.images()?.population(self.labels, self.standardise, test)
    }

    /// The images, before standardisation.
    fn images(&self) -> Result<Images, PopulationError> {
        let [image_path, label_path] = self.find()?;
        let (image_bytes, label_bytes) = (read_data_file(&image_path)?, read_data_file(&label_path)?);
        let (raw_images, raw_labels) =
            (source::decompress(&image_path, &image_bytes)?, source::decompress(&label_path, &label_bytes)?);
        let ([count, rows, columns], pixels) = idx::parse::<3>(&image_path, &raw_images, "images")?;
        let ([label_count], digits) = idx::parse::<1>(&label_path, &raw_labels, "labels")?;
        if count * rows * columns == 0 {
            return Err(PopulationError::IdxEmpty { path: image_path, shape: vec![count, rows, columns] });
        }
        if count != label_count {
            return Err(PopulationError::IdxCount {
                images: image_path,
                image_count: count,
                labels: label_path,
                label_count,
            });
        }
        if let Some((index, &value)) = digits.iter().enumerate().find(|&(_, &digit)| digit > 9) {
            return Err(PopulationError::IdxLabel { path: label_path, index, value });
        }
        let kept = self.limit.first_of(count, &image_path.display().to_string())?;
        let d = rows * columns;
        source::require_capacity(&image_path, "its images in double precision", 8 * (kept * d) as u64)?;
        Ok(Images {
            name: match self.split {
                Split::Train => "MNIST (train)",
                Split::Test => "MNIST (test)",
            },
            size: (rows, columns),
            x: Array2::from_shape_fn((kept, d), |(i, j)| f64::from(pixels[i * d + j]) / 255.0),
            digits: digits[..kept].to_vec(),
            sources: vec![SourceFile::of(&image_path, &image_bytes), SourceFile::of(&label_path, &label_bytes)],
        })
    }

    /// The paths of the images and the labels of the split, under any accepted name.
    fn find(&self) -> Result<[PathBuf; 2], PopulationError> {
        if !self.folder.is_dir() {
            return Err(PopulationError::MnistFolder { folder: self.folder.clone() });
        }
        let [images, labels] = PARTS.map(|part| existing(&self.folder, self.split, part));
        if let (Some(images), Some(labels)) = (&images, &labels) {
            return Ok([images.clone(), labels.clone()]);
        }
        let (mut missing, mut present) = (Vec::new(), Vec::new());
        for split in [Split::Train, Split::Test] {
            for part in PARTS {
                match existing(&self.folder, split, part) {
                    Some(path) => present.extend(path.file_name().map(|name| name.to_string_lossy().into_owned())),
                    None if split == self.split => missing.push(format!("{}-{part}", split.prefix())),
                    None => {}
                }
            }
        }
        Err(PopulationError::MnistMissing { folder: self.folder.clone(), split: self.split.name(), missing, present })
    }
}

/// The file `prefix-part`, under any of its four accepted names.
fn existing(folder: &Path, split: Split, part: &str) -> Option<PathBuf> {
    let hyphen = format!("{}-{part}", split.prefix());
    let dot = hyphen.replace("-idx", ".idx");
    [hyphen.clone(), format!("{hyphen}.gz"), dot.clone(), format!("{dot}.gz")]
        .into_iter()
        .map(|name| folder.join(name))
        .find(|path| path.is_file())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::population::PopulationSpec;
    use std::io::Write;

    const IMAGES: &str = "t10k-images-idx3-ubyte";
    const LABELS: &str = "t10k-labels-idx1-ubyte";

    /// An IDX file: magic, big-endian extents, bytes.
    fn idx_file(extents: &[u32], body: &[u8]) -> Vec<u8> {
        let mut bytes = vec![0, 0, 8, extents.len() as u8];
        extents.iter().for_each(|extent| bytes.extend(extent.to_be_bytes()));
        bytes.extend(body);
        bytes
    }

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    fn build(files: &[(&str, &[u8])], limit: Option<usize>) -> Result<Population, PopulationError> {
        let folder = tempfile::tempdir().unwrap();
        for (name, bytes) in files {
            std::fs::write(folder.path().join(name), bytes).unwrap();
        }
        let folder = folder.path().to_owned();
        let spec =
            MnistSpec { folder, split: Split::Test, labels: LabelRule::Parity, limit, standardise: Standardise::None };
        PopulationSpec::Mnist(spec).build(0)
    }

    /// Three images of 1 x 2 pixels.
    fn good() -> (Vec<u8>, Vec<u8>) {
        (idx_file(&[3, 1, 2], &[0, 255, 51, 102, 153, 204]), idx_file(&[3], &[4, 7, 0]))
    }

    #[test]
    fn every_spelling_gives_the_same() {
        let (images, labels) = good();
        for (image_name, label_name, packed) in [
            ("t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte", false),
            ("t10k-images-idx3-ubyte.gz", "t10k-labels-idx1-ubyte.gz", true),
            ("t10k-images.idx3-ubyte", "t10k-labels.idx1-ubyte", false),
            ("t10k-images.idx3-ubyte.gz", "t10k-labels.idx1-ubyte.gz", true),
        ] {
            let pack = |bytes: &[u8]| if packed { gzip(bytes) } else { bytes.to_vec() };
            let mnist = build(&[(image_name, &pack(&images)), (label_name, &pack(&labels))], None).unwrap();
            assert_eq!(mnist.sample.x, ndarray::array![[0.0, 1.0], [0.2, 0.4], [0.6, 0.8]]);
            assert_eq!(mnist.sample.y, ndarray::array![[1.0], [-1.0], [1.0]]);
            assert!(mnist.sources[0].path.ends_with(image_name) && mnist.sources[1].path.ends_with(label_name));
        }
        let files: [(&str, &[u8]); 2] = [("t10k-images-idx3-ubyte", &images), ("t10k-labels-idx1-ubyte", &labels)];
        assert_eq!(build(&files, Some(2)).unwrap().shape(), (2, 2, 1));
    }

    /// The messages of invalid pairs of files.
    #[test]
    fn invalid_files_are_reported() {
        let (images, labels) = good();
        let cut_pack = |bytes: &[u8]| gzip(bytes)[..20].to_vec();
        let cases: Vec<(Vec<u8>, Vec<u8>, &[&str])> = vec![
            (images[..21].to_vec(), labels.clone(), &[IMAGES, "21 bytes", "22", "truncated"]),
            (images[..7].to_vec(), labels.clone(), &[IMAGES, "7 bytes", "16"]),
            (vec![], labels.clone(), &[IMAGES, "0 bytes"]),
            (images.clone(), [&labels[..], &[1]].concat(), &[LABELS, "12 bytes", "11"]),
            (labels.clone(), labels.clone(), &[IMAGES, "0x00000801", "0x00000803", "images"]),
            (images.clone(), images.clone(), &[LABELS, "0x00000803", "0x00000801", "labels"]),
            (images.clone(), idx_file(&[2], &[1, 2]), &["3 images", "2 labels", IMAGES, LABELS]),
            (idx_file(&[0, 28, 28], &[]), idx_file(&[0], &[]), &[IMAGES, "[0, 28, 28]", "no images"]),
            (idx_file(&[3, 0, 2], &[]), labels.clone(), &[IMAGES, "[3, 0, 2]"]),
            (idx_file(&[1 << 31, 1 << 31, 4], &[]), labels.clone(), &[IMAGES, "16 bytes", "truncated"]),
            (images.clone(), idx_file(&[3], &[4, 10, 0]), &[LABELS, "label 1", "10", "0 to 9"]),
            (cut_pack(&images), labels.clone(), &[IMAGES, "damaged"]),
        ];
        for (images, labels, fragments) in cases {
            let message = build(&[(IMAGES, &images), (LABELS, &labels)], None).unwrap_err().to_string();
            for fragment in fragments {
                assert!(message.contains(fragment), "{message:?} lacks {fragment:?}");
            }
        }
        let message = build(&[(IMAGES, &images), (LABELS, &labels)], Some(4)).unwrap_err().to_string();
        assert!(message.contains("limit = 4") && message.contains("3 samples"), "{message}");
    }

    #[test]
    fn missing_files_are_listed() {
        let (_, labels) = good();
        let message = build(&[("t10k-labels-idx1-ubyte", &labels), ("train-images.idx3-ubyte.gz", &[])], None)
            .unwrap_err()
            .to_string();
        for fragment in [
            r#"split "test""#,
            "lacks t10k-images-idx3-ubyte;",
            "has train-images.idx3-ubyte.gz, t10k-labels-idx1-ubyte;",
            "with .gz",
        ] {
            assert!(message.contains(fragment), "{message:?} lacks {fragment:?}");
        }
        let message = build(&[], None).unwrap_err().to_string();
        assert!(message.contains("it has none"), "{message}");
        let spec = MnistSpec {
            folder: "no/such".into(),
            split: Split::Train,
            labels: LabelRule::Parity,
            limit: None,
            standardise: Standardise::None,
        };
        let message = spec.build(None, 0).unwrap_err().to_string();
        assert!(message.contains("no/such does not exist"), "{message}");
    }
}
