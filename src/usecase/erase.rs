//! Erasure: the subject's key and rows are destroyed, a receipt proves it.

use serde::{Deserialize, Serialize};

use crate::domain::{AuditKind, DecisionId, Reason, ReceiptId, Versions};
use crate::store::{self, Effect, ErasureState};
use crate::usecase::UseCaseError;
use crate::usecase::access::{Right, require};
use crate::usecase::command::{Caller, OnSubject};
use crate::usecase::core::Inner;
use crate::usecase::output::{Done, Erasure, Receipt};
use crate::usecase::request::Content;
use crate::usecase::subjects::any_version;

/// What is remembered of an erasure: where to look for its progress. Names no subject.
#[derive(Serialize, Deserialize)]
struct Remembered {
    receipt: ReceiptId,
    decision: DecisionId,
    versions: Versions,
}

fn progress(erasure: &store::Erasure) -> Erasure {
    match erasure.state {
        ErasureState::Pending => Erasure::Pending,
        ErasureState::Done => Erasure::Done(Receipt {
            id: erasure.receipt.clone(),
            erased_at: erasure.erased_at,
            rows_destroyed: erasure.rows_destroyed,
        }),
    }
}

impl Inner {
    pub(super) async fn erase_subject(
        &self,
        by: Caller,
        c: OnSubject,
    ) -> Result<Done<Erasure>, UseCaseError> {
        require(&by, Right::Erase)?;
        let request = Content::new()
            .subject(&c.subject)
            .request("vouch.v1.SubjectService/EraseSubject", &c.key);
        if let Some(known) = self.remembered::<Remembered>(&by, &request).await? {
            return self.erasure_progress(&by, known).await;
        }
        let mut draft = self.draft(&by, AuditKind::Erasure, "subject erased");
        let known = Remembered {
            receipt: ReceiptId::new(draft.at, self.id_bytes()),
            decision: draft.decision.clone(),
            versions: self.versions(&by.tenant),
        };
        draft.subject = Some(any_version(&c.subject));
        draft.event.reasons = vec![Reason::Administrative, Reason::ErasurePending];
        draft.effects = vec![Effect::EraseSubject { receipt: known.receipt.clone() }];
        let (known, _) = self.commit(&by, &request, draft, known).await?;
        self.refresh(&by, &c.subject).await?;
        self.erasure_progress(&by, known).await
    }

    async fn erasure_progress(
        &self,
        by: &Caller,
        known: Remembered,
    ) -> Result<Done<Erasure>, UseCaseError> {
        let store = &self.parts.store;
        let erasure = store.erasure(&by.tenant, &known.receipt).await?;
        let erasure = erasure.ok_or(UseCaseError::NotFound { what: "receipt" })?;
        Ok(Done {
            value: progress(&erasure),
            decision_id: known.decision,
            versions: known.versions,
        })
    }
}
