//! Comparison without a background: the distance to the enrolled strokes of the same direction, in their own robust
//! spread (scaled Manhattan).

use crate::behavior::touch::features::known;
use crate::behavior::touch::kind::Kind;
use crate::behavior::touch::quantile::median;

/// Fewest enrolled strokes of a kind and direction that are compared with.
const MIN_ENROLLED: usize = 3;
/// A value's deviation counts up to so many of the person's own.
const CUT: f64 = 4.0;
/// As if so many more strokes had the spread of [`USUAL`].
const SHRINK: f64 = 5.0;
/// Mean absolute deviation of a value on the scale of [`scale`], roughly, within a person.
const USUAL: f64 = 0.5;

/// Robust statistics of the strokes of a kind and direction.
#[derive(Debug, Clone)]
pub struct Robust {
    kind: Kind,
    group: usize,
    /// Median and mean absolute deviation of each of the kind's values.
    spread: Vec<(f64, f64)>,
}

/// Lengths, speeds and times spread by factors, so they are compared on a logarithmic scale; signs stay.
fn scale(x: f32) -> f64 {
    f64::from(x).asinh()
}

/// The statistics of all groups with enough strokes.
pub fn robust(strokes: &[(Kind, &[f32])]) -> Vec<Robust> {
    let mut all = Vec::new();
    for kind in Kind::ALL {
        for group in 0..kind.groups() {
            let own: Vec<&[f32]> = strokes
                .iter()
                .filter(|(k, row)| *k == kind && kind.group(row) == group)
                .map(|s| s.1)
                .collect();
            if own.len() < MIN_ENROLLED {
                continue;
            }
            let spread = kind.values().iter().map(|i| {
                let mut values: Vec<f64> =
                    own.iter().filter(|r| known(r, *i)).map(|r| scale(r[*i])).collect();
                let middle = median(&mut values);
                let off: f64 = values.iter().map(|x| (x - middle).abs()).sum();
                (middle, (off + SHRINK * USUAL) / (values.len() as f64 + SHRINK))
            });
            all.push(Robust { kind, group, spread: spread.collect() });
        }
    }
    all
}

/// Mean deviation of a stroke in the person's own spread; nothing where its direction was not enrolled.
pub fn deviation(all: &[Robust], kind: Kind, row: &[f32]) -> Option<f64> {
    let own = all.iter().find(|r| r.kind == kind && r.group == kind.group(row))?;
    let (mut sum, mut count) = (0.0, 0.0);
    for (i, (middle, spread)) in kind.values().iter().zip(&own.spread) {
        if known(row, *i) {
            sum += ((scale(row[*i]) - middle).abs() / spread).min(CUT);
            count += 1.0;
        }
    }
    Some(sum / f64::max(count, 1.0))
}

/// Of a kind: the mean deviation at which one person is as likely as another, and what a deviation of 1 less adds to the
/// LLR of one stroke and of ten. Coarse constants from regressions on Touchalytics (swipes, scrolls) and How We Swipe
/// (words); see the card.
fn constants(kind: Kind) -> [f64; 3] {
    match kind {
        Kind::Swipe => [1.06, 2.0, 5.3],
        Kind::Scroll => [1.26, 1.8, 4.3],
        Kind::Word => [0.76, 2.2, 9.8],
    }
}

/// Without a background no LLR is further from 0.
pub const MAX_LLR: f64 = 2.5;

/// The LLR of a mean deviation over strokes of a kind, not cut.
pub fn llr(kind: Kind, deviation: f64, strokes: usize) -> f64 {
    let [even, one, ten] = constants(kind);
    let share = (strokes.clamp(1, 10) as f64).log10();
    (one + share * (ten - one)) * (even - deviation)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::behavior::touch::features::{DIM, at};

    #[test]
    fn the_same_is_nearer_than_another() {
        let row = |speed: f32| {
            let mut row = vec![1.0; DIM];
            row[at::GROUP] = 0.0;
            row[at::MEAN_SPEED] = speed;
            row
        };
        let rows: Vec<Vec<f32>> = (0..9).map(|i| row(100.0 + i as f32)).collect();
        let strokes: Vec<_> = rows.iter().map(|r| (Kind::Swipe, r.as_slice())).collect();
        let all = robust(&strokes);
        assert_eq!(all.len(), 1);
        let near = deviation(&all, Kind::Swipe, &row(104.0)).unwrap();
        let far = deviation(&all, Kind::Swipe, &row(900.0)).unwrap();
        assert!(near < far, "{near} {far}");
        let mut other = row(104.0);
        other[at::GROUP] = 2.0;
        assert_eq!(deviation(&all, Kind::Swipe, &other), None);
        assert!(robust(&strokes[..2]).is_empty());
    }

    #[test]
    fn more_strokes_say_more() {
        for kind in Kind::ALL {
            assert!(llr(kind, 0.6, 10) > llr(kind, 0.6, 1), "{kind:?}");
            assert!(llr(kind, 1.5, 10) < llr(kind, 1.5, 1), "{kind:?}");
            assert_eq!(llr(kind, 0.0, 1 << 40), llr(kind, 0.0, 10));
        }
    }
}
