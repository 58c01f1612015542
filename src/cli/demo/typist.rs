//! Typing made up for the demonstration: nobody's recordings are needed, and nothing here is a person.
//!
//! A typist holds each key of a text and waits before the next one for times of their own (uniform in 60 to
//! 140 ms and 80 to 260 ms), and repeats them with a spread of 10 %. Another typist has other times.

use crate::grpc::proto as pb;

/// What is typed.
const TEXT: &str = "vouchdemo";
/// Name of the text for the server.
pub const TEXT_ID: &str = "demo-phrase";
/// Spread of a repeated time, as a share of it.
const SPREAD: f64 = 0.10;

/// Somebody with a rhythm.
#[derive(Debug, Clone)]
pub struct Typist {
    /// Hold time and time to the next press for each key of the text, in milliseconds.
    habits: Vec<(f64, f64)>,
    state: u64,
}

impl Typist {
    /// The typist of this number; the same number is the same typist.
    pub fn new(number: u64) -> Self {
        let mut typist = Self { habits: Vec::new(), state: number.wrapping_add(1) };
        // The first numbers of neighbouring states look alike.
        typist.uniform();
        typist.uniform();
        typist.habits = TEXT
            .chars()
            .map(|_| (60.0 + 80.0 * typist.uniform(), 80.0 + 180.0 * typist.uniform()))
            .collect();
        typist
    }

    /// The next number from 0 to 1 (SplitMix64; Steele, Lea and Flood, OOPSLA 2014).
    fn uniform(&mut self) -> f64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^= z >> 31;
        (z >> 11) as f64 / (1u64 << 53) as f64
    }

    /// A factor around 1: the mean of four uniform numbers is near enough to a bell curve.
    fn around_one(&mut self) -> f64 {
        let sum: f64 = (0..4).map(|_| self.uniform()).sum();
        // The mean of four has a standard deviation of 1/sqrt(48).
        1.0 + SPREAD * (sum / 4.0 - 0.5) * 48f64.sqrt()
    }

    /// Types the text once.
    pub fn types(&mut self, capture_id: &str) -> pb::BehaviorCapture {
        let mut at = 0.0;
        let habits = self.habits.clone();
        let events = TEXT.chars().zip(habits).map(|(key, (hold, next))| {
            let down = at;
            at += next * self.around_one();
            let up = down + hold * self.around_one();
            pb::KeyEvent { key: key.to_string(), down_ms: down, up_ms: up, ..Default::default() }
        });
        let events = pb::KeyEvents { events: events.collect() };
        pb::BehaviorCapture {
            capture_id: capture_id.to_owned(),
            device: pb::DeviceClass::Phone as i32,
            text_id: TEXT_ID.to_owned(),
            events: Some(pb::behavior_capture::Events::Keystroke(events)),
            ..Default::default()
        }
    }
}
