//! How a device is held: its tilt from its motion sensors, where a client sends them.
//!
//! The tilt of a phone or tablet is a part of its own in a sample ([`Held`]) and in a comparison ([`Holding`]). It says little:
//! people hold a device differently from one sitting to the next, and no set at hand has motion of phones with strokes or typing.
//! So its constants are coarse, its LLR ends near 0, and it counts only with the weight that the policy gives it, by default none.

use crate::behavior::event::{Capture, Device};
use crate::behavior::{Evidence, Habit, Sample};

/// Fewest readings of acceleration that say how a device is held.
const LEAST_READINGS: usize = 4;

/// Direction of gravity in the device's axes, as its tilt to the side and forward in degrees, 0 lying on a table. No
/// other trace of the readings is kept.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Held(pub [f32; 2]);

impl Held {
    /// Reads its stored bytes; `None` for what is no pair of tilts.
    pub fn from_bytes(bytes: [u8; 8]) -> Option<Self> {
        let [a, b, c, d, e, f, g, h] = bytes;
        let tilts = [f32::from_le_bytes([a, b, c, d]), f32::from_le_bytes([e, f, g, h])];
        tilts.iter().all(|t| (-90.0..=90.0).contains(t)).then_some(Self(tilts))
    }
}

/// How the device was held during a capture: the median of all readings in each direction. Absent on a desktop, with
/// fewer than four readings, and where they are no gravity.
pub fn held(capture: &Capture) -> Option<Held> {
    if capture.device == Device::Desktop {
        return None;
    }
    let accel: Vec<[f32; 3]> = capture.motion.iter().filter_map(|m| m.accel).collect();
    if accel.len() < LEAST_READINGS {
        return None;
    }
    let along = |axis: usize| median(accel.iter().map(|a| f64::from(a[axis])).collect());
    let gravity = [along(0), along(1), along(2)];
    let size = gravity.iter().map(|g| g * g).sum::<f64>().sqrt();
    let tilt = |g: f64| (g / size).clamp(-1.0, 1.0).asin().to_degrees() as f32;
    (size >= LEAST_GRAVITY).then(|| Held([tilt(gravity[0]), tilt(gravity[1])]))
}

/// Less than this in m/s² is no gravity: a device that falls, or sends acceleration without it.
const LEAST_GRAVITY: f64 = 5.0;
/// What the tilts are called.
const TILTS: [&str; 2] = ["tilt to the side", "tilt forward"];
/// Standard deviations in degrees of tilt to the side and forward: between people, between a person's sittings, and
/// between captures of a sitting. Rounded from 32 people with 3 to 9 sittings on a tablet (Antal et al., three passwords).
const BETWEEN_PEOPLE: [f64; 2] = [4.0, 14.0];
const BETWEEN_SITTINGS: [f64; 2] = [5.0, 12.0];
const BETWEEN_CAPTURES: [f64; 2] = [3.0, 8.0];
/// The LLR is never under this: somebody who sat and now stands is no other person. Above it ends by itself at 0.7.
const LEAST_LLR: f64 = -1.5;
/// A habit is named from this share of an LLR on.
const LEAST_HABIT: f64 = 0.02;

/// How a person holds a device.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Holding {
    tilts: [f64; 2],
    captures: usize,
}

impl Holding {
    /// Of the samples that say it; `None` where none does.
    pub fn of(samples: &[Sample]) -> Option<Self> {
        let held: Vec<Held> = samples.iter().filter_map(|s| s.held).collect();
        let along = |axis: usize| median(held.iter().map(|h| f64::from(h.0[axis])).collect());
        (!held.is_empty()).then(|| Self { tilts: [along(0), along(1)], captures: held.len() })
    }

    /// LLR and difference, in usual deviations, of each tilt. Two-covariance, by the difference alone: the mean over people is
    /// another for each kind of device.
    fn terms(&self, probe: &Self) -> [(f64, f64); 2] {
        [0, 1].map(|i| {
            let captures = 1.0 / self.captures as f64 + 1.0 / probe.captures as f64;
            let own = 2.0 * BETWEEN_SITTINGS[i].powi(2) + captures * BETWEEN_CAPTURES[i].powi(2);
            let all = own + 2.0 * BETWEEN_PEOPLE[i].powi(2);
            let square = (probe.tilts[i] - self.tilts[i]).powi(2);
            let llr = 0.5 * (all / own).ln() - 0.5 * square * (1.0 / own - 1.0 / all);
            (llr, (probe.tilts[i] - self.tilts[i]) / own.sqrt())
        })
    }

    /// LLR that a probe is held by the same person, −1.5 to 0.7.
    pub fn llr(&self, probe: &Self) -> f64 {
        self.terms(probe).iter().map(|t| t.0).sum::<f64>().max(LEAST_LLR)
    }

    /// Adds `weight` times its LLR to what the rest of a comparison said, and names the tilts among the habits.
    pub fn add(&self, probe: &Self, weight: f64, evidence: &mut Evidence) {
        let terms = self.terms(probe);
        let llr = weight * self.llr(probe);
        evidence.raw.0 += llr;
        evidence.llr.0 += llr;
        let total = terms.iter().map(|t| t.0.abs()).sum::<f64>().max(1e-9);
        for (what, (term, deviation)) in TILTS.into_iter().zip(terms) {
            let share = llr.abs() * term / total;
            if share.abs() >= LEAST_HABIT {
                evidence.habits.push(Habit { what, position: None, deviation, llr: share });
            }
        }
        evidence.habits.sort_by(|a, b| b.llr.abs().total_cmp(&a.llr.abs()));
        evidence.habits.truncate(Evidence::MAX_HABITS);
    }
}

/// The middle value; 0 without values.
fn median(mut values: Vec<f64>) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    let n = values.len();
    match (values.get(n / 2), n % 2) {
        (Some(middle), 1) => *middle,
        (Some(above), _) => values.get(n / 2 - 1).map_or(*above, |below| (below + above) / 2.0),
        (None, _) => 0.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::behavior::SampleKind;
    use crate::domain::{Llr, RawScore};

    fn sample(held: Option<Held>) -> Sample {
        let (kind, device) = (SampleKind::FixedText, Device::Tablet);
        Sample { kind, device, text: None, dim: 1, rows: vec![0.0], units: 1, held }
    }

    fn holding(tilts: [f32; 2], captures: usize) -> Holding {
        Holding::of(&vec![sample(Some(Held(tilts))); captures]).unwrap()
    }

    #[test]
    fn a_tilt_says_little_and_has_its_bounds() {
        let own = holding([1.0, 30.0], 10);
        let (same, near, far) = (
            own.llr(&holding([1.0, 30.0], 1)),
            own.llr(&holding([3.0, 38.0], 1)),
            own.llr(&holding([-40.0, -60.0], 1)),
        );
        assert!(same > near && near > 0.0 && same < 0.7, "{same} {near}");
        assert_eq!(far, LEAST_LLR);
        // Closed form: without capture noise the best is half the logarithm of both ratios.
        let many = holding([1.0, 30.0], 1_000_000);
        let best = 0.5 * (1.0f64 + 16.0 / 25.0).ln() + 0.5 * (1.0f64 + 196.0 / 144.0).ln();
        assert!((many.llr(&many) - best).abs() < 1e-4, "{}", many.llr(&many));
    }

    #[test]
    fn it_counts_with_its_weight_and_names_itself() {
        let mut evidence =
            Evidence { raw: RawScore(2.0), llr: Llr(3.0), enough: true, habits: Vec::new() };
        let (own, other) = (holding([0.0, 30.0], 5), holding([-40.0, 30.0], 1));
        own.add(&other, 0.5, &mut evidence);
        assert_eq!((evidence.raw.0, evidence.llr.0), (1.25, 2.25));
        let first = &evidence.habits[0];
        assert_eq!((first.what, first.deviation < -5.0, first.llr < 0.0), (TILTS[0], true, true));
    }

    #[test]
    fn samples_without_readings_say_nothing_and_outliers_little() {
        assert_eq!(Holding::of(&[sample(None)]), None);
        let mut tilts = vec![sample(Some(Held([2.0, 40.0]))); 4];
        tilts.push(sample(Some(Held([-80.0, -80.0]))));
        tilts.push(sample(None));
        assert_eq!(Holding::of(&tilts), Some(Holding { tilts: [2.0, 40.0], captures: 5 }));
    }

    #[test]
    fn only_what_is_held_and_feels_gravity_has_a_tilt() {
        let line = |device: &str, accel: &str| {
            let motion: Vec<String> =
                (0..4).map(|t| format!(r#"{{"t_ms":{t},"accel":{accel}}}"#)).collect();
            let keys = r#"{"key":"a","down_ms":0,"up_ms":9}"#;
            let line = format!(
                r#"{{"subject":"s","capture":"c","device":"{device}","kind":"keystroke","events":[{keys}],"motion":[{}]}}"#,
                motion.join(",")
            );
            held(&crate::behavior::parse::capture(&line, 1).unwrap())
        };
        let Some(Held([side, forward])) = line("phone", "[0,4.9,8.5]") else { panic!("held") };
        assert!(side == 0.0 && (forward - 30.0).abs() < 0.1, "{side} {forward}");
        assert_eq!(line("desktop", "[0,4.9,8.5]"), None);
        assert_eq!(line("tablet", "[0.1,0.2,0.1]"), None, "gravity was taken off");
        assert!(line("tablet", "[-9.8,0,0]").is_some_and(|h| (h.0[0] + 90.0).abs() < 0.1));
    }
}
