//! Where the parts meet: one file a use-case. Each is one transaction; an answer is given only after
//! its audit record is committed, and a client that hangs up does not interrupt it.

pub mod access;
mod adapt_voice;
pub mod age;
pub mod age_files;
pub mod age_head;
pub mod back_end;
pub mod backgrounds;
pub mod behavior;
pub mod behavior_files;
pub mod calibrate;
pub mod command;
pub mod conversation;
mod core;
mod decisions;
pub mod embed_file;
pub mod embedding_cache;
mod enroll;
mod enroll_live;
mod erase;
pub mod error;
pub mod evaluate;
pub mod evaluate_age;
pub mod evaluate_behavior;
pub mod evaluate_session;
mod explain;
pub mod export;
pub mod extract_features;
pub mod extractor_pool;
mod failure;
mod feedback;
pub mod file_embedder;
pub mod fit_backend;
mod gallery;
pub mod hear;
mod identify;
mod identify_live;
pub mod install_model;
pub mod item;
mod listen;
mod live_request;
pub mod model_dir;
pub mod output;
pub mod parts;
mod phone_numbers;
pub mod policies;
pub mod recalibrate;
pub mod recordings;
pub mod redaction;
mod request;
pub mod score_trials;
pub mod sessions;
mod sources;
pub mod speech_set;
mod subjects;
pub mod tape;
#[cfg(test)]
mod tests;
mod verify;
mod verify_live;
mod voice;
mod voiceprints;
mod vouch;

pub use error::UseCaseError;
pub use parts::{Anchors, Clock, Extract, Parts, VoiceParts};
pub use vouch::Vouch;

/// The port the edges talk to. One implementation, `usecase::Vouch`; a trait so that the edges can be
/// tested against a double.
pub mod port {
    use std::future::Future;
    use std::pin::Pin;

    use super::command::*;
    use super::error::UseCaseError;
    use super::export::Exported;
    use super::output::*;
    use super::policies::{
        ApprovePolicy, AskWhatIf, PolicyCheck, PolicyInfo, PolicyList, PolicyOverview,
        ProposePolicy, RejectPolicy, RollBackPolicy, ShadowPolicy, WhatIfReport,
    };
    use super::sessions::{
        Ended, MintSessionToken, MintedToken, OpenSession, ReportContext, ResumeSession,
        SessionGrant, SessionMessage, SessionOutput, SessionStatus,
    };
    use crate::domain::{
        ArtifactRef, AudioFormat, ConsentRecord, DecisionId, RedactionMode, SessionId, SubjectId,
        TenantId, Versions,
    };

    /// A boxed future, so that the port is object-safe.
    pub type Reply<'a, T> = Pin<Box<dyn Future<Output = Result<T, UseCaseError>> + Send + 'a>>;

    /// Everything the edges can ask for.
    pub trait Application: Send + Sync + 'static {
        /// Who presents this API key?
        fn authenticate<'a>(&'a self, presented: &'a str) -> Reply<'a, Caller>;
        /// Fitted things in force for a tenant; without one, for a new tenant.
        fn versions(&self, tenant: Option<&TenantId>) -> Versions;
        /// The store takes what is decided. Whether there is a model is said by [`Application::versions`].
        fn ready(&self) -> bool;

        /// Registers a subject.
        fn create_subject<'a>(
            &'a self,
            by: &'a Caller,
            c: CreateSubject,
        ) -> Reply<'a, Done<SubjectInfo>>;
        /// Reads a subject.
        fn get_subject<'a>(&'a self, by: &'a Caller, subject: SubjectId) -> Reply<'a, SubjectInfo>;
        /// Lists subjects.
        fn list_subjects<'a>(
            &'a self,
            by: &'a Caller,
            page_size: usize,
            token: Option<String>,
        ) -> Reply<'a, Page<SubjectInfo>>;
        /// Records a consent; with whether it is current.
        fn record_consent<'a>(
            &'a self,
            by: &'a Caller,
            c: RecordConsent,
        ) -> Reply<'a, Done<(ConsentRecord, bool)>>;
        /// Withdraws consents; the count.
        fn withdraw_consent<'a>(
            &'a self,
            by: &'a Caller,
            c: WithdrawConsent,
        ) -> Reply<'a, Done<u32>>;
        /// Opts out or in.
        fn set_opt_out<'a>(&'a self, by: &'a Caller, c: SetOptOut) -> Reply<'a, Done<()>>;
        /// Adds a number to a subject; how many it has then.
        fn add_phone_number<'a>(&'a self, by: &'a Caller, c: SubjectNumber)
        -> Reply<'a, Done<u32>>;
        /// Removes one; how many are left.
        fn remove_phone_number<'a>(
            &'a self,
            by: &'a Caller,
            c: SubjectNumber,
        ) -> Reply<'a, Done<u32>>;
        /// Hands out everything held on a subject, page by page.
        fn export_subject<'a>(&'a self, by: &'a Caller, c: ExportSubject) -> Reply<'a, Exported>;
        /// Erases a subject.
        fn erase_subject<'a>(&'a self, by: &'a Caller, c: OnSubject) -> Reply<'a, Done<Erasure>>;

        /// Adds one recording to an enrollment.
        fn enroll<'a>(
            &'a self,
            by: &'a Caller,
            c: Enroll,
            audio: Recording,
        ) -> Reply<'a, Enrollment>;
        /// The same, live.
        fn enroll_stream<'a>(
            &'a self,
            by: &'a Caller,
            c: Enroll,
            format: AudioFormat,
        ) -> Reply<'a, Box<dyn LiveEnrollment>>;
        /// Where an enrollment stands.
        fn enrollment<'a>(
            &'a self,
            by: &'a Caller,
            subject: SubjectId,
        ) -> Reply<'a, EnrollmentStatus>;
        /// Drops collected utterances; the count.
        fn cancel_enrollment<'a>(&'a self, by: &'a Caller, c: OnSubject) -> Reply<'a, Done<u32>>;
        /// Lists voiceprints.
        fn voiceprints<'a>(
            &'a self,
            by: &'a Caller,
            subject: SubjectId,
        ) -> Reply<'a, Vec<VoiceprintInfo>>;
        /// Deletes one.
        fn delete_voiceprint<'a>(
            &'a self,
            by: &'a Caller,
            c: DeleteVoiceprint,
        ) -> Reply<'a, Done<()>>;
        /// Re-seals all voiceprints of the tenant under a new rotation; (count, generation).
        fn renew_voiceprints<'a>(
            &'a self,
            by: &'a Caller,
            key: IdempotencyKey,
        ) -> Reply<'a, Done<(u32, u32)>>;

        /// Verifies one recording.
        fn verify<'a>(
            &'a self,
            by: &'a Caller,
            c: Verify,
            audio: Recording,
        ) -> Reply<'a, Verification>;
        /// Verifies live.
        fn verify_stream<'a>(
            &'a self,
            by: &'a Caller,
            c: Verify,
            format: AudioFormat,
        ) -> Reply<'a, Box<dyn LiveVerification>>;
        /// Searches for a voice.
        fn identify<'a>(
            &'a self,
            by: &'a Caller,
            c: Identify,
            audio: Recording,
        ) -> Reply<'a, Identification>;
        /// Searches for a voice live.
        fn identify_stream<'a>(
            &'a self,
            by: &'a Caller,
            c: Identify,
            format: AudioFormat,
        ) -> Reply<'a, Box<dyn LiveIdentification>>;

        /// Adds captures to a profile of behavior.
        fn enroll_behavior<'a>(
            &'a self,
            by: &'a Caller,
            c: EnrollBehavior,
        ) -> Reply<'a, BehaviorEnrollment>;
        /// Verifies captures.
        fn verify_behavior<'a>(
            &'a self,
            by: &'a Caller,
            c: VerifyBehavior,
        ) -> Reply<'a, BehaviorVerification>;
        /// Verifies captures as they come.
        fn observe_behavior<'a>(
            &'a self,
            by: &'a Caller,
            c: ObserveBehavior,
        ) -> Reply<'a, Box<dyn LiveBehavior>>;
        /// Lists profiles of behavior.
        fn behavior_profiles<'a>(
            &'a self,
            by: &'a Caller,
            subject: SubjectId,
        ) -> Reply<'a, Vec<BehaviorProfileInfo>>;
        /// Deletes one.
        fn delete_behavior_profile<'a>(
            &'a self,
            by: &'a Caller,
            c: DeleteBehaviorProfile,
        ) -> Reply<'a, Done<()>>;

        /// Adds texts to a style profile.
        fn enroll_texts<'a>(&'a self, by: &'a Caller, c: EnrollTexts) -> Reply<'a, TextEnrollment>;
        /// Verifies texts.
        fn verify_texts<'a>(
            &'a self,
            by: &'a Caller,
            c: VerifyTexts,
        ) -> Reply<'a, TextVerification>;
        /// Lists style profiles.
        fn style_profiles<'a>(
            &'a self,
            by: &'a Caller,
            subject: SubjectId,
        ) -> Reply<'a, Vec<StyleProfileInfo>>;
        /// Deletes one.
        fn delete_style_profile<'a>(
            &'a self,
            by: &'a Caller,
            c: DeleteBehaviorProfile,
        ) -> Reply<'a, Done<()>>;
        /// Takes personal data out of a text, as the tenant chose.
        fn redact_text<'a>(&'a self, by: &'a Caller, c: RedactText) -> Reply<'a, RedactedText>;
        /// Chooses how that is done.
        fn set_redaction<'a>(
            &'a self,
            by: &'a Caller,
            c: SetRedaction,
        ) -> Reply<'a, Done<RedactionMode>>;
        /// What was chosen.
        fn redaction<'a>(&'a self, by: &'a Caller) -> Reply<'a, RedactionMode>;

        /// Mints a token that opens one session of an app.
        fn mint_session_token<'a>(
            &'a self,
            by: &'a Caller,
            c: MintSessionToken,
        ) -> Reply<'a, MintedToken>;
        /// Who presents this token, and what it is good for?
        fn authenticate_session<'a>(
            &'a self,
            presented: &'a str,
        ) -> Reply<'a, (Caller, SessionGrant)>;
        /// Opens a session.
        fn open_session<'a>(
            &'a self,
            by: &'a Caller,
            c: OpenSession,
        ) -> Reply<'a, Box<dyn LiveSession>>;
        /// Goes on with one whose connection was lost.
        fn resume_session<'a>(
            &'a self,
            by: &'a Caller,
            c: ResumeSession,
        ) -> Reply<'a, Box<dyn LiveSession>>;
        /// Where one stands.
        fn session_status<'a>(
            &'a self,
            by: &'a Caller,
            session: SessionId,
        ) -> Reply<'a, SessionStatus>;
        /// Tells one what its back end knows.
        fn report_context<'a>(&'a self, by: &'a Caller, c: ReportContext) -> Reply<'a, ()>;
        /// Ends one.
        fn end_session<'a>(&'a self, by: &'a Caller, session: SessionId) -> Reply<'a, Ended>;

        /// Checks a policy file.
        fn check_policy<'a>(&'a self, by: &'a Caller, file: String) -> Reply<'a, PolicyCheck>;
        /// Proposes one.
        fn propose_policy<'a>(
            &'a self,
            by: &'a Caller,
            c: ProposePolicy,
        ) -> Reply<'a, Done<PolicyOverview>>;
        /// Approves the change on its way, as a second person, and puts it in force.
        fn approve_policy<'a>(
            &'a self,
            by: &'a Caller,
            c: ApprovePolicy,
        ) -> Reply<'a, Done<PolicyOverview>>;
        /// Rejects it, as a second person.
        fn reject_policy<'a>(
            &'a self,
            by: &'a Caller,
            c: RejectPolicy,
        ) -> Reply<'a, Done<PolicyOverview>>;
        /// Asks to go back to an earlier policy; a second person approves that.
        fn roll_back_policy<'a>(
            &'a self,
            by: &'a Caller,
            c: RollBackPolicy,
        ) -> Reply<'a, Done<PolicyOverview>>;
        /// Lets the proposed policy run in shadow, or ends that.
        fn shadow_policy<'a>(
            &'a self,
            by: &'a Caller,
            c: ShadowPolicy,
        ) -> Reply<'a, Done<PolicyOverview>>;
        /// One policy; without a version the one in force.
        fn policy<'a>(
            &'a self,
            by: &'a Caller,
            version: Option<ArtifactRef>,
        ) -> Reply<'a, PolicyInfo>;
        /// Lists the tenant's versions, newest first.
        fn policies<'a>(
            &'a self,
            by: &'a Caller,
            page_size: usize,
            token: Option<String>,
        ) -> Reply<'a, PolicyList>;
        /// What another policy would have decided.
        fn what_if<'a>(&'a self, by: &'a Caller, c: AskWhatIf) -> Reply<'a, WhatIfReport>;

        /// Lists decisions, newest first.
        fn decisions<'a>(
            &'a self,
            by: &'a Caller,
            filter: DecisionFilter,
        ) -> Reply<'a, Page<DecisionInfo>>;
        /// One decision and its explanation, one sentence a step.
        fn explain<'a>(
            &'a self,
            by: &'a Caller,
            c: ExplainDecision,
        ) -> Reply<'a, (DecisionInfo, Vec<String>)>;
        /// Records what became of a decision.
        fn record_outcome<'a>(
            &'a self,
            by: &'a Caller,
            c: RecordOutcome,
        ) -> Reply<'a, Done<RecordedOutcome>>;
        /// What became of one decision.
        fn outcome<'a>(&'a self, by: &'a Caller, decision: DecisionId) -> Reply<'a, OutcomeInfo>;
        /// Lists outcomes, those of decisions that got their first one last at the front.
        fn outcomes<'a>(
            &'a self,
            by: &'a Caller,
            filter: OutcomeFilter,
        ) -> Reply<'a, Page<OutcomeInfo>>;
        /// Head of the chain.
        fn audit_head<'a>(&'a self, by: &'a Caller) -> Reply<'a, AuditHead>;
        /// Models.
        fn models<'a>(&'a self, by: &'a Caller) -> Reply<'a, Vec<ModelInfo>>;

        /// Categorizes the caller in a recording by age. Nothing is kept but the audit record.
        fn classify_age<'a>(
            &'a self,
            by: &'a Caller,
            audio: Recording,
        ) -> Reply<'a, AgeClassification>;
        /// Enables that for the tenant.
        fn enable_age_class<'a>(
            &'a self,
            by: &'a Caller,
            c: EnableAgeClass,
        ) -> Reply<'a, Done<AgeClassStatus>>;
        /// Disables it.
        fn disable_age_class<'a>(
            &'a self,
            by: &'a Caller,
            c: DisableAgeClass,
        ) -> Reply<'a, Done<AgeClassStatus>>;
        /// Whether it is enabled.
        fn age_class_status<'a>(&'a self, by: &'a Caller) -> Reply<'a, AgeClassStatus>;
    }

    /// A verification by captures that come one by one.
    pub trait LiveBehavior: Send {
        /// Takes a capture; evidence so far.
        fn push(&mut self, capture: RawCapture) -> Reply<'_, BehaviorUpdate>;
        /// No more captures, or time ran out: the final decision.
        fn finish(self: Box<Self>) -> Reply<'static, BehaviorVerification>;
    }

    /// An enrollment by live audio. The edge pushes chunks in order and finishes once.
    pub trait LiveEnrollment: Send {
        /// Takes chunks; an update when there is news. The edge enforces the backlog limit (2,000 ms
        /// of audio received and not yet pushed) with [`LiveEnrollment::duration_ms`].
        fn push(&mut self, chunks: Vec<Chunk>) -> Reply<'_, Option<EnrollmentUpdate>>;
        /// How much more audio must come before there can be news, in milliseconds.
        fn patience_ms(&self) -> u64;
        /// Length of a chunk of this many bytes in this stream's format, in milliseconds.
        fn duration_ms(&self, bytes: usize) -> u64;
        /// End of audio: the outcome.
        fn finish(self: Box<Self>) -> Reply<'static, Enrollment>;
    }

    /// What a pushed chunk led to.
    pub enum VerificationStep {
        /// Nothing new.
        Quiet,
        /// An estimate.
        Update(VerificationUpdate),
        /// The evidence suffices: final and audited; push no more.
        Final(Verification),
    }

    /// A verification by live audio.
    pub trait LiveVerification: Send {
        /// Takes chunks.
        fn push(&mut self, chunks: Vec<Chunk>) -> Reply<'_, VerificationStep>;
        /// How much more audio must come before there can be news, in milliseconds.
        fn patience_ms(&self) -> u64;
        /// Length of a chunk of this many bytes in this stream's format, in milliseconds.
        fn duration_ms(&self, bytes: usize) -> u64;
        /// End of audio, or time ran out: the final decision.
        fn finish(self: Box<Self>) -> Reply<'static, Verification>;
    }

    /// What a pushed chunk led to.
    pub enum IdentificationStep {
        /// Nothing new.
        Quiet,
        /// An estimate.
        Update(IdentificationUpdate),
        /// The evidence suffices: final and audited; push no more.
        Final(Identification),
    }

    /// An identification by live audio.
    pub trait LiveIdentification: Send {
        /// Takes chunks.
        fn push(&mut self, chunks: Vec<Chunk>) -> Reply<'_, IdentificationStep>;
        /// How much more audio must come before there can be news, in milliseconds.
        fn patience_ms(&self) -> u64;
        /// Length of a chunk of this many bytes in this stream's format, in milliseconds.
        fn duration_ms(&self, bytes: usize) -> u64;
        /// End of audio, or time ran out: the final decision.
        fn finish(self: Box<Self>) -> Reply<'static, Identification>;
    }

    /// A client's end of a session. Dropping it loses the connection; the session goes on.
    pub trait LiveSession: Send {
        /// Takes a message; waits while the session is busy.
        fn push(&mut self, sequence: u64, message: SessionMessage) -> Reply<'_, ()>;
        /// What the session says, once. It ends with the session, or when the client reads too slowly
        /// or another connection took over.
        fn responses(&mut self) -> Option<tokio::sync::mpsc::Receiver<SessionOutput>>;
        /// No more messages will come. A session that its client closed says the rest, to its end; any other
        /// has lost its client and says nothing more.
        fn hang_up(&mut self) -> Reply<'_, ()>;
    }
}
