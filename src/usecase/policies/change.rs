//! Proposing, approving, rejecting, going back; shadow. One transaction each: the ledger and its audit record.

use crate::crypto::sha256_hex;
use crate::domain::{ApiKeyId, ArtifactRef, AuditKind, Event, Reason};
use crate::policy::session::{
    PolicyAct, PolicyBytes, PolicyChangeError, PolicyProblem, SHIPPED, SessionPolicyFile,
    read_policy,
};
use crate::scoring::fusion::Fusion;
use crate::store::Effect;
use crate::usecase::UseCaseError;
use crate::usecase::access::{Right, require};
use crate::usecase::command::{Caller, IdempotencyKey};
use crate::usecase::core::Inner;
use crate::usecase::failure::invalid;
use crate::usecase::output::Done;
use crate::usecase::policies::in_force::bytes_of;
use crate::usecase::policies::{
    ApprovePolicy, PolicyOverview, ProposePolicy, RejectPolicy, RollBackPolicy, ShadowPolicy,
};
use crate::usecase::request::{Content, Request};

/// RPCs, for idempotency.
const PROPOSE: &str = "vouch.v1.PolicyService/ProposePolicy";
const APPROVE: &str = "vouch.v1.PolicyService/ApprovePolicy";
const REJECT: &str = "vouch.v1.PolicyService/RejectPolicy";
const ROLL_BACK: &str = "vouch.v1.PolicyService/RollBack";
const SHADOW: &str = "vouch.v1.PolicyService/ActivateShadow";
const CLEAR: &str = "vouch.v1.PolicyService/ClearShadow";

/// Why a file cannot be proposed.
#[derive(Debug, thiserror::Error)]
pub enum PolicyRefusal {
    /// It is unsound.
    #[error("{0}")]
    Unsound(PolicyProblem),
    /// Its version is taken.
    #[error("{0}")]
    Change(PolicyChangeError),
}

/// Checks a file and names it.
///
/// # Errors
/// It is unsound, or its version is that of another file that ships with the server.
pub fn checked_proposal(file: &str, fusion: Fusion) -> Result<PolicyBytes, PolicyRefusal> {
    let policy = read_policy(file, fusion).map_err(PolicyRefusal::Unsound)?;
    let bytes = bytes_of(&policy, file);
    for (_, shipped) in SHIPPED {
        must_be_free(&bytes, shipped).map_err(PolicyRefusal::Change)?;
    }
    Ok(bytes)
}

/// Refuses a version that names another file already.
///
/// # Errors
/// [`PolicyChangeError::UsedVersion`].
pub fn must_be_free(proposed: &PolicyBytes, known: &str) -> Result<(), PolicyChangeError> {
    let same_version = toml::from_str::<SessionPolicyFile>(known)
        .is_ok_and(|known| known.version == proposed.version);
    if same_version && sha256_hex(known.as_bytes()) != proposed.sha256 {
        return Err(PolicyChangeError::UsedVersion(proposed.version.clone()));
    }
    Ok(())
}

/// The audit record of an act.
pub fn change_event(act: &PolicyAct, by: ApiKeyId) -> Event {
    let (words, version, sha256) = match act {
        PolicyAct::Propose(policy) => {
            ("policy proposed", Some(&policy.version), Some(&policy.sha256))
        }
        PolicyAct::RollBack(version) => ("way back to a policy asked for", Some(version), None),
        PolicyAct::ServerDefault(policy) => {
            ("way back to the server's policy asked for", Some(&policy.version), None)
        }
        PolicyAct::Approve(policy) => {
            ("policy approved and in force", Some(&policy.version), Some(&policy.sha256))
        }
        PolicyAct::Reject(version) => ("policy rejected", Some(version), None),
        PolicyAct::Shadow(version) => ("policy runs in shadow", Some(version), None),
        PolicyAct::ClearShadow => ("policy in shadow ended", None, None),
    };
    let mut event = Event::new(AuditKind::Policy, words);
    event.actor = Some(by);
    event.reasons = vec![Reason::Administrative];
    let version = version.map(|version| ("policy", version.to_string()));
    let sha256 = sha256.map(|sha256| ("sha256", sha256.clone()));
    let details = version.into_iter().chain(sha256);
    event.details.extend(details.map(|(name, value)| (name.to_owned(), value)));
    event
}

fn named(version: &ArtifactRef) -> Content {
    Content::new().text(&version.to_string())
}

impl Inner {
    pub(in crate::usecase) async fn propose_policy(
        &self,
        by: Caller,
        c: ProposePolicy,
    ) -> Result<Done<PolicyOverview>, UseCaseError> {
        require(&by, Right::ChangePolicy)?;
        let request = Content::new().text(&c.file).request(PROPOSE, &c.key);
        if let Some(answer) = self.remembered(&by, &request).await? {
            return Ok(answer);
        }
        let (fusion, file) = (self.parts.fusion.clone(), c.file.clone());
        let proposed = self.compute(move || checked_proposal(&file, fusion)).await?;
        let policy = proposed.map_err(|refusal| match refusal {
            PolicyRefusal::Unsound(problem) => invalid("policy_toml", problem.to_string()),
            PolicyRefusal::Change(refused) => UseCaseError::PolicyChange(refused),
        })?;
        let server = &self.sessions.policies.server_file;
        must_be_free(&policy, server).map_err(UseCaseError::PolicyChange)?;
        self.change_policy(by, &request, PolicyAct::Propose(policy), Some(c.file)).await
    }

    pub(in crate::usecase) async fn approve_policy(
        &self,
        by: Caller,
        c: ApprovePolicy,
    ) -> Result<Done<PolicyOverview>, UseCaseError> {
        let content = named(&c.policy.version).text(&c.policy.sha256);
        self.act_on_policy(by, content, APPROVE, &c.key, PolicyAct::Approve(c.policy)).await
    }

    pub(in crate::usecase) async fn reject_policy(
        &self,
        by: Caller,
        c: RejectPolicy,
    ) -> Result<Done<PolicyOverview>, UseCaseError> {
        let content = named(&c.version);
        self.act_on_policy(by, content, REJECT, &c.key, PolicyAct::Reject(c.version)).await
    }

    pub(in crate::usecase) async fn roll_back_policy(
        &self,
        by: Caller,
        c: RollBackPolicy,
    ) -> Result<Done<PolicyOverview>, UseCaseError> {
        let content = Content::new().optional(c.to.as_ref().map(ToString::to_string).as_deref());
        let act = match c.to {
            Some(version) => PolicyAct::RollBack(version),
            None => PolicyAct::ServerDefault(self.sessions.policies.server.clone()),
        };
        self.act_on_policy(by, content, ROLL_BACK, &c.key, act).await
    }

    pub(in crate::usecase) async fn shadow_policy(
        &self,
        by: Caller,
        c: ShadowPolicy,
    ) -> Result<Done<PolicyOverview>, UseCaseError> {
        match c.version {
            Some(version) => {
                let content = named(&version);
                self.act_on_policy(by, content, SHADOW, &c.key, PolicyAct::Shadow(version)).await
            }
            None => {
                let act = PolicyAct::ClearShadow;
                self.act_on_policy(by, Content::new(), CLEAR, &c.key, act).await
            }
        }
    }

    async fn act_on_policy(
        &self,
        by: Caller,
        content: Content,
        method: &'static str,
        key: &IdempotencyKey,
        act: PolicyAct,
    ) -> Result<Done<PolicyOverview>, UseCaseError> {
        require(&by, Right::ChangePolicy)?;
        let request = content.request(method, key);
        if let Some(answer) = self.remembered(&by, &request).await? {
            return Ok(answer);
        }
        self.change_policy(by, &request, act, None).await
    }

    async fn change_policy(
        &self,
        by: Caller,
        request: &Request,
        act: PolicyAct,
        file: Option<String>,
    ) -> Result<Done<PolicyOverview>, UseCaseError> {
        let mut draft = self.draft(&by, AuditKind::Policy, "");
        let ledger = self.parts.store.policies(&by.tenant);
        let next = ledger.after(&act, &by.key, draft.at).map_err(UseCaseError::PolicyChange)?;
        // A file that this server cannot use must not be put in force, even if an older one took it.
        if let (PolicyAct::Approve(_), Some(active)) = (&act, next.active()) {
            self.compiled(&by.tenant, &active.policy).await?;
        }
        let versions = draft.event.versions.take();
        draft.event = Event { versions, ..change_event(&act, by.key.clone()) };
        draft.effects = vec![Effect::ChangePolicy { act, by: by.key.clone(), file }];
        let answer = Done {
            value: self.sessions.policies.overview(&next),
            decision_id: draft.decision.clone(),
            versions: self.versions(&by.tenant),
        };
        Ok(self.commit(&by, request, draft, answer).await?.0)
    }
}
