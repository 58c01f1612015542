//! A decision of a session for whoever asks about it: the customer, the agent who speaks with them, the analyst.

use crate::domain::Event;
use crate::policy::session::{Audience, DecisionRecord, Explanation, Outside};
use crate::usecase::sessions::record::{
    END, FACTS, INCOMPLETE, SESSION, TOLD, VERDICT, WOULD_CHANGE,
};

/// What a session decision rests on, as it was recorded; `None` for other records.
fn recorded(event: &Event) -> Option<DecisionRecord> {
    let read = |name: &str| event.details.get(name).map(String::as_str);
    let would_change = read(WOULD_CHANGE).and_then(|text| serde_json::from_str(text).ok());
    Some(DecisionRecord {
        facts: serde_json::from_str(read(FACTS)?).ok()?,
        verdict: serde_json::from_str(read(VERDICT)?).ok()?,
        would_change: would_change.unwrap_or_default(),
    })
}

/// What was told outside in place of a decision; `None` where the policy did not ask for constant answers.
pub(in crate::usecase) fn told(event: &Event) -> Option<Outside> {
    serde_json::from_str(event.details.get(TOLD)?).ok()
}

/// The sentences for an audience; `None` for records that are no decision of a session. `outside`: no more than was
/// told outside.
pub(super) fn about(event: &Event, audience: Audience, outside: bool) -> Option<Vec<String>> {
    let record = recorded(event)?;
    let told = told(event).filter(|_| outside).map(|told| record.as_told(&told));
    let Explanation { headline, lines } = told.unwrap_or(record).explain(audience);
    let mut sentences = vec![headline];
    sentences.extend(lines);
    if audience == Audience::Analyst {
        sentences.extend(about_session(event));
    }
    Some(sentences)
}

fn about_session(event: &Event) -> Option<String> {
    let session = event.details.get(SESSION)?;
    let Some(end) = event.details.get(END) else {
        return Some(format!("session {session}"));
    };
    let incomplete = event.details.get(INCOMPLETE).is_some_and(|text| text == "true");
    let how = if incomplete { ", incomplete" } else { "" };
    Some(format!("session {session}, ended: {end}{how}"))
}
