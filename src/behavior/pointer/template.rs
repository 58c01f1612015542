//! A person's pointer profile, compared with a probe.

use crate::behavior::event::Device;
use crate::behavior::pointer::background::{Background, MAX_LLR, Side, positions};
use crate::behavior::pointer::fallback;
use crate::behavior::pointer::features::{FEATURES, NAMES};
use crate::behavior::pointer::fit::check_sample;
use crate::behavior::pointer::stats::{Adjusted, adjust, moments};
use crate::behavior::{BehaviorError, Evidence, Habit, Sample, SampleKind};
use crate::domain::{Llr, RawScore};

/// Actions of a probe from which the evidence is called enough: about 20 seconds of steady work.
pub const ENOUGH_PROBE: usize = 20;
/// Actions of an enrollment from which the evidence is called enough: about a minute.
pub const ENOUGH_ENROLLED: usize = 60;
/// Fewest actions of a probe and of an enrollment that the calibration was fitted on: below, an LLR shrinks with them.
const FITTED_PROBE: usize = 10;
const FITTED_ENROLLED: usize = 60;
/// Habits that add less to an LLR than this are not named.
const LEAST_HABIT: f64 = 0.05;

/// What somebody enrolled, ready to be compared.
#[derive(Debug, Clone)]
pub struct Template<'b> {
    background: Option<&'b Background>,
    device: Device,
    actions: usize,
    /// Mean and deviation of each feature over the enrolled actions; NaN where there is none.
    own: [(f64, f64); FEATURES],
    side: Option<Side>,
}

impl<'b> Template<'b> {
    /// Makes a profile of samples of one device.
    ///
    /// # Errors
    /// No samples, samples of another kind, or of several device classes.
    pub fn new(
        enrolled: &[Sample],
        background: Option<&'b Background>,
    ) -> Result<Self, BehaviorError> {
        let device = device_of(enrolled, None)?;
        let actions = adjusted(enrolled, background);
        let side = background.map(|b| b.side(&actions)).transpose()?;
        Ok(Self { background, device, actions: actions.len(), own: own(&actions), side })
    }

    /// Enrolled actions.
    pub fn actions(&self) -> usize {
        self.actions
    }

    /// Compares the actions of all samples together.
    ///
    /// # Errors
    /// No samples, samples of another kind, or of another device class; [`BehaviorError::TooFew`] where the sides have no
    /// feature in common.
    pub fn score(&self, probe: &[Sample]) -> Result<Evidence, BehaviorError> {
        device_of(probe, Some(self.device))?;
        let actions = adjusted(probe, self.background);
        let seen = own(&actions);
        let both = self.own.iter().zip(&seen).any(|(a, b)| a.0.is_finite() && b.0.is_finite());
        let nothing = || {
            let what = "a probe: features that the profile has, too";
            BehaviorError::TooFew { what, needed: 1, got: 0 }
        };
        let (raw, llr, habits) = match (self.background, &self.side) {
            _ if !both => return Err(nothing()),
            (Some(background), Some(side)) => self.with(background, side, &actions, &seen)?,
            _ => {
                let compared = fallback::compare(&self.own, self.actions, &seen, actions.len())
                    .ok_or_else(nothing)?;
                let habits = self.habits(&seen, |i| compared.terms[i]);
                (compared.raw, compared.llr, habits)
            }
        };
        let share = |n: usize, fitted: usize| (n as f64 / fitted as f64).min(1.0);
        let known = share(actions.len(), FITTED_PROBE) * share(self.actions, FITTED_ENROLLED);
        Ok(Evidence {
            raw: RawScore(raw),
            llr: Llr(known * llr.clamp(-MAX_LLR, MAX_LLR)),
            enough: actions.len() >= ENOUGH_PROBE && self.actions >= ENOUGH_ENROLLED,
            habits,
        })
    }

    fn with(
        &self,
        background: &Background,
        side: &Side,
        actions: &[Adjusted],
        seen: &[(f64, f64); FEATURES],
    ) -> Result<(f64, f64, Vec<Habit>), BehaviorError> {
        let probe = background.side(actions)?;
        let score = |probe: &Side| {
            let raw = background.raw(side, probe);
            (raw, background.llr(raw, side.actions, probe.actions))
        };
        let (raw, llr) = score(&probe);
        // What a habit adds: the LLR less that of the same probe with the habit of an average person.
        let mut added = [0.0; FEATURES];
        for (i, added) in added.iter_mut().enumerate() {
            let mut stats = probe.stats.clone();
            for at in positions(i) {
                if let Some(value) = stats.get_mut(at) {
                    *value = 0.0;
                }
            }
            *added = llr - score(&background.side_of(stats, probe.actions)?).1;
        }
        Ok((raw, llr, self.habits(seen, |i| added[i])))
    }

    fn habits(&self, seen: &[(f64, f64); FEATURES], added: impl Fn(usize) -> f64) -> Vec<Habit> {
        let habit = |i: usize| {
            let ((mean, deviation), (seen, _)) = (self.own[i], seen[i]);
            let deviation = (seen - mean) / deviation;
            let llr = added(i);
            (deviation.is_finite() && llr.abs() >= LEAST_HABIT).then_some(Habit {
                what: NAMES[i],
                position: None,
                deviation,
                llr,
            })
        };
        let mut habits: Vec<Habit> = (0..FEATURES).filter_map(habit).collect();
        habits.sort_by(|a, b| b.llr.abs().total_cmp(&a.llr.abs()));
        habits.truncate(Evidence::MAX_HABITS);
        habits
    }
}

/// All actions, capture by capture. Blocks of actions run over the ends of captures, so captures are put into an order of
/// their own, by content: in which order they came says nothing.
fn adjusted(samples: &[Sample], background: Option<&Background>) -> Vec<Adjusted> {
    let fit = background.map_or(&[][..], |b| &b.length_fit);
    let mut ordered: Vec<&Sample> = samples.iter().collect();
    ordered.sort_by(|a, b| {
        let differs = a.rows.iter().zip(&b.rows).map(|(x, y)| x.total_cmp(y)).find(|o| o.is_ne());
        differs.unwrap_or_else(|| a.rows.len().cmp(&b.rows.len()))
    });
    ordered.into_iter().flat_map(Sample::iter).map(|row| adjust(row, fit)).collect()
}

fn own(actions: &[Adjusted]) -> [(f64, f64); FEATURES] {
    std::array::from_fn(|i| moments(actions.iter().map(|a| a.values[i])))
}

/// Checks samples and says which class of device they are of.
fn device_of(samples: &[Sample], expected: Option<Device>) -> Result<Device, BehaviorError> {
    let first = samples.first().ok_or(BehaviorError::TooFew {
        what: "samples of a pointer",
        needed: 1,
        got: 0,
    })?;
    let device = expected.unwrap_or(first.device);
    for sample in samples {
        check_sample(sample)?;
        sample.check_like(SampleKind::Pointer, device)?;
    }
    Ok(device)
}

#[cfg(test)]
mod tests;
