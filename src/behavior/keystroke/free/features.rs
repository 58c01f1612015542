//! The stored features of a capture: one row of sums. Rows of captures add up to those of a profile.
//!
//! A row holds the id of the background, the number of keys, count and sum of each coarse habit, and the projected
//! blocks added up: with keys named, reduced to classes, and not seen at all. There are no keys, no order, no
//! statistics of single keys or pairs: those are mixed by the projection, 116 numbers out of 464 that depend on how
//! somebody types as well as on what.

use crate::behavior::event::KeyEvent;
use crate::behavior::key::{Key, KeyClass};
use crate::behavior::keystroke::free::background::Background;
use crate::behavior::keystroke::free::habits::{HABITS, Habits};
use crate::behavior::keystroke::free::model::{HEAD, Model, Totals};
use crate::behavior::keystroke::free::press::{RESOLUTION_MS, Sight, presses};
use crate::behavior::keystroke::free::{LEAST_KEYS, MAX_KEYS};
use crate::behavior::{BehaviorError, Capture, Events, Sample, SampleKind, motion};

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
    /// Projected blocks of each of [`Background::models`]; without keys where the client hid what it needs.
    pub totals: [Totals; 3],
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
    let typed = presses(events, resolution, Sight::Named);
    let mut row = Row { keys: events.len() as f64, habits: Habits::of(&typed), ..Row::default() };
    let shown = shown(events);
    for (own, (sight, model)) in row.totals.iter_mut().zip(sights(background)) {
        *own = match sight {
            Sight::Named if shown == Sight::Named => model.totals(&typed),
            Sight::Classes if shown == Sight::Timing => continue,
            Sight::Named => continue,
            _ => model.totals(&presses(events, resolution, sight)),
        };
    }
    let id = background.map_or(0, |b| b.id);
    let rows = row.write(id, background);
    Ok(Sample {
        kind: SampleKind::FreeText,
        device: capture.device,
        text: None,
        dim: rows.len(),
        rows,
        units: events.len() as u32,
        held: motion::held(capture),
    })
}

/// The models of a background and what each sees.
fn sights(background: Option<&Background>) -> impl Iterator<Item = (Sight, &Model)> {
    let models = background.map(Background::models).into_iter().flatten().map(|(_, model)| model);
    [Sight::Named, Sight::Classes, Sight::Timing].into_iter().zip(models)
}

/// What the client shows of its keys. Keys that have no name are no sign of hiding.
fn shown(events: &[KeyEvent]) -> Sight {
    let told = |e: &&KeyEvent| e.key.class() != KeyClass::Other || e.key.is_hashed();
    let told: Vec<Key> = events.iter().filter(told).map(|e| e.key).collect();
    let most = HIDDEN_SHARE * told.len() as f64;
    if told.iter().filter(|k| k.is_hashed()).count() as f64 > most {
        Sight::Timing
    } else if told.iter().filter(|k| k.is_hidden()).count() as f64 > most {
        Sight::Classes
    } else {
        Sight::Named
    }
}

impl Row {
    fn write(&self, id: u32, background: Option<&Background>) -> Vec<f32> {
        let mut row = vec![id as f32, self.keys as f32];
        row.extend(self.habits.0.iter().flat_map(|(n, s)| [*n as f32, *s as f32]));
        for (totals, (_, model)) in self.totals.iter().zip(sights(background)) {
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
        let whole: usize = sights(Some(background)).map(|(_, model)| HEAD + model.dim()).sum();
        if id != background.id as f32 || vectors.len() != whole {
            return;
        }
        let mut rest = vectors;
        for (own, (_, model)) in self.totals.iter_mut().zip(sights(Some(background))) {
            let (values, after) = rest.split_at((HEAD + model.dim()).min(rest.len()));
            own.add(&totals(values, model));
            rest = after;
        }
    }
}

fn totals(values: &[f32], model: &Model) -> Totals {
    let (head, vector) = values.split_at(HEAD.min(values.len()));
    let at = |i: usize| f64::from(head.get(i).copied().unwrap_or(0.0).max(0.0));
    let vector = vector.iter().take(model.dim()).map(|x| f64::from(*x)).collect();
    Totals { keys: at(0), slope: at(1), noise: at(2), vector }
}
