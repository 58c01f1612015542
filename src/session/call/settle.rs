//! Judging where things stand, deciding what is asked, ending.

use crate::domain::{Decision, DecisionId, Finding, NextStep, Timestamp};
use crate::policy::session::{
    DecisionFacts, IntentAsked, RoutingFacts, SessionFacts, SubjectStanding,
};
use crate::session::call::effect::{Effect, Record};
use crate::session::call::machine::{CallSession, Judge, Kept, Phase};
use crate::session::call::output::{Assessment, Decided, Ended, Response, SessionEnd};
use crate::session::call::words::{AskId, ClaimOrigin};

/// After this time a record that could not be written is tried again, in milliseconds.
const RETRY_MS: u64 = 1_000;

/// Whether more evidence could still change such a decision.
pub fn can_wait(decision: Decision) -> bool {
    matches!(decision, Decision::StepUp | Decision::Inconclusive)
}

impl CallSession {
    /// Does what is due after an event.
    pub(super) fn settle(&mut self, judge: &Judge<'_>, effects: &mut Vec<Effect>) {
        if matches!(self.phase, Phase::Running) {
            self.schedule_voice(effects);
            // Before it is known where the subject stands there is nothing to say about them.
            let due = self.news || self.wants_update || self.is_due();
            if due && !self.is_looking_up() {
                self.judge(judge, effects);
            }
        }
        if let Phase::Closing { end, deadline, heard_out } = self.phase {
            self.close(judge, end, deadline, heard_out, effects);
        }
        if matches!(self.phase, Phase::Recording { .. }) {
            self.record_again(judge, effects);
            self.finish(effects);
        }
    }

    /// A question's time is up, or fading evidence is to be judged anew.
    fn is_due(&self) -> bool {
        let asked = self.asks.waiting().any(|(_, _, deadline)| deadline <= self.now);
        asked || self.recheck_at().is_some_and(|at| at <= self.now)
    }

    /// When fading evidence is to be judged anew: only where somebody is told.
    pub(super) fn recheck_at(&self) -> Option<Timestamp> {
        let fades = self.is_connected() && !self.evidence.is_empty();
        fades.then(|| self.judged_at.plus_ms(self.rules.recheck_ms.max(1)))
    }

    /// Decides what can be decided and tells what is news.
    fn judge(&mut self, judge: &Judge<'_>, effects: &mut Vec<Effect>) {
        self.judged_at = self.now;
        self.news = false;
        let wanted = std::mem::take(&mut self.wants_update);
        let session = self.assess(None, self.session_question(), true, judge);
        self.counting.see(&session, &self.evidence.earlier());
        let mut assessments = vec![session];
        let mut challenge = false;
        for (ask, asked, deadline) in self.questions() {
            let assessment = self.assess(Some(ask), asked, true, judge);
            challenge |= assessment.verdict.next == NextStep::Challenge;
            let decision = assessment.verdict.decision;
            let settled =
                !can_wait(decision) && (!self.rules.constant_time || decision == Decision::Accept);
            let final_now = settled || deadline <= self.now;
            if final_now {
                self.decide(assessment, effects);
            } else {
                assessments.push(assessment);
            }
        }
        if self.told.tell(&assessments, wanted, &self.rules) {
            self.send(Response::Update(assessments), effects);
        }
        // Whom a challenge could help follows from what was heard, and from whether there was anybody to compare
        // with: where that must not show, a challenge comes only when it is asked for.
        let wanted = challenge && !self.rules.constant_time;
        let unanswered = self.challenges.answered() != Finding::Present;
        if wanted && unanswered && !self.challenges.is_open() {
            self.begin_challenge(effects);
        }
    }

    /// Where the session as a whole stands, without telling its client.
    pub fn look(&self, judge: &Judge<'_>) -> Assessment {
        self.assess(None, self.session_question(), true, judge)
    }

    fn session_question(&self) -> IntentAsked {
        IntentAsked { id: self.rules.session_intent.clone(), amount: None }
    }

    fn questions(&self) -> Vec<(AskId, IntentAsked, Timestamp)> {
        let owned = |(ask, asked, deadline): (&AskId, &IntentAsked, Timestamp)| {
            (ask.clone(), asked.clone(), deadline)
        };
        self.asks.waiting().map(owned).collect()
    }

    /// Asks the policy. `open`: more evidence may come.
    fn assess(
        &self,
        ask: Option<AskId>,
        asked: IntentAsked,
        open: bool,
        judge: &Judge<'_>,
    ) -> Assessment {
        let facts = SessionFacts { decision: self.facts(asked, open), routing: self.routing() };
        let verdict = judge(&facts);
        Assessment {
            ask,
            facts: facts.decision,
            verdict,
            evidence: self.evidence.standing(self.now),
            claim: self.claim.clone(),
            changes: self.evidence.changes(),
        }
    }

    pub(super) fn routing(&self) -> RoutingFacts {
        self.routing.clone()
    }

    fn facts(&self, asked: IntentAsked, open: bool) -> DecisionFacts {
        let searched = match self.claim {
            Some((_, ClaimOrigin::Identified { among })) => Some(among),
            _ => None,
        };
        let subject = match (&self.claim, self.standing) {
            (None, _) => SubjectStanding::Unclaimed,
            (Some(_), standing) => standing.unwrap_or(SubjectStanding::Unknown),
        };
        DecisionFacts {
            intent: asked,
            channel: self.channel,
            subject,
            evidence: self.evidence.facts(self.now, searched),
            searched,
            context: self.around.signals().clone(),
            factors: self.around.factors().clone(),
            challenge: self.challenges.answered(),
            net_speech_ms: self.voice.present_ms(),
            changed_ms_ago: self.evidence.changed_ms_ago(self.now),
            elapsed_ms: self.now.since(self.opened_at),
            open,
        }
    }

    /// A question is decided: it is to be recorded before it is answered.
    fn decide(&mut self, assessment: Assessment, effects: &mut Vec<Effect>) {
        if self.asks.decide(&assessment) {
            let attempted = self.counting.count(&assessment, &self.evidence.earlier());
            let record = Record { assessment, end: None, attempted };
            effects.push(Effect::Record(Box::new(record)));
        }
    }

    /// The session begins to end.
    pub(super) fn begin_closing(&mut self, end: SessionEnd, effects: &mut Vec<Effect>) {
        if !matches!(self.phase, Phase::Running) {
            return;
        }
        let deadline = self.now.plus_ms(self.limits.closing_ms);
        if self.audio {
            effects.push(Effect::EndAudio);
        }
        self.phase = Phase::Closing { end, deadline, heard_out: !self.audio };
    }

    /// Waits for what is under way and makes the last comparison; then everything is decided.
    fn close(
        &mut self,
        judge: &Judge<'_>,
        end: SessionEnd,
        deadline: Timestamp,
        heard_out: bool,
        effects: &mut Vec<Effect>,
    ) {
        if self.now < deadline {
            if heard_out && !self.is_looking_up() {
                self.schedule_last(effects);
            }
            if !heard_out || self.is_looking_up() || self.voice.is_comparing() {
                return;
            }
        }
        for (ask, asked, _) in self.questions() {
            let assessment = self.assess(Some(ask), asked, false, judge);
            self.decide(assessment, effects);
        }
        let last = self.assess(None, self.session_question(), false, judge);
        self.record_end(end, last, effects);
    }

    fn record_end(&mut self, end: SessionEnd, last: Assessment, effects: &mut Vec<Effect>) {
        let attempted = self.counting.count(&last, &self.evidence.earlier());
        let record = Record { assessment: last.clone(), end: Some(end), attempted };
        effects.push(Effect::Record(Box::new(record)));
        self.phase = Phase::Recording { end, last: Box::new(last), kept: Kept::Writing };
    }

    /// A decision is recorded: now the client hears it.
    pub(super) fn recorded(
        &mut self,
        ask: Option<AskId>,
        decision: DecisionId,
        effects: &mut Vec<Effect>,
    ) {
        self.counting.recorded(&ask);
        match ask {
            Some(ask) => {
                if let Some(decided) = self.asks.recorded(&ask, decision) {
                    self.send_kept(Response::Decision(Box::new(decided)), effects);
                }
            }
            None => {
                if let Phase::Recording { last, kept, .. } = &mut self.phase
                    && matches!(kept, Kept::Writing)
                {
                    let assessment = last.as_ref().clone();
                    *kept = Kept::Written(Box::new(Decided { assessment, decision }));
                }
            }
        }
    }

    /// A decision could not be recorded: it is tried again.
    pub(super) fn not_recorded(&mut self, ask: Option<AskId>) {
        let retry_at = self.now.plus_ms(RETRY_MS);
        self.counting.not_recorded(&ask);
        match ask {
            Some(ask) => self.asks.not_recorded(&ask, retry_at),
            None => {
                if let Phase::Recording { kept, .. } = &mut self.phase
                    && matches!(kept, Kept::Writing)
                {
                    *kept = Kept::Failed { retry_at };
                }
            }
        }
    }

    /// At the end: tries again what could not be recorded.
    fn record_again(&mut self, judge: &Judge<'_>, effects: &mut Vec<Effect>) {
        for (ask, asked, retry_at) in self.questions() {
            if retry_at <= self.now {
                let assessment = self.assess(Some(ask), asked, false, judge);
                self.decide(assessment, effects);
            }
        }
        // What it rests on may not be usable any more: that can be why it was not recorded.
        if let Phase::Recording { end, kept: Kept::Failed { retry_at }, .. } = self.phase
            && retry_at <= self.now
        {
            let last = self.assess(None, self.session_question(), false, judge);
            self.record_end(end, last, effects);
        }
    }

    /// Ends once everything is recorded.
    fn finish(&mut self, effects: &mut Vec<Effect>) {
        let open = self.asks.recording() > 0 || self.asks.waiting().next().is_some();
        let Phase::Recording { end, kept: Kept::Written(decided), .. } = &self.phase else {
            return;
        };
        if open {
            return;
        }
        let (end, decided) = (*end, decided.clone());
        let decisions = self.asks.done().count().saturating_add(1);
        let ended = Ended {
            end,
            skipped: self.inbound.skipped(),
            repeated: self.inbound.repeated(),
            decisions: u32::try_from(decisions).unwrap_or(u32::MAX),
        };
        self.send_kept(Response::Decision(decided), effects);
        self.send_kept(Response::Ended(ended), effects);
        self.phase = Phase::Ended(ended);
        effects.push(Effect::Finish);
    }
}
