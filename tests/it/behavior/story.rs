//! The whole story of behavior with the real program.

use std::path::Path;

use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::transport::Channel;
use tonic::{Code, Request, Status};
use tonic_types::StatusExt as _;
use vouch::grpc::proto::behavior_capture::Events;
use vouch::grpc::proto::behavior_service_client::BehaviorServiceClient;
use vouch::grpc::proto::observe_behavior_request::Message as Sent;
use vouch::grpc::proto::observe_behavior_response::Message as Answer;
use vouch::grpc::proto::subject_service_client::SubjectServiceClient;
use vouch::grpc::proto::{self, Decision, DeviceClass, Reason};

use super::{TEXT, TEXT_ID, Typist, capture, config, enroll, observe, verify};
use crate::process::Place;
use crate::server::{reason_of, with_key};

/// The real program; any voice model is beside the point.
pub(crate) struct Story {
    pub(crate) place: Place,
    pub(crate) channel: Channel,
    key: String,
    server: crate::process::Process,
    /// There while the program is.
    _models: tempfile::TempDir,
}

/// Fallback or background: what is tested is the way of a capture, not the last bit of an LLR.
const SETTINGS: &str = "[telemetry]\nlevel = \"debug\"\n\
    [policy.behavior]\naccept_llr = 0.7\nreject_llr = -0.7\n";

impl Story {
    pub(crate) async fn begin() -> Self {
        Self::with("").await
    }

    /// With more settings.
    pub(crate) async fn with(settings: &str) -> Self {
        let models = tempfile::tempdir().unwrap();
        let place = Place::new(models.path(), &format!("{SETTINGS}{settings}"));
        let key = place.done(&["key", "create", "--role", "admin"]).trim().to_owned();
        let (server, address) = place.serve().await;
        let channel = Channel::from_shared(address).unwrap().connect().await.unwrap();
        Self { place, channel, key, server, _models: models }
    }

    /// Kills the server, makes a further API key of a role, and starts it again; the key.
    pub(crate) async fn restart(&mut self, role: &str) -> String {
        self.server.kill();
        let key = self.place.done(&["key", "create", "--role", role]).trim().to_owned();
        let (server, address) = self.place.serve().await;
        self.server = server;
        self.channel = Channel::from_shared(address).unwrap().connect().await.unwrap();
        key
    }

    /// Calls with this key from now on.
    pub(crate) fn use_key(&mut self, key: String) {
        self.key = key;
    }

    pub(crate) fn keyed<T>(&self, message: T) -> Request<T> {
        with_key(message, &self.key)
    }

    fn behavior(&self) -> BehaviorServiceClient<Channel> {
        BehaviorServiceClient::new(self.channel.clone())
    }

    pub(crate) fn subjects(&self) -> SubjectServiceClient<Channel> {
        SubjectServiceClient::new(self.channel.clone())
    }

    pub(crate) async fn create(&self) {
        let request = proto::CreateSubjectRequest {
            subject_id: "anna".into(),
            idempotency_key: "create".into(),
        };
        self.subjects().create_subject(self.keyed(request)).await.unwrap();
    }

    pub(crate) async fn consent(&self) {
        let consent = proto::Consent {
            notice_id: "behavior".into(),
            notice_version: "1".into(),
            purpose: proto::ConsentPurpose::BehaviorAuthentication as i32,
            channel: "web".into(),
            collector: "agent-7".into(),
            given_at: None,
            expires_at: None,
        };
        let request = proto::RecordConsentRequest {
            subject_id: "anna".into(),
            consent: Some(consent),
            idempotency_key: "consent".into(),
        };
        self.subjects().record_consent(self.keyed(request)).await.unwrap();
    }

    pub(crate) async fn enroll(
        &self,
        captures: Vec<proto::BehaviorCapture>,
        key: &str,
    ) -> Result<proto::EnrollBehaviorResponse, Status> {
        let request = self.keyed(enroll(captures, key));
        Ok(self.behavior().enroll_behavior(request).await?.into_inner())
    }

    pub(crate) async fn verify(
        &self,
        captures: Vec<proto::BehaviorCapture>,
        key: &str,
    ) -> Result<proto::BehaviorResult, Status> {
        let request = self.keyed(verify(captures, key));
        Ok(self.behavior().verify_behavior(request).await?.into_inner().result.unwrap())
    }

    async fn profiles(&self) -> Vec<proto::BehaviorProfile> {
        let request = proto::GetBehaviorProfilesRequest { subject_id: "anna".into() };
        let answer = self.behavior().get_behavior_profiles(self.keyed(request)).await;
        answer.unwrap().into_inner().profiles
    }
}

fn llr(result: &proto::BehaviorResult) -> f64 {
    result.score.as_ref().and_then(|s| s.llr).unwrap_or_else(|| panic!("no LLR: {result:?}"))
}

#[tokio::test]
async fn typing_is_enrolled_verified_and_forgotten() {
    let story = Story::begin().await;
    let (mut anna, mut bert) = (Typist::new(11), Typist::new(23));
    story.create().await;
    let early = story.enroll(anna.times(1), "e-0").await.unwrap_err();
    assert_eq!(reason_of(&early), "CONSENT_MISSING");
    let early = story.verify(anna.times(1), "v-0").await.unwrap();
    assert_eq!(early.decision(), Decision::OptedOut);
    assert_eq!(early.reasons, [Reason::NoConsent as i32]);
    story.consent().await;
    let first = anna.times(7);
    let some = story.enroll(first.clone(), "e-1").await.unwrap();
    assert_eq!(some.progress.unwrap().text, "7 of 10 captures", "{:?}", some.captures);
    let all = story.enroll(anna.times(3), "e-2").await.unwrap();
    assert_eq!(all.state(), proto::EnrollmentState::Enrolled);
    let mut genuine = Vec::new();
    for n in 0..5 {
        let answer = story.verify(anna.times(1), &format!("g-{n}")).await.unwrap();
        genuine.push(llr(&answer));
        assert_eq!(answer.decision(), Decision::Accept, "{answer:?}");
        let other = story.verify(bert.times(1), &format!("i-{n}")).await.unwrap();
        assert_eq!(other.decision(), Decision::Reject, "{other:?}");
        assert!(llr(&other) < genuine.iter().copied().fold(f64::INFINITY, f64::min));
        assert!(!other.habits.is_empty());
        // An acceptance in between, so that the rejections do not lock.
    }
    let replayed = story.verify(first[..1].to_vec(), "replay").await.unwrap();
    assert_eq!(replayed.decision(), Decision::Reject);
    assert!(replayed.reasons.contains(&(Reason::InputReplayed as i32)));
    let phone = proto::BehaviorCapture { device: DeviceClass::Phone as i32, ..anna.types() };
    let elsewhere = story.verify(vec![phone], "phone").await.unwrap();
    assert_eq!(elsewhere.decision(), Decision::NotEnrolled);
    assert_eq!(elsewhere.reasons, [Reason::NoTemplate as i32]);

    let messages = std::iter::once(config("anna")).chain(anna.times(3).into_iter().map(capture));
    let (updates, result) = observe(&mut story.behavior(), messages.collect(), &story.key).await;
    let result = result.unwrap();
    assert_eq!((updates.len(), result.captures), (3, 3));
    assert_eq!(result.decision(), Decision::StepUp, "nothing else vouches for her");
    assert!(result.reasons.contains(&(Reason::BehaviorAlone as i32)), "{result:?}");

    hostile_captures_are_refused(&story, &anna.types()).await;
    free_text_is_enrolled(&story).await;
    nothing_typed_is_written(&story);
    let profiles = story.profiles().await;
    assert_eq!(profiles.len(), 2);
    for profile in profiles {
        assert_eq!(profile.state(), proto::EnrollmentState::Enrolled);
        assert!(profile.bytes > 0);
    }
    let request =
        proto::EraseSubjectRequest { subject_id: "anna".into(), idempotency_key: "erase".into() };
    story.subjects().erase_subject(story.keyed(request)).await.unwrap();
    let gone = story.verify(anna.times(1), "gone").await.unwrap();
    assert_eq!(gone.decision(), Decision::NotEnrolled);
    let report = story.place.done(&["audit", "verify"]);
    assert!(report.starts_with("records "), "{report}");
}

async fn hostile_captures_are_refused(story: &Story, good: &proto::BehaviorCapture) {
    let with = |change: fn(&mut Vec<proto::KeyEvent>)| {
        let mut bad = good.clone();
        if let Some(Events::Keystroke(keys)) = &mut bad.events {
            change(&mut keys.events);
        }
        bad
    };
    let hostile = [
        with(Vec::clear),
        with(|keys| keys[2].down_ms = f64::NAN),
        with(|keys| keys[2].up_ms = f64::NEG_INFINITY),
        with(|keys| keys[2].up_ms = keys[2].down_ms - 1.0),
        with(|keys| keys[2].key = "h:5ec2e7c0de01".repeat(1_000)),
        with(|keys| keys.iter_mut().for_each(|k| k.down_ms = 1e300)),
        with(|keys| {
            let key = keys[0].clone();
            keys.resize(100_000, key);
        }),
        proto::BehaviorCapture { text_id: "white space".into(), ..good.clone() },
        proto::BehaviorCapture {
            screen: Some(proto::Screen { width_px: -1.0, height_px: 1.0, dpi: None }),
            ..good.clone()
        },
    ];
    for (n, bad) in hostile.into_iter().enumerate() {
        let refused = story.verify(vec![good.clone(), bad], &format!("h-{n}")).await.unwrap_err();
        assert_eq!(
            (refused.code(), reason_of(&refused)),
            (Code::InvalidArgument, "BAD_CAPTURE".into())
        );
        let bad = refused.get_details_bad_request().unwrap();
        assert_eq!(bad.field_violations[0].field, "captures[1]");
        assert!(!refused.message().contains("5ec2e7"), "{}", refused.message());
    }
}

/// A sentence that is nowhere else, typed with the names of its keys: what hides content on the way is the client's choice, what
/// is kept is not.
const SENTENCE: &str = "quartz jackdaws vex my big sphinx of flowing zymurgy";

/// One typing of the sentence.
fn free_text(seed: u64) -> proto::BehaviorCapture {
    let mut typist = Typist::new(seed);
    let mut at = 0.0;
    let key = |letter: char| {
        let key = if letter == ' ' { "space".to_owned() } else { letter.to_string() };
        let (down_ms, hold_ms) = (at, 90.0 * typist.about_one());
        // A rhythm that differs by key, as hands have it and scripts have not.
        at += (110.0 + f64::from(u32::from(letter) * 37 % 90)) * typist.about_one();
        proto::KeyEvent { key, down_ms, up_ms: down_ms + hold_ms, ..Default::default() }
    };
    let events = SENTENCE.chars().map(key).collect();
    proto::BehaviorCapture {
        device: DeviceClass::Desktop as i32,
        events: Some(Events::Keystroke(proto::KeyEvents { events })),
        ..Default::default()
    }
}

async fn free_text_is_enrolled(story: &Story) {
    let captures = (100..106).map(free_text).collect();
    let answer = story.enroll(captures, "free").await.unwrap();
    assert_eq!(answer.kind(), proto::BehaviorKind::FreeText);
    assert_eq!(answer.state(), proto::EnrollmentState::Enrolled, "{answer:?}");
    let result = story.verify(vec![free_text(107)], "free-1").await.unwrap();
    assert!(result.enough && result.units >= 40, "{result:?}");
    for habit in &result.habits {
        let content = SENTENCE.split(' ').any(|word| word.len() > 2 && habit.what.contains(word));
        assert!(!content && habit.position.is_none(), "{habit:?}");
    }
}

/// The first keys of the sentence as somebody might keep them: as text, in JSON, and as numbers of any width.
fn sentence_needles() -> Vec<Vec<u8>> {
    let first = &SENTENCE[..6];
    let joined = |by: &str| {
        let letters: Vec<String> = first.chars().map(String::from).collect();
        letters.join(by).into_bytes()
    };
    let mut needles: Vec<Vec<u8>> = SENTENCE
        .split(' ')
        .filter(|word| word.len() > 4)
        .map(|word| word.as_bytes().to_vec())
        .collect();
    needles.extend([joined(","), joined("\",\""), joined(" "), joined("\0")]);
    for base in [u32::from(b'a'), 0, u32::from(b'a') - 1] {
        let numbers = first.bytes().map(|c| u32::from(c) - base);
        needles.push(numbers.clone().map(|n| n as u8).collect());
        needles.push(numbers.clone().flat_map(|n| (n as u16).to_le_bytes()).collect());
        needles.push(numbers.clone().flat_map(u32::to_le_bytes).collect());
        needles.push(numbers.flat_map(|n| (n as f32).to_le_bytes()).collect());
    }
    needles
}

/// FNV-1a, 64 bits: what the program makes of a hashed code.
fn fnv(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

/// Neither database nor log nor anything else on disk holds a key, a code of one, or the text's name.
pub(crate) fn nothing_typed_is_written(story: &Story) {
    let mut needles: Vec<Vec<u8>> = vec![TEXT_ID.into(), TEXT.concat().into_bytes()];
    for key in TEXT.iter().filter(|key| key.len() > 3) {
        needles.push(key.as_bytes().to_vec());
    }
    for code in TEXT.iter().filter_map(|key| key.strip_prefix("h:")) {
        for hash in [fnv(code), fnv(&format!("h:{code}"))] {
            needles.extend([hash.to_le_bytes().to_vec(), hash.to_be_bytes().to_vec()]);
            needles.push(hash.to_string().into_bytes());
        }
    }
    needles.extend(sentence_needles());
    let mut files = 0;
    search(story.place.dir.path(), &needles, &mut files);
    assert!(files >= 4, "database, its log, keys and the program's log are there: {files}");
}

fn search(folder: &Path, needles: &[Vec<u8>], files: &mut usize) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            search(&path, needles, files);
            continue;
        }
        *files += 1;
        let bytes = std::fs::read(&path).unwrap();
        for needle in needles {
            let found = bytes.windows(needle.len()).any(|window| window == &needle[..]);
            assert!(!found, "{} holds {:?}", path.display(), String::from_utf8_lossy(needle));
        }
    }
}

#[tokio::test]
async fn two_clients_at_once_lose_no_capture() {
    let story = Story::begin().await;
    story.create().await;
    story.consent().await;
    let mut anna = Typist::new(11);
    for pair in 0..5 {
        let (one, two) = (anna.times(1), anna.times(1));
        let (a, b) = (format!("a-{pair}"), format!("b-{pair}"));
        let (a, b) = tokio::join!(story.enroll(one, &a), story.enroll(two, &b));
        let mut counts = [a.unwrap(), b.unwrap()].map(|e| e.progress.unwrap().captures);
        counts.sort_unstable();
        assert_eq!(counts, [2 * pair + 1, 2 * pair + 2]);
    }
    let profiles = story.profiles().await;
    assert_eq!((profiles.len(), profiles[0].progress.as_ref().unwrap().captures), (1, 10));
    // The same capture through two clients is accepted once.
    let copy = anna.times(1);
    let (a, b) = tokio::join!(story.verify(copy.clone(), "c-1"), story.verify(copy, "c-2"));
    let replays = [a.unwrap(), b.unwrap()]
        .iter()
        .filter(|r| r.reasons.contains(&(Reason::InputReplayed as i32)))
        .count();
    assert_eq!(replays, 1);
}

#[tokio::test]
async fn a_million_events_are_refused_before_they_are_kept() {
    let story = Story::begin().await;
    story.create().await;
    story.consent().await;
    let mut capture = Typist::new(1).types();
    if let Some(Events::Keystroke(keys)) = &mut capture.events {
        let key = keys.events[0].clone();
        keys.events.resize(1_000_000, key);
    }
    let refused = story.verify(vec![capture], "million").await.unwrap_err();
    assert_eq!(refused.code(), Code::ResourceExhausted, "{refused}");
    assert_eq!(reason_of(&refused), "MESSAGE_TOO_LARGE");
    assert!(story.verify(Typist::new(1).times(1), "after").await.is_ok());
}

#[tokio::test]
async fn interleaved_streams_of_two_clients_do_not_mix() {
    let story = Story::begin().await;
    story.create().await;
    story.consent().await;
    let (mut anna, mut bert) = (Typist::new(11), Typist::new(23));
    story.enroll(anna.times(10), "e").await.unwrap();
    let begin = |key: &str| {
        let mut first = config("anna");
        if let Some(Sent::Config(config)) = &mut first.message {
            config.idempotency_key = key.into();
        }
        let (sender, receiver) = mpsc::channel(8);
        sender.try_send(first).unwrap();
        (sender, story.keyed(ReceiverStream::new(receiver)))
    };
    let ((genuine, a), (impostor, b)) = (begin("genuine"), begin("impostor"));
    let mut answers_a = story.behavior().observe_behavior(a).await.unwrap().into_inner();
    let mut answers_b = story.behavior().observe_behavior(b).await.unwrap().into_inner();
    for n in 1..=4 {
        genuine.send(capture(anna.types())).await.unwrap();
        impostor.send(capture(bert.types())).await.unwrap();
        for answers in [&mut answers_a, &mut answers_b] {
            let Some(Answer::Update(update)) = answers.message().await.unwrap().unwrap().message
            else {
                panic!("an update follows a capture");
            };
            assert_eq!(update.captures, n, "captures of the other client are not counted");
        }
    }
    drop((genuine, impostor));
    let mut decisions = Vec::new();
    for answers in [&mut answers_a, &mut answers_b] {
        let Some(Answer::Result(result)) = answers.message().await.unwrap().unwrap().message else {
            panic!("a result comes last");
        };
        assert_eq!(result.captures, 4);
        decisions.push(result.decision());
    }
    assert_eq!(decisions, [Decision::StepUp, Decision::Reject]);
}
