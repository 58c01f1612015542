//! A live verification: when to embed, when to tell, when to end.

use crate::domain::Llr;
use crate::policy::VerificationRules;

/// Net speech between two comparisons, in milliseconds.
pub const COMPARE_EVERY_MS: u32 = 1_000;
/// Comparisons of one live verification, the last one at the end of audio not counted. Bounds the
/// work of a model that embeds all speech anew for each.
pub const MAX_LIVE_COMPARISONS: u32 = 20;
/// Speech that must have come since the last comparison for the end of audio to ask for another, in
/// milliseconds.
pub const MIN_NEWS_AT_END_MS: u32 = 200;
/// Net speech between two updates while there is too little to compare, in milliseconds.
pub const PROGRESS_EVERY_MS: u32 = 500;

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum VerificationEvent {
    /// More audio was heard; net speech so far.
    Heard {
        /// Net speech so far, in milliseconds.
        net_speech_ms: u32,
    },
    /// The comparison that was asked for is done; `None` when it could not be made.
    Scored {
        /// Its evidence.
        llr: Option<Llr>,
        /// Net speech it is based on, in milliseconds.
        net_speech_ms: u32,
    },
    /// No more audio will come.
    AudioEnded,
}

/// What to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum VerificationEffect {
    /// Embed the speech so far, compare, answer with `Scored`.
    Embed,
    /// Tell the client where things stand.
    SendUpdate,
    /// Decide and audit; nothing follows.
    Finalize {
        /// The audio ended; false when the evidence sufficed before.
        ended: bool,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Listening,
    Comparing,
    ComparingLast,
    Final,
}

/// One live verification.
#[derive(Debug, Clone)]
pub struct VerificationSession {
    rules: VerificationRules,
    early: bool,
    phase: Phase,
    net_speech_ms: u32,
    compared_ms: u32,
    comparisons: u32,
    told_ms: u32,
}

impl VerificationSession {
    /// A session that has heard nothing. Without `early` it listens to the end.
    pub fn new(rules: VerificationRules, early: bool) -> Self {
        Self {
            rules,
            early,
            phase: Phase::Listening,
            net_speech_ms: 0,
            compared_ms: 0,
            comparisons: 0,
            told_ms: 0,
        }
    }

    /// Net speech that must still come before there is anything to do, in milliseconds: until then audio
    /// may be heard in one go. `u32::MAX` when only the end of audio is waited for.
    pub fn patience_ms(&self) -> u32 {
        if self.phase != Phase::Listening {
            return 0;
        }
        let progress = match self.comparisons {
            0 => self.told_ms.saturating_add(PROGRESS_EVERY_MS),
            _ => u32::MAX,
        };
        let next = self.next_comparison_ms().map_or(progress, |next| next.min(progress));
        if next == u32::MAX { next } else { next.saturating_sub(self.net_speech_ms) }
    }

    /// Whether `Finalize` was given.
    pub fn is_final(&self) -> bool {
        self.phase == Phase::Final
    }

    /// Takes an event. Events that do not fit the phase (a score nobody asked for, anything after the
    /// end) are ignored.
    pub fn step(&mut self, event: VerificationEvent) -> Option<VerificationEffect> {
        match (self.phase, event) {
            (Phase::Final, _) => None,
            (Phase::Listening, VerificationEvent::Heard { net_speech_ms }) => {
                self.hear(net_speech_ms);
                self.next_comparison().or_else(|| self.progress())
            }
            (_, VerificationEvent::Heard { net_speech_ms }) => {
                self.hear(net_speech_ms);
                None
            }
            (Phase::Listening, VerificationEvent::AudioEnded) => Some(self.end()),
            (Phase::Comparing, VerificationEvent::AudioEnded) => {
                self.phase = Phase::ComparingLast;
                None
            }
            (Phase::ComparingLast, VerificationEvent::AudioEnded) => None,
            (Phase::Comparing, VerificationEvent::Scored { llr, net_speech_ms }) => {
                self.phase = Phase::Listening;
                self.compared_ms = net_speech_ms;
                self.told_ms = net_speech_ms;
                Some(self.after_score(llr, net_speech_ms))
            }
            (Phase::ComparingLast, VerificationEvent::Scored { net_speech_ms, .. }) => {
                self.compared_ms = net_speech_ms;
                Some(self.finish(true))
            }
            (Phase::Listening, VerificationEvent::Scored { .. }) => None,
        }
    }

    fn hear(&mut self, net_speech_ms: u32) {
        self.net_speech_ms = self.net_speech_ms.max(net_speech_ms);
    }

    /// Net speech at which the next comparison is due.
    fn next_comparison_ms(&self) -> Option<u32> {
        match self.comparisons {
            0 => Some(self.rules.min_net_speech_ms),
            MAX_LIVE_COMPARISONS => None,
            _ => Some(self.compared_ms.saturating_add(COMPARE_EVERY_MS)),
        }
    }

    fn next_comparison(&mut self) -> Option<VerificationEffect> {
        if self.net_speech_ms < self.next_comparison_ms()? {
            return None;
        }
        self.comparisons += 1;
        self.phase = Phase::Comparing;
        Some(VerificationEffect::Embed)
    }

    fn progress(&mut self) -> Option<VerificationEffect> {
        let news = self.comparisons == 0
            && self.net_speech_ms >= self.told_ms.saturating_add(PROGRESS_EVERY_MS);
        news.then(|| {
            self.told_ms = self.net_speech_ms;
            VerificationEffect::SendUpdate
        })
    }

    fn after_score(&mut self, llr: Option<Llr>, net_speech_ms: u32) -> VerificationEffect {
        let suffices = llr.is_some_and(|llr| self.rules.suffices_early(llr, net_speech_ms));
        if self.early && suffices {
            return self.finish(false);
        }
        VerificationEffect::SendUpdate
    }

    fn end(&mut self) -> VerificationEffect {
        let enough = self.net_speech_ms >= self.rules.min_net_speech_ms;
        let news = self.net_speech_ms >= self.compared_ms.saturating_add(MIN_NEWS_AT_END_MS);
        if enough && (news || self.comparisons == 0) {
            self.phase = Phase::ComparingLast;
            return VerificationEffect::Embed;
        }
        self.finish(true)
    }

    fn finish(&mut self, ended: bool) -> VerificationEffect {
        self.phase = Phase::Final;
        VerificationEffect::Finalize { ended }
    }
}

#[cfg(test)]
mod tests {
    use super::VerificationEffect::{Embed, Finalize, SendUpdate};
    use super::VerificationEvent::{AudioEnded, Heard, Scored};
    use super::*;
    use crate::domain::Decision;
    use crate::policy::verification::tests::quality;
    use crate::policy::{VerificationEvidence, decide_verification};
    use proptest::prelude::*;

    fn heard(net_speech_ms: u32) -> VerificationEvent {
        Heard { net_speech_ms }
    }

    fn scored(llr: f64, net_speech_ms: u32) -> VerificationEvent {
        Scored { llr: Some(Llr(llr)), net_speech_ms }
    }

    #[test]
    fn sessions_follow_the_table() {
        type Step = (VerificationEvent, Option<VerificationEffect>);
        let ended = Some(Finalize { ended: true });
        let early = Some(Finalize { ended: false });
        let cases: Vec<(&str, bool, Vec<Step>)> = vec![
            (
                "silence",
                true,
                vec![
                    (heard(0), None),
                    (AudioEnded, ended),
                    (AudioEnded, None),
                    (heard(9_000), None),
                ],
            ),
            (
                "progress, then too short",
                true,
                vec![
                    (heard(400), None),
                    (heard(600), Some(SendUpdate)),
                    (heard(1_000), None),
                    (heard(2_999), Some(SendUpdate)),
                    (AudioEnded, ended),
                ],
            ),
            (
                "early acceptance",
                true,
                vec![(heard(3_000), Some(Embed)), (scored(7.0, 3_000), early), (AudioEnded, None)],
            ),
            (
                "each further second",
                true,
                vec![
                    (heard(3_200), Some(Embed)),
                    (scored(5.0, 3_200), Some(SendUpdate)),
                    (heard(4_100), None),
                    (heard(4_200), Some(Embed)),
                    (scored(-9.0, 4_200), Some(SendUpdate)),
                    (heard(5_200), Some(Embed)),
                    (scored(-9.0, 5_200), early),
                ],
            ),
            (
                "listening to the end",
                false,
                vec![
                    (heard(3_000), Some(Embed)),
                    (scored(20.0, 3_000), Some(SendUpdate)),
                    (heard(3_300), None),
                    (AudioEnded, Some(Embed)),
                    (scored(20.0, 3_300), ended),
                ],
            ),
            (
                "no news at the end",
                true,
                vec![
                    (heard(3_000), Some(Embed)),
                    (scored(5.0, 3_000), Some(SendUpdate)),
                    (heard(3_100), None),
                    (AudioEnded, ended),
                ],
            ),
            (
                "end while comparing",
                true,
                vec![
                    (heard(3_000), Some(Embed)),
                    (heard(3_500), None),
                    (AudioEnded, None),
                    (scored(5.0, 3_000), ended),
                ],
            ),
            ("score nobody asked for", true, vec![(scored(20.0, 9_000), None)]),
            (
                "comparison that failed",
                true,
                vec![
                    (heard(3_000), Some(Embed)),
                    (Scored { llr: None, net_speech_ms: 3_000 }, Some(SendUpdate)),
                ],
            ),
        ];
        for (name, early, steps) in cases {
            let mut session = VerificationSession::new(VerificationRules::default(), early);
            for (i, (event, effect)) in steps.into_iter().enumerate() {
                assert_eq!(session.step(event), effect, "{name}, step {i}: {event:?}");
            }
        }
    }

    #[test]
    fn comparisons_are_bounded() {
        let mut session = VerificationSession::new(VerificationRules::default(), true);
        let mut comparisons = 0;
        for second in 1..200 {
            if session.step(heard(second * 1_000)) == Some(Embed) {
                comparisons += 1;
                assert_eq!(session.step(scored(4.0, second * 1_000)), Some(SendUpdate));
            }
        }
        assert_eq!(comparisons, MAX_LIVE_COMPARISONS);
        assert_eq!(session.step(AudioEnded), Some(Embed));
    }

    fn any_event() -> impl Strategy<Value = VerificationEvent> {
        prop_oneof![
            4 => (0u32..20_000).prop_map(heard),
            2 => ((-20.0f64..20.0), (0u32..20_000)).prop_map(|(llr, speech)| scored(llr, speech)),
            1 => Just(Scored { llr: None, net_speech_ms: 5_000 }),
            1 => Just(AudioEnded),
        ]
    }

    /// Hearing up to what it has patience for in one go leaves out nothing that hearing piece by piece
    /// would bring.
    #[test]
    fn patience_never_misses_anything() {
        for pieces in [[10, 20, 30], [500, 10, 250], [990, 1_000, 10]] {
            let mut session = VerificationSession::new(VerificationRules::default(), false);
            let mut net = 0;
            for piece in pieces.iter().cycle().take(4_000) {
                let patience = session.patience_ms();
                net += piece;
                let effect = session.step(heard(net));
                assert_eq!(effect.is_some(), *piece >= patience, "{net} {piece} {patience}");
                if effect == Some(Embed) {
                    assert_eq!(session.patience_ms(), 0);
                    session.step(scored(0.0, net));
                }
            }
            assert_eq!(session.patience_ms(), u32::MAX);
            session.step(AudioEnded);
        }
    }

    proptest! {
        #[test]
        fn at_most_one_final_and_no_acceptance_under_the_least_speech(
            events in prop::collection::vec(any_event(), 0..80),
            early: bool,
        ) {
            let rules = VerificationRules::default();
            let mut session = VerificationSession::new(rules.clone(), early);
            let (mut finals, mut comparisons, mut last) = (0, 0, None);
            let mut heard_ms = 0;
            for event in events {
                if let Heard { net_speech_ms } = event {
                    heard_ms = heard_ms.max(net_speech_ms);
                }
                if let Scored { llr, net_speech_ms } = event {
                    last = llr.map(|llr| (llr, net_speech_ms));
                }
                let effect = session.step(event);
                prop_assert!(finals == 0 || effect.is_none(), "{effect:?} after the end");
                match effect {
                    Some(Finalize { ended }) => {
                        finals += 1;
                        let probe = quality(last.map_or(heard_ms, |(_, speech)| speech));
                        let evidence = VerificationEvidence {
                            llr: last.map(|(llr, _)| llr),
                            quality: &probe,
                            ended,
                        };
                        let (decision, _) = decide_verification(&rules, evidence);
                        if decision == Decision::Accept {
                            prop_assert!(probe.net_speech_ms >= rules.min_net_speech_ms);
                        }
                        prop_assert!(ended || early);
                    }
                    Some(Embed) => {
                        comparisons += 1;
                        prop_assert!(heard_ms >= rules.min_net_speech_ms);
                    }
                    Some(SendUpdate) | None => {}
                }
            }
            prop_assert!(finals <= 1);
            prop_assert!(comparisons <= MAX_LIVE_COMPARISONS + 1);
            prop_assert_eq!(session.is_final(), finals == 1);
        }
    }
}
