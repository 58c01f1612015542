//! What a session compares, and with what of its subject it may.

use std::sync::Arc;

use crate::behavior::RawCapture;
use crate::domain::{Modality, SubjectId};
use crate::policy::session::SubjectStanding;
use crate::session::call::Event;
use crate::usecase::UseCaseError;
use crate::usecase::sessions::claim::search;
use crate::usecase::sessions::own_voice::Likeness;
use crate::usecase::sessions::policy::passed;
use crate::usecase::sessions::standing::{best, held_up};
use crate::usecase::sessions::worker::Worker;

impl Worker {
    /// Where the subject, now the claim, stands.
    pub(super) async fn look_up(&mut self, subject: SubjectId) -> Vec<Event> {
        self.claimed.subject = Some(subject);
        self.refresh().await
    }

    /// Looks anew at what of the subject may be used: consent, locks and expiry are those of this moment. What
    /// may not be used any more is gone, and so is the evidence that came of it.
    pub(super) async fn refresh(&mut self) -> Vec<Event> {
        let Some(subject) = self.claimed.subject.clone() else { return Vec::new() };
        match self.looked_up(&subject).await {
            Ok(mut events) => {
                events.extend(self.standing());
                if !self.may_categorize() && self.age.forget() {
                    events.push(Event::Uncategorized);
                }
                events
            }
            Err(error) => {
                tracing::error!(%error, session = %self.id, "a claimed subject could not be read");
                vec![Event::Standing(SubjectStanding::Unknown)]
            }
        }
    }

    async fn looked_up(&mut self, subject: &SubjectId) -> Result<Vec<Event>, UseCaseError> {
        let counted = self.count_all(subject).await;
        let (inner, tenant) = (&self.inner, &self.by.tenant);
        let audio = self.session.expects_audio();
        let vouched = passed(&*self.policy, self.session.factors());
        (self.captures.vouched, self.texts.vouched) = (vouched, vouched);
        self.claimed.look_up(inner, tenant, subject.clone(), (audio, vouched)).await?;
        self.held = !counted || inner.source_held(tenant, &self.sources).await?;
        if self.held {
            self.claimed.put_aside();
        }
        let gone = audio && !self.claimed.has_voice();
        let mut events =
            Vec::from_iter(gone.then_some(Event::Withdrawn { modality: Modality::Voice }));
        events.extend(self.captures.refresh(inner, (tenant, subject)).await?);
        events.extend(self.texts.refresh(inner, (tenant, subject)).await?);
        Ok(events)
    }

    /// The best that is known of where the subject stands with what the session uses.
    fn standing(&self) -> Option<Event> {
        let parts = self.captures.standings().into_iter().chain(self.texts.stands);
        let stands = best(self.claimed.stands.into_iter().chain(parts))?;
        Some(Event::Standing(if self.held { held_up(stands) } else { stands }))
    }

    /// Takes a capture of behavior. One that comes while its source is held up is dropped.
    pub(super) async fn capture(&mut self, sequence: u64, raw: RawCapture) -> Vec<Event> {
        if self.held {
            return Vec::from_iter(self.standing());
        }
        let subject = self.claimed.subject.clone();
        let about = (&self.by.tenant, subject.as_ref());
        // Where answers are constant, a refusal tells no more than a decision.
        let tells = self.view.fine || !self.policy.rules().constant_time;
        let taken = self.captures.take(&self.inner, about, (sequence, tells), raw).await;
        self.with_standing(sequence, taken)
    }

    /// Takes a text.
    pub(super) async fn text(&mut self, sequence: u64, of: bool, content: String) -> Vec<Event> {
        // While its source is held up a text is looked at for findings and compared with nobody.
        let subject = self.claimed.subject.clone().filter(|_| !self.held);
        let about = (&self.by.tenant, subject.as_ref());
        let taken = self.texts.take(&self.inner, about, of, content).await;
        self.with_standing(sequence, taken)
    }

    /// What came of a message, after where the subject stands now: what may not be used any more is out of
    /// the way before there is something new.
    fn with_standing(&self, sequence: u64, taken: Result<Vec<Event>, UseCaseError>) -> Vec<Event> {
        let unusable = |error: UseCaseError| {
            let detail = error.to_string();
            vec![Event::Unusable { sequence, detail }]
        };
        let mut events = Vec::from_iter(self.standing());
        events.extend(taken.unwrap_or_else(unusable));
        events
    }

    /// Another person is there: drops what was captured of a modality before `from`.
    pub(super) async fn restart(&mut self, modality: Modality, from: Option<u32>) -> Vec<Event> {
        match modality {
            Modality::Voice => {
                if let Some(hearing) = &mut self.hearing {
                    hearing.restart(from);
                }
                self.age.restart();
                Vec::new()
            }
            Modality::Text => {
                self.texts.restart(&self.inner);
                Vec::new()
            }
            Modality::Keystroke | Modality::Touch | Modality::Pointer => {
                let subject = self.claimed.subject.clone();
                let about = subject.as_ref().map(|subject| (&self.by.tenant, subject));
                let left = self.captures.restart(&self.inner, about, modality, from).await;
                left.unwrap_or_else(|error| {
                    tracing::warn!(%error, session = %self.id, "captures were not compared anew");
                    Vec::new()
                })
            }
        }
    }

    /// Compares, unless the subject was locked or consent was withdrawn meanwhile.
    pub(super) async fn compare(&mut self) -> Vec<Event> {
        let mut events = self.refresh().await;
        let compared = match &mut self.hearing {
            Some(hearing) => {
                let least = self.inner.parts.policy.verification.min_net_speech_ms;
                self.claimed.compare(&self.inner, hearing, least).await
            }
            None => Ok(Event::NotCompared),
        };
        events.push(self.or_not(compared, Event::NotCompared));
        events.extend(self.categorize().await);
        events
    }

    pub(super) async fn window(&mut self, from_ms: u32, until_ms: u32) -> Event {
        let window = |likeness: Option<Likeness>| Event::Window {
            modality: Modality::Voice,
            llr: likeness.map(|likeness| likeness.llr),
            like_last: likeness.and_then(|likeness| likeness.last),
            from: from_ms,
        };
        let compared = match &mut self.hearing {
            // Who may not be compared with is not listened to for changes either.
            Some(hearing) if self.claimed.has_voice() => {
                hearing.compare_window(&self.inner, from_ms, until_ms).await
            }
            _ => Ok(None),
        };
        self.or_not(compared.map(window), window(None))
    }

    pub(super) async fn search(&mut self) -> Event {
        let nobody = Event::Searched { accepted: None, among: 0 };
        let found = match (&self.search, &self.hearing) {
            (Some((question, candidates)), Some(hearing)) if !self.held => {
                search(&self.inner, question, Arc::clone(candidates), hearing).await
            }
            _ => Ok(nobody.clone()),
        };
        self.or_not(found, nobody)
    }

    /// A comparison that could not be made is absence; the next one may succeed.
    fn or_not(&self, compared: Result<Event, UseCaseError>, otherwise: Event) -> Event {
        compared.unwrap_or_else(|error| {
            tracing::warn!(%error, session = %self.id, "a comparison could not be made");
            otherwise
        })
    }
}
