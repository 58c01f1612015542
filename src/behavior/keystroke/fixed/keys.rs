//! Which text of a background a capture is a typing of, by its keys.

use crate::behavior::event::{Device, KeyEvent};
use crate::behavior::key::{Key, KeyClass};

/// The keys of a text that a background knows. These are texts that many people type, never one person's secret.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct KeySequence {
    /// Index of each canonical key, as [`Key::known`] counts; −1 for a key of which only the class is known.
    pub known: Vec<i16>,
    /// Class of each key, see [`class_code`].
    pub classes: Vec<u8>,
}

impl KeySequence {
    /// From events, as [`typed`] leaves them.
    pub fn of(events: &[KeyEvent]) -> Self {
        let known = |key: Key| key.known().map_or(-1, |i| i as i16);
        Self {
            known: events.iter().map(|e| known(e.key)).collect(),
            classes: events.iter().map(|e| class_code(e.key.class())).collect(),
        }
    }

    /// Whether the events may be a typing of this text: as many keys, known keys the same, hidden ones of the same class.
    /// Where all keys are hashed their number alone is compared, and then `named`, whether the client names the text so,
    /// must be true.
    pub fn fits(&self, events: &[KeyEvent], named: bool) -> bool {
        if events.len() != self.known.len() || self.known.len() != self.classes.len() {
            return false;
        }
        let hidden = |e: &KeyEvent| e.key.is_hidden() && e.key.class() == KeyClass::Other;
        if events.iter().all(hidden) {
            return named;
        }
        let mut pairs = events.iter().zip(self.known.iter().zip(&self.classes));
        pairs.all(|(e, (known, class))| match e.key.known() {
            Some(key) if *known >= 0 => key as i16 == *known,
            _ => switch(class_code(e.key.class())) == switch(*class),
        })
    }
}

/// Code of a class in files.
pub fn class_code(class: KeyClass) -> u8 {
    match class {
        KeyClass::Letter => 0,
        KeyClass::Digit => 1,
        KeyClass::Punctuation => 2,
        KeyClass::Space => 3,
        KeyClass::Modifier => 4,
        KeyClass::Edit => 5,
        KeyClass::Enter => 6,
        KeyClass::Other => 7,
    }
}

/// Touch keyboards name their switches as modifiers or not at all.
fn switch(class: u8) -> u8 {
    if class == class_code(KeyClass::Modifier) { class_code(KeyClass::Other) } else { class }
}

/// The keys that count as the text: without corrections before its first key and, on a keyboard where modifiers are
/// held beside other keys, without modifiers.
pub fn typed(events: &[KeyEvent], device: Device) -> Vec<KeyEvent> {
    let modifiers_count = device != Device::Desktop;
    let mut kept: Vec<KeyEvent> = events
        .iter()
        .filter(|e| modifiers_count || e.key.class() != KeyClass::Modifier)
        .skip_while(|e| e.key.class() == KeyClass::Edit)
        .copied()
        .collect();
    // Down times are in order already; this only makes the rule visible to whoever changes the parser.
    kept.sort_by(|a, b| a.down_ms.total_cmp(&b.down_ms));
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    pub fn events(names: &[&str]) -> Vec<KeyEvent> {
        let event = |(i, name): (usize, &&str)| KeyEvent {
            key: Key::parse(name),
            down_ms: 100.0 * i as f64,
            up_ms: 100.0 * i as f64 + 80.0,
            pressure: None,
            size: None,
            x: None,
            y: None,
        };
        names.iter().enumerate().map(event).collect()
    }

    #[test]
    fn a_text_is_recognized_under_other_names_and_by_classes() {
        let text = KeySequence::of(&events(&[".", "t", "5", "Shift.r", "Return"]));
        assert!(text.fits(&events(&["period", "KeyT", "Digit5", "R", "Enter"]), false));
        assert!(text.fits(&events(&["punctuation", "letter", "digit", "letter", "enter"]), false));
        assert!(!text.fits(&events(&["period", "KeyT", "Digit5", "e", "Enter"]), true));
        assert!(!text.fits(&events(&["letter", "letter", "digit", "letter", "enter"]), true));
        assert!(!text.fits(&events(&[".", "t", "5", "r"]), true));
        let hashed = events(&["h:1", "h:2", "h:3", "h:4", "h:5"]);
        assert!(text.fits(&hashed, true) && !text.fits(&hashed, false));
    }

    #[test]
    fn modifiers_of_a_keyboard_and_corrections_before_the_text_do_not_count() {
        let keys = events(&["Backspace", "Shift", "a", "b"]);
        assert_eq!(typed(&keys, Device::Desktop).len(), 2);
        assert_eq!(typed(&keys, Device::Tablet).len(), 3);
        let switches = KeySequence::of(&events(&["a", "Shift↑", "b"]));
        assert!(switches.fits(&events(&["a", "ShiftLeft", "b"]), false));
    }
}
