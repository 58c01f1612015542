//! The claimed subject of a session: where they stand, comparisons with their voiceprint, and the search for
//! a caller nobody claimed.

use std::sync::Arc;

use crate::domain::{Decision, PadOutcome, SubjectId, TenantId};
use crate::policy::admit;
use crate::policy::session::SubjectStanding;
use crate::scoring::Side;
use crate::session::call::{Event, Measured};
use crate::usecase::UseCaseError;
use crate::usecase::core::Inner;
use crate::usecase::identify::{Question, look};
use crate::usecase::sessions::hearing::Hearing;
use crate::usecase::sessions::standing::{Moment, session_standing};
use crate::usecase::verify::standing;
use crate::usecase::voice::Probe;

/// What a session knows of its claimed subject.
#[derive(Default)]
pub(super) struct Claimed {
    pub(super) subject: Option<SubjectId>,
    /// Where they stand with what the session uses of them whatever comes; absent until that is known.
    pub(super) stands: Option<SubjectStanding>,
    /// Their voice; absent while there is nothing to compare with.
    template: Option<Side>,
}

async fn look_up_voice(
    inner: &Inner,
    tenant: &TenantId,
    subject: &SubjectId,
    at: Moment,
) -> Result<(SubjectStanding, Option<Side>), UseCaseError> {
    let voice = inner.voice(tenant)?;
    let snapshot = inner.snapshot(tenant, subject).await?;
    let model = voice.extractor.artifact();
    let (stands, _) = standing(snapshot.as_ref(), &model, at.now);
    let stands = session_standing(snapshot.is_some(), at.vouched, stands);
    let print = snapshot.and_then(|s| s.voiceprint);
    let template = match (stands, print) {
        (SubjectStanding::Enrolled, Some(print)) => Some(voice.voiceprint_side(&print)?),
        _ => None,
    };
    Ok((stands, template))
}

impl Claimed {
    /// Reads where the subject stands with what the session uses of them whatever comes: their voice where
    /// audio is expected, otherwise all their profiles. `vouched`: another factor was passed.
    pub(super) async fn look_up(
        &mut self,
        inner: &Inner,
        tenant: &TenantId,
        subject: SubjectId,
        (audio, vouched): (bool, bool),
    ) -> Result<(), UseCaseError> {
        let at = Moment { now: inner.now(), vouched };
        let (stands, template) = match audio {
            true => look_up_voice(inner, tenant, &subject, at).await?,
            false => {
                let found = inner.parts.store.behavior(tenant, &subject, None).await?;
                (inner.stands_with_any(found.as_ref(), at), None)
            }
        };
        (self.subject, self.stands, self.template) = (Some(subject), Some(stands), template);
        Ok(())
    }

    /// Nothing may be compared with the subject for now.
    pub(super) fn put_aside(&mut self) {
        self.template = None;
    }

    /// Whether the voice of the subject may be compared with.
    pub(super) fn has_voice(&self) -> bool {
        self.template.is_some()
    }

    /// Compares all speech of the present person with the template.
    pub(super) async fn compare(
        &self,
        inner: &Inner,
        hearing: &mut Hearing,
        min_net_speech_ms: u32,
    ) -> Result<Event, UseCaseError> {
        let Some(template) = self.template.clone() else { return Ok(Event::NotCompared) };
        let net_speech_ms = hearing.whole_ms();
        let side = hearing.whole_side(inner).await?;
        let voice = hearing.voice();
        Ok(Event::Compared(Measured {
            llr: Some(voice.score(&template, &side).llr),
            enough: net_speech_ms >= min_net_speech_ms,
            amount: net_speech_ms,
            model: voice.extractor.artifact(),
            pad: PadOutcome::NotEvaluated,
        }))
    }
}

/// Searches the candidates for the voice of the caller. Accepted is only who a 1:N decision would accept and
/// who may be compared at all: the rules are those of an identification.
pub(super) async fn search(
    inner: &Inner,
    question: &Question,
    candidates: Arc<[SubjectId]>,
    hearing: &Hearing,
) -> Result<Event, UseCaseError> {
    let nobody = Event::Searched { accepted: None, among: 0 };
    let gallery = inner.galleries.of(&question.by.tenant)?;
    let (voice, now) = (question.voice.clone(), inner.now());
    let (frames, quality) = hearing.whole().into_parts();
    let job = move || {
        let probe =
            Probe::new(voice.extractor.embed(&frames).map_err(UseCaseError::Internal)?, &quality);
        look(&voice, &gallery, Some(&candidates), (&probe, quality), now)
    };
    let found = inner.compute(job).await??;
    let threshold = inner.threshold(question, &found)?;
    let (decision, _) = inner.verdict(&found, threshold.as_ref());
    let Some((subject, _)) = found.ranked.first().filter(|_| decision == Decision::Accept) else {
        return Ok(nobody);
    };
    let snapshot = inner.snapshot(&question.by.tenant, subject).await?;
    let model = question.voice.extractor.artifact();
    let refused = admit(standing(snapshot.as_ref(), &model, now).0).is_some();
    let accepted = (!refused).then(|| subject.clone());
    let among = u32::try_from(found.searched).unwrap_or(u32::MAX);
    Ok(Event::Searched { accepted, among })
}
