//! Key presses as free text sees them: each with its timing relative to the one before.
//!
//! All times are first put on one coarse grid. Keyboards and browsers report in steps of 1, 8, 10 or 16 ms; at
//! full resolution a model would tell apart clocks and take them for people.

use crate::behavior::event::KeyEvent;
use crate::behavior::key::{Key, KeyClass};
use crate::behavior::keystroke::free::keyboard::hidden;

/// Grid of times, ms: as coarse as the coarsest common clock.
pub const RESOLUTION_MS: f64 = 16.0;
/// A step this long or longer is a pause; its length says little about the hand, ms.
const PAUSE_MS: f64 = 1_500.0;
/// Longest hold that is looked at, ms: a key held down repeats.
const MAX_HOLD_MS: f64 = 1_000.0;
/// Scale of the gap between two keys, ms: linear below, logarithmic above.
const GAP_MS: f64 = 60.0;

/// One press.
#[derive(Debug, Clone, Copy)]
pub struct Press {
    /// Which key.
    pub key: Key,
    /// The key before, unless it is the first.
    pub before: Option<Key>,
    /// The key after, unless it is the last.
    pub after: Option<Key>,
    /// ln of the hold time, ms.
    pub hold: f32,
    /// Time since the key before went down, ms; 0 for the first.
    pub step_ms: f32,
    /// ln of the same.
    pub step: f32,
    /// asinh of the time since the key before came up, in units of 60 ms; below zero they overlap.
    pub gap: f32,
    /// Whether they overlap.
    pub overlap: bool,
    /// Whether the step is one of flowing typing: there is a key before, and no pause.
    pub flowing: bool,
    /// Letters since the last space, edit or start, this one included.
    pub in_word: u8,
}

/// How much of the keys is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Sight {
    /// Which key it is.
    Named,
    /// Its class, as a content-hiding client sends it.
    Classes,
    /// Nothing, as with hashed codes: every key counts as a letter.
    Timing,
}

impl Sight {
    fn of(self, key: Key) -> Key {
        match self {
            Self::Named if !key.is_hashed() => key,
            Self::Classes if !key.is_hashed() => hidden(key),
            _ => Key::of_class(KeyClass::Letter),
        }
    }
}

/// Makes presses of events, in their order, on a grid of `resolution_ms`.
pub fn presses(events: &[KeyEvent], resolution_ms: f64, sight: Sight) -> Vec<Press> {
    let start = events.first().map_or(0.0, |e| e.down_ms);
    let least = resolution_ms / 2.0;
    let grid = |t: f64| ((t - start) / resolution_ms).floor() * resolution_ms;
    let key = |e: &KeyEvent| sight.of(e.key);
    let mut made: Vec<Press> = Vec::with_capacity(events.len());
    let mut earlier: Option<(f64, f64)> = None;
    let mut in_word = 0u8;
    for (i, event) in events.iter().enumerate() {
        let down = grid(event.down_ms);
        let up = grid(event.up_ms.min(event.down_ms + MAX_HOLD_MS));
        let before = i.checked_sub(1).and_then(|i| events.get(i)).map(key);
        let (step_ms, gap_ms) = earlier
            .map_or((0.0, 0.0), |(down_before, up_before)| (down - down_before, down - up_before));
        let now = key(event);
        in_word = if now.class() == KeyClass::Letter { in_word.saturating_add(1) } else { 0 };
        made.push(Press {
            key: now,
            before,
            after: events.get(i + 1).map(key),
            hold: (up - down).max(least).ln() as f32,
            step_ms: step_ms as f32,
            step: step_ms.max(least).ln() as f32,
            gap: (gap_ms / GAP_MS).asinh() as f32,
            overlap: before.is_some() && gap_ms < 0.0,
            flowing: before.is_some() && step_ms < PAUSE_MS,
            in_word,
        });
        earlier = Some((down, up));
    }
    made
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn event(key: &str, down_ms: f64, up_ms: f64) -> KeyEvent {
        let (pressure, size, x, y) = (None, None, None, None);
        KeyEvent { key: Key::parse(key), down_ms, up_ms, pressure, size, x, y }
    }

    #[test]
    fn times_are_relative_and_on_the_grid() {
        let at = 1e12;
        let made = presses(
            &[
                event("a", at, at + 100.0),
                event("b", at + 70.0, at + 150.0),
                event(" ", at + 4_000.0, at + 4_064.0),
            ],
            16.0,
            Sight::Named,
        );
        // 100 → 96, 70 → 64, 150 → 144.
        assert!((made[0].hold - 96f32.ln()).abs() < 1e-6 && made[0].before.is_none());
        assert_eq!((made[1].step_ms, made[1].overlap, made[1].flowing), (64.0, true, true));
        assert!((made[1].gap - (-32f32 / 60.0).asinh()).abs() < 1e-6);
        assert!(!made[2].flowing && !made[2].overlap && made[2].in_word == 0);
        assert_eq!((made[0].in_word, made[1].in_word), (1, 2));
    }

    #[test]
    fn clocks_finer_than_the_grid_make_no_difference() {
        let coarse: Vec<_> = (0..20)
            .map(|i| event("a", f64::from(i) * 160.0, f64::from(i) * 160.0 + 96.0))
            .collect();
        let fine: Vec<_> =
            coarse.iter().map(|e| event("a", e.down_ms + 3.3, e.up_ms + 4.9)).collect();
        for (a, b) in
            presses(&coarse, 16.0, Sight::Named).iter().zip(presses(&fine, 16.0, Sight::Named))
        {
            assert_eq!((a.hold, a.step, a.gap), (b.hold, b.step, b.gap));
        }
    }

    #[test]
    fn hidden_keys_and_odd_times_do_no_harm() {
        let made = presses(&[event("a", 0.0, 0.0), event("b", 0.0, 1e9)], 16.0, Sight::Classes);
        assert!(made.iter().all(|p| p.key.is_hidden() && p.hold.is_finite() && p.step.is_finite()));
        assert!(presses(&[], 16.0, Sight::Named).is_empty());
    }
}
