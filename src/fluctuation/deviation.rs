//! Draws of the deviation of networks from the limit: by their width, their step and their mini-batches together.

use super::law::{SampledQuantity, by_chunks, draw_stream, normals};
use super::propagate::Fluctuations;
use ndarray::{Array2, Array3, ArrayView1, ArrayView2, aview1, s};

/// Products of the fields of a distance.
const PRODUCTS: usize = 6;

/// The parts of the deviation of a network of N neurons with steps eps over batches of B,
///
/// ```text
/// f_{N,eps,B} - f = eps h + G / sqrt N + sqrt(eps / B) G' + b / N + b' eps / B
/// ```
///
/// with independent centred Gaussian fields G and G'.
#[derive(Clone, Copy)]
pub struct DeviationParts<'a> {
    /// The fluctuation of the starts: G and b, and g, that of independent particles.
    pub starts: &'a Fluctuations,
    /// That of mini-batches, scaled by [`super::BatchNoise::of_columns`]: G' and b'. Recorded at the same times.
    pub batches: Option<&'a Fluctuations>,
    /// h at the recording times, each (n K).
    pub step: Option<&'a [Vec<f64>]>,
    /// The same of the mean square of the parameters at the last recording time.
    pub step_norm: f64,
}

/// The risk of draws of the deviation to second order at one time. The fields of a draw are, in this order, h, G, G',
/// g, b, b'; a deviation with coefficients v has the gap `s . v + 1/2 v' A v`, exactly for the half-squared loss.
#[derive(Clone, Debug, PartialEq)]
pub struct DeviationResponses {
    /// `s_i = <e, F_i>`, with `lambda/2` times the part of the mean square of the parameters, (draws, 6).
    pub slopes: Array2<f64>,
    /// `A_ij = <l'' F_i, F_j>`, (draws, 6, 6).
    pub curvature: Array3<f64>,
}

impl DeviationResponses {
    /// Fields of a draw.
    pub const FIELDS: usize = 6;
}

impl DeviationParts<'_> {
    /// The products `|h|^2, |G|^2, |G'|^2, <h, G>, <h, G'>, <G, G'>` of every draw at every recording time, (draws,
    /// times, 6). Parts that are missing are zero.
    pub fn distances(&self, draws: usize, seed: u64) -> Array3<f64> {
        let (times, samples) = (self.starts.records.len(), self.starts.samples as f64);
        let products = by_chunks(draws, |first, count| {
            let [z, z_batch, _] = self.normals(first, count, seed);
            let mut out = vec![0.0; count * times * PRODUCTS];
            for t in 0..times {
                let start = self.starts.records[t].field.dot(&z);
                let batch = self.batches.map(|batches| batches.records[t].field.dot(&z_batch));
                for draw in 0..count {
                    let sums = &mut out[(draw * times + t) * PRODUCTS..][..PRODUCTS];
                    for row in 0..start.nrows() {
                        let h = self.step.map_or(0.0, |step| step[t][row]);
                        let (g, w) = (start[(row, draw)], batch.as_ref().map_or(0.0, |batch| batch[(row, draw)]));
                        let products = [h * h, g * g, w * w, h * g, h * w, g * w];
                        sums.iter_mut().zip(products).for_each(|(sum, product)| *sum += product / samples);
                    }
                }
            }
            out
        });
        Array3::from_shape_vec((draws, times, PRODUCTS), products).expect("all products of every draw")
    }

    /// The responses of the loss to the same draws at recording time `index`.
    ///
    /// # Panics
    /// Where the second order was not computed.
    pub fn responses(&self, index: usize, draws: usize, seed: u64) -> DeviationResponses {
        let found = &self.starts.records[index];
        let zero = vec![0.0; found.f.len()];
        let bias = found.bias.as_ref().expect("the second order");
        let batch_bias = self.batches.and_then(|batches| batches.records[index].bias.as_ref()).unwrap_or(&zero);
        let step = self.step.map_or(&zero, |step| &step[index]);
        let fields = DeviationResponses::FIELDS;
        let responses = by_chunks(draws, |first, count| {
            let [z, z_batch, z_bare] = self.normals(first, count, seed);
            let (start, bare) = (found.field.dot(&z), found.bare.dot(&z_bare));
            let batch = self.batches.map(|batches| batches.records[index].field.dot(&z_batch));
            let mut out = Vec::with_capacity(count * fields * (fields + 1));
            for draw in 0..count {
                let column = |fields: &Array2<f64>| fields.column(draw).to_vec();
                let batch = batch.as_ref().map_or_else(|| zero.clone(), column);
                let drawn =
                    [step, &column(&start), &batch, &column(&bare), bias, batch_bias].map(Vec::as_slice).concat();
                let drawn = ArrayView2::from_shape((fields, zero.len()), &drawn).expect("fields of equal length");
                let slopes = out.len();
                out.extend(self.response(index, drawn));
                let norms = self.norms(index, [z.column(draw), z_batch.column(draw)]);
                out[slopes..].iter_mut().zip(norms).for_each(|(slope, norm)| *slope += 0.5 * self.starts.ridge * norm);
            }
            out
        });
        let all = Array3::from_shape_vec((draws, fields + 1, fields), responses).expect("all fields of every draw");
        DeviationResponses {
            slopes: all.slice(s![.., 0, ..]).to_owned(),
            curvature: all.slice(s![.., 1.., ..]).to_owned(),
        }
    }

    /// What the fields are for the mean square of the parameters; the kept neurons have no part of their own.
    fn norms(&self, index: usize, [z, z_batch]: [ArrayView1<f64>; 2]) -> [f64; DeviationResponses::FIELDS] {
        let of = |found: &Fluctuations, z: ArrayView1<f64>| {
            let norm = &found.records[index].square_norm;
            (z.dot(&aview1(&norm.field)), norm.bias.unwrap_or(0.0))
        };
        let (start, bias) = of(self.starts, z);
        let (batch, batch_bias) = self.batches.map_or((0.0, 0.0), |batches| of(batches, z_batch));
        [self.step_norm, start, batch, 0.0, bias, batch_bias]
    }

    /// `<e, F_i>`, then `<l'' F_i, F_j>`, of fields (fields, n K).
    fn response(&self, index: usize, fields: ArrayView2<f64>) -> impl Iterator<Item = f64> {
        let Fluctuations { loss, outputs, labels, samples, records, .. } = self.starts;
        let f = &records[index].f;
        let mut weighted = Array2::zeros(fields.dim());
        let (mut slope, mut w) = (vec![0.0; f.len()], vec![0.0; *outputs]);
        for at in (0..f.len()).step_by(*outputs) {
            let rows = at..at + outputs;
            loss.derivative(&f[rows.clone()], &labels[rows.clone()], &mut slope[rows.clone()]);
            loss.curvature(&f[rows.clone()], &labels[rows.clone()], &mut w);
            for (field, mut weighted) in fields.outer_iter().zip(weighted.outer_iter_mut()) {
                let (v, product) = (field.slice(s![rows.clone()]), weighted.slice_mut(s![rows.clone()]));
                let (v, product) = (v.to_slice(), product.into_slice());
                loss.hessian_product(&w, v.expect("contiguous rows"), product.expect("contiguous rows"));
            }
        }
        let samples = *samples as f64;
        let slopes = fields.dot(&aview1(&slope)) / samples;
        slopes.into_iter().chain(weighted.dot(&fields.t()) / samples)
    }

    /// Standard normals of the draws from `first` on, as columns: of G, of G' and of g.
    fn normals(&self, first: usize, draws: usize, seed: u64) -> [Array2<f64>; 3] {
        let columns = |found: &Fluctuations| found.records[0].field.ncols();
        let starts = columns(self.starts);
        let batches = self.batches.map_or(0, columns);
        let mut out = [starts, batches, starts].map(|columns| Array2::zeros((columns, draws)));
        for draw in 0..draws {
            let mut rng = draw_stream(seed, SampledQuantity::Supremum, first + draw);
            for normal in &mut out {
                let z = normals(&mut rng, normal.nrows());
                normal.column_mut(draw).assign(&aview1(&z));
            }
        }
        out
    }
}
