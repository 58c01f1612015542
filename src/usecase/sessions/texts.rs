//! Texts of a session: counted for style, looked at for findings, and dropped. What is typed is compared with the
//! claimed subject's style profile; transcripts of speech are only looked at, because the background was fitted
//! on chat and their spelling is the recognizer's.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::conversation::compare::MIN_WORDS;
use crate::conversation::findings::{
    ScriptRules, TextFinding, pasted_script, social_engineering, unlike_person,
};
use crate::conversation::{Message, Reading, Style};
use crate::domain::{Finding, FindingKind, Modality, PadOutcome, SubjectId, TenantId};
use crate::policy::session::SubjectStanding;
use crate::session::call::{Event, Measured};
use crate::store::{BehaviorProfile, ProfileKind};
use crate::usecase::UseCaseError;
use crate::usecase::behavior::compare::complete;
use crate::usecase::conversation::Conversation;
use crate::usecase::conversation::texts::{evidence, style_in, style_key};
use crate::usecase::core::Inner;
use crate::usecase::failure::invalid;
use crate::usecase::sessions::standing::Moment;

/// Messages that are kept to look for findings across several, until the session or its person ends.
const MAX_RECENT: usize = 64;
/// Most bytes of them.
const MAX_RECENT_BYTES: usize = 64 << 10;
/// Words that must come between two comparisons.
const COMPARE_EVERY_WORDS: u32 = 20;
/// Longest wait for a place in the engine.
const MAX_WAIT: Duration = Duration::from_secs(1);

/// Texts of the present person.
pub(super) struct Texts {
    heap: Arc<Mutex<Heap>>,
    /// Words at the last comparison.
    compared_words: u32,
    /// Findings that were made; they stay until the person changes.
    present: Vec<FindingKind>,
    /// Where the subject stood with their style when it was last to be compared with.
    pub(super) stands: Option<SubjectStanding>,
    /// Another factor was passed, as of the last look at that.
    pub(super) vouched: bool,
}

struct Heap {
    reading: Reading,
    /// The latest, oldest first; with whether each is a transcript.
    recent: VecDeque<(bool, Message)>,
}

impl Heap {
    /// Takes a message: what is found in the latest, and how many words of style there are.
    fn take(&mut self, models: &Conversation, transcript: bool, message: Message) -> Taken {
        if !transcript {
            self.reading.push(&models.background, &message);
        }
        self.recent.push_back((transcript, message));
        let bytes = |all: &VecDeque<(bool, Message)>| -> usize {
            all.iter().map(|(_, m)| m.text().len()).sum()
        };
        while self.recent.len() > MAX_RECENT || bytes(&self.recent) > MAX_RECENT_BYTES {
            self.recent.pop_front();
        }
        let all: Vec<Message> = self.recent.iter().map(|(_, m)| m.clone()).collect();
        let typed = self.recent.iter().filter(|(transcript, _)| !transcript);
        let typed: Vec<Message> = typed.map(|(_, m)| m.clone()).collect();
        let mut findings = vec![social_engineering(&all, &models.patterns)];
        if !typed.is_empty() {
            findings.push(pasted_script(&typed, &ScriptRules::default()));
        }
        Taken { findings, words: self.reading.words() }
    }
}

/// What a message led to.
struct Taken {
    findings: Vec<TextFinding>,
    words: u32,
}

impl Texts {
    /// Before the first.
    pub(super) fn new(models: &Conversation) -> Self {
        let reading = Reading::new(&models.background);
        let heap = Heap { reading, recent: VecDeque::new() };
        Self {
            heap: Arc::new(Mutex::new(heap)),
            compared_words: 0,
            present: Vec::new(),
            stands: None,
            vouched: false,
        }
    }

    /// Another person is there: what was written before is not theirs.
    pub(super) fn restart(&mut self, inner: &Inner) {
        let (stands, vouched) = (self.stands, self.vouched);
        *self = Self { stands, vouched, ..Self::new(&inner.parts.conversation) };
    }

    /// Looks anew at whether the style may be used, if it was to be: what came of it goes if it may not.
    pub(super) async fn refresh(
        &mut self,
        inner: &Inner,
        (tenant, subject): (&TenantId, &SubjectId),
    ) -> Result<Vec<Event>, UseCaseError> {
        if self.stands.is_some() {
            self.look_up(inner, tenant, subject).await?;
        }
        Ok(self.withdrawn())
    }

    async fn look_up(
        &mut self,
        inner: &Inner,
        tenant: &TenantId,
        subject: &SubjectId,
    ) -> Result<Option<BehaviorProfile>, UseCaseError> {
        let snapshot = inner.parts.store.behavior(tenant, subject, Some(&style_key())).await?;
        let at = Moment { now: inner.now(), vouched: self.vouched };
        let stands = inner.stands_with_one(ProfileKind::Style, snapshot.as_ref(), at);
        self.stands = Some(stands);
        let usable = snapshot.filter(|_| stands == SubjectStanding::Enrolled);
        Ok(usable.as_ref().and_then(complete).cloned())
    }

    fn withdrawn(&self) -> Vec<Event> {
        let gone = self.stands.is_some_and(|stands| stands != SubjectStanding::Enrolled);
        Vec::from_iter(gone.then_some(Event::Withdrawn { modality: Modality::Text }))
    }

    /// Takes a text of the customer: findings in what they wrote lately, and, where there is news, the comparison
    /// with the style of who they claim to be.
    ///
    /// # Errors
    /// A text over the limit, an engine that is busy before anything was looked at. That the style could not be compared
    /// is none: what was found stays.
    pub(super) async fn take(
        &mut self,
        inner: &Inner,
        (tenant, subject): (&TenantId, Option<&SubjectId>),
        transcript: bool,
        content: String,
    ) -> Result<Vec<Event>, UseCaseError> {
        let message = Message::new(content, Some(inner.now()));
        let message = message.map_err(|error| invalid("text.content", error.to_string()))?;
        let (heap, models) = (Arc::clone(&self.heap), Arc::clone(&inner.parts.conversation));
        let job = move || {
            let mut heap = heap.lock().unwrap_or_else(PoisonError::into_inner);
            heap.take(&models, transcript, message)
        };
        let taken = inner.parts.engine.run_within(MAX_WAIT, job).await??;
        let mut events: Vec<Event> = taken.findings.iter().map(|f| self.found(f)).collect();
        let news = taken.words >= self.compared_words.saturating_add(COMPARE_EVERY_WORDS);
        let due = !transcript && news && taken.words >= MIN_WORDS;
        if let Some(subject) = subject.filter(|_| due) {
            match self.compare(inner, tenant, subject).await {
                Ok(compared) => {
                    self.compared_words = taken.words;
                    events.extend(compared);
                }
                // What was found is known all the same; the next text tries again.
                Err(error) => tracing::warn!(%error, "a style was not compared"),
            }
        }
        Ok(events)
    }

    fn found(&mut self, finding: &TextFinding) -> Event {
        let kind = finding.kind;
        if finding.finding == Finding::Present && !self.present.contains(&kind) {
            self.present.push(kind);
        }
        let found = if self.present.contains(&kind) { Finding::Present } else { finding.finding };
        Event::Found { kind, finding: found }
    }

    /// Compares with the subject's style profile, unless none may be used now: consent, lock, expiry and
    /// background are looked at each time.
    async fn compare(
        &mut self,
        inner: &Inner,
        tenant: &TenantId,
        subject: &SubjectId,
    ) -> Result<Vec<Event>, UseCaseError> {
        let Some(profile) = self.look_up(inner, tenant, subject).await? else {
            return Ok(self.withdrawn());
        };
        let models = Arc::clone(&inner.parts.conversation);
        let model = models.artifact();
        let heap = Arc::clone(&self.heap);
        let job = move || {
            let probe: Style = {
                let heap = heap.lock().unwrap_or_else(PoisonError::into_inner);
                heap.reading.style(&models.background)
            };
            let found = evidence(&models, &style_in(&models, &profile, None)?, &probe)?;
            let unlike = unlike_person(found.as_ref(), &models.unlike);
            Ok::<_, UseCaseError>((found, unlike))
        };
        let (found, unlike) = inner.parts.engine.run_within(MAX_WAIT, job).await???;
        let mut events = vec![self.found(&unlike)];
        if let Some(found) = found {
            let [_, amount] = found.words;
            let measured = Measured {
                llr: Some(found.llr),
                enough: found.enough,
                amount,
                model,
                pad: PadOutcome::NotEvaluated,
            };
            events.push(Event::Evidence { modality: Modality::Text, measured });
        }
        Ok(events)
    }
}
