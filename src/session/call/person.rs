//! Whom a session is about: claims, comparisons, searches, and the notice of another person.

use crate::domain::{AgeClass, Finding, FindingKind, Modality, Probability, SubjectId};
use crate::policy::session::SubjectStanding;
use crate::session::call::attempt::Attempted;
use crate::session::call::effect::Effect;
use crate::session::call::evidence::Measured;
use crate::session::call::machine::{CallSession, Phase};
use crate::session::call::watch::{Window, WindowOutcome};
use crate::session::call::words::ClaimOrigin;

impl CallSession {
    /// Whether the claimed subject may be compared with.
    pub(super) fn may_compare(&self) -> bool {
        self.audio && self.standing == Some(SubjectStanding::Enrolled)
    }

    /// Whether the caller is still to be found among the candidates.
    pub(super) fn may_search(&self) -> bool {
        self.audio && self.claim.is_none() && self.candidates > 0
    }

    /// It is not known yet where the claimed subject stands.
    pub(super) fn is_looking_up(&self) -> bool {
        self.claim.is_some() && self.standing.is_none()
    }

    /// Where the claimed subject stands now.
    pub(super) fn stands(&mut self, standing: SubjectStanding) {
        if self.claim.is_some() && self.standing != Some(standing) {
            self.standing = Some(standing);
            self.news = true;
        }
    }

    /// More of the caller was heard.
    pub(super) fn hear(&mut self, net_speech_ms: u32) {
        let before = self.voice.present_ms();
        self.voice.hear(net_speech_ms);
        // Whether there is enough speech is a fact for the policy.
        let enough = |ms: u32| ms >= self.rules.min_net_speech_ms;
        self.news |= enough(before) != enough(self.voice.present_ms());
        if let Phase::Closing { heard_out, .. } = &mut self.phase {
            *heard_out = true;
        }
    }

    /// Starts what is due with the speech so far.
    pub(super) fn schedule_voice(&mut self, effects: &mut Vec<Effect>) {
        if self.may_search() {
            if self.voice.compare(&self.rules) {
                effects.push(Effect::SearchCandidates);
            }
        } else if self.may_compare() {
            if self.voice.compare(&self.rules) {
                effects.push(Effect::CompareVoice);
            }
            if let Some((from_ms, until_ms)) = self.voice.window(&self.rules) {
                effects.push(Effect::CompareWindow { from_ms, until_ms });
            }
        }
    }

    /// Starts the last comparison or search, if there is news for it.
    pub(super) fn schedule_last(&mut self, effects: &mut Vec<Effect>) {
        if self.may_search() && self.voice.compare_last(&self.rules) {
            effects.push(Effect::SearchCandidates);
        } else if self.may_compare() && self.voice.compare_last(&self.rules) {
            effects.push(Effect::CompareVoice);
        }
    }

    /// The comparison that was asked for.
    pub(super) fn compared(&mut self, measured: Measured) {
        // One that may not be made any more is over all the same.
        if self.voice.compared() && self.may_compare() {
            self.news |= self.evidence.put(Modality::Voice, measured, self.now);
        }
    }

    /// The search that was asked for. One who was accepted becomes the claim; a search is no verdict on
    /// anybody else.
    pub(super) fn searched(
        &mut self,
        accepted: Option<SubjectId>,
        among: u32,
        effects: &mut Vec<Effect>,
    ) {
        if !self.may_search() || !self.voice.compared() {
            return;
        }
        if let Some(subject) = accepted {
            self.claim = Some((subject.clone(), ClaimOrigin::Identified { among }));
            self.voice.compare_anew();
            self.news = true;
            effects.push(Effect::Keep(self.open_record()));
            effects.push(Effect::LookUp(subject));
        }
    }

    /// A window was compared with what was captured before it.
    pub(super) fn window(
        &mut self,
        modality: Modality,
        window: Option<Window>,
        effects: &mut Vec<Effect>,
    ) {
        if modality == Modality::Voice && !self.voice.windowed() {
            return;
        }
        let Some(window) = window else { return };
        let doubted = self.evidence.changed_ms_ago(self.now).is_some();
        match self.evidence.window(modality, window, &self.rules, self.now) {
            WindowOutcome::Changed { from } => self.person_changed(Some((modality, from)), effects),
            WindowOutcome::Doubtful => self.news = true,
            WindowOutcome::Same => {
                self.news |= doubted;
                if modality == Modality::Voice && self.evidence.fits(modality) {
                    if !window.llr.0.is_nan() {
                        effects.push(Effect::KeepWindow { from_ms: window.from });
                    }
                    self.around.find(FindingKind::SecondVoice, Finding::Absent);
                }
            }
        }
    }

    /// The class of age of the present caller, for routing alone.
    pub(super) fn categorize(&mut self, class: Option<AgeClass>, p_senior: Option<Probability>) {
        self.news |= (self.routing.age_class, self.routing.p_senior) != (class, p_senior);
        (self.routing.age_class, self.routing.p_senior) = (class, p_senior);
    }

    /// Another person is there; `noticed` says on what and from where on, if it was noticed here.
    pub(super) fn person_changed(
        &mut self,
        noticed: Option<(Modality, u32)>,
        effects: &mut Vec<Effect>,
    ) {
        let owed = self.counting.person_changed();
        if owed != Attempted::default() {
            effects.push(Effect::Count(owed));
        }
        self.evidence.change(self.now);
        self.around.person_changed();
        self.challenges.person_changed();
        self.categorize(None, None);
        self.news = true;
        let from = |modality| noticed.filter(|(m, _)| *m == modality).map(|(_, from)| from);
        if from(Modality::Voice).is_some() {
            self.around.find(FindingKind::SecondVoice, Finding::Present);
        }
        self.voice.restart(from(Modality::Voice));
        for modality in Modality::ALL {
            effects.push(Effect::Restart { modality, from: from(modality) });
        }
    }
}
