//! A live contribution to an enrollment: when to tell, when to judge.

/// Net speech between two updates, in milliseconds.
pub const PROGRESS_EVERY_MS: u32 = 500;

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EnrollmentEvent {
    /// More audio was heard; net speech so far.
    Heard {
        /// Net speech so far, in milliseconds.
        net_speech_ms: u32,
    },
    /// The buffer for speech is full: more would not be used.
    Full,
    /// No more audio will come.
    AudioEnded,
}

/// What to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EnrollmentEffect {
    /// Tell the client how far it is.
    SendUpdate,
    /// Judge the utterance, keep or refuse it, audit; nothing follows.
    Finalize,
}

/// One live contribution.
#[derive(Debug, Clone, Default)]
pub struct EnrollmentSession {
    told_ms: u32,
    full: bool,
    done: bool,
}

impl EnrollmentSession {
    /// A session that has heard nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// Net speech that must still come before there is anything to do, in milliseconds: until then audio
    /// may be heard in one go.
    pub fn patience_ms(&self, net_speech_ms: u32) -> u32 {
        self.told_ms.saturating_add(PROGRESS_EVERY_MS).saturating_sub(net_speech_ms)
    }

    /// Takes an event; anything after the end is ignored.
    pub fn step(&mut self, event: EnrollmentEvent) -> Option<EnrollmentEffect> {
        if self.done {
            return None;
        }
        match event {
            EnrollmentEvent::Heard { net_speech_ms } => {
                let news = net_speech_ms >= self.told_ms.saturating_add(PROGRESS_EVERY_MS);
                news.then(|| {
                    self.told_ms = net_speech_ms;
                    EnrollmentEffect::SendUpdate
                })
            }
            EnrollmentEvent::Full => {
                let first = !self.full;
                self.full = true;
                first.then_some(EnrollmentEffect::SendUpdate)
            }
            EnrollmentEvent::AudioEnded => {
                self.done = true;
                Some(EnrollmentEffect::Finalize)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::EnrollmentEffect::{Finalize, SendUpdate};
    use super::EnrollmentEvent::{AudioEnded, Full, Heard};
    use super::*;

    #[test]
    fn sessions_follow_the_table() {
        let heard = |net_speech_ms| Heard { net_speech_ms };
        let steps = [
            (heard(0), None),
            (heard(499), None),
            (heard(500), Some(SendUpdate)),
            (heard(900), None),
            (heard(1_700), Some(SendUpdate)),
            (Full, Some(SendUpdate)),
            (Full, None),
            (AudioEnded, Some(Finalize)),
            (AudioEnded, None),
            (heard(9_000), None),
        ];
        let mut session = EnrollmentSession::new();
        for (event, effect) in steps {
            assert_eq!(session.step(event), effect, "{event:?}");
        }
    }
}
