//! The age class of a caller: categorization, not verification. It has a right and an audit kind of its
//! own and is off until the tenant enables it with the notice that tells callers about it. It takes no
//! subject, and nothing of the caller is kept: not the audio, not the embedding, not the age, not the
//! answer; only that somebody was put into a class, by what, and how good the recording was.

use std::sync::Arc;

use crate::domain::{
    AgeClass, AgeClassSetting, AgeEstimate, AuditKind, LicenseClass, Probability, Quality, Reason,
    RoutingHint, TenantId, Timestamp,
};
use crate::policy::{AgeVerdict, classify_age};
use crate::store::Effect;
use crate::usecase::UseCaseError;
use crate::usecase::access::{Right, require, sees_fine_scores};
use crate::usecase::age_head::class_name;
use crate::usecase::command::{Caller, DisableAgeClass, EnableAgeClass, Recording};
use crate::usecase::core::{Draft, Inner, Shared};
use crate::usecase::output::{AgeClassStatus, AgeClassification, AgeHeadRef, Done, ShownHint};
use crate::usecase::parts::VoiceParts;
use crate::usecase::request::{Content, Request};
use crate::usecase::subjects::check_text;
use crate::usecase::voice::Probe;
use crate::voice::{AgeHead, AgeInput};

/// Act of an audit record.
const ACT_CLASSIFIED: &str = "age class determined";
/// Acts of the switch; the command line writes them, too.
pub const ACT_ENABLED: &str = "age class enabled";
/// See [`ACT_ENABLED`].
pub const ACT_DISABLED: &str = "age class disabled";

/// A checked setting.
///
/// # Errors
/// A notice id or version that is empty, too long or holds control characters.
pub fn setting(
    notice_id: String,
    notice_version: String,
    research: bool,
    enabled_at: Timestamp,
) -> Result<AgeClassSetting, UseCaseError> {
    check_text("notice_id", &notice_id)?;
    check_text("notice_version", &notice_version)?;
    Ok(AgeClassSetting { notice_id, notice_version, research, enabled_at })
}

/// What the audit record says about a setting.
pub fn setting_details(setting: &AgeClassSetting) -> [(String, String); 2] {
    [
        ("notice".to_owned(), format!("{}@{}", setting.notice_id, setting.notice_version)),
        ("research".to_owned(), setting.research.to_string()),
    ]
}

/// A head as shown.
pub fn shown_head(head: &AgeHead) -> AgeHeadRef {
    let info = head.info();
    AgeHeadRef { artifact: head.reference(), license_class: info.license, data: info.data.clone() }
}

fn shown_hint(hint: RoutingHint, fine: bool) -> ShownHint {
    ShownHint {
        queue: hint.queue,
        reason: hint.reason,
        band: hint.band(),
        confidence: fine.then_some(hint.confidence),
    }
}

/// The age of the voice of an embedding. Runs in the engine.
fn estimate(head: &AgeHead, probe: &Probe) -> Result<AgeEstimate, UseCaseError> {
    let input = AgeInput {
        embedding: &probe.embedding,
        bandwidth: probe.bandwidth,
        net_speech_ms: probe.net_speech_ms,
    };
    head.estimate(&[input]).map_err(|error| UseCaseError::Internal(Box::new(error)))
}

/// What was heard of a caller; lives as long as the request.
struct Heard {
    estimate: Option<AgeEstimate>,
    quality: Quality,
}

impl Inner {
    pub(super) async fn classify_age(
        self: Shared,
        by: Caller,
        audio: Recording,
    ) -> Result<AgeClassification, UseCaseError> {
        require(&by, Right::ClassifyAge)?;
        let setting = self.age_class(&by.tenant).ok_or(UseCaseError::AgeClassDisabled)?;
        let voice = self.voice(&by.tenant)?;
        let head = head_for(&voice, setting.research)?;
        let heard = self.hear_age(voice, Arc::clone(&head), audio).await?;
        // It may have been disabled while the caller was heard.
        let setting = self.age_class(&by.tenant).ok_or(UseCaseError::AgeClassDisabled)?;
        let verdict = classify_age(&self.parts.policy.age, heard.estimate.as_ref(), &heard.quality);
        let draft = self.categorization(&by, &setting, &head, &verdict, &heard.quality);
        let fine = sees_fine_scores(by.role);
        let answer = AgeClassification {
            class: verdict.class,
            reasons: verdict.reasons,
            estimate: heard.estimate.filter(|_| fine),
            routing: verdict.routing.map(|hint| shown_hint(hint, fine)),
            quality: heard.quality,
            head: shown_head(&head),
            decision_id: draft.decision.clone(),
            versions: self.versions(&by.tenant),
        };
        self.record(&by.tenant, draft).await?;
        Ok(answer)
    }

    fn age_class(&self, tenant: &TenantId) -> Option<AgeClassSetting> {
        self.parts.store.tenant(tenant)?.age_class
    }

    async fn hear_age(
        &self,
        voice: VoiceParts,
        head: Arc<AgeHead>,
        audio: Recording,
    ) -> Result<Heard, UseCaseError> {
        let (least, model) = (self.parts.policy.age.min_net_speech_ms, voice.clone());
        self.hear(&model, Arc::new(audio), least, move |speech| {
            let quality = speech.quality;
            if quality.net_speech_ms < least {
                return Ok(Heard { estimate: None, quality });
            }
            let probe = voice.probe(&speech.frames, &quality)?;
            Ok(Heard { estimate: Some(estimate(&head, &probe)?), quality })
        })
        .await
    }

    /// The class of age of a caller in a session, for its routing: determined, and recorded without a word about
    /// whose session it is. `None` while the tenant has not enabled it, or has no head for it.
    pub(super) async fn age_for_routing(
        &self,
        by: &Caller,
        voice: &VoiceParts,
        probe: Probe,
        quality: Quality,
    ) -> Result<Option<(AgeClass, Option<Probability>)>, UseCaseError> {
        let Some(setting) = self.age_class(&by.tenant) else { return Ok(None) };
        let Ok(head) = head_for(voice, setting.research) else { return Ok(None) };
        let of = Arc::clone(&head);
        let found = self.compute(move || estimate(&of, &probe)).await??;
        let verdict = classify_age(&self.parts.policy.age, Some(&found), &quality);
        let draft = self.categorization(by, &setting, &head, &verdict, &quality);
        self.record(&by.tenant, draft).await?;
        let unheard = [Reason::SpeakLonger, Reason::NotSpeech];
        let heard = !verdict.reasons.iter().any(|reason| unheard.contains(reason));
        Ok(Some((verdict.class, heard.then_some(found.p_senior))))
    }

    /// Whether the tenant has enabled it.
    pub(super) fn tells_age(&self, tenant: &TenantId) -> bool {
        self.age_class(tenant).is_some()
    }

    /// The record: class, head, notice, queue, quality. No age, no probability, nobody's name.
    fn categorization(
        &self,
        by: &Caller,
        setting: &AgeClassSetting,
        head: &AgeHead,
        verdict: &AgeVerdict,
        quality: &Quality,
    ) -> Draft {
        let mut draft = self.draft(by, AuditKind::Categorization, ACT_CLASSIFIED);
        let event = &mut draft.event;
        event.reasons.clone_from(&verdict.reasons);
        event.quality = Some(quality.clone());
        event.details.extend(setting_details(setting));
        let queue = verdict.routing.map_or("none", |hint| hint.queue.as_str());
        for (name, value) in [
            ("age_class", verdict.class.as_str().to_owned()),
            ("age_head", head.reference().to_string()),
            ("routing", queue.to_owned()),
        ] {
            event.details.insert(name.to_owned(), value);
        }
        draft
    }

    pub(super) async fn enable_age_class(
        &self,
        by: Caller,
        c: EnableAgeClass,
    ) -> Result<Done<AgeClassStatus>, UseCaseError> {
        require(&by, Right::SetAgeClass)?;
        let request = Content::new()
            .text(&c.notice_id)
            .text(&c.notice_version)
            .flag(c.research)
            .request("vouch.v1.AgeService/EnableAgeClass", &c.key);
        let mut draft = self.draft(&by, AuditKind::Categorization, ACT_ENABLED);
        let setting = setting(c.notice_id, c.notice_version, c.research, draft.at)?;
        if let Some(answer) = self.remembered(&by, &request).await? {
            return Ok(answer);
        }
        let voice = self.voice(&by.tenant)?;
        let head = match (c.research, &voice.age.research) {
            (true, None) => return Err(missing(&voice, LicenseClass::Research)),
            (research, _) => head_for(&voice, research)?,
        };
        draft.event.details.extend(setting_details(&setting));
        draft.effects = vec![Effect::SetAgeClass(Some(Box::new(setting.clone())))];
        let status = AgeClassStatus { setting: Some(setting), head: Some(shown_head(&head)) };
        self.switch(&by, &request, draft, status).await
    }

    pub(super) async fn disable_age_class(
        &self,
        by: Caller,
        c: DisableAgeClass,
    ) -> Result<Done<AgeClassStatus>, UseCaseError> {
        require(&by, Right::SetAgeClass)?;
        let request = Content::new().request("vouch.v1.AgeService/DisableAgeClass", &c.key);
        if let Some(answer) = self.remembered(&by, &request).await? {
            return Ok(answer);
        }
        let mut draft = self.draft(&by, AuditKind::Categorization, ACT_DISABLED);
        draft.effects = vec![Effect::SetAgeClass(None)];
        let status = AgeClassStatus { setting: None, head: None };
        self.switch(&by, &request, draft, status).await
    }

    async fn switch(
        &self,
        by: &Caller,
        request: &Request,
        mut draft: Draft,
        status: AgeClassStatus,
    ) -> Result<Done<AgeClassStatus>, UseCaseError> {
        draft.event.reasons = vec![Reason::Administrative];
        let versions = self.versions(&by.tenant);
        let answer = Done { value: status, decision_id: draft.decision.clone(), versions };
        Ok(self.commit(by, request, draft, answer).await?.0)
    }

    pub(super) fn age_class_status(&self, by: &Caller) -> Result<AgeClassStatus, UseCaseError> {
        require(by, Right::SetAgeClass)?;
        let setting = self.age_class(&by.tenant);
        let head = setting.as_ref().and_then(|setting| {
            let voice = self.voice(&by.tenant).ok()?;
            voice.age.pick(setting.research).map(|head| shown_head(head))
        });
        Ok(AgeClassStatus { setting, head })
    }
}

fn head_for(voice: &VoiceParts, research: bool) -> Result<Arc<AgeHead>, UseCaseError> {
    let head = voice.age.pick(research).cloned();
    head.ok_or_else(|| missing(voice, LicenseClass::Open))
}

fn missing(voice: &VoiceParts, class: LicenseClass) -> UseCaseError {
    let model = voice.extractor.artifact().id;
    UseCaseError::AgeHeadMissing { model, class: class_name(class) }
}
