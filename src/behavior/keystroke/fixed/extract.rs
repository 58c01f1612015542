//! From a capture to the features of one typing.

use crate::behavior::event::KeyEvent;
use crate::behavior::key::KeyClass;
use crate::behavior::keystroke::fixed::background::Background;
use crate::behavior::keystroke::fixed::keys::typed;
use crate::behavior::keystroke::fixed::layout::{LEAST_KEYS, Layout, MOST_KEYS};
use crate::behavior::{BehaviorError, Capture, Events, Sample, SampleKind, motion};

/// Longest hold and step that are told apart, ms.
const LONGEST_MS: f64 = 10_000.0;

/// Makes the features of one typing of a fixed text.
///
/// Times are put on a grid of a millisecond, so that a finer clock is no clue. Where `background` knows the text (by its
/// keys; `text_id` only decides between texts that fit equally well), the sample names it.
///
/// # Errors
/// Other events than keys, corrections within the text, fewer than [`LEAST_KEYS`] keys or more than [`MOST_KEYS`].
pub fn extract(
    capture: &Capture,
    background: Option<&Background>,
) -> Result<Sample, BehaviorError> {
    made(capture, background, Places::OfPublicTexts)
}

/// The same of a text that a background is being fitted on, which makes it public: the places of its keys are kept.
///
/// # Errors
/// As [`extract`].
pub(super) fn extract_to_fit(capture: &Capture) -> Result<Sample, BehaviorError> {
    made(capture, None, Places::All)
}

/// Whether a sample says where on the screen its keys lie. In the order of typing places are the text, to whoever knows the
/// keyboard.
#[derive(PartialEq)]
enum Places {
    /// If a background knows the text.
    OfPublicTexts,
    All,
}

fn made(
    capture: &Capture,
    background: Option<&Background>,
    places: Places,
) -> Result<Sample, BehaviorError> {
    let Events::Keystroke(events) = &capture.events else {
        let (enrolled, got) = ("keystroke".to_owned(), capture.events.kind().as_str().to_owned());
        return Err(BehaviorError::Mismatch { what: "kinds of events", enrolled, got });
    };
    let mut keys = typed(events, capture.device);
    let corrections = keys.iter().filter(|e| e.key.class() == KeyClass::Edit).count();
    if corrections > 0 {
        return Err(BehaviorError::Mismatch {
            what: "typings of a fixed text with and without corrections",
            enrolled: "0 corrections".to_owned(),
            got: format!("{corrections}"),
        });
    }
    let text = background.and_then(|known| {
        let id = capture.text_id.as_deref();
        known.recognize(capture.device, &keys, id).or_else(|| {
            // Some clients send the key that submits the text, some do not.
            let (last, before) = keys.split_last()?;
            let submits = last.key.class() == KeyClass::Enter;
            submits.then(|| known.recognize(capture.device, before, id)).flatten()
        })
    });
    if let Some(text) = text {
        keys.truncate(text.layout.keys);
    }
    let (what, got) = ("a fixed text", keys.len());
    if got < LEAST_KEYS {
        return Err(BehaviorError::TooFew { what: "a fixed text: keys", needed: LEAST_KEYS, got });
    }
    if got > MOST_KEYS {
        return Err(BehaviorError::TooMuch { what, unit: "keys", limit: MOST_KEYS, got });
    }
    let layout = Layout {
        keys: got,
        pressure: keys.iter().all(|k| k.pressure.is_some()),
        size: keys.iter().all(|k| k.size.is_some()),
        place: (text.is_some() || places == Places::All)
            && keys.iter().all(|k| k.x.is_some() && k.y.is_some()),
    };
    Ok(Sample {
        kind: SampleKind::FixedText,
        device: capture.device,
        text: text.map(|t| t.id.clone()),
        dim: layout.row_len(),
        rows: row(&keys, &layout),
        units: got as u32,
        held: motion::held(capture),
    })
}

fn row(keys: &[KeyEvent], layout: &Layout) -> Vec<f32> {
    let on_grid = |ms: f64| ms.round().clamp(0.0, LONGEST_MS) as f32;
    let mut row = Vec::with_capacity(layout.row_len());
    row.push(layout.flags());
    row.extend(keys.iter().map(|k| on_grid(k.up_ms - k.down_ms)));
    row.extend(keys.windows(2).map(|pair| match pair {
        [a, b] => on_grid(b.down_ms - a.down_ms),
        _ => 0.0,
    }));
    type Value = fn(&KeyEvent) -> Option<f32>;
    let groups: [(bool, Value); 4] = [
        (layout.pressure, |k| k.pressure),
        (layout.size, |k| k.size),
        (layout.place, |k| k.x),
        (layout.place, |k| k.y),
    ];
    for (_, value) in groups.into_iter().filter(|(has, _)| *has) {
        row.extend(keys.iter().map(|k| value(k).unwrap_or_default()));
    }
    row
}
