//! Reading policies, checking a file, and asking what another policy would have decided.

use std::sync::Arc;

use crate::domain::ArtifactRef;
use crate::policy::session::{ActivePolicy, PolicyLedger, examine_policy, read_policy};
use crate::scoring::fusion::Fusion;
use crate::store::StoreError;
use crate::usecase::UseCaseError;
use crate::usecase::access::{Right, require};
use crate::usecase::command::Caller;
use crate::usecase::core::Inner;
use crate::usecase::failure::invalid;
use crate::usecase::output::Page;
use crate::usecase::policies::in_force::bytes_of;
use crate::usecase::policies::{
    AskWhatIf, Candidate, PolicyCheck, PolicyInfo, PolicyList, Replay, WhatIfReport,
};
use crate::usecase::subjects::page_request;

fn unknown() -> UseCaseError {
    UseCaseError::NotFound { what: "policy" }
}

fn checked(file: &str, fusion: Fusion) -> PolicyCheck {
    match examine_policy(file, fusion) {
        Ok(policy) => PolicyCheck { policy: Some(bytes_of(&policy, file)), problems: Vec::new() },
        Err(problems) => PolicyCheck { policy: None, problems },
    }
}

/// Says whether a file is sound, with the cautious fusion.
pub fn check_file(file: &str) -> PolicyCheck {
    checked(file, Fusion::cautious())
}

impl Inner {
    fn ledger(&self, by: &Caller) -> PolicyLedger {
        self.parts.store.policies(&by.tenant).as_of(self.now())
    }

    pub(in crate::usecase) async fn check_policy(
        &self,
        by: &Caller,
        file: String,
    ) -> Result<PolicyCheck, UseCaseError> {
        require(by, Right::ReadPolicy)?;
        let fusion = self.parts.fusion.clone();
        self.compute(move || checked(&file, fusion)).await
    }

    pub(in crate::usecase) async fn policy(
        &self,
        by: &Caller,
        version: Option<ArtifactRef>,
    ) -> Result<PolicyInfo, UseCaseError> {
        require(by, Right::ReadPolicy)?;
        let ledger = self.ledger(by);
        let policies = &self.sessions.policies;
        let found = match &version {
            Some(version) => ledger.find(version),
            None => ledger.active(),
        };
        let overview = policies.overview(&ledger);
        let Some(found) = found else {
            if version.is_some_and(|version| version != policies.server.version) {
                return Err(unknown());
            }
            let (policy, file) = (policies.server.clone(), Some(policies.server_file.clone()));
            return Ok(PolicyInfo { overview, version: None, policy, file });
        };
        let policy = found.policy.clone();
        let file = match self.parts.store.policy_file(&by.tenant, &policy.sha256).await {
            Ok(file) => Some(file),
            Err(StoreError::NoPolicyFile) => None,
            Err(error) => return Err(error.into()),
        };
        Ok(PolicyInfo { overview, version: Some(found.clone()), policy, file })
    }

    pub(in crate::usecase) fn policies(
        &self,
        by: &Caller,
        page_size: usize,
        token: Option<String>,
    ) -> Result<PolicyList, UseCaseError> {
        require(by, Right::ReadPolicy)?;
        let request = page_request(page_size, token)?;
        let ledger = self.ledger(by);
        let count = ledger.versions.len();
        // A token is how many older ones there are, so that a new version moves no page.
        let below = match &request.token {
            None => count,
            Some(token) => {
                let read = token.parse().ok().filter(|below| *below <= count);
                read.ok_or_else(|| invalid("page_token", "was not given out by this server"))?
            }
        };
        let start = below.saturating_sub(usize::try_from(request.size).unwrap_or(count));
        let items = ledger.versions[start..below].iter().rev().cloned().collect();
        let next = (start > 0).then(|| start.to_string());
        let overview = self.sessions.policies.overview(&ledger);
        Ok(PolicyList { overview, versions: Page { items, next } })
    }

    /// The policy in force for a tenant, compiled.
    async fn active_policy(&self, by: &Caller) -> Result<Arc<ActivePolicy>, UseCaseError> {
        match self.ledger(by).active() {
            Some(active) => self.compiled(&by.tenant, &active.policy).await,
            None => Ok(Arc::clone(&self.sessions.policies.server_policy)),
        }
    }

    async fn candidate(
        &self,
        by: &Caller,
        candidate: Candidate,
    ) -> Result<Arc<ActivePolicy>, UseCaseError> {
        match candidate {
            Candidate::Version(version) => match self.ledger(by).find(&version) {
                Some(known) => self.compiled(&by.tenant, &known.policy).await,
                None if version == self.sessions.policies.server.version => {
                    Ok(Arc::clone(&self.sessions.policies.server_policy))
                }
                None => Err(unknown()),
            },
            Candidate::File(file) => {
                let fusion = self.parts.fusion.clone();
                let read = self.compute(move || read_policy(&file, fusion)).await?;
                Ok(Arc::new(read.map_err(|p| invalid("policy_toml", p.to_string()))?))
            }
        }
    }

    pub(in crate::usecase) async fn what_if(
        &self,
        by: &Caller,
        c: AskWhatIf,
    ) -> Result<WhatIfReport, UseCaseError> {
        require(by, Right::ReadPolicy)?;
        let before = self.active_policy(by).await?;
        let after = self.candidate(by, c.candidate).await?;
        let mut replay = Replay::new(before, after, (c.from, c.until));
        while let Some(page) = replay.wanted() {
            let found = self.parts.store.decisions(&by.tenant, replay.filter(), page).await?;
            replay = self.compute(move || replay.with(found)).await?;
        }
        Ok(replay.report())
    }
}
