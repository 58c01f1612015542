//! The network's dimensions and how speech is cut for it.

/// Cepstra of an input frame.
pub(super) const CEPS: usize = 40;
/// Speech frames that are normalized, and on a live call computed, together: one second.
pub(crate) const BLOCK_FRAMES: usize = 100;
/// Blocks of a long recording that are computed together, so that the weights are read less often.
pub(super) const BLOCKS_AT_ONCE: usize = 4;
/// Frames that the stored mean counts for in the running mean.
pub(super) const PRIOR_FRAMES: f64 = 50.0;

/// Frames from one output of the first layer to the next.
pub(super) const STRIDE: usize = 3;
/// Frames that the first layer looks at; the newest is the last of its stride.
pub(super) const TAPS: usize = 7;
/// Frames before its own stride that an output of the first layer looks at.
pub(super) const LOOK_BACK: usize = TAPS - STRIDE;

/// Channels between the residual blocks.
pub(super) const CHANNELS: usize = 320;
/// Channels inside a residual block.
pub(super) const BOTTLENECK: usize = 160;
/// Taps of a residual block's convolution over time.
pub(super) const CONTEXT_TAPS: usize = 3;
/// Outputs of the first layer between two taps, block by block.
pub(super) const DILATIONS: [usize; 7] = [1, 2, 3, 1, 2, 3, 4];
/// Rows before the first one that the widest block looks back at.
pub(super) const MAX_HISTORY: usize = 8;

/// Channels that enter statistics pooling.
pub(super) const POOLED: usize = 640;
/// Hidden units of the attention.
pub(super) const ATTENTION: usize = 64;
/// Attention heads; each weighs its own run of channels.
pub(super) const HEADS: usize = 8;
/// Columns computed for the heads: a whole panel, the rest is zero.
pub(super) const HEAD_COLUMNS: usize = 32;
/// Channels that a head weighs.
pub(super) const HEAD_CHANNELS: usize = POOLED / HEADS;
/// Bound of a head's logit, by way of `LIMIT × tanh(x / LIMIT)`: no frame outweighs another by more
/// than e^12.
pub(super) const LOGIT_LIMIT: f64 = 6.0;
/// Least variance before its root is taken.
pub(super) const MIN_VARIANCE: f64 = 1e-5;
/// Dimensions of the embedding.
pub(super) const EMBEDDING: usize = 192;

/// Rows of history that a block with this dilation needs.
pub(super) const fn history(dilation: usize) -> usize {
    (CONTEXT_TAPS - 1) * dilation
}

/// Outputs of the first layer after this many frames.
pub(super) const fn outputs(frames: usize) -> usize {
    frames / STRIDE
}

/// Most outputs of the first layer that are computed together.
pub(super) const MAX_ROWS: usize = outputs(BLOCKS_AT_ONCE * BLOCK_FRAMES + STRIDE - 1);
