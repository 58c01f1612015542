//! `mfcc_tdnn`: Vouch's own time-delay network. 40 cepstra in, 192 dimensions out; causal, so that a
//! live call is computed once, as it comes.
//!
//! Speech frames are normalized in blocks of a second by a mean that runs along with the call, taken
//! three at a time by the first convolution, and pass seven residual blocks with dilated taps; multi-head
//! attention weighs the rows of a mean and a standard deviation, which a linear map turns into the
//! embedding. Batch norms were folded into the weights when they were exported.
//!
//! [`State`] is what a recording leaves behind: the frames and rows that later ones look back at, and the
//! sums of the pooling. Every row is computed the same way however the recording was cut, so a stream
//! gives the bits that the whole recording gives.

#[cfg(test)]
mod golden;
mod load;
#[cfg(test)]
mod oracle;
mod pooling;
mod product;
mod shape;
mod state;

use std::collections::HashMap;

use candle_core::Tensor;
use pulp::Arch;

use crate::voice::VoiceError;

use pooling::{Add, Project, Projection};
use product::{Linear, Product, Then};
use shape::{
    ATTENTION, BLOCK_FRAMES, BLOCKS_AT_ONCE, BOTTLENECK, CEPS, CHANNELS, EMBEDDING, LOOK_BACK,
    MAX_HISTORY, POOLED, PRIOR_FRAMES, STRIDE, history, outputs,
};
pub(crate) use state::{Buffers, State};

/// The network's weights, ready to run; shared between threads.
pub(crate) struct Tdnn {
    arch: Arch,
    normalizer: Normalizer,
    first: Linear,
    blocks: Vec<Block>,
    last: Linear,
    hidden: Linear,
    heads: Linear,
    projection: Projection,
}

/// The running mean's prior and the inverse standard deviations.
struct Normalizer {
    mean: [f64; CEPS],
    scale: [f64; CEPS],
}

/// Down, over time, up, around.
struct Block {
    dilation: usize,
    reduce: Linear,
    context: Linear,
    expand: Linear,
}

impl Tdnn {
    /// From a weights file's tensors.
    pub(crate) fn from_tensors(tensors: &HashMap<String, Tensor>) -> Result<Self, VoiceError> {
        load::network(tensors)
    }

    /// Takes `frames × 40` cepstra, row-major and finite, of any number of frames. Whole blocks are
    /// computed at once, what is left waits in the state.
    pub(crate) fn push(&self, state: &mut State, mut frames: &[f32], buffers: &mut Buffers) {
        const BLOCK: usize = BLOCK_FRAMES * CEPS;
        if !state.pending.is_empty() {
            let missing = (BLOCK - state.pending.len()).min(frames.len());
            let (now, later) = frames.split_at(missing);
            state.pending.extend_from_slice(now);
            frames = later;
            if state.pending.len() == BLOCK {
                let mut block = std::mem::take(&mut state.pending);
                self.compute(state, &block, buffers);
                block.clear();
                state.pending = block;
            }
        }
        while frames.len() >= BLOCK {
            let blocks = (frames.len() / BLOCK).min(BLOCKS_AT_ONCE);
            let (now, later) = frames.split_at(blocks * BLOCK);
            self.compute(state, now, buffers);
            frames = later;
        }
        state.pending.extend_from_slice(frames);
    }

    /// The embedding of a whole recording of at least three frames; what a stream gives for it, without
    /// a state of its own.
    pub(crate) fn embed(&self, frames: &[f32], buffers: &mut Buffers) -> [f32; EMBEDDING] {
        let mut state = buffers.whole.take().unwrap_or_else(|| Box::new(State::new()));
        state.reset();
        self.push(&mut state, frames, buffers);
        let embedding = self.embedding(&state, buffers);
        buffers.whole = Some(state);
        embedding
    }

    /// The embedding of everything pushed so far, at least three frames. Frames that wait for their
    /// block are computed on a copy of the state, as the shorter last block they would be if no more
    /// came.
    pub(crate) fn embedding(&self, state: &State, buffers: &mut Buffers) -> [f32; EMBEDDING] {
        if state.pending.is_empty() {
            return self.settled_embedding(state);
        }
        let mut ahead = buffers.ahead.take().unwrap_or_else(|| Box::new(State::new()));
        ahead.set(state);
        self.compute(&mut ahead, &state.pending, buffers);
        let embedding = self.settled_embedding(&ahead);
        buffers.ahead = Some(ahead);
        embedding
    }

    /// The embedding of the whole blocks pushed so far, at least one.
    pub(crate) fn settled_embedding(&self, state: &State) -> [f32; EMBEDDING] {
        let statistics = state.sums.statistics();
        self.arch.dispatch(Project { layer: &self.projection, statistics: &statistics })
    }

    /// Computes up to [`BLOCKS_AT_ONCE`] blocks, of which only the last may be shorter than a block,
    /// and then nothing may follow.
    fn compute(&self, state: &mut State, frames: &[f32], buffers: &mut Buffers) {
        buffers.ensure();
        let before = outputs(state.frames);
        // What the next output looks at and was there before, then the new frames.
        let kept = (LOOK_BACK + state.frames % STRIDE) * CEPS;
        buffers.frames[..kept].copy_from_slice(&state.tail[..kept]);
        let mut end = kept;
        for block in frames.chunks(BLOCK_FRAMES * CEPS) {
            let out = &mut buffers.frames[end..end + block.len()];
            self.normalizer.block(state, block, out);
            end += block.len();
        }
        let rows = outputs(state.frames) - before;
        if rows > 0 {
            self.rows(state, rows, buffers);
        }
        let from = rows * STRIDE * CEPS;
        state.tail[..end - from].copy_from_slice(&buffers.frames[from..end]);
    }

    /// Computes `rows` outputs of the first layer and all that follows.
    fn rows(&self, state: &mut State, rows: usize, buffers: &mut Buffers) {
        let Buffers { frames, x, reduced, context, h, hidden, logits, .. } = buffers;
        self.arch.dispatch(Product::<{ STRIDE * CEPS }> {
            layer: &self.first,
            rows,
            input: frames,
            step: 1,
            out: x,
            then: Then::Relu,
        });
        let mut past = &mut state.past[..];
        for block in &self.blocks {
            let (own, others) = past.split_at_mut(history(block.dilation) * BOTTLENECK);
            self.block(block, rows, own, x, reduced, context);
            past = others;
        }
        self.arch.dispatch(Product::<CHANNELS> {
            layer: &self.last,
            rows,
            input: x,
            step: 0,
            out: h,
            then: Then::Relu,
        });
        self.arch.dispatch(Product::<POOLED> {
            layer: &self.hidden,
            rows,
            input: h,
            step: 0,
            out: hidden,
            then: Then::Relu,
        });
        self.arch.dispatch(Product::<ATTENTION> {
            layer: &self.heads,
            rows,
            input: hidden,
            step: 0,
            out: logits,
            then: Then::Store,
        });
        let rows = &h[..rows * POOLED];
        self.arch.dispatch(Add { sums: &mut state.sums, rows, logits });
    }

    /// One residual block, in place in `x`. `past`: the rows of `reduced` that came before.
    fn block(
        &self,
        block: &Block,
        rows: usize,
        past: &mut [f32],
        x: &mut [f32],
        reduced: &mut [f32],
        context: &mut [f32],
    ) {
        const NOW: usize = MAX_HISTORY * BOTTLENECK;
        let from = NOW - past.len();
        reduced[from..NOW].copy_from_slice(past);
        self.arch.dispatch(Product::<CHANNELS> {
            layer: &block.reduce,
            rows,
            input: x,
            step: 0,
            out: &mut reduced[NOW..],
            then: Then::Relu,
        });
        self.arch.dispatch(Product::<BOTTLENECK> {
            layer: &block.context,
            rows,
            input: &reduced[from..],
            step: block.dilation,
            out: context,
            then: Then::Relu,
        });
        self.arch.dispatch(Product::<BOTTLENECK> {
            layer: &block.expand,
            rows,
            input: context,
            step: 0,
            out: x,
            then: Then::AddRelu,
        });
        let from = from + rows * BOTTLENECK;
        past.copy_from_slice(&reduced[from..from + past.len()]);
    }
}

impl Normalizer {
    /// Normalizes a block by the mean of everything up to its end, the prior included.
    fn block(&self, state: &mut State, frames: &[f32], out: &mut [f32]) {
        let frames = frames.as_chunks::<CEPS>().0;
        for frame in frames {
            for (sum, x) in state.sum.iter_mut().zip(frame) {
                *sum += f64::from(*x);
            }
        }
        state.frames += frames.len();
        let count = PRIOR_FRAMES + state.frames as f64;
        let mut mean = [0.0; CEPS];
        for ((mean, prior), sum) in mean.iter_mut().zip(&self.mean).zip(&state.sum) {
            *mean = (PRIOR_FRAMES * prior + sum) / count;
        }
        for (out, frame) in out.as_chunks_mut::<CEPS>().0.iter_mut().zip(frames) {
            for (((out, x), mean), scale) in out.iter_mut().zip(frame).zip(&mean).zip(&self.scale) {
                *out = ((f64::from(*x) - mean) * scale) as f32;
            }
        }
    }
}
