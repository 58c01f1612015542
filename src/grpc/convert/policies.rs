//! Policies of sessions.

use crate::domain::{ArtifactRef, Decision, IntentId, Timestamp};
use crate::grpc::convert::{self, Read};
use crate::grpc::proto;
use crate::grpc::status::BadField;
use crate::usecase::policies::{
    Agreement, ApprovePolicy, AskWhatIf, Candidate, ChangeKind, Outcomes, PendingChange,
    PolicyBytes, PolicyCheck, PolicyInfo, PolicyList, PolicyOverview, PolicyProblem,
    PolicyStanding, PolicyVersion, ProposePolicy, RejectPolicy, RollBackPolicy, ShadowPolicy,
    ShadowRun, WhatIfReport,
};

/// Longest name of a policy, in bytes.
const MAX_ID_LEN: usize = 64;
/// Digits of a SHA-256.
const DIGEST_LEN: usize = 64;

fn version(value: &proto::PolicyRef, field: &str) -> Read<ArtifactRef> {
    let length = value.id.len();
    if !(1..=MAX_ID_LEN).contains(&length) {
        let problem = format!("1 to {MAX_ID_LEN} bytes, got {length}");
        return Err(BadField::new(format!("{field}.id"), problem));
    }
    if value.version == 0 {
        return Err(BadField::new(format!("{field}.version"), "must be at least 1, got 0"));
    }
    Ok(ArtifactRef::new(value.id.clone(), value.version))
}

fn required(value: Option<proto::PolicyRef>) -> Read<ArtifactRef> {
    version(&convert::required(value, "policy")?, "policy")
}

fn optional(value: Option<&proto::PolicyRef>) -> Read<Option<ArtifactRef>> {
    value.map(|policy| version(policy, "policy")).transpose()
}

fn key(value: &str) -> Read<crate::usecase::command::IdempotencyKey> {
    convert::idempotency_key(value, "idempotency_key")
}

/// ProposePolicy. The file is read behind this door.
pub fn propose_policy(request: proto::ProposePolicyRequest) -> Read<ProposePolicy> {
    Ok(ProposePolicy { file: request.policy_toml, key: key(&request.idempotency_key)? })
}

/// ApprovePolicy.
pub fn approve_policy(request: proto::ApprovePolicyRequest) -> Read<ApprovePolicy> {
    let policy = convert::required(request.policy, "policy")?;
    let hex = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
    if policy.sha256.len() != DIGEST_LEN || !policy.sha256.bytes().all(hex) {
        let problem =
            format!("{DIGEST_LEN} lower-case hexadecimal digits of the file that was read");
        return Err(BadField::new("policy.sha256", problem));
    }
    let policy = PolicyBytes { version: version(&policy, "policy")?, sha256: policy.sha256 };
    Ok(ApprovePolicy { policy, key: key(&request.idempotency_key)? })
}

/// RejectPolicy.
pub fn reject_policy(request: proto::RejectPolicyRequest) -> Read<RejectPolicy> {
    let key = key(&request.idempotency_key)?;
    Ok(RejectPolicy { version: required(request.policy)?, key })
}

/// ActivateShadow.
pub fn activate_shadow(request: proto::ActivateShadowRequest) -> Read<ShadowPolicy> {
    let key = key(&request.idempotency_key)?;
    Ok(ShadowPolicy { version: Some(required(request.policy)?), key })
}

/// ClearShadow.
pub fn clear_shadow(request: &proto::ClearShadowRequest) -> Read<ShadowPolicy> {
    Ok(ShadowPolicy { version: None, key: key(&request.idempotency_key)? })
}

/// RollBack.
pub fn roll_back(request: &proto::RollBackRequest) -> Read<RollBackPolicy> {
    let to = optional(request.policy.as_ref())?;
    Ok(RollBackPolicy { to, key: key(&request.idempotency_key)? })
}

/// GetPolicy.
pub fn get_policy(request: &proto::GetPolicyRequest) -> Read<Option<ArtifactRef>> {
    optional(request.policy.as_ref())
}

/// ListPolicies: page size and token.
pub fn list_policies(request: proto::ListPoliciesRequest) -> Read<(usize, Option<String>)> {
    let size = convert::page_size(request.page_size, "page_size")?;
    Ok((size, convert::page_token(request.page_token, "page_token")?))
}

/// WhatIf.
pub fn what_if(request: proto::WhatIfRequest) -> Read<AskWhatIf> {
    use proto::what_if_request::Candidate as P;
    let candidate = match convert::required(request.candidate, "candidate")? {
        P::Policy(policy) => Candidate::Version(version(&policy, "policy")?),
        P::PolicyToml(file) => Candidate::File(file),
    };
    Ok(AskWhatIf {
        candidate,
        from: convert::optional_timestamp(request.from, "from")?,
        until: convert::optional_timestamp(request.until, "until")?,
    })
}

fn policy_ref(value: PolicyBytes) -> proto::PolicyRef {
    let PolicyBytes { version, sha256 } = value;
    proto::PolicyRef { id: version.id, version: version.version, sha256 }
}

fn moment(value: Option<Timestamp>) -> Option<prost_types::Timestamp> {
    value.map(convert::timestamp_out)
}

fn state(value: PolicyStanding) -> i32 {
    use proto::PolicyState as P;
    let state = match value {
        PolicyStanding::Proposed => P::Proposed,
        PolicyStanding::Active => P::Active,
        PolicyStanding::Retired => P::Retired,
        PolicyStanding::Rejected => P::Rejected,
        PolicyStanding::Lapsed => P::Lapsed,
    };
    state as i32
}

fn policy_version(value: PolicyVersion) -> proto::PolicyVersion {
    proto::PolicyVersion {
        policy: Some(policy_ref(value.policy)),
        state: state(value.standing),
        proposed_by: value.proposed_by.as_str().to_owned(),
        proposed_at: moment(Some(value.proposed_at)),
        decided_by: value.decided_by.map_or_else(String::new, |key| key.as_str().to_owned()),
        decided_at: moment(value.decided_at),
        active_since: moment(value.active_since),
        file_kept: value.kept,
    }
}

fn pending(value: PendingChange) -> proto::PendingPolicyChange {
    use proto::PolicyChangeKind as P;
    let kind = match value.kind {
        ChangeKind::Proposal => P::Proposal,
        ChangeKind::RollBack => P::RollBack,
        ChangeKind::ServerDefault => P::ServerDefault,
    };
    proto::PendingPolicyChange {
        policy: Some(policy_ref(value.policy)),
        kind: kind as i32,
        asked_by: value.by.as_str().to_owned(),
        asked_at: moment(Some(value.at)),
    }
}

fn shadow(value: ShadowRun) -> proto::PolicyShadow {
    proto::PolicyShadow {
        policy: Some(policy_ref(value.policy)),
        started_by: value.by.as_str().to_owned(),
        since: moment(Some(value.since)),
    }
}

/// Where the policies stand.
pub fn policy_overview(value: PolicyOverview) -> proto::PolicyOverview {
    proto::PolicyOverview {
        active: Some(policy_ref(value.active)),
        server_default: value.server_default,
        since: moment(value.since),
        approved_by: value.approved_by.map_or_else(String::new, |key| key.as_str().to_owned()),
        pending: value.pending.map(pending),
        shadow: value.shadow.map(shadow),
    }
}

fn problem(value: PolicyProblem) -> proto::PolicyProblem {
    let count = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    let (line, column) = value.place.map_or((0, 0), |p| (count(p.line), count(p.column)));
    let path = value.path.unwrap_or_default();
    proto::PolicyProblem { message: value.message, line, column, path }
}

/// Answer of ValidatePolicy.
pub fn policy_check(
    value: PolicyCheck,
    versions: proto::Versions,
) -> proto::ValidatePolicyResponse {
    proto::ValidatePolicyResponse {
        policy: value.policy.map(policy_ref),
        problems: value.problems.into_iter().map(problem).collect(),
        versions: Some(versions),
    }
}

/// Answer of GetPolicy.
pub fn policy_info(value: PolicyInfo, versions: proto::Versions) -> proto::GetPolicyResponse {
    proto::GetPolicyResponse {
        policy: Some(policy_ref(value.policy)),
        policy_toml: value.file.unwrap_or_default(),
        version: value.version.map(policy_version),
        overview: Some(policy_overview(value.overview)),
        versions: Some(versions),
    }
}

/// Answer of ListPolicies.
pub fn policy_list(value: PolicyList, versions: proto::Versions) -> proto::ListPoliciesResponse {
    proto::ListPoliciesResponse {
        policies: value.versions.items.into_iter().map(policy_version).collect(),
        next_page_token: value.versions.next.unwrap_or_default(),
        overview: Some(policy_overview(value.overview)),
        versions: Some(versions),
    }
}

fn outcomes(value: Outcomes) -> proto::PolicyOutcomes {
    let total = value.total();
    let per_mille = |sum: f64| 1_000.0 * sum / (total.max(1) as f64);
    proto::PolicyOutcomes {
        accepts: value.accepts,
        step_ups: value.step_ups,
        rejects: value.rejects,
        others: value.others,
        step_up_share: (total > 0).then(|| value.step_ups as f64 / total as f64),
        expected_fraud_per_mille: per_mille(value.expected_fraud),
        expected_refused_per_mille: per_mille(value.expected_refused),
        expected_cost_per_mille: per_mille(value.expected_cost),
    }
}

fn agreement(value: Agreement) -> proto::ShadowAgreement {
    let pair = |([active, shadow], count): ([Decision; 2], u64)| proto::ShadowPair {
        active: convert::decision(active) as i32,
        shadow: convert::decision(shadow) as i32,
        count,
    };
    proto::ShadowAgreement {
        active: value.active.to_string(),
        shadow: value.shadow.to_string(),
        decisions: value.decisions,
        agreed: value.agreed,
        pairs: value.pairs.into_iter().map(pair).collect(),
    }
}

/// Answer of WhatIf.
pub fn what_if_report(value: WhatIfReport, versions: proto::Versions) -> proto::WhatIfResponse {
    let what_if = value.what_if;
    let intent = |(intent, [before, after]): (IntentId, [Outcomes; 2])| proto::WhatIfIntent {
        intent: intent.as_str().to_owned(),
        before: Some(outcomes(before)),
        after: Some(outcomes(after)),
    };
    proto::WhatIfResponse {
        summary: what_if.summary(),
        before: what_if.before.to_string(),
        after: what_if.after.to_string(),
        decisions: value.decisions,
        replayed: what_if.decisions,
        not_replayable: value.not_replayable,
        more: value.more,
        outcomes_before: Some(outcomes(what_if.outcomes_before)),
        outcomes_after: Some(outcomes(what_if.outcomes_after)),
        changed: what_if.changed,
        intents: what_if.by_intent.into_iter().map(intent).collect(),
        currency: value.currency,
        shadow: value.agreement.into_iter().map(agreement).collect(),
        versions: Some(versions),
    }
}
