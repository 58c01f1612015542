//! A probe against a profile.

use crate::behavior::{BehaviorError, Evidence, Sample, SampleKind};
use crate::domain::{
    ArtifactRef, AuditKind, ConsentId, ConsentProof, Purpose, Reason, Timestamp, Versions,
};
use crate::policy::{Standing, Verdict, admit};
use crate::store::{BehaviorProfile, BehaviorSnapshot, ProfileKind, SampleOrigin};
use crate::usecase::UseCaseError;
use crate::usecase::behavior::models::{BehaviorModels, BehaviorTemplate};
use crate::usecase::behavior::probe::{Seen, failed, findings};
use crate::usecase::command::Caller;
use crate::usecase::core::{Draft, Inner};
use crate::usecase::output::{BehaviorKind, ShownFinding, ShownHabit};

/// What a comparison found. Without `evidence` nothing could be compared.
pub(super) struct Compared {
    pub(super) evidence: Option<Evidence>,
    pub(super) findings: Vec<ShownFinding>,
    /// Captures that were compared, by their place in the probe.
    pub(super) used: Vec<usize>,
    /// Some capture is not of the profile's text.
    pub(super) other_text: bool,
    /// Captures that may be taken into the profile, by their place in the probe.
    pub(super) adaptable: Vec<usize>,
}

/// The samples of a profile.
pub(in crate::usecase) fn samples(
    profile: &BehaviorProfile,
    only: Option<SampleOrigin>,
) -> Result<Vec<Sample>, UseCaseError> {
    let wanted = profile.samples.iter().filter(|s| only.is_none_or(|origin| s.origin == origin));
    wanted
        .map(|s| Sample::from_bytes(s.features.as_slice()))
        .collect::<Result<_, _>>()
        .map_err(|error| UseCaseError::Internal(Box::new(error)))
}

/// Fingerprints of all captures that a profile remembers.
pub(in crate::usecase) fn known(profile: &BehaviorProfile) -> Vec<&[u8]> {
    let own = profile.samples.iter().map(|s| s.fingerprint.as_slice());
    own.chain(profile.seen.iter().map(|s| s.as_slice())).filter(|f| !f.is_empty()).collect()
}

/// Whether a sample has the shape of an enrolled one: a text of another length, or one that a background
/// knows under another name, has not. What a device tells of a key beside times may differ: what both
/// have is compared.
pub(super) fn same_shape(enrolled: &Sample, sample: &Sample) -> bool {
    let as_long = match enrolled.kind {
        SampleKind::FixedText => enrolled.units == sample.units,
        SampleKind::FreeText | SampleKind::Touch | SampleKind::Pointer => {
            enrolled.dim == sample.dim
        }
    };
    as_long && enrolled.text == sample.text
}

/// Evidence with nothing in it that is not a number; such evidence is none.
pub(super) fn finite(mut evidence: Evidence) -> Option<Evidence> {
    evidence.habits.retain(|habit| habit.deviation.is_finite() && habit.llr.is_finite());
    evidence.habits.truncate(Evidence::MAX_HABITS);
    (evidence.llr.0.is_finite() && evidence.raw.0.is_finite()).then_some(evidence)
}

/// Habits as shown and recorded.
pub(super) fn habits(evidence: &Evidence) -> Vec<ShownHabit> {
    let shown = evidence.habits.iter().map(|habit| ShownHabit {
        what: habit.what.to_owned(),
        position: habit.position,
        deviation: habit.deviation,
        llr: habit.llr,
    });
    shown.collect()
}

/// Compares captures with a profile. A capture that the profile's text cannot be compared with is left
/// out. Runs in the engine.
pub(super) fn compare(
    models: &dyn BehaviorModels,
    profile: &BehaviorProfile,
    seen: &[Seen],
) -> Result<Compared, UseCaseError> {
    let enrolled = samples(profile, None)?;
    let findings = findings(models, seen, &known(profile));
    let with_samples = seen.iter().enumerate().filter_map(|(i, s)| Some((i, s.sample.as_ref()?)));
    let (fitting, others): (Vec<_>, Vec<_>) = with_samples.partition(|(_, s)| fits(&enrolled, s));
    let (used, probe): (Vec<usize>, Vec<Sample>) =
        fitting.into_iter().map(|(i, s)| (i, s.clone())).unzip();
    let other_text = !others.is_empty();
    let mut compared =
        Compared { evidence: None, findings, used, other_text, adaptable: Vec::new() };
    if probe.is_empty() {
        return Ok(compared);
    }
    let template = models.template(&enrolled).map_err(ours)?;
    match said(template.as_ref(), &probe)? {
        Said::Evidence(evidence) => compared.evidence = Some(evidence),
        Said::Nothing => {}
        Said::OtherText => compared.other_text = true,
    }
    Ok(compared)
}

/// Whether a sample is of the text, and has the shape, of a profile's samples.
pub(in crate::usecase) fn fits(enrolled: &[Sample], sample: &Sample) -> bool {
    enrolled.first().is_some_and(|e| same_shape(e, sample))
}

/// What a template says to a probe.
pub(in crate::usecase) enum Said {
    /// This.
    Evidence(Evidence),
    /// Nothing: there is too little, or what came out is not a number.
    Nothing,
    /// The probe is of another text.
    OtherText,
}

/// Compares a probe that fits, and is not empty. Runs in the engine.
pub(in crate::usecase) fn said(
    template: &dyn BehaviorTemplate,
    probe: &[Sample],
) -> Result<Said, UseCaseError> {
    match template.score(probe) {
        Ok(evidence) => Ok(finite(evidence).map_or(Said::Nothing, Said::Evidence)),
        Err(BehaviorError::TooFew { .. }) => Ok(Said::Nothing),
        Err(BehaviorError::Mismatch { .. }) => Ok(Said::OtherText),
        Err(error) => Err(failed(0, error)),
    }
}

/// A stored profile that cannot be used is a defect of ours, not of the request.
pub(in crate::usecase) fn ours(error: BehaviorError) -> UseCaseError {
    UseCaseError::Internal(Box::new(error))
}

/// The complete profile of a snapshot.
pub(in crate::usecase) fn complete(snapshot: &BehaviorSnapshot) -> Option<&BehaviorProfile> {
    snapshot.profiles.iter().find(|p| p.completed_at.is_some())
}

/// Where a subject stands with the background in force; an unknown subject has no template.
pub(in crate::usecase) fn standing(
    snapshot: Option<&BehaviorSnapshot>,
    background: &ArtifactRef,
    now: Timestamp,
) -> (Standing, Option<ConsentProof>) {
    standing_for(Purpose::BehaviorAuthentication, snapshot, background, now)
}

/// The same for any purpose that profiles are kept for.
pub(in crate::usecase) fn standing_for(
    purpose: Purpose,
    snapshot: Option<&BehaviorSnapshot>,
    background: &ArtifactRef,
    now: Timestamp,
) -> (Standing, Option<ConsentProof>) {
    standing_with(purpose, snapshot, snapshot.and_then(complete), background, now)
}

/// The same with a profile of the snapshot, or none.
pub(in crate::usecase) fn standing_with(
    purpose: Purpose,
    snapshot: Option<&BehaviorSnapshot>,
    profile: Option<&BehaviorProfile>,
    background: &ArtifactRef,
    now: Timestamp,
) -> (Standing, Option<ConsentProof>) {
    let Some(snapshot) = snapshot else {
        let unknown = Standing {
            refused: None,
            locked: false,
            factor_needed: false,
            has_template: false,
            model_matches: false,
            expired: false,
        };
        return (unknown, None);
    };
    let consent = ConsentProof::find(snapshot.opted_out, &snapshot.consents, purpose, now);
    let standing = Standing {
        refused: consent.as_ref().err().copied(),
        locked: snapshot.attempts.is_locked(now),
        factor_needed: snapshot.attempts.factor_needed,
        has_template: profile.is_some(),
        model_matches: profile.is_some_and(|p| p.background == *background),
        expired: profile.is_some_and(|p| p.expires_at.is_some_and(|end| end <= now)),
    };
    (standing, consent.ok())
}

/// Why nothing is compared, if nothing is. What voice says about attack detection does not apply: cues
/// are answered as findings.
pub(in crate::usecase) fn refusal(standing: Standing) -> Option<Verdict> {
    let (decision, mut reasons) = admit(standing)?;
    reasons.retain(|reason| *reason != Reason::PadNotEvaluated);
    Some((decision, reasons))
}

/// The id of a consent that was seen.
pub(in crate::usecase) fn consent_id(proof: Option<&ConsentProof>) -> Option<ConsentId> {
    proof.map(|proof| proof.consent_id().clone())
}

impl Inner {
    /// The background in force for a kind of profile.
    pub(in crate::usecase) fn background_of(&self, kind: ProfileKind) -> ArtifactRef {
        match kind.samples() {
            Some(kind) => self.parts.behavior.background(kind),
            None => self.parts.conversation.artifact(),
        }
    }

    /// What is in force for a kind of behavior.
    pub(super) fn behavior_versions(&self, kind: Option<BehaviorKind>) -> Versions {
        let background = kind.map(|kind| self.parts.behavior.background(kind));
        Versions {
            model: background.clone(),
            calibration: background,
            policy: self.parts.policy.version.clone(),
        }
    }

    /// A draft of an act on behavior.
    pub(super) fn behavior_draft(
        &self,
        by: &Caller,
        kind: AuditKind,
        act: &str,
        about: Option<BehaviorKind>,
    ) -> Draft {
        let mut draft = self.draft(by, kind, act);
        draft.event.versions = Some(self.behavior_versions(about));
        draft
    }
}
