//! Features of audio that comes in pieces.

use super::{FeatureError, Frontend};

/// Samples taken in at once; bounds the buffer at this plus one frame.
const BLOCK: usize = 4096;

/// Gives, over all pushes, the very rows that [`Frontend::compute`] gives for the whole, whatever
/// the pieces: each row depends on the samples of its frame alone.
#[derive(Debug, Clone)]
pub struct FrontendStream {
    frontend: Frontend,
    /// Samples from the start of the next frame on: fewer than one frame between pushes.
    pending: Vec<f32>,
}

impl FrontendStream {
    pub(super) fn new(frontend: Frontend) -> Self {
        let pending = Vec::with_capacity(frontend.frame_len() + BLOCK);
        Self { frontend, pending }
    }

    /// Values in a row.
    pub fn dim(&self) -> usize {
        self.frontend.dim()
    }

    /// Takes a piece of any length, appends the rows it completes to `out` and returns how many.
    /// A piece with a sample that [`Frontend::compute`] refuses is refused as a whole and changes
    /// nothing.
    pub fn push(&mut self, samples: &[f32], out: &mut Vec<f32>) -> Result<usize, FeatureError> {
        self.frontend.check(samples)?;
        let mut rows = 0;
        for block in samples.chunks(BLOCK) {
            self.pending.extend_from_slice(block);
            let new = self.frontend.compute_checked(&self.pending, out);
            self.pending.drain(..new * self.frontend.frame_shift());
            rows += new;
        }
        Ok(rows)
    }

    /// Forgets what was pushed, for the next recording.
    pub fn reset(&mut self) {
        self.pending.clear();
    }
}
