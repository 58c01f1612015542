//! Captures of a request: checked, made into samples, and named for idempotency.

use std::sync::Arc;

use crate::behavior::event::RawEvents;
use crate::behavior::kinds::sample_kind;
use crate::behavior::limits::{MAX_EVENTS, MAX_MOTION};
use crate::behavior::{BehaviorError, Capture, Device, RawCapture, Sample, SampleKind};
use crate::crypto::sha256;
use crate::domain::{Finding, Reason};
use crate::store::ProfileKey;
use crate::usecase::UseCaseError;
use crate::usecase::behavior::models::{BehaviorHistory, BehaviorModels};
use crate::usecase::behavior::{MAX_CAPTURES, models};
use crate::usecase::core::Inner;
use crate::usecase::failure::invalid;
use crate::usecase::output::{BehaviorFinding, ShownFinding};

/// A capture and what was made of it. Lives as long as the request.
#[derive(Clone)]
pub(in crate::usecase) struct Seen {
    pub(in crate::usecase) capture: Arc<Capture>,
    /// Absent when it holds too little.
    pub(in crate::usecase) sample: Option<Sample>,
    pub(in crate::usecase) fingerprint: Vec<u8>,
}

/// What captures would be enrolled as or compared with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::usecase) struct CaptureKey {
    pub(in crate::usecase) kind: SampleKind,
    pub(in crate::usecase) device: Device,
    /// Which fixed text, if one.
    pub(in crate::usecase) text_id: Option<String>,
}

impl CaptureKey {
    /// The same in the words of the store.
    pub(in crate::usecase) fn profile(&self) -> ProfileKey {
        let (kind, device) = (self.kind.into(), Some(self.device));
        ProfileKey { kind, device, text_id: self.text_id.clone() }
    }
}

/// Captures of one kind, class of device and text.
#[derive(Clone)]
pub(super) struct Probe {
    pub(super) key: CaptureKey,
    pub(super) seen: Vec<Seen>,
}

/// The reasons that detected cues are. A coarse clock is no sign of an attack, only of little detail.
pub(super) fn detected(findings: &[ShownFinding]) -> Vec<Reason> {
    let reason = |f: &ShownFinding| match f.kind {
        BehaviorFinding::Replay => Some(Reason::InputReplayed),
        BehaviorFinding::Scripted => Some(Reason::InputScripted),
        BehaviorFinding::Paste => Some(Reason::InputPasted),
        BehaviorFinding::RemoteControl => Some(Reason::RemoteControl),
        BehaviorFinding::Hesitation => Some(Reason::Hesitation),
        BehaviorFinding::CoarseClock => None,
    };
    findings.iter().filter(|f| f.state == Finding::Present).filter_map(reason).collect()
}

/// What several captures say about cues: detected in one is detected, and what no capture allows to say
/// is unknown. `known` are fingerprints of captures that came before; each capture of the probe is held
/// against the ones before it as well.
pub(super) fn findings(
    models: &dyn BehaviorModels,
    seen: &[Seen],
    known: &[&[u8]],
) -> Vec<ShownFinding> {
    findings_in(models.history(known), seen)
}

/// The same with captures that came before.
pub(in crate::usecase) fn findings_in(
    mut history: Box<dyn BehaviorHistory>,
    seen: &[Seen],
) -> Vec<ShownFinding> {
    let mut found: Vec<ShownFinding> = Vec::new();
    for one in seen {
        for cue in history.findings(&one.capture) {
            match found.iter_mut().find(|f| f.kind == cue.kind) {
                None => found.push(cue),
                Some(so_far) if weight(cue.state) > weight(so_far.state) => *so_far = cue,
                Some(_) => {}
            }
        }
        history.add(&one.fingerprint);
    }
    found.sort_by_key(|f| f.kind);
    found
}

fn weight(state: Finding) -> u8 {
    match state {
        Finding::Unknown => 0,
        Finding::Absent => 1,
        Finding::Present => 2,
    }
}

/// What a capture would be enrolled as or compared with.
pub(in crate::usecase) fn key_of(capture: &Capture) -> CaptureKey {
    let kind = sample_kind(capture);
    let text_id = capture.text_id.clone().filter(|_| kind == SampleKind::FixedText);
    CaptureKey { kind, device: capture.device, text_id }
}

/// An error about a capture as the caller's or as ours.
pub(super) fn failed(index: usize, error: BehaviorError) -> UseCaseError {
    match error {
        BehaviorError::Background(_) | BehaviorError::Scoring(_) => {
            UseCaseError::Internal(Box::new(error))
        }
        // Files say `capture`, requests `capture_id`.
        BehaviorError::Id { what: "capture", limit } => {
            let error = BehaviorError::Id { what: "capture_id", limit };
            UseCaseError::BadCapture { index, problem: error.to_string() }
        }
        error => UseCaseError::BadCapture { index, problem: error.to_string() },
    }
}

/// Checks a capture, the `index`th of its request.
pub(in crate::usecase) fn checked(
    index: usize,
    raw: RawCapture,
) -> Result<(CaptureKey, Capture), UseCaseError> {
    let capture = raw.check().map_err(|error| failed(index, error))?;
    Ok((key_of(&capture), capture))
}

/// Takes from a checked capture what is needed.
pub(in crate::usecase) fn features(
    models: &dyn BehaviorModels,
    index: usize,
    key: &CaptureKey,
    capture: Capture,
) -> Result<Seen, UseCaseError> {
    let sample = match models.extract(&capture) {
        Ok(sample) => Some(sample),
        Err(BehaviorError::TooFew { .. }) => None,
        Err(error) => return Err(failed(index, error)),
    };
    if sample.as_ref().is_some_and(|s| s.kind != key.kind || s.device != key.device) {
        let problem = "a sample is not of the kind of its capture";
        return Err(UseCaseError::Internal(problem.into()));
    }
    let mut fingerprint = models.fingerprint(&capture);
    fingerprint.truncate(models::MAX_FINGERPRINT_BYTES);
    Ok(Seen { capture: Arc::new(capture), sample, fingerprint })
}

/// Checks a capture and takes from it what is needed; the events end here.
pub(super) fn look_at(
    models: &dyn BehaviorModels,
    index: usize,
    raw: RawCapture,
) -> Result<(CaptureKey, Seen), UseCaseError> {
    let (key, capture) = checked(index, raw)?;
    let seen = features(models, index, &key, capture)?;
    Ok((key, seen))
}

/// Refuses a capture of another kind, device or text than the ones before it.
pub(super) fn check_same(first: &CaptureKey, key: &CaptureKey) -> Result<(), UseCaseError> {
    let device = |device: Device| device.as_str();
    let problem = if first.kind != key.kind {
        let (first, other) = (first.kind.as_str(), key.kind.as_str());
        format!("all must be of one kind, {first} and {other} came")
    } else if first.device != key.device {
        let (first, other) = (device(first.device), device(key.device));
        format!("all must be of one class of device, {first} and {other} came")
    } else if first.text_id != key.text_id {
        "all must be of one text, two text_ids came".to_owned()
    } else {
        return Ok(());
    };
    Err(invalid("captures", problem))
}

/// Digest of a capture as it came, for idempotency alone; `None` for one that is too long to pass the
/// checks. It is kept sealed; the times in a capture keep it from being guessed.
pub(super) fn digest(raw: &RawCapture) -> Option<[u8; 32]> {
    let events = match &raw.events {
        RawEvents::Keystroke(keys) => keys.len(),
        RawEvents::Touch(points) | RawEvents::Pointer(points) => points.len(),
    };
    let fits = events <= MAX_EVENTS && raw.motion.len() <= MAX_MOTION;
    fits.then(|| sha256(zeroize::Zeroizing::new(format!("{raw:?}")).as_bytes()))
}

fn prepare(
    models: &dyn BehaviorModels,
    captures: Vec<RawCapture>,
) -> Result<(Probe, [u8; 32]), UseCaseError> {
    let mut key = None;
    let mut seen = Vec::with_capacity(captures.len());
    let mut digests = Vec::with_capacity(32 * captures.len());
    for (index, raw) in captures.into_iter().enumerate() {
        digests.extend(digest(&raw).unwrap_or_default());
        let (this, one) = look_at(models, index, raw)?;
        check_same(key.get_or_insert_with(|| this.clone()), &this)?;
        seen.push(one);
    }
    let key = key.ok_or_else(|| invalid("captures", "needs at least 1"))?;
    Ok((Probe { key, seen }, sha256(&digests)))
}

impl Inner {
    /// Checks captures and makes samples of them, in the engine.
    pub(super) async fn probe(
        &self,
        captures: Vec<RawCapture>,
    ) -> Result<(Probe, [u8; 32]), UseCaseError> {
        let got = captures.len();
        if got == 0 || got > MAX_CAPTURES {
            return Err(invalid("captures", format!("needs 1 to {MAX_CAPTURES}, {got} came")));
        }
        let models = Arc::clone(&self.parts.behavior);
        self.compute(move || prepare(models.as_ref(), captures)).await?
    }
}
