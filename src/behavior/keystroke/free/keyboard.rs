//! Where a key lies under the hands, and what kind of step leads from one key to the next.
//!
//! Fingers are those of touch typing on the QWERTY layout. People who type otherwise still repeat themselves by
//! place, which is all that the groups need.

use crate::behavior::key::{Key, KeyClass};

/// Fingers, thumbs left out.
pub const FINGERS: usize = 8;
/// Kinds of step by class of key, and by hand.
pub const STEPS: usize = 20;
/// Kinds of step that need no more than the class of keys; they come first.
pub const CLASS_STEPS: usize = 10;
/// Kinds of step out of a key, for its hold time.
pub const EXITS: usize = 9;

/// Slots of [`slot`]: every canonical key, then every class.
pub const SLOTS: usize = Key::COUNT + CLASSES.len();

const CLASSES: [KeyClass; 8] = [
    KeyClass::Letter,
    KeyClass::Digit,
    KeyClass::Punctuation,
    KeyClass::Space,
    KeyClass::Modifier,
    KeyClass::Edit,
    KeyClass::Enter,
    KeyClass::Other,
];

/// Finger of each letter from `a`: 0 little left to 3 index left, 4 index right to 7 little right.
const LETTER_FINGERS: [u8; 26] =
    [0, 3, 2, 2, 2, 3, 3, 4, 5, 4, 5, 6, 4, 4, 6, 7, 0, 3, 1, 3, 4, 3, 1, 1, 4, 0];

/// Number of a key in tables of the background, below [`SLOTS`].
pub fn slot(key: Key) -> u8 {
    let class = || CLASSES.iter().position(|c| *c == key.class()).unwrap_or(0) + Key::COUNT;
    key.known().unwrap_or_else(class) as u8
}

/// The same key as a client that hides content would send it.
pub fn hidden(key: Key) -> Key {
    match key.class() {
        KeyClass::Space => Key::SPACE,
        KeyClass::Enter => Key::ENTER,
        class => Key::of_class(class),
    }
}

/// The finger of a letter.
pub fn finger(key: Key) -> Option<usize> {
    LETTER_FINGERS.get(key.known()?).map(|f| usize::from(*f))
}

/// The kind of step from one key to the next by their classes, below [`CLASS_STEPS`].
pub fn class_step(from: Key, to: Key) -> usize {
    use KeyClass::{Edit, Letter, Modifier, Punctuation, Space};
    match (from.class(), to.class()) {
        (Letter, Letter) => 0,
        (Letter, Space) => 1,
        (Space, Letter) => 2,
        (Edit, Edit) => 3,
        (_, Edit) => 4,
        (Edit, _) => 5,
        (_, Modifier) => 6,
        (Modifier, _) => 7,
        (_, Punctuation) => 8,
        _ => 9,
    }
}

/// The kind of step by hand, from [`CLASS_STEPS`] to below [`STEPS`], between letters and the space bar.
pub fn hand_step(from: Key, to: Key) -> Option<usize> {
    let right = |finger: usize| usize::from(finger >= FINGERS / 2);
    let step = match (finger(from), finger(to)) {
        (Some(_), Some(_)) if from == to => 0,
        (Some(a), Some(b)) if a == b => 1,
        (Some(a), Some(b)) => 2 + 2 * right(a) + right(b),
        (None, Some(b)) if from == Key::SPACE => 6 + right(b),
        (Some(a), None) if to == Key::SPACE => 8 + right(a),
        _ => return None,
    };
    Some(CLASS_STEPS + step)
}

/// The kinds of step out of `from`, below [`EXITS`]: one by class, one by hand.
pub fn exits(from: Key, to: Key) -> [Option<usize>; 2] {
    use KeyClass::{Letter, Space};
    let by_class = match (from.class(), to.class()) {
        (Letter, Letter) => Some(0),
        (Letter, Space) => Some(1),
        (Space, _) => Some(2),
        _ => None,
    };
    let right = |finger: usize| usize::from(finger >= FINGERS / 2);
    let by_hand = match (finger(from), finger(to)) {
        (Some(a), Some(b)) => Some(3 + 2 * right(a) + right(b)),
        (Some(a), None) if to == Key::SPACE => Some(7 + right(a)),
        _ => None,
    };
    [by_class, by_hand]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fingers_follow_the_rows() {
        for (finger_of, keys) in
            ["qaz", "wsx", "edc", "rfvtgb", "yhnujm", "ik", "ol", "p"].into_iter().enumerate()
        {
            for c in keys.chars() {
                assert_eq!(finger(Key::of_char(c)), Some(finger_of), "{c}");
            }
        }
        assert_eq!(finger(Key::SPACE), None);
        assert_eq!(finger(Key::parse("letter")), None);
    }

    #[test]
    fn steps_stay_in_range_and_hidden_keys_have_no_hand() {
        let keys: Vec<Key> =
            ["a", "s", "p", " ", "Shift", "Backspace", ".", "5", "Enter", "letter", "h:3", "F1"]
                .map(Key::parse)
                .to_vec();
        for from in &keys {
            assert!(usize::from(slot(*from)) < SLOTS);
            for to in &keys {
                assert!(class_step(*from, *to) < CLASS_STEPS);
                let hand = hand_step(*from, *to);
                assert!(hand.is_none_or(|s| (CLASS_STEPS..STEPS).contains(&s)));
                assert!(exits(*from, *to).into_iter().flatten().all(|e| e < EXITS));
                assert_eq!(hand_step(hidden(*from), hidden(*to)), None);
                assert_eq!(class_step(hidden(*from), hidden(*to)), class_step(*from, *to));
            }
        }
    }
}
