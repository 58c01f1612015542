//! Attentive statistics pooling as running sums, and the projection of the statistics.

use pulp::{Simd, WithSimd};

use super::shape::{
    EMBEDDING, HEAD_CHANNELS, HEAD_COLUMNS, HEADS, LOGIT_LIMIT, MIN_VARIANCE, POOLED,
};

/// Sums over all rows so far, in double precision: an hour of speech is 120,000 rows.
pub(super) struct Sums {
    /// Sum of the weights, head by head.
    weight: [f64; HEADS],
    /// Weighted sum of each channel.
    first: Box<[f64; POOLED]>,
    /// Weighted sum of its square.
    second: Box<[f64; POOLED]>,
}

impl Sums {
    /// Memory behind the boxes, in bytes.
    pub(super) const HEAP_BYTES: usize = 2 * size_of::<[f64; POOLED]>();

    /// Sums over nothing.
    pub(super) fn new() -> Self {
        Self {
            weight: [0.0; HEADS],
            first: Box::new([0.0; POOLED]),
            second: Box::new([0.0; POOLED]),
        }
    }

    /// Back to nothing.
    pub(super) fn reset(&mut self) {
        self.weight = [0.0; HEADS];
        *self.first = [0.0; POOLED];
        *self.second = [0.0; POOLED];
    }

    /// Takes the values of another.
    pub(super) fn set(&mut self, other: &Self) {
        self.weight = other.weight;
        *self.first = *other.first;
        *self.second = *other.second;
    }

    /// Means, then standard deviations. At least one row must have been added.
    pub(super) fn statistics(&self) -> [f32; 2 * POOLED] {
        let mut statistics = [0.0; 2 * POOLED];
        let (means, deviations) = statistics.split_at_mut(POOLED);
        for (channel, (mean_out, deviation_out)) in means.iter_mut().zip(deviations).enumerate() {
            let weight = self.weight[channel / HEAD_CHANNELS];
            let mean = self.first[channel] / weight;
            let variance = self.second[channel] / weight - mean * mean;
            *mean_out = mean as f32;
            *deviation_out = variance.max(MIN_VARIANCE).sqrt() as f32;
        }
        statistics
    }
}

/// Adds rows to the sums, in order, one after the other: how they are cut into calls does not show.
pub(super) struct Add<'a> {
    pub(super) sums: &'a mut Sums,
    /// Rows of [`POOLED`] values.
    pub(super) rows: &'a [f32],
    /// Rows of [`HEAD_COLUMNS`] logits, the first [`HEADS`] of which count.
    pub(super) logits: &'a [f32],
}

impl WithSimd for Add<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let rows = self.rows.as_chunks::<POOLED>().0;
        let logits = self.logits.as_chunks::<HEAD_COLUMNS>().0;
        for (row, logits) in rows.iter().zip(logits) {
            for (head, logit) in logits[..HEADS].iter().enumerate() {
                let weight = (LOGIT_LIMIT * (f64::from(*logit) / LOGIT_LIMIT).tanh()).exp();
                self.sums.weight[head] += weight;
                let channels = head * HEAD_CHANNELS..(head + 1) * HEAD_CHANNELS;
                let first = &mut self.sums.first[channels.clone()];
                let second = &mut self.sums.second[channels.clone()];
                for ((first, second), x) in first.iter_mut().zip(second).zip(&row[channels]) {
                    let x = f64::from(*x);
                    let weighted = weight * x;
                    *first += weighted;
                    *second += weighted * x;
                }
            }
        }
    }
}

/// From statistics to the embedding.
pub(super) struct Projection {
    /// One row of [`EMBEDDING`] outputs an input.
    weights: Vec<f32>,
    bias: Vec<f32>,
}

impl Projection {
    /// From weights `[out][in]`.
    pub(super) fn new(weights: &[f32], bias: Vec<f32>) -> Self {
        let inputs = weights.len() / bias.len();
        let outputs = bias.len();
        let at = |index: usize| weights[index % outputs * inputs + index / outputs];
        Self { weights: (0..weights.len()).map(at).collect(), bias }
    }
}

/// Runs a [`Projection`].
pub(super) struct Project<'a> {
    pub(super) layer: &'a Projection,
    pub(super) statistics: &'a [f32; 2 * POOLED],
}

impl WithSimd for Project<'_> {
    type Output = [f32; EMBEDDING];

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) -> [f32; EMBEDDING] {
        let mut out = [0.0; EMBEDDING];
        out.copy_from_slice(&self.layer.bias);
        let rows = self.layer.weights.as_chunks::<EMBEDDING>().0;
        for (x, row) in self.statistics.iter().zip(rows) {
            for (out, weight) in out.iter_mut().zip(row) {
                *out += x * weight;
            }
        }
        out
    }
}
