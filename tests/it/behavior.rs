//! Behavior over the wire: the door with a double behind it, and the whole story with the real program.

use std::path::Path;
use std::sync::atomic::Ordering;

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

use crate::double::manner;
use crate::process::Place;
use crate::server::{self, keyed, reason_of, until, with_key};

/// What is typed: eleven keys, some of them named so that nothing else in the program is.
const TEXT: [&str; 11] =
    ["KeyZ", "7", "KeyQ", "h:5ec2e7c0de01", "x", "Digit9", "h:5ec2e7c0de02", "KeyW", "3", "k", "p"];
/// The client's name for it.
const TEXT_ID: &str = "very-private-password";

/// A typist whose habits follow from a seed.
pub(crate) struct Typist {
    holds_ms: Vec<f64>,
    steps_ms: Vec<f64>,
    state: u64,
}

impl Typist {
    pub(crate) fn new(seed: u64) -> Self {
        let mut typist = Self { holds_ms: vec![], steps_ms: vec![], state: seed };
        for _ in TEXT {
            let (hold, step) = (60.0 + 80.0 * typist.unit(), 110.0 + 240.0 * typist.unit());
            typist.holds_ms.push(hold);
            typist.steps_ms.push(step);
        }
        typist
    }

    /// Uniform in 0..1 (SplitMix64).
    fn unit(&mut self) -> f64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) >> 11) as f64 / (1u64 << 53) as f64
    }

    /// About 1, give or take a tenth.
    fn about_one(&mut self) -> f64 {
        let sum: f64 = (0..4).map(|_| self.unit()).sum();
        1.0 + 0.1 * (sum - 2.0)
    }

    /// Types the text once more.
    pub(crate) fn types(&mut self) -> proto::BehaviorCapture {
        let mut at = 0.0;
        let mut events = Vec::new();
        for (i, key) in TEXT.iter().enumerate() {
            let up_ms = at + self.holds_ms[i] * self.about_one();
            events.push(proto::KeyEvent {
                key: (*key).to_owned(),
                down_ms: at,
                up_ms,
                ..Default::default()
            });
            at += self.steps_ms[i] * self.about_one();
        }
        proto::BehaviorCapture {
            device: DeviceClass::Desktop as i32,
            text_id: TEXT_ID.into(),
            events: Some(Events::Keystroke(proto::KeyEvents { events })),
            ..Default::default()
        }
    }

    pub(crate) fn times(&mut self, n: usize) -> Vec<proto::BehaviorCapture> {
        (0..n).map(|_| self.types()).collect()
    }
}

fn authorization(factor: &str) -> Option<proto::Authorization> {
    Some(proto::Authorization { agent: "agent-7".into(), factor: factor.into() })
}

fn enroll(captures: Vec<proto::BehaviorCapture>, key: &str) -> proto::EnrollBehaviorRequest {
    proto::EnrollBehaviorRequest {
        subject_id: "anna".into(),
        captures,
        authorization: authorization("id_document"),
        reenroll: false,
        idempotency_key: key.into(),
    }
}

fn verify(captures: Vec<proto::BehaviorCapture>, key: &str) -> proto::VerifyBehaviorRequest {
    proto::VerifyBehaviorRequest {
        subject_id: "anna".into(),
        captures,
        other_factor: authorization("otp"),
        adapt: false,
        idempotency_key: key.into(),
    }
}

fn config(subject: &str) -> proto::ObserveBehaviorRequest {
    let config = proto::ObserveBehaviorConfig {
        subject_id: subject.into(),
        other_factor: None,
        adapt: false,
        idempotency_key: "observe-1".into(),
    };
    proto::ObserveBehaviorRequest { message: Some(Sent::Config(config)) }
}

fn capture(capture: proto::BehaviorCapture) -> proto::ObserveBehaviorRequest {
    proto::ObserveBehaviorRequest { message: Some(Sent::Capture(capture)) }
}

/// Sends messages, closes, and reads to the end: updates, and the result or the error.
async fn observe(
    client: &mut BehaviorServiceClient<Channel>,
    messages: Vec<proto::ObserveBehaviorRequest>,
    key: &str,
) -> (Vec<proto::BehaviorUpdate>, Result<proto::BehaviorResult, Status>) {
    let (sender, receiver) = mpsc::channel(64);
    let request = with_key(ReceiverStream::new(receiver), key);
    for message in messages {
        sender.send(message).await.unwrap();
    }
    drop(sender);
    let mut answers = client.observe_behavior(request).await.unwrap().into_inner();
    let mut updates = Vec::new();
    loop {
        match answers.message().await {
            Err(status) => return (updates, Err(status)),
            Ok(None) => panic!("the stream ended without a last message"),
            Ok(Some(answer)) => match answer.message.unwrap() {
                Answer::Update(update) => updates.push(update),
                Answer::Result(result) => return (updates, Ok(result)),
            },
        }
    }
}

#[tokio::test]
async fn answers_say_what_was_found() {
    let server = server::start(server::settings()).await;
    let mut client = BehaviorServiceClient::new(server.channel().await);
    let captures = Typist::new(1).times(2);
    let answer = client.enroll_behavior(keyed(enroll(captures.clone(), "e"))).await.unwrap();
    let answer = answer.into_inner();
    assert_eq!(answer.state(), proto::EnrollmentState::InProgress);
    assert_eq!(answer.progress.as_ref().unwrap().text, "7 of 10 captures, 88 of 100 keys");
    let ids: Vec<&str> = answer.captures.iter().map(|o| o.capture_id.as_str()).collect();
    assert_eq!(ids, ["1", "2"], "numbered where the client does not name them");
    assert_eq!(
        (answer.kind(), answer.device()),
        (proto::BehaviorKind::FreeText, DeviceClass::Phone)
    );
    let answer = client.verify_behavior(keyed(verify(captures, "v"))).await.unwrap();
    let result = answer.into_inner().result.unwrap();
    assert_eq!(result.decision(), Decision::StepUp);
    let reasons = [Reason::BehaviorMatch as i32, Reason::BehaviorAlone as i32];
    assert_eq!((&result.reasons[..], result.captures), (&reasons[..], 2));
    let states: Vec<_> = result.findings.iter().map(|f| (f.kind(), f.state())).collect();
    use proto::{BehaviorFindingKind as K, FindingState as S};
    assert_eq!(states, [(K::Replay, S::NotDetected), (K::RemoteControl, S::Unknown)]);
    assert_eq!(result.habits[0].position, Some(3));
}

#[tokio::test]
async fn bad_fields_are_named() {
    let server = server::start(server::settings()).await;
    let mut client = BehaviorServiceClient::new(server.channel().await);
    let good = Typist::new(1).types();
    let nowhere = proto::BehaviorCapture { device: 0, ..good.clone() };
    let empty = proto::BehaviorCapture { events: None, ..good.clone() };
    let cases = [
        ("captures[1].device", verify(vec![good.clone(), nowhere], "k")),
        ("captures[0].events", verify(vec![empty], "k")),
        ("idempotency_key", verify(vec![good.clone()], "")),
        (
            "adapt",
            proto::VerifyBehaviorRequest {
                other_factor: None,
                adapt: true,
                ..verify(vec![good.clone()], "k")
            },
        ),
        (
            "subject_id",
            proto::VerifyBehaviorRequest { subject_id: "a b".into(), ..verify(vec![good], "k") },
        ),
    ];
    for (field, request) in cases {
        let status = client.verify_behavior(keyed(request)).await.unwrap_err();
        assert_eq!(status.code(), Code::InvalidArgument);
        let bad = status.get_details_bad_request().unwrap();
        assert_eq!(bad.field_violations[0].field, field);
    }
}

#[tokio::test]
async fn a_stream_answers_each_capture_and_decides_when_it_is_closed() {
    let server = server::start(server::settings()).await;
    let mut client = BehaviorServiceClient::new(server.channel().await);
    let one = || capture(Typist::new(1).types());
    let key = crate::double::KEY;
    let (updates, result) = observe(&mut client, vec![config("anna"), one(), one()], key).await;
    let counts: Vec<u32> = updates.iter().map(|u| u.captures).collect();
    assert_eq!((counts, result.unwrap().captures), (vec![1, 2], 2));
    let nothing = proto::ObserveBehaviorRequest { message: None };
    for wrong in [
        vec![],
        vec![one()],
        vec![config("anna"), one(), config("anna")],
        vec![config("anna"), nothing],
    ] {
        let (_, refused) = observe(&mut client, wrong, key).await;
        let status = refused.unwrap_err();
        assert_eq!(reason_of(&status), "STREAM_ORDER", "{status}");
    }
    let nowhere = proto::BehaviorCapture { device: 0, ..Typist::new(1).types() };
    let (_, refused) = observe(&mut client, vec![config("anna"), capture(nowhere)], key).await;
    let bad = refused.unwrap_err().get_details_bad_request().unwrap();
    assert_eq!(bad.field_violations[0].field, "capture.device");
    let (_, refused) = observe(&mut client, vec![config(manner::STORE_DOWN)], key).await;
    assert_eq!(reason_of(&refused.unwrap_err()), "STORE_UNAVAILABLE");
}

#[tokio::test]
async fn a_stream_that_is_left_is_not_decided() {
    let server = server::start(server::settings()).await;
    let uri = format!("http://{}", server.address);
    let leave = move || {
        // A runtime of its own: with it the connection is gone, without a good-bye.
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let kept = runtime.block_on(async {
            let channel = Channel::from_shared(uri).unwrap().connect().await.unwrap();
            let mut client = BehaviorServiceClient::new(channel);
            let (sender, receiver) = mpsc::channel(8);
            sender.send(config("anna")).await.unwrap();
            sender.send(capture(Typist::new(1).types())).await.unwrap();
            let request = keyed(ReceiverStream::new(receiver));
            let mut answers = client.observe_behavior(request).await.unwrap().into_inner();
            assert!(answers.message().await.unwrap().is_some());
            (client, sender, answers)
        });
        drop(runtime);
        drop(kept);
    };
    tokio::task::spawn_blocking(leave).await.unwrap();
    until("the live object is dropped", || server.app.count(|c| &c.dropped) == 1).await;
    assert_eq!(server.app.counts.finished.load(Ordering::SeqCst), 0);
}

/// The real program; any voice model is beside the point.
pub(crate) struct Story {
    pub(crate) place: Place,
    pub(crate) channel: Channel,
    key: String,
    _server: crate::process::Process,
}

/// Fallback or background: what is tested is the way of a capture, not the last bit of an LLR.
const SETTINGS: &str = "[telemetry]\nlevel = \"debug\"\n\
    [policy.behavior]\naccept_llr = 0.7\nreject_llr = -0.7\n";

impl Story {
    pub(crate) async fn begin() -> Self {
        let models = tempfile::tempdir().unwrap();
        let place = Place::new(models.path(), SETTINGS);
        let key = place.done(&["key", "create", "--role", "admin"]).trim().to_owned();
        let (server, address) = place.serve().await;
        let channel = Channel::from_shared(address).unwrap().connect().await.unwrap();
        Self { place, channel, key, _server: server }
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
    nothing_typed_is_written(&story);
    let profiles = story.profiles().await;
    assert_eq!((profiles.len(), profiles[0].state()), (1, proto::EnrollmentState::Enrolled));
    assert!(profiles[0].bytes > 0);
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
