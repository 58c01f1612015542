//! Styles of texts over the wire: the whole story with the real program, and hostile input.

use std::path::Path;

use tonic::transport::Channel;
use tonic::{Code, Request, Status};
use tonic_types::StatusExt as _;
use vouch::grpc::proto::conversation_service_client::ConversationServiceClient;
use vouch::grpc::proto::subject_service_client::SubjectServiceClient;
use vouch::grpc::proto::{self, Decision, Reason};

use crate::process::Place;
use crate::server::{self, keyed, with_key};

/// A word of the texts that nothing else in the program is called.
const SECRET: &str = "Zwetschgenknoedel";

/// Chat of a made-up person; `day` changes the words, not the habits.
fn chat(careful: bool, day: u64, words: usize) -> Vec<proto::WrittenText> {
    const GLUE: [&str; 10] =
        ["the", "so", "but", "just", "really", "you", "it", "that", "maybe", "then"];
    let mut state = (day + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut step = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 33) as usize
    };
    let (mut texts, mut written) = (Vec::new(), 0);
    while written < words {
        let count = if careful { 12 } else { 4 } + step() % 4;
        let mut line: Vec<String> = Vec::new();
        for i in 0..count {
            let word = if step() % 3 == 0 { SECRET } else { GLUE[step() % GLUE.len()] };
            let mut word = word.to_lowercase();
            if careful && i == 0 {
                word[..1].make_ascii_uppercase();
            }
            if careful && step() % 4 == 0 && i + 1 < count {
                word.push(',');
            }
            line.push(word);
        }
        written += count;
        let end = if careful { "." } else { " ... lol :)" };
        let content = format!("{}{end}", line.join(" "));
        texts.push(proto::WrittenText { content, sent_at: None });
    }
    texts
}

fn authorization(factor: &str) -> Option<proto::Authorization> {
    Some(proto::Authorization { agent: "agent-7".into(), factor: factor.into() })
}

fn enroll(texts: Vec<proto::WrittenText>, key: &str) -> proto::EnrollTextsRequest {
    proto::EnrollTextsRequest {
        subject_id: "anna".into(),
        texts,
        authorization: authorization("id_document"),
        reenroll: false,
        idempotency_key: key.into(),
    }
}

fn verify(texts: Vec<proto::WrittenText>, key: &str) -> proto::VerifyTextsRequest {
    proto::VerifyTextsRequest {
        subject_id: "anna".into(),
        texts,
        other_factor: authorization("otp"),
        adapt: false,
        idempotency_key: key.into(),
    }
}

struct Story {
    place: Place,
    channel: Channel,
    key: String,
    server: crate::process::Process,
}

impl Story {
    async fn begin() -> Self {
        let models = tempfile::tempdir().unwrap();
        let place = Place::new(models.path(), "[telemetry]\nlevel = \"debug\"\n");
        let key = place.done(&["key", "create", "--role", "admin"]).trim().to_owned();
        let (server, address) = place.serve().await;
        let channel = Channel::from_shared(address).unwrap().connect().await.unwrap();
        Self { place, channel, key, server }
    }

    fn keyed<T>(&self, message: T) -> Request<T> {
        with_key(message, &self.key)
    }

    fn client(&self) -> ConversationServiceClient<Channel> {
        ConversationServiceClient::new(self.channel.clone())
    }

    async fn create_with_consent(&self) {
        let mut subjects = SubjectServiceClient::new(self.channel.clone());
        let request = proto::CreateSubjectRequest {
            subject_id: "anna".into(),
            idempotency_key: "create".into(),
        };
        subjects.create_subject(self.keyed(request)).await.unwrap();
        let consent = proto::Consent {
            notice_id: "chat".into(),
            notice_version: "1".into(),
            purpose: proto::ConsentPurpose::ConversationAuthentication as i32,
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
        subjects.record_consent(self.keyed(request)).await.unwrap();
    }

    async fn claims(
        &self,
        request: proto::VerifyTextsRequest,
    ) -> Result<proto::VerifyTextsResponse, Status> {
        Ok(self.client().verify_texts(self.keyed(request)).await?.into_inner())
    }
}

/// Whether a word stands in any file under a folder, in any case.
pub fn written(folder: &Path, word: &str) -> Vec<String> {
    let word = word.to_lowercase();
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(written(&path, &word));
        } else if let Ok(bytes) = std::fs::read(&path) {
            let lower = bytes.to_ascii_lowercase();
            if lower.windows(word.len()).any(|w| w == word.as_bytes()) {
                found.push(path.display().to_string());
            }
        }
    }
    found
}

#[tokio::test]
async fn a_style_is_enrolled_verified_deleted_and_its_texts_are_written_nowhere() {
    let mut story = Story::begin().await;
    story.create_with_consent().await;
    let first = story.keyed(enroll(chat(true, 0, 300), "e-1"));
    let first = story.client().enroll_texts(first).await.unwrap().into_inner();
    assert!(first.accepted && first.state() == proto::EnrollmentState::InProgress, "{first:?}");
    let rest = story.keyed(enroll(chat(true, 1, 300), "e-2"));
    let rest = story.client().enroll_texts(rest).await.unwrap().into_inner();
    assert_eq!(rest.state(), proto::EnrollmentState::Enrolled, "{rest:?}");
    let same = story.claims(verify(chat(true, 7, 250), "v-1")).await.unwrap();
    assert_eq!(same.decision(), Decision::Accept, "{same:?}");
    let alone =
        proto::VerifyTextsRequest { other_factor: None, ..verify(chat(true, 8, 250), "v-2") };
    let alone = story.claims(alone).await.unwrap();
    assert_eq!(alone.decision(), Decision::StepUp);
    assert!(alone.reasons.contains(&(Reason::BehaviorAlone as i32)));
    let other = story.claims(verify(chat(false, 9, 250), "v-3")).await.unwrap();
    assert_eq!(other.decision(), Decision::Reject, "{other:?}");
    assert_eq!(other.findings.len(), 3);
    let again = story.claims(verify(chat(false, 9, 250), "v-3")).await.unwrap();
    assert_eq!(again.decision_id, other.decision_id, "a repeat compares nothing");
    let get = proto::GetStyleProfileRequest { subject_id: "anna".into() };
    let found = story.client().get_style_profile(story.keyed(get.clone())).await.unwrap();
    let found = found.into_inner().profiles;
    assert_eq!((found.len(), &found[0].profile_id), (1, &rest.profile_id));
    let delete = proto::DeleteStyleProfileRequest {
        subject_id: "anna".into(),
        profile_id: rest.profile_id.clone(),
        idempotency_key: "d-1".into(),
    };
    story.client().delete_style_profile(story.keyed(delete)).await.unwrap();
    let none = story.client().get_style_profile(story.keyed(get)).await.unwrap();
    assert!(none.into_inner().profiles.is_empty());
    let gone = story.claims(verify(chat(true, 10, 250), "v-4")).await.unwrap();
    assert_eq!(gone.decision(), Decision::NotEnrolled);
    story.server.kill();
    assert_eq!(written(story.place.dir.path(), SECRET), Vec::<String>::new());
}

#[tokio::test]
async fn hostile_texts_are_refused_by_name() {
    let server = server::start(server::settings()).await;
    let mut client = ConversationServiceClient::new(server.channel().await);
    let text = |content: String| proto::WrittenText { content, sent_at: None };
    for texts in [vec![], vec![text("a".into()); 2_049], vec![text(String::new()); 1_000_000]] {
        let refused = client.verify_texts(keyed(verify(texts, "k"))).await.unwrap_err();
        assert_eq!(refused.code(), Code::InvalidArgument, "{refused}");
        let bad = refused.get_details_bad_request().unwrap();
        assert_eq!(bad.field_violations[0].field, "texts");
    }
    let huge = vec![text("a".repeat(64 << 20))];
    assert!(client.verify_texts(keyed(verify(huge, "k"))).await.is_err());
    assert!(client.verify_texts(keyed(verify(vec![text("hi".into())], "k"))).await.is_ok());
}
