//! The class of age of whoever speaks in a session: where the tenant has enabled it, for routing rules alone.

use crate::policy::session::SubjectStanding;
use crate::session::call::Event;
use crate::usecase::UseCaseError;
use crate::usecase::sessions::worker::Worker;

/// Net speech after which the class of a person is determined once more, in milliseconds: what three seconds
/// left open, ten may tell.
const AGAIN_MS: u32 = 10_000;
/// Times it is determined in one session, however often the person changes. Each is a record.
const MAX_TIMES: u32 = 16;

/// What was determined of the present person.
#[derive(Default)]
pub(super) struct Age {
    /// Net speech it rests on, in milliseconds; 0 before the first time.
    at_ms: u32,
    /// In the session.
    times: u32,
    /// The session routes by it.
    known: bool,
}

impl Age {
    /// Whether it is to be determined with this much net speech.
    fn is_due(&self, net_speech_ms: u32, least_ms: u32) -> bool {
        let again = self.at_ms < AGAIN_MS && net_speech_ms >= AGAIN_MS;
        let first = self.at_ms == 0 && net_speech_ms >= least_ms;
        self.times < MAX_TIMES && (first || again)
    }

    /// Another person speaks.
    pub(super) fn restart(&mut self) {
        (self.at_ms, self.known) = (0, false);
    }

    /// It may not be used any more; whether it was.
    pub(super) fn forget(&mut self) -> bool {
        std::mem::take(&mut self.known)
    }
}

impl Worker {
    /// The tenant has enabled it, and the caller, if somebody is claimed, agrees to the use of their voice. A
    /// caller nobody claims to be is told by the tenant's notice.
    pub(super) fn may_categorize(&self) -> bool {
        let refused = matches!(
            self.claimed.stands,
            Some(SubjectStanding::NoConsent | SubjectStanding::OptedOut)
        );
        let looked_up = self.claimed.subject.is_none() || self.claimed.stands.is_some();
        looked_up && !refused && self.inner.tells_age(&self.by.tenant)
    }

    /// Determines the class of age from the embedding that was made to compare; makes one only where nothing is
    /// compared.
    pub(super) async fn categorize(&mut self) -> Option<Event> {
        match self.categorized().await {
            Ok(found) => found,
            Err(error) => {
                tracing::warn!(%error, session = %self.id, "a class of age was not determined");
                None
            }
        }
    }

    async fn categorized(&mut self) -> Result<Option<Event>, UseCaseError> {
        let least_ms = self.inner.parts.policy.age.min_net_speech_ms;
        if !self.may_categorize() {
            return Ok(None);
        }
        let Some(hearing) = &mut self.hearing else { return Ok(None) };
        if !self.age.is_due(hearing.whole_ms(), least_ms) {
            return Ok(None);
        }
        let old = |ms: u32| ms < hearing.whole_ms().min(AGAIN_MS);
        if hearing.embedded().is_none_or(|(_, quality)| old(quality.net_speech_ms)) {
            hearing.whole_side(&self.inner).await?;
        }
        let Some((probe, quality)) = hearing.embedded().cloned() else { return Ok(None) };
        self.age.at_ms = quality.net_speech_ms;
        self.age.times += 1;
        let voice = hearing.voice();
        let found = self.inner.age_for_routing(&self.by, voice, probe, quality).await?;
        let Some((class, p_senior)) = found else { return Ok(None) };
        self.age.known = true;
        Ok(Some(Event::Categorized { class, p_senior }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_determined_twice_a_person_and_not_without_end() {
        let mut age = Age::default();
        let mut times = Vec::new();
        for second in 1..60 {
            if age.is_due(second * 1_000, 3_000) {
                age.at_ms = second * 1_000;
                age.times += 1;
                times.push(second);
            }
        }
        assert_eq!(times, [3, 10]);
        age.restart();
        assert!(age.is_due(3_000, 3_000));
        age.times = MAX_TIMES;
        assert!(!age.is_due(3_000, 3_000));
    }
}
