//! What a recording leaves behind, and the buffers of a thread.

use crate::voice::kernel::{AlignedBuf, ROW_QUANTUM};

use super::pooling::Sums;
use super::shape::{
    ATTENTION, BLOCK_FRAMES, BLOCKS_AT_ONCE, BOTTLENECK, CEPS, CHANNELS, DILATIONS, HEAD_COLUMNS,
    LOOK_BACK, MAX_HISTORY, MAX_ROWS, POOLED, STRIDE, TAPS, history,
};

/// Frames that outputs yet to come look at, at most.
const TAIL_FRAMES: usize = LOOK_BACK + STRIDE - 1;

/// A recording on its way through the network; about 48 KB, whatever its length.
pub(crate) struct State {
    /// Frames computed so far.
    pub(super) frames: usize,
    /// Sum of the cepstra of those frames.
    pub(super) sum: [f64; CEPS],
    /// The last normalized frames; zeros before the recording.
    pub(super) tail: [f32; TAIL_FRAMES * CEPS],
    /// For each block, the rows of its reduced input that later rows look back at.
    pub(super) past: Vec<f32>,
    /// The pooling.
    pub(super) sums: Sums,
    /// Frames that wait for their block to be complete.
    pub(super) pending: Vec<f32>,
}

impl State {
    /// Nothing was heard.
    pub(crate) fn new() -> Self {
        let past: usize = DILATIONS.into_iter().map(history).sum();
        Self {
            frames: 0,
            sum: [0.0; CEPS],
            tail: [0.0; TAIL_FRAMES * CEPS],
            past: vec![0.0; past * BOTTLENECK],
            sums: Sums::new(),
            pending: Vec::with_capacity(BLOCK_FRAMES * CEPS),
        }
    }

    /// Forgets the recording. Allocates nothing.
    pub(super) fn reset(&mut self) {
        self.frames = 0;
        self.sum = [0.0; CEPS];
        self.tail = [0.0; TAIL_FRAMES * CEPS];
        self.past.fill(0.0);
        self.sums.reset();
        self.pending.clear();
    }

    /// Takes what another has computed, without the frames that wait there. Allocates nothing.
    pub(super) fn set(&mut self, other: &Self) {
        self.frames = other.frames;
        self.sum = other.sum;
        self.tail = other.tail;
        self.past.copy_from_slice(&other.past);
        self.sums.set(&other.sums);
        self.pending.clear();
    }

    /// Frames whose block is complete.
    pub(crate) fn settled_frames(&self) -> usize {
        self.frames
    }

    /// Memory, in bytes.
    pub(crate) fn bytes(&self) -> usize {
        size_of::<Self>()
            + size_of_val(&self.past[..])
            + self.pending.capacity() * size_of::<f32>()
            + Sums::HEAP_BYTES
    }
}

/// Buffers of a thread; made at the first use, then kept.
#[derive(Default)]
pub(crate) struct Buffers {
    /// Normalized frames, those that are looked back at first.
    pub(super) frames: AlignedBuf,
    /// Rows between the residual blocks.
    pub(super) x: AlignedBuf,
    /// Reduced rows behind [`MAX_HISTORY`] earlier ones.
    pub(super) reduced: AlignedBuf,
    /// Rows after the convolution over time.
    pub(super) context: AlignedBuf,
    /// Rows that enter the pooling.
    pub(super) h: AlignedBuf,
    /// Hidden units of the attention.
    pub(super) hidden: AlignedBuf,
    /// Logits of the heads.
    pub(super) logits: AlignedBuf,
    /// For whole recordings.
    pub(super) whole: Option<Box<State>>,
    /// A copy for frames whose block is not complete.
    pub(super) ahead: Option<Box<State>>,
}

impl Buffers {
    pub(super) fn ensure(&mut self) {
        // Rows are computed in whole tiles: the last ones may lie behind what is wanted.
        const ROWS: usize = MAX_ROWS.next_multiple_of(ROW_QUANTUM);
        const FRAMES: usize = TAIL_FRAMES + BLOCKS_AT_ONCE * BLOCK_FRAMES;
        const READ: usize = ROWS * STRIDE + TAPS.next_multiple_of(STRIDE);
        self.frames.ensure(if READ > FRAMES { READ } else { FRAMES } * CEPS);
        self.x.ensure(ROWS * CHANNELS);
        self.reduced.ensure((MAX_HISTORY + ROWS) * BOTTLENECK);
        self.context.ensure(ROWS * BOTTLENECK);
        self.h.ensure(ROWS * POOLED);
        self.hidden.ensure(ROWS * ATTENTION);
        self.logits.ensure(ROWS * HEAD_COLUMNS);
    }
}
