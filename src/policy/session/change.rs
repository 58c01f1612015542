//! Changing a policy takes two: proposed by one, approved by another, and in force from then on. Going back to an
//! earlier one is a change like any other. A state machine: (state, act, who, now) → state.

mod refusal;
mod state;

use serde::{Deserialize, Serialize};

pub use refusal::PolicyChangeError;
pub use state::{
    ChangeKind, PendingChange, PolicyAct, PolicyBytes, PolicyStanding, PolicyVersion, ShadowRun,
};

use crate::domain::{ApiKeyId, ArtifactRef, DurationMs, Timestamp};

/// A change that nobody approved or rejected for this long is void, in milliseconds: 14 days.
pub const PROPOSAL_LIFETIME_MS: DurationMs = 14 * 86_400_000;
/// Most policy files that are kept of a tenant. Beyond, the oldest that is neither in force nor on its way goes;
/// its version stays listed and stays used.
pub const MAX_KEPT_FILES: usize = 64;
/// Most versions a tenant can ever propose.
pub const MAX_VERSIONS: usize = 1_024;

/// Policies of a tenant. Empty: the policy of the server is in force.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PolicyLedger {
    /// Every version, in order of proposal.
    pub versions: Vec<PolicyVersion>,
    /// A change on its way.
    pub pending: Option<PendingChange>,
    /// What runs in shadow.
    pub shadow: Option<ShadowRun>,
}

impl PolicyLedger {
    /// A version of the tenant.
    pub fn find(&self, version: &ArtifactRef) -> Option<&PolicyVersion> {
        self.versions.iter().find(|known| known.policy.version == *version)
    }

    /// The version in force; `None`: the policy of the server is.
    pub fn active(&self) -> Option<&PolicyVersion> {
        self.versions.iter().find(|known| known.standing == PolicyStanding::Active)
    }

    /// Digests of the files that are kept.
    pub fn kept(&self) -> impl Iterator<Item = &str> {
        self.versions.iter().filter(|known| known.kept).map(|known| known.policy.sha256.as_str())
    }

    /// The state at a moment: a change that lapsed is gone, and its shadow with it.
    pub fn as_of(&self, now: Timestamp) -> Self {
        let mut settled = self.clone();
        if self.pending.as_ref().is_some_and(|p| now.since(p.at) >= PROPOSAL_LIFETIME_MS) {
            settled.resolve(PolicyStanding::Lapsed, None);
        }
        settled
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
        let mut next = self.as_of(now);
        match act {
            PolicyAct::Propose(policy) => next.propose(policy, by, now)?,
            PolicyAct::RollBack(version) => {
                let policy = next.to_go_back_to(version)?;
                next.ask(policy, ChangeKind::RollBack, by, now)?;
            }
            PolicyAct::ServerDefault(policy) => {
                if next.active().is_none() {
                    return Err(PolicyChangeError::AlreadyActive(policy.version.clone()));
                }
                next.ask(policy.clone(), ChangeKind::ServerDefault, by, now)?;
            }
            PolicyAct::Approve(policy) => {
                if next.decidable(&policy.version, by)?.policy.sha256 != policy.sha256 {
                    return Err(PolicyChangeError::OtherBytes(policy.version.clone()));
                }
                next.activate(by, now);
            }
            PolicyAct::Reject(version) => {
                next.decidable(version, by)?;
                next.resolve(PolicyStanding::Rejected, Some((by, now)));
            }
            PolicyAct::Shadow(version) => {
                let pending = next.pending_to(version)?;
                if pending.kind == ChangeKind::ServerDefault {
                    return Err(PolicyChangeError::NoSuchVersion(version.clone()));
                }
                let policy = pending.policy.clone();
                next.shadow = Some(ShadowRun { policy, by: by.clone(), since: now });
            }
            PolicyAct::ClearShadow => {
                next.shadow.take().ok_or(PolicyChangeError::NoShadow)?;
            }
        }
        Ok(next)
    }

    fn propose(
        &mut self,
        policy: &PolicyBytes,
        by: &ApiKeyId,
        now: Timestamp,
    ) -> Result<(), PolicyChangeError> {
        if self.find(&policy.version).is_some() {
            return Err(PolicyChangeError::UsedVersion(policy.version.clone()));
        }
        if self.versions.len() >= MAX_VERSIONS {
            return Err(PolicyChangeError::TooMany { limit: MAX_VERSIONS });
        }
        self.ask(policy.clone(), ChangeKind::Proposal, by, now)?;
        self.versions.push(PolicyVersion {
            policy: policy.clone(),
            standing: PolicyStanding::Proposed,
            proposed_by: by.clone(),
            proposed_at: now,
            decided_by: None,
            decided_at: None,
            active_since: None,
            kept: true,
        });
        self.drop_old_files();
        Ok(())
    }

    /// Notes a change that waits for a second person.
    fn ask(
        &mut self,
        policy: PolicyBytes,
        kind: ChangeKind,
        by: &ApiKeyId,
        now: Timestamp,
    ) -> Result<(), PolicyChangeError> {
        if let Some(pending) = &self.pending {
            return Err(PolicyChangeError::Pending(pending.policy.version.clone()));
        }
        self.pending = Some(PendingChange { policy, kind, by: by.clone(), at: now });
        Ok(())
    }

    fn to_go_back_to(&self, version: &ArtifactRef) -> Result<PolicyBytes, PolicyChangeError> {
        let named = || version.clone();
        let known = self.find(version).ok_or_else(|| PolicyChangeError::NoSuchVersion(named()))?;
        if known.standing == PolicyStanding::Active {
            return Err(PolicyChangeError::AlreadyActive(named()));
        }
        if known.active_since.is_none() {
            return Err(PolicyChangeError::NeverInForce(named()));
        }
        if !known.kept {
            return Err(PolicyChangeError::NotKept { version: named(), limit: MAX_KEPT_FILES });
        }
        Ok(known.policy.clone())
    }

    fn pending_to(&self, version: &ArtifactRef) -> Result<&PendingChange, PolicyChangeError> {
        let pending = self.pending.as_ref().filter(|p| p.policy.version == *version);
        pending.ok_or_else(|| PolicyChangeError::NotPending(version.clone()))
    }

    /// The change to a policy, if this person may decide on it.
    fn decidable(
        &self,
        version: &ArtifactRef,
        by: &ApiKeyId,
    ) -> Result<&PendingChange, PolicyChangeError> {
        let pending = self.pending_to(version)?;
        if pending.by == *by {
            return Err(PolicyChangeError::SamePerson);
        }
        Ok(pending)
    }

    /// Ends the change on its way without putting it in force.
    fn resolve(&mut self, standing: PolicyStanding, decided: Option<(&ApiKeyId, Timestamp)>) {
        self.shadow = None;
        let Some(pending) = self.pending.take() else { return };
        if pending.kind != ChangeKind::Proposal {
            return;
        }
        let version = self.versions.iter_mut().find(|known| known.policy == pending.policy);
        if let Some(version) = version {
            version.standing = standing;
            version.decided_by = decided.map(|(by, _)| by.clone());
            version.decided_at = decided.map(|(_, at)| at);
        }
    }

    /// Puts the change on its way in force.
    fn activate(&mut self, by: &ApiKeyId, now: Timestamp) {
        self.shadow = None;
        let Some(pending) = self.pending.take() else { return };
        for known in &mut self.versions {
            if known.standing == PolicyStanding::Active {
                known.standing = PolicyStanding::Retired;
            }
            if pending.kind != ChangeKind::ServerDefault && known.policy == pending.policy {
                known.standing = PolicyStanding::Active;
                known.decided_by = Some(by.clone());
                known.decided_at = Some(now);
                known.active_since = Some(now);
            }
        }
    }

    fn drop_old_files(&mut self) {
        let mut over = self.kept().count().saturating_sub(MAX_KEPT_FILES);
        for known in &mut self.versions {
            let needed =
                matches!(known.standing, PolicyStanding::Active | PolicyStanding::Proposed);
            if over > 0 && known.kept && !needed {
                known.kept = false;
                over -= 1;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::PolicyAct::{
        Approve, ClearShadow, Propose, Reject, RollBack, ServerDefault, Shadow,
    };
    use super::PolicyChangeError as E;
    use super::*;

    fn key(name: &str) -> ApiKeyId {
        ApiKeyId::parse(name).expect("an id")
    }

    fn named(version: u32) -> ArtifactRef {
        ArtifactRef::new("bank", version)
    }

    fn bytes(version: u32) -> PolicyBytes {
        PolicyBytes { version: named(version), sha256: format!("{version:064x}") }
    }

    fn server() -> PolicyBytes {
        PolicyBytes { version: ArtifactRef::new("contact-centre", 1), sha256: "c".repeat(64) }
    }

    fn at(ms: i64) -> Timestamp {
        Timestamp::from_unix_ms(ms)
    }

    fn run(acts: &[(PolicyAct, &str)]) -> Result<PolicyLedger, PolicyChangeError> {
        let start = PolicyLedger::default();
        acts.iter().try_fold(start, |state, (act, by)| state.after(act, &key(by), at(1)))
    }

    fn active(state: &PolicyLedger) -> Option<u32> {
        state.active().map(|known| known.policy.version.version)
    }

    /// Version 1 and then 2 in force.
    fn two() -> PolicyLedger {
        run(&[
            (Propose(bytes(1)), "ann"),
            (Approve(bytes(1)), "bob"),
            (Propose(bytes(2)), "ann"),
            (Approve(bytes(2)), "bob"),
        ])
        .expect("two versions")
    }

    #[test]
    fn a_change_takes_two() {
        let other = PolicyBytes { sha256: "f".repeat(64), ..bytes(1) };
        let cases: [(&[(PolicyAct, &str)], _); 12] = [
            (&[], Ok(None)),
            (&[(Propose(bytes(1)), "ann")], Ok(None)),
            (&[(Propose(bytes(1)), "ann"), (Approve(bytes(1)), "bob")], Ok(Some(1))),
            (&[(Propose(bytes(1)), "ann"), (Approve(bytes(1)), "ann")], Err(E::SamePerson)),
            (&[(Propose(bytes(1)), "ann"), (Reject(named(1)), "ann")], Err(E::SamePerson)),
            (&[(Propose(bytes(1)), "ann"), (Approve(other), "bob")], Err(E::OtherBytes(named(1)))),
            (
                &[(Propose(bytes(1)), "ann"), (Approve(bytes(3)), "bob")],
                Err(E::NotPending(named(3))),
            ),
            (&[(Propose(bytes(1)), "ann"), (Propose(bytes(2)), "bob")], Err(E::Pending(named(1)))),
            (
                &[
                    (Propose(bytes(1)), "ann"),
                    (Reject(named(1)), "bob"),
                    (Approve(bytes(1)), "cleo"),
                ],
                Err(E::NotPending(named(1))),
            ),
            (
                &[
                    (Propose(bytes(1)), "ann"),
                    (Reject(named(1)), "bob"),
                    (Propose(bytes(1)), "ann"),
                ],
                Err(E::UsedVersion(named(1))),
            ),
            (&[(RollBack(named(1)), "ann")], Err(E::NoSuchVersion(named(1)))),
            (&[(ServerDefault(server()), "ann")], Err(E::AlreadyActive(server().version))),
        ];
        for (acts, want) in cases {
            assert_eq!(run(acts).map(|state| active(&state)), want, "{acts:?}");
        }
    }

    #[test]
    fn who_and_when_is_kept() {
        let state = two();
        let standing: Vec<_> = state.versions.iter().map(|known| known.standing).collect();
        assert_eq!(standing, [PolicyStanding::Retired, PolicyStanding::Active]);
        let second = &state.versions[1];
        assert_eq!((&second.proposed_by, &second.decided_by), (&key("ann"), &Some(key("bob"))));
        assert_eq!((second.proposed_at, second.active_since), (at(1), Some(at(1))));
        let text = serde_json::to_string(&state).expect("json");
        assert_eq!(serde_json::from_str::<PolicyLedger>(&text).expect("a ledger"), state);
    }

    #[test]
    fn going_back_takes_two_as_well() {
        let asked = two().after(&RollBack(named(1)), &key("ann"), at(2)).expect("asked");
        assert_eq!(active(&asked), Some(2));
        let alone = asked.after(&Approve(bytes(1)), &key("ann"), at(3));
        assert_eq!(alone, Err(E::SamePerson));
        let back = asked.after(&Approve(bytes(1)), &key("bob"), at(3)).expect("back");
        assert_eq!((active(&back), back.versions[0].active_since), (Some(1), Some(at(3))));
        let again = back.after(&RollBack(named(1)), &key("ann"), at(4));
        assert_eq!(again, Err(E::AlreadyActive(named(1))));
        // Declined, the version that was asked for stays what it was.
        let no = asked.after(&Reject(named(1)), &key("bob"), at(3)).expect("declined");
        assert_eq!((active(&no), no.versions[0].standing), (Some(2), PolicyStanding::Retired));
        let asked = back.after(&ServerDefault(server()), &key("ann"), at(4)).expect("asked");
        let home = asked.after(&Approve(server()), &key("bob"), at(5)).expect("home");
        assert_eq!(active(&home), None);
        // What was never in force cannot be gone back to.
        let never = run(&[(Propose(bytes(1)), "ann"), (Reject(named(1)), "bob")]).expect("no");
        let refused = never.after(&RollBack(named(1)), &key("ann"), at(2));
        assert_eq!(refused, Err(E::NeverInForce(named(1))));
    }

    #[test]
    fn a_proposal_runs_in_shadow_until_it_is_decided() {
        let on = run(&[(Propose(bytes(1)), "ann"), (Shadow(named(1)), "ann")]).expect("on");
        assert_eq!(on.shadow.as_ref().map(|s| &s.policy), Some(&bytes(1)));
        let off = on.after(&ClearShadow, &key("bob"), at(2)).expect("off");
        assert_eq!(off.shadow, None);
        assert_eq!(off.after(&ClearShadow, &key("bob"), at(3)), Err(E::NoShadow));
        for act in [Approve(bytes(1)), Reject(named(1))] {
            let done = on.after(&act, &key("bob"), at(2)).expect("decided");
            assert_eq!(done.shadow, None, "{act:?}");
            let refused = done.after(&Shadow(named(1)), &key("ann"), at(3));
            assert_eq!(refused, Err(E::NotPending(named(1))), "{act:?}");
        }
    }

    #[test]
    fn files_and_versions_are_limited() {
        let mut state = two();
        for version in 3..=70 {
            state = state.after(&Propose(bytes(version)), &key("ann"), at(2)).expect("proposed");
            assert!(state.kept().count() <= MAX_KEPT_FILES);
            state = state.after(&Reject(named(version)), &key("bob"), at(2)).expect("declined");
        }
        assert!(state.find(&named(2)).is_some_and(|known| known.kept), "it is in force");
        let old = state.after(&RollBack(named(1)), &key("ann"), at(3));
        assert_eq!(old, Err(E::NotKept { version: named(1), limit: MAX_KEPT_FILES }));
        let one = state.versions[0].clone();
        state.versions = vec![one; MAX_VERSIONS];
        let refused = state.after(&Propose(bytes(5_000)), &key("ann"), at(1));
        assert_eq!(refused, Err(E::TooMany { limit: MAX_VERSIONS }));
    }

    #[test]
    fn a_proposal_lapses() {
        let state = run(&[(Propose(bytes(1)), "ann"), (Shadow(named(1)), "ann")]).expect("on");
        let late = at(1).plus_ms(PROPOSAL_LIFETIME_MS);
        assert_eq!(
            state.after(&Approve(bytes(1)), &key("bob"), late),
            Err(E::NotPending(named(1)))
        );
        let settled = state.as_of(late);
        assert_eq!(settled.versions[0].standing, PolicyStanding::Lapsed);
        assert_eq!((settled.pending, settled.shadow), (None, None));
        assert!(state.after(&Propose(bytes(2)), &key("ann"), late).is_ok());
    }
}
