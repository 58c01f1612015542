//! A decision in sentences: every number and rule that led to it, one step a sentence.

use crate::domain::{ArtifactRef, Bandwidth, Decision, Event, Quality, Reason, ScoreBand};
use crate::policy::session::Audience;
use crate::store::DecisionRecord;

mod audience;
pub(super) mod session;
#[cfg(test)]
mod tests;

/// Explains a record to an audience. Without one, a decision of a session is told to the analyst where fine scores may be
/// seen and else to the agent; of other records every step is told, and without `fine` evidence is named by its band.
/// `outside`: of a decision of a session under a policy with constant answers, no more than was told outside.
pub(super) fn explain(
    record: &DecisionRecord,
    audience: Option<Audience>,
    fine: bool,
    outside: bool,
) -> Vec<String> {
    let Some(event) = &record.event else {
        return steps(record, fine);
    };
    let usual = if fine { Audience::Analyst } else { Audience::Agent };
    if let Some(told) = session::about(event, audience.unwrap_or(usual), outside) {
        return told;
    }
    match audience {
        Some(Audience::Customer) => audience::for_customer(event),
        Some(Audience::Agent) => audience::for_agent(event),
        Some(Audience::Analyst) | None => steps(record, fine),
    }
}

/// Every step of a record.
fn steps(record: &DecisionRecord, fine: bool) -> Vec<String> {
    let Some(event) = &record.event else {
        return vec![format!(
            "The subject of record {} of {} was erased: its content is destroyed, its place in \
             the chain remains.",
            record.sequence, record.at
        )];
    };
    let mut sentences = vec![opening(record, event)];
    if let Some(quality) = &event.quality {
        sentences.extend(about_quality(event, quality));
    }
    sentences.extend(about_comparison(event, fine));
    sentences.extend(about_enrollment(event, fine));
    sentences.extend(about_age_class(event));
    sentences.extend(about_behavior(event, fine));
    sentences.extend(about_refusal(event));
    if let Some(decision) = record.decision {
        sentences.push(format!("The decision is {}.", name(decision)));
    }
    if let Some(until) = event.details.get("locked_until") {
        sentences.push(format!(
            "It was one unsuccessful attempt too many: the subject is locked until {until}."
        ));
    }
    sentences.extend(about_versions(event));
    if event.reasons.contains(&Reason::PadNotEvaluated) {
        sentences.push(
            "No presentation attack detection ran: nothing is said about replayed or synthetic \
             speech."
                .to_owned(),
        );
    }
    sentences.extend(about_remedy(event));
    sentences
}

fn opening(record: &DecisionRecord, event: &Event) -> String {
    let who =
        event.actor.as_ref().map_or("the server itself".to_owned(), |key| format!("API key {key}"));
    let about = event.subject.as_ref().map_or(String::new(), |s| format!(" for subject {s}"));
    let authorized = event
        .authorization
        .as_ref()
        .map_or(String::new(), |a| format!(", authorized by {} by {}", a.agent, a.factor));
    format!(
        "Record {} of {}: {}{about}, asked by {who}{authorized}.",
        record.sequence, record.at, event.act
    )
}

fn seconds(ms: u32) -> f64 {
    f64::from(ms) / 1_000.0
}

fn number<T: std::str::FromStr>(event: &Event, name: &str) -> Option<T> {
    event.details.get(name)?.parse().ok()
}

fn about_quality(event: &Event, quality: &Quality) -> Vec<String> {
    let heard = seconds(quality.net_speech_ms);
    let needed = number::<u32>(event, "min_net_speech_ms")
        .map_or(String::new(), |ms| format!(", at least {:.1} s needed", seconds(ms)));
    let mut sentences = vec![format!("{heard:.1} s of net speech{needed}.")];
    let mut parts = Vec::new();
    if let Some(snr) = quality.snr_db {
        parts.push(format!("signal-to-noise ratio {snr:.1} dB"));
    }
    if let Some(level) = quality.level_dbfs {
        parts.push(format!("level {level:.1} dBFS"));
    }
    let clipped = f64::from(quality.clipped_share) * 100.0;
    parts.push(format!("{clipped:.1} % of the speech clipped"));
    parts.push(match quality.bandwidth {
        Bandwidth::Narrow => "telephone band".to_owned(),
        Bandwidth::Wide => "wide band".to_owned(),
    });
    if quality.packets_lost + quality.packets_repeated > 0 {
        let (lost, repeated) = (quality.packets_lost, quality.packets_repeated);
        parts.push(format!("{lost} packets lost, {repeated} repeated"));
    }
    sentences.push(format!("Quality: {}.", parts.join(", ")));
    sentences
}

fn about_comparison(event: &Event, fine: bool) -> Vec<String> {
    let mut sentences = Vec::new();
    if let Some(searched) = event.details.get("searched") {
        let fpir = number::<f64>(event, "fpir").unwrap_or(0.0) * 100.0;
        sentences.push(format!(
            "{searched} voiceprints were searched; the threshold holds a false-positive \
             identification rate of {fpir} %."
        ));
    }
    let Some(score) = event.score else {
        return sentences;
    };
    if event.reasons.contains(&Reason::Extrapolated) {
        sentences.push(
            "That is more than the calibration data supports, so nobody is accepted.".to_owned(),
        );
    }
    let llr = score.llr.0;
    let shown = if fine {
        format!("LLR {llr:.1}")
    } else {
        format!("The evidence ({})", band(score.llr.band()))
    };
    let threshold = |value: f64| {
        if fine { format!(" {value:.1}") } else { String::new() }
    };
    let sentence = match (event.accept_llr, event.reject_llr) {
        (Some(accept), _) if llr >= accept.0 => {
            let accept = threshold(accept.0);
            format!("{shown} is above the accept threshold{accept}.")
        }
        (_, Some(reject)) if llr < reject.0 => {
            let reject = threshold(reject.0);
            format!("{shown} is below the reject threshold{reject}.")
        }
        (Some(accept), Some(reject)) => {
            let (reject, accept) = (threshold(reject.0), threshold(accept.0));
            format!(
                "{shown} is between the reject threshold{reject} and the accept \
                 threshold{accept}."
            )
        }
        (Some(accept), None) => {
            let accept = threshold(accept.0);
            format!("{shown} of the best candidate is below the threshold{accept}.")
        }
        _ => format!("{shown} was measured."),
    };
    sentences.push(sentence);
    sentences
}

fn about_enrollment(event: &Event, fine: bool) -> Vec<String> {
    let mut sentences = Vec::new();
    for (measured, least, what) in [
        ("consistency_llr", "min_consistency_llr", "the utterances before it"),
        ("within_llr", "min_within_llr", "its own parts"),
    ] {
        let (Some(llr), Some(least)) =
            (number::<f64>(event, measured), number::<f64>(event, least))
        else {
            continue;
        };
        let verdict = if llr < least { "below" } else { "at or above" };
        sentences.push(if fine {
            format!("Compared with {what}: LLR {llr:.1}, {verdict} the least, {least:.1}.")
        } else {
            format!("Compared with {what}, the evidence is {verdict} the least.")
        });
    }
    if let Some(progress) = event.details.get("progress") {
        sentences.push(format!("Progress: {progress}."));
    }
    if let Some(id) = event.details.get("voiceprint") {
        sentences.push(format!("Voiceprint {id}."));
    }
    sentences
}

/// What was concluded about the age of a caller, or that it may be.
fn about_age_class(event: &Event) -> Vec<String> {
    let detail = |name: &str| event.details.get(name).map(String::as_str);
    let mut sentences = Vec::new();
    if let (Some(class), Some(head)) = (detail("age_class"), detail("age_head")) {
        sentences.push(format!(
            "The age class is {class}, by age head {head}; no age, no probability and nothing of the \
             voice is recorded."
        ));
        let queue = detail("routing").unwrap_or("none");
        sentences.push(format!("Queue hinted at: {queue}."));
    }
    if let Some(notice) = detail("notice") {
        let research = match detail("research") {
            Some("true") => "; heads of license class research may be used",
            _ => "",
        };
        sentences.push(format!("Callers are told by notice {notice}{research}."));
    }
    sentences
}

/// What was compared by behavior, which cues were looked for, and what became of the profile.
fn about_behavior(event: &Event, fine: bool) -> Vec<String> {
    let detail = |name: &str| event.details.get(name).map(String::as_str);
    let (Some(kind), Some(device)) = (detail("kind"), detail("device")) else {
        return Vec::new();
    };
    let kind = kind.replace('_', " ");
    let mut sentences = vec![format!("Behavior: {kind} on a {device}.")];
    if let (Some(captures), Some(kept)) = (detail("captures"), detail("captures_kept")) {
        sentences.push(format!("{kept} of {captures} captures were kept."));
    }
    if let (Some(captures), Some(units)) = (detail("captures"), detail("units")) {
        let unit = detail("unit").unwrap_or("units");
        let enough = match detail("enough") {
            Some("true") => "enough",
            _ => "too little",
        };
        sentences.push(format!("{captures} captures with {units} {unit} were compared: {enough}."));
    }
    if let Some(findings) = detail("findings").filter(|f| !f.is_empty()) {
        sentences.push(format!("Cues of attacks: {findings}."));
    }
    if let Some(habits) = detail("habits").filter(|_| fine) {
        sentences.push(format!("Habits for and against: {habits}."));
    }
    if let Some(adapted) = detail("adapted").filter(|n| *n != "0") {
        sentences.push(format!("{adapted} captures were taken into the profile."));
    }
    if event.reasons.contains(&Reason::BehaviorAlone) {
        sentences.push(
            "It matches, but behavior alone is a risk signal: no other factor was named."
                .to_owned(),
        );
    }
    sentences
}

/// Why nothing was compared, in the words of the first reason.
fn about_refusal(event: &Event) -> Option<String> {
    let refused = matches!(
        event.decision?,
        Decision::NotEnrolled | Decision::OptedOut | Decision::Expired | Decision::Locked
    );
    let why = event.reasons.first().filter(|_| refused)?;
    Some(format!("Nothing was compared: {}.", why.advice()))
}

fn about_versions(event: &Event) -> Option<String> {
    let versions = event.versions.as_ref()?;
    let name = |artifact: &Option<ArtifactRef>| match artifact {
        Some(artifact) => artifact.to_string(),
        None => "none".to_owned(),
    };
    let (model, calibration) = (name(&versions.model), name(&versions.calibration));
    let policy = &versions.policy;
    Some(format!("Model {model}, calibration {calibration}, policy {policy}."))
}

/// What the caller could do.
fn about_remedy(event: &Event) -> Option<String> {
    let remedies = event.reasons.iter().filter(|r| {
        matches!(
            r,
            Reason::SpeakLonger
                | Reason::TooNoisy
                | Reason::Clipped
                | Reason::TooQuiet
                | Reason::ModelMismatch
                | Reason::TemplateExpired
        )
    });
    let advice: Vec<&str> = remedies.map(|r| r.advice()).collect();
    (!advice.is_empty()).then(|| format!("What helps: {}.", advice.join("; ")))
}

fn band(band: ScoreBand) -> &'static str {
    match band {
        ScoreBand::VeryLow => "very low",
        ScoreBand::Low => "low",
        ScoreBand::Medium => "medium",
        ScoreBand::High => "high",
        ScoreBand::VeryHigh => "very high",
    }
}

fn name(decision: Decision) -> &'static str {
    match decision {
        Decision::Accept => "ACCEPT",
        Decision::StepUp => "STEP_UP",
        Decision::Reject => "REJECT",
        Decision::Inconclusive => "INCONCLUSIVE",
        Decision::NoMatch => "NO_MATCH",
        Decision::NotEnrolled => "NOT_ENROLLED",
        Decision::OptedOut => "OPTED_OUT",
        Decision::Expired => "EXPIRED",
        Decision::Locked => "LOCKED",
    }
}
