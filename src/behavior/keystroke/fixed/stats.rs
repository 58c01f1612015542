//! Robust statistics of one person's typings: medians and shrunk mean absolute deviations (Killourhy and Maxion 2009
//! with the shrinkage that few typings need).

use crate::behavior::keystroke::fixed::layout::{Group, Layout, Typing};

/// How many typings the usual deviation counts for.
const PRIOR_TYPINGS: f64 = 4.0;
/// Deviation of the logarithm of the whole time where nothing is known.
const TEMPO_DEVIATION: f64 = 0.1;

/// What deviates how much in a usual person.
#[derive(Debug, Clone, PartialEq)]
pub struct Usual {
    /// Mean absolute deviation of each value of [`Typing::log`].
    pub log: Vec<f64>,
    /// The same of [`Typing::raw`].
    pub raw: Vec<f64>,
}

/// Middle and spread of a set of typings.
#[derive(Debug, Clone, PartialEq)]
pub struct Middle {
    /// How many typings.
    pub count: f64,
    /// Median of each value of [`Typing::log`].
    pub log: Vec<f64>,
    /// Shrunk mean absolute deviation of each.
    pub log_deviation: Vec<f64>,
    /// Median of each value of [`Typing::raw`].
    pub raw: Vec<f64>,
    /// Shrunk mean absolute deviation of each.
    pub raw_deviation: Vec<f64>,
    /// Median of the tempo, see [`tempo`].
    pub tempo: f64,
    /// Shrunk mean absolute deviation of the tempo.
    pub tempo_deviation: f64,
}

impl Middle {
    /// Statistics of at least one typing.
    pub fn of(typings: &[Typing], usual: &Usual, layout: &Layout) -> Self {
        let (log, log_deviation) = middles(typings, |t| &t.log, &usual.log);
        let (raw, raw_deviation) = middles(typings, |t| &t.raw, &usual.raw);
        let mut tempos: Vec<f64> = typings.iter().map(|t| tempo(t, layout)).collect();
        let (tempo, tempo_deviation) = middle(&mut tempos, TEMPO_DEVIATION, false);
        let count = typings.len() as f64;
        Self { count, log, log_deviation, raw, raw_deviation, tempo, tempo_deviation }
    }
}

/// Logarithm of the time that all steps together take.
pub fn tempo(typing: &Typing, layout: &Layout) -> f64 {
    let steps = typing.log.get(layout.range(Group::Step)).unwrap_or_default();
    steps.iter().map(|x| x.exp()).sum::<f64>().max(1.0).ln()
}

fn middles(
    typings: &[Typing],
    values: impl Fn(&Typing) -> &[f64],
    usual: &[f64],
) -> (Vec<f64>, Vec<f64>) {
    let mut column = Vec::with_capacity(typings.len());
    usual
        .iter()
        .enumerate()
        .map(|(i, usual)| {
            column.clear();
            column.extend(typings.iter().filter_map(|t| values(t).get(i).copied()));
            middle(&mut column, *usual, true)
        })
        .unzip()
}

/// Median, and mean absolute deviation shrunk to the usual one. `unbiased` makes up for the median being of the same values.
fn middle(values: &mut [f64], usual: f64, unbiased: bool) -> (f64, f64) {
    let median = median(values);
    let n = values.len() as f64;
    if n < 2.0 {
        return (median, usual);
    }
    let mut spread = values.iter().map(|x| (x - median).abs()).sum::<f64>() / n;
    if unbiased {
        spread *= (n / (n - 1.0)).sqrt();
    }
    (median, (n * spread + PRIOR_TYPINGS * usual) / (n + PRIOR_TYPINGS))
}

/// Median of values in any order, which are put in order; 0 of none.
pub fn median(values: &mut [f64]) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    quantile(values, 0.5)
}

/// Quantile of values in rising order, linear between them; 0 of none.
pub fn quantile(sorted: &[f64], q: f64) -> f64 {
    let Some(last) = sorted.len().checked_sub(1) else { return 0.0 };
    let at = q.clamp(0.0, 1.0) * last as f64;
    let low = at.floor() as usize;
    let (a, b) = (sorted[low], sorted[(low + 1).min(last)]);
    a + (b - a) * (at - low as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn medians_and_quantiles_are_those_of_the_textbook() {
        assert_eq!(median(&mut [3.0, 1.0, 2.0]), 2.0);
        assert_eq!(median(&mut [4.0, 1.0, 2.0, 3.0]), 2.5);
        assert_eq!(median(&mut []), 0.0);
        assert_eq!(quantile(&[0.0, 10.0, 20.0], 0.25), 5.0);
    }

    #[test]
    fn few_values_lean_on_what_is_usual() {
        assert_eq!(middle(&mut [5.0], 2.0, true), (5.0, 2.0));
        // Mean absolute deviation 1, times √(4/3), with 4 typings of weight against 4 of the usual 3.
        let (at, spread) = middle(&mut [1.0, 3.0, 1.0, 3.0], 3.0, true);
        assert_eq!(at, 2.0);
        assert!((spread - ((4f64 / 3.0).sqrt() + 3.0) / 2.0).abs() < 1e-12);
    }
}
