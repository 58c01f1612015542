//! What a row of a sample holds, and the vectors that are compared.
//!
//! A row is `flags, hold × keys, step × (keys − 1)`, then per key pressure, size, x and y as far as the flags say:
//! times in ms, the rest in the device's units. Nothing in it says which keys they are.

use std::ops::Range;

use crate::behavior::{BehaviorError, Sample, SampleKind};

/// Fewest keys of a text, after modifiers are left out.
pub const LEAST_KEYS: usize = 3;
/// Most keys of a text.
pub const MOST_KEYS: usize = 64;

/// Flags in the first value of a row.
const PRESSURE: u8 = 1;
const SIZE: u8 = 2;
const PLACE: u8 = 4;

/// What a habit of typing is about; groups of values are compared each for itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Group {
    /// How long a key is held.
    Hold,
    /// From going down to the next going down.
    Step,
    /// From coming up to the next going down; negative when keys overlap.
    Gap,
    /// Pressure.
    Pressure,
    /// Contact size.
    Size,
    /// Pixels from the left.
    PlaceX,
    /// Pixels from the top.
    PlaceY,
}

/// Groups of times.
pub const TIMING: [Group; 3] = [Group::Hold, Group::Step, Group::Gap];
/// Groups of a touch screen.
pub const TOUCH: [Group; 4] = [Group::Pressure, Group::Size, Group::PlaceX, Group::PlaceY];

/// Shape of the vectors of one text on one kind of device.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Layout {
    /// Number of keys.
    pub keys: usize,
    /// Whether every key has a pressure.
    pub pressure: bool,
    /// Whether every key has a contact size.
    pub size: bool,
    /// Whether every key has a place.
    pub place: bool,
}

/// One typing of the text, ready to be compared.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Typing {
    /// Hold, step and gap on a compressed scale, then what the touch screen gives; `Layout::len` values.
    pub log: Vec<f64>,
    /// Hold, step and gap in ms.
    pub raw: Vec<f64>,
}

impl Layout {
    /// The layout of a sample of fixed text.
    ///
    /// # Errors
    /// Another kind of sample, or a shape that this module does not make.
    pub fn of(sample: &Sample) -> Result<Self, BehaviorError> {
        let wrong = |why| BehaviorError::Sample { kind: SampleKind::FixedText, why };
        if sample.kind != SampleKind::FixedText {
            return Err(wrong("of another kind"));
        }
        let flags = *sample.rows.first().ok_or_else(|| wrong("empty"))?;
        let whole = sample.dim > 0 && sample.rows.len().is_multiple_of(sample.dim);
        if !whole || !sample.iter().all(|row| row.first() == Some(&flags)) {
            return Err(wrong("rows of different shapes"));
        }
        if !(0.0..=7.0).contains(&flags) || flags.fract() != 0.0 {
            return Err(wrong("unknown flags"));
        }
        let layout = Self::from_flags(sample.units as usize, flags as u8);
        if !(LEAST_KEYS..=MOST_KEYS).contains(&layout.keys) || layout.row_len() != sample.dim {
            return Err(wrong("its length does not fit its keys"));
        }
        if !sample.rows.iter().all(|x| x.is_finite()) {
            return Err(wrong("a value is not finite"));
        }
        Ok(layout)
    }

    fn from_flags(keys: usize, flags: u8) -> Self {
        let has = |bit| flags & bit != 0;
        Self { keys, pressure: has(PRESSURE), size: has(SIZE), place: has(PLACE) }
    }

    /// The first value of a row.
    pub fn flags(&self) -> f32 {
        let bits = [(self.pressure, PRESSURE), (self.size, SIZE), (self.place, PLACE)];
        f32::from(bits.iter().map(|(has, bit)| u8::from(*has) * bit).sum::<u8>())
    }

    /// Values of a row of a sample.
    pub fn row_len(&self) -> usize {
        2 * self.keys + self.touch_groups() * self.keys
    }

    /// Values of [`Typing::raw`].
    pub fn timing_len(&self) -> usize {
        (3 * self.keys).saturating_sub(2)
    }

    /// Values of [`Typing::log`].
    pub fn len(&self) -> usize {
        self.timing_len() + self.touch_groups() * self.keys
    }

    /// Whether there are no keys.
    pub fn is_empty(&self) -> bool {
        self.keys == 0
    }

    /// Whether everything that a touch screen can give is there.
    pub fn has_touch(&self) -> bool {
        self.pressure && self.size && self.place
    }

    /// Times only.
    pub fn timing_only(&self) -> Self {
        Self { keys: self.keys, pressure: false, size: false, place: false }
    }

    fn touch_groups(&self) -> usize {
        usize::from(self.pressure) + usize::from(self.size) + 2 * usize::from(self.place)
    }

    /// Where a group stands in [`Typing::log`]; empty where there is none.
    pub fn range(&self, group: Group) -> Range<usize> {
        let k = self.keys;
        let after = |flags: &[bool]| {
            let before: usize = flags.iter().map(|f| usize::from(*f)).sum();
            self.timing_len() + before * k
        };
        let some = |has: bool, start: usize| if has { start..start + k } else { 0..0 };
        match group {
            Group::Hold => 0..k,
            Group::Step => k..2 * k - 1,
            Group::Gap => 2 * k - 1..3 * k - 2,
            Group::Pressure => some(self.pressure, after(&[])),
            Group::Size => some(self.size, after(&[self.pressure])),
            Group::PlaceX => some(self.place, after(&[self.pressure, self.size])),
            Group::PlaceY => some(self.place, after(&[self.pressure, self.size, true])),
        }
    }

    /// Reads a row of a sample.
    pub fn typing(&self, row: &[f32]) -> Typing {
        let k = self.keys;
        let value = |i: usize| f64::from(row.get(i).copied().unwrap_or_default());
        let (hold, step) = (|i: usize| value(1 + i), |i: usize| value(1 + k + i));
        let mut typing = Typing {
            log: Vec::with_capacity(self.len()),
            raw: Vec::with_capacity(self.timing_len()),
        };
        typing.raw.extend((0..k).map(hold));
        typing.raw.extend((0..k - 1).map(step));
        typing.raw.extend((0..k - 1).map(|i| step(i) - hold(i)));
        typing.log.extend((0..k).map(|i| log_hold(hold(i))));
        typing.log.extend((0..k - 1).map(|i| log_step(step(i))));
        typing.log.extend((0..k - 1).map(|i| log_gap(step(i) - hold(i))));
        let mut at = 2 * k;
        for _ in 0..usize::from(self.pressure) + usize::from(self.size) {
            typing.log.extend((at..at + k).map(|i| (value(i).max(0.0) + CONTACT_FLOOR).ln()));
            at += k;
        }
        typing.log.extend((at..row.len().min(self.row_len())).map(value));
        typing
    }
}

/// Added before the logarithm, so that very short times do not weigh more than the clock can tell, ms.
const HOLD_FLOOR_MS: f64 = 10.0;
const STEP_FLOOR_MS: f64 = 30.0;
/// Below this, gaps count as they are; above, as their logarithm, ms.
const GAP_SCALE_MS: f64 = 60.0;
/// Added to pressure and size before the logarithm, in the device's unit.
const CONTACT_FLOOR: f64 = 0.01;

fn log_hold(ms: f64) -> f64 {
    (ms.max(0.0) + HOLD_FLOOR_MS).ln()
}

fn log_step(ms: f64) -> f64 {
    (ms.max(0.0) + STEP_FLOOR_MS).ln()
}

fn log_gap(ms: f64) -> f64 {
    (ms / GAP_SCALE_MS).asinh()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_follow_each_other_without_gaps() {
        let bits = [false, true];
        for (pressure, size, place) in
            bits.iter().flat_map(|p| bits.iter().flat_map(move |s| bits.map(|l| (*p, *s, l))))
        {
            let layout = Layout { keys: 5, pressure, size, place };
            let mut next = 0;
            for group in TIMING.into_iter().chain(TOUCH) {
                let range = layout.range(group);
                if !range.is_empty() {
                    assert_eq!(range.start, next, "{group:?}");
                    next = range.end;
                }
            }
            assert_eq!(next, layout.len());
            assert_eq!(Layout::from_flags(5, layout.flags() as u8), layout);
            let row: Vec<f32> = (0..layout.row_len()).map(|i| i as f32).collect();
            let typing = layout.typing(&row);
            assert_eq!((typing.log.len(), typing.raw.len()), (layout.len(), 13));
        }
    }

    #[test]
    fn a_gap_is_the_step_without_the_hold() {
        let layout = Layout { keys: 3, pressure: false, size: false, place: false };
        let typing = layout.typing(&[0.0, 80.0, 120.0, 90.0, 200.0, 100.0]);
        assert_eq!(typing.raw, [80.0, 120.0, 90.0, 200.0, 100.0, 120.0, -20.0]);
        assert!((typing.log[0] - 90f64.ln()).abs() < 1e-12);
        assert!((typing.log[3] - 230f64.ln()).abs() < 1e-12);
        assert!((typing.log[6] + (20f64 / 60.0).asinh()).abs() < 1e-12);
    }
}
