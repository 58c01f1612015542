//! What is known of other people's typing: `models/behavior-free/background.json`.

use serde::{Deserialize, Serialize};

use crate::behavior::event::{Device, KeyEvent};
use crate::behavior::keystroke::free::fit::{Typist, fit};
use crate::behavior::keystroke::free::habits::{HABITS, Habits, Spread, spreads};
use crate::behavior::keystroke::free::model::Model;
use crate::behavior::keystroke::free::press::{RESOLUTION_MS, Sight, presses};
use crate::behavior::keystroke::free::{LEAST_KEYS, fallback};
use crate::behavior::{BehaviorError, Capture, Events};

/// Layout of the file.
pub const VERSION: u32 = 1;
/// Fewest people to fit on: fewer say little about how people differ.
pub const LEAST_PEOPLE: usize = 30;

/// A fitted background model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Background {
    /// [`VERSION`].
    pub version: u32,
    /// Tells fits apart, below 2²⁴: samples are compared by the fit they were made with.
    pub id: u32,
    /// How many people it was fitted on.
    pub people: u32,
    /// The class of device it was fitted on, and is used for.
    pub device: Device,
    /// Grid that times are put on, ms.
    pub resolution_ms: f64,
    /// For clients that name keys.
    pub named: Model,
    /// For clients that send classes of keys.
    pub hidden: Model,
    /// For clients that send hashed codes.
    pub timing: Model,
    /// Distribution of each habit over people.
    pub habits: Vec<Spread>,
}

impl Background {
    /// Fits on captures with the number of their person and session. Captures of one person should be several,
    /// of [`LEAST_KEYS`] keys or more; others are left out.
    ///
    /// # Errors
    /// Fewer than [`LEAST_PEOPLE`] people with three captures, several classes of device, or a fit that fails.
    pub fn train(captures: &[(u32, u32, &Capture)]) -> Result<Self, BehaviorError> {
        Self::train_at(captures, RESOLUTION_MS)
    }

    /// The same with another grid of times, to measure what a finer clock gives away. Never ship one below
    /// [`RESOLUTION_MS`]: it takes keyboards for people.
    ///
    /// # Errors
    /// As [`Self::train`].
    pub fn train_at(
        captures: &[(u32, u32, &Capture)],
        resolution_ms: f64,
    ) -> Result<Self, BehaviorError> {
        let (device, people) = sorted(captures)?;
        let typists = |sight: Sight| -> Vec<Typist> {
            let one = |own: &Typed<'_>| {
                own.iter().map(|events| presses(events, resolution_ms, sight)).collect()
            };
            people.iter().map(one).collect()
        };
        let named_typists = typists(Sight::Named);
        let of_people: Vec<Vec<Habits>> =
            named_typists.iter().map(|t| t.iter().map(|c| Habits::of(c)).collect()).collect();
        let habits = spreads(&of_people)
            .into_iter()
            .zip(fallback::SPREADS)
            .map(|(own, known)| own.unwrap_or(known))
            .collect();
        let named = fit(&named_typists)?;
        drop(named_typists);
        let hidden = fit(&typists(Sight::Classes))?;
        let timing = fit(&typists(Sight::Timing))?;
        let mut background = Self {
            version: VERSION,
            id: 0,
            people: people.len() as u32,
            device,
            resolution_ms,
            named,
            hidden,
            timing,
            habits,
        };
        background.id = background.fingerprint();
        background.check()?;
        Ok(background)
    }

    /// How many of these captures, of how many people, a fit on them takes.
    ///
    /// # Errors
    /// As [`Self::train`], where too few are left.
    pub fn used(captures: &[(u32, u32, &Capture)]) -> Result<(usize, usize), BehaviorError> {
        let (_, people) = sorted(captures)?;
        Ok((people.iter().map(Vec::len).sum(), people.len()))
    }

    /// The models with their names, the one that sees most first.
    pub fn models(&self) -> [(&'static str, &Model); 3] {
        [("named", &self.named), ("hidden", &self.hidden), ("timing", &self.timing)]
    }

    /// Refuses what cannot have come from a fit.
    ///
    /// # Errors
    /// Another version, lengths that do not fit together, numbers that are not finite, an id that is not its own.
    pub fn check(&self) -> Result<(), BehaviorError> {
        let refuse = |why: String| Err(BehaviorError::Background(why));
        if self.version != VERSION {
            return refuse(format!("free text version {VERSION} is read, got {}", self.version));
        }
        if !(1.0..=100.0).contains(&self.resolution_ms) {
            return refuse(format!(
                "a resolution of 1 to 100 ms is read, got {}",
                self.resolution_ms
            ));
        }
        for (name, model) in self.models() {
            if let Some(why) = model.wrong() {
                return refuse(format!("{name}: {why}"));
            }
        }
        let good = |s: &Spread| {
            let variances = [s.between, s.within];
            s.mean.is_finite() && variances.iter().all(|v| v.is_finite() && *v > 0.0)
        };
        if self.habits.len() != HABITS || !self.habits.iter().all(good) {
            return refuse(format!("habits need {HABITS} means and variances above zero"));
        }
        if self.id != self.fingerprint() {
            return refuse(format!(
                "the id is {}, its numbers say {}",
                self.id,
                self.fingerprint()
            ));
        }
        Ok(())
    }

    /// 24 bits of FNV-1a over the projections: never 0, exact as a 32-bit float.
    fn fingerprint(&self) -> u32 {
        let numbers = self.models().into_iter().flat_map(|(_, model)| &model.projection);
        let hash = numbers
            .flat_map(|x| x.to_le_bytes())
            .fold(0x811c_9dc5u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193));
        ((hash >> 8) ^ (hash & 0xff)).max(1)
    }
}

/// Key events of one person's captures.
type Typed<'a> = Vec<&'a [KeyEvent]>;

/// Key events of each person in order of session, and their class of device.
fn sorted<'a>(
    captures: &[(u32, u32, &'a Capture)],
) -> Result<(Device, Vec<Typed<'a>>), BehaviorError> {
    let mut order: Vec<_> = captures.iter().collect();
    order.sort_by_key(|(person, session, _)| (*person, *session));
    let mut people: std::collections::BTreeMap<u32, Typed<'_>> = Default::default();
    let device = order.first().map_or(Device::Desktop, |(_, _, capture)| capture.device);
    for (person, _, capture) in order {
        let Events::Keystroke(events) = &capture.events else { continue };
        if capture.device != device {
            return Err(BehaviorError::Mismatch {
                what: "device classes",
                enrolled: device.as_str().to_owned(),
                got: capture.device.as_str().to_owned(),
            });
        }
        if events.len() >= LEAST_KEYS {
            people.entry(*person).or_default().push(events);
        }
    }
    let people: Vec<_> = people.into_values().filter(|own| own.len() > 2).collect();
    let (needed, got) = (LEAST_PEOPLE, people.len());
    if got < needed {
        let what = "a background of free text: people with three captures";
        return Err(BehaviorError::TooFew { what, needed, got });
    }
    Ok((device, people))
}
