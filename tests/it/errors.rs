//! How use-case errors and bad fields arrive at a client.

use tonic::Code;
use tonic_types::StatusExt;
use vouch::grpc::proto;
use vouch::grpc::proto::audit_service_client::AuditServiceClient;
use vouch::grpc::proto::identification_service_client::IdentificationServiceClient;
use vouch::grpc::proto::subject_service_client::SubjectServiceClient;

use crate::double::manner;
use crate::server::{self, has_retry, keyed, open, pcm16, read, reason_of, verify};

#[tokio::test]
async fn use_case_errors_carry_their_reason_and_hide_their_cause() {
    let server = server::start(server::settings()).await;
    let mut client = server.verification().await;
    let cases = [
        (manner::STORE_DOWN, Code::Unavailable, "STORE_UNAVAILABLE", true),
        (manner::BUSY, Code::ResourceExhausted, "BUSY", true),
        (manner::NO_MODEL, Code::FailedPrecondition, "MODEL_MISSING", false),
        (manner::PANIC, Code::Internal, "INTERNAL", false),
    ];
    for (subject, code, reason, retry) in cases {
        let status = client.verify(keyed(verify(subject, 100))).await.unwrap_err();
        assert_eq!((status.code(), reason_of(&status).as_str()), (code, reason));
        assert_eq!(has_retry(&status), retry, "{subject}");
        assert!(!format!("{status:?}").contains("secret-place"));

        let (sender, mut answers) = open(&mut client).await;
        sender.send(server::config(subject)).await.unwrap();
        let (_, outcome) = read(&mut answers).await;
        let status = outcome.unwrap_err();
        assert_eq!((status.code(), reason_of(&status).as_str()), (code, reason));
    }
    let missing = client.verify(keyed(verify(manner::NO_MODEL, 1))).await;
    let message = missing.unwrap_err().message().to_owned();
    assert!(message.contains("vouch model install campplus"), "{message}");
}

#[tokio::test]
async fn bad_fields_are_named() {
    let server = server::start(server::settings()).await;
    let mut client = server.verification().await;
    let good = verify("s-1", 100);
    let with_audio = |config: Option<proto::AudioConfig>, content: Vec<u8>| {
        Some(proto::Audio { config, content })
    };
    let unset = proto::AudioConfig { encoding: 0, ..pcm16() };
    let unknown = proto::AudioConfig { encoding: 77, ..pcm16() };
    let cases = [
        ("subject_id", proto::VerifyRequest { subject_id: "a b".into(), ..good.clone() }),
        ("subject_id", proto::VerifyRequest { subject_id: String::new(), ..good.clone() }),
        (
            "idempotency_key",
            proto::VerifyRequest { idempotency_key: String::new(), ..good.clone() },
        ),
        ("adapt", proto::VerifyRequest { adapt: true, ..good.clone() }),
        ("audio", proto::VerifyRequest { audio: None, ..good.clone() }),
        (
            "audio.content",
            proto::VerifyRequest { audio: with_audio(Some(pcm16()), vec![]), ..good.clone() },
        ),
        ("audio.config", proto::VerifyRequest { audio: with_audio(None, vec![1]), ..good.clone() }),
        (
            "audio.config.encoding",
            proto::VerifyRequest { audio: with_audio(Some(unset), vec![1]), ..good.clone() },
        ),
        (
            "audio.config.encoding",
            proto::VerifyRequest { audio: with_audio(Some(unknown), vec![1]), ..good.clone() },
        ),
    ];
    for (field, request) in cases {
        let status = client.verify(keyed(request)).await.unwrap_err();
        assert_eq!(status.code(), Code::InvalidArgument);
        let bad = status.get_details_bad_request().unwrap();
        assert_eq!(bad.field_violations[0].field, field);
    }
    assert_eq!(server.app.count(|c| &c.begun), 0);
}

#[tokio::test]
async fn candidates_are_limited() {
    let server = server::start(server::settings()).await;
    let mut client = IdentificationServiceClient::new(server.channel().await);
    let request = |n: usize| {
        let ids = (0..n).map(|i| format!("s-{i}")).collect();
        let list = proto::CandidateList { subject_ids: ids };
        keyed(proto::IdentifyRequest {
            audio: verify("s", 100).audio,
            candidates: Some(proto::identify_request::Candidates::CandidateList(list)),
            max_results: 0,
            idempotency_key: "i-1".into(),
        })
    };
    let answer = client.identify(request(1_000)).await.unwrap().into_inner();
    assert_eq!(answer.searched, 1_000);
    for n in [0, 1_001] {
        let status = client.identify(request(n)).await.unwrap_err();
        let bad = status.get_details_bad_request().unwrap();
        assert_eq!(bad.field_violations[0].field, "candidate_list.subject_ids");
        assert!(bad.field_violations[0].description.contains(&n.to_string()));
    }
}

#[tokio::test]
async fn lists_page_and_filter() {
    let server = server::start(server::settings()).await;
    let mut subjects = SubjectServiceClient::new(server.channel().await);
    let list = |page_size, token: &str| {
        keyed(proto::ListSubjectsRequest { page_size, page_token: token.into() })
    };
    let page = subjects.list_subjects(list(0, "")).await.unwrap().into_inner();
    assert_eq!(page.next_page_token, "after-100");
    let last = subjects.list_subjects(list(5, "x")).await.unwrap().into_inner();
    assert_eq!(last.next_page_token, "");
    let over = subjects.list_subjects(list(1_001, "")).await.unwrap_err();
    assert_eq!(over.code(), Code::InvalidArgument);

    let mut audit = AuditServiceClient::new(server.channel().await);
    let ask = |decision: proto::Decision| {
        keyed(proto::ListDecisionsRequest { decision: decision as i32, ..Default::default() })
    };
    let all = audit.list_decisions(ask(proto::Decision::Unspecified)).await.unwrap();
    assert_eq!(all.into_inner().decisions.len(), 1);
    let accepted = audit.list_decisions(ask(proto::Decision::Accept)).await.unwrap();
    assert!(accepted.into_inner().decisions.is_empty());
    let head = audit.get_audit_head(keyed(proto::GetAuditHeadRequest {})).await.unwrap();
    assert_eq!(head.into_inner().unanchored, 2);
}
