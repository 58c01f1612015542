//! What holds whatever happens, in whatever order.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;
use crate::domain::FindingKind;

/// Something that happens: an event, or time passing.
#[derive(Debug, Clone)]
enum Happening {
    Event(Event),
    Passes(i64),
}

fn llr() -> impl Strategy<Value = f64> {
    prop_oneof![8 => -20.0f64..20.0, 1 => Just(f64::NAN), 1 => Just(f64::INFINITY)]
}

fn ask() -> impl Strategy<Value = AskId> {
    (0u32..8).prop_map(|i| ask_id(&format!("q{i}")))
}

fn modality() -> impl Strategy<Value = Modality> {
    prop::sample::select(Modality::ALL.to_vec())
}

fn finding() -> impl Strategy<Value = Finding> {
    prop::sample::select(vec![Finding::Unknown, Finding::Absent, Finding::Present])
}

fn message() -> impl Strategy<Value = Message> {
    prop_oneof![
        4 => Just(Message::Audio(Leg::Caller)),
        1 => Just(Message::Audio(Leg::Agent)),
        2 => modality().prop_map(Message::Capture),
        1 => Just(Message::Context(ContextEvent::PersonChanged)),
        1 => finding().prop_map(|finding| Message::Context(ContextEvent::Finding {
            kind: FindingKind::RemoteAccess,
            finding,
        })),
        4 => (0u32..80, 0u64..90_000).prop_map(|(i, wait_ms)| {
            Message::Intent(intent(&format!("q{i}"), wait_ms))
        }),
        2 => (0u32..4).prop_map(|challenge| Message::Answer { challenge, transcript: None }),
        1 => Just(Message::WantChallenge),
        1 => Just(Message::WantUpdate),
        1 => Just(Message::Skip),
        1 => Just(Message::Unreadable(String::new())),
    ]
}

fn standing() -> impl Strategy<Value = SubjectStanding> {
    prop::sample::select(vec![
        SubjectStanding::Enrolled,
        SubjectStanding::Enrolled,
        SubjectStanding::NotEnrolled,
        SubjectStanding::Locked,
    ])
}

fn event() -> impl Strategy<Value = Event> {
    let decision = || DecisionId::new(at(0), [3; 10]);
    prop_oneof![
        16 => (0u64..3, 0u64..60, message()).prop_map(|(connection, sequence, message)| {
            Event::Received { connection, sequence, message }
        }),
        1 => (0u64..60).prop_map(|sequence| {
            Event::Received { connection: 1, sequence, message: Message::Close }
        }),
        2 => (0u64..3, 0u64..20).prop_map(|(connection, last_seen)| {
            Event::Connected { connection, last_seen }
        }),
        1 => (0u64..3).prop_map(|connection| Event::Disconnected { connection }),
        2 => standing().prop_map(Event::Standing),
        6 => (0u32..60_000).prop_map(|net_speech_ms| Event::Heard { net_speech_ms }),
        4 => llr().prop_map(|llr| Event::Compared(measured(llr))),
        1 => Just(Event::NotCompared),
        3 => (modality(), llr()).prop_map(|(modality, llr)| {
            Event::Evidence { modality, measured: measured(llr) }
        }),
        1 => modality().prop_map(|modality| Event::Withdrawn { modality }),
        4 => (modality(), llr(), any::<u32>()).prop_map(|(modality, llr, from)| {
            Event::Window { modality, llr: Some(Llr(llr)), like_last: None, from }
        }),
        1 => finding().prop_map(|finding| Event::Found { kind: FindingKind::Automation, finding }),
        2 => any::<bool>().prop_map(|found| Event::Searched {
            accepted: found.then(|| subject("ben")),
            among: 4,
        }),
        2 => (0u32..4).prop_map(|number| {
            Event::ChallengeMade { number, prompt: "1 2".to_owned() }
        }),
        2 => (0u32..4, finding()).prop_map(|(number, right)| {
            Event::AnswerChecked { number, right }
        }),
        4 => prop::option::of(ask()).prop_map(move |ask| {
            Event::Recorded { ask, decision: decision() }
        }),
        1 => prop::option::of(ask()).prop_map(|ask| Event::NotRecorded { ask }),
        1 => (0u64..60).prop_map(|sequence| Event::Unusable { sequence, detail: String::new() }),
    ]
}

fn happening() -> impl Strategy<Value = Happening> {
    prop_oneof![
        9 => event().prop_map(Happening::Event),
        1 => (-1_000i64..70_000).prop_map(Happening::Passes),
    ]
}

/// Watches what a session does.
#[derive(Default)]
struct Watch {
    acknowledged: u64,
    highest: u64,
    /// Questions put, by name.
    asked: BTreeSet<AskId>,
    /// Decisions told, by question.
    told: BTreeSet<Option<AskId>>,
    ended: Vec<Ended>,
    finished: bool,
}

impl Watch {
    fn see(&mut self, effects: &[Effect]) -> Result<(), TestCaseError> {
        for effect in effects {
            match effect {
                Effect::Send(outgoing) => self.sent(outgoing)?,
                Effect::Record(record) => {
                    let ask = &record.assessment.ask;
                    prop_assert_eq!(ask.is_none(), record.end.is_some());
                    if let Some(ask) = ask {
                        prop_assert!(self.asked.contains(ask), "nobody asked {}", ask);
                    }
                }
                Effect::Process | Effect::CompareVoice | Effect::CompareWindow { .. } => {
                    prop_assert!(!self.finished);
                }
                Effect::Finish => self.finished = true,
                _ => {}
            }
        }
        Ok(())
    }

    fn sent(&mut self, outgoing: &Outgoing) -> Result<(), TestCaseError> {
        prop_assert!(outgoing.acknowledged >= self.acknowledged, "acknowledged less than before");
        self.acknowledged = outgoing.acknowledged;
        if outgoing.sequence <= self.highest {
            // Sent again, or what says so.
            let kept = matches!(
                outgoing.response,
                Response::Resumed
                    | Response::Opened
                    | Response::Decision(_)
                    | Response::Challenge { .. }
                    | Response::Ended(_)
            );
            prop_assert!(kept, "{:?} came twice", outgoing.response);
            return Ok(());
        }
        self.highest = outgoing.sequence;
        match &outgoing.response {
            Response::Decision(decided) => {
                self.told.insert(decided.assessment.ask.clone());
            }
            Response::Ended(ended) => self.ended.push(*ended),
            _ => {}
        }
        Ok(())
    }
}

/// Notes which question an event puts, if the session takes it.
fn questions(session: &CallSession, event: &Event, connection: u64) -> Option<AskId> {
    match event {
        Event::Received { connection: c, sequence, message: Message::Intent(intent) }
            if *c == connection && *sequence == session.taken() + 1 =>
        {
            Some(intent.ask.clone())
        }
        _ => None,
    }
}

/// Plays to the end with a driver that answers everything.
fn to_the_end(session: &mut CallSession, watch: &mut Watch) -> Result<(), TestCaseError> {
    let mut pending = session.step(Event::EndRequested, at(i64::MAX / 2), &judge);
    let mut now = i64::MAX / 2;
    for _ in 0..400 {
        watch.see(&pending)?;
        let mut next = Vec::new();
        for effect in &pending {
            let event = match effect {
                Effect::EndAudio => Event::Heard { net_speech_ms: 0 },
                Effect::CompareVoice => Event::NotCompared,
                Effect::SearchCandidates => Event::Searched { accepted: None, among: 1 },
                Effect::LookUp(_) => Event::Standing(SubjectStanding::Enrolled),
                Effect::Record(record) => Event::Recorded {
                    ask: record.assessment.ask.clone(),
                    decision: DecisionId::new(at(0), [9; 10]),
                },
                _ => continue,
            };
            next.extend(session.step(event, at(now), &judge));
        }
        if session.ended().is_some() && next.is_empty() {
            return Ok(());
        }
        if next.is_empty() {
            now += 10_000;
            next = session.step(Event::Tick, at(now), &judge);
            // Records asked for before this began are answered now.
            let open: Vec<AskId> = watch.asked.iter().cloned().collect();
            for ask in open.into_iter().map(Some).chain([None]) {
                let decision = DecisionId::new(at(0), [9; 10]);
                next.extend(session.step(Event::Recorded { ask, decision }, at(now), &judge));
            }
        }
        pending = next;
    }
    prop_assert!(session.ended().is_some(), "the session does not end");
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    /// No order of events breaks a session: nothing is decided that was not asked, what is acknowledged
    /// never falls, nothing but what must arrive comes twice, and at the end every question that was taken has
    /// one decision, and the session one.
    #[test]
    fn any_order_holds(
        claimed in any::<bool>(),
        happenings in prop::collection::vec(happening(), 0..150),
    ) {
        let claim = claimed.then(|| (subject("anna"), ClaimOrigin::Client));
        let start = Opening { claim, candidates: 4, ..opening() };
        let (mut session, effects) =
            CallSession::open(start, 1, CallLimits::default(), rules(), at(0), &judge);
        let mut watch = Watch::default();
        watch.see(&effects)?;
        let (mut now, mut connection, mut resumed) = (0, 1, false);
        for happening in happenings {
            let (event, wakes) = match happening {
                Happening::Passes(ms) => {
                    now += ms;
                    (Event::Tick, true)
                }
                Happening::Event(event) => (event, false),
            };
            if let Event::Connected { connection: c, .. } = event {
                (connection, resumed) = (c, true);
            }
            watch.asked.extend(questions(&session, &event, connection));
            let taken = session.taken();
            let effects = session.step(event, at(now), &judge);
            prop_assert!(session.taken() >= taken);
            watch.see(&effects)?;
            if let Some(wake) = session.next_wake().filter(|_| wakes) {
                let stuck = session.step(Event::Tick, wake, &judge);
                watch.see(&stuck)?;
                now = now.max(wake.unix_ms());
                // A wake is done with: the next one is later, or waits for an answer.
                prop_assert!(session.next_wake() != Some(wake), "woken for nothing at {:?}", wake);
            }
        }
        to_the_end(&mut session, &mut watch)?;
        let ended = session.ended().expect("it ended");
        prop_assert_eq!(ended.decisions as usize, session.decisions().count() + 1);
        prop_assert!(watch.ended.len() <= 1);
        let late = Event::Connected { connection: 9, last_seen: 0 };
        let late = session.step(late, at(i64::MAX / 2), &judge);
        if resumed {
            prop_assert!(ends(&late).len() <= 1);
        } else {
            prop_assert_eq!(ends(&late), [ended]);
            prop_assert_eq!(decisions(&late).len() as u32, ended.decisions);
        }
    }

    /// Whatever a flaky line does, each message is processed exactly once, in order, and each question answered
    /// once: the client sends again what is not acknowledged.
    #[test]
    fn nothing_is_lost_or_repeated(
        breaks in prop::collection::vec((0u64..12, any::<bool>()), 1..12),
        messages in 1u64..60,
    ) {
        let mut desk = Desk::enrolled();
        let (mut at_message, mut seen) = (1u64, 0u64);
        let mut answers: Vec<AskId> = Vec::new();
        let mut processed = 0;
        let mut breaks = breaks.into_iter().cycle();
        let mut rounds = 0;
        while desk.session.taken() < messages {
            rounds += 1;
            prop_assert!(rounds < 10_000);
            let (until_break, arrives) = breaks.next().expect("an endless iterator");
            // After a few rounds the line holds.
            let many = if rounds > 50 { messages } else { until_break };
            for _ in 0..many {
                if at_message > messages {
                    break;
                }
                let message = match at_message % 7 {
                    3 => Message::Intent(intent(&format!("q{at_message}"), 0)),
                    _ => Message::Audio(Leg::Caller),
                };
                let effects = desk.send_as(at_message, message);
                processed += effects.iter().filter(|e| **e == Effect::Process).count();
                if arrives {
                    take(&effects, &mut seen, &mut answers);
                }
                at_message += 1;
            }
            desk.tell(Event::Disconnected { connection: desk.connection });
            desk.connection += 1;
            let connection = desk.connection;
            let effects = desk.tell(Event::Connected { connection, last_seen: seen });
            // The answer to a resume always arrives, or it would be resumed again.
            at_message = outgoing(&effects)[0].acknowledged + 1;
            take(&effects, &mut seen, &mut answers);
        }
        let asked: Vec<AskId> = (1..=messages)
            .filter(|i| i % 7 == 3)
            .map(|i| ask_id(&format!("q{i}")))
            .collect();
        prop_assert_eq!(processed + asked.len(), messages as usize);
        prop_assert_eq!(answers, asked);
    }
}

/// A client takes what it has not seen.
fn take(effects: &[Effect], seen: &mut u64, answers: &mut Vec<AskId>) {
    for Outgoing { sequence, response, .. } in outgoing(effects) {
        if sequence <= *seen {
            continue;
        }
        *seen = sequence;
        if let Response::Decision(decided) = response {
            answers.extend(decided.assessment.ask);
        }
    }
}
