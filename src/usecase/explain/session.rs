//! A decision of a session for whoever asks about it: the customer, the agent who speaks with them, the analyst.

use crate::domain::Event;
use crate::policy::session::{Audience, DecisionRecord, Explanation};
use crate::usecase::sessions::record::{END, FACTS, INCOMPLETE, SESSION, VERDICT, WOULD_CHANGE};

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

/// The sentences for an audience; `None` for records that are no decision of a session.
pub(super) fn about(event: &Event, audience: Audience) -> Option<Vec<String>> {
    let Explanation { headline, lines } = recorded(event)?.explain(audience);
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
