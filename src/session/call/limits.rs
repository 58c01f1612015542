//! Limits of a session, and what counts as news.

use crate::domain::{DurationMs, IntentId, Modality};
use crate::session::call::watch::ChangeRule;

/// One minute, in milliseconds.
const MINUTE_MS: DurationMs = 60_000;

/// How long and how much.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallLimits {
    /// Longest time without a message while connected, in milliseconds.
    pub idle_ms: DurationMs,
    /// Longest session, in milliseconds.
    pub total_ms: DurationMs,
    /// How long a session waits for its lost connection, in milliseconds.
    pub resume_window_ms: DurationMs,
    /// Longest wait of a decision for more evidence, in milliseconds.
    pub max_wait_ms: DurationMs,
    /// How long the last comparison of a session is waited for, in milliseconds.
    pub closing_ms: DurationMs,
    /// How long a challenge can be answered, in milliseconds.
    pub challenge_ms: DurationMs,
    /// Questions of one session.
    pub max_intents: usize,
    /// Challenges of one session.
    pub max_challenges: u32,
    /// Messages taken without an acknowledgement.
    pub acknowledge_every: u32,
}

impl Default for CallLimits {
    fn default() -> Self {
        Self {
            idle_ms: 2 * MINUTE_MS,
            total_ms: 240 * MINUTE_MS,
            resume_window_ms: MINUTE_MS,
            max_wait_ms: 2 * MINUTE_MS,
            closing_ms: 5_000,
            challenge_ms: MINUTE_MS,
            max_intents: 64,
            max_challenges: 16,
            // One second of packets of 20 ms.
            acknowledge_every: 50,
        }
    }
}

/// When to compare, when to believe that somebody else took over, and what is told. Whoever drives a
/// session takes them from the policy in force.
#[derive(Debug, Clone, PartialEq)]
pub struct CallRules {
    /// The intent of the session as a whole, for updates and the decision at its end.
    pub session_intent: IntentId,
    /// Net speech of the first comparison, in milliseconds.
    pub min_net_speech_ms: u32,
    /// When windows of voice are somebody else's.
    pub voice_change: ChangeRule,
    /// When windows of behavior are.
    pub behavior_change: ChangeRule,
    /// Points of risk that are news.
    pub risk_step: u8,
    /// Nats of fused evidence that are news.
    pub llr_step: f64,
    /// Time after which fading evidence is judged anew, in milliseconds.
    pub recheck_ms: DurationMs,
    /// A question that is not accepted is decided at its deadline and no sooner, and no challenge comes unless it is
    /// asked for: when a refusal comes, and whether a challenge does, would tell whether there was anybody to compare with.
    pub constant_time: bool,
}

impl CallRules {
    /// Usual rules around this intent.
    pub fn new(session_intent: IntentId) -> Self {
        Self {
            session_intent,
            min_net_speech_ms: 3_000,
            voice_change: ChangeRule::VOICE,
            behavior_change: ChangeRule::BEHAVIOR,
            risk_step: 5,
            llr_step: 0.5,
            recheck_ms: 10_000,
            constant_time: false,
        }
    }

    /// When windows of this modality are somebody else's.
    pub fn change(&self, modality: Modality) -> &ChangeRule {
        match modality {
            Modality::Voice => &self.voice_change,
            _ => &self.behavior_change,
        }
    }
}
