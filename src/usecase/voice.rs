//! Speech to evidence: embeddings, sides, scores. Synchronous; run it in the engine.

use crate::domain::{Bandwidth, Llr, Quality, RawScore};
use crate::scoring::{ScoringError, Side, UtteranceView};
use crate::store::{Embedding, EnrolledUtterance, Voiceprint};
use crate::usecase::UseCaseError;
use crate::usecase::parts::VoiceParts;

/// Shortest part into which a recording is cut to look for a second speaker, in frames of 10 ms.
pub const MIN_PART_FRAMES: usize = 300;
/// Most parts.
pub const MAX_PARTS: usize = 6;

/// Similarity and evidence of one comparison.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Score {
    pub(super) raw: RawScore,
    pub(super) llr: Llr,
}

/// A raw embedding with what the back-end must know about it.
#[derive(Clone)]
pub(super) struct Probe {
    pub(super) embedding: Vec<f32>,
    pub(super) bandwidth: Bandwidth,
    pub(super) net_speech_ms: u32,
}

impl Probe {
    /// An embedding of a recording of this quality.
    pub(super) fn new(embedding: Vec<f32>, quality: &Quality) -> Self {
        let &Quality { bandwidth, net_speech_ms, .. } = quality;
        Self { embedding, bandwidth, net_speech_ms }
    }

    fn view(&self) -> UtteranceView<'_> {
        UtteranceView {
            embedding: &self.embedding,
            bandwidth: self.bandwidth,
            net_speech_ms: self.net_speech_ms,
            telephone: None,
        }
    }
}

fn view(utterance: &EnrolledUtterance) -> UtteranceView<'_> {
    UtteranceView {
        embedding: utterance.embedding.values(),
        bandwidth: utterance.bandwidth,
        net_speech_ms: utterance.net_speech_ms,
        telephone: utterance.telephone.as_ref().map(Embedding::values),
    }
}

impl VoiceParts {
    /// Embeds speech frames.
    pub(super) fn probe(&self, frames: &[f32], quality: &Quality) -> Result<Probe, UseCaseError> {
        let embedding = self.extractor.embed(frames).map_err(UseCaseError::Internal)?;
        Ok(Probe::new(embedding, quality))
    }

    /// One side from one recording.
    pub(super) fn probe_side(&self, probe: &Probe) -> Result<Side, ScoringError> {
        self.back_end.side(&[probe.view()])
    }

    /// One side from several recordings.
    pub(super) fn probes_side<'a>(
        &self,
        probes: impl Iterator<Item = &'a Probe>,
    ) -> Result<Side, ScoringError> {
        let views: Vec<_> = probes.map(Probe::view).collect();
        self.back_end.side(&views)
    }

    /// One side from a voiceprint.
    pub(super) fn voiceprint_side(&self, print: &Voiceprint) -> Result<Side, ScoringError> {
        self.utterances_side(&print.utterances)
    }

    /// One side from enrolled utterances.
    pub(super) fn utterances_side(
        &self,
        utterances: &[EnrolledUtterance],
    ) -> Result<Side, ScoringError> {
        let views: Vec<_> = utterances.iter().map(view).collect();
        self.back_end.side(&views)
    }

    /// Compares two sides.
    pub(super) fn score(&self, a: &Side, b: &Side) -> Score {
        let raw = self.back_end.raw(a, b);
        Score { raw, llr: self.back_end.llr(raw, a, b) }
    }

    /// Lowest LLR between two parts of a recording; `None` when it is too short to cut.
    pub(super) fn lowest_within(
        &self,
        frames: &[f32],
        quality: &Quality,
    ) -> Result<Option<Llr>, UseCaseError> {
        let width = self.extractor.front_end().dim();
        let rows = frames.len() / width;
        let parts = (rows / MIN_PART_FRAMES).min(MAX_PARTS);
        if parts < 2 {
            return Ok(None);
        }
        let each = rows / parts;
        let mut sides = Vec::with_capacity(parts);
        for part in frames.chunks_exact(each * width).take(parts) {
            let mut own = quality.clone();
            own.net_speech_ms = u32::try_from(each * 10).unwrap_or(u32::MAX);
            sides.push(self.probe_side(&self.probe(part, &own)?)?);
        }
        let pairs =
            sides.iter().enumerate().flat_map(|(i, a)| sides[i + 1..].iter().map(move |b| (a, b)));
        let lowest = pairs.map(|(a, b)| self.score(a, b).llr).min_by(|a, b| a.0.total_cmp(&b.0));
        Ok(lowest)
    }
}
