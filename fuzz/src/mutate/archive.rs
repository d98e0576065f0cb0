//! Mutations of a zip archive, such as an `.npz` file.

use super::{Random, content, one_in, pick};
use rand::RngExt;
use std::io::{Cursor, Read, Write};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipArchive, ZipWriter};

/// A member of an archive.
pub type Member = (String, Vec<u8>);

/// Members are read up to this length.
const MEMBER: u64 = 1 << 20;

/// Names of arrays in the files that are read.
const NAMES: &[&str] =
    &["x.npy", "y.npy", "X.npy", "w_star.npy", "w0.npy", "theta.npy", "clock.npy", "a.npy", "", "../x.npy"];

/// The members of an archive; `None` where it cannot be read.
pub fn members(data: &[u8]) -> Option<Vec<Member>> {
    let mut archive = ZipArchive::new(Cursor::new(data)).ok()?;
    (0..archive.len())
        .map(|i| {
            let member = archive.by_index(i).ok()?;
            let name = member.name().to_string();
            let mut content = Vec::new();
            member.take(MEMBER).read_to_end(&mut content).ok()?;
            Some((name, content))
        })
        .collect()
}

/// The archive of these members.
fn write(members: &[Member], compressed: bool) -> Option<Vec<u8>> {
    let method = if compressed { CompressionMethod::Deflated } else { CompressionMethod::Stored };
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    let options = SimpleFileOptions::default().compression_method(method).compression_level(compressed.then_some(1));
    for (name, content) in members {
        writer.start_file(name.as_str(), options).ok()?;
        writer.write_all(content).ok()?;
    }
    Some(writer.finish().ok()?.into_inner())
}

/// An archive of which a member is mutated, renamed, removed or added; `None` where it cannot be read or written.
pub fn mutate(data: &[u8], other: &[u8], random: &mut Random) -> Option<Vec<u8>> {
    let mut all = members(data)?;
    if all.is_empty() {
        return None;
    }
    let at = random.random_range(0..all.len());
    match random.random_range(0..20) {
        0 => drop(all.remove(at)),
        1 => all[at].0 = (*pick(NAMES, random)).into(),
        2 => {
            let with = random.random_range(0..all.len());
            let name = all[at].0.clone();
            all[at].0 = std::mem::replace(&mut all[with].0, name);
        }
        3 => {
            if let Some(others) = members(other).filter(|others| !others.is_empty()) {
                let (name, content) = pick(&others, random).clone();
                match all.iter_mut().find(|(known, _)| *known == name) {
                    Some((_, old)) => *old = content,
                    None => all.push((name, content)),
                }
            }
        }
        _ => {
            let from = members(other).unwrap_or_default();
            let same = from.iter().find(|(name, _)| *name == all[at].0).map_or(&[][..], |(_, content)| content);
            all[at].1 = content(&all[at].1, same, random);
        }
    }
    write(&all, one_in(4, random))
}
