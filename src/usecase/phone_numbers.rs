//! Numbers that subjects call from: kept as keyed digests, asked when a session opens.

use crate::domain::{AuditKind, Reason, TenantId};
use crate::store::{Applied, Effect};
use crate::usecase::UseCaseError;
use crate::usecase::access::{Right, require};
use crate::usecase::command::{Caller, SubjectNumber};
use crate::usecase::core::Inner;
use crate::usecase::output::Done;
use crate::usecase::request::Content;
use crate::usecase::sessions::{AniHistory, ContextEvent, OpenSession};
use crate::usecase::subjects::any_version;

/// RPCs, for idempotency.
const METHOD_ADD: &str = "vouch.v1.SubjectService/AddPhoneNumber";
const METHOD_REMOVE: &str = "vouch.v1.SubjectService/RemovePhoneNumber";
/// Acts in the audit; the records do not hold the number.
const ACT_ADDED: &str = "phone number added";
const ACT_REMOVED: &str = "phone number removed";

impl Inner {
    pub(super) async fn add_phone_number(
        &self,
        by: Caller,
        c: SubjectNumber,
    ) -> Result<Done<u32>, UseCaseError> {
        let effect = Effect::AddPhoneNumber { number: c.number.clone(), remembered: false };
        self.change_number(by, c, (METHOD_ADD, ACT_ADDED), effect).await
    }

    pub(super) async fn remove_phone_number(
        &self,
        by: Caller,
        c: SubjectNumber,
    ) -> Result<Done<u32>, UseCaseError> {
        let effect = Effect::RemovePhoneNumber { number: c.number.clone() };
        self.change_number(by, c, (METHOD_REMOVE, ACT_REMOVED), effect).await
    }

    async fn change_number(
        &self,
        by: Caller,
        c: SubjectNumber,
        (method, act): (&'static str, &str),
        effect: Effect,
    ) -> Result<Done<u32>, UseCaseError> {
        require(&by, Right::PhoneNumber)?;
        let content = Content::new().subject(&c.subject).text(c.number.as_str());
        let request = content.request(method, &c.key);
        if let Some(answer) = self.remembered(&by, &request).await? {
            return Ok(answer);
        }
        let mut draft = self.draft(&by, AuditKind::PhoneNumber, act);
        draft.subject = Some(any_version(&c.subject));
        draft.event.subject = Some(c.subject);
        draft.event.reasons = vec![Reason::Administrative];
        draft.effects = vec![effect];
        let (decision_id, versions) = (draft.decision.clone(), self.versions(&by.tenant));
        let done =
            move |applied: &Applied| Done { value: applied.phone_numbers, decision_id, versions };
        Ok(self.commit_built(&by, &request, draft, done).await?.0)
    }

    /// Asks the directory who may be calling. Where nobody is claimed, the household joins the candidates, as many
    /// as may be searched; what the number says about the claim becomes context unless the client said it. With a
    /// token the number is the app's word, and nobody is asked.
    pub(super) async fn expect_callers(
        &self,
        tenant: &TenantId,
        c: &mut OpenSession,
    ) -> Result<(), UseCaseError> {
        if c.grant.is_some() {
            c.number = None;
        }
        let Some(number) = &c.number else { return Ok(()) };
        let household = self.parts.store.household(tenant, number).await?;
        let history = match &c.subject {
            _ if household.is_empty() => Some(AniHistory::New),
            Some(claimed) if household.contains(claimed) => Some(AniHistory::Known),
            Some(_) => Some(AniHistory::OtherSubject),
            None => None,
        };
        let told = c.context.iter().any(|fact| matches!(fact, ContextEvent::Ani(_)));
        c.context.extend(history.filter(|_| !told).map(ContextEvent::Ani));
        if c.subject.is_none() {
            let most = self.parts.policy.identification.max_candidates;
            let room = most.saturating_sub(c.candidates.len());
            let further: Vec<_> =
                household.into_iter().filter(|s| !c.candidates.contains(s)).take(room).collect();
            c.candidates.extend(further);
        }
        Ok(())
    }
}
