//! Kinds of strokes. Swipes and scrolls are compared with their like of the same direction, words drawn over a
//! keyboard with each other; each kind has its own model and calibration.

#[cfg(test)]
use crate::behavior::touch::features::DIM;
#[cfg(test)]
use crate::behavior::touch::features::NAMES;
use crate::behavior::touch::features::{COURSE, COURSE_END, at};

/// A kind of stroke.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// To the left and right.
    Swipe,
    /// Up and down.
    Scroll,
    /// Word gestures.
    Word,
}

/// Values of swipes and scrolls: those of the published rows but the resultant and mean direction, which count how often a
/// device sends a point twice.
const SWIPE: [usize; 24] =
    [0, 1, 2, 3, 4, 5, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24];

/// Values of words: the course of the stroke. Where they start and end follows from the word; speeds and accelerations
/// between points follow the event rate of the device, unsteadiness the grid of its coordinates. Contact is left
/// out: some devices always send the same, and whether they do would pass as identity.
const WORD: [usize; 32] = {
    let mut values = [at::STRAIGHTNESS; 32];
    let (mut i, mut next) = (COURSE, 1);
    while i < COURSE_END {
        if i != UNSTEADINESS && (i < CONTACT || i >= CONTACT + 4) {
            values[next] = i;
            next += 1;
        }
        i += 1;
    }
    values
};
/// Position of the unsteadiness of the path.
const UNSTEADINESS: usize = 55;
/// First of the four values of contact.
const CONTACT: usize = 60;

/// Log-odds of a word against a swipe: weights of 1, ln(20 ms + duration), ln(1 mm + length), ln(1.02 − straightness)
/// and ln(1 mm + height). A regression on all strokes of How We Swipe and Touchalytics: 87 and 95 % of strokes are
/// on their side, and the mean over a person's strokes is above 1.2 and below −1.2 for everybody.
const WORD_WEIGHTS: [f64; 5] = [-2.977, -0.382, 1.896, 1.140, -0.808];
/// A single stroke says no more than this.
const MAX_LEAN: f64 = 3.0;
/// How many strokes' worth the mean of a set of strokes counts.
const COMPANY: f64 = 4.0;

/// How much a stroke looks like a word: log-odds. Without a course, as in published rows, it is a swipe.
pub fn lean(row: &[f32]) -> f64 {
    let value = |i: usize| row.get(i).map_or(0.0, |x| f64::from(*x));
    if value(at::HAS_COURSE) == 0.0 {
        -MAX_LEAN
    } else {
        value(at::LEAN).clamp(-MAX_LEAN, MAX_LEAN)
    }
}

/// The same from the values of a row that still has its place.
pub(super) fn looks(row: &[f32]) -> f64 {
    let value = |i: usize| row.get(i).map_or(0.0, |x| f64::from(*x));
    let height = (value(at::END_Y) - value(at::START_Y)).abs();
    let terms = [
        1.0,
        (0.02 + value(at::DURATION)).ln(),
        (1.0 + value(at::LENGTH)).ln(),
        (1.02 - value(at::STRAIGHTNESS).clamp(0.0, 1.0)).ln(),
        (1.0 + height).ln(),
    ];
    let sum: f64 = terms.iter().zip(WORD_WEIGHTS).map(|(x, w)| x * w).sum();
    // In halves: finer, it would tell the height that is not kept.
    (2.0 * sum.clamp(-MAX_LEAN, MAX_LEAN)).round() / 2.0
}

/// Mean lean of strokes that belong together.
pub fn mean_lean<'a>(rows: impl Iterator<Item = &'a [f32]>) -> f64 {
    let (sum, n) = rows.fold((0.0, 0.0), |(s, n), r| (s + lean(r), n + 1.0));
    sum / f64::max(n, 1.0)
}

/// The kind of a stroke among others whose mean lean is `company`: who draws words draws short straight ones, too.
pub fn kind(row: &[f32], company: f64) -> Kind {
    let word =
        row.get(at::HAS_COURSE).is_some_and(|h| *h != 0.0) && lean(row) + COMPANY * company > 0.0;
    match direction(row) {
        _ if word => Kind::Word,
        1 | 3 => Kind::Scroll,
        _ => Kind::Swipe,
    }
}

fn direction(row: &[f32]) -> usize {
    row.get(at::GROUP).map_or(0, |g| *g as usize % 4)
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Swipe, Self::Scroll, Self::Word];

    /// Positions in a row of the values it is compared by.
    pub fn values(self) -> &'static [usize] {
        match self {
            Self::Swipe | Self::Scroll => &SWIPE,
            Self::Word => &WORD,
        }
    }

    /// Enrolled strokes stranger than this are not compared by a background, see
    /// [`super::model::strangeness`].
    pub fn most_strange(self) -> f64 {
        match self {
            Self::Swipe | Self::Scroll => 0.75,
            Self::Word => 1.4,
        }
    }

    /// Number of groups.
    pub fn groups(self) -> usize {
        match self {
            Self::Swipe | Self::Scroll => 2,
            Self::Word => 1,
        }
    }

    /// The group of a row: right 0 and left 1, up 0 and down 1.
    pub fn group(self, row: &[f32]) -> usize {
        match self {
            Self::Swipe | Self::Scroll => direction(row) / 2,
            Self::Word => 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(duration: f32, length: f32, straightness: f32) -> Vec<f32> {
        let mut row = vec![0.0; DIM];
        row[at::DURATION] = duration;
        row[at::LENGTH] = length;
        row[at::STRAIGHTNESS] = straightness;
        row[at::HAS_COURSE] = 1.0;
        row[at::LEAN] = looks(&row) as f32;
        row
    }

    #[test]
    fn values_are_different_and_within_a_row() {
        for kind in Kind::ALL {
            let mut values = kind.values().to_vec();
            values.sort_unstable();
            values.dedup();
            assert_eq!(values.len(), kind.values().len());
            assert!(values.iter().all(|i| *i < DIM));
        }
        assert!(!Kind::Word.values().contains(&at::SIZE));
        assert!(NAMES[UNSTEADINESS].contains("unsteadiness") && NAMES[CONTACT].contains("contact"));
    }

    #[test]
    fn company_decides_where_a_stroke_alone_does_not() {
        let (word, swipe) = (row(1.2, 90.0, 0.2), row(0.15, 15.0, 0.99));
        assert!(lean(&word) > 1.0 && lean(&swipe) <= -1.0);
        assert_eq!(kind(&swipe, 1.5), Kind::Word);
        assert_eq!(kind(&swipe, 0.0), Kind::Swipe);
        assert_eq!(kind(&word, 0.0), Kind::Word);
        let published = vec![0.0; DIM];
        assert_eq!(kind(&published, 3.0), Kind::Swipe);
        assert_eq!(mean_lean(std::iter::empty()), 0.0);
    }
}
