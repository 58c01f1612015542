//! The simulated telephone calls of evaluations and fits, by file: deterministic for a seed.

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::audio::line::{LINE_RATE_HZ, Line};
use crate::audio::room::Room;
use crate::usecase::embed_file::{EmbedError, Samples};
use crate::usecase::speech_set::fnv1a_64_from;

/// Lines to fit on: from noisy to quiet, from the narrowest band to what digital lines carry. A back-end
/// fitted on the protocol's line alone takes the quiet of a real call for a property of its caller.
const FIT_LOW_HZ: [f64; 2] = [80.0, 300.0];
const FIT_HIGH_HZ: [f64; 2] = [3_200.0, 3_800.0];
const FIT_SNR_DB: [f64; 2] = [10.0, 45.0];
const FIT_LEVEL_DB: [f64; 2] = [-32.0, -14.0];

/// Rooms to fit on, and the share of calls from one: from a headset at a desk to hands-free in a hall.
const FIT_T60_S: [f64; 2] = [0.15, 0.8];
const FIT_DIRECT_DB: [f64; 2] = [-2.0, 12.0];
const ROOM_SHARE: f64 = 0.4;

/// A seed for a file: the same file under the same run seed always gets the same noise (FNV-1a).
pub fn seed_for(file: &str, run_seed: u64) -> u64 {
    fnv1a_64_from(0xcbf2_9ce4_8422_2325 ^ run_seed, file.as_bytes())
}

/// Sends speech through the simulated call of the evaluation protocol, [`Line::NOISY`].
///
/// # Errors
/// A sample rate that is not 8 or 16 kHz.
pub fn call(speech: &Samples, seed: u64) -> Result<Samples, EmbedError> {
    through(Line::NOISY, speech, seed)
}

/// Sends speech through a room, sometimes, and a line, drawn from those a back-end is fitted on.
///
/// # Errors
/// A sample rate that is not 8 or 16 kHz.
pub fn drawn_journey(speech: &Samples, seed: u64) -> Result<Samples, EmbedError> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut draw = |[least, most]: [f64; 2]| least + rng.random::<f64>() * (most - least);
    let (band_hz, snr_db) = ([draw(FIT_LOW_HZ), draw(FIT_HIGH_HZ)], draw(FIT_SNR_DB));
    let line = Line { band_hz, snr_db, level_db: draw(FIT_LEVEL_DB) };
    let room = Room { t60_s: draw(FIT_T60_S), direct_db: draw(FIT_DIRECT_DB) };
    if draw([0.0, 1.0]) >= ROOM_SHARE {
        return through(line, speech, seed);
    }
    let mono = room.carry(&speech.mono, speech.rate_hz, seed);
    through(line, &Samples { mono, ..*speech }, seed)
}

fn through(line: Line, speech: &Samples, seed: u64) -> Result<Samples, EmbedError> {
    let mono = line.carry(&speech.mono, speech.rate_hz, seed);
    Ok(Samples { rate_hz: LINE_RATE_HZ, mono: mono.map_err(|e| EmbedError(e.to_string()))? })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tone() -> Samples {
        let omega = 2.0 * std::f64::consts::PI * 500.0 / 16_000.0;
        let mono = (0..32_000).map(|i| (0.3 * (omega * f64::from(i)).sin()) as f32).collect();
        Samples { rate_hz: 16_000, mono }
    }

    #[test]
    fn it_repeats_for_a_seed_and_differs_for_another() {
        let speech = tone();
        for simulate in [call, drawn_journey] {
            let one = simulate(&speech, 5).unwrap().mono;
            assert_eq!(one, simulate(&speech, 5).unwrap().mono);
            assert_ne!(one, simulate(&speech, 6).unwrap().mono);
        }
        assert_ne!(call(&speech, 5).unwrap().mono, drawn_journey(&speech, 5).unwrap().mono);
        assert_ne!(seed_for("a", 1), seed_for("b", 1));
        assert_ne!(seed_for("a", 1), seed_for("a", 2));
        let odd = Samples { rate_hz: 44_100, mono: vec![0.0; 10] };
        assert!(call(&odd, 1).is_err());
    }
}
