//! The statistics of a block of presses: counts and sums over groups of keys and steps.
//!
//! Groups are keys and pairs that are frequent, fingers, kinds of step, places in a word, and shares of a
//! distribution. Free text is compared by statistics since Gunetti and Picardi (ACM TISSEC 2005); residuals
//! against people's means make them independent of what was typed.

use crate::behavior::key::{Key, KeyClass};
use crate::behavior::keystroke::free::keyboard::{
    EXITS, FINGERS, STEPS, class_step, exits, finger, hand_step, slot,
};
use crate::behavior::keystroke::free::norms::{Norms, Residual};
use crate::behavior::keystroke::free::press::Press;

/// Most keys with a statistic of their own.
pub const KEYS: usize = 28;
/// Most pairs with a statistic of their own.
pub const DIGRAPHS: usize = 60;
/// Bins of each residual.
const BINS: usize = 10;
/// Values of a kind of step: hold, step, gap, overlap, hold before, |step|, |hold|.
const STEP_VALUES: usize = 7;
/// Values of a finger: hold, |hold|, then step, gap, overlap, |step| onto it, then step, gap from it.
const FINGER_VALUES: usize = 8;
/// Edges of hold times of letters, ms.
const HOLD_EDGES: [f32; 11] =
    [40.0, 55.0, 65.0, 75.0, 85.0, 95.0, 105.0, 115.0, 130.0, 150.0, 180.0];
/// Edges of hold times of the space bar, ms.
const SPACE_EDGES: [f32; 6] = [50.0, 70.0, 85.0, 100.0, 120.0, 150.0];
/// Edges of steps between letters, ms.
const STEP_EDGES: [f32; 10] = [50.0, 80.0, 105.0, 130.0, 155.0, 185.0, 220.0, 270.0, 350.0, 500.0];
/// Edges of residuals, in natural log units (of the gap: in units of 60 ms).
const RESIDUAL_EDGES: [[f32; BINS - 1]; 3] = [
    [-0.45, -0.3, -0.19, -0.1, -0.01, 0.07, 0.16, 0.27, 0.42],
    [-0.55, -0.38, -0.27, -0.17, -0.07, 0.04, 0.17, 0.34, 0.6],
    [-1.0, -0.7, -0.48, -0.28, -0.08, 0.13, 0.37, 0.66, 1.05],
];
/// Edges of residuals around the space bar.
const AROUND_EDGES: [f32; 5] = [-0.35, -0.18, -0.04, 0.13, 0.36];
/// Steps longer than these are pauses, ms.
const PAUSES_MS: [f32; 4] = [300.0, 500.0, 800.0, 1_500.0];
/// Kinds of key whose share is counted.
const HABITS: usize = 5;
/// Places in a word; the last is every later one.
const PLACES: usize = 5;

const AT_DIGRAPH: usize = KEYS;
const AT_STEP: usize = AT_DIGRAPH + 2 * DIGRAPHS;
const AT_FINGER: usize = AT_STEP + STEP_VALUES * STEPS;
const AT_EXIT: usize = AT_FINGER + FINGER_VALUES * FINGERS;
const AT_RESIDUAL: usize = AT_EXIT + EXITS;
const AT_HOLD: usize = AT_RESIDUAL + 3 * (BINS + 1);
const AT_SPACE: usize = AT_HOLD + HOLD_EDGES.len() + 1;
const AT_LETTERS: usize = AT_SPACE + SPACE_EDGES.len() + 1;
const AT_AROUND: usize = AT_LETTERS + STEP_EDGES.len() + 1;
const AT_ALL: usize = AT_AROUND + 3 * (AROUND_EDGES.len() + 1);
const AT_HABIT: usize = AT_ALL + 6;
const AT_PAUSE: usize = AT_HABIT + HABITS;
const AT_PLACE: usize = AT_PAUSE + 2 * PAUSES_MS.len();
/// How many statistics there are.
pub const STATISTICS: usize = AT_PLACE + PLACES;

/// Counts and sums of each statistic over a block.
#[derive(Debug, Clone, PartialEq)]
pub struct Sums {
    /// How many values.
    pub count: Vec<f32>,
    /// Their sum.
    pub sum: Vec<f32>,
    /// How many presses.
    pub keys: usize,
}

impl Sums {
    /// Sums up presses that follow each other.
    pub fn of(presses: &[Press], norms: &Norms) -> Self {
        let (count, sum) = (vec![0.0; STATISTICS], vec![0.0; STATISTICS]);
        let mut sums = Self { count, sum, keys: presses.len() };
        let mut before: Option<Residual> = None;
        for press in presses {
            let own = norms.residual(press);
            sums.by_key(press, &own, norms);
            sums.by_finger(press, &own);
            sums.shares(press, &own);
            sums.habits(press);
            if let (Some(from), true) = (press.before, press.flowing) {
                // The first of a block has a key before it, but what that was like is not at hand.
                let before = before.unwrap_or_default();
                sums.by_step(from, press, &own, &before);
                sums.add(AT_ALL + 2, own.hold * own.step);
                sums.add(AT_ALL + 3, own.hold * before.hold);
                sums.add(AT_ALL + 4, own.step * before.step);
                sums.add(AT_ALL + 5, before.hold * own.step);
            }
            before = Some(own);
        }
        sums
    }

    fn add(&mut self, at: usize, value: f32) {
        if let (Some(count), Some(sum)) = (self.count.get_mut(at), self.sum.get_mut(at)) {
            *count += 1.0;
            *sum += value;
        }
    }

    /// Counts into the bin of `value`: a share of each bin.
    fn bin(&mut self, at: usize, edges: &[f32], value: f32) {
        let bin = edges.iter().take_while(|edge| value > **edge).count();
        for i in 0..=edges.len() {
            self.add(at + i, f32::from(u8::from(i == bin)));
        }
    }

    fn by_key(&mut self, press: &Press, own: &Residual, norms: &Norms) {
        let to = slot(press.key);
        if let Some(at) = norms.keys.iter().position(|k| *k == to) {
            self.add(at, own.hold);
        }
        if let (Some(before), true) = (press.before, press.flowing) {
            let pair = (slot(before), to);
            if let Some(at) = norms.digraphs.iter().position(|d| *d == pair) {
                self.add(AT_DIGRAPH + at, own.step);
                self.add(AT_DIGRAPH + DIGRAPHS + at, own.gap);
            }
        }
        let exits = press.after.map_or([None; 2], |after| exits(press.key, after));
        for at in exits.into_iter().flatten() {
            self.add(AT_EXIT + at, own.hold);
        }
    }

    fn by_step(&mut self, from: Key, press: &Press, own: &Residual, before: &Residual) {
        let kinds = [Some(class_step(from, press.key)), hand_step(from, press.key)];
        let values =
            [own.hold, own.step, own.gap, own.overlap, before.hold, own.step.abs(), own.hold.abs()];
        for kind in kinds.into_iter().flatten() {
            for (i, value) in values.into_iter().enumerate() {
                self.add(AT_STEP + kind * STEP_VALUES + i, value);
            }
        }
    }

    fn by_finger(&mut self, press: &Press, own: &Residual) {
        if let Some(to) = finger(press.key) {
            let at = AT_FINGER + to * FINGER_VALUES;
            self.add(at, own.hold);
            self.add(at + 1, own.hold.abs());
            if press.flowing {
                self.add(at + 2, own.step);
                self.add(at + 3, own.gap);
                self.add(at + 4, own.overlap);
                self.add(at + 5, own.step.abs());
            }
        }
        if let (Some(from), true) = (press.before.and_then(finger), press.flowing) {
            let at = AT_FINGER + from * FINGER_VALUES;
            self.add(at + 6, own.step);
            self.add(at + 7, own.gap);
        }
    }

    fn shares(&mut self, press: &Press, own: &Residual) {
        let class = press.key.class();
        let (letter, space) = (class == KeyClass::Letter, class == KeyClass::Space);
        let after_letter = press.before.is_some_and(|b| b.class() == KeyClass::Letter);
        let after_space = press.before.is_some_and(|b| b.class() == KeyClass::Space);
        if letter || space {
            for (i, value) in [own.hold, own.step, own.gap].into_iter().enumerate() {
                if i == 0 || press.flowing {
                    let at = AT_RESIDUAL + i * (BINS + 1);
                    self.bin(at, &RESIDUAL_EDGES[i], value);
                    self.add(at + BINS, value.abs());
                }
            }
        }
        let around = |i: usize| AT_AROUND + i * (AROUND_EDGES.len() + 1);
        if letter {
            self.bin(AT_HOLD, &HOLD_EDGES, press.hold.exp());
            if press.flowing && after_letter {
                self.bin(AT_LETTERS, &STEP_EDGES, press.step_ms);
                let place = usize::from(press.in_word.saturating_sub(2)).min(PLACES - 1);
                self.add(AT_PLACE + place, own.step);
            }
        }
        if space {
            self.bin(AT_SPACE, &SPACE_EDGES, press.hold.exp());
            self.bin(around(0), &AROUND_EDGES, own.hold);
            if press.flowing {
                self.bin(around(1), &AROUND_EDGES, own.step);
            }
        }
        if press.flowing && after_space {
            self.bin(around(2), &AROUND_EDGES, own.step);
        }
        self.add(AT_ALL, own.hold);
        if press.flowing {
            self.add(AT_ALL + 1, own.step);
        }
    }

    fn habits(&mut self, press: &Press) {
        let class = press.key.class();
        let kinds: [bool; HABITS] = [
            class == KeyClass::Edit,
            press.key == Key::SHIFT,
            class == KeyClass::Modifier,
            class == KeyClass::Other,
            class == KeyClass::Enter,
        ];
        for (i, is) in kinds.into_iter().enumerate() {
            self.add(AT_HABIT + i, f32::from(u8::from(is)));
        }
        if press.before.is_none() {
            return;
        }
        let after_space = press.before.is_some_and(|b| b.class() == KeyClass::Space);
        for (i, longest) in PAUSES_MS.into_iter().enumerate() {
            let pause = f32::from(u8::from(press.step_ms > longest));
            self.add(AT_PAUSE + i, pause);
            if after_space {
                self.add(AT_PAUSE + PAUSES_MS.len() + i, pause);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::behavior::keystroke::free::press::tests::event;
    use crate::behavior::keystroke::free::press::{Sight, presses};

    fn typed(sight: Sight) -> Vec<Press> {
        let text = "the men Xet on.";
        let events: Vec<_> = text
            .repeat(6)
            .chars()
            .enumerate()
            .map(|(i, c)| event(&c.to_string(), i as f64 * 144.0, i as f64 * 144.0 + 80.0))
            .collect();
        presses(&events, 16.0, sight)
    }

    #[test]
    fn every_share_adds_up_to_its_count() {
        let made = typed(Sight::Named);
        let sums = Sums::of(&made, &Norms::fit(made.iter(), KEYS, DIGRAPHS));
        for (at, bins) in [
            (AT_RESIDUAL, BINS),
            (AT_HOLD, HOLD_EDGES.len() + 1),
            (AT_SPACE, SPACE_EDGES.len() + 1),
            (AT_LETTERS, STEP_EDGES.len() + 1),
            (AT_AROUND, AROUND_EDGES.len() + 1),
        ] {
            let total: f32 = sums.sum[at..at + bins].iter().sum();
            assert!(total > 0.0 && (total - sums.count[at]).abs() < 1e-4, "{at}");
        }
        assert_eq!(sums.keys, made.len());
        assert!(sums.sum.iter().all(|x| x.is_finite()));
    }

    #[test]
    fn hidden_keys_leave_the_groups_of_keys_and_hands_empty() {
        let made = typed(Sight::Classes);
        let norms = Norms::fit(typed(Sight::Named).iter(), KEYS, DIGRAPHS);
        let sums = Sums::of(&made, &norms);
        let letters = norms.keys.iter().position(|k| *k == slot(Key::parse("e"))).unwrap();
        assert_eq!(sums.count[letters], 0.0);
        assert!(sums.count[AT_FINGER..AT_EXIT].iter().all(|n| *n == 0.0));
        assert!(sums.count[AT_ALL] == made.len() as f32);
    }

    #[test]
    fn nothing_gives_nothing() {
        let made = typed(Sight::Named);
        let sums = Sums::of(&[], &Norms::fit(made.iter(), KEYS, DIGRAPHS));
        assert!(sums.count.iter().all(|n| *n == 0.0));
    }
}
