//! The application: every use-case behind the port.

use std::future::Future;
use std::sync::Arc;

use crate::domain::{
    ArtifactRef, AudioFormat, ConsentRecord, DecisionId, RedactionMode, SessionId, SubjectId,
    TenantId, Versions,
};
use crate::usecase::UseCaseError;
use crate::usecase::access::{Right, require};
use crate::usecase::command::*;
use crate::usecase::core::{Inner, Shared, to_the_end};
use crate::usecase::export::Exported;
use crate::usecase::gallery::Galleries;
use crate::usecase::output::*;
use crate::usecase::parts::Parts;
use crate::usecase::policies::*;
use crate::usecase::port::{
    Application, LiveBehavior, LiveEnrollment, LiveIdentification, LiveSession, LiveVerification,
    Reply,
};
use crate::usecase::sessions::{
    Ended, MintSessionToken, MintedToken, OpenSession, ReportContext, ResumeSession, SessionGrant,
    SessionPolicy, SessionStatus, Sessions,
};

/// The one implementation of [`Application`].
#[derive(Clone)]
pub struct Vouch {
    inner: Shared,
}

impl Vouch {
    /// Loads the voiceprints that can be found into memory. Needs a tokio runtime.
    ///
    /// # Errors
    /// The store cannot be read, or holds what the model cannot take.
    pub async fn start(parts: Parts) -> Result<Self, UseCaseError> {
        let galleries = Galleries::load(&parts).await?;
        let sessions = Sessions::new(Policies::new(&parts.session_policy, &parts.fusion)?);
        let calibrated = parts.calibrated();
        let live_keys = Arc::default();
        let inner = Inner { parts, galleries, sessions, live_keys, calibrated };
        let open = inner.end_open_sessions(inner.sessions.longest_ms()).await?;
        if open > 0 {
            tracing::warn!(open, "sessions were open when the server stopped: ended as incomplete");
        }
        Ok(Self { inner: Arc::new(inner) })
    }

    /// Holds sessions that are opened from now on to this policy in place of the server's. Tenants with a policy of
    /// their own keep it.
    pub fn hold_sessions_to(&self, policy: Arc<dyn SessionPolicy>) {
        self.inner.sessions.policies.replace(policy);
    }

    /// A use-case that changes something: it runs to its end even if the caller goes away.
    fn act<'a, T, F>(&'a self, work: impl FnOnce(Shared) -> F) -> Reply<'a, T>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, UseCaseError>> + Send + 'static,
    {
        Box::pin(to_the_end(work(Arc::clone(&self.inner))))
    }
}

/// Runs a use-case of [`Inner`] that takes an owned caller and one command.
macro_rules! act {
    ($self:ident, $by:ident, $name:ident($($arg:expr),*)) => {{
        let by = $by.clone();
        $self.act(|inner| async move { inner.$name(by, $($arg),*).await })
    }};
}

impl Application for Vouch {
    fn authenticate<'a>(&'a self, presented: &'a str) -> Reply<'a, Caller> {
        Box::pin(async move {
            let known = self.inner.parts.store.authenticate(presented, self.inner.now());
            let caller = known.ok_or(UseCaseError::Unauthenticated)?;
            Ok(Caller { tenant: caller.tenant, key: caller.key, role: caller.role })
        })
    }

    fn versions(&self, tenant: Option<&TenantId>) -> Versions {
        match tenant {
            Some(tenant) => self.inner.versions(tenant),
            None => self.inner.versions_with(self.inner.parts.voice.as_ref()),
        }
    }

    fn ready(&self) -> bool {
        self.inner.parts.store.writable()
    }

    fn create_subject<'a>(
        &'a self,
        by: &'a Caller,
        c: CreateSubject,
    ) -> Reply<'a, Done<SubjectInfo>> {
        act!(self, by, create_subject(c))
    }

    fn get_subject<'a>(&'a self, by: &'a Caller, subject: SubjectId) -> Reply<'a, SubjectInfo> {
        Box::pin(async move { self.inner.get_subject(by, &subject).await })
    }

    fn list_subjects<'a>(
        &'a self,
        by: &'a Caller,
        page_size: usize,
        token: Option<String>,
    ) -> Reply<'a, Page<SubjectInfo>> {
        Box::pin(self.inner.list_subjects(by, page_size, token))
    }

    fn record_consent<'a>(
        &'a self,
        by: &'a Caller,
        c: RecordConsent,
    ) -> Reply<'a, Done<(ConsentRecord, bool)>> {
        act!(self, by, record_consent(c))
    }

    fn withdraw_consent<'a>(&'a self, by: &'a Caller, c: WithdrawConsent) -> Reply<'a, Done<u32>> {
        act!(self, by, withdraw_consent(c))
    }

    fn set_opt_out<'a>(&'a self, by: &'a Caller, c: SetOptOut) -> Reply<'a, Done<()>> {
        act!(self, by, set_opt_out(c))
    }

    fn add_phone_number<'a>(&'a self, by: &'a Caller, c: SubjectNumber) -> Reply<'a, Done<u32>> {
        act!(self, by, add_phone_number(c))
    }

    fn remove_phone_number<'a>(&'a self, by: &'a Caller, c: SubjectNumber) -> Reply<'a, Done<u32>> {
        act!(self, by, remove_phone_number(c))
    }

    fn export_subject<'a>(&'a self, by: &'a Caller, c: ExportSubject) -> Reply<'a, Exported> {
        act!(self, by, export_subject(c))
    }

    fn erase_subject<'a>(&'a self, by: &'a Caller, c: OnSubject) -> Reply<'a, Done<Erasure>> {
        act!(self, by, erase_subject(c))
    }

    fn enroll<'a>(&'a self, by: &'a Caller, c: Enroll, audio: Recording) -> Reply<'a, Enrollment> {
        act!(self, by, enroll(c, audio))
    }

    fn enroll_stream<'a>(
        &'a self,
        by: &'a Caller,
        c: Enroll,
        format: AudioFormat,
    ) -> Reply<'a, Box<dyn LiveEnrollment>> {
        let inner = Arc::clone(&self.inner);
        Box::pin(inner.enroll_stream(by.clone(), c, format))
    }

    fn enrollment<'a>(&'a self, by: &'a Caller, subject: SubjectId) -> Reply<'a, EnrollmentStatus> {
        Box::pin(async move { self.inner.enrollment(by, &subject).await })
    }

    fn cancel_enrollment<'a>(&'a self, by: &'a Caller, c: OnSubject) -> Reply<'a, Done<u32>> {
        act!(self, by, cancel_enrollment(c))
    }

    fn voiceprints<'a>(
        &'a self,
        by: &'a Caller,
        subject: SubjectId,
    ) -> Reply<'a, Vec<VoiceprintInfo>> {
        Box::pin(async move { self.inner.voiceprints(by, &subject).await })
    }

    fn delete_voiceprint<'a>(&'a self, by: &'a Caller, c: DeleteVoiceprint) -> Reply<'a, Done<()>> {
        act!(self, by, delete_voiceprint(c))
    }

    fn renew_voiceprints<'a>(
        &'a self,
        by: &'a Caller,
        key: IdempotencyKey,
    ) -> Reply<'a, Done<(u32, u32)>> {
        act!(self, by, renew_voiceprints(key))
    }

    fn verify<'a>(
        &'a self,
        by: &'a Caller,
        c: Verify,
        audio: Recording,
    ) -> Reply<'a, Verification> {
        act!(self, by, verify(c, audio))
    }

    fn verify_stream<'a>(
        &'a self,
        by: &'a Caller,
        c: Verify,
        format: AudioFormat,
    ) -> Reply<'a, Box<dyn LiveVerification>> {
        let inner = Arc::clone(&self.inner);
        Box::pin(inner.verify_stream(by.clone(), c, format))
    }

    fn identify<'a>(
        &'a self,
        by: &'a Caller,
        c: Identify,
        audio: Recording,
    ) -> Reply<'a, Identification> {
        act!(self, by, identify(c, audio))
    }

    fn identify_stream<'a>(
        &'a self,
        by: &'a Caller,
        c: Identify,
        format: AudioFormat,
    ) -> Reply<'a, Box<dyn LiveIdentification>> {
        let inner = Arc::clone(&self.inner);
        Box::pin(inner.identify_stream(by.clone(), c, format))
    }

    fn enroll_behavior<'a>(
        &'a self,
        by: &'a Caller,
        c: EnrollBehavior,
    ) -> Reply<'a, BehaviorEnrollment> {
        act!(self, by, enroll_behavior(c))
    }

    fn verify_behavior<'a>(
        &'a self,
        by: &'a Caller,
        c: VerifyBehavior,
    ) -> Reply<'a, BehaviorVerification> {
        act!(self, by, verify_behavior(c))
    }

    fn observe_behavior<'a>(
        &'a self,
        by: &'a Caller,
        c: ObserveBehavior,
    ) -> Reply<'a, Box<dyn LiveBehavior>> {
        let inner = Arc::clone(&self.inner);
        Box::pin(inner.observe_behavior(by.clone(), c))
    }

    fn behavior_profiles<'a>(
        &'a self,
        by: &'a Caller,
        subject: SubjectId,
    ) -> Reply<'a, Vec<BehaviorProfileInfo>> {
        Box::pin(async move { self.inner.behavior_profiles(by, &subject).await })
    }

    fn delete_behavior_profile<'a>(
        &'a self,
        by: &'a Caller,
        c: DeleteBehaviorProfile,
    ) -> Reply<'a, Done<()>> {
        act!(self, by, delete_behavior_profile(c))
    }

    fn enroll_texts<'a>(&'a self, by: &'a Caller, c: EnrollTexts) -> Reply<'a, TextEnrollment> {
        act!(self, by, enroll_texts(c))
    }

    fn verify_texts<'a>(&'a self, by: &'a Caller, c: VerifyTexts) -> Reply<'a, TextVerification> {
        act!(self, by, verify_texts(c))
    }

    fn style_profiles<'a>(
        &'a self,
        by: &'a Caller,
        subject: SubjectId,
    ) -> Reply<'a, Vec<StyleProfileInfo>> {
        Box::pin(async move { self.inner.style_profiles(by, &subject).await })
    }

    fn delete_style_profile<'a>(
        &'a self,
        by: &'a Caller,
        c: DeleteBehaviorProfile,
    ) -> Reply<'a, Done<()>> {
        act!(self, by, delete_style_profile(c))
    }

    fn redact_text<'a>(&'a self, by: &'a Caller, c: RedactText) -> Reply<'a, RedactedText> {
        Box::pin(async move { self.inner.redact_text(by, &c) })
    }

    fn set_redaction<'a>(
        &'a self,
        by: &'a Caller,
        c: SetRedaction,
    ) -> Reply<'a, Done<RedactionMode>> {
        act!(self, by, set_redaction(c))
    }

    fn redaction<'a>(&'a self, by: &'a Caller) -> Reply<'a, RedactionMode> {
        Box::pin(async move { self.inner.redaction_mode(by) })
    }

    fn mint_session_token<'a>(
        &'a self,
        by: &'a Caller,
        c: MintSessionToken,
    ) -> Reply<'a, MintedToken> {
        Box::pin(self.inner.mint_session_token(by, c))
    }

    fn authenticate_session<'a>(&'a self, presented: &'a str) -> Reply<'a, (Caller, SessionGrant)> {
        Box::pin(async move { self.inner.authenticate_session(presented) })
    }

    fn open_session<'a>(
        &'a self,
        by: &'a Caller,
        c: OpenSession,
    ) -> Reply<'a, Box<dyn LiveSession>> {
        act!(self, by, open_session(c))
    }

    fn resume_session<'a>(
        &'a self,
        by: &'a Caller,
        c: ResumeSession,
    ) -> Reply<'a, Box<dyn LiveSession>> {
        act!(self, by, resume_session(c))
    }

    fn session_status<'a>(
        &'a self,
        by: &'a Caller,
        session: SessionId,
    ) -> Reply<'a, SessionStatus> {
        Box::pin(self.inner.session_status(by, session))
    }

    fn report_context<'a>(&'a self, by: &'a Caller, c: ReportContext) -> Reply<'a, ()> {
        Box::pin(self.inner.report_context(by, c))
    }

    fn end_session<'a>(&'a self, by: &'a Caller, session: SessionId) -> Reply<'a, Ended> {
        act!(self, by, end_session(session))
    }

    fn check_policy<'a>(&'a self, by: &'a Caller, file: String) -> Reply<'a, PolicyCheck> {
        Box::pin(self.inner.check_policy(by, file))
    }

    fn propose_policy<'a>(
        &'a self,
        by: &'a Caller,
        c: ProposePolicy,
    ) -> Reply<'a, Done<PolicyOverview>> {
        act!(self, by, propose_policy(c))
    }

    fn approve_policy<'a>(
        &'a self,
        by: &'a Caller,
        c: ApprovePolicy,
    ) -> Reply<'a, Done<PolicyOverview>> {
        act!(self, by, approve_policy(c))
    }

    fn reject_policy<'a>(
        &'a self,
        by: &'a Caller,
        c: RejectPolicy,
    ) -> Reply<'a, Done<PolicyOverview>> {
        act!(self, by, reject_policy(c))
    }

    fn roll_back_policy<'a>(
        &'a self,
        by: &'a Caller,
        c: RollBackPolicy,
    ) -> Reply<'a, Done<PolicyOverview>> {
        act!(self, by, roll_back_policy(c))
    }

    fn shadow_policy<'a>(
        &'a self,
        by: &'a Caller,
        c: ShadowPolicy,
    ) -> Reply<'a, Done<PolicyOverview>> {
        act!(self, by, shadow_policy(c))
    }

    fn policy<'a>(&'a self, by: &'a Caller, version: Option<ArtifactRef>) -> Reply<'a, PolicyInfo> {
        Box::pin(self.inner.policy(by, version))
    }

    fn policies<'a>(
        &'a self,
        by: &'a Caller,
        page_size: usize,
        token: Option<String>,
    ) -> Reply<'a, PolicyList> {
        Box::pin(async move { self.inner.policies(by, page_size, token) })
    }

    fn what_if<'a>(&'a self, by: &'a Caller, c: AskWhatIf) -> Reply<'a, WhatIfReport> {
        Box::pin(self.inner.what_if(by, c))
    }

    fn decisions<'a>(
        &'a self,
        by: &'a Caller,
        filter: DecisionFilter,
    ) -> Reply<'a, Page<DecisionInfo>> {
        Box::pin(self.inner.decisions(by, filter))
    }

    fn explain<'a>(
        &'a self,
        by: &'a Caller,
        c: ExplainDecision,
    ) -> Reply<'a, (DecisionInfo, Vec<String>)> {
        Box::pin(self.inner.explain(by, c))
    }

    fn record_outcome<'a>(
        &'a self,
        by: &'a Caller,
        c: RecordOutcome,
    ) -> Reply<'a, Done<RecordedOutcome>> {
        act!(self, by, record_outcome(c))
    }

    fn outcome<'a>(&'a self, by: &'a Caller, decision: DecisionId) -> Reply<'a, OutcomeInfo> {
        Box::pin(async move { self.inner.outcome(by, &decision).await })
    }

    fn outcomes<'a>(
        &'a self,
        by: &'a Caller,
        filter: OutcomeFilter,
    ) -> Reply<'a, Page<OutcomeInfo>> {
        Box::pin(self.inner.outcomes(by, filter))
    }

    fn audit_head<'a>(&'a self, by: &'a Caller) -> Reply<'a, AuditHead> {
        Box::pin(async move { self.inner.audit_head(by) })
    }

    fn models<'a>(&'a self, by: &'a Caller) -> Reply<'a, Vec<ModelInfo>> {
        Box::pin(async move {
            require(by, Right::ReadModels)?;
            Ok(self.inner.parts.models.clone())
        })
    }

    fn classify_age<'a>(
        &'a self,
        by: &'a Caller,
        audio: Recording,
    ) -> Reply<'a, AgeClassification> {
        act!(self, by, classify_age(audio))
    }

    fn enable_age_class<'a>(
        &'a self,
        by: &'a Caller,
        c: EnableAgeClass,
    ) -> Reply<'a, Done<AgeClassStatus>> {
        act!(self, by, enable_age_class(c))
    }

    fn disable_age_class<'a>(
        &'a self,
        by: &'a Caller,
        c: DisableAgeClass,
    ) -> Reply<'a, Done<AgeClassStatus>> {
        act!(self, by, disable_age_class(c))
    }

    fn age_class_status<'a>(&'a self, by: &'a Caller) -> Reply<'a, AgeClassStatus> {
        Box::pin(async move { self.inner.age_class_status(by) })
    }
}
