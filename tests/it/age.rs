//! The age class over the wire.

use tonic::Code;
use vouch::grpc::proto;
use vouch::grpc::proto::age_service_client::AgeServiceClient;

use crate::server::{self, keyed, pcm16, reason_of};

#[tokio::test]
async fn a_class_and_a_hint_come_back_without_figures() {
    let server = server::start(server::settings()).await;
    let mut client = AgeServiceClient::new(server.channel().await);
    let audio = proto::Audio { config: Some(pcm16()), content: vec![0; 3_200] };
    let request = proto::ClassifyAgeRequest { audio: Some(audio) };
    let answer = client.classify_age(keyed(request)).await.unwrap().into_inner();
    assert_eq!(answer.age_class(), proto::AgeClass::Senior);
    assert_eq!(answer.reasons, [proto::Reason::NarrowBand as i32]);
    assert_eq!((answer.p_senior, answer.years), (None, None));
    let hint = answer.routing_hint.unwrap();
    assert_eq!(hint.queue(), proto::RoutingQueue::Priority);
    assert_eq!(hint.reason(), proto::Reason::SeniorLikely);
    assert_eq!(hint.band(), proto::ConfidenceBand::High);
    let head = answer.head.unwrap();
    assert_eq!(head.license_class(), proto::LicenseClass::Research);
    assert_eq!((head.id.as_str(), head.data), ("campplus-age-research@1", vec!["coswara".into()]));
    assert_eq!(answer.decision_id, "d-1");
    let bare = client.classify_age(keyed(proto::ClassifyAgeRequest { audio: None })).await;
    assert_eq!(bare.unwrap_err().code(), Code::InvalidArgument);
}

#[tokio::test]
async fn enabling_needs_a_notice_and_a_key_and_names_the_head() {
    let server = server::start(server::settings()).await;
    let mut client = AgeServiceClient::new(server.channel().await);
    let good = proto::EnableAgeClassRequest {
        notice_id: "age-notice".into(),
        notice_version: "4".into(),
        research: true,
        idempotency_key: "i-1".into(),
    };
    for wrong in [
        proto::EnableAgeClassRequest { notice_id: String::new(), ..good.clone() },
        proto::EnableAgeClassRequest { notice_version: String::new(), ..good.clone() },
        proto::EnableAgeClassRequest { idempotency_key: String::new(), ..good.clone() },
    ] {
        let refused = client.enable_age_class(keyed(wrong)).await.unwrap_err();
        assert_eq!(refused.code(), Code::InvalidArgument);
    }
    let answer = client.enable_age_class(keyed(good)).await.unwrap().into_inner();
    let status = answer.status.unwrap();
    assert!(status.enabled && status.research && status.enabled_at.is_some());
    assert_eq!((status.notice_id.as_str(), status.notice_version.as_str()), ("age-notice", "4"));
    assert_eq!(status.head.unwrap().id, "campplus-age-research@1");
    let request = proto::DisableAgeClassRequest { idempotency_key: "i-2".into() };
    let off = client.disable_age_class(keyed(request)).await.unwrap().into_inner();
    assert!(!off.status.unwrap().enabled);
    let ask = keyed(proto::GetAgeClassStatusRequest {});
    let refused = client.get_age_class_status(ask).await.unwrap_err();
    assert_eq!(reason_of(&refused), "PERMISSION_DENIED");
}
