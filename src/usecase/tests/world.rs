//! A small world: voices made from one real word, an extractor that hears their color, a clock that
//! is moved by hand.

use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock};

use super::rhythm::Rhythm;
use super::store::TestStore;
use crate::audio::{AudioLimits, decode};
use crate::crypto::SystemEntropy;
use crate::domain::*;
use crate::engine::Engine;
use crate::features::{FbankSpec, Frontend};
use crate::policy::VoicePolicy;
use crate::scoring::calibration::{FitCounts, SpeechRange};
use crate::scoring::fusion::Fusion;
use crate::scoring::plda::Plda;
use crate::scoring::tail::ImpostorTail;
use crate::scoring::{BackEnd, BackEndInfo, BackEndParts, Calibration, Uncertainty};
use crate::usecase::age_head::AgeHeads;
use crate::usecase::command::*;
use crate::usecase::conversation::Conversation;
use crate::usecase::hear::{Vad, hear_recording};
use crate::usecase::output::*;
use crate::usecase::parts::{ExtractError, ExtractStream};
use crate::usecase::port::Application;
use crate::usecase::{Anchors, Clock, Extract, Parts, UseCaseError, VoiceParts, Vouch};

/// Samples per second of the test audio.
pub(super) const RATE_HZ: u32 = 16_000;

/// One word of one second (fixtures/features/PROVENANCE.md).
static WORD: LazyLock<Vec<f32>> = LazyLock::new(|| {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/features/clip_16k.wav");
    let bytes = std::fs::read(path).expect("the fixture is there");
    let format = AudioFormat {
        encoding: AudioEncoding::Wav,
        sample_rate_hz: None,
        channels: None,
        channel: None,
    };
    let pcm = decode(&bytes, &format, &AudioLimits::default()).unwrap();
    pcm.samples.iter().map(|s| s * 32_768.0).collect()
});

/// Voices: how much faster the word is played; formants and pitch move along.
pub(super) const ANNA: f32 = 1.0;
pub(super) const BERT: f32 = 0.75;
pub(super) const CARA: f32 = 1.35;
pub(super) const DORA: f32 = 1.7;

/// The word again and again, for this long, as 16-bit PCM.
pub(super) fn speak(speed: f32, seconds: f32) -> Vec<u8> {
    let samples = (seconds * RATE_HZ as f32) as usize;
    let word = &WORD[..];
    let at = |i: usize| {
        let position = (i as f32 * speed) % (word.len() - 1) as f32;
        let (left, share) = (position as usize, position.fract());
        (word[left] * (1.0 - share) + word[left + 1] * share) * 1.5
    };
    let pcm = (0..samples).map(|i| at(i).round() as i16);
    pcm.flat_map(i16::to_le_bytes).collect()
}

pub(super) fn silence(seconds: f32) -> Vec<u8> {
    vec![0; (seconds * RATE_HZ as f32) as usize * 2]
}

pub(super) fn format() -> AudioFormat {
    AudioFormat {
        encoding: AudioEncoding::PcmS16Le,
        sample_rate_hz: Some(RATE_HZ),
        channels: None,
        channel: None,
    }
}

pub(super) fn recording(content: Vec<u8>) -> Recording {
    Recording { format: format(), content }
}

/// Bands of the test extractor's front end.
const BINS: usize = 80;

static FRONT_END: LazyLock<Frontend> =
    LazyLock::new(|| Frontend::fbank(FbankSpec::new(RATE_HZ)).unwrap());

/// The color of a voice: the mean of its bands.
pub(super) struct Color {
    pub(super) model: ArtifactRef,
    /// How often it was asked.
    pub(super) asked: AtomicUsize,
}

fn color(frames: &[f32]) -> Vec<f32> {
    let mut mean = vec![0.0; BINS];
    for row in frames.chunks_exact(BINS) {
        mean.iter_mut().zip(row).for_each(|(m, x)| *m += x);
    }
    let middle = mean.iter().sum::<f32>() / BINS as f32;
    mean.iter_mut().for_each(|m| *m -= middle);
    let length = mean.iter().map(|m| m * m).sum::<f32>().sqrt();
    mean.iter().map(|m| m / length).collect()
}

impl Extract for Color {
    fn artifact(&self) -> ArtifactRef {
        self.model.clone()
    }

    fn front_end(&self) -> &Frontend {
        &FRONT_END
    }

    fn stream(self: Arc<Self>) -> Box<dyn ExtractStream> {
        Box::new(Seen { color: self, frames: Vec::new() })
    }

    fn embed(&self, frames: &[f32]) -> Result<Vec<f32>, ExtractError> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        if frames.is_empty() {
            return Err("no frames".into());
        }
        Ok(color(frames))
    }
}

/// A live voice that the extractor sees.
struct Seen {
    color: Arc<Color>,
    frames: Vec<f32>,
}

impl ExtractStream for Seen {
    fn push(&mut self, frames: &[f32]) -> Result<(), ExtractError> {
        self.frames.extend_from_slice(frames);
        Ok(())
    }

    fn estimate(&self) -> Result<Vec<f32>, ExtractError> {
        self.embedding()
    }

    fn embedding(&self) -> Result<Vec<f32>, ExtractError> {
        self.color.embed(&self.frames)
    }
}

/// What all voices have in common.
static COMMON: LazyLock<Vec<f32>> = LazyLock::new(|| {
    let mut mean = vec![0.0; BINS];
    for speed in [ANNA, BERT, CARA, DORA] {
        let speech = hear_recording(
            &FRONT_END,
            format(),
            &speak(speed, 6.0),
            AudioLimits::default(),
            Default::default(),
            Vad::On,
        );
        let own = color(&speech.unwrap().frames);
        mean.iter_mut().zip(own).for_each(|(m, x)| *m += x / 4.0);
    }
    mean
});

/// A back-end that removes what is common and whose calibration makes the voices clear. With `pairs`
/// of impostors its tail supports about `pairs` / 3000 candidates at a rate of 0.01.
pub(super) fn back_end(model: &ArtifactRef, pairs: u64) -> BackEnd {
    let info = BackEndInfo {
        id: "test-back-end".into(),
        version: 3,
        model: model.clone(),
        license: LicenseClass::Open,
        top_k: 20,
        seed: 1,
        data: vec![],
    };
    let wave = |i: usize| ((i * i) as f32 * 0.37 + i as f32 * 1.3).sin();
    let identity: Vec<f32> =
        (0..BINS * BINS).map(|i| f32::from(u8::from(i % (BINS + 1) == 0))).collect();
    // From unit vectors to the space of the model.
    let scale = (10.0 * BINS as f32).sqrt();
    let mut cohort: Vec<f32> = (0..60 * BINS).map(wave).collect();
    for row in cohort.chunks_exact_mut(BINS) {
        let length = row.iter().map(|x| x * x).sum::<f32>().sqrt();
        row.iter_mut().for_each(|x| *x *= scale / length);
    }
    let parts = BackEndParts {
        mean_wide: COMMON.clone(),
        mean_narrow: COMMON.clone(),
        projection: identity.clone(),
        // Unit vectors: people vary by 1 / BINS in each value, recordings of one by a tenth of it.
        plda: Plda {
            mean: vec![0.0; BINS],
            projection: identity.iter().map(|x| x * scale).collect(),
            between: vec![10.0; BINS],
        },
        uncertainty: Uncertainty { constant: 1.0, per_second: 0.0, telephone: 0.0 },
        cohort,
    };
    let llrs: Vec<f64> = (0..100_000).map(|i| -((f64::from(i) + 0.5) / 1e5).ln()).collect();
    let range = SpeechRange { from_ms: 1_000, to_ms: 60_000 };
    let calibration = Calibration {
        version: 1,
        offset: [-8.0, 0.0, 0.0, 0.0, 0.0],
        slope: [0.05, 0.0, 0.0, 0.0, 0.0],
        shorter: range,
        longer: range,
        fitted_on: FitCounts { target_trials: 1, non_target_trials: 1, speakers: 4 },
        tail: ImpostorTail::measure(&llrs, pairs).unwrap(),
    };
    BackEnd::new(info, parts, calibration).unwrap()
}

#[derive(Default)]
pub(super) struct HandClock(AtomicI64);

impl Clock for HandClock {
    fn now(&self) -> Timestamp {
        // Time never stands still, so that ids and records differ.
        Timestamp::from_unix_ms(self.0.fetch_add(1, Ordering::SeqCst))
    }
}

impl HandClock {
    pub(super) fn forward(&self, ms: i64) {
        self.0.fetch_add(ms, Ordering::SeqCst);
    }
}

struct Anchored;

impl Anchors for Anchored {
    fn checkpoint_sequence(&self) -> u64 {
        2
    }
}

/// How a world differs from the usual one.
pub(super) struct Setting {
    pub(super) policy: VoicePolicy,
    pub(super) installed: bool,
    pub(super) model: ArtifactRef,
    /// Models beside the configured one.
    pub(super) others: Vec<ArtifactRef>,
    pub(super) pairs: u64,
    pub(super) age: AgeHeads,
    pub(super) store: Option<Arc<TestStore>>,
}

impl Default for Setting {
    fn default() -> Self {
        Self {
            policy: VoicePolicy::default().checked().unwrap(),
            installed: true,
            model: ArtifactRef::new("color", 1),
            others: vec![],
            pairs: 100_000,
            age: AgeHeads::default(),
            store: None,
        }
    }
}

pub(super) struct World {
    pub(super) vouch: Vouch,
    pub(super) store: Arc<TestStore>,
    pub(super) clock: Arc<HandClock>,
    pub(super) color: Arc<Color>,
    pub(super) rhythm: Arc<Rhythm>,
    engine: Arc<Engine>,
    keys: AtomicUsize,
}

/// Jobs that wait in the engine at most.
const PLACES: usize = 16;

/// The engine has no place while this is there.
pub(super) struct Full {
    _open: std::sync::mpsc::Sender<()>,
}

pub(super) fn tenant() -> TenantId {
    TenantId::parse("bank").unwrap()
}

pub(super) fn id(text: &str) -> SubjectId {
    SubjectId::parse(text).unwrap()
}

impl World {
    pub(super) async fn new() -> Self {
        Self::with(Setting::default()).await
    }

    pub(super) async fn with(setting: Setting) -> Self {
        let store = match setting.store {
            Some(store) => store,
            None => Arc::new(TestStore::with_tenant(&tenant()).await),
        };
        let clock = Arc::new(HandClock::default());
        clock.forward(1_700_000_000_000);
        let with = |model: &ArtifactRef| {
            let color = Arc::new(Color { model: model.clone(), asked: AtomicUsize::new(0) });
            let back_end = Arc::new(back_end(model, setting.pairs));
            (color.clone(), VoiceParts { extractor: color, back_end, age: setting.age.clone() })
        };
        let (color, voice) = with(&setting.model);
        let pinned = setting.others.iter().map(|model| with(model).1).collect();
        let rhythm = Arc::new(Rhythm::default());
        let engine = Arc::new(Engine::start(1, PLACES).unwrap());
        let parts = Parts {
            store: store.clone(),
            engine: engine.clone(),
            voice: setting.installed.then_some(voice),
            behavior: rhythm.clone(),
            conversation: Arc::new(Conversation::shipped().unwrap()),
            fusion: Fusion::cautious(),
            session_policy: crate::policy::session::SHIPPED[0].1.to_owned(),
            pinned,
            configured_model: "color".into(),
            models: vec![],
            policy: setting.policy,
            audio_limits: AudioLimits::default(),
            clock: clock.clone(),
            entropy: Arc::new(SystemEntropy),
            anchors: Arc::new(Anchored),
        };
        Self {
            vouch: Vouch::start(parts).await.unwrap(),
            store,
            clock,
            color,
            rhythm,
            engine,
            keys: AtomicUsize::new(0),
        }
    }

    pub(super) fn by(&self, role: Role) -> Caller {
        Caller { tenant: tenant(), key: ApiKeyId::parse(role.as_str()).unwrap(), role }
    }

    /// A fresh idempotency key.
    pub(super) fn key(&self) -> IdempotencyKey {
        let number = self.keys.fetch_add(1, Ordering::SeqCst);
        IdempotencyKey::parse(&format!("key-{number}")).unwrap()
    }

    /// Fills the engine.
    pub(super) async fn fill_engine(&self) -> Full {
        let (open, gate) = std::sync::mpsc::channel::<()>();
        let (running, runs) = tokio::sync::oneshot::channel();
        let wait = move || {
            // Until the other end is dropped.
            let _ = (running.send(()), gate.recv());
        };
        drop(self.engine.submit(wait).unwrap());
        runs.await.unwrap();
        while let Ok(job) = self.engine.submit(|| ()) {
            drop(job);
        }
        Full { _open: open }
    }

    /// How many embeddings were computed so far.
    pub(super) fn asked(&self) -> usize {
        self.color.asked.load(Ordering::SeqCst)
    }

    pub(super) async fn subject(&self, subject: &str) {
        let c = CreateSubject { subject: Some(id(subject)), key: self.key() };
        self.vouch.create_subject(&self.by(Role::Admin), c).await.unwrap();
    }

    pub(super) async fn consent(&self, subject: &str, expires_at: Option<Timestamp>) {
        let c = RecordConsent {
            subject: id(subject),
            notice_id: "voice".into(),
            notice_version: "1".into(),
            purpose: Purpose::VoiceAuthentication,
            channel: "call".into(),
            collector: "agent-7".into(),
            given_at: None,
            expires_at,
            key: self.key(),
        };
        self.vouch.record_consent(&self.by(Role::Agent), c).await.unwrap();
    }

    pub(super) fn enroll_command(&self, subject: &str) -> Enroll {
        Enroll {
            subject: id(subject),
            authorization: Authorization { agent: "agent-7".into(), factor: "id_document".into() },
            reenroll: false,
            key: self.key(),
        }
    }

    pub(super) async fn utterance(
        &self,
        subject: &str,
        content: Vec<u8>,
    ) -> Result<Enrollment, UseCaseError> {
        let c = self.enroll_command(subject);
        let by = self.by(Role::Client);
        self.vouch.enroll(&by, c, recording(content)).await
    }

    /// A subject with consent and a voiceprint.
    pub(super) async fn enrolled(&self, subject: &str, speed: f32) -> VoiceprintId {
        self.subject(subject).await;
        self.consent(subject, None).await;
        for _ in 0..12 {
            let answer = self.utterance(subject, speak(speed, 14.0)).await.unwrap();
            assert!(answer.utterance_accepted, "{answer:?}");
            if let Some(print) = answer.voiceprint {
                return print;
            }
        }
        panic!("twelve utterances were not enough");
    }

    pub(super) fn verify_command(&self, subject: &str) -> Verify {
        Verify { subject: id(subject), key: self.key(), no_early_decision: false, other: None }
    }

    pub(super) async fn verify(&self, subject: &str, content: Vec<u8>) -> Verification {
        let by = self.by(Role::Admin);
        let c = self.verify_command(subject);
        let answer = self.vouch.verify(&by, c, recording(content)).await.unwrap();
        assert!(answer.reasons.contains(&Reason::PadNotEvaluated));
        self.is_audited(&answer.decision_id, Some(answer.decision)).await;
        answer
    }

    /// The decision is in the record.
    pub(super) async fn is_audited(&self, decision: &DecisionId, expected: Option<Decision>) {
        let c = ExplainDecision { decision: decision.clone(), audience: None };
        let by = self.by(Role::Auditor);
        let (info, sentences) = self.vouch.explain(&by, c).await.unwrap();
        assert_eq!(info.decision, expected);
        assert!(!sentences.is_empty());
    }

    pub(super) async fn identify(
        &self,
        candidates: Candidates,
        content: Vec<u8>,
    ) -> Identification {
        let c = Identify { candidates, max_results: 10, no_early_decision: true, key: self.key() };
        let by = self.by(Role::Admin);
        let answer = self.vouch.identify(&by, c, recording(content)).await.unwrap();
        self.is_audited(&answer.decision_id, Some(answer.decision)).await;
        answer
    }
}
