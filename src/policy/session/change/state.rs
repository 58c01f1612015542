//! What is known of a version and of a change on its way, and what somebody does to them. Plain data.

use serde::{Deserialize, Serialize};

use crate::domain::{ApiKeyId, ArtifactRef, Timestamp};

/// A policy file, by its version and its digest: what is approved is these bytes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PolicyBytes {
    /// Name and version.
    pub version: ArtifactRef,
    /// SHA-256 of the file, in lower-case hexadecimal.
    pub sha256: String,
}

/// Where a version stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PolicyStanding {
    /// Waits for a second person.
    Proposed,
    /// In force.
    Active,
    /// Was in force.
    Retired,
    /// Declined.
    Rejected,
    /// Nobody approved or declined it in time.
    Lapsed,
}

/// A version of a tenant's policy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PolicyVersion {
    /// Which.
    pub policy: PolicyBytes,
    /// Where it stands.
    pub standing: PolicyStanding,
    /// Who proposed it.
    pub proposed_by: ApiKeyId,
    /// When.
    pub proposed_at: Timestamp,
    /// Who approved it last, or declined it.
    #[serde(default)]
    pub decided_by: Option<ApiKeyId>,
    /// When.
    #[serde(default)]
    pub decided_at: Option<Timestamp>,
    /// When it was put in force last; absent while it never was.
    #[serde(default)]
    pub active_since: Option<Timestamp>,
    /// Its file is kept.
    pub kept: bool,
}

/// What a change on its way leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ChangeKind {
    /// A new version.
    Proposal,
    /// A version that was in force before.
    RollBack,
    /// The policy of the server, as for a tenant that never chose one.
    ServerDefault,
}

/// A change on its way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PendingChange {
    /// To which policy.
    pub policy: PolicyBytes,
    /// What kind of change.
    pub kind: ChangeKind,
    /// Who asked for it.
    pub by: ApiKeyId,
    /// When.
    pub at: Timestamp,
}

/// A proposed policy that decides beside the active one, for the record alone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ShadowRun {
    /// Which.
    pub policy: PolicyBytes,
    /// Who started it.
    pub by: ApiKeyId,
    /// When.
    pub since: Timestamp,
}

/// What somebody does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PolicyAct {
    /// Proposes a policy, checked already.
    Propose(PolicyBytes),
    /// Asks to put a version in force again that was in force before.
    RollBack(ArtifactRef),
    /// Asks to go back to the policy of the server, which is this.
    ServerDefault(PolicyBytes),
    /// Approves the change to this policy and so puts it in force. With the digest, so that nobody approves what
    /// they have not seen.
    Approve(PolicyBytes),
    /// Declines the change to this policy.
    Reject(ArtifactRef),
    /// Lets the proposed policy run in shadow. It changes no decision, so one person may.
    Shadow(ArtifactRef),
    /// Ends that.
    ClearShadow,
}
