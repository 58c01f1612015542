//! Changing a policy takes two: proposed by one, approved by another, then activated; or rolled back. A
//! state machine: (state, act, now) → state.

use serde::{Deserialize, Serialize};

use crate::domain::{ApiKeyId, ArtifactRef, DurationMs, Timestamp};

/// A proposal that nobody approved or activated for this long is void, in milliseconds: 14 days.
pub const PROPOSAL_LIFETIME_MS: DurationMs = 14 * 86_400_000;
/// Most policies that are remembered as having been in force.
pub const MAX_HISTORY: usize = 64;
/// Most versions a tenant can ever put in force.
pub const MAX_VERSIONS: usize = 1_024;

/// A policy file, by its version and its digest: what is approved is these bytes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PolicyBytes {
    /// Name and version.
    pub version: ArtifactRef,
    /// Digest of the file, in hexadecimal.
    pub sha256: String,
}

/// A policy that is or was in force.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InForce {
    /// Which.
    pub policy: PolicyBytes,
    /// Who proposed it; absent for the one a tenant starts with.
    pub proposed_by: Option<ApiKeyId>,
    /// Who approved it; absent likewise.
    pub approved_by: Option<ApiKeyId>,
    /// Since when.
    pub since: Timestamp,
}

/// A change on its way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Proposal {
    /// Which.
    pub policy: PolicyBytes,
    /// By whom.
    pub by: ApiKeyId,
    /// When.
    pub at: Timestamp,
    /// Who approved it.
    pub approved_by: Option<ApiKeyId>,
    /// It decides beside the active one, for the record alone.
    #[serde(default)]
    pub shadow: bool,
}

/// Policies of a tenant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PolicyLedger {
    /// In force.
    pub active: InForce,
    /// In force before, the latest last.
    pub before: Vec<InForce>,
    /// On its way; it may run in shadow meanwhile.
    pub proposal: Option<Proposal>,
    /// Versions that were in force once, so that none is used for two files.
    pub used: Vec<ArtifactRef>,
}

/// What somebody does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PolicyAct {
    /// Proposes a policy, checked already.
    Propose(PolicyBytes),
    /// Approves the proposal with this digest, so that nobody approves what they have not seen.
    Approve(String),
    /// Declines or withdraws the proposal.
    Decline,
    /// Lets the proposal run in shadow from now on, or no longer. It changes no decision, so one person may.
    Shadow(bool),
    /// Puts the approved proposal in force.
    Activate,
    /// Puts the policy before in force again. One person may: both that policy and the way back were
    /// approved when it was first put in force.
    RollBack,
}

/// Why an act is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PolicyChangeError {
    /// Another proposal is on its way.
    #[error("{0} is proposed already: approve or decline it first")]
    Pending(ArtifactRef),
    /// Nothing is proposed, or it has lapsed.
    #[error("no change of policy is proposed")]
    NothingProposed,
    /// Whoever proposed wants to approve, too.
    #[error("a change of policy needs a second person")]
    SamePerson,
    /// Not approved yet.
    #[error("{0} is not approved yet")]
    NotApproved(ArtifactRef),
    /// What is approved is not what is proposed.
    #[error("the digest is not that of the proposed {0}")]
    OtherBytes(ArtifactRef),
    /// The version was in force already.
    #[error("{0} was in force already: give the file a new version")]
    UsedVersion(ArtifactRef),
    /// There is nothing to go back to.
    #[error("no policy was in force before")]
    NothingBefore,
    /// Too many versions.
    #[error("a tenant puts at most {limit} versions of policies in force")]
    TooMany {
        /// The limit.
        limit: usize,
    },
}

impl PolicyLedger {
    /// A tenant's first policy.
    pub fn new(policy: PolicyBytes, now: Timestamp) -> Self {
        let used = vec![policy.version.clone()];
        let active = InForce { policy, proposed_by: None, approved_by: None, since: now };
        Self { active, before: Vec::new(), proposal: None, used }
    }

    /// The proposal, unless it has lapsed.
    pub fn pending(&self, now: Timestamp) -> Option<&Proposal> {
        self.proposal.as_ref().filter(|p| now.since(p.at) < PROPOSAL_LIFETIME_MS)
    }

    /// Digests of every policy it names.
    pub fn digests(&self) -> impl Iterator<Item = &str> {
        let in_force = std::iter::once(&self.active).chain(&self.before).map(|p| &p.policy);
        let proposed = self.proposal.iter().map(|p| &p.policy);
        in_force.chain(proposed).map(|policy| policy.sha256.as_str())
    }

    /// The state after an act.
    ///
    /// # Errors
    /// Why the act is refused; the state is then as it was.
    pub fn after(
        &self,
        act: &PolicyAct,
        by: &ApiKeyId,
        now: Timestamp,
    ) -> Result<Self, PolicyChangeError> {
        let pending = self.pending(now);
        let mut next = Self { proposal: pending.cloned(), ..self.clone() };
        let proposed = || pending.ok_or(PolicyChangeError::NothingProposed);
        match act {
            PolicyAct::Propose(policy) => {
                if let Some(pending) = pending {
                    return Err(PolicyChangeError::Pending(pending.policy.version.clone()));
                }
                if self.used.contains(&policy.version) {
                    return Err(PolicyChangeError::UsedVersion(policy.version.clone()));
                }
                if self.used.len() >= MAX_VERSIONS {
                    return Err(PolicyChangeError::TooMany { limit: MAX_VERSIONS });
                }
                let (policy, by) = (policy.clone(), by.clone());
                let proposal = Proposal { policy, by, at: now, approved_by: None, shadow: false };
                next.proposal = Some(proposal);
            }
            PolicyAct::Approve(sha256) => {
                let pending = proposed()?;
                if pending.by == *by {
                    return Err(PolicyChangeError::SamePerson);
                }
                if pending.policy.sha256 != *sha256 {
                    return Err(PolicyChangeError::OtherBytes(pending.policy.version.clone()));
                }
                let approved = Proposal { approved_by: Some(by.clone()), ..pending.clone() };
                next.proposal = Some(approved);
            }
            PolicyAct::Decline => {
                proposed()?;
                next.proposal = None;
            }
            PolicyAct::Shadow(shadow) => {
                next.proposal = Some(Proposal { shadow: *shadow, ..proposed()?.clone() });
            }
            PolicyAct::Activate => next.activate(proposed()?.clone(), now)?,
            PolicyAct::RollBack => {
                let mut previous = next.before.pop().ok_or(PolicyChangeError::NothingBefore)?;
                previous.since = now;
                next.active = previous;
            }
        }
        Ok(next)
    }

    fn activate(&mut self, proposal: Proposal, now: Timestamp) -> Result<(), PolicyChangeError> {
        let Proposal { policy, by, approved_by, .. } = proposal;
        let Some(approver) = approved_by else {
            return Err(PolicyChangeError::NotApproved(policy.version));
        };
        self.used.push(policy.version.clone());
        let next =
            InForce { policy, proposed_by: Some(by), approved_by: Some(approver), since: now };
        self.before.push(std::mem::replace(&mut self.active, next));
        if self.before.len() > MAX_HISTORY {
            self.before.remove(0);
        }
        self.proposal = None;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::PolicyAct::{Activate, Approve, Decline, Propose, RollBack};
    use super::*;

    fn key(name: &str) -> ApiKeyId {
        ApiKeyId::parse(name).expect("an id")
    }

    fn bytes(version: u32) -> PolicyBytes {
        PolicyBytes {
            version: ArtifactRef::new("bank", version),
            sha256: format!("{version:064x}"),
        }
    }

    fn at(ms: i64) -> Timestamp {
        Timestamp::from_unix_ms(ms)
    }

    fn run(acts: &[(PolicyAct, &str)]) -> Result<PolicyLedger, PolicyChangeError> {
        let start = PolicyLedger::new(bytes(1), at(0));
        acts.iter().try_fold(start, |state, (act, by)| state.after(act, &key(by), at(1)))
    }

    fn approve(version: u32) -> PolicyAct {
        Approve(bytes(version).sha256)
    }

    #[test]
    fn a_change_takes_two() {
        use PolicyChangeError as E;
        let ok = |acts: &[_]| run(acts).map(|s| s.active.policy.version.version);
        let cases: [(&[(PolicyAct, &str)], _); 12] = [
            (&[], Ok(1)),
            (&[(Propose(bytes(2)), "ann")], Ok(1)),
            (&[(Propose(bytes(2)), "ann"), (approve(2), "bob")], Ok(1)),
            (&[(Propose(bytes(2)), "ann"), (approve(2), "bob"), (Activate, "ann")], Ok(2)),
            (&[(Propose(bytes(2)), "ann"), (approve(2), "ann")], Err(E::SamePerson)),
            (
                &[(Propose(bytes(2)), "ann"), (Activate, "bob")],
                Err(E::NotApproved(bytes(2).version)),
            ),
            (
                &[(Propose(bytes(2)), "ann"), (approve(3), "bob")],
                Err(E::OtherBytes(bytes(2).version)),
            ),
            (
                &[(Propose(bytes(2)), "ann"), (Propose(bytes(3)), "bob")],
                Err(E::Pending(bytes(2).version)),
            ),
            (
                &[(Propose(bytes(2)), "ann"), (Decline, "bob"), (approve(2), "bob")],
                Err(E::NothingProposed),
            ),
            (&[(approve(2), "bob")], Err(E::NothingProposed)),
            (&[(RollBack, "ann")], Err(E::NothingBefore)),
            (&[(Propose(bytes(1)), "ann")], Err(E::UsedVersion(bytes(1).version))),
        ];
        for (acts, want) in cases {
            assert_eq!(ok(acts), want, "{acts:?}");
        }
    }

    #[test]
    fn a_way_back_is_open_and_versions_stay_used() {
        let two = [(Propose(bytes(2)), "ann"), (approve(2), "bob"), (Activate, "bob")];
        let state = run(&two).expect("active");
        assert_eq!(state.active.approved_by, Some(key("bob")));
        let back = state.after(&RollBack, &key("cleo"), at(5)).expect("back");
        assert_eq!((back.active.policy.version.version, back.active.since), (1, at(5)));
        assert!(back.after(&RollBack, &key("cleo"), at(6)).is_err());
        let again = back.after(&Propose(bytes(2)), &key("ann"), at(6));
        assert_eq!(again, Err(PolicyChangeError::UsedVersion(bytes(2).version)));
    }

    #[test]
    fn a_proposal_runs_in_shadow_until_it_is_gone() {
        use PolicyAct::Shadow;
        let on = [(Propose(bytes(2)), "ann"), (Shadow(true), "ann"), (approve(2), "bob")];
        let state = run(&on).expect("approved");
        assert!(state.proposal.as_ref().is_some_and(|p| p.shadow && p.approved_by.is_some()));
        assert_eq!(state.digests().count(), 2);
        let off = state.after(&Shadow(false), &key("bob"), at(2)).expect("off");
        assert!(off.proposal.as_ref().is_some_and(|p| !p.shadow));
        let gone = state.after(&Activate, &key("bob"), at(2)).expect("active");
        let refused = gone.after(&Shadow(true), &key("ann"), at(2));
        assert_eq!(refused, Err(PolicyChangeError::NothingProposed));
        let old = r#"{"policy":{"version":{"id":"bank","version":2},"sha256":"00"},"by":"ann","at":1,
            "approved_by":null}"#;
        assert!(serde_json::from_str::<Proposal>(old).is_ok_and(|p| !p.shadow));
    }

    #[test]
    fn versions_are_limited() {
        let mut state = run(&[]).expect("the first");
        state.used = (1..=MAX_VERSIONS as u32).map(|v| bytes(v).version).collect();
        let refused = state.after(&Propose(bytes(5_000)), &key("ann"), at(1));
        assert_eq!(refused, Err(PolicyChangeError::TooMany { limit: MAX_VERSIONS }));
    }

    #[test]
    fn a_proposal_lapses() {
        let state = run(&[(Propose(bytes(2)), "ann"), (approve(2), "bob")]).expect("approved");
        let late = at(1).plus_ms(PROPOSAL_LIFETIME_MS);
        let lapsed = state.after(&Activate, &key("bob"), late);
        assert_eq!(lapsed, Err(PolicyChangeError::NothingProposed));
        assert!(state.after(&Propose(bytes(3)), &key("ann"), late).is_ok());
    }
}
