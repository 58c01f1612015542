//! Messages of the client.

use crate::domain::Modality;
use crate::session::call::asks::Admission;
use crate::session::call::context::Noted;
use crate::session::call::effect::Effect;
use crate::session::call::machine::{CallSession, Phase};
use crate::session::call::output::{RefusalReason, Response, SessionEnd};
use crate::session::call::sequence::Arrival;
use crate::session::call::words::{ContextEvent, Intent, Leg, Message};

/// Longest explanation of a refusal, in bytes.
const MAX_DETAIL: usize = 200;

impl CallSession {
    /// A message of the present connection.
    pub(super) fn receive(&mut self, sequence: u64, message: Message, effects: &mut Vec<Effect>) {
        if matches!(self.phase, Phase::Ended(_)) {
            return;
        }
        self.last_message_at = self.now;
        let arrival = match message {
            Message::Skip => self.inbound.skip(sequence),
            _ => self.inbound.arrive(sequence),
        };
        let missing_from = match arrival {
            Arrival::Early => Some(self.inbound.taken().saturating_add(1)),
            Arrival::Repeated => None,
            Arrival::Next => {
                let quiet = matches!(message, Message::Audio(_) | Message::Capture(_));
                // After the end began, what still comes is taken and changes nothing.
                if matches!(self.phase, Phase::Running) {
                    self.take(sequence, message, effects);
                }
                let answered = effects.iter().any(|effect| matches!(effect, Effect::Send(_)));
                let owed = self.inbound.owes_acknowledgement(self.limits.acknowledge_every);
                if answered || (quiet && !owed) {
                    return;
                }
                None
            }
        };
        self.send(Response::Acknowledged { missing_from }, effects);
    }

    fn take(&mut self, sequence: u64, message: Message, effects: &mut Vec<Effect>) {
        match message {
            Message::Audio(_) if !self.audio => {
                self.refuse(sequence, RefusalReason::NoAudio, effects);
            }
            // The agent agreed to nothing.
            Message::Audio(Leg::Agent) | Message::Skip => {}
            Message::Audio(Leg::Caller) => effects.push(Effect::Process),
            Message::Capture(Modality::Voice) => {
                let why = "voice comes as audio".to_owned();
                self.refuse(sequence, RefusalReason::Content(why), effects);
            }
            Message::Capture(_) => effects.push(Effect::Process),
            Message::Context(event) => self.note(event, sequence, effects),
            Message::AppContext(event) => {
                let noted = self.around.note_of_app(event);
                self.noted(noted, sequence, effects);
            }
            Message::Intent(intent) => self.ask(&intent, sequence, effects),
            Message::Answer { challenge, transcript } => {
                match self.challenges.answer(challenge, self.now) {
                    Some(prompt) => {
                        effects.push(Effect::CheckAnswer { number: challenge, prompt, transcript })
                    }
                    None => self.refuse(sequence, RefusalReason::ChallengeGone, effects),
                }
            }
            Message::WantChallenge => {
                if self.challenges.is_open() {
                    self.refuse(sequence, RefusalReason::ChallengeOpen, effects);
                } else if !self.begin_challenge(effects) {
                    self.refuse(sequence, RefusalReason::TooManyChallenges, effects);
                }
            }
            Message::WantUpdate => self.wants_update = true,
            Message::Close => self.begin_closing(SessionEnd::Closed, effects),
            Message::Unreadable(detail) => self.unusable(sequence, detail, effects),
        }
    }

    /// The payload of a message could not be used.
    pub(super) fn unusable(&mut self, sequence: u64, detail: String, effects: &mut Vec<Effect>) {
        if !matches!(self.phase, Phase::Ended(_)) {
            let short = detail.chars().take(MAX_DETAIL).collect();
            self.refuse(sequence, RefusalReason::Content(short), effects);
        }
    }

    fn refuse(&mut self, sequence: u64, reason: RefusalReason, effects: &mut Vec<Effect>) {
        self.send(Response::Refused { sequence, reason }, effects);
    }

    /// Takes a fact about the surroundings.
    pub(super) fn note(&mut self, event: ContextEvent, sequence: u64, effects: &mut Vec<Effect>) {
        let noted = self.around.note(event);
        self.noted(noted, sequence, effects);
    }

    /// What a fact led to.
    fn noted(&mut self, noted: Noted, sequence: u64, effects: &mut Vec<Effect>) {
        match noted {
            Noted::News => self.news = true,
            Noted::Known => {}
            Noted::PersonChanged => self.person_changed(None, effects),
            Noted::Refused => {
                let why = "the fact is not one that can be, or there are too many factors";
                self.refuse(sequence, RefusalReason::Content(why.to_owned()), effects);
            }
            Noted::Disbelieved => self.refuse(sequence, RefusalReason::BackEndOnly, effects),
        }
    }

    /// Takes a question.
    pub(super) fn ask(&mut self, intent: &Intent, sequence: u64, effects: &mut Vec<Effect>) {
        let wait_ms = intent.wait_ms.min(self.limits.max_wait_ms);
        let deadline = self.now.plus_ms(wait_ms);
        match self.asks.admit(intent, deadline, self.limits.max_intents) {
            Admission::New => self.news = true,
            Admission::Pending => {}
            Admission::Known(decided) => self.send(Response::Decision(decided), effects),
            Admission::Different => {
                let why = "the name of the question stands for another one".to_owned();
                self.refuse(sequence, RefusalReason::Content(why), effects);
            }
            Admission::TooMany => self.refuse(sequence, RefusalReason::TooManyIntents, effects),
        }
    }

    /// Begins a challenge unless there were too many.
    pub(super) fn begin_challenge(&mut self, effects: &mut Vec<Effect>) -> bool {
        let permitted = self.challenges.count() < self.limits.max_challenges;
        if permitted {
            effects.push(Effect::MakeChallenge { number: self.challenges.begin() });
        }
        permitted
    }

    /// A prompt was made: the client gets it.
    pub(super) fn challenge_made(
        &mut self,
        number: u32,
        prompt: String,
        effects: &mut Vec<Effect>,
    ) {
        let lifetime_ms = self.limits.challenge_ms;
        if let Some(expires_at) = self.challenges.ready(number, &prompt, lifetime_ms, self.now) {
            self.send_kept(Response::Challenge { number, prompt, expires_at }, effects);
        }
    }
}
