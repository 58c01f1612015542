//! The row of a stroke: what its values are, and how the published rows of Touchalytics map to it.
//!
//! The first [`SHARED`] values are those of Frank, Biedert, Ma, Martinovic and Song, "Touchalytics" (IEEE TIFS
//! 8(1), 2013), in millimetres and seconds, y upwards; the rest follow the course of the stroke on an even time
//! grid and exist for raw points only. A value that a device does not give is 0, and the `has` values say so.
//! Time between strokes, number of points and their intervals are left out: they tell devices apart.

use std::f64::consts::PI;

/// Values of a row.
pub const DIM: usize = NAMES.len();
/// Values that published Touchalytics rows have, too.
pub const SHARED: usize = 30;
/// First of the values that raw points alone give.
pub const COURSE: usize = SHARED;
/// Behind the last of them.
pub const COURSE_END: usize = at::HAS_PLACE;

/// Position of a value in a row.
pub mod at {
    /// Seconds from down to up.
    pub const DURATION: usize = 0;
    /// Where it starts, from the left, mm.
    pub const START_X: usize = 1;
    /// From the top, negative, mm.
    pub const START_Y: usize = 2;
    /// Where it ends, mm.
    pub const END_X: usize = 3;
    /// From the top, negative, mm.
    pub const END_Y: usize = 4;
    /// Start to end, mm.
    pub const DISTANCE: usize = 5;
    /// Length of the mean of the unit steps.
    pub const RESULTANT: usize = 6;
    /// 20, 50 and 80 % speed between neighboring points, mm/s.
    pub const SPEEDS: usize = 7;
    /// 20, 50 and 80 % acceleration, mm/s².
    pub const ACCELERATIONS: usize = 10;
    /// Median of the last three speeds, mm/s.
    pub const LAST_SPEED: usize = 13;
    /// Largest deviation from the line from start to end, right is positive, mm.
    pub const LARGEST_DEVIATION: usize = 14;
    /// 20, 50 and 80 % deviation, mm.
    pub const DEVIATIONS: usize = 15;
    /// Length along the path, mm.
    pub const LENGTH: usize = 18;
    /// Distance over length.
    pub const STRAIGHTNESS: usize = 19;
    /// Length over duration, mm/s.
    pub const MEAN_SPEED: usize = 20;
    /// Median of the first five accelerations, mm/s².
    pub const FIRST_ACCELERATION: usize = 21;
    /// Pressure in the middle, in the device's unit.
    pub const PRESSURE: usize = 22;
    /// Contact size in the middle, in the device's unit.
    pub const SIZE: usize = 23;
    /// Direction of the line from start to end, radians from the axis of its group.
    pub const DIRECTION: usize = 24;
    /// Mean direction of the steps, radians from the axis of its group.
    pub const MEAN_DIRECTION: usize = 25;
    /// Group: 0 right, 1 up, 2 left, 3 down.
    pub const GROUP: usize = 26;
    /// 1 where pressure was given.
    pub const HAS_PRESSURE: usize = 27;
    /// 1 where contact size was given.
    pub const HAS_SIZE: usize = 28;
    /// 1 where the course was computed from raw points.
    pub const HAS_COURSE: usize = 29;
    /// 1 where the values of [`super::PLACE`] were kept.
    pub const HAS_PLACE: usize = 66;
    /// How much the stroke looks like a word, see [`mod@super::super::kind`].
    pub const LEAN: usize = 67;
}

/// Where a stroke starts and ends and what leads from one to the other. Over a keyboard these are the first and last
/// letter of a word, so they are dropped from strokes that may be words, see [`super::extract`].
pub const PLACE: [usize; 12] = [
    at::START_X,
    at::START_Y,
    at::END_X,
    at::END_Y,
    at::DISTANCE,
    at::RESULTANT,
    at::LARGEST_DEVIATION,
    at::DEVIATIONS,
    at::DEVIATIONS + 1,
    at::DEVIATIONS + 2,
    at::DIRECTION,
    at::MEAN_DIRECTION,
];

/// Whether a row has value `i`: what the device does not give, or what was dropped, is 0 without meaning it.
pub fn known(row: &[f32], i: usize) -> bool {
    let has = |flag: usize| row.get(flag).is_some_and(|x| *x != 0.0);
    match i {
        at::PRESSURE => has(at::HAS_PRESSURE),
        at::SIZE => has(at::HAS_SIZE),
        _ => has(at::HAS_PLACE) || !PLACE.contains(&i),
    }
}

/// What each value is, as a habit is called; the course of a stroke stands in [`super::course`].
pub const NAMES: [&str; 68] = [
    "duration of strokes",
    "horizontal start of strokes",
    "vertical start of strokes",
    "horizontal end of strokes",
    "vertical end of strokes",
    "distance of strokes",
    "steadiness of direction",
    "slow speed of strokes",
    "speed of strokes",
    "high speed of strokes",
    "braking in strokes",
    "acceleration of strokes",
    "strongest acceleration of strokes",
    "speed at the end of strokes",
    "largest bow of strokes",
    "bow to one side",
    "bow of strokes",
    "bow to the other side",
    "length of strokes",
    "straightness of strokes",
    "mean speed of strokes",
    "acceleration at the start of strokes",
    "pressure",
    "contact size",
    "direction of strokes",
    "mean direction of strokes",
    "direction group",
    "pressure known",
    "contact size known",
    "course known",
    "rest before moving",
    "rest before lifting",
    "share of pauses",
    "number of pauses",
    "slowest tenth of speed",
    "slower quarter of speed",
    "middle speed while moving",
    "faster quarter of speed",
    "fastest tenth of speed",
    "highest speed",
    "variation of speed",
    "bursts of speed",
    "strongest braking",
    "acceleration either way",
    "strongest acceleration",
    "jerkiness",
    "turning along the way",
    "turning over time",
    "corners along the way",
    "sharpness of corners",
    "slowing in corners",
    "speed of the first third",
    "speed of the last third",
    "moment of highest speed",
    "turning to one side",
    "unsteadiness of the path",
    "speed to the right",
    "speed to the left",
    "speed upwards",
    "speed downwards",
    "variation of contact size",
    "growth of contact size",
    "variation of pressure",
    "growth of pressure",
    "length along the way",
    "time along the way",
    "place known",
    "likeness to words",
];

/// Axis of a direction group in radians, y upwards.
pub fn axis(group: usize) -> f64 {
    [0.0, PI / 2.0, PI, -PI / 2.0][group % 4]
}

/// The group that a direction is nearest to: 0 right, 1 up, 2 left, 3 down.
pub fn group(direction: f64) -> usize {
    (direction / (PI / 2.0)).round().rem_euclid(4.0) as usize % 4
}

/// An angle brought into −π..π.
pub fn wrap(angle: f64) -> f64 {
    (angle + PI).rem_euclid(2.0 * PI) - PI
}

/// A number as it is stored: finite, and within ±1e9.
pub fn bounded(value: f64) -> f32 {
    if value.is_nan() { 0.0 } else { value.clamp(-1e9, 1e9) as f32 }
}

/// Quantile of sorted numbers, linear between neighbors; 0 without any.
pub fn quantile(sorted: &[f64], share: f64) -> f64 {
    let Some(last) = sorted.len().checked_sub(1) else { return 0.0 };
    let at = share.clamp(0.0, 1.0) * last as f64;
    let (low, rest) = (at.floor() as usize, at.fract());
    let (a, b) = (sorted[low.min(last)], sorted[(low + 1).min(last)]);
    a + rest * (b - a)
}

/// Quantiles of any numbers.
pub fn quantiles<const N: usize>(values: &[f64], shares: [f64; N]) -> [f64; N] {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    shares.map(|share| quantile(&sorted, share))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_lie_around_their_axes() {
        for (direction, expected) in
            [(0.1, 0), (-0.7, 0), (1.5, 1), (3.1, 2), (-3.1, 2), (-1.6, 3), (-2.4, 2)]
        {
            assert_eq!(group(direction), expected, "{direction}");
            assert!(wrap(direction - axis(expected)).abs() <= PI / 4.0 + 1e-9, "{direction}");
        }
    }

    #[test]
    fn quantiles_are_linear_between_neighbors() {
        assert_eq!(quantiles(&[3.0, 1.0, 2.0, 5.0], [0.0, 0.5, 1.0]), [1.0, 2.5, 5.0]);
        assert_eq!(quantiles(&[], [0.5]), [0.0]);
        assert_eq!(quantiles(&[7.0], [0.2, 0.8]), [7.0, 7.0]);
    }

    #[test]
    fn stored_numbers_are_finite() {
        assert_eq!(bounded(f64::NAN), 0.0);
        assert_eq!(bounded(f64::INFINITY), 1e9);
        assert_eq!(bounded(-1e300), -1e9);
    }
}
