//! kill -9 of the real server while several clients enroll and verify. Whatever was acknowledged is
//! there afterwards, once, with its record; whatever was not is there wholly or not at all.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::task::JoinSet;
use tonic::Code;
use vouch::config::Config;
use vouch::grpc::proto::{self, EnrollmentState};

use crate::process::{Answer, Place, Process, Sent, Wire};
use crate::recordings::skipped;
use crate::server::pcm16;

/// Clients that enroll, and clients that verify.
const ENROLLERS: usize = 3;
const VERIFIERS: usize = 2;
/// When the server is killed in each round: so long after so many acknowledgements.
const KILLS: [(usize, Duration); 4] = [
    (1, Duration::ZERO),
    (6, Duration::from_millis(3)),
    (17, Duration::from_millis(11)),
    (32, Duration::from_millis(37)),
];
/// When it is killed while it starts.
const STARTS: [Duration; 3] =
    [Duration::from_millis(10), Duration::from_millis(60), Duration::from_millis(200)];
/// Utterances of a voiceprint.
const UTTERANCES: u32 = 5;

/// Any voice is good enough: what is tested is what is kept, not who it is.
const SETTINGS: &str = "every_records = 4\nevery_seconds = 1\n\
    [telemetry]\nlevel = \"warn\"\n\
    [policy.verification]\nmin_net_speech_ms = 500\naccept_llr = -30.0\nreject_llr = -30.0\n\
    [policy.enrollment]\nmin_utterances = 5\nrequired_net_speech_ms = 500\n\
    min_utterance_net_speech_ms = 500\nmin_snr_db = -20.0\nmax_clipped_share = 1.0\n\
    consistency_llr = -30.0\nsame_recording_llr = -30.0\n";

/// What was sent, and what came back if anything did.
struct Entry {
    sent: Sent,
    answer: Option<Answer>,
}

#[derive(Default)]
struct Log(Mutex<Vec<Entry>>);

impl Log {
    fn with<T>(&self, look: impl FnOnce(&mut Vec<Entry>) -> T) -> T {
        look(&mut self.0.lock().unwrap())
    }

    fn acknowledged(&self) -> usize {
        self.with(|entries| entries.iter().filter(|e| e.answer.is_some()).count())
    }

    /// Sends and keeps both; `None` when no answer came.
    async fn send(&self, wire: &Wire, sent: Sent) -> Option<Answer> {
        let index = self.with(|entries| {
            entries.push(Entry { sent: sent.clone(), answer: None });
            entries.len() - 1
        });
        let answer = wire.send(&sent).await.ok();
        self.with(|entries| entries[index].answer.clone_from(&answer));
        answer
    }

    /// Utterances kept for a subject: acknowledged, and at most so many more.
    fn kept(&self, subject: &str) -> (usize, usize) {
        let enrolled =
            |e: &&Entry| e.sent.subject() == subject && matches!(e.sent, Sent::Enroll(_));
        self.with(|entries| {
            let all = entries.iter().filter(enrolled);
            let kept = |e: &&Entry| {
                matches!(&e.answer, Some(Answer::Enroll(answer)) if answer.utterance_accepted)
            };
            let open = all.clone().filter(|e| e.answer.is_none()).count();
            (all.filter(kept).count(), open)
        })
    }
}

/// Two seconds of a real voice, beginning somewhere else for each number.
fn speech(number: usize) -> proto::Audio {
    const RATE: usize = 16_000;
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/campplus/clip.wav");
    let bytes = std::fs::read(path).unwrap();
    // A plain header of 44 bytes, then 16-bit samples.
    let from = 44 + 2 * (number * 613 % RATE);
    proto::Audio { config: Some(pcm16()), content: bytes[from..from + 2 * 2 * RATE].to_vec() }
}

fn create(subject: &str) -> Sent {
    let (subject_id, idempotency_key) = (subject.to_owned(), format!("{subject}-create"));
    Sent::Create(proto::CreateSubjectRequest { subject_id, idempotency_key })
}

fn consent(subject: &str) -> Sent {
    let consent = proto::Consent {
        notice_id: "voice".into(),
        notice_version: "1".into(),
        purpose: proto::ConsentPurpose::VoiceAuthentication as i32,
        channel: "call".into(),
        collector: "agent-7".into(),
        given_at: None,
        expires_at: None,
    };
    Sent::Consent(proto::RecordConsentRequest {
        subject_id: subject.into(),
        consent: Some(consent),
        idempotency_key: format!("{subject}-consent"),
    })
}

fn utterance(subject: &str, number: usize) -> Sent {
    let authorization =
        proto::Authorization { agent: "agent-7".into(), factor: "id_document".into() };
    Sent::Enroll(proto::EnrollUtteranceRequest {
        config: Some(proto::EnrollmentConfig {
            subject_id: subject.into(),
            idempotency_key: format!("{subject}-u{number}"),
            authorization: Some(authorization),
            reenroll: false,
        }),
        audio: Some(speech(number)),
    })
}

fn verify(subject: &str, key: String, number: usize) -> Sent {
    Sent::Verify(proto::VerifyRequest {
        subject_id: subject.into(),
        audio: Some(speech(number)),
        idempotency_key: key,
        ..Default::default()
    })
}

/// Enrolls a subject to the end; `None` when the server went away.
async fn enroll(log: &Log, wire: &Wire, subject: &str) -> Option<()> {
    log.send(wire, create(subject)).await?;
    log.send(wire, consent(subject)).await?;
    for number in 0.. {
        let Answer::Enroll(answer) = log.send(wire, utterance(subject, number)).await? else {
            panic!("another answer came");
        };
        if answer.state == EnrollmentState::Enrolled as i32 {
            return Some(());
        }
        assert!(number < 20, "nothing is kept: {answer:?}");
    }
    None
}

/// Clients work until the server is killed.
async fn round(log: &Arc<Log>, mut server: Process, wire: &Wire, number: usize) {
    let (acks, pause) = KILLS[number];
    let before = log.acknowledged();
    let mut clients = JoinSet::new();
    for client in 0..ENROLLERS {
        let (log, wire) = (Arc::clone(log), wire.clone());
        clients.spawn(async move {
            for subject in 0.. {
                let subject = format!("r{number}-c{client}-s{subject}");
                if enroll(&log, &wire, &subject).await.is_none() {
                    return;
                }
            }
        });
    }
    for client in 0..VERIFIERS {
        let (log, wire) = (Arc::clone(log), wire.clone());
        clients.spawn(async move {
            for call in 0.. {
                let key = format!("r{number}-v{client}-{call}");
                if log.send(&wire, verify("base", key, call)).await.is_none() {
                    return;
                }
            }
        });
    }
    let waiting = async {
        while log.acknowledged() < before + acks {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), waiting).await.expect("clients get answers");
    tokio::time::sleep(pause).await;
    server.kill();
    while let Some(client) = clients.join_next().await {
        client.unwrap();
    }
}

/// The record of every act that was acknowledged is there, and says the same.
fn acks_are_recorded(log: &Log, records: &[proto::DecisionRecord]) {
    let by_id: BTreeMap<&str, _> = records.iter().map(|r| (r.decision_id.as_str(), r)).collect();
    assert_eq!(by_id.len(), records.len(), "a decision stands twice in the list");
    log.with(|entries| {
        for Entry { sent, answer } in entries {
            let Some(answer) = answer else { continue };
            let record = by_id.get(answer.decision_id());
            let record = record.unwrap_or_else(|| panic!("{answer:?} was lost"));
            assert_eq!(record.subject_id, sent.subject());
            assert_eq!(record.kind, sent.kind() as i32);
            if let Answer::Verify(result) = answer {
                assert_eq!(record.decision, result.decision);
            }
        }
    });
}

/// What is kept of a subject is what its records say, and what was acknowledged says: at most what was
/// under way is more.
async fn subject_is_whole(
    log: &Log,
    wire: &Wire,
    subject: &str,
    records: &[proto::DecisionRecord],
) {
    let own = || records.iter().filter(|r| r.subject_id == subject);
    let said = |act: &str| own().filter(|r| r.act == act).count();
    let complete = said("voiceprint created");
    let kept = said("utterance kept") + complete;
    let status = match wire.enrollment(subject).await {
        Ok(status) => status,
        Err(error) => {
            assert_eq!((error.code(), own().count()), (Code::NotFound, 0), "{subject}");
            return;
        }
    };
    assert_eq!(said("subject created"), 1, "{subject}");
    assert!(said("consent recorded") <= 1 && complete <= 1, "{subject}");
    let (acknowledged, open) = log.kept(subject);
    assert!(
        (acknowledged..=acknowledged + open).contains(&kept) && open <= 1,
        "{subject}: {acknowledged} acknowledged, {open} under way, {kept} recorded"
    );
    let progress = status.progress.unwrap().utterances as usize;
    let prints = wire.voiceprints(subject).await;
    if complete == 1 {
        assert_eq!(status.state, EnrollmentState::Enrolled as i32, "{subject}");
        assert_eq!((progress, prints.len()), (0, 1), "{subject}");
        assert_eq!(prints[0].utterances as usize, kept, "{subject}");
        assert!(prints[0].utterances >= UTTERANCES);
    } else {
        let state = if kept == 0 { EnrollmentState::None } else { EnrollmentState::InProgress };
        assert_eq!(status.state, state as i32, "{subject}");
        assert_eq!((progress, prints.len()), (kept, 0), "{subject}");
    }
}

async fn state_is_whole(log: &Log, wire: &Wire) -> usize {
    let records = wire.decisions().await;
    acks_are_recorded(log, &records);
    let mut subjects =
        log.with(|entries| entries.iter().map(|e| e.sent.subject().to_owned()).collect::<Vec<_>>());
    subjects.sort();
    subjects.dedup();
    for subject in subjects {
        subject_is_whole(log, wire, &subject, &records).await;
    }
    records.len()
}

/// Repeats the requests from `from` on: those acknowledged get the same answer and add no record, those
/// under way are now carried out, once.
async fn repeat(log: &Log, wire: &Wire, from: usize) {
    let head = wire.head().await;
    let entries = |done: bool| {
        log.with(|entries| {
            let numbered = entries.iter().enumerate().skip(from);
            let some = numbered.filter(|(_, e)| e.answer.is_some() == done);
            some.map(|(i, e)| (i, e.sent.clone(), e.answer.clone())).collect::<Vec<_>>()
        })
    };
    for (_, sent, answer) in entries(true) {
        assert_eq!(wire.send(&sent).await.ok(), answer);
    }
    assert_eq!(wire.head().await, head, "a repeated request left a record");
    for (index, sent, _) in entries(false) {
        let answer = wire.send(&sent).await.unwrap();
        assert_eq!(wire.send(&sent).await.unwrap(), answer);
        log.with(|entries| entries[index].answer = Some(answer));
    }
}

/// Kills the server while it starts; the store is sound each time.
fn die_starting(place: &Place) {
    for pause in STARTS {
        let mut server = place.spawn();
        std::thread::sleep(pause);
        server.kill();
        place.done(&["audit", "verify"]);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_server_loses_nothing_it_said() {
    let place = Place::new(&Path::new(env!("CARGO_MANIFEST_DIR")).join("models"), SETTINGS);
    let key = place.done(&["key", "create", "--role", "admin"]).trim().to_owned();
    let (server, address) = place.serve().await;
    let wire = Wire::connect(&address, &key).await;
    if !wire.hears().await {
        let model = Config::default().models.default;
        let mend = format!("run `vouch model install {model}`");
        return skipped("a_killed_server_loses_nothing_it_said", &mend);
    }
    let log = Arc::new(Log::default());
    enroll(&log, &wire, "base").await.expect("the server runs");
    let (mut server, mut wire) = (server, wire);
    for number in 0..KILLS.len() {
        let from = log.with(|entries| entries.len());
        round(&log, server, &wire, number).await;
        let report = place.done(&["audit", "verify"]);
        assert!(!report.contains("checkpoints 0"), "{report}");
        if number == 0 {
            die_starting(&place);
        }
        let address;
        (server, address) = place.serve().await;
        wire = Wire::connect(&address, &key).await;
        state_is_whole(&log, &wire).await;
        repeat(&log, &wire, from).await;
        // Now nothing is under way: what is kept is exactly what was acknowledged.
        state_is_whole(&log, &wire).await;
    }
    let records = state_is_whole(&log, &wire).await;
    server.kill();
    exports_are_whole(&place, &log, records);
}

/// The exports hold every record of the chain and every acknowledged decision.
fn exports_are_whole(place: &Place, log: &Log, records: usize) {
    let report = place.done(&["audit", "verify"]);
    let chain = place.done(&["audit", "export", "--chain"]);
    assert!(report.starts_with(&format!("records {} ", chain.lines().count())), "{report}");
    let decisions = place.done(&["audit", "export"]);
    assert_eq!(decisions.lines().count(), records);
    let ids: Vec<String> = decisions
        .lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap()["id"].to_string())
        .collect();
    log.with(|entries| {
        for answer in entries.iter().filter_map(|e| e.answer.as_ref()) {
            let id = format!("{:?}", answer.decision_id());
            assert!(ids.contains(&id), "{id} is not in the export");
        }
    });
}
