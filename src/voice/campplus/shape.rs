//! The network's dimensions (arXiv 2303.00332, section 3; values of the released checkpoint) and
//! how an utterance of a given length is laid out in memory.

use crate::voice::kernel::ROW_QUANTUM;

/// Mel bins of the input.
pub(super) const BINS: usize = 80;
/// Channels of the 2-D convolution front part.
pub(super) const MAPS: usize = 32;
/// Frequency rows that leave the front part: 80 halved three times.
pub(super) const ROWS_OUT: usize = BINS / 8;
/// Output channels of the time-delay layer.
pub(super) const TDNN_CHANNELS: usize = 128;
/// Frames that the time-delay layer looks at.
pub(super) const TDNN_TAPS: usize = 5;
/// Channels that a dense layer adds.
pub(super) const GROWTH: usize = 32;
/// Bottleneck channels of a dense layer.
pub(super) const BOTTLENECK: usize = 4 * GROWTH;
/// Hidden channels of the context mask.
pub(super) const CONTEXT_HIDDEN: usize = BOTTLENECK / 2;
/// Frames of a context segment, after the time-delay layer's stride.
pub(super) const SEGMENT: usize = 100;
/// Dense layers and dilation of each block; every block ends by halving its channels.
pub(super) const BLOCKS: [(usize, usize); 3] = [(12, 1), (24, 2), (16, 2)];
/// Channels that enter statistics pooling.
pub(super) const POOLED: usize = 512;
/// Dimensions of the embedding.
pub(super) const EMBEDDING: usize = 192;
/// Widest input of a dense or transition layer.
pub(super) const MAX_CHANNELS: usize = 1024;
/// Frames of zeros before the first one in a map.
pub(super) const MAP_PAD: usize = 2;

/// Lengths, in frames, that follow from the number of input frames.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Lengths {
    /// Input frames.
    pub(super) frames: usize,
    /// Input frames rounded up to whole Winograd tiles of four outputs.
    pub(super) map_frames: usize,
    /// Frames from one frequency row of a map to the next, padding included.
    pub(super) map_stride: usize,
    /// Frames after the time-delay layer's stride of two.
    pub(super) halved: usize,
    /// The same rounded up to whole register tiles.
    pub(super) halved_padded: usize,
}

impl Lengths {
    pub(super) fn new(frames: usize) -> Self {
        let halved = frames.div_ceil(2);
        let halved_padded = halved.next_multiple_of(ROW_QUANTUM);
        Self {
            frames,
            map_frames: frames.next_multiple_of(4),
            map_stride: 2 * halved_padded + 2 * TDNN_TAPS,
            halved,
            halved_padded,
        }
    }
}

/// Zeros what lies before and after the utterance in every frequency row of a map: the
/// convolutions read it as padding.
pub(super) fn clear_edges(map: &mut [f32], lengths: Lengths, rows: usize) {
    for row in map.chunks_exact_mut(lengths.map_stride * MAPS).take(rows) {
        row[..MAP_PAD * MAPS].fill(0.0);
        row[(MAP_PAD + lengths.frames) * MAPS..].fill(0.0);
    }
}
