//! Who may call.

use tonic::{Code, Request};
use tonic_reflection::pb::v1::ServerReflectionRequest;
use tonic_reflection::pb::v1::server_reflection_client::ServerReflectionClient;
use tonic_reflection::pb::v1::server_reflection_request::MessageRequest;
use tonic_reflection::pb::v1::server_reflection_response::MessageResponse;

use crate::double::KEY;
use crate::server::{self, keyed, reason_of, verify, with_key};

#[tokio::test]
async fn without_a_valid_key_nothing_is_done() {
    let server = server::start(server::settings()).await;
    let mut client = server.verification().await;
    let bare = client.verify(Request::new(verify("s-1", 100))).await;
    let wrong = client.verify(with_key(verify("s-1", 100), "vk_wrong")).await;
    let mut basic = Request::new(verify("s-1", 100));
    let value = format!("Basic {KEY}").parse().unwrap();
    basic.metadata_mut().insert("authorization", value);
    let basic = client.verify(basic).await;
    for outcome in [bare, wrong, basic] {
        let status = outcome.unwrap_err();
        assert_eq!(status.code(), Code::Unauthenticated);
        assert_eq!(reason_of(&status), "UNAUTHENTICATED");
    }
    assert_eq!(server.app.count(|c| &c.begun), 0);
}

#[tokio::test]
async fn the_key_is_taken_from_either_header() {
    let server = server::start(server::settings()).await;
    let mut client = server.verification().await;
    assert!(client.verify(keyed(verify("s-1", 100))).await.is_ok());
    let mut request = Request::new(verify("s-1", 100));
    request.metadata_mut().insert("x-api-key", KEY.parse().unwrap());
    let answer = client.verify(request).await.unwrap();
    assert!(answer.metadata().get("x-request-id").is_some());
}

#[tokio::test]
async fn a_stream_is_refused_before_it_is_read() {
    let server = server::start(server::settings()).await;
    let mut client = server.verification().await;
    // A stream that never sends anything: the refusal cannot depend on a message.
    let silent = tokio_stream::pending();
    let status = client.verify_stream(Request::new(silent)).await.unwrap_err();
    assert_eq!(status.code(), Code::Unauthenticated);
}

#[tokio::test]
async fn reflection_lists_the_services_without_a_key_on_loopback() {
    let server = server::start(server::settings()).await;
    let mut client = ServerReflectionClient::new(server.channel().await);
    let ask = ServerReflectionRequest {
        host: String::new(),
        message_request: Some(MessageRequest::ListServices(String::new())),
    };
    let mut answers =
        client.server_reflection_info(tokio_stream::once(ask)).await.unwrap().into_inner();
    let answer = answers.message().await.unwrap().unwrap();
    let Some(MessageResponse::ListServicesResponse(list)) = answer.message_response else {
        panic!("no list: {answer:?}");
    };
    let names: Vec<_> = list.service.iter().map(|s| s.name.as_str()).collect();
    for name in [
        "vouch.v1.EnrollmentService",
        "vouch.v1.VerificationService",
        "vouch.v1.IdentificationService",
        "vouch.v1.SubjectService",
        "vouch.v1.AuditService",
        "vouch.v1.ModelService",
        "vouch.v1.AgeService",
        "grpc.health.v1.Health",
    ] {
        assert!(names.contains(&name), "{name} not in {names:?}");
    }
    assert_eq!(server.app.count(|c| &c.authenticated), 0);
}
