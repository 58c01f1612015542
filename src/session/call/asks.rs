//! Questions of a session: each is decided once, recorded once and answered.

use crate::domain::{DecisionId, Timestamp};
use crate::policy::session::IntentAsked;
use crate::session::call::output::{Assessment, Decided};
use crate::session::call::words::{AskId, Intent};

/// How far a question has come.
#[derive(Debug, Clone, PartialEq)]
pub enum Stage {
    /// It waits for evidence, until the deadline at the latest.
    Waiting {
        /// When it is decided with what there is.
        deadline: Timestamp,
    },
    /// It is decided; the record is being written.
    Recording(Box<Assessment>),
    /// It is decided and recorded.
    Done(Box<Decided>),
}

/// A question.
#[derive(Debug, Clone, PartialEq)]
pub struct Ask {
    /// The client's name for it.
    pub id: AskId,
    /// What the policy is asked.
    pub asked: IntentAsked,
    /// How far it has come.
    pub stage: Stage,
}

/// What became of a new question.
#[derive(Debug, Clone, PartialEq)]
pub enum Admission {
    /// It waits.
    New,
    /// It is known, and not decided yet.
    Pending,
    /// It is known and decided.
    Known(Box<Decided>),
    /// The name stands for another question.
    Different,
    /// There are too many.
    TooMany,
}

/// All questions, in order.
#[derive(Debug, Clone, Default)]
pub struct Asks(Vec<Ask>);

impl Asks {
    /// Takes a question.
    pub fn admit(&mut self, intent: &Intent, deadline: Timestamp, most: usize) -> Admission {
        if let Some(known) = self.0.iter().find(|ask| ask.id == intent.ask) {
            return match &known.stage {
                _ if known.asked != intent.asked() => Admission::Different,
                Stage::Done(decided) => Admission::Known(decided.clone()),
                _ => Admission::Pending,
            };
        }
        if self.0.len() >= most {
            return Admission::TooMany;
        }
        self.0.push(Ask {
            id: intent.ask.clone(),
            asked: intent.asked(),
            stage: Stage::Waiting { deadline },
        });
        Admission::New
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = &Ask> {
        self.0.iter()
    }

    /// Those that wait: name, question, deadline.
    pub fn waiting(&self) -> impl Iterator<Item = (&AskId, &IntentAsked, Timestamp)> {
        self.0.iter().filter_map(|ask| match ask.stage {
            Stage::Waiting { deadline } => Some((&ask.id, &ask.asked, deadline)),
            _ => None,
        })
    }

    /// Those whose record is being written.
    pub fn recording(&self) -> usize {
        self.0.iter().filter(|ask| matches!(ask.stage, Stage::Recording(_))).count()
    }

    /// Those that are decided and recorded.
    pub fn done(&self) -> impl Iterator<Item = &Decided> {
        self.0.iter().filter_map(|ask| match &ask.stage {
            Stage::Done(decided) => Some(decided.as_ref()),
            _ => None,
        })
    }

    /// A question is decided; nothing happens to one that does not wait.
    pub fn decide(&mut self, assessment: &Assessment) -> bool {
        let id = assessment.ask.as_ref();
        let Some(ask) = self.0.iter_mut().find(|ask| Some(&ask.id) == id) else { return false };
        if !matches!(ask.stage, Stage::Waiting { .. }) {
            return false;
        }
        ask.stage = Stage::Recording(Box::new(assessment.clone()));
        true
    }

    /// Its record is written; the answer.
    pub fn recorded(&mut self, id: &AskId, decision: DecisionId) -> Option<Decided> {
        let ask = self.0.iter_mut().find(|ask| ask.id == *id)?;
        let Stage::Recording(assessment) = &ask.stage else { return None };
        let decided = Decided { assessment: assessment.as_ref().clone(), decision };
        ask.stage = Stage::Done(Box::new(decided.clone()));
        Some(decided)
    }

    /// Its record could not be written: it waits again, until `deadline`.
    pub fn not_recorded(&mut self, id: &AskId, deadline: Timestamp) {
        if let Some(ask) = self.0.iter_mut().find(|ask| ask.id == *id)
            && matches!(ask.stage, Stage::Recording(_))
        {
            ask.stage = Stage::Waiting { deadline };
        }
    }
}
