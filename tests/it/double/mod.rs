//! A double of the application. What it does follows from the subject id, so that a test reads in one
//! place: see [`Manner`].

mod answers;
mod live;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use vouch::domain::*;
use vouch::usecase::UseCaseError;
use vouch::usecase::command::*;
use vouch::usecase::export::Exported;
use vouch::usecase::output::*;
use vouch::usecase::policies::*;
use vouch::usecase::port::*;
use vouch::usecase::sessions::{
    Ended, MintSessionToken, MintedToken, OpenSession, ResumeSession, SessionGrant, SessionStatus,
};

use answers::*;
use live::LiveDouble;

pub use answers::versions;

/// The one valid key.
pub const KEY: &str = "vk_0123_test-secret";

/// What happens for subject ids of a certain name.
pub mod manner {
    /// Unary calls take [`super::SLOW`]; each pushed chunk takes [`super::SLOW_PUSH`].
    pub const SLOW: &str = "slow-subject";
    /// Panics.
    pub const PANIC: &str = "panic-subject";
    /// Streams: the third chunk gives the final decision.
    pub const EARLY: &str = "early-subject";
    /// Streams: a second of audio is needed for news.
    pub const PATIENT: &str = "patient-subject";
    /// The store is not available.
    pub const STORE_DOWN: &str = "store-down-subject";
    /// The engine is full.
    pub const BUSY: &str = "busy-subject";
    /// No model.
    pub const NO_MODEL: &str = "no-model-subject";
}

pub const SLOW: Duration = Duration::from_millis(700);
pub const SLOW_PUSH: Duration = Duration::from_millis(400);

#[derive(Default)]
pub struct Counts {
    /// Keys presented.
    pub authenticated: AtomicUsize,
    /// Use-cases begun.
    pub begun: AtomicUsize,
    /// Unary use-cases ended.
    pub ended: AtomicUsize,
    /// Chunks taken by live objects.
    pub pushed: AtomicUsize,
    /// How often, one or several at once.
    pub batches: AtomicUsize,
    /// Live objects finished.
    pub finished: AtomicUsize,
    /// Live objects dropped without being finished.
    pub dropped: AtomicUsize,
}

pub struct Double {
    pub counts: Arc<Counts>,
    pub ready: AtomicBool,
    pub model: AtomicBool,
}

impl Default for Double {
    fn default() -> Self {
        Self { counts: Arc::default(), ready: AtomicBool::new(true), model: AtomicBool::new(true) }
    }
}

impl Double {
    pub fn count(&self, pick: impl Fn(&Counts) -> &AtomicUsize) -> usize {
        pick(&self.counts).load(Ordering::SeqCst)
    }

    fn unary<T: Send + 'static>(&self, subject: Option<&SubjectId>, value: T) -> Reply<'static, T> {
        let counts = Arc::clone(&self.counts);
        let subject = subject.map(|s| s.as_str().to_owned()).unwrap_or_default();
        counts.begun.fetch_add(1, Ordering::SeqCst);
        Box::pin(async move {
            refuse(&subject)?;
            if subject == manner::SLOW {
                tokio::time::sleep(SLOW).await;
            }
            counts.ended.fetch_add(1, Ordering::SeqCst);
            Ok(value)
        })
    }
}

fn refuse(subject: &str) -> Result<(), UseCaseError> {
    match subject {
        manner::PANIC => panic!("asked to"),
        manner::STORE_DOWN => {
            Err(UseCaseError::StoreUnavailable("disk /var/secret-place is full".into()))
        }
        manner::BUSY => Err(UseCaseError::Busy { queue: "engine", retry_after_ms: 250 }),
        manner::NO_MODEL => Err(UseCaseError::ModelMissing { model: "campplus".into() }),
        _ => Ok(()),
    }
}

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
        let record = ConsentRecord {
            id: ConsentId::parse("c-1").unwrap(),
            notice_id: c.notice_id,
            notice_version: c.notice_version,
            purpose: c.purpose,
            channel: c.channel,
            collector: c.collector,
            given_at: c.given_at.unwrap_or(Timestamp::from_unix_ms(5)),
            expires_at: c.expires_at,
            withdrawn_at: None,
        };
        self.unary(Some(&c.subject), done((record, true)))
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
        let status = EnrollmentStatus {
            state: EnrollmentState::InProgress,
            progress: progress(12_400),
            versions: versions(),
        };
        self.unary(Some(&subject), status)
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
        let outcome = |capture: &RawCapture| CaptureOutcome {
            capture: capture.capture.clone(),
            accepted: true,
            reasons: vec![],
        };
        let answer = BehaviorEnrollment {
            state: EnrollmentState::InProgress,
            progress: BehaviorProgress {
                captures: 7,
                required_captures: 10,
                units: 88,
                required_units: 100,
                unit: "keys".into(),
            },
            captures: c.captures.iter().map(outcome).collect(),
            reasons: vec![Reason::EnrollmentInProgress],
            profile: Some(BehaviorProfileId::parse("p-1").unwrap()),
            kind: BehaviorKind::FreeText,
            device: Device::Phone,
            decision_id: decision_id(),
            versions: versions(),
        };
        self.unary(Some(&c.subject), answer)
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
        let answer = TextEnrollment {
            state: EnrollmentState::InProgress,
            progress: StyleProgress { words: 320, required_words: 500 },
            accepted: true,
            reasons: vec![Reason::EnrollmentInProgress],
            profile: Some(BehaviorProfileId::parse("p-1").unwrap()),
            words: 320,
            decision_id: decision_id(),
            versions: versions(),
        };
        self.unary(Some(&c.subject), answer)
    }

    fn verify_texts<'a>(&'a self, _: &'a Caller, c: VerifyTexts) -> Reply<'a, TextVerification> {
        let answer = TextVerification {
            decision: Decision::StepUp,
            reasons: vec![Reason::BehaviorMatch, Reason::BehaviorAlone],
            score: Some(ShownScore { band: ScoreBand::High, llr: None, raw: None }),
            findings: vec![ShownTextFinding {
                kind: FindingKind::SocialEngineering,
                state: Finding::Present,
                codes: vec!["CODE_REQUEST".into()],
            }],
            habits: vec![],
            words: 250,
            messages: c.texts.len() as u32,
            enough: true,
            adapted: false,
            decision_id: decision_id(),
            versions: versions(),
        };
        self.unary(Some(&c.subject), answer)
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
        let entry = Feedback {
            kind: c.kind,
            instead: c.instead,
            reviewer: c.reviewer,
            reason: c.reason,
            recorded_at: Timestamp::from_unix_ms(1_500),
            record: decision_id(),
            actor: None,
        };
        self.unary(None, done(RecordedOutcome { entry, replaced: 1 }))
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
        let found = AgeClassification {
            class: AgeClass::Senior,
            reasons: vec![Reason::NarrowBand],
            estimate: None,
            routing: Some(ShownHint {
                queue: RoutingQueue::Priority,
                reason: Reason::SeniorLikely,
                band: ConfidenceBand::High,
                confidence: None,
            }),
            quality: quality(5_000),
            head: age_head(),
            decision_id: decision_id(),
            versions: versions(),
        };
        self.unary(None, found)
    }

    fn enable_age_class<'a>(
        &'a self,
        _: &'a Caller,
        c: EnableAgeClass,
    ) -> Reply<'a, Done<AgeClassStatus>> {
        let setting = AgeClassSetting {
            notice_id: c.notice_id,
            notice_version: c.notice_version,
            research: c.research,
            enabled_at: Timestamp::from_unix_ms(1_500),
        };
        let status = AgeClassStatus { setting: Some(setting), head: Some(age_head()) };
        self.unary(None, done(status))
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
