//! What is asked of policies and what is answered.

pub use crate::policy::session::{
    Agreement, ChangeKind, Outcomes, PendingChange, PolicyBytes, PolicyChangeError, PolicyProblem,
    PolicyStanding, PolicyVersion, ShadowRun, WhatIf,
};

use crate::domain::{ApiKeyId, ArtifactRef, Timestamp};
use crate::usecase::command::IdempotencyKey;
use crate::usecase::output::Page;

/// Propose a policy.
#[derive(Debug, Clone)]
pub struct ProposePolicy {
    /// The file, TOML.
    pub file: String,
    /// Idempotency.
    pub key: IdempotencyKey,
}

/// Approve the change on its way.
#[derive(Debug, Clone)]
pub struct ApprovePolicy {
    /// To which policy, and which bytes: nobody approves what they have not seen.
    pub policy: PolicyBytes,
    /// Idempotency.
    pub key: IdempotencyKey,
}

/// Reject the change on its way.
#[derive(Debug, Clone)]
pub struct RejectPolicy {
    /// To which policy.
    pub version: ArtifactRef,
    /// Idempotency.
    pub key: IdempotencyKey,
}

/// Ask to go back.
#[derive(Debug, Clone)]
pub struct RollBackPolicy {
    /// To this version; absent: to the policy of the server.
    pub to: Option<ArtifactRef>,
    /// Idempotency.
    pub key: IdempotencyKey,
}

/// Let the proposed policy run in shadow, or end that.
#[derive(Debug, Clone)]
pub struct ShadowPolicy {
    /// Which; absent: none any more.
    pub version: Option<ArtifactRef>,
    /// Idempotency.
    pub key: IdempotencyKey,
}

/// Which policy is held against what was decided.
#[derive(Debug, Clone)]
pub enum Candidate {
    /// A version of the tenant, or the policy of the server.
    Version(ArtifactRef),
    /// A file that was not proposed.
    File(String),
}

/// What another policy would have decided.
#[derive(Debug, Clone)]
pub struct AskWhatIf {
    /// Which.
    pub candidate: Candidate,
    /// Decisions at or after.
    pub from: Option<Timestamp>,
    /// Decisions before.
    pub until: Option<Timestamp>,
}

/// Where the policies of a tenant stand.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct PolicyOverview {
    /// The policy that sessions opened now are held to.
    pub active: PolicyBytes,
    /// It is the server's: the tenant has none of its own in force.
    pub server_default: bool,
    /// Since when; absent for the policy of the server.
    pub since: Option<Timestamp>,
    /// Who approved it; absent likewise.
    pub approved_by: Option<ApiKeyId>,
    /// A change that waits for a second person.
    pub pending: Option<PendingChange>,
    /// What runs in shadow.
    pub shadow: Option<ShadowRun>,
}

/// One policy.
#[derive(Debug, Clone, PartialEq)]
pub struct PolicyInfo {
    /// Where the policies stand.
    pub overview: PolicyOverview,
    /// What is known of this one; absent for the policy of the server.
    pub version: Option<PolicyVersion>,
    /// Which it is.
    pub policy: PolicyBytes,
    /// The file; absent when it is kept no more.
    pub file: Option<String>,
}

/// Versions of a tenant.
#[derive(Debug, Clone, PartialEq)]
pub struct PolicyList {
    /// Where the policies stand.
    pub overview: PolicyOverview,
    /// Newest first.
    pub versions: Page<PolicyVersion>,
}

/// Whether a file could be proposed.
#[derive(Debug, Clone, PartialEq)]
pub struct PolicyCheck {
    /// Name, version and digest of a file that is sound.
    pub policy: Option<PolicyBytes>,
    /// What is wrong, in the order of the checks; empty when it is sound.
    pub problems: Vec<PolicyProblem>,
}

/// What another policy would have decided, and how the one in shadow did.
#[derive(Debug, Clone, PartialEq)]
pub struct WhatIfReport {
    /// Both policies over the decisions that could be replayed.
    pub what_if: WhatIf,
    /// Currency of the costs: that of the policy in force.
    pub currency: String,
    /// Session decisions in the range, as far as they were read.
    pub decisions: u64,
    /// Those of them that cannot be replayed: the subject was erased, or the session ended with the server.
    pub not_replayable: u64,
    /// There are older ones in the range that were not read: the limit is [`MAX_REPLAYED`](super::MAX_REPLAYED).
    pub more: bool,
    /// How often a policy in shadow agreed, for each that ran in the range.
    pub agreement: Vec<Agreement>,
}
