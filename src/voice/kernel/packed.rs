//! Weights in the order in which the tile kernel reads them.

use pulp::{Arch, Simd, WithSimd};

use super::AlignedBuf;
use super::tile::{NARROW_VECTORS, WIDE_VECTORS};

/// Which register tile a matrix is packed for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TileShape {
    /// Many output channels (a multiple of 64): few frames × many channels.
    Wide,
    /// 32 output channels: many frames × few channels.
    Narrow,
}

/// A K × N matrix cut into panels of `width` columns; a panel is K rows of `width` neighbors.
pub(crate) struct Packed {
    data: AlignedBuf,
    inputs: usize,
    width: usize,
    panels: usize,
}

impl Packed {
    /// Packs `at(k, n)` for `inputs` × `outputs`; `outputs` must be a multiple of 32 (narrow) or
    /// 64 (wide), which every layer here is.
    pub(crate) fn new(
        shape: TileShape,
        inputs: usize,
        outputs: usize,
        at: impl Fn(usize, usize) -> f32,
    ) -> Self {
        let width = panel_width(shape);
        let panels = outputs / width;
        let mut data = AlignedBuf::zeroed(inputs * outputs);
        for (index, slot) in data.iter_mut().enumerate() {
            let (panel, rest) = (index / (inputs * width), index % (inputs * width));
            *slot = at(rest / width, panel * width + rest % width);
        }
        Self { data, inputs, width, panels }
    }

    /// Number of column panels.
    pub(crate) fn panels(&self) -> usize {
        self.panels
    }

    /// Columns of one panel.
    pub(crate) fn width(&self) -> usize {
        self.width
    }

    /// Rows `from..from + count` of panel `panel`, each `width` long.
    pub(crate) fn rows(&self, panel: usize, from: usize, count: usize) -> &[f32] {
        let start = (panel * self.inputs + from) * self.width;
        &self.data[start..start + count * self.width]
    }
}

/// Columns of a panel on this machine: the register tile's vectors times the vector's lanes.
fn panel_width(shape: TileShape) -> usize {
    struct Width(TileShape);
    impl WithSimd for Width {
        type Output = usize;

        #[inline(always)]
        fn with_simd<S: Simd>(self, _: S) -> usize {
            let wide = self.0 == TileShape::Wide && S::REGISTER_COUNT >= 32;
            let vectors = if wide { WIDE_VECTORS } else { NARROW_VECTORS };
            vectors * S::F32_LANES
        }
    }
    Arch::new().dispatch(Width(shape))
}
