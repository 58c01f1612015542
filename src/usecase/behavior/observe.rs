//! Verification while captures come in: running evidence after each, one decision at the end.

use std::future::Future;
use std::sync::Arc;

use crate::behavior::RawCapture;
use crate::crypto::sha256;
use crate::usecase::UseCaseError;
use crate::usecase::behavior::probe::{Probe, Seen, check_same, digest, look_at};
use crate::usecase::behavior::verify::{
    Claim, Recorded, Weighed, check_claim, claim_content, for_role, shown_score,
};
use crate::usecase::behavior::{MAX_OBSERVED, OBSERVED_EVENTS, OBSERVED_WINDOW};
use crate::usecase::command::{Caller, ObserveBehavior};
use crate::usecase::core::{Inner, Shared, to_the_end};
use crate::usecase::failure::invalid;
use crate::usecase::live_request::Reserved;
use crate::usecase::output::{BehaviorUpdate, BehaviorVerification};
use crate::usecase::port::{LiveBehavior, Reply};

/// RPC, for idempotency.
const METHOD: &str = "vouch.v1.BehaviorService/ObserveBehavior";

/// A claim on its way to a decision.
struct Live {
    inner: Shared,
    claim: Arc<Claim>,
    /// The latest captures; absent until the first.
    probe: Option<Arc<Probe>>,
    /// Captures so far.
    count: u32,
    marks: Marks,
    /// A comparison was answered and no decision was begun.
    owed: bool,
    /// Until the decision is taken.
    reserved: Option<Reserved>,
}

/// A repeated request: the answer is known, and goes to the same captures only.
struct Known {
    answer: BehaviorVerification,
    /// Of the captures that it was given for.
    recorded: Vec<u64>,
    /// Of the captures so far.
    marks: Marks,
}

/// What names the captures of a stream, for idempotency: for each a number that follows from it and all before.
#[derive(Default)]
struct Marks {
    last: [u8; 32],
    all: Vec<u64>,
}

impl Marks {
    fn add(&mut self, capture: &RawCapture) {
        let mut both = [0; 64];
        let (before, own) = both.split_at_mut(32);
        before.copy_from_slice(&self.last);
        own.copy_from_slice(&digest(capture).unwrap_or_default());
        self.last = sha256(&both);
        if let Some((first, _)) = self.last.split_first_chunk::<8>() {
            self.all.push(u64::from_le_bytes(*first));
        }
    }
}

impl Inner {
    pub(in crate::usecase) async fn observe_behavior(
        self: Shared,
        by: Caller,
        c: ObserveBehavior,
    ) -> Result<Box<dyn LiveBehavior>, UseCaseError> {
        check_claim(&by, c.other.as_ref())?;
        // The captures are not known yet: a stream is named by its configuration.
        let request = claim_content(&c.subject, c.other.as_ref()).request(METHOD, &c.key);
        let reserved = self.live_keys.reserve(&by.tenant, &request)?;
        if let Some(Recorded { answer, marks }) = self.remembered(&by, &request).await? {
            let (answer, recorded) = (for_role(answer, &by), marks);
            return Ok(Box::new(Known { answer, recorded, marks: Marks::default() }));
        }
        let claim = Claim { by, request, subject: c.subject, other: c.other };
        let claim = Arc::new(claim);
        Ok(Box::new(Live {
            inner: self,
            claim,
            probe: None,
            count: 0,
            marks: Marks::default(),
            owed: false,
            reserved: Some(reserved),
        }))
    }
}

impl Live {
    /// Adds a capture; the oldest leaves a full window.
    async fn take(&mut self, raw: RawCapture) -> Result<(), UseCaseError> {
        if self.count >= MAX_OBSERVED {
            let problem = format!("at most {MAX_OBSERVED} of a stream");
            return Err(invalid("capture", problem));
        }
        let index = usize::try_from(self.count).unwrap_or(usize::MAX);
        self.marks.add(&raw);
        let models = Arc::clone(&self.inner.parts.behavior);
        let job = move || look_at(models.as_ref(), index, raw);
        let (key, seen) = self.inner.compute(job).await??;
        let mut latest = match &self.probe {
            Some(probe) => {
                check_same(&probe.key, &key)?;
                probe.seen.clone()
            }
            None => Vec::new(),
        };
        latest.push(seen);
        let over = latest.len().saturating_sub(OBSERVED_WINDOW);
        latest.drain(..over);
        let events = |all: &[Seen]| all.iter().map(|s| s.capture.events.len()).sum::<usize>();
        while latest.len() > 1 && events(&latest) > OBSERVED_EVENTS {
            latest.remove(0);
        }
        self.probe = Some(Arc::new(Probe { key, seen: latest }));
        self.count += 1;
        Ok(())
    }

    /// The decision, and then the key is free: what is remembered speaks for it from here on.
    fn decided(
        &mut self,
    ) -> impl Future<Output = Result<BehaviorVerification, UseCaseError>> + use<> {
        self.owed = false;
        let (inner, claim) = (Arc::clone(&self.inner), Arc::clone(&self.claim));
        let (probe, marks) = (self.probe.take(), std::mem::take(&mut self.marks.all));
        let reserved = self.reserved.take();
        async move {
            let answer = inner.conclude_behavior(&claim, probe, &marks).await;
            drop(reserved);
            answer
        }
    }

    fn update(&self, weighed: &Weighed) -> BehaviorUpdate {
        let probe = self.probe.as_deref();
        let (captures, units) = weighed.amount(probe);
        BehaviorUpdate {
            decision: weighed.verdict.decision,
            reasons: weighed.verdict.reasons.clone(),
            score: shown_score(weighed.score(), &self.claim.by),
            findings: weighed.findings(),
            captures,
            units,
            enough: weighed.enough(),
            versions: self.inner.behavior_versions(probe.map(|p| p.key.kind)),
        }
    }
}

impl LiveBehavior for Live {
    fn push(&mut self, capture: RawCapture) -> Reply<'_, BehaviorUpdate> {
        Box::pin(async move {
            self.take(capture).await?;
            let (claim, probe) = (Arc::clone(&self.claim), self.probe.clone());
            // Anew for each capture: a lock, a withdrawal or an erasure ends what is told at once.
            let profile = probe.as_deref().map(|probe| probe.key.profile());
            let (tenant, subject) = (&claim.by.tenant, &claim.subject);
            let snapshot =
                self.inner.parts.store.behavior(tenant, subject, profile.as_ref()).await?;
            let weighed = self.inner.weigh_claim(&claim, probe.as_ref(), snapshot.as_ref()).await?;
            self.owed |= weighed.score().is_some();
            Ok(self.update(&weighed))
        })
    }

    fn finish(mut self: Box<Self>) -> Reply<'static, BehaviorVerification> {
        Box::pin(to_the_end(self.decided()))
    }
}

impl Drop for Live {
    /// A client that leaves after a comparison was answered has used an attempt: it is decided and audited with
    /// what came, or comparisons could be had without limit.
    fn drop(&mut self) {
        if let (true, Ok(runtime)) = (self.owed, tokio::runtime::Handle::try_current()) {
            let decided = self.decided();
            runtime.spawn(async move {
                if let Err(error) = decided.await {
                    tracing::error!(%error, "an abandoned verification was not recorded");
                }
            });
        }
    }
}

impl LiveBehavior for Known {
    fn push(&mut self, capture: RawCapture) -> Reply<'_, BehaviorUpdate> {
        self.marks.add(&capture);
        if !self.recorded.starts_with(&self.marks.all) {
            return Box::pin(async { Err(UseCaseError::IdempotencyMismatch) });
        }
        let answer = &self.answer;
        let update = BehaviorUpdate {
            decision: answer.decision,
            reasons: answer.reasons.clone(),
            score: answer.score,
            findings: answer.findings.clone(),
            captures: answer.captures,
            units: answer.units,
            enough: answer.enough,
            versions: answer.versions.clone(),
        };
        Box::pin(async move { Ok(update) })
    }

    fn finish(self: Box<Self>) -> Reply<'static, BehaviorVerification> {
        Box::pin(async move {
            // Fewer captures are another request, too.
            let same = self.recorded == self.marks.all;
            if same { Ok(self.answer) } else { Err(UseCaseError::IdempotencyMismatch) }
        })
    }
}
