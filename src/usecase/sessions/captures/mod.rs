//! Captures of behavior in a session: checked, compared with the claimed subject's profile of that kind, class
//! of device and text as it may be used at that moment, and dropped. Events end in the engine; features and
//! fingerprints of the latest live as long as the session.

mod heap;
mod played;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::behavior::RawCapture;
use crate::domain::{Finding, FindingKind, Llr, Modality, SubjectId, TenantId};
use crate::policy::session::SubjectStanding;
use crate::session::call::Event;
use crate::store::BehaviorProfile;
use crate::usecase::UseCaseError;
use crate::usecase::behavior::BehaviorModels;
use crate::usecase::behavior::compare::complete;
use crate::usecase::behavior::probe::{CaptureKey, checked};
use crate::usecase::core::Inner;
use crate::usecase::failure::invalid;
use crate::usecase::output::{BehaviorFinding, ShownFinding};
use crate::usecase::sessions::captures::heap::{Heap, Taken};
use crate::usecase::sessions::standing::Moment;

pub(super) use heap::{Spoke, modality_of};
pub(super) use played::Played;

/// Captures of one session: one every two seconds of the longest. More would be tries at a profile.
pub(super) const MAX_CAPTURES: u32 = 7_200;
/// Longest wait for a place in the engine.
const MAX_WAIT: Duration = Duration::from_secs(1);

/// Captures of a session.
pub(super) struct Captures {
    heap: Arc<Mutex<Heap>>,
    models: Arc<dyn BehaviorModels>,
    /// LLR under which the newest captures look like somebody else's.
    change_llr: Llr,
    count: u32,
    /// Another factor was passed, as of the last look at where the subject stands.
    pub(super) vouched: bool,
}

/// Whose profiles are compared with.
type About<'a> = (&'a TenantId, &'a SubjectId);

fn locked(heap: &Mutex<Heap>) -> MutexGuard<'_, Heap> {
    heap.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Captures {
    /// Before the first.
    pub(super) fn new(models: &Arc<dyn BehaviorModels>, change_llr: Llr) -> Self {
        let (heap, models) = (Arc::default(), Arc::clone(models));
        Self { heap, models, change_llr, count: 0, vouched: false }
    }

    /// Takes a capture, the message of this number: checks it, then consent, then what it shows. Whether a refusal
    /// may tell something about the subject, `tells` says.
    ///
    /// # Errors
    /// A capture that is none, or over a limit; a busy engine; a store that cannot be read.
    pub(super) async fn take(
        &mut self,
        inner: &Inner,
        (tenant, subject): (&TenantId, Option<&SubjectId>),
        (sequence, tells): (u64, bool),
        raw: RawCapture,
    ) -> Result<Vec<Event>, UseCaseError> {
        if self.count >= MAX_CAPTURES {
            return Err(invalid("capture", format!("at most {MAX_CAPTURES} of a session")));
        }
        self.count += 1;
        let (key, capture) =
            inner.parts.engine.run_within(MAX_WAIT, move || checked(0, raw)).await???;
        // Nobody who is not claimed has agreed.
        let subject = subject.ok_or(UseCaseError::ConsentMissing)?;
        let (stands, profile) = self.look_up(inner, (tenant, subject), &key).await?;
        let modality = modality_of(key.kind);
        let gone = profile.is_none() && self.forget(&key);
        let mut events = Vec::from_iter(gone.then_some(Event::Withdrawn { modality }));
        let refused = |detail: String| tells.then_some(Event::Unusable { sequence, detail });
        if !agreed(stands) {
            events.extend(refused(UseCaseError::ConsentMissing.to_string()));
            return Ok(events);
        }
        let (heap, models) = (Arc::clone(&self.heap), Arc::clone(&self.models));
        let change_llr = self.change_llr;
        let job = move || {
            locked(&heap).take(models.as_ref(), &key, capture, profile.as_ref(), change_llr)
        };
        let taken = inner.parts.engine.run_within(MAX_WAIT, job).await???;
        events.extend(told(&locked(&self.heap), self.models.as_ref(), modality, &taken));
        if taken.other_text {
            let why = "the capture is of another text than the enrolled one".to_owned();
            events.extend(refused(why));
        }
        Ok(events)
    }

    /// The profile for captures like these, if it may be used now, and where the subject stands with it.
    async fn look_up(
        &self,
        inner: &Inner,
        (tenant, subject): About<'_>,
        key: &CaptureKey,
    ) -> Result<(SubjectStanding, Option<BehaviorProfile>), UseCaseError> {
        let named = key.profile();
        let found = inner.parts.store.behavior(tenant, subject, Some(&named)).await?;
        let at = Moment { now: inner.now(), vouched: self.vouched };
        let stands = inner.stands_with_one(named.kind, found.as_ref(), at);
        locked(&self.heap).group(key)?.stands = stands;
        let usable = found.filter(|_| stands == SubjectStanding::Enrolled);
        Ok((stands, usable.as_ref().and_then(complete).cloned()))
    }

    fn forget(&self, key: &CaptureKey) -> bool {
        locked(&self.heap).forget(key)
    }

    fn evidence(&self, modality: Modality) -> Option<Event> {
        evidence(&locked(&self.heap), self.models.as_ref(), modality)
    }

    /// Where the subject stands with each profile that captures came for.
    pub(super) fn standings(&self) -> Vec<SubjectStanding> {
        locked(&self.heap).groups().map(|group| group.stands).collect()
    }

    /// Looks anew at what may be used: what may not goes, and what came of it.
    pub(super) async fn refresh(
        &mut self,
        inner: &Inner,
        about: About<'_>,
    ) -> Result<Vec<Event>, UseCaseError> {
        let keys: Vec<CaptureKey> =
            locked(&self.heap).groups().map(|group| group.key.clone()).collect();
        let mut events = Vec::new();
        for key in keys {
            let (_, profile) = self.look_up(inner, about, &key).await?;
            if profile.is_none() && self.forget(&key) {
                let modality = modality_of(key.kind);
                events.push(Event::Withdrawn { modality });
                events.extend(self.evidence(modality));
            }
        }
        Ok(events)
    }

    /// Another person is there: see [`Heap::restart`]. What is left is compared anew.
    pub(super) async fn restart(
        &mut self,
        inner: &Inner,
        about: Option<About<'_>>,
        modality: Modality,
        from: Option<u32>,
    ) -> Result<Vec<Event>, UseCaseError> {
        locked(&self.heap).restart(modality, from);
        let (Some(about), Some(_)) = (about, from) else { return Ok(Vec::new()) };
        let keys: Vec<CaptureKey> = {
            let heap = locked(&self.heap);
            let keys = heap.groups().map(|group| group.key.clone());
            keys.filter(|key| modality_of(key.kind) == modality).collect()
        };
        for key in keys {
            let (_, profile) = self.look_up(inner, about, &key).await?;
            let Some(profile) = profile else { continue };
            let (heap, models) = (Arc::clone(&self.heap), Arc::clone(&self.models));
            let job = move || locked(&heap).compare(models.as_ref(), &key, &profile);
            inner.parts.engine.run_within(MAX_WAIT, job).await???;
        }
        Ok(self.evidence(modality).into_iter().collect())
    }

    /// What decisions rest on, and are to remember.
    pub(super) fn spoke(&self) -> Vec<Spoke> {
        locked(&self.heap).spoke()
    }

    /// A decision has remembered these.
    pub(super) fn remembered(&mut self, spoke: &[Spoke]) {
        locked(&self.heap).settle(spoke);
    }

    /// While a decision was taken another session was decided on a copy of these captures.
    pub(super) fn replayed(&mut self, spoke: &[Spoke]) -> Vec<Event> {
        let mut events = Vec::new();
        for one in spoke {
            let modality = modality_of(one.key.kind);
            let mut heap = locked(&self.heap);
            heap.attack(modality);
            drop(heap);
            let (kind, finding) = (FindingKind::Automation, Finding::Present);
            events.push(Event::Found { kind, finding });
            events.extend(self.evidence(modality));
        }
        self.remembered(spoke);
        events
    }
}

/// What a capture means to the session.
fn told(heap: &Heap, models: &dyn BehaviorModels, modality: Modality, taken: &Taken) -> Vec<Event> {
    let mut events = found(&taken.findings);
    let said = evidence(heap, models, modality);
    events.extend(said.or_else(|| taken.silent.then_some(Event::Withdrawn { modality })));
    if let Some((llr, from)) = taken.window {
        events.push(Event::Window { modality, llr: Some(llr), like_last: None, from });
    }
    events
}

fn evidence(heap: &Heap, models: &dyn BehaviorModels, modality: Modality) -> Option<Event> {
    let measured = heap.measured(models, modality)?;
    Some(Event::Evidence { modality, measured })
}

/// Whether a subject who stands like this agreed to the use of behavior.
fn agreed(stands: SubjectStanding) -> bool {
    !matches!(
        stands,
        SubjectStanding::Unknown
            | SubjectStanding::Unclaimed
            | SubjectStanding::NoConsent
            | SubjectStanding::OptedOut
    )
}

/// Cues in the words of a session. A copy and a script are both something else than a person; that neither
/// is there is known only where both were looked for. Nothing is said of a coarse clock.
fn found(findings: &[ShownFinding]) -> Vec<Event> {
    let state =
        |kind| findings.iter().find(|f| f.kind == kind).map_or(Finding::Unknown, |f| f.state);
    let made = match [state(BehaviorFinding::Replay), state(BehaviorFinding::Scripted)] {
        both if both.contains(&Finding::Present) => Finding::Present,
        [Finding::Absent, Finding::Absent] => Finding::Absent,
        _ => Finding::Unknown,
    };
    let all = [
        (FindingKind::Automation, made),
        (FindingKind::PastedScript, state(BehaviorFinding::Paste)),
        (FindingKind::RemoteAccess, state(BehaviorFinding::RemoteControl)),
        (FindingKind::SocialEngineering, state(BehaviorFinding::Hesitation)),
    ];
    all.into_iter().map(|(kind, finding)| Event::Found { kind, finding }).collect()
}
