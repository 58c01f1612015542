//! Coarse habits: what is told about a comparison, and what is compared where no background model is.
//!
//! A habit is a mean over a group of presses, without the average of people taken away; its count is the size of
//! the group in the capture (letters, spaces, corrections), which says no more of a text than its length.

use serde::{Deserialize, Serialize};

use crate::behavior::key::{Key, KeyClass};
use crate::behavior::keystroke::free::keyboard::{FINGERS, finger};
use crate::behavior::keystroke::free::press::Press;

/// How many habits there are.
pub const HABITS: usize = 20;
/// Presses in a row rarely vary independently: this share of the variance between people stays as noise.
const FLOOR: f64 = 0.15;

/// Names, in order.
pub const NAMES: [&str; HABITS] = [
    "hold time of letters",
    "hold time of the space bar",
    "hold time of shift and the like",
    "hold time of corrections",
    "pace within a hand",
    "pace between hands",
    "pace of repeated letters",
    "pause before a space",
    "pause after a space",
    "keys that overlap",
    "gap between letters",
    "long pauses",
    "corrections",
    "use of shift",
    "evenness of hold times",
    "evenness of pace",
    "very short holds",
    "long holds",
    "bursts",
    "slow steps",
];

/// Distribution of a habit over people.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Spread {
    /// Mean over people.
    pub mean: f32,
    /// Variance between people.
    pub between: f32,
    /// Variance of one press within a person.
    pub within: f32,
}

/// Count and sum of each habit.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Habits(pub [(f64, f64); HABITS]);

impl Default for Habits {
    fn default() -> Self {
        Self([(0.0, 0.0); HABITS])
    }
}

impl Habits {
    /// Sums over presses that follow each other.
    pub fn of(presses: &[Press]) -> Self {
        let mut habits = Self::default();
        let mut last: Option<&Press> = None;
        for press in presses {
            habits.one(press, last);
            last = Some(press);
        }
        habits
    }

    /// Adds those of another capture.
    pub fn add(&mut self, other: &Self) {
        for (own, other) in self.0.iter_mut().zip(&other.0) {
            own.0 += other.0;
            own.1 += other.1;
        }
    }

    fn put(&mut self, at: usize, value: f32) {
        if let Some(habit) = self.0.get_mut(at) {
            habit.0 += 1.0;
            habit.1 += f64::from(value);
        }
    }

    fn one(&mut self, press: &Press, last: Option<&Press>) {
        let is = |yes: bool| f32::from(u8::from(yes));
        let class = press.key.class();
        let letter = class == KeyClass::Letter;
        match class {
            KeyClass::Letter => self.put(0, press.hold),
            KeyClass::Space => self.put(1, press.hold),
            KeyClass::Modifier => self.put(2, press.hold),
            KeyClass::Edit => self.put(3, press.hold),
            _ => {}
        }
        self.put(12, is(class == KeyClass::Edit));
        self.put(13, is(press.key == Key::SHIFT || class == KeyClass::Modifier));
        if letter {
            let ms = press.hold.exp();
            self.put(16, is(ms < 72.0));
            self.put(17, is(ms > 120.0));
        }
        let Some(last) = last else { return };
        self.put(11, is(press.step_ms > 500.0));
        let last_letter = last.key.class() == KeyClass::Letter;
        if letter && last_letter {
            self.put(14, (press.hold - last.hold).abs());
        }
        if !press.flowing {
            return;
        }
        match (last_letter, letter) {
            (true, true) => self.letters(press, last),
            (true, false) if class == KeyClass::Space => self.put(7, press.step),
            (false, true) if last.key.class() == KeyClass::Space => self.put(8, press.step),
            _ => {}
        }
    }

    fn letters(&mut self, press: &Press, last: &Press) {
        let is = |yes: bool| f32::from(u8::from(yes));
        self.put(9, is(press.overlap));
        self.put(10, press.gap);
        self.put(18, is(press.step_ms < 96.0));
        self.put(19, is(press.step_ms > 256.0));
        if last.flowing {
            self.put(15, (press.step - last.step).abs());
        }
        let hand = |f: usize| f >= FINGERS / 2;
        match (finger(last.key), finger(press.key)) {
            (Some(_), Some(_)) if last.key == press.key => self.put(6, press.step),
            (Some(a), Some(b)) if hand(a) == hand(b) => self.put(4, press.step),
            (Some(_), Some(_)) => self.put(5, press.step),
            _ => {}
        }
    }
}

/// One habit of two sides.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Compared {
    /// Position in [`NAMES`].
    pub at: usize,
    /// Probe less profile, in standard deviations of what one person varies by.
    pub deviation: f64,
    /// Log-likelihood ratio of this habit alone, as if normal.
    pub llr: f64,
}

/// Compares two sides by the habits that both show.
pub fn compare<'a>(
    enrolled: &'a Habits,
    probe: &'a Habits,
    spreads: &'a [Spread],
) -> impl Iterator<Item = Compared> + 'a {
    let sides = enrolled.0.iter().zip(&probe.0).zip(spreads).enumerate();
    sides.filter_map(|(at, ((e, p), spread))| {
        if e.0 < 1.0 || p.0 < 1.0 {
            return None;
        }
        let (between, within) = (f64::from(spread.between), f64::from(spread.within));
        let noise = |count: f64| within / count + FLOOR * between;
        let (noise_e, noise_p) = (noise(e.0), noise(p.0));
        let (a, b) = (e.1 / e.0 - f64::from(spread.mean), p.1 / p.0 - f64::from(spread.mean));
        let (va, vb) = (between + noise_e, between + noise_p);
        let determinant = va * vb - between * between;
        let same = (vb * a * a - 2.0 * between * a * b + va * b * b) / determinant;
        let llr = 0.5 * ((va * vb / determinant).ln() + a * a / va + b * b / vb - same);
        let deviation = (b - a) / (noise_e + noise_p).sqrt();
        (llr.is_finite() && deviation.is_finite()).then_some(Compared { at, deviation, llr })
    })
}

/// Distribution of each habit, from the captures of each person. `None` for one that too few people show.
pub fn spreads(people: &[Vec<Habits>]) -> [Option<Spread>; HABITS] {
    std::array::from_fn(|at| {
        let mut means = Vec::new();
        let (mut squares, mut freedom, mut sampling) = (0.0, 0.0, 0.0);
        for captures in people {
            let own: Vec<_> = captures.iter().map(|h| h.0[at]).filter(|h| h.0 > 0.0).collect();
            let count: f64 = own.iter().map(|h| h.0).sum();
            if own.is_empty() || count < 5.0 {
                continue;
            }
            let mean = own.iter().map(|h| h.1).sum::<f64>() / count;
            squares += own.iter().map(|(n, s)| n * (s / n - mean).powi(2)).sum::<f64>();
            freedom += own.len() as f64 - 1.0;
            sampling += 1.0 / count;
            means.push(mean);
        }
        let people = means.len() as f64;
        if people < 10.0 || freedom < 10.0 {
            return None;
        }
        let within = (squares / freedom).max(1e-6);
        let mean = means.iter().sum::<f64>() / people;
        let spread = means.iter().map(|m| (m - mean).powi(2)).sum::<f64>() / (people - 1.0);
        let between = (spread - within * sampling / people).max(within * 1e-3);
        let [mean, between, within] = [mean, between, within].map(|x| x as f32);
        Some(Spread { mean, between, within })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::behavior::keystroke::free::press::tests::event;
    use crate::behavior::keystroke::free::press::{Sight, presses};

    fn typed(hold: f64) -> Habits {
        let events: Vec<_> = "see the sun "
            .repeat(5)
            .chars()
            .enumerate()
            .map(|(i, c)| event(&c.to_string(), i as f64 * 160.0, i as f64 * 160.0 + hold))
            .collect();
        Habits::of(&presses(&events, 16.0, Sight::Named))
    }

    fn unit() -> [Spread; HABITS] {
        [Spread { mean: 4.5, between: 0.05, within: 0.01 }; HABITS]
    }

    #[test]
    fn the_habit_that_differs_is_named() {
        let compared: Vec<_> = compare(&typed(80.0), &typed(144.0), &unit()).collect();
        let letters = compared.iter().find(|c| c.at == 0).unwrap();
        assert!(letters.deviation > 2.0 && letters.llr < -1.0, "{letters:?}");
        let same: Vec<_> = compare(&typed(80.0), &typed(80.0), &unit()).collect();
        assert!(same.iter().all(|c| c.deviation == 0.0 && c.llr > 0.0));
        // Nobody pressed shift or erased.
        assert!(compared.iter().all(|c| c.at != 2 && c.at != 3));
    }

    #[test]
    fn spreads_come_from_people() {
        let people: Vec<Vec<Habits>> =
            (0..30).map(|i| vec![typed(64.0 + 16.0 * f64::from(i % 5)); 3]).collect();
        let found = spreads(&people)[0].unwrap();
        assert!(found.between > 0.01 && found.within < 1e-3, "{found:?}");
        assert_eq!(spreads(&[])[0], None);
    }
}
