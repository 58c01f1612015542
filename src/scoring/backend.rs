//! The back-end of a voice model: from raw embeddings to a normalized score.
//!
//! Per utterance: length normalization, centring by the mean of its channel, projection, length
//! normalization (Garcia-Romero and Espy-Wilson, Interspeech 2011). Per side: speech-weighted sum. Per
//! trial: cosine, then adaptive symmetric score normalization against a cohort (AS-norm; Cumani et
//! al., Interspeech 2011; Matějka et al., Interspeech 2017), then calibration.

use std::fmt;

use crate::domain::{ArtifactRef, Bandwidth, LicenseClass, Llr, RawScore};
use crate::scoring::ScoringError;
use crate::scoring::calibration::{Calibration, Conditions};
use crate::scoring::side::{Half, Side};
use crate::scoring::vector::{add_scaled, dot, normalize};

/// Most utterances in one side.
pub const MAX_UTTERANCES: usize = 1_000;

/// Least spread of cohort scores, so that a degenerate cohort cannot divide by zero. Cosine units.
const MIN_COHORT_STD: f64 = 1e-3;

/// One utterance as the back-end sees it.
#[derive(Clone, Copy)]
pub struct UtteranceView<'a> {
    /// Raw embedding of the extractor, [`BackEnd::input_dim`] values.
    pub embedding: &'a [f32],
    /// Its measured bandwidth, which picks the channel mean.
    pub bandwidth: Bandwidth,
    /// Its net speech, in milliseconds; its weight among the utterances of a side.
    pub net_speech_ms: u32,
    /// Of an enrolled wide-band utterance: raw embedding of what a simulated telephone line brought of
    /// it. Nothing of other utterances; it plays no part where `bandwidth` is narrow.
    pub telephone: Option<&'a [f32]>,
}

impl UtteranceView<'_> {
    /// The telephone rendition as an utterance of its own.
    fn rendition(self) -> Option<Self> {
        let embedding = self.telephone.filter(|_| self.bandwidth == Bandwidth::Wide)?;
        Some(Self { embedding, bandwidth: Bandwidth::Narrow, telephone: None, ..self })
    }
}

/// Identity and settings of a back-end, as its manifest says them.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BackEndInfo {
    /// Id, e.g. `campplus-open`.
    pub id: String,
    /// Version, from 1.
    pub version: u32,
    /// The extractor whose embeddings it takes.
    pub model: ArtifactRef,
    /// Terms of the data it was fitted on.
    pub license: LicenseClass,
    /// How many of the best cohort scores AS-norm uses.
    pub top_k: usize,
    /// Seed of everything random in the fit.
    pub seed: u64,
    /// Data sets it was fitted on.
    pub data: Vec<String>,
}

/// The numbers of a back-end.
#[derive(Clone, PartialEq)]
pub struct BackEndParts {
    /// Mean of length-normalized microphone embeddings, `input_dim` values.
    pub mean_wide: Vec<f32>,
    /// Mean of length-normalized telephone embeddings, `input_dim` values.
    pub mean_narrow: Vec<f32>,
    /// Projection, row-major `dim × input_dim`; `None` leaves the space as it is.
    pub projection: Option<Vec<f32>>,
    /// Unit vectors of cohort speakers, row-major `speakers × dim`.
    pub cohort: Vec<f32>,
}

/// A loaded back-end with its calibration.
#[derive(Clone)]
pub struct BackEnd {
    info: BackEndInfo,
    parts: BackEndParts,
    dim: usize,
    calibration: Calibration,
}

impl fmt::Debug for BackEnd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BackEnd")
            .field("info", &self.info)
            .field("dim", &self.dim)
            .finish_non_exhaustive()
    }
}

impl BackEnd {
    /// Checks shapes and numbers.
    pub fn new(
        info: BackEndInfo,
        parts: BackEndParts,
        calibration: Calibration,
    ) -> Result<Self, ScoringError> {
        let dim = check_shapes(&info, &parts)?;
        Ok(Self { info, parts, dim, calibration })
    }

    /// Its identity and settings.
    pub fn info(&self) -> &BackEndInfo {
        &self.info
    }

    /// Its numbers.
    pub fn parts(&self) -> &BackEndParts {
        &self.parts
    }

    /// Its calibration.
    pub fn calibration(&self) -> &Calibration {
        &self.calibration
    }

    /// The same back-end with another calibration of its scores.
    pub fn with_calibration(mut self, calibration: Calibration) -> Self {
        self.calibration = calibration;
        self
    }

    /// Values of a raw embedding.
    pub fn input_dim(&self) -> usize {
        self.parts.mean_wide.len()
    }

    /// Values of [`Side::unit`].
    pub fn dim(&self) -> usize {
        self.dim
    }

    /// Back-end and calibration that produce its LLRs, as `campplus-open-b1@2`: version 1 of the
    /// back-end, version 2 of its calibration.
    pub fn reference(&self) -> ArtifactRef {
        let BackEndInfo { id, version, .. } = &self.info;
        ArtifactRef::new(format!("{id}-b{version}"), self.calibration.version)
    }

    /// Prepares one side from its utterances. Costs one product with the cohort, and another one where
    /// there are telephone renditions: each is mixed in equal parts with its utterance.
    ///
    /// # Errors
    /// No or too many utterances, a wrong dimension, or an embedding without direction.
    pub fn side(&self, utterances: &[UtteranceView<'_>]) -> Result<Side, ScoringError> {
        if utterances.is_empty() {
            return Err(ScoringError::NoUtterances);
        }
        if utterances.len() > MAX_UTTERANCES {
            return Err(ScoringError::TooManyUtterances {
                limit: MAX_UTTERANCES,
                got: utterances.len(),
            });
        }
        let mut own = vec![0f32; self.dim];
        let mut telephone = vec![0f32; self.dim];
        let mut rendered = false;
        let (mut net, mut narrow) = (0u32, 0f64);
        for utterance in utterances {
            // An utterance without measured speech still counts a little.
            let weight = utterance.net_speech_ms.max(1);
            let mut direction = self.direction(*utterance)?;
            add_scaled(&mut own, weight as f32, &direction);
            if let Some(rendition) = utterance.rendition() {
                add_scaled(&mut direction, 1.0, &self.direction(rendition)?);
                direction.iter_mut().for_each(|x| *x *= 0.5);
                rendered = true;
            }
            add_scaled(&mut telephone, weight as f32, &direction);
            net = net.saturating_add(weight);
            if utterance.bandwidth == Bandwidth::Narrow {
                narrow += f64::from(weight);
            }
        }
        Ok(Side {
            own: self.half(own)?,
            telephone: if rendered { Some(self.half(telephone)?) } else { None },
            net_speech_ms: net,
            narrow_share: narrow / f64::from(net),
        })
    }

    fn half(&self, mut unit: Vec<f32>) -> Result<Half, ScoringError> {
        if !normalize(&mut unit) {
            return Err(ScoringError::NoDirection);
        }
        let (cohort_mean, cohort_std) = self.cohort_statistics(&unit);
        Ok(Half { unit, cohort_mean, cohort_std })
    }

    /// Centred, projected unit vector of one utterance, [`BackEnd::dim`] values.
    pub fn direction(&self, utterance: UtteranceView<'_>) -> Result<Vec<f32>, ScoringError> {
        if utterance.embedding.len() != self.input_dim() {
            return Err(ScoringError::Dimension {
                expected: self.input_dim(),
                got: utterance.embedding.len(),
            });
        }
        let mut centred = utterance.embedding.to_vec();
        if !normalize(&mut centred) {
            return Err(ScoringError::NoDirection);
        }
        let mean = match utterance.bandwidth {
            Bandwidth::Wide => &self.parts.mean_wide,
            Bandwidth::Narrow => &self.parts.mean_narrow,
        };
        add_scaled(&mut centred, -1.0, mean);
        let mut unit = match &self.parts.projection {
            Some(rows) => {
                rows.chunks_exact(self.input_dim()).map(|row| dot(row, &centred)).collect()
            }
            None => centred,
        };
        if !normalize(&mut unit) {
            return Err(ScoringError::NoDirection);
        }
        Ok(unit)
    }

    /// Cosine of two sides before normalization.
    pub fn cosine(&self, a: &Side, b: &Side) -> f64 {
        between(a.against(b), b.against(a))
    }

    /// Normalized score of a trial; symmetric.
    pub fn raw(&self, a: &Side, b: &Side) -> RawScore {
        let (a, b) = (a.against(b), b.against(a));
        let cosine = between(a, b);
        let by = |half: &Half| (cosine - half.cohort_mean) / half.cohort_std;
        RawScore(0.5 * (by(a) + by(b)))
    }

    /// Calibrated evidence of a trial; symmetric, rising with the raw score.
    pub fn llr(&self, raw: RawScore, a: &Side, b: &Side) -> Llr {
        self.calibration.llr(raw, &conditions(a, b))
    }

    /// Threshold for which the probability that any of `n` other people's templates scores above
    /// it is at most `fpir` (ISO/IEC 19795-1 false-positive identification rate).
    pub fn identification_threshold(
        &self,
        n: usize,
        fpir: f64,
    ) -> Result<IdentificationThreshold, ScoringError> {
        self.calibration.tail.identification_threshold(n, fpir)
    }

    fn cohort_statistics(&self, unit: &[f32]) -> (f64, f64) {
        let mut scores: Vec<f32> =
            self.parts.cohort.chunks_exact(self.dim).map(|row| dot(row, unit)).collect();
        let k = self.info.top_k.min(scores.len());
        if k < scores.len() {
            scores.select_nth_unstable_by(k, |a, b| b.total_cmp(a));
        }
        let top = &scores[..k];
        let mean = top.iter().map(|s| f64::from(*s)).sum::<f64>() / k as f64;
        let spread = |s: &f32| (f64::from(*s) - mean).powi(2);
        let variance = top.iter().map(spread).sum::<f64>() / k as f64;
        (mean, variance.sqrt().max(MIN_COHORT_STD))
    }
}

pub use crate::scoring::tail::IdentificationThreshold;

fn between(a: &Half, b: &Half) -> f64 {
    f64::from(dot(&a.unit, &b.unit)).clamp(-1.0, 1.0)
}

/// What the calibration is told about a trial.
pub fn conditions(a: &Side, b: &Side) -> Conditions {
    Conditions {
        net_speech_ms: [a.net_speech_ms, b.net_speech_ms],
        narrow_share: [a.narrow_share, b.narrow_share],
    }
}

fn check_shapes(info: &BackEndInfo, parts: &BackEndParts) -> Result<usize, ScoringError> {
    let bad = |why: &str| Err(ScoringError::Artifact(why.to_owned()));
    let input = parts.mean_wide.len();
    if input == 0 || parts.mean_narrow.len() != input {
        return bad("the channel means must have the same, positive length");
    }
    let dim = match &parts.projection {
        Some(rows) if rows.is_empty() || !rows.len().is_multiple_of(input) => {
            return bad("the projection is not a matrix over the embedding");
        }
        Some(rows) => rows.len() / input,
        None => input,
    };
    if parts.cohort.is_empty() || !parts.cohort.len().is_multiple_of(dim) {
        return bad("the cohort is not a matrix over the projected embedding");
    }
    if !(2..=parts.cohort.len() / dim).contains(&info.top_k) {
        return bad("top_k must be at least 2 and at most the size of the cohort");
    }
    let projection = parts.projection.iter().flatten();
    let mut numbers = parts.mean_wide.iter().chain(&parts.mean_narrow);
    let mut rest = parts.cohort.iter().chain(projection);
    if !numbers.all(|x| x.is_finite()) || !rest.all(|x| x.is_finite()) {
        return bad("a number is not finite");
    }
    Ok(dim)
}

#[cfg(test)]
pub(crate) mod testing {
    //! A small back-end with made-up numbers.

    use super::*;
    use crate::scoring::calibration::{FitCounts, SpeechRange};
    use crate::scoring::tail::ImpostorTail;

    /// Values of its raw embeddings.
    pub const DIM: usize = 8;

    pub fn wave(seed: usize, n: usize) -> Vec<f32> {
        (0..n).map(|i| ((seed * 31 + i * 17) as f32 * 0.61).sin()).collect()
    }

    pub fn calibration() -> Calibration {
        let llrs: Vec<f64> = (0..1_000).map(|i| -10.0 + f64::from(i) * 0.012).collect();
        Calibration {
            version: 1,
            offset: [-4.0, 0.5, 0.0, -0.5, -0.25],
            slope: [1.0, 0.5, 0.25, -0.1, 0.0],
            shorter: SpeechRange { from_ms: 1_000, to_ms: 10_000 },
            longer: SpeechRange { from_ms: 2_000, to_ms: 20_000 },
            fitted_on: FitCounts { target_trials: 100, non_target_trials: 1_000, speakers: 46 },
            tail: ImpostorTail::measure(&llrs, 1_000).unwrap(),
        }
    }

    pub fn back_end(projected: bool) -> BackEnd {
        let dim = if projected { 6 } else { DIM };
        let mut cohort = Vec::new();
        for speaker in 0..20 {
            let mut row = wave(100 + speaker, dim);
            assert!(normalize(&mut row));
            cohort.extend(row);
        }
        let info = BackEndInfo {
            id: "test".into(),
            version: 1,
            model: ArtifactRef::new("tiny", 1),
            license: LicenseClass::Open,
            top_k: 5,
            seed: 1,
            data: vec!["made-up".into()],
        };
        let scaled = |seed| wave(seed, DIM).iter().map(|x| 0.1 * x).collect();
        let parts = BackEndParts {
            mean_wide: scaled(1),
            mean_narrow: scaled(2),
            projection: projected.then(|| wave(3, dim * DIM)),
            cohort,
        };
        BackEnd::new(info, parts, calibration()).unwrap()
    }
}

#[cfg(test)]
mod tests;
