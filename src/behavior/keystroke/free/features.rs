//! The stored features of a capture: one row of sums. Rows of captures add up to those of a profile.
//!
//! A row holds the id of the background, the number of keys, count and sum of each coarse habit, and the projected
//! blocks added up, once with named keys and once with hidden ones. There are no keys, no order, no statistics of
//! single keys or pairs: those are mixed by the projection, 120 numbers out of some 450 that depend on how
//! somebody types as well as on what.

use crate::behavior::event::KeyEvent;
use crate::behavior::key::KeyClass;
use crate::behavior::keystroke::free::background::Background;
use crate::behavior::keystroke::free::habits::{HABITS, Habits};
use crate::behavior::keystroke::free::model::{HEAD, Model, Totals};
use crate::behavior::keystroke::free::press::{RESOLUTION_MS, presses};
use crate::behavior::keystroke::free::{LEAST_KEYS, MAX_KEYS};
use crate::behavior::{BehaviorError, Capture, Events, Sample, SampleKind};

/// Values before the projected vectors: background, keys, habits.
const FIXED: usize = 2 + 2 * HABITS;
/// Share of hidden keys from which a capture counts as hiding its content.
const HIDDEN_SHARE: f64 = 0.1;

/// What a row says.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Row {
    /// Keys.
    pub keys: f64,
    /// Sums of habits.
    pub habits: Habits,
    /// Projected blocks with named keys; without keys where they were hidden.
    pub named: Totals,
    /// Projected blocks with every key reduced to its class.
    pub hidden: Totals,
}

/// Makes the sample of a capture; its first [`MAX_KEYS`] keys count.
///
/// # Errors
/// Events other than keys, or fewer than [`LEAST_KEYS`] of them.
pub fn extract(
    capture: &Capture,
    background: Option<&Background>,
) -> Result<Sample, BehaviorError> {
    let Events::Keystroke(events) = &capture.events else {
        return Err(BehaviorError::Sample { kind: SampleKind::FreeText, why: "no keys" });
    };
    let events = events.get(..MAX_KEYS).unwrap_or(events);
    let (needed, got) = (LEAST_KEYS, events.len());
    if got < needed {
        return Err(BehaviorError::TooFew { what: "free text: keys", needed, got });
    }
    let background = background.filter(|b| b.device == capture.device);
    let resolution = background.map_or(RESOLUTION_MS, |b| b.resolution_ms);
    let typed = presses(events, resolution, false);
    let mut row = Row { keys: events.len() as f64, habits: Habits::of(&typed), ..Row::default() };
    let id = background.map_or(0, |background| {
        if !hides(events) {
            row.named = background.named.totals(&typed);
        }
        row.hidden = background.hidden.totals(&presses(events, resolution, true));
        background.id
    });
    let rows = row.write(id, background);
    Ok(Sample {
        kind: SampleKind::FreeText,
        device: capture.device,
        text: None,
        dim: rows.len(),
        rows,
        units: events.len() as u32,
    })
}

/// Whether the client hid which keys were pressed. Keys that have no name are no sign of it.
fn hides(events: &[KeyEvent]) -> bool {
    let other = |e: &&KeyEvent| e.key.class() != KeyClass::Other || e.key.is_hashed();
    let told = events.iter().filter(other);
    let hidden = told.clone().filter(|e| e.key.is_hidden()).count();
    hidden as f64 > HIDDEN_SHARE * told.count() as f64
}

impl Row {
    fn write(&self, id: u32, background: Option<&Background>) -> Vec<f32> {
        let mut row = vec![id as f32, self.keys as f32];
        row.extend(self.habits.0.iter().flat_map(|(n, s)| [*n as f32, *s as f32]));
        let Some(background) = background else { return row };
        for (totals, model) in
            [(&self.named, &background.named), (&self.hidden, &background.hidden)]
        {
            row.extend([totals.keys, totals.slope, totals.noise].map(|x| x as f32));
            let vector = totals.vector.iter().map(|x| *x as f32);
            row.extend(vector.chain(std::iter::repeat(0.0)).take(model.dim()));
        }
        row
    }

    /// Adds up the rows of samples. Vectors are read where they were made with this background.
    ///
    /// # Errors
    /// No samples, or samples that [`extract`] does not make.
    pub fn read(
        samples: &[Sample],
        background: Option<&Background>,
    ) -> Result<Self, BehaviorError> {
        let mut all = Self::default();
        for sample in samples {
            let wrong = |why| BehaviorError::Sample { kind: SampleKind::FreeText, why };
            if sample.kind != SampleKind::FreeText {
                return Err(wrong("another kind"));
            }
            for row in sample.iter() {
                let (fixed, vectors) =
                    row.split_at_checked(FIXED).ok_or(wrong("a row is too short"))?;
                if !row.iter().all(|x| x.is_finite()) {
                    return Err(wrong("a value is not finite"));
                }
                all.add_row(fixed, vectors, background);
            }
        }
        if all.keys < 1.0 {
            let what = "free text: keys of a profile or probe";
            return Err(BehaviorError::TooFew { what, needed: 1, got: 0 });
        }
        Ok(all)
    }

    fn add_row(&mut self, fixed: &[f32], vectors: &[f32], background: Option<&Background>) {
        self.keys += f64::from(fixed.get(1).copied().unwrap_or(0.0).max(0.0));
        let (pairs, _) = fixed.get(2..).unwrap_or_default().as_chunks::<2>();
        let habits = pairs.iter().map(|[n, s]| (f64::from(n.max(0.0)), f64::from(*s)));
        for (own, (count, sum)) in self.habits.0.iter_mut().zip(habits) {
            own.0 += count;
            own.1 += sum;
        }
        let Some(background) = background else { return };
        let id = fixed.first().copied().unwrap_or(0.0);
        let named = HEAD + background.named.dim();
        let whole = named + HEAD + background.hidden.dim();
        if id != background.id as f32 || vectors.len() != whole {
            return;
        }
        let (first, second) = vectors.split_at(named);
        self.named.add(&totals(first, &background.named));
        self.hidden.add(&totals(second, &background.hidden));
    }
}

fn totals(values: &[f32], model: &Model) -> Totals {
    let (head, vector) = values.split_at(HEAD.min(values.len()));
    let at = |i: usize| f64::from(head.get(i).copied().unwrap_or(0.0).max(0.0));
    let vector = vector.iter().take(model.dim()).map(|x| f64::from(*x)).collect();
    Totals { keys: at(0), slope: at(1), noise: at(2), vector }
}
