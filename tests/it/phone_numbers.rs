//! Numbers of subjects over the wire, with the real program.

use tonic::Code;
use tonic::transport::Channel;
use vouch::grpc::proto;
use vouch::grpc::proto::subject_service_client::SubjectServiceClient;

use crate::conversation::written;
use crate::process::Place;
use crate::server::{keyed, reason_of, with_key};

/// Digits that nothing else is called.
const DIGITS: &str = "493098765432";

fn add(number: &str, key: &str) -> proto::AddPhoneNumberRequest {
    proto::AddPhoneNumberRequest {
        subject_id: "anna".into(),
        phone_number: number.into(),
        idempotency_key: key.into(),
    }
}

#[tokio::test]
async fn a_number_is_counted_removed_and_written_nowhere() {
    let models = tempfile::tempdir().unwrap();
    let place = Place::new(models.path(), "[telemetry]\nlevel = \"debug\"\n");
    let key = place.done(&["key", "create", "--role", "client"]).trim().to_owned();
    let (mut server, address) = place.serve().await;
    let channel = Channel::from_shared(address).unwrap().connect().await.unwrap();
    let mut client = SubjectServiceClient::new(channel);
    let create =
        proto::CreateSubjectRequest { subject_id: "anna".into(), idempotency_key: "create".into() };
    client.create_subject(with_key(create, &key)).await.unwrap();
    let number = format!("+{DIGITS}");
    let added = client.add_phone_number(with_key(add(&number, "a-1"), &key)).await.unwrap();
    let added = added.into_inner();
    assert_eq!(added.phone_numbers, 1);
    let again = client.add_phone_number(with_key(add(&number, "a-1"), &key)).await.unwrap();
    assert_eq!(again.into_inner(), added);
    let twice = client.add_phone_number(with_key(add(&number, "a-2"), &key)).await.unwrap_err();
    assert_eq!(twice.code(), Code::AlreadyExists);
    let get = || with_key(proto::GetSubjectRequest { subject_id: "anna".into() }, &key);
    let found = client.get_subject(get()).await.unwrap().into_inner().subject.unwrap();
    assert_eq!(found.phone_numbers, 1);
    let remove = proto::RemovePhoneNumberRequest {
        subject_id: "anna".into(),
        phone_number: number,
        idempotency_key: "r-1".into(),
    };
    let left = client.remove_phone_number(with_key(remove, &key)).await.unwrap().into_inner();
    assert_eq!(left.phone_numbers, 0);
    server.kill();
    assert_eq!(written(place.dir.path(), DIGITS), Vec::<String>::new());
}

#[tokio::test]
async fn what_is_no_number_is_refused_by_name() {
    let server = crate::server::start(crate::server::settings()).await;
    let mut client = SubjectServiceClient::new(server.channel().await);
    for bad in ["", "030 123456", "+1234", "+1234567890123456", "+0301234567"] {
        let status = client.add_phone_number(keyed(add(bad, "k"))).await.unwrap_err();
        assert_eq!(reason_of(&status), "INVALID_ARGUMENT", "{status}");
        assert!(status.message().starts_with("phone_number: "), "{status}");
        assert!(bad.is_empty() || !status.message().contains(bad), "{status}");
    }
}
