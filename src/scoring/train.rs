//! Fitting the numbers of a back-end to embeddings of known speakers.

use std::collections::BTreeMap;

use nalgebra::{DMatrix, DVector};

use crate::domain::Bandwidth;
use crate::scoring::linear::whitening;
use crate::scoring::plda::{Plda, PldaOptions, PldaSample};
use crate::scoring::uncertainty::{Heard, Uncertainty};
use crate::scoring::vector::normalize;
use crate::scoring::{BackEndParts, ScoringError};

/// Least utterances of a speaker whose deviations say how much an utterance varies.
const LEAST_REPEATED: usize = 4;

/// One training utterance.
#[derive(Clone, Copy)]
pub struct TrainUtterance<'a> {
    /// Index of the speaker.
    pub speaker: u32,
    /// Raw embedding.
    pub embedding: &'a [f32],
    /// Channel it came through.
    pub bandwidth: Bandwidth,
    /// Its net speech, in milliseconds.
    pub net_speech_ms: u32,
    /// Whether the speaker's cohort vector is averaged over it.
    pub in_cohort: bool,
}

/// Settings of the fit.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TrainOptions {
    /// Share of the identity in the within-speaker covariance that the projection evens out, 0 to 1: 1 leaves the
    /// space as it is.
    pub shrinkage: f64,
    /// Share of its own diagonal in the within-speaker covariance of the model of people, 0 to 1.
    pub model_shrinkage: f64,
    /// Most cohort speakers.
    pub cohort: usize,
}

/// Fits channel means, a projection that evens out within-speaker variation (WCCN: Hatch, Kajarekar and
/// Stolcke, Interspeech 2006; here with shrinkage), the two-covariance model over what it makes of the utterances,
/// how much an utterance varies, and a cohort of speaker means, even positions among the speakers from microphone,
/// odd ones from telephone utterances.
///
/// # Errors
/// No utterance of a channel, an embedding without direction, dimensions that differ, or a
/// covariance that cannot be inverted.
pub fn train(
    utterances: &[TrainUtterance<'_>],
    options: &TrainOptions,
) -> Result<BackEndParts, ScoringError> {
    let dim = utterances.first().map_or(0, |u| u.embedding.len());
    let mut units = Vec::with_capacity(utterances.len());
    for utterance in utterances {
        if utterance.embedding.len() != dim {
            return Err(ScoringError::Dimension { expected: dim, got: utterance.embedding.len() });
        }
        let mut unit = utterance.embedding.to_vec();
        if !normalize(&mut unit) {
            return Err(ScoringError::NoDirection);
        }
        units.push(unit);
    }
    let mut parts = BackEndParts {
        mean_wide: channel_mean(utterances, &units, Bandwidth::Wide)?,
        mean_narrow: channel_mean(utterances, &units, Bandwidth::Narrow)?,
        projection: Vec::new(),
        plda: Plda { mean: Vec::new(), projection: Vec::new(), between: Vec::new() },
        uncertainty: Uncertainty { constant: 1.0, per_second: 0.0, telephone: 0.0 },
        cohort: Vec::new(),
    };
    for (unit, utterance) in units.iter_mut().zip(utterances) {
        let mean = match utterance.bandwidth {
            Bandwidth::Wide => &parts.mean_wide,
            Bandwidth::Narrow => &parts.mean_narrow,
        };
        crate::scoring::vector::add_scaled(unit, -1.0, mean);
    }
    let speakers = by_speaker(utterances);
    let covariance = within_covariance(&speakers, &units, dim, options.shrinkage)?;
    // Column-major of the transpose is row-major.
    let rows = whitening(covariance)?.transpose();
    parts.projection = rows.iter().map(|x| *x as f32).collect();
    let projected: Result<Vec<_>, _> =
        utterances.iter().map(|u| parts.unit(u.embedding, u.bandwidth)).collect();
    let projected = projected?;
    let samples: Vec<PldaSample<'_>> = utterances
        .iter()
        .zip(&projected)
        .map(|(u, x)| PldaSample { person: u.speaker, x })
        .collect();
    parts.plda = Plda::fit(&samples, &PldaOptions { dim, shrinkage: options.model_shrinkage })?;
    let mut values = vec![Vec::new(); projected.len()];
    for (x, out) in projected.iter().zip(&mut values) {
        parts.plda.project(x, out)?;
    }
    parts.uncertainty = Uncertainty::fit(&deviations(utterances, &speakers, &values))?;
    parts.cohort = cohort(utterances, &speakers, &values, options.cohort);
    Ok(parts)
}

/// What was heard of each utterance of speakers with several, and its squared deviation from their mean.
fn deviations(
    utterances: &[TrainUtterance<'_>],
    speakers: &BTreeMap<u32, Vec<usize>>,
    values: &[Vec<f64>],
) -> Vec<(Heard, f64)> {
    let mut all = Vec::with_capacity(utterances.len());
    for members in speakers.values().filter(|m| m.len() >= LEAST_REPEATED) {
        let count = members.len() as f64;
        let mean = mean_of(members.iter().map(|&i| &values[i]));
        for &i in members {
            let heard = (utterances[i].bandwidth, utterances[i].net_speech_ms);
            let square: f64 = values[i].iter().zip(&mean).map(|(x, m)| (x - m).powi(2)).sum();
            all.push((heard, square * count / (count - 1.0)));
        }
    }
    all
}

/// Mean of the values of a speaker's utterances of one channel, for at most so many speakers.
fn cohort(
    utterances: &[TrainUtterance<'_>],
    speakers: &BTreeMap<u32, Vec<usize>>,
    values: &[Vec<f64>],
    most: usize,
) -> Vec<f32> {
    let mut cohort = Vec::new();
    for (position, members) in speakers.values().take(most).enumerate() {
        let wanted = [Bandwidth::Wide, Bandwidth::Narrow][position % 2];
        let chosen = members
            .iter()
            .filter(|&&i| utterances[i].in_cohort && utterances[i].bandwidth == wanted);
        cohort.extend(mean_of(chosen.map(|&i| &values[i])).iter().map(|x| *x as f32));
    }
    cohort
}

/// Mean of vectors of one length; nothing without any.
fn mean_of<'a>(vectors: impl Iterator<Item = &'a Vec<f64>>) -> Vec<f64> {
    let (mut sum, mut count) = (Vec::new(), 0.0);
    for vector in vectors {
        sum.resize(vector.len(), 0.0);
        sum.iter_mut().zip(vector).for_each(|(s, x)| *s += x);
        count += 1.0;
    }
    sum.iter_mut().for_each(|s| *s /= count);
    sum
}

fn channel_mean(
    utterances: &[TrainUtterance<'_>],
    units: &[Vec<f32>],
    bandwidth: Bandwidth,
) -> Result<Vec<f32>, ScoringError> {
    let of_channel = utterances.iter().zip(units);
    let chosen = of_channel.filter(|(u, _)| u.bandwidth == bandwidth);
    crate::scoring::vector::mean(chosen.map(|(_, v)| v.as_slice())).ok_or(ScoringError::TooFew {
        what: "utterances of each channel",
        needed: 1,
        got: 0,
    })
}

fn by_speaker(utterances: &[TrainUtterance<'_>]) -> BTreeMap<u32, Vec<usize>> {
    let mut speakers: BTreeMap<u32, Vec<usize>> = BTreeMap::new();
    for (i, utterance) in utterances.iter().enumerate() {
        speakers.entry(utterance.speaker).or_default().push(i);
    }
    speakers
}

/// Covariance within speakers, scaled to a mean variance of 1.
fn within_covariance(
    speakers: &BTreeMap<u32, Vec<usize>>,
    units: &[Vec<f32>],
    dim: usize,
    shrinkage: f64,
) -> Result<DMatrix<f64>, ScoringError> {
    let mut differences = Vec::new();
    for members in speakers.values().filter(|m| m.len() > 1) {
        let mean = crate::scoring::vector::mean(members.iter().map(|i| units[*i].as_slice()));
        let Some(mean) = mean else { continue };
        differences.extend(members.iter().map(|&i| {
            let pairs = units[i].iter().zip(&mean);
            DVector::from_iterator(dim, pairs.map(|(x, m)| f64::from(x - m)))
        }));
    }
    let too_few = ScoringError::TooFew {
        what: "speakers with several, different utterances",
        needed: 1,
        got: 0,
    };
    if differences.is_empty() {
        return Err(too_few);
    }
    let differences = DMatrix::from_columns(&differences);
    let covariance = &differences * differences.transpose();
    let variance = covariance.trace() / dim.max(1) as f64;
    if variance <= 0.0 {
        return Err(too_few);
    }
    let keep = 1.0 - shrinkage.clamp(0.0, 1.0);
    Ok(covariance * (keep / variance) + DMatrix::identity(dim, dim) * (1.0 - keep))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 30 speakers who differ in values 0 and 1; value 2 is noise within a speaker, twice as large in short
    /// utterances.
    fn data() -> Vec<(u32, Vec<f32>, Bandwidth, u32)> {
        let mut data = Vec::new();
        for speaker in 0..30u32 {
            for take in 0..4 {
                let angle = f64::from(speaker) * 0.7;
                let short = take % 2 == 1;
                let size = if short { 1.0 } else { 0.5 };
                let noise = size * (f64::from(speaker) * 5.1 + take as f64 * 2.3).sin();
                let bandwidth = [Bandwidth::Wide, Bandwidth::Narrow][take / 2];
                let e = vec![angle.cos() as f32, angle.sin() as f32, noise as f32];
                data.push((speaker, e, bandwidth, if short { 1_000 } else { 10_000 }));
            }
        }
        data
    }

    fn utterances(data: &[(u32, Vec<f32>, Bandwidth, u32)]) -> Vec<TrainUtterance<'_>> {
        data.iter()
            .map(|(speaker, embedding, bandwidth, net_speech_ms)| TrainUtterance {
                speaker: *speaker,
                embedding,
                bandwidth: *bandwidth,
                net_speech_ms: *net_speech_ms,
                in_cohort: true,
            })
            .collect()
    }

    const OPTIONS: TrainOptions = TrainOptions { shrinkage: 0.1, model_shrinkage: 0.1, cohort: 20 };

    #[test]
    fn nuisance_directions_lose_weight_and_short_utterances_certainty() {
        let data = data();
        let parts = train(&utterances(&data), &OPTIONS).unwrap();
        assert_eq!(parts.cohort.len(), 20 * parts.plda.dim());
        let p = &parts.projection;
        assert!(p[8].abs() < 0.5 * p[0].abs(), "{p:?}");
        let of = |ms| parts.uncertainty.of((Bandwidth::Wide, ms));
        assert!(of(1_000) > 1.2 * of(10_000), "{:?}", parts.uncertainty);
        // The directions of the people stand out, the noise does not.
        assert!(parts.plda.between[1] > 5.0, "{:?}", parts.plda.between);
        assert!(parts.plda.between.get(2).is_none_or(|b| *b < 1.0), "{:?}", parts.plda.between);
    }

    #[test]
    fn what_cannot_be_fitted_is_refused() {
        let data = data();
        let all = utterances(&data);
        let wide_only: Vec<_> =
            all.iter().filter(|u| u.bandwidth == Bandwidth::Wide).copied().collect();
        assert!(train(&wide_only, &OPTIONS).is_err());
        assert!(train(&[], &OPTIONS).is_err());
        let mut odd = all.clone();
        odd[3].embedding = &odd[3].embedding[1..];
        assert!(matches!(train(&odd, &OPTIONS), Err(ScoringError::Dimension { .. })));
        let once: Vec<_> = all
            .iter()
            .enumerate()
            .map(|(i, u)| TrainUtterance { speaker: i as u32, ..*u })
            .collect();
        assert!(matches!(train(&once, &OPTIONS), Err(ScoringError::TooFew { .. })));
    }
}
