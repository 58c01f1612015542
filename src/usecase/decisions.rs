//! The record of decisions: list, explain, head.

use crate::domain::{EventScore, Versions};
use crate::policy::session::Audience;
use crate::store::{self, DecisionRecord};
use crate::usecase::UseCaseError;
use crate::usecase::access::{Right, require, sees_fine_scores};
use crate::usecase::command::{Caller, DecisionFilter, ExplainDecision};
use crate::usecase::core::Inner;
use crate::usecase::explain::{self, explain};
use crate::usecase::output::{AuditHead, DecisionInfo, Page};
use crate::usecase::subjects::page_request;
use crate::usecase::verify::{full, shown};
use crate::usecase::voice::Score;

/// Actor of acts without an API key: the server itself and the command line.
pub const SERVER_ACTOR: &str = "server";

fn info(record: &DecisionRecord, by: &Caller) -> DecisionInfo {
    let fine = sees_fine_scores(by.role);
    let event = record.event.as_ref();
    let score = event.and_then(|e| e.score);
    let all = |EventScore { raw, llr }| full(Score { raw, llr });
    let versions: Option<Versions> = event.and_then(|e| e.versions.clone());
    DecisionInfo {
        id: record.id.clone(),
        sequence: record.sequence,
        decided_at: record.at,
        kind: record.kind,
        act: event.map_or_else(String::new, |e| e.act.clone()),
        subject: event.and_then(|e| e.subject.clone()),
        decision: record.decision,
        reasons: record.reasons.clone(),
        score: score.map(|s| shown(all(s), by)),
        accept_llr: event.and_then(|e| e.accept_llr).filter(|_| fine),
        reject_llr: event.and_then(|e| e.reject_llr).filter(|_| fine),
        quality: event.and_then(|e| e.quality.clone()),
        versions,
        actor: event
            .and_then(|e| e.actor.as_ref())
            .map_or(SERVER_ACTOR, |key| key.as_str())
            .to_owned(),
        erased: record.event.is_none(),
    }
}

impl Inner {
    pub(super) async fn decisions(
        &self,
        by: &Caller,
        filter: DecisionFilter,
    ) -> Result<Page<DecisionInfo>, UseCaseError> {
        require(by, Right::ReadAudit)?;
        let request = page_request(filter.page_size, filter.page_token)?;
        let wanted = store::DecisionFilter {
            subject: filter.subject,
            from: filter.from,
            until: filter.until,
            decision: filter.decision,
            reason: filter.reason,
            kind: filter.kind,
        };
        let store = &self.parts.store;
        let page = store.decisions(&by.tenant, &wanted, request).await?;
        Ok(Page { items: page.items.iter().map(|r| info(r, by)).collect(), next: page.next })
    }

    pub(super) async fn explain(
        &self,
        by: &Caller,
        c: ExplainDecision,
    ) -> Result<(DecisionInfo, Vec<String>), UseCaseError> {
        require(
            by,
            match c.audience {
                Some(Audience::Customer | Audience::Agent) => Right::Explain,
                Some(Audience::Analyst) => Right::ExplainInFull,
                None => Right::ReadAudit,
            },
        )?;
        let found = self.parts.store.decision(&by.tenant, &c.decision).await?;
        let record = found.ok_or(UseCaseError::NotFound { what: "decision" })?;
        // A customer, and who may not read the record, hears what was told when it was decided.
        let outside =
            c.audience == Some(Audience::Customer) || require(by, Right::ReadAudit).is_err();
        let sentences = explain(&record, c.audience, sees_fine_scores(by.role), outside);
        let mut shown = info(&record, by);
        let told = record.event.as_ref().filter(|_| outside).and_then(explain::session::told);
        if let Some(told) = told {
            shown.decision = Some(told.decision);
        }
        Ok((shown, sentences))
    }

    pub(super) fn audit_head(&self, by: &Caller) -> Result<AuditHead, UseCaseError> {
        require(by, Right::ReadAudit)?;
        let head = self.parts.store.head();
        Ok(AuditHead {
            sequence: head.sequence,
            head_hash: head.hash,
            checkpoint_sequence: self.parts.anchors.checkpoint_sequence(),
        })
    }
}
