//! A decision and its subject: what it rests on must still be usable when it is committed, the attempts it is are
//! counted, and captures that spoke for the person are remembered, all in the transaction of its record.

use std::sync::Arc;

use crate::domain::{Decision, Modality, SubjectId, TenantId};
use crate::policy::Outcome;
use crate::policy::session::SubjectStanding;
use crate::session::call::Record;
use crate::store::{
    BehaviorProfile, BehaviorSnapshot, Effect, ProfileKind, StoreError, SubjectSnapshot,
};
use crate::usecase::UseCaseError;
use crate::usecase::behavior::adapt::remember;
use crate::usecase::behavior::compare::{complete, known, standing as profile_standing};
use crate::usecase::behavior::probe::CaptureKey;
use crate::usecase::conversation::texts::style_key;
use crate::usecase::core::{Draft, Inner, target};
use crate::usecase::sessions::captures::{Spoke, modality_of};
use crate::usecase::sessions::record::{Kept, detail};
use crate::usecase::sessions::standing::{Moment, session_standing};
use crate::usecase::sources::worst;
use crate::usecase::verify::standing;

/// Why a decision was not recorded.
pub(super) enum Unrecorded {
    /// What it rests on may not be used any more.
    Unusable,
    /// Captures it rests on were used by another session meanwhile.
    Replayed(Vec<Spoke>),
    /// Something failed.
    Failed(UseCaseError),
}

impl From<UseCaseError> for Unrecorded {
    fn from(error: UseCaseError) -> Self {
        Self::Failed(error)
    }
}

impl From<StoreError> for Unrecorded {
    fn from(error: StoreError) -> Self {
        Self::Failed(error.into())
    }
}

impl From<serde_json::Error> for Unrecorded {
    fn from(error: serde_json::Error) -> Self {
        Self::Failed(error.into())
    }
}

/// Whom a decision is about.
type About<'a> = (&'a TenantId, &'a SubjectId);

/// The modalities whose evidence a decision rests on.
fn rests_on(record: &Record) -> Vec<Modality> {
    let facts = &record.assessment.facts;
    let evidence = facts.evidence.iter().filter(|(_, evidence)| evidence.llr.is_some());
    let used = |(modality, _): (&Modality, _)| *modality;
    match facts.subject {
        SubjectStanding::Enrolled => evidence.map(used).collect(),
        // Nothing was used.
        _ => Vec::new(),
    }
}

/// Whether what was measured, or another factor, speaks for the person: a question that asks for neither is
/// accepted of anybody.
fn speaks_for(record: &Record, kept: Kept<'_>) -> bool {
    kept.vouched || record.assessment.verdict.fused.is_some_and(|llr| llr.0 > 0.0)
}

impl Inner {
    /// Binds a decision to its subject as of now; whether the caller's voice joins the voiceprint with it.
    pub(super) async fn bind_subject(
        &self,
        tenant: &TenantId,
        record: &Record,
        kept: Kept<'_>,
        draft: &mut Draft,
    ) -> Result<bool, Unrecorded> {
        let Some((subject, _)) = &record.assessment.claim else { return Ok(false) };
        let uses = rests_on(record);
        let Some(snapshot) = self.snapshot(tenant, subject).await? else {
            // Nothing that was heard of somebody who is gone by now may be used.
            return if uses.is_empty() { Ok(false) } else { Err(Unrecorded::Unusable) };
        };
        draft.subject = Some(target(&snapshot));
        let attempted = [record.attempted.voice, record.attempted.behavior].into_iter().flatten();
        if let Some(outcome) = worst(attempted) {
            // A conclusion that was counted stands, also where it is what holds the source up.
            if self.source_held(tenant, kept.sources).await? {
                return Err(Unrecorded::Unusable);
            }
            self.count_sources(draft, kept.sources, outcome);
        }
        let at = Moment { now: draft.at, vouched: kept.vouched };
        if uses.contains(&Modality::Voice) && !self.may_use_voice(tenant, &snapshot, at)? {
            return Err(Unrecorded::Unusable);
        }
        self.count_voice_attempt(draft, &snapshot, record.attempted.voice, kept.vouched);
        let about = (tenant, subject);
        self.remember_captures(about, &snapshot, &uses, kept, draft).await?;
        let adapted = match record.assessment.verdict.decision {
            Decision::Accept => {
                let kept =
                    Kept { number: kept.number.filter(|_| speaks_for(record, kept)), ..kept };
                self.keep_accepted(tenant, kept, &snapshot, draft)?
            }
            _ => false,
        };
        let style = uses.contains(&Modality::Text) || record.attempted.behavior.is_some();
        if !style {
            return Ok(adapted);
        }
        let found = self.parts.store.behavior(tenant, subject, Some(&style_key())).await?;
        let found = same(found, &snapshot)?;
        let stands = self.stands_with_one(ProfileKind::Style, Some(&found), at);
        if uses.contains(&Modality::Text) && stands != SubjectStanding::Enrolled {
            return Err(Unrecorded::Unusable);
        }
        if let Some(outcome) = record.attempted.behavior {
            self.count_behavior_attempt(draft, &found, outcome, kept.vouched);
        }
        Ok(adapted)
    }

    /// Keeps what may be kept of an accepted caller: the number they call from, and their voice.
    fn keep_accepted(
        &self,
        tenant: &TenantId,
        kept: Kept<'_>,
        snapshot: &SubjectSnapshot,
        draft: &mut Draft,
    ) -> Result<bool, UseCaseError> {
        if let Some(number) = kept.number {
            let number = number.clone();
            draft.effects.push(Effect::AddPhoneNumber { number, remembered: true });
        }
        let Some((heard, vouched)) = kept.heard else { return Ok(false) };
        let voice = self.voice(tenant)?;
        self.adapt_voice(draft, &voice, heard, snapshot, vouched)
    }

    fn may_use_voice(
        &self,
        tenant: &TenantId,
        snapshot: &SubjectSnapshot,
        at: Moment,
    ) -> Result<bool, UseCaseError> {
        let model = self.voice(tenant)?.extractor.artifact();
        let stands = standing(Some(snapshot), &model, at.now).0;
        Ok(session_standing(true, at.vouched, stands) == SubjectStanding::Enrolled)
    }

    /// Counts the attempt by voice, beside which another factor was passed if `vouched`. A record in which no voice
    /// weighs anew is none: beside a factor it would open what only another voice than the rejected one may.
    pub(super) fn count_voice_attempt(
        &self,
        draft: &mut Draft,
        snapshot: &SubjectSnapshot,
        outcome: Option<Outcome>,
        vouched: bool,
    ) {
        let Some(outcome) = outcome else { return };
        let (before, at, rules) = (snapshot.attempts, draft.at, &self.parts.policy.attempts);
        let after = before.counted(outcome, vouched, at, rules);
        if after == snapshot.attempts {
            return;
        }
        draft.effects.push(Effect::SetAttempts(after));
        if let Some(until) = after.locked_until.filter(|until| draft.at < *until) {
            detail(&mut draft.event, "locked_until", until.to_string());
        }
    }

    /// Puts the captures that spoke for the person into what their profiles remember.
    async fn remember_captures(
        &self,
        (tenant, subject): About<'_>,
        snapshot: &SubjectSnapshot,
        uses: &[Modality],
        kept: Kept<'_>,
        draft: &mut Draft,
    ) -> Result<(), Unrecorded> {
        let at = Moment { now: draft.at, vouched: kept.vouched };
        let mut copies = Vec::new();
        for one in kept.spoke {
            let used = uses.contains(&modality_of(one.key.kind));
            if !used && one.owed.is_empty() {
                continue;
            }
            let key = one.key.profile();
            let found = self.parts.store.behavior(tenant, subject, Some(&key)).await?;
            let found = same(found, snapshot)?;
            let stands = self.stands_with_one(key.kind, Some(&found), at);
            match complete(&found).filter(|_| stands == SubjectStanding::Enrolled) {
                Some(profile) => {
                    let known = self.known_already(profile, one).await?;
                    copies
                        .extend((!known.is_empty()).then(|| Spoke { owed: known, ..one.clone() }));
                    self.put_remembered(draft, &found, &one.key, one.owed.clone());
                }
                None if used => return Err(Unrecorded::Unusable),
                None => {}
            }
        }
        if copies.is_empty() { Ok(()) } else { Err(Unrecorded::Replayed(copies)) }
    }

    /// Which of these captures a profile remembers by now. In the engine.
    async fn known_already(
        &self,
        profile: &BehaviorProfile,
        one: &Spoke,
    ) -> Result<Vec<Vec<u8>>, UseCaseError> {
        if one.owed.is_empty() {
            return Ok(Vec::new());
        }
        let (models, profile) = (Arc::clone(&self.parts.behavior), profile.clone());
        let owed = one.owed.clone();
        self.compute(move || {
            let history = models.history(&known(&profile));
            owed.into_iter().filter(|fingerprint| history.holds(fingerprint)).collect()
        })
        .await
    }

    fn put_remembered(
        &self,
        draft: &mut Draft,
        found: &BehaviorSnapshot,
        key: &CaptureKey,
        owed: Vec<Vec<u8>>,
    ) {
        let background = self.parts.behavior.background(key.kind);
        let (_, consent) = profile_standing(Some(found), &background, draft.at);
        let (Some(profile), Some(consent)) = (complete(found), consent) else { return };
        if owed.is_empty() {
            return;
        }
        let mut profile = profile.clone();
        remember(&self.parts.policy.behavior, &mut profile, owed);
        let profile = Box::new(profile);
        draft.effects.push(Effect::PutBehaviorProfile { profile, consent });
    }
}

/// A snapshot of profiles as of the same moment as that of the subject.
pub(super) fn same(
    found: Option<BehaviorSnapshot>,
    snapshot: &SubjectSnapshot,
) -> Result<BehaviorSnapshot, UseCaseError> {
    found.filter(|found| found.version == snapshot.version).ok_or(UseCaseError::Conflict)
}
