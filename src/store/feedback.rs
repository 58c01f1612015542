//! What became of decisions, as readers see it.

use crate::domain::{DecisionId, Feedback, FeedbackKind, SubjectId, Timestamp};

/// Everything recorded about one decision.
#[derive(Debug, Clone, PartialEq)]
pub struct StoredFeedback {
    /// Which decision.
    pub decision: DecisionId,
    /// Whom the decision was about.
    pub subject: Option<SubjectId>,
    /// The entry in force.
    pub current: Feedback,
    /// Those it replaced, oldest first.
    pub earlier: Vec<Feedback>,
}

/// Which feedback; absent fields do not filter.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct FeedbackFilter {
    /// About decisions on this subject. An unknown subject has none.
    pub subject: Option<SubjectId>,
    /// The entry in force was recorded at or after.
    pub from: Option<Timestamp>,
    /// Before.
    pub until: Option<Timestamp>,
    /// The entry in force is of this kind.
    pub kind: Option<FeedbackKind>,
}
