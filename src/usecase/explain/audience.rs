//! What a customer and an agent are told of a decision that is no session's: no numbers, nobody else, no way around it.

use crate::domain::{Decision, Event};

/// For the person it is about.
pub(super) fn for_customer(event: &Event) -> Vec<String> {
    let Some(decision) = event.decision else {
        return vec!["A change was made to what we keep about you.".to_owned()];
    };
    let headline = match decision {
        Decision::Accept => "We could tell that it is you.",
        Decision::OptedOut => "As you wished, we did not look at your voice or behavior.",
        _ => "We could not tell for sure that it is you.",
    };
    let mut lines = vec![headline.to_owned()];
    if decision != Decision::Accept {
        lines.push("You can ask for a person to look at this decision.".to_owned());
    }
    lines
}

/// For whoever speaks with them.
pub(super) fn for_agent(event: &Event) -> Vec<String> {
    let Some(decision) = event.decision else {
        return vec![event.act.clone()];
    };
    let headline = match decision {
        Decision::Accept => "Go ahead.",
        Decision::StepUp => "Ask for another factor.",
        Decision::Reject => "Do not do it: hand over to a colleague who may decide.",
        Decision::Inconclusive => "There was too little to go by: keep the conversation going.",
        Decision::NoMatch => "Nobody was found: ask who is calling.",
        Decision::NotEnrolled | Decision::Expired => {
            "There is nothing to compare with: ask for another factor."
        }
        Decision::OptedOut => "Nothing may be compared: ask for another factor.",
        Decision::Locked => "Locked for now: ask for another factor or hand over.",
    };
    let mut lines = vec![headline.to_owned()];
    lines.extend(event.reasons.iter().map(|reason| reason.advice().to_owned()));
    lines
}
