//! What a back end tells a running session from outside. A session that an app runs over a session token gets the other
//! factors that were passed this way: on the word of the app they are not taken.

use std::collections::VecDeque;

use tokio::sync::oneshot;

use crate::crypto::sha256;
use crate::domain::{FactorName, SessionId};
use crate::policy::session::FactorOutcome;
use crate::session::call::context::MAX_FACTORS;
use crate::session::call::{ContextEvent, Event};
use crate::usecase::UseCaseError;
use crate::usecase::access::{Right, require};
use crate::usecase::command::{Caller, IdempotencyKey};
use crate::usecase::core::Inner;
use crate::usecase::failure::invalid;
use crate::usecase::sessions::service::{MAX_CONTEXT, gone};
use crate::usecase::sessions::worker::{Order, Worker};

/// Reports that a session remembers, the newest, so that none of them counts twice.
const MAX_REPORTS: usize = 64;

/// Tell a session what is known around it.
#[derive(Debug, Clone)]
pub struct ReportContext {
    /// Which session.
    pub session: SessionId,
    /// Taken in order; 1 to 32.
    pub context: Vec<ContextEvent>,
    /// Idempotency.
    pub key: IdempotencyKey,
}

/// A report on its way to its session.
pub(super) struct Report {
    key: IdempotencyKey,
    context: Vec<ContextEvent>,
    reply: oneshot::Sender<Result<(), UseCaseError>>,
}

/// The reports of a session: their keys, and digests of what they said.
#[derive(Default)]
pub(super) struct Reports(VecDeque<(IdempotencyKey, [u8; 32])>);

impl Reports {
    /// Remembers a report; false when it came before.
    fn put(&mut self, key: &IdempotencyKey, digest: [u8; 32]) -> Result<bool, UseCaseError> {
        match self.0.iter().find(|(known, _)| known == key) {
            Some((_, same)) if *same == digest => return Ok(false),
            Some(_) => return Err(UseCaseError::IdempotencyMismatch),
            None => {}
        }
        self.0.push_back((key.clone(), digest));
        if self.0.len() > MAX_REPORTS {
            self.0.pop_front();
        }
        Ok(true)
    }
}

impl Inner {
    /// Tells a session what its back end knows.
    pub(in crate::usecase) async fn report_context(
        &self,
        by: &Caller,
        c: ReportContext,
    ) -> Result<(), UseCaseError> {
        require(by, Right::Compare)?;
        let got = c.context.len();
        if !(1..=MAX_CONTEXT).contains(&got) {
            return Err(invalid("context", format!("1 to {MAX_CONTEXT}, {got} came")));
        }
        let entry = self.sessions.registry.get(&by.tenant, &c.session)?;
        let (reply, taken) = oneshot::channel();
        let report = Report { key: c.key, context: c.context, reply };
        entry.orders.send(Order::Report(report)).await.map_err(|_| gone())?;
        taken.await.map_err(|_| gone())?
    }
}

impl Worker {
    /// Takes a report, all of it or nothing.
    pub(super) async fn report(&mut self, report: Report) {
        let Report { key, context, reply } = report;
        let taken = self.told_from_outside(&key, context).await;
        // Who asked may be gone: what was told is known all the same.
        let _ = reply.send(taken);
    }

    async fn told_from_outside(
        &mut self,
        key: &IdempotencyKey,
        context: Vec<ContextEvent>,
    ) -> Result<(), UseCaseError> {
        if self.session.is_closing() {
            return Err(gone());
        }
        self.has_room_for(&context)?;
        if !self.reports.put(key, sha256(format!("{context:?}").as_bytes()))? {
            return Ok(());
        }
        let mut passed = false;
        for fact in context {
            let now = FactorOutcome::Passed;
            passed |= matches!(&fact, ContextEvent::Factor { outcome, .. } if *outcome == now);
            self.tell(Event::Reported(fact)).await;
        }
        if passed {
            // What needed another factor may be compared now.
            self.look_anew().await;
        }
        Ok(())
    }

    fn has_room_for(&self, context: &[ContextEvent]) -> Result<(), UseCaseError> {
        let mut names: Vec<&FactorName> = self.session.factors().keys().collect();
        names.extend(context.iter().filter_map(|fact| match fact {
            ContextEvent::Factor { factor, .. } => Some(factor),
            _ => None,
        }));
        names.sort();
        names.dedup();
        match names.len() {
            got if got > MAX_FACTORS => {
                let why = format!("a session keeps at most {MAX_FACTORS} factors, got {got}");
                Err(invalid("context", why))
            }
            _ => Ok(()),
        }
    }
}
