//! A recording on its way to an embedding.

use crate::domain::ArtifactRef;
use crate::voice::extractor::{Extractor, Network, Scratch};
use crate::voice::tdnn::State;
use crate::voice::{Embedding, MAX_FRAMES, MIN_FRAMES, VoiceError};

/// Share of the frames pushed that must have been computed for an estimate to be content with them.
const SETTLED_SHARE: f64 = 0.9;

/// What an extractor remembers of a recording that comes in pieces. It belongs to the extractor that
/// made it ([`Extractor::stream`]).
///
/// Of `mfcc_tdnn` about 48 KB: every frame is computed once, as it comes. CAM++ needs the whole
/// utterance at once, so there it is the frames, and each embedding runs the network on all of them.
pub struct VoiceStream {
    extractor: ArtifactRef,
    frames: usize,
    kept: Kept,
}

enum Kept {
    Frames(Vec<f32>),
    Computed(Box<State>),
}

impl VoiceStream {
    /// Frames pushed so far (10 ms each).
    pub fn frames(&self) -> usize {
        self.frames
    }

    /// Memory of what is remembered, in bytes.
    pub fn bytes(&self) -> usize {
        match &self.kept {
            Kept::Frames(frames) => frames.capacity() * size_of::<f32>(),
            Kept::Computed(state) => state.bytes(),
        }
    }
}

impl Extractor {
    /// A recording of which nothing was heard yet.
    pub fn stream(&self) -> VoiceStream {
        let kept = match &self.network {
            Network::Campplus(_) => Kept::Frames(Vec::new()),
            Network::MfccTdnn(_) => Kept::Computed(Box::new(State::new())),
        };
        VoiceStream { extractor: self.artifact().clone(), frames: 0, kept }
    }

    /// Takes the next frames, as [`Extractor::embed`] takes them, in pieces of any size; all together
    /// at most [`MAX_FRAMES`]. Refused frames leave the stream as it was.
    ///
    /// # Errors
    /// Values that are no whole frames or not finite, too many frames, a stream of another extractor.
    pub fn push(
        &self,
        stream: &mut VoiceStream,
        features: &[f32],
        scratch: &mut Scratch,
    ) -> Result<(), VoiceError> {
        self.owns(stream)?;
        let frames = stream.frames + self.check(features)?;
        if frames > MAX_FRAMES {
            return Err(VoiceError::TooLong { maximum: MAX_FRAMES, found: frames });
        }
        match (&self.network, &mut stream.kept) {
            (Network::MfccTdnn(network), Kept::Computed(state)) => {
                network.push(state, features, &mut scratch.tdnn);
            }
            (_, Kept::Frames(kept)) => kept.extend_from_slice(features),
            (Network::Campplus(_), Kept::Computed(_)) => return Err(self.mismatch(stream)),
        }
        stream.frames = frames;
        Ok(())
    }

    /// The embedding of all frames so far: the one [`Extractor::embed`] gives for them, to the bit,
    /// however they were cut.
    ///
    /// # Errors
    /// Fewer than [`MIN_FRAMES`], or a stream of another extractor.
    pub fn embedding(
        &self,
        stream: &VoiceStream,
        scratch: &mut Scratch,
    ) -> Result<Embedding, VoiceError> {
        self.owns(stream)?;
        if stream.frames < MIN_FRAMES {
            return Err(VoiceError::TooShort { minimum: MIN_FRAMES, found: stream.frames });
        }
        let values = match (&self.network, &stream.kept) {
            (Network::MfccTdnn(network), Kept::Computed(state)) => {
                network.embedding(state, &mut scratch.tdnn).to_vec()
            }
            (_, Kept::Frames(kept)) => return self.embed(kept, scratch),
            (Network::Campplus(_), Kept::Computed(_)) => return Err(self.mismatch(stream)),
        };
        Embedding::new(values, self.artifact().clone())
    }

    /// An embedding for an estimate on the way. Where at least nine tenths of the frames are computed
    /// it is that of those alone and costs next to nothing; else as [`Extractor::embedding`].
    ///
    /// # Errors
    /// As [`Extractor::embedding`].
    pub fn estimate(
        &self,
        stream: &VoiceStream,
        scratch: &mut Scratch,
    ) -> Result<Embedding, VoiceError> {
        self.owns(stream)?;
        if let (Network::MfccTdnn(network), Kept::Computed(state)) = (&self.network, &stream.kept) {
            let settled = state.settled_frames();
            if settled > 0 && settled as f64 >= SETTLED_SHARE * stream.frames as f64 {
                let values = network.settled_embedding(state).to_vec();
                return Embedding::new(values, self.artifact().clone());
            }
        }
        self.embedding(stream, scratch)
    }

    fn owns(&self, stream: &VoiceStream) -> Result<(), VoiceError> {
        match stream.extractor == *self.artifact() {
            true => Ok(()),
            false => Err(self.mismatch(stream)),
        }
    }

    fn mismatch(&self, stream: &VoiceStream) -> VoiceError {
        VoiceError::ModelMismatch { left: stream.extractor.clone(), right: self.artifact().clone() }
    }
}
