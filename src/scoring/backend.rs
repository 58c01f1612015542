//! The back-end of a voice model: from raw embeddings to a score.
//!
//! Per utterance: length normalization, centring by the mean of its channel, projection that evens out what
//! varies within people, length normalization (Garcia-Romero and Espy-Wilson, Interspeech 2011). Per side:
//! speech-weighted mean, and how much it varies. Per trial: log-likelihood ratio of the two-covariance model with
//! the variances of both sides ([`crate::scoring::plda`]; after Kenny et al., ICASSP 2013, and Stafylakis et al.,
//! Interspeech 2013, who let short recordings say less), less what strangers score ([`crate::scoring::cohort`]), then
//! calibration.

use std::fmt;

use crate::domain::{ArtifactRef, Bandwidth, LicenseClass, Llr, RawScore};
use crate::scoring::ScoringError;
use crate::scoring::calibration::{Calibration, Conditions};
use crate::scoring::cohort::mean_of_best;
use crate::scoring::plda::Plda;
use crate::scoring::side::{Half, Side};
use crate::scoring::uncertainty::{MeanVariance, Uncertainty};
use crate::scoring::vector::{add_scaled, dot, normalize};

/// Most utterances in one side.
pub const MAX_UTTERANCES: usize = 1_000;

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
    /// How many of the best cohort scores count.
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
    /// Projection, row-major `input_dim × input_dim`.
    pub projection: Vec<f32>,
    /// The model of people over projected unit vectors.
    pub plda: Plda,
    /// How much an utterance varies.
    pub uncertainty: Uncertainty,
    /// Cohort speakers in the space of the model, row-major `speakers × dim`.
    pub cohort: Vec<f32>,
}

/// A loaded back-end with its calibration.
#[derive(Clone)]
pub struct BackEnd {
    info: BackEndInfo,
    parts: BackEndParts,
    calibration: Calibration,
}

impl fmt::Debug for BackEnd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BackEnd")
            .field("info", &self.info)
            .field("dim", &self.dim())
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
        parts.check()?;
        let cohort = parts.cohort.len() / parts.plda.dim();
        if !(1..=cohort).contains(&info.top_k) {
            let why = "top_k must be at least 1 and at most the size of the cohort";
            return Err(ScoringError::Artifact(why.into()));
        }
        Ok(Self { info, parts, calibration })
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
        self.parts.plda.dim()
    }

    /// Back-end and calibration that produce its LLRs, as `campplus-open-b1@2`: version 1 of the
    /// back-end, version 2 of its calibration.
    pub fn reference(&self) -> ArtifactRef {
        let BackEndInfo { id, version, .. } = &self.info;
        ArtifactRef::new(format!("{id}-b{version}"), self.calibration.version)
    }

    /// Prepares one side from its utterances; telephone renditions are mixed in equal parts with their
    /// utterances.
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
        let mut own = Mean::of(self.dim());
        let mut telephone = Mean::of(self.dim());
        let mut rendered = false;
        let (mut net, mut narrow) = (0u32, 0f64);
        let mut scratch = Vec::new();
        for utterance in utterances {
            // An utterance without measured speech still counts a little.
            let weight = utterance.net_speech_ms.max(1);
            let heard = (utterance.bandwidth, utterance.net_speech_ms);
            let mut variance = self.parts.uncertainty.of(heard);
            let mut values = self.values(*utterance, &mut scratch)?;
            own.add(weight, &values, variance);
            if let Some(rendition) = utterance.rendition() {
                add_scaled(&mut values, 1.0, &self.values(rendition, &mut scratch)?);
                values.iter_mut().for_each(|x| *x *= 0.5);
                let heard = (rendition.bandwidth, rendition.net_speech_ms);
                variance = 0.5 * (variance + self.parts.uncertainty.of(heard));
                rendered = true;
            }
            telephone.add(weight, &values, variance);
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

    fn half(&self, mean: Mean) -> Result<Half, ScoringError> {
        let (values, variance) = mean.finish()?;
        let (plda, cohort) = (&self.parts.plda, &self.parts.cohort);
        let cohort_mean = mean_of_best(plda, cohort, self.info.top_k, (&values, variance));
        Ok(Half { values, variance, cohort_mean })
    }

    /// One utterance in the space of the model, [`BackEnd::dim`] values.
    fn values(
        &self,
        utterance: UtteranceView<'_>,
        scratch: &mut Vec<f64>,
    ) -> Result<Vec<f32>, ScoringError> {
        let unit = self.parts.unit(utterance.embedding, utterance.bandwidth)?;
        self.parts.plda.project(&unit, scratch)?;
        Ok(scratch.iter().map(|x| *x as f32).collect())
    }

    /// Score of a trial: the log-likelihood ratio of the model, less the mean of what strangers score against the two
    /// sides; symmetric.
    pub fn raw(&self, a: &Side, b: &Side) -> RawScore {
        let (a, b) = (a.against(b), b.against(a));
        let score = self.parts.plda.llr((&a.values, a.variance), (&b.values, b.variance));
        RawScore(score - 0.5 * (a.cohort_mean + b.cohort_mean))
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
}

pub use crate::scoring::tail::IdentificationThreshold;

/// What the calibration is told about a trial.
pub fn conditions(a: &Side, b: &Side) -> Conditions {
    Conditions {
        net_speech_ms: [a.net_speech_ms, b.net_speech_ms],
        narrow_share: [a.narrow_share, b.narrow_share],
    }
}

/// A mean in the making.
struct Mean {
    values: Vec<f32>,
    weights: f32,
    variance: MeanVariance,
}

impl Mean {
    fn of(dim: usize) -> Self {
        Self { values: vec![0.0; dim], weights: 0.0, variance: MeanVariance::default() }
    }

    fn add(&mut self, weight: u32, values: &[f32], variance: f64) {
        add_scaled(&mut self.values, weight as f32, values);
        self.weights += weight as f32;
        self.variance.add(f64::from(weight), variance);
    }

    fn finish(mut self) -> Result<(Vec<f32>, f64), ScoringError> {
        self.values.iter_mut().for_each(|x| *x /= self.weights);
        if !normalize(&mut self.values.clone()) {
            return Err(ScoringError::NoDirection);
        }
        Ok((self.values, self.variance.value()))
    }
}

impl BackEndParts {
    /// Centered, projected unit vector of an embedding, `input_dim` values.
    ///
    /// # Errors
    /// A wrong dimension, or an embedding without direction.
    pub(super) fn unit(
        &self,
        embedding: &[f32],
        bandwidth: Bandwidth,
    ) -> Result<Vec<f32>, ScoringError> {
        let input = self.mean_wide.len();
        if embedding.len() != input {
            return Err(ScoringError::Dimension { expected: input, got: embedding.len() });
        }
        let mut centred = embedding.to_vec();
        if !normalize(&mut centred) {
            return Err(ScoringError::NoDirection);
        }
        let mean = match bandwidth {
            Bandwidth::Wide => &self.mean_wide,
            Bandwidth::Narrow => &self.mean_narrow,
        };
        add_scaled(&mut centred, -1.0, mean);
        let rows = self.projection.chunks_exact(input);
        let mut unit: Vec<f32> = rows.map(|row| dot(row, &centred)).collect();
        if !normalize(&mut unit) {
            return Err(ScoringError::NoDirection);
        }
        Ok(unit)
    }

    fn check(&self) -> Result<(), ScoringError> {
        let bad = |why: &str| Err(ScoringError::Artifact(why.to_owned()));
        let input = self.mean_wide.len();
        if input == 0 || self.mean_narrow.len() != input {
            return bad("the channel means must have the same, positive length");
        }
        if self.projection.len() != input * input {
            return bad("the projection is not a square matrix over the embedding");
        }
        if self.plda.input() != input || self.plda.dim() == 0 {
            return bad("the model of people is not over the projected embedding");
        }
        if self.cohort.is_empty() || !self.cohort.len().is_multiple_of(self.plda.dim()) {
            return bad("the cohort is not a matrix over the space of the model");
        }
        let means = self.mean_wide.iter().chain(&self.mean_narrow);
        let mut numbers = means.chain(&self.projection).chain(&self.cohort);
        if !numbers.all(|x| x.is_finite()) {
            return bad("a number is not finite");
        }
        self.plda.check()?;
        self.uncertainty.check()
    }
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

    pub fn back_end() -> BackEnd {
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
        let dim = 6;
        let parts = BackEndParts {
            mean_wide: scaled(1),
            mean_narrow: scaled(2),
            projection: wave(3, DIM * DIM),
            plda: Plda {
                mean: scaled(4),
                projection: wave(5, dim * DIM),
                between: (1..=dim).map(|i| 4.0 / i as f32).collect(),
            },
            uncertainty: Uncertainty { constant: 0.5, per_second: 1.0, telephone: 0.25 },
            cohort: (0..20).flat_map(|speaker| wave(100 + speaker, dim)).collect(),
        };
        BackEnd::new(info, parts, calibration()).unwrap()
    }
}

#[cfg(test)]
mod tests;
