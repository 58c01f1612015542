//! Paste and autofill: text that arrives without keys, or keys in no time.
//!
//! Keys at once: none in 12,400 typed passwords (31 people, cmu_dsl) and 14,820 sentences (988 people, Aalto). How often
//! people paste by habit is not known from these sets.

use crate::behavior::event::KeyEvent;
use crate::behavior::finding::{Cue, Finding, FindingReason};
use crate::behavior::key::{Key, KeyClass};
use crate::behavior::{Capture, Device, Events};

/// Keys that go down within this, ms, went down together.
const TOGETHER_MS: f64 = 2.0;
/// So many keys together are no chord of a hand.
const MIN_TOGETHER: usize = 5;
/// Keys that type characters, as a share of the characters of the text, below which something else brought the text.
const TYPED_SHARE: f64 = 0.6;
/// Shortest text that is judged by its length.
const MIN_CHARACTERS: u32 = 4;

pub(super) fn find(capture: &Capture, characters: Option<u32>) -> Finding {
    let cue = Cue::Paste;
    let Events::Keystroke(keys) = &capture.events else {
        return Finding::unknown(cue, FindingReason::NotApplicable);
    };
    if pastes(keys) {
        return Finding::detected(cue, FindingReason::PasteShortcut, String::new());
    }
    let most = together(keys);
    if most >= MIN_TOGETHER {
        let detail = format!("{most} keys within {TOGETHER_MS} ms");
        return Finding::detected(cue, FindingReason::KeysAtOnce, detail);
    }
    let Some(characters) = characters.filter(|c| *c >= MIN_CHARACTERS) else {
        return Finding::clear(cue);
    };
    let types = |k: &&KeyEvent| {
        !matches!(k.key.class(), KeyClass::Modifier | KeyClass::Edit | KeyClass::Enter)
    };
    let typed = keys.iter().filter(types).count();
    if typed as f64 >= TYPED_SHARE * f64::from(characters) {
        return Finding::clear(cue);
    }
    if capture.device != Device::Desktop {
        return Finding::unknown(cue, FindingReason::KeyboardCompletes);
    }
    let detail = format!("{typed} keys for {characters} characters");
    Finding::detected(cue, FindingReason::TextWithoutKeys, detail)
}

/// Whether V goes down while control or the command key is down. Clients that send classes or hashes do not show it.
fn pastes(keys: &[KeyEvent]) -> bool {
    let (control, command) = (Key::parse("control"), Key::parse("meta"));
    let paste = Key::parse("v");
    keys.iter().enumerate().any(|(i, key)| {
        key.key == paste
            && keys.iter().take(i).rev().take(8).any(|held| {
                (held.key == control || held.key == command) && held.up_ms > key.down_ms
            })
    })
}

/// Most keys that go down within [`TOGETHER_MS`].
fn together(keys: &[KeyEvent]) -> usize {
    let mut from = 0;
    let mut most = 0;
    for (i, key) in keys.iter().enumerate() {
        while keys.get(from).is_some_and(|first| key.down_ms - first.down_ms > TOGETHER_MS) {
            from += 1;
        }
        most = most.max(i + 1 - from);
    }
    most
}
