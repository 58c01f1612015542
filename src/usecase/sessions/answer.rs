//! What a session tells: responses, and where it stands.

use crate::session::call::{Outgoing, Response};
use crate::usecase::sessions::shown::{self, View};
use crate::usecase::sessions::words::{SessionOutput, SessionResponse, SessionStatus};
use crate::usecase::sessions::worker::Worker;

/// Places that updates leave free in the queue of responses.
const KEPT_PLACES: usize = 128;

impl Worker {
    pub(super) fn answer_enders(&mut self) {
        if let Some(ended) = self.session.ended() {
            for reply in self.enders.drain(..) {
                let _ = reply.send(ended);
            }
        }
    }

    pub(super) fn status(&self, fine: bool) -> SessionStatus {
        let view = View { fine, age_class: self.session.age_class(), ..self.view.clone() };
        let assessments = match self.session.ended() {
            Some(_) => Vec::new(),
            None => vec![view.estimate(&self.session.look(&|f| self.policy.judge(f)))],
        };
        SessionStatus {
            session: self.id.clone(),
            opened_at: self.session.opened_at(),
            ended: self.session.ended(),
            acknowledged: self.session.taken(),
            connected: self.session.is_connected(),
            assessments,
            decisions: self.session.decisions().map(|d| view.decision(d)).collect(),
            versions: self.view.versions.clone(),
        }
    }

    pub(super) fn send(&mut self, outgoing: Outgoing) {
        let Some(out) = &self.out else { return };
        let is_update = matches!(outgoing.response, Response::Update(_));
        if is_update && out.capacity() <= KEPT_PLACES {
            return;
        }
        let Outgoing { sequence, acknowledged, response } = outgoing;
        self.view.age_class = self.session.age_class();
        let response = self.response(response);
        if let SessionResponse::Update(shown) = &response {
            // What looks like the last one is news for those alone who may know why it came.
            let asked = std::mem::take(&mut self.asked);
            if !self.view.fine && !asked && self.told.as_ref() == Some(shown) {
                return;
            }
            self.told = Some(shown.clone());
        }
        let output = SessionOutput { sequence, acknowledged, response };
        if self.out.as_ref().is_some_and(|out| out.try_send(output).is_err()) {
            // Gone, or too slow: the edge ends the stream, and what matters is sent again on a resume.
            self.out = None;
        }
    }

    fn response(&self, response: Response) -> SessionResponse {
        let limits = shown::limits(self.session.limits());
        let versions = self.view.versions.clone();
        let session = self.id.clone();
        match response {
            Response::Opened => {
                let token = self.token.clone();
                SessionResponse::Opened { session, token, limits, versions }
            }
            Response::Resumed => SessionResponse::Resumed { session, limits, versions },
            Response::Acknowledged { missing_from } => {
                let (repeated, skipped) = self.session.repeated_and_skipped();
                SessionResponse::Acknowledged { missing_from, repeated, skipped }
            }
            Response::Update(assessments) => {
                SessionResponse::Update(assessments.iter().map(|a| self.view.estimate(a)).collect())
            }
            Response::Decision(decided) => {
                SessionResponse::Decision(Box::new(self.view.decision(&decided)))
            }
            Response::Challenge { number, prompt, expires_at } => {
                SessionResponse::Challenge { number, prompt, expires_at }
            }
            Response::Refused { sequence, reason } => SessionResponse::Refused { sequence, reason },
            Response::Ended(ended) => SessionResponse::Ended(ended),
        }
    }
}
