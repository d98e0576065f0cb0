//! The memory layout of a cloud together with its tangent vectors.

use crate::network::TwoLayerLayout;
use std::ops::Range;

/// Lanes to which the number of columns is padded.
const PACK: usize = 8;

/// The layout of the augmented state `(theta, xi^1 .. xi^C, zeta)` in one flat slice.
///
/// First the parameters of the cloud in the layout of the network; then the tangent vectors, particle by particle, each
/// (p, columns) row-major with the parameters in canonical order (w, b, a). Columns beyond C hold, with the second
/// order, `zeta` and one accumulator of the pass over the particles, whose tangent vector is zero; the rest is padding,
/// which is zero throughout.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TangentLayout {
    /// The cloud: M particles of p parameters.
    pub cloud: TwoLayerLayout,
    /// Columns C.
    pub columns: usize,
    /// Whether the mean second order `zeta` is among the tangent vectors.
    pub second_order: bool,
}

impl TangentLayout {
    /// Columns in memory: a multiple of the lanes of a pack. None is wasted where C is a multiple of 8, with the second
    /// order where C + 2 is.
    pub fn stride(self) -> usize {
        (self.columns + if self.second_order { 2 } else { 0 }).next_multiple_of(PACK)
    }

    /// Length of the cloud's part of the slice.
    pub fn cloud_len(self) -> usize {
        self.cloud.len()
    }

    /// Numbers per particle in the tangent part.
    pub fn particle_len(self) -> usize {
        self.cloud.parameters * self.stride()
    }

    /// Length of the slice.
    pub fn len(self) -> usize {
        self.cloud_len() + self.cloud.width * self.particle_len()
    }

    /// The column of `zeta`.
    pub(super) fn mean_column(self) -> Option<usize> {
        self.second_order.then_some(self.columns)
    }

    /// The column in which the mean of `|phi|^2` is accumulated.
    pub(super) fn square_column(self) -> Option<usize> {
        self.second_order.then_some(self.columns + 1)
    }

    /// The range of parameter `row` of a particle in the tangent part; its entries are the columns.
    pub fn row(self, particle: usize, row: usize) -> Range<usize> {
        let start = particle * self.particle_len() + row * self.stride();
        start..start + self.stride()
    }
}
