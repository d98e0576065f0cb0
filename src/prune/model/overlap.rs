//! Samples that calibration and held-out data share: a score on them says less than it seems to.

use super::inputs::Inputs;
use std::collections::HashSet;

/// Tokens of a run that is taken for the same text.
const RUN: usize = 32;

/// The number of held-out samples that are also calibration samples: equal images, and sequences of which a part is in a
/// calibration sequence, wherever it begins there. The parts are the consecutive ones of 32 tokens, or the whole sequence
/// where it is shorter.
pub fn overlap(calibration: &Inputs, held_out: &Inputs) -> usize {
    match (calibration, held_out) {
        (Inputs::Tokens { ids, length, .. }, Inputs::Tokens { ids: others, length: other, .. }) => {
            let run = RUN.min(*length).min(*other).max(1);
            let known: HashSet<&[u32]> = ids.chunks_exact(*length).flat_map(|sample| sample.windows(run)).collect();
            // Of 2 run - 1 common tokens, such a part is always common.
            let shared = |sample: &&[u32]| sample.chunks_exact(run).any(|run| known.contains(run));
            others.chunks_exact(*other).filter(shared).count()
        }
        (Inputs::Images { pixels, channels, size }, Inputs::Images { pixels: others, .. }) => {
            let entries = channels * size * size;
            let bits = |image: &[f64]| -> Vec<u64> { image.iter().map(|pixel| pixel.to_bits()).collect() };
            let known: HashSet<Vec<u64>> = pixels.chunks_exact(entries).map(bits).collect();
            others.chunks_exact(entries).filter(|image| known.contains(&bits(image))).count()
        }
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokens(ids: Vec<u32>, length: usize) -> Inputs {
        Inputs::Tokens { ids, length, present: None }
    }

    #[test]
    fn shifted_text_is_found_and_other_text_is_not() {
        let text: Vec<u32> = (0..512).map(|k| k * k % 509).collect();
        let calibration = tokens(text[..256].to_vec(), 128);
        assert_eq!(overlap(&calibration, &tokens(text[256..].to_vec(), 128)), 0);
        // Cut into blocks elsewhere: the first two blocks have text of the calibration data.
        assert_eq!(overlap(&calibration, &tokens(text[90..474].to_vec(), 128)), 2);
        assert_eq!(overlap(&calibration, &tokens(text[3..13].to_vec(), 5)), 2);
        let images = |first: usize| Inputs::Images {
            pixels: (0..32).map(|k| (first + k) as f64).collect(),
            channels: 1,
            size: 4,
        };
        assert_eq!([0, 16, 7].map(|first| overlap(&images(0), &images(first))), [2, 1, 0]);
    }
}
