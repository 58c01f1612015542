//! A person's typing profile, compared with a probe.

use crate::behavior::event::Device;
use crate::behavior::keystroke::free::background::Background;
use crate::behavior::keystroke::free::fallback;
use crate::behavior::keystroke::free::features::Row;
use crate::behavior::keystroke::free::habits::{Compared, NAMES, Spread, compare};
use crate::behavior::{BehaviorError, Evidence, Habit, Sample};
use crate::domain::{Llr, RawScore};

/// LLRs end here: calibration pairs show no more.
pub const MAX_LLR: f64 = 7.0;
/// The same where no background is.
pub const MAX_FALLBACK_LLR: f64 = 4.0;
/// Keys of a probe from which the evidence is called enough: half a sentence.
pub const ENOUGH_PROBE: f64 = 30.0;
/// Keys of a profile from which the evidence is called enough: three sentences.
pub const ENOUGH_ENROLLED: f64 = 150.0;
/// Habits that add less to an LLR than this are not named.
const LEAST_HABIT: f64 = 0.05;

/// What somebody enrolled, ready to be compared.
#[derive(Debug, Clone)]
pub struct Template<'b> {
    background: Option<&'b Background>,
    device: Device,
    row: Row,
}

impl<'b> Template<'b> {
    /// Makes a profile of samples of one class of device.
    ///
    /// # Errors
    /// No samples, samples of another kind, or of several classes of device.
    pub fn new(
        enrolled: &[Sample],
        background: Option<&'b Background>,
    ) -> Result<Self, BehaviorError> {
        let device = enrolled.first().map_or(Device::Desktop, |s| s.device);
        same_device(device, enrolled)?;
        let row = Row::read(enrolled, background)?;
        Ok(Self { background, device, row })
    }

    /// Enrolled keys.
    pub fn keys(&self) -> u32 {
        self.row.keys as u32
    }

    /// Compares the keys of all samples together: named keys where both sides name them, classes of keys where
    /// one hides them, timing alone where one hashes them, and coarse habits where no background of this class of
    /// device knows both.
    ///
    /// # Errors
    /// No samples, samples of another kind, or of another class of device; [`BehaviorError::TooFew`] where neither a
    /// background nor a habit has anything of both sides.
    pub fn score(&self, probe: &[Sample]) -> Result<Evidence, BehaviorError> {
        same_device(self.device, probe)?;
        let probe = Row::read(probe, self.background)?;
        let answer = self.compare(&probe);
        // The constants of the fallback belong together: spreads of other people would go with a calibration that never saw them.
        let spreads = match (&answer, self.background) {
            (Some(_), Some(background)) => &background.habits[..],
            _ => &fallback::SPREADS[..],
        };
        let compared: Vec<Compared> = self.habits(&probe, spreads).collect();
        let (raw, llr, limit) = match answer {
            Some(answer) => answer,
            None if compared.is_empty() => {
                let what = "a probe of free text: habits that the profile shows, too";
                return Err(BehaviorError::TooFew { what, needed: 1, got: 0 });
            }
            None => {
                let raw = compared.iter().map(|c| c.llr).sum();
                (raw, fallback::SLOPE * raw + fallback::BIAS, MAX_FALLBACK_LLR)
            }
        };
        Ok(Evidence {
            raw: RawScore(raw),
            llr: Llr(llr.clamp(-limit, limit)),
            enough: probe.keys >= ENOUGH_PROBE && self.row.keys >= ENOUGH_ENROLLED,
            habits: named(&compared),
        })
    }

    fn habits<'a>(
        &'a self,
        probe: &'a Row,
        spreads: &'a [Spread],
    ) -> impl Iterator<Item = Compared> + 'a {
        compare(&self.row.habits, &probe.habits, spreads)
    }

    fn compare(&self, probe: &Row) -> Option<(f64, f64, f64)> {
        let background = self.background?;
        let sides = self.row.totals.iter().zip(&probe.totals).zip(background.models());
        let ((enrolled, probe), (_, model)) =
            sides.into_iter().find(|((e, p), _)| e.keys > 0.0 && p.keys > 0.0)?;
        let raw = model.raw(enrolled, probe);
        Some((raw, model.llr(raw, enrolled.keys, probe.keys), MAX_LLR))
    }
}

/// The habits that say most, strongest first.
fn named(compared: &[Compared]) -> Vec<Habit> {
    let habit = |c: &Compared| Habit {
        what: NAMES.get(c.at).copied().unwrap_or("typing"),
        position: None,
        deviation: c.deviation,
        llr: fallback::SLOPE * c.llr,
    };
    let mut habits: Vec<Habit> =
        compared.iter().map(habit).filter(|h| h.llr.abs() >= LEAST_HABIT).collect();
    habits.sort_by(|a, b| b.llr.abs().total_cmp(&a.llr.abs()));
    habits.truncate(Evidence::MAX_HABITS);
    habits
}

fn same_device(device: Device, samples: &[Sample]) -> Result<(), BehaviorError> {
    match samples.iter().find(|s| s.device != device) {
        None => Ok(()),
        Some(odd) => Err(BehaviorError::Mismatch {
            what: "device classes",
            enrolled: device.as_str().to_owned(),
            got: odd.device.as_str().to_owned(),
        }),
    }
}
