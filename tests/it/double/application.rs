//! What the double does with each call.

use std::sync::atomic::Ordering;

use vouch::domain::*;
use vouch::usecase::UseCaseError;
use vouch::usecase::command::*;
use vouch::usecase::export::Exported;
use vouch::usecase::output::*;
use vouch::usecase::policies::*;
use vouch::usecase::port::*;
use vouch::usecase::sessions::{
    Ended, MintSessionToken, MintedToken, OpenSession, ReportContext, ResumeSession, SessionGrant,
    SessionStatus,
};

use super::answers::*;
use super::live::LiveDouble;
use super::{Double, KEY, manner, refuse};

impl Application for Double {
    fn mint_session_token<'a>(
        &'a self,
        _: &'a Caller,
        _: MintSessionToken,
    ) -> Reply<'a, MintedToken> {
        let expires_at = Timestamp::from_unix_ms(1_000);
        Box::pin(async move { Ok(MintedToken { token: "vs_1".to_owned(), expires_at }) })
    }

    fn authenticate_session<'a>(&'a self, _: &'a str) -> Reply<'a, (Caller, SessionGrant)> {
        self.counts.authenticated.fetch_add(1, Ordering::SeqCst);
        Box::pin(async { Err(UseCaseError::Unauthenticated) })
    }

    fn open_session<'a>(
        &'a self,
        _: &'a Caller,
        _: OpenSession,
    ) -> Reply<'a, Box<dyn LiveSession>> {
        Box::pin(async { Err(UseCaseError::NotFound { what: "session" }) })
    }

    fn resume_session<'a>(
        &'a self,
        _: &'a Caller,
        _: ResumeSession,
    ) -> Reply<'a, Box<dyn LiveSession>> {
        Box::pin(async { Err(UseCaseError::NotFound { what: "session" }) })
    }

    fn session_status<'a>(
        &'a self,
        _: &'a Caller,
        _: vouch::domain::SessionId,
    ) -> Reply<'a, SessionStatus> {
        Box::pin(async { Err(UseCaseError::NotFound { what: "session" }) })
    }

    fn report_context<'a>(&'a self, _: &'a Caller, _: ReportContext) -> Reply<'a, ()> {
        Box::pin(async { Err(UseCaseError::NotFound { what: "session" }) })
    }

    fn end_session<'a>(&'a self, _: &'a Caller, _: vouch::domain::SessionId) -> Reply<'a, Ended> {
        Box::pin(async { Err(UseCaseError::NotFound { what: "session" }) })
    }

    fn authenticate<'a>(&'a self, presented: &'a str) -> Reply<'a, Caller> {
        self.counts.authenticated.fetch_add(1, Ordering::SeqCst);
        Box::pin(async move {
            if presented != KEY {
                return Err(UseCaseError::Unauthenticated);
            }
            Ok(Caller {
                tenant: TenantId::parse("tenant-1").unwrap(),
                key: ApiKeyId::parse("k-1").unwrap(),
                role: Role::Client,
            })
        })
    }

    fn versions(&self, _: Option<&TenantId>) -> Versions {
        let mut versions = versions();
        if !self.model.load(Ordering::SeqCst) {
            versions.model = None;
            versions.calibration = None;
        }
        versions
    }

    fn ready(&self) -> bool {
        self.ready.load(Ordering::SeqCst)
    }

    fn create_subject<'a>(
        &'a self,
        _: &'a Caller,
        c: CreateSubject,
    ) -> Reply<'a, Done<SubjectInfo>> {
        let id = c.subject.unwrap_or_else(|| SubjectId::parse("made").unwrap());
        self.unary(Some(&id.clone()), done(subject_info(id)))
    }

    fn get_subject<'a>(&'a self, _: &'a Caller, subject: SubjectId) -> Reply<'a, SubjectInfo> {
        self.unary(Some(&subject.clone()), subject_info(subject))
    }

    fn list_subjects<'a>(
        &'a self,
        _: &'a Caller,
        page_size: usize,
        token: Option<String>,
    ) -> Reply<'a, Page<SubjectInfo>> {
        let next = token.is_none().then(|| format!("after-{page_size}"));
        let items = vec![subject_info(SubjectId::parse("s-1").unwrap())];
        self.unary(None, Page { items, next })
    }

    fn record_consent<'a>(
        &'a self,
        _: &'a Caller,
        c: RecordConsent,
    ) -> Reply<'a, Done<(ConsentRecord, bool)>> {
        let subject = c.subject.clone();
        self.unary(Some(&subject), done((consent_record(c), true)))
    }

    fn withdraw_consent<'a>(&'a self, _: &'a Caller, c: WithdrawConsent) -> Reply<'a, Done<u32>> {
        self.unary(Some(&c.subject), done(2))
    }

    fn set_opt_out<'a>(&'a self, _: &'a Caller, c: SetOptOut) -> Reply<'a, Done<()>> {
        self.unary(Some(&c.subject), done(()))
    }

    fn add_phone_number<'a>(&'a self, _: &'a Caller, c: SubjectNumber) -> Reply<'a, Done<u32>> {
        self.unary(Some(&c.subject), done(2))
    }

    fn remove_phone_number<'a>(&'a self, _: &'a Caller, c: SubjectNumber) -> Reply<'a, Done<u32>> {
        self.unary(Some(&c.subject), done(1))
    }

    fn export_subject<'a>(&'a self, _: &'a Caller, c: ExportSubject) -> Reply<'a, Exported> {
        let (sender, pages) = tokio::sync::mpsc::channel(1);
        let last = c.subject.as_str() == manner::STORE_DOWN;
        tokio::spawn(async move {
            let _ = sender.send(Ok(vec!["{}".to_owned(); 2])).await;
            if last {
                let down = UseCaseError::StoreUnavailable("disk /var/secret-place is full".into());
                let _ = sender.send(Err(down)).await;
            }
        });
        let (decision_id, versions) = (decision_id(), versions());
        Box::pin(async move { Ok(Exported { decision_id, versions, pages }) })
    }

    fn erase_subject<'a>(&'a self, _: &'a Caller, c: OnSubject) -> Reply<'a, Done<Erasure>> {
        self.unary(Some(&c.subject), done(Erasure::Pending))
    }

    fn enroll<'a>(&'a self, _: &'a Caller, c: Enroll, audio: Recording) -> Reply<'a, Enrollment> {
        let ms = u32::try_from(audio.content.len() / 32).unwrap();
        self.unary(Some(&c.subject), enrollment(ms))
    }

    fn enroll_stream<'a>(
        &'a self,
        _: &'a Caller,
        c: Enroll,
        _: AudioFormat,
    ) -> Reply<'a, Box<dyn LiveEnrollment>> {
        Box::pin(async move {
            refuse(c.subject.as_str())?;
            let live = LiveDouble::new(&c.subject, &self.counts);
            Ok(Box::new(live) as Box<dyn LiveEnrollment>)
        })
    }

    fn enrollment<'a>(&'a self, _: &'a Caller, subject: SubjectId) -> Reply<'a, EnrollmentStatus> {
        self.unary(Some(&subject), enrollment_status())
    }

    fn cancel_enrollment<'a>(&'a self, _: &'a Caller, c: OnSubject) -> Reply<'a, Done<u32>> {
        self.unary(Some(&c.subject), done(3))
    }

    fn voiceprints<'a>(
        &'a self,
        _: &'a Caller,
        subject: SubjectId,
    ) -> Reply<'a, Vec<VoiceprintInfo>> {
        self.unary(Some(&subject), vec![])
    }

    fn delete_voiceprint<'a>(&'a self, _: &'a Caller, c: DeleteVoiceprint) -> Reply<'a, Done<()>> {
        self.unary(Some(&c.subject), done(()))
    }

    fn renew_voiceprints<'a>(
        &'a self,
        _: &'a Caller,
        _: IdempotencyKey,
    ) -> Reply<'a, Done<(u32, u32)>> {
        self.unary(None, done((4, 2)))
    }

    fn verify<'a>(&'a self, _: &'a Caller, c: Verify, audio: Recording) -> Reply<'a, Verification> {
        let ms = u32::try_from(audio.content.len() / 32).unwrap();
        self.unary(Some(&c.subject), verification(ms))
    }

    fn verify_stream<'a>(
        &'a self,
        _: &'a Caller,
        c: Verify,
        _: AudioFormat,
    ) -> Reply<'a, Box<dyn LiveVerification>> {
        Box::pin(async move {
            refuse(c.subject.as_str())?;
            let live = LiveDouble::new(&c.subject, &self.counts);
            Ok(Box::new(live) as Box<dyn LiveVerification>)
        })
    }

    fn identify<'a>(
        &'a self,
        _: &'a Caller,
        c: Identify,
        _: Recording,
    ) -> Reply<'a, Identification> {
        let searched = match &c.candidates {
            Candidates::List(ids) => u32::try_from(ids.len()).unwrap(),
            Candidates::WholeTenant => 99,
        };
        self.unary(None, identification(searched, 5_000))
    }

    fn identify_stream<'a>(
        &'a self,
        _: &'a Caller,
        _: Identify,
        _: AudioFormat,
    ) -> Reply<'a, Box<dyn LiveIdentification>> {
        let nobody = SubjectId::parse("nobody").unwrap();
        Box::pin(async move {
            let live = LiveDouble::new(&nobody, &self.counts);
            Ok(Box::new(live) as Box<dyn LiveIdentification>)
        })
    }

    fn enroll_behavior<'a>(
        &'a self,
        _: &'a Caller,
        c: EnrollBehavior,
    ) -> Reply<'a, BehaviorEnrollment> {
        self.unary(Some(&c.subject), behavior_enrollment(&c.captures))
    }

    fn verify_behavior<'a>(
        &'a self,
        _: &'a Caller,
        c: VerifyBehavior,
    ) -> Reply<'a, BehaviorVerification> {
        self.unary(Some(&c.subject), behavior_verification(c.captures.len() as u32))
    }

    fn observe_behavior<'a>(
        &'a self,
        _: &'a Caller,
        c: ObserveBehavior,
    ) -> Reply<'a, Box<dyn LiveBehavior>> {
        Box::pin(async move {
            refuse(c.subject.as_str())?;
            let live = LiveDouble::new(&c.subject, &self.counts);
            Ok(Box::new(live) as Box<dyn LiveBehavior>)
        })
    }

    fn behavior_profiles<'a>(
        &'a self,
        _: &'a Caller,
        subject: SubjectId,
    ) -> Reply<'a, Vec<BehaviorProfileInfo>> {
        self.unary(Some(&subject), vec![])
    }

    fn delete_behavior_profile<'a>(
        &'a self,
        _: &'a Caller,
        c: DeleteBehaviorProfile,
    ) -> Reply<'a, Done<()>> {
        self.unary(Some(&c.subject), done(()))
    }

    fn enroll_texts<'a>(&'a self, _: &'a Caller, c: EnrollTexts) -> Reply<'a, TextEnrollment> {
        self.unary(Some(&c.subject), text_enrollment())
    }

    fn verify_texts<'a>(&'a self, _: &'a Caller, c: VerifyTexts) -> Reply<'a, TextVerification> {
        let messages = c.texts.len() as u32;
        self.unary(Some(&c.subject), text_verification(messages))
    }

    fn style_profiles<'a>(
        &'a self,
        _: &'a Caller,
        subject: SubjectId,
    ) -> Reply<'a, Vec<StyleProfileInfo>> {
        self.unary(Some(&subject), vec![])
    }

    fn delete_style_profile<'a>(
        &'a self,
        _: &'a Caller,
        c: DeleteBehaviorProfile,
    ) -> Reply<'a, Done<()>> {
        self.unary(Some(&c.subject), done(()))
    }

    fn redact_text<'a>(&'a self, _: &'a Caller, c: RedactText) -> Reply<'a, RedactedText> {
        let mode = RedactionMode::Anonymize;
        self.unary(None, RedactedText { text: c.text, found: 0, mode })
    }

    fn set_redaction<'a>(
        &'a self,
        _: &'a Caller,
        c: SetRedaction,
    ) -> Reply<'a, Done<RedactionMode>> {
        self.unary(None, done(c.mode))
    }

    fn redaction<'a>(&'a self, _: &'a Caller) -> Reply<'a, RedactionMode> {
        self.unary(None, RedactionMode::Anonymize)
    }

    fn check_policy<'a>(&'a self, _: &'a Caller, _: String) -> Reply<'a, PolicyCheck> {
        self.unary(None, PolicyCheck { policy: Some(policy()), problems: vec![] })
    }

    fn propose_policy<'a>(
        &'a self,
        _: &'a Caller,
        _: ProposePolicy,
    ) -> Reply<'a, Done<PolicyOverview>> {
        self.unary(None, done(policy_overview()))
    }

    fn approve_policy<'a>(
        &'a self,
        _: &'a Caller,
        _: ApprovePolicy,
    ) -> Reply<'a, Done<PolicyOverview>> {
        Box::pin(async { Err(UseCaseError::PolicyChange(PolicyChangeError::SamePerson)) })
    }

    fn reject_policy<'a>(
        &'a self,
        _: &'a Caller,
        _: RejectPolicy,
    ) -> Reply<'a, Done<PolicyOverview>> {
        self.unary(None, done(policy_overview()))
    }

    fn roll_back_policy<'a>(
        &'a self,
        _: &'a Caller,
        _: RollBackPolicy,
    ) -> Reply<'a, Done<PolicyOverview>> {
        self.unary(None, done(policy_overview()))
    }

    fn shadow_policy<'a>(
        &'a self,
        _: &'a Caller,
        _: ShadowPolicy,
    ) -> Reply<'a, Done<PolicyOverview>> {
        self.unary(None, done(policy_overview()))
    }

    fn policy<'a>(&'a self, _: &'a Caller, _: Option<ArtifactRef>) -> Reply<'a, PolicyInfo> {
        let (overview, policy) = (policy_overview(), policy());
        self.unary(None, PolicyInfo { overview, version: None, policy, file: None })
    }

    fn policies<'a>(&'a self, _: &'a Caller, _: usize, _: Option<String>) -> Reply<'a, PolicyList> {
        let versions = Page { items: vec![], next: None };
        self.unary(None, PolicyList { overview: policy_overview(), versions })
    }

    fn what_if<'a>(&'a self, _: &'a Caller, _: AskWhatIf) -> Reply<'a, WhatIfReport> {
        Box::pin(async { Err(UseCaseError::NotFound { what: "policy" }) })
    }

    fn decisions<'a>(
        &'a self,
        _: &'a Caller,
        filter: DecisionFilter,
    ) -> Reply<'a, Page<DecisionInfo>> {
        let wanted = filter.decision.is_none_or(|d| d == Decision::Reject);
        let items = match wanted {
            true => vec![decision_info(decision_id())],
            false => vec![],
        };
        self.unary(filter.subject.as_ref(), Page { items, next: None })
    }

    fn explain<'a>(
        &'a self,
        _: &'a Caller,
        c: ExplainDecision,
    ) -> Reply<'a, (DecisionInfo, Vec<String>)> {
        let steps = vec!["LLR -4.0 is below the reject threshold -2.0".to_owned()];
        self.unary(None, (decision_info(c.decision), steps))
    }

    fn record_outcome<'a>(
        &'a self,
        _: &'a Caller,
        c: RecordOutcome,
    ) -> Reply<'a, Done<RecordedOutcome>> {
        self.unary(None, done(recorded_outcome(c)))
    }

    fn outcome<'a>(&'a self, _: &'a Caller, _: DecisionId) -> Reply<'a, OutcomeInfo> {
        Box::pin(async { Err(UseCaseError::NotFound { what: "outcome" }) })
    }

    fn outcomes<'a>(
        &'a self,
        _: &'a Caller,
        filter: OutcomeFilter,
    ) -> Reply<'a, Page<OutcomeInfo>> {
        self.unary(filter.subject.as_ref(), Page { items: vec![], next: None })
    }

    fn audit_head<'a>(&'a self, _: &'a Caller) -> Reply<'a, AuditHead> {
        let head = AuditHead { sequence: 12, head_hash: [7; 32], checkpoint_sequence: 10 };
        self.unary(None, head)
    }

    fn models<'a>(&'a self, _: &'a Caller) -> Reply<'a, Vec<ModelInfo>> {
        self.unary(None, vec![])
    }

    fn classify_age<'a>(&'a self, _: &'a Caller, _: Recording) -> Reply<'a, AgeClassification> {
        self.unary(None, age_classification())
    }

    fn enable_age_class<'a>(
        &'a self,
        _: &'a Caller,
        c: EnableAgeClass,
    ) -> Reply<'a, Done<AgeClassStatus>> {
        self.unary(None, done(age_class_status(c)))
    }

    fn disable_age_class<'a>(
        &'a self,
        _: &'a Caller,
        _: DisableAgeClass,
    ) -> Reply<'a, Done<AgeClassStatus>> {
        self.unary(None, done(AgeClassStatus { setting: None, head: None }))
    }

    fn age_class_status<'a>(&'a self, _: &'a Caller) -> Reply<'a, AgeClassStatus> {
        Box::pin(async { Err(UseCaseError::PermissionDenied { needs: "admin" }) })
    }
}
