//! Which pieces of audio a back-end is fitted on.

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::usecase::embed_file::{Channel, Item};
use crate::usecase::evaluate::phone;
use crate::usecase::speech_set::Recording;

/// Longest piece, in milliseconds.
pub const LONG_MS: u32 = 12_000;

/// Durations of the short piece, in milliseconds, drawn evenly on a logarithmic scale.
const SHORT_MS: [f64; 2] = [1_000.0, 5_000.0];

/// A short piece is taken only when it is at most this share of the recording.
const SHORT_SHARE: f64 = 0.8;

/// Pieces of a recording, each as it is and over the simulated telephone: its first 12 s, and a
/// random 1 to 5 s where it is longer than those.
pub fn pieces(recording: &Recording, seed: u64) -> Vec<Item> {
    let total_ms = recording.seconds * 1_000.0;
    let long = Item {
        length_ms: (total_ms > f64::from(LONG_MS)).then_some(LONG_MS),
        ..Item::whole(recording.file.as_str())
    };
    let mut rng = ChaCha8Rng::seed_from_u64(phone::seed_for(&recording.file, seed));
    let [least, most] = SHORT_MS.map(f64::ln);
    let length = (least + rng.random::<f64>() * (most - least)).exp();
    let mut items = vec![long];
    if length < SHORT_SHARE * total_ms {
        items.push(Item {
            from_ms: (rng.random::<f64>() * (total_ms - length)) as u32,
            length_ms: Some(length as u32),
            ..Item::whole(recording.file.as_str())
        });
    }
    let calls: Vec<Item> = items.iter().map(|i| i.under(Channel::Journey)).collect();
    items.extend(calls);
    items
}

/// Whether an item is the long piece of its recording.
pub fn is_long(item: &Item) -> bool {
    item.from_ms == 0 && item.length_ms.is_none_or(|ms| ms >= LONG_MS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_repeat_and_stay_within_the_recording() {
        for seconds in [0.5, 2.0, 9.0, 40.0] {
            let recording = Recording {
                corpus: "c".into(),
                speaker: "s".into(),
                file: format!("{seconds}.wav"),
                seconds,
                gender: String::new(),
                age: String::new(),
                session: String::new(),
            };
            let items = pieces(&recording, 3);
            assert_eq!(items, pieces(&recording, 3));
            assert!(items.len() == 2 || items.len() == 4);
            assert_eq!(items.iter().filter(|i| is_long(i)).count(), 2);
            for item in &items {
                let end = item.from_ms + item.length_ms.unwrap_or(0);
                assert!(f64::from(end) <= seconds * 1_000.0);
            }
        }
    }
}
