//! The door of behavior with a double behind it.

use std::sync::atomic::Ordering;

use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::Code;
use tonic::transport::Channel;
use tonic_types::StatusExt as _;
use vouch::grpc::proto::behavior_service_client::BehaviorServiceClient;
use vouch::grpc::proto::{self, Decision, DeviceClass, Reason};

use super::{Typist, capture, config, enroll, observe, verify};
use crate::double::manner;
use crate::server::{self, keyed, reason_of, until};

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
