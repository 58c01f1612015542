//! A simulated room: early reflections and a reverberant tail (Schroeder, "Natural sounding artificial
//! reverberation", J. Audio Eng. Soc. 10(3), 1962: comb filters in parallel, all-pass filters in series). Cheap and
//! deterministic for a seed; back-ends are fitted on speech that went through one.

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// A simulated room.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Room {
    /// Time in which the tail falls by 60 dB, in seconds.
    pub t60_s: f64,
    /// Energy of the direct sound over that of everything reflected, in dB.
    pub direct_db: f64,
}

/// Early reflections come this long after the direct sound, in seconds: walls a few meters away.
const EARLY_S: [f64; 2] = [0.003, 0.030];
/// How many of them.
const EARLY_COUNT: usize = 6;
/// Delays of the comb filters, in seconds, as Schroeder gives them; each room moves them a little.
const COMB_S: [f64; 4] = [0.0297, 0.0371, 0.0411, 0.0437];
/// Largest share by which a room moves a delay.
const MOVE: f64 = 0.2;
/// Delays of the all-pass filters, in seconds, and their gain.
const ALL_PASS_S: [f64; 2] = [0.005, 0.0017];
const ALL_PASS_GAIN: f64 = 0.7;

impl Room {
    /// Speech as a microphone in the room hears it: as many samples, the direct sound at its time and level.
    pub fn carry(&self, speech: &[f32], rate_hz: u32, seed: u64) -> Vec<f32> {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let rate = f64::from(rate_hz);
        let mut reflected = vec![0.0; speech.len()];
        for _ in 0..EARLY_COUNT {
            let [near, far] = EARLY_S;
            let delay_s = near + rng.random::<f64>() * (far - near);
            let sign = if rng.random::<bool>() { 1.0 } else { -1.0 };
            let gain = sign * falloff(delay_s, self.t60_s);
            let delay = samples(delay_s, rate);
            for (out, direct) in reflected.iter_mut().skip(delay).zip(speech) {
                *out += gain * f64::from(*direct);
            }
        }
        for delay_s in COMB_S {
            let delay_s = delay_s * (1.0 + MOVE * (2.0 * rng.random::<f64>() - 1.0));
            let gain = falloff(delay_s, self.t60_s);
            comb(speech, samples(delay_s, rate), gain, &mut reflected);
        }
        for delay_s in ALL_PASS_S {
            all_pass(&mut reflected, samples(delay_s, rate));
        }
        let (direct, tail) =
            (energy(speech.iter().map(|x| f64::from(*x))), energy(reflected.iter().copied()));
        let gain = if tail > 0.0 {
            (direct / tail).sqrt() * 10f64.powf(-self.direct_db / 20.0)
        } else {
            0.0
        };
        speech.iter().zip(&reflected).map(|(s, r)| (f64::from(*s) + gain * r) as f32).collect()
    }
}

/// What is left of sound after `delay_s` where it falls by 60 dB in `t60_s`.
fn falloff(delay_s: f64, t60_s: f64) -> f64 {
    10f64.powf(-3.0 * delay_s / t60_s)
}

fn samples(delay_s: f64, rate_hz: f64) -> usize {
    ((delay_s * rate_hz).round() as usize).max(1)
}

/// Adds what a feedback comb filter makes of `speech`.
fn comb(speech: &[f32], delay: usize, gain: f64, out: &mut [f64]) {
    let mut line = vec![0.0; delay];
    for (n, (x, out)) in speech.iter().zip(out).enumerate() {
        let slot = &mut line[n % delay];
        *out += *slot;
        *slot = f64::from(*x) + gain * *slot;
    }
}

/// Spreads echoes in time without coloring them.
fn all_pass(signal: &mut [f64], delay: usize) {
    let mut line = vec![0.0; delay];
    for (n, x) in signal.iter_mut().enumerate() {
        let slot = &mut line[n % delay];
        let held = *x + ALL_PASS_GAIN * *slot;
        *x = *slot - ALL_PASS_GAIN * held;
        *slot = held;
    }
}

fn energy(samples: impl Iterator<Item = f64>) -> f64 {
    samples.map(|x| x * x).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATE_HZ: u32 = 16_000;

    fn response(room: Room, seed: u64) -> Vec<f32> {
        let mut click = vec![0.0; RATE_HZ as usize];
        click[0] = 1.0;
        room.carry(&click, RATE_HZ, seed)
    }

    #[test]
    fn the_tail_falls_by_60_db_in_its_time() {
        for t60_s in [0.2, 0.4, 0.7] {
            let response = response(Room { t60_s, direct_db: 3.0 }, 7);
            // Backward integration (Schroeder 1965), between −5 and −25 dB.
            let mut left: Vec<f64> = response[1..].iter().map(|x| f64::from(x * x)).collect();
            for n in (0..left.len() - 1).rev() {
                left[n] += left[n + 1];
            }
            let at = |db: f64| {
                left.iter().position(|e| *e < left[0] * 10f64.powf(db / 10.0)).unwrap() as f64
            };
            let measured_s = 3.0 * (at(-25.0) - at(-5.0)) / f64::from(RATE_HZ);
            assert!((measured_s / t60_s - 1.0).abs() < 0.3, "{measured_s} for {t60_s}");
        }
    }

    #[test]
    fn the_direct_sound_stays_and_has_its_share() {
        let room = Room { t60_s: 0.4, direct_db: 6.0 };
        let response = response(room, 1);
        assert_eq!(response[0], 1.0);
        let reflected = energy(response[1..].iter().map(|x| f64::from(*x)));
        assert!((10.0 * (1.0 / reflected).log10() - 6.0).abs() < 0.1, "{reflected}");
    }

    #[test]
    fn it_repeats_for_a_seed_and_odd_input_is_harmless() {
        let room = Room { t60_s: 0.3, direct_db: 2.0 };
        assert_eq!(response(room, 5), response(room, 5));
        assert_ne!(response(room, 5), response(room, 6));
        assert!(room.carry(&[], 8_000, 1).is_empty());
        assert_eq!(room.carry(&[0.0; 100], 8_000, 1), vec![0.0; 100]);
    }
}
