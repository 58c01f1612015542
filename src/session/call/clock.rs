//! What time does to a session.

use crate::domain::Timestamp;
use crate::session::call::effect::Effect;
use crate::session::call::machine::{CallSession, Kept, Link, Phase};
use crate::session::call::output::SessionEnd;

impl CallSession {
    /// Ends what has lasted too long, closes challenges whose time is up.
    pub(super) fn expire(&mut self, effects: &mut Vec<Effect>) {
        if self.challenges.expires_at().is_some_and(|at| at <= self.now) {
            self.challenges.expire(self.now);
            self.news = true;
        }
        let (at, end) = self.deadline();
        if at <= self.now {
            self.begin_closing(end, effects);
        }
    }

    /// When a running session ends, and why.
    fn deadline(&self) -> (Timestamp, SessionEnd) {
        let total = (self.opened_at.plus_ms(self.limits.total_ms), SessionEnd::Total);
        let silent = match self.link {
            Link::Connected(_) => {
                (self.last_message_at.plus_ms(self.limits.idle_ms), SessionEnd::Idle)
            }
            Link::Lost { since } => (since.plus_ms(self.limits.resume_window_ms), SessionEnd::Lost),
        };
        if silent.0 < total.0 { silent } else { total }
    }

    /// When `Event::Tick` is due; earlier or later does no harm. `None` once the session has ended.
    pub fn next_wake(&self) -> Option<Timestamp> {
        let retry = self.asks.waiting().map(|(_, _, deadline)| deadline).min();
        match &self.phase {
            Phase::Running => {
                // While the subject is being looked up everything waits for that.
                let judged =
                    [retry, self.recheck_at()].map(|at| at.filter(|_| !self.is_looking_up()));
                let others = [judged[0], judged[1], self.challenges.expires_at()];
                let asked = self.deadline().0;
                Some(others.into_iter().flatten().fold(asked, Timestamp::min))
            }
            Phase::Closing { deadline, .. } => Some(*deadline),
            Phase::Recording { kept, .. } => {
                let end = match kept {
                    Kept::Failed { retry_at } => Some(*retry_at),
                    _ => None,
                };
                // Records under way answer by themselves.
                [retry, end].into_iter().flatten().min()
            }
            Phase::Ended(_) => None,
        }
    }
}
