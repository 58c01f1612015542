//! Fitting the numbers of a back-end to embeddings of known speakers.

use std::collections::BTreeMap;

use nalgebra::{DMatrix, SymmetricEigen};

use crate::domain::Bandwidth;
use crate::scoring::vector::{add_scaled, normalize};
use crate::scoring::{BackEndParts, ScoringError};

/// One training utterance.
#[derive(Clone, Copy)]
pub struct TrainUtterance<'a> {
    /// Index of the speaker.
    pub speaker: u32,
    /// Raw embedding.
    pub embedding: &'a [f32],
    /// Channel it came through.
    pub bandwidth: Bandwidth,
    /// Whether the speaker's cohort vector is averaged over it.
    pub in_cohort: bool,
}

/// Settings of the fit.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TrainOptions {
    /// Share of the identity in the within-speaker covariance, 0 to 1: 1 leaves the space as it is.
    pub shrinkage: f64,
    /// Directions that are kept, those in which speakers differ most for what they vary; `None` keeps
    /// all.
    pub directions: Option<usize>,
    /// Most cohort speakers.
    pub cohort: usize,
}

/// Fits channel means, a projection that evens out within-speaker variation (WCCN: Hatch, Kajarekar and
/// Stolcke, Interspeech 2006; here with shrinkage) and may keep the best directions only (linear
/// discriminant analysis: Fisher 1936; Dehak et al., IEEE TASLP 2011), and a cohort of speaker means, even positions
/// among the speakers from microphone, odd ones from telephone utterances.
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
    let mean_wide = channel_mean(utterances, &units, Bandwidth::Wide)?;
    let mean_narrow = channel_mean(utterances, &units, Bandwidth::Narrow)?;
    for (unit, utterance) in units.iter_mut().zip(utterances) {
        let mean = match utterance.bandwidth {
            Bandwidth::Wide => &mean_wide,
            Bandwidth::Narrow => &mean_narrow,
        };
        add_scaled(unit, -1.0, mean);
    }
    let speakers = by_speaker(utterances);
    let covariance = within_covariance(&speakers, &units, dim, options.shrinkage)?;
    let projection = inverse_cholesky(covariance, dim)
        .ok_or(ScoringError::Fit("the within-speaker covariance is singular"))?;
    let projection = match options.directions {
        Some(directions) => discriminant(projection, &speakers, &units, directions)?,
        None => projection,
    };
    let cohort = cohort(&speakers, utterances, &units, &projection, options.cohort);
    Ok(BackEndParts {
        mean_wide,
        mean_narrow,
        projection: Some(projection.iter().map(|x| *x as f32).collect()),
        cohort,
    })
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

/// Row-major `dim × dim`, scaled to a mean variance of 1.
fn within_covariance(
    speakers: &BTreeMap<u32, Vec<usize>>,
    units: &[Vec<f32>],
    dim: usize,
    shrinkage: f64,
) -> Result<Vec<f64>, ScoringError> {
    let mut covariance = vec![0f64; dim * dim];
    let mut count = 0usize;
    for members in speakers.values().filter(|m| m.len() > 1) {
        let mean = crate::scoring::vector::mean(members.iter().map(|i| units[*i].as_slice()));
        let Some(mean) = mean else { continue };
        for &i in members {
            let mut difference = units[i].clone();
            add_scaled(&mut difference, -1.0, &mean);
            for (row, x) in covariance.chunks_exact_mut(dim).zip(&difference) {
                for (sum, y) in row.iter_mut().zip(&difference) {
                    *sum += f64::from(x * y);
                }
            }
            count += 1;
        }
    }
    let variance = (0..dim).map(|i| covariance[i * dim + i]).sum::<f64>() / dim.max(1) as f64;
    if count == 0 || variance <= 0.0 {
        return Err(ScoringError::TooFew {
            what: "speakers with several, different utterances",
            needed: 1,
            got: 0,
        });
    }
    let keep = 1.0 - shrinkage.clamp(0.0, 1.0);
    covariance.iter_mut().for_each(|x| *x *= keep / variance);
    for i in 0..dim {
        covariance[i * dim + i] += 1.0 - keep;
    }
    Ok(covariance)
}

/// Inverse of the lower Cholesky factor of a symmetric matrix: `W` with `W C Wᵀ = I`. `None` when the
/// matrix is not positive definite.
fn inverse_cholesky(mut c: Vec<f64>, n: usize) -> Option<Vec<f64>> {
    for i in 0..n {
        for j in 0..=i {
            let inner: f64 = (0..j).map(|k| c[i * n + k] * c[j * n + k]).sum();
            let rest = c[i * n + j] - inner;
            if i == j {
                if rest <= 1e-12 || !rest.is_finite() {
                    return None;
                }
                c[i * n + i] = rest.sqrt();
            } else {
                c[i * n + j] = rest / c[j * n + j];
            }
        }
    }
    let mut inverse = vec![0f64; n * n];
    for column in 0..n {
        for i in column..n {
            let unit = if i == column { 1.0 } else { 0.0 };
            let inner: f64 = (column..i).map(|k| c[i * n + k] * inverse[k * n + column]).sum();
            inverse[i * n + column] = (unit - inner) / c[i * n + i];
        }
    }
    Some(inverse)
}

/// The first directions of a linear discriminant analysis, row-major `directions × dim`: `whitening` evens out
/// the covariance within speakers, so that they are the principal ones of the whitened speaker means.
fn discriminant(
    whitening: Vec<f64>,
    speakers: &BTreeMap<u32, Vec<usize>>,
    units: &[Vec<f32>],
    directions: usize,
) -> Result<Vec<f64>, ScoringError> {
    let dim = units.first().map_or(0, Vec::len);
    if !(1..=dim).contains(&directions) {
        return Err(ScoringError::Fit("the directions kept must be 1 to those of the embedding"));
    }
    let mean = |members: &Vec<usize>| {
        crate::scoring::vector::mean(members.iter().map(|i| units[*i].as_slice()))
    };
    let means: Vec<Vec<f32>> = speakers.values().filter_map(mean).collect();
    let middle = crate::scoring::vector::mean(means.iter().map(Vec::as_slice));
    let middle = middle.ok_or(ScoringError::Fit("there are no speakers"))?;
    let differences = DMatrix::from_fn(dim, means.len(), |row, speaker| {
        f64::from(means[speaker][row]) - f64::from(middle[row])
    });
    let whitening = DMatrix::from_row_slice(dim, dim, &whitening);
    let whitened = &whitening * differences;
    let between = &whitened * whitened.transpose();
    let SymmetricEigen { eigenvectors, eigenvalues } = SymmetricEigen::new(between);
    let mut order: Vec<usize> = (0..dim).collect();
    order.sort_by(|a, b| eigenvalues[*b].total_cmp(&eigenvalues[*a]));
    let kept = eigenvectors.select_columns(&order[..directions]);
    // Column-major of the transpose is row-major.
    Ok((kept.transpose() * whitening).transpose().as_slice().to_vec())
}

fn cohort(
    speakers: &BTreeMap<u32, Vec<usize>>,
    utterances: &[TrainUtterance<'_>],
    units: &[Vec<f32>],
    projection: &[f64],
    most: usize,
) -> Vec<f32> {
    let dim = units.first().map_or(0, Vec::len);
    let rows: Vec<f32> = projection.iter().map(|x| *x as f32).collect();
    let mut cohort = Vec::new();
    for (position, members) in speakers.values().take(most).enumerate() {
        let wanted = [Bandwidth::Wide, Bandwidth::Narrow][position % 2];
        let mut mean = vec![0f32; rows.len() / dim.max(1)];
        for &i in members {
            if utterances[i].in_cohort && utterances[i].bandwidth == wanted {
                let mut unit: Vec<f32> = rows
                    .chunks_exact(dim)
                    .map(|row| crate::scoring::vector::dot(row, &units[i]))
                    .collect();
                if normalize(&mut unit) {
                    add_scaled(&mut mean, 1.0, &unit);
                }
            }
        }
        if normalize(&mut mean) {
            cohort.extend(mean);
        }
    }
    cohort
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scoring::backend::testing::wave;

    #[test]
    fn the_projection_whitens() {
        // A symmetric positive definite matrix A Aᵀ + I.
        let n = 5;
        let a: Vec<f64> = wave(4, n * n).iter().map(|x| f64::from(*x)).collect();
        let entry = |i: usize, j: usize| -> f64 {
            let inner: f64 = (0..n).map(|k| a[i * n + k] * a[j * n + k]).sum();
            inner + f64::from(u8::from(i == j))
        };
        let c: Vec<f64> = (0..n * n).map(|x| entry(x / n, x % n)).collect();
        let w = inverse_cholesky(c.clone(), n).unwrap();
        for i in 0..n {
            for j in 0..n {
                let sum: f64 = (0..n * n).map(|x| w[i * n + x / n] * c[x] * w[j * n + x % n]).sum();
                let expected = if i == j { 1.0 } else { 0.0 };
                assert!((sum - expected).abs() < 1e-9, "{i} {j} {sum}");
            }
        }
        assert!(inverse_cholesky(vec![1.0, 2.0, 2.0, 1.0], 2).is_none());
    }

    #[test]
    fn nuisance_directions_lose_weight() {
        // Speakers differ in values 0 and 1; value 2 is noise within a speaker.
        let mut data = Vec::new();
        for speaker in 0..30u32 {
            for take in 0..4 {
                let angle = f64::from(speaker) * 0.7;
                let noise = [1.0, -1.0, 0.5, -0.5][take];
                let bandwidth = [Bandwidth::Wide, Bandwidth::Narrow][take / 2];
                let e = vec![angle.cos() as f32, angle.sin() as f32, noise];
                data.push((speaker, e, bandwidth));
            }
        }
        let utterances: Vec<_> = data
            .iter()
            .map(|(speaker, e, bandwidth)| TrainUtterance {
                speaker: *speaker,
                embedding: e,
                bandwidth: *bandwidth,
                in_cohort: true,
            })
            .collect();
        let options = TrainOptions { shrinkage: 0.1, directions: None, cohort: 20 };
        let parts = train(&utterances, &options).unwrap();
        assert_eq!(parts.cohort.len(), 20 * 3);
        let p = parts.projection.unwrap();
        assert!(p[8].abs() < 0.5 * p[0].abs(), "{p:?}");
        // Two directions are enough for the speakers, and leave the noise out.
        let two = TrainOptions { directions: Some(2), ..options };
        let parts = train(&utterances, &two).unwrap();
        assert_eq!(parts.cohort.len(), 20 * 2);
        let p = parts.projection.unwrap();
        assert_eq!(p.len(), 2 * 3);
        let kept = |column: usize| p[column].hypot(p[3 + column]);
        assert!(kept(2) < 0.05 * kept(0) && kept(2) < 0.05 * kept(1), "{p:?}");
        for wrong in [0, 4] {
            let wrong = TrainOptions { directions: Some(wrong), ..options };
            assert!(train(&utterances, &wrong).is_err());
        }
        let wide_only: Vec<_> =
            utterances.iter().filter(|u| u.bandwidth == Bandwidth::Wide).copied().collect();
        assert!(train(&wide_only, &options).is_err());
        assert!(train(&[], &options).is_err());
    }
}
