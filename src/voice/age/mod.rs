//! Age from a voice embedding: distributional regression over bins of years.
//!
//! u = embedding / |embedding|; z = √D · (u − mean of its channel) / |u − mean|; with the channel (0 wide,
//! 1 narrow) and the logarithm of the net speech as further inputs, one hidden layer gives a distribution
//! over age bins, whose temperature depends on net speech and channel (Guo et al., ICML 2017, with a
//! temperature that is a function of the quality). Within a bin every age is as likely as another.

mod load;

use std::fmt;

use crate::domain::{
    ADULT_YEARS, AgeEstimate, AgeYears, ArtifactRef, Bandwidth, LicenseClass, Probability,
    SENIOR_YEARS,
};

/// Most recordings of one call.
pub const MAX_RECORDINGS: usize = 1_000;
/// Net speech is clamped to this before its logarithm is taken, in seconds: what the head has seen.
const NET_SPEECH_S: [f64; 2] = [1.0, 30.0];
/// Ends of the interval that is stated with an age.
const TAILS: [f64; 2] = [0.1, 0.9];

/// Why there is no age, or no head.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AgeError {
    /// A head's manifest that cannot be read.
    #[error("manifest of the age head: {0}")]
    Manifest(String),
    /// A head's numbers that cannot be used.
    #[error("numbers of the age head: {0}")]
    Tensors(String),
    /// An embedding of another extractor.
    #[error("the age head takes embeddings of {expected} values, got {got}")]
    Dimension {
        /// Values the head takes.
        expected: usize,
        /// Values that came.
        got: usize,
    },
    /// NaN, infinite or all zero, also after centring.
    #[error("an embedding has no direction: zero, NaN or infinite")]
    NoDirection,
    /// None, or too many.
    #[error("an age needs 1 to {MAX_RECORDINGS} recordings with net speech, got {0}")]
    Recordings(usize),
}

/// What a head is, as its manifest says it.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AgeHeadInfo {
    /// Id, e.g. `campplus-age-open`.
    pub id: String,
    /// Version, from 1.
    pub version: u32,
    /// Terms of the data it was fitted on.
    pub license: LicenseClass,
    /// Data sets it was fitted on.
    pub data: Vec<String>,
    /// What its hidden layer does.
    #[serde(default)]
    pub activation: Activation,
    /// The extractor whose embeddings it takes.
    pub model: ArtifactRef,
}

/// Function of the hidden layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Activation {
    /// The positive part.
    #[default]
    Relu,
    /// The exponential: a Gaussian kernel between unit vectors, one of them a landmark, is one of a sum of
    /// products.
    Exponential,
}

impl Activation {
    fn of(self, x: f64) -> f64 {
        match self {
            Self::Relu => x.max(0.0),
            Self::Exponential => x.exp(),
        }
    }
}

/// One recording as a head takes it.
#[derive(Clone, Copy)]
pub struct AgeInput<'a> {
    /// Raw embedding of the extractor, [`AgeHead::input_dim`] values.
    pub embedding: &'a [f32],
    /// Its measured bandwidth, which picks the channel mean.
    pub bandwidth: Bandwidth,
    /// Its net speech, in milliseconds; its weight among the recordings of a call.
    pub net_speech_ms: u32,
}

/// A loaded head. D values of an embedding, H hidden units, K bins.
#[derive(Clone)]
pub struct AgeHead {
    info: AgeHeadInfo,
    /// Mean of unit-length wide-band embeddings, `[D]`.
    mean_wide: Vec<f32>,
    /// Mean of unit-length telephone-band embeddings, `[D]`.
    mean_narrow: Vec<f32>,
    /// Edges of the bins in years, rising, `[K + 1]`.
    edges: Vec<f64>,
    /// `[H, D + 2]`, row-major.
    hidden_weight: Vec<f32>,
    /// `[H]`.
    hidden_bias: Vec<f32>,
    /// `[K, H]`, row-major.
    output_weight: Vec<f32>,
    /// `[K]`.
    output_bias: Vec<f32>,
    /// Natural logarithm of the temperature: constant, per ln(net speech in s), for narrow band.
    temperature: [f64; 3],
}

impl fmt::Debug for AgeHead {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AgeHead").field("info", &self.info).finish_non_exhaustive()
    }
}

/// What goes into the network beside the embedding.
#[derive(Clone, Copy)]
struct Conditions {
    narrow: bool,
    ln_net_speech: f64,
}

impl AgeHead {
    /// What it is.
    pub fn info(&self) -> &AgeHeadInfo {
        &self.info
    }

    /// Id and version.
    pub fn reference(&self) -> ArtifactRef {
        ArtifactRef::new(self.info.id.clone(), self.info.version)
    }

    /// Values of an embedding.
    pub fn input_dim(&self) -> usize {
        self.mean_wide.len()
    }

    /// The age of the one voice in the recordings of a call: of their mean unit-length embedding, weighted
    /// by net speech, under the channel that most of it has.
    ///
    /// # Errors
    /// No recording with net speech or too many, an embedding of another length or without a direction.
    pub fn estimate(&self, recordings: &[AgeInput<'_>]) -> Result<AgeEstimate, AgeError> {
        let (unit, conditions) = self.pool(recordings)?;
        let mean = if conditions.narrow { &self.mean_narrow } else { &self.mean_wide };
        let mut input: Vec<f64> = unit.iter().zip(mean).map(|(u, m)| u - f64::from(*m)).collect();
        let scale = (input.len() as f64).sqrt() / length(&input)?;
        input.iter_mut().for_each(|x| *x *= scale);
        input.push(f64::from(u8::from(conditions.narrow)));
        input.push(conditions.ln_net_speech);
        let hidden: Vec<f64> = layer(&self.hidden_weight, &self.hidden_bias, &input)
            .into_iter()
            .map(|x| self.info.activation.of(x))
            .collect();
        let logits = layer(&self.output_weight, &self.output_bias, &hidden);
        let shares = softmax(&logits, self.temperature(conditions));
        if shares.iter().any(|p| !p.is_finite()) {
            return Err(AgeError::NoDirection);
        }
        Ok(self.summary(&shares))
    }

    /// Mean unit-length embedding, weighted by net speech, and its conditions.
    fn pool(&self, recordings: &[AgeInput<'_>]) -> Result<(Vec<f64>, Conditions), AgeError> {
        let heard = || recordings.iter().filter(|r| r.net_speech_ms > 0);
        let count = heard().count();
        if !(1..=MAX_RECORDINGS).contains(&count) {
            return Err(AgeError::Recordings(count));
        }
        let mut sum = vec![0f64; self.input_dim()];
        let (mut all_ms, mut narrow_ms) = (0f64, 0f64);
        for recording in heard() {
            let values: Vec<f64> = recording.embedding.iter().map(|x| f64::from(*x)).collect();
            if values.len() != sum.len() {
                return Err(AgeError::Dimension { expected: sum.len(), got: values.len() });
            }
            let ms = f64::from(recording.net_speech_ms);
            all_ms += ms;
            if recording.bandwidth == Bandwidth::Narrow {
                narrow_ms += ms;
            }
            let weight = ms / length(&values)?;
            sum.iter_mut().zip(values).for_each(|(s, x)| *s += weight * x);
        }
        let norm = length(&sum)?;
        sum.iter_mut().for_each(|x| *x /= norm);
        let net_speech_s = (all_ms / 1_000.0).clamp(NET_SPEECH_S[0], NET_SPEECH_S[1]);
        let narrow = narrow_ms * 2.0 > all_ms;
        Ok((sum, Conditions { narrow, ln_net_speech: net_speech_s.ln() }))
    }

    fn temperature(&self, conditions: Conditions) -> f64 {
        let [constant, speech, narrow] = self.temperature;
        let narrow = if conditions.narrow { narrow } else { 0.0 };
        (constant + speech * conditions.ln_net_speech + narrow).exp()
    }

    fn summary(&self, shares: &[f64]) -> AgeEstimate {
        let bins = || self.edges.windows(2).map(|e| (e[0], e[1])).zip(shares);
        let mean = bins().map(|((low, high), p)| p * (low + high) / 2.0).sum();
        let minor: f64 = bins().filter(|((_, high), _)| *high <= ADULT_YEARS).map(|(_, p)| p).sum();
        let senior: f64 = bins().filter(|((low, _), _)| *low >= SENIOR_YEARS).map(|(_, p)| p).sum();
        let [low, high] = TAILS.map(|q| self.quantile(shares, q));
        AgeEstimate {
            years: AgeYears { estimate: mean, low, high },
            p_minor: probability(minor),
            p_senior: probability(senior),
        }
    }

    /// Age below which a share `q` of the distribution lies.
    fn quantile(&self, shares: &[f64], q: f64) -> f64 {
        let mut below = 0.0;
        for (edges, share) in self.edges.windows(2).zip(shares) {
            if *share > 0.0 && below + share >= q {
                return edges[0] + (q - below) / share * (edges[1] - edges[0]);
            }
            below += share;
        }
        self.edges.last().copied().unwrap_or_default()
    }
}

/// Euclidean length, if it can be divided by.
fn length(values: &[f64]) -> Result<f64, AgeError> {
    let length = values.iter().map(|x| x * x).sum::<f64>().sqrt();
    let usable = length.is_finite() && length > f64::from(f32::MIN_POSITIVE);
    usable.then_some(length).ok_or(AgeError::NoDirection)
}

/// `weight · input + bias`; `weight` is row-major with one row for each bias.
fn layer(weight: &[f32], bias: &[f32], input: &[f64]) -> Vec<f64> {
    let rows = weight.chunks_exact(input.len()).zip(bias);
    rows.map(|(row, b)| {
        let products = row.iter().zip(input).map(|(w, x)| f64::from(*w) * x);
        products.sum::<f64>() + f64::from(*b)
    })
    .collect()
}

fn softmax(logits: &[f64], temperature: f64) -> Vec<f64> {
    let highest = logits.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let powers: Vec<f64> = logits.iter().map(|x| ((x - highest) / temperature).exp()).collect();
    let sum: f64 = powers.iter().sum();
    powers.into_iter().map(|p| p / sum).collect()
}

/// Sums of shares may leave 0 to 1 by rounding.
fn probability(value: f64) -> Probability {
    Probability::new(value.clamp(0.0, 1.0)).expect("a clamped sum of finite shares")
}

#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;
