//! Models of behavior for tests: who somebody is shows in how long keys are held.

use std::sync::atomic::{AtomicU32, Ordering};

use crate::behavior::kinds::sample_kind;
use crate::behavior::{
    BehaviorError, Capture, Device, Events, Evidence, Habit, RawCapture, Sample, SampleKind,
};
use crate::domain::{ArtifactRef, Finding, Llr, RawScore};
use crate::usecase::behavior::{BehaviorHistory, BehaviorModels, BehaviorTemplate};
use crate::usecase::command::{RawEvents, RawKey};
use crate::usecase::output::{BehaviorFinding, ShownFinding};

/// Fewest keys of a capture.
const LEAST_KEYS: usize = 3;

/// The models; the version of their background can be changed.
pub(super) struct Rhythm {
    pub(super) version: AtomicU32,
}

impl Default for Rhythm {
    fn default() -> Self {
        Self { version: AtomicU32::new(1) }
    }
}

struct Mean(Vec<f32>);

/// Fingerprints.
struct Known(Vec<Vec<u8>>);

fn bytes(holds: &[f32]) -> Vec<u8> {
    holds.iter().flat_map(|hold| hold.to_le_bytes()).collect()
}

fn holds(capture: &Capture) -> Vec<f32> {
    match &capture.events {
        Events::Keystroke(keys) => keys.iter().map(|k| (k.up_ms - k.down_ms) as f32).collect(),
        Events::Touch(points) | Events::Pointer(points) => {
            points.windows(2).map(|w| (w[1].t_ms - w[0].t_ms) as f32).collect()
        }
    }
}

impl BehaviorModels for Rhythm {
    fn background(&self, kind: SampleKind) -> ArtifactRef {
        let version = self.version.load(Ordering::SeqCst);
        ArtifactRef::new(format!("rhythm-{}", kind.as_str()), version)
    }

    fn extract(&self, capture: &Capture) -> Result<Sample, BehaviorError> {
        let holds = holds(capture);
        if holds.len() < LEAST_KEYS {
            let (what, needed, got) = ("a capture: keys", LEAST_KEYS, holds.len());
            return Err(BehaviorError::TooFew { what, needed, got });
        }
        let kind = sample_kind(capture);
        let units = holds.len() as u32;
        let rows = match kind {
            SampleKind::FixedText => holds,
            _ => vec![holds.iter().sum::<f32>() / units as f32],
        };
        let (device, text, dim) = (capture.device, None, rows.len());
        Ok(Sample { kind, device, text, dim, rows, units, held: None })
    }

    fn template<'m>(
        &'m self,
        enrolled: &[Sample],
    ) -> Result<Box<dyn BehaviorTemplate + 'm>, BehaviorError> {
        let first = enrolled.first().ok_or(BehaviorError::Empty)?;
        let mut mean = vec![0.0; first.dim];
        for sample in enrolled {
            assert_eq!((sample.kind, sample.device), (first.kind, first.device));
            mean.iter_mut().zip(&sample.rows).for_each(|(m, x)| *m += x / enrolled.len() as f32);
        }
        Ok(Box::new(Mean(mean)))
    }

    fn fingerprint(&self, capture: &Capture) -> Vec<u8> {
        bytes(&holds(capture))
    }

    fn history(&self, known: &[&[u8]]) -> Box<dyn BehaviorHistory> {
        Box::new(Known(known.iter().map(|f| f.to_vec()).collect()))
    }
}

impl BehaviorHistory for Known {
    fn findings(&self, capture: &Capture) -> Vec<ShownFinding> {
        let holds = holds(capture);
        let scripted = matches!(&holds[..], [first, second, rest @ ..] if first == second && rest.iter().all(|hold| hold == first));
        let finding = |kind, there| ShownFinding {
            kind,
            state: if there { Finding::Present } else { Finding::Absent },
            detail: "as the test says".to_owned(),
        };
        vec![
            finding(BehaviorFinding::Replay, self.0.contains(&bytes(&holds))),
            finding(BehaviorFinding::Scripted, scripted),
        ]
    }

    fn holds(&self, fingerprint: &[u8]) -> bool {
        self.0.iter().any(|known| known == fingerprint)
    }

    fn add(&mut self, fingerprint: &[u8]) {
        self.0.push(fingerprint.to_vec());
    }
}

impl BehaviorTemplate for Mean {
    /// The LLR falls by one with each millisecond from the mean.
    fn score(&self, probe: &[Sample]) -> Result<Evidence, BehaviorError> {
        let far = |s: &Sample| {
            let sum: f32 = s.rows.iter().zip(&self.0).map(|(x, m)| (x - m).abs()).sum();
            f64::from(sum) / s.dim as f64
        };
        let far = probe.iter().map(far).sum::<f64>() / probe.len() as f64;
        Ok(Evidence {
            raw: RawScore(-far),
            llr: Llr((10.0 - far).max(-20.0)),
            enough: true,
            habits: vec![Habit { what: "hold time", position: Some(2), deviation: far, llr: -far }],
        })
    }
}

/// Somebody who holds keys for about `hold_ms` types `text`; `n` makes each time a little different.
pub(super) fn typed(text: &str, hold_ms: f64, n: u32) -> RawCapture {
    let key = |(i, key): (usize, char)| {
        let down_ms = 180.0 * i as f64;
        // Between -2 and 2 ms, and unlike for every other `n`.
        let wobble = (f64::from(n) * 1.7 + i as f64 * 2.3).sin() * 2.0;
        let up_ms = down_ms + hold_ms + wobble;
        RawKey { key: key.to_string(), down_ms, up_ms, ..RawKey::default() }
    };
    RawCapture {
        subject: "s".into(),
        capture: format!("c{n}"),
        session: None,
        device: Device::Desktop,
        text_id: Some("pin".into()),
        screen: None,
        events: RawEvents::Keystroke(text.chars().enumerate().map(key).collect()),
        motion: Vec::new(),
    }
}
