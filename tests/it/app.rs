//! The real application behind the real server, with the built-in model and without a model.

use std::path::Path;
use std::sync::{Arc, Mutex};

use tokio::sync::oneshot;
use tonic::Code;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;
use vouch::app::serve::Started;
use vouch::app::{AppError, admin, serve};
use vouch::config::Config;
use vouch::domain::Role;
use vouch::grpc::Drained;
use vouch::grpc::proto;
use vouch::grpc::proto::audit_service_client::AuditServiceClient;
use vouch::grpc::proto::model_service_client::ModelServiceClient;
use vouch::grpc::proto::subject_service_client::SubjectServiceClient;
use vouch::grpc::proto::verification_service_client::VerificationServiceClient;

use crate::server::{reason_of, verify, with_key};

/// Settings with a model that is not installed.
fn config(dir: &Path) -> Config {
    let mut config = Config::default();
    config.models.default = "campplus".into();
    config.server.listen = "127.0.0.1:0".parse().unwrap();
    config.store.path = dir.join("data/vouch.db");
    config.keys.master_key_file = dir.join("keys/master.key");
    config.audit.checkpoint_file = dir.join("checkpoints/audit.jsonl");
    config.models.dir = Some(dir.join("models"));
    config.engine.threads = 1;
    config
}

/// Runs the server, lets `talk` talk to it, stops it.
async fn with_server<F: Future<Output = ()>>(
    config: &Config,
    talk: impl FnOnce(String, Option<String>) -> F,
) -> Result<Drained, AppError> {
    let (tell, told) = oneshot::channel();
    let (stop, stopped) = oneshot::channel::<()>();
    let started = move |started: Started| {
        let key = started.first_key.map(|k| k.text.to_string());
        tell.send((format!("http://{}", started.address), key)).unwrap();
    };
    let serving = serve::run(config, started, async {
        let _ = stopped.await;
    });
    let talking = async {
        let Ok((uri, key)) = told.await else { return };
        talk(uri, key).await;
        stop.send(()).unwrap();
    };
    tokio::join!(serving, talking).0
}

#[tokio::test]
async fn a_first_start_gives_a_key_that_works_and_a_second_gives_none() {
    let dir = tempfile::tempdir().unwrap();
    let config = config(dir.path());
    let first = Arc::new(Mutex::new(String::new()));
    let keep = Arc::clone(&first);
    let drained = with_server(&config, |uri, key| async move {
        let key = key.expect("the first start makes a key");
        let mut subjects = SubjectServiceClient::connect(uri.clone()).await.unwrap();
        let create = proto::CreateSubjectRequest {
            subject_id: "caller-1".into(),
            idempotency_key: "i-1".into(),
        };
        let answer = subjects.create_subject(with_key(create, &key)).await.unwrap();
        assert_eq!(answer.into_inner().subject.unwrap().subject_id, "caller-1");

        let channel = tonic::transport::Channel::from_shared(uri.clone()).unwrap();
        let mut health = HealthClient::new(channel.connect().await.unwrap());
        for (service, wanted) in [
            ("", ServingStatus::NotServing),
            ("vouch.v1.VerificationService", ServingStatus::NotServing),
            ("vouch.v1.SubjectService", ServingStatus::Serving),
        ] {
            let request = HealthCheckRequest { service: service.into() };
            let answer = health.check(request).await.unwrap().into_inner();
            assert_eq!(answer.status, wanted as i32, "{service:?}");
        }
        let mut voice = VerificationServiceClient::connect(uri).await.unwrap();
        let status = voice.verify(with_key(verify("caller-1", 500), &key)).await.unwrap_err();
        assert_eq!(status.code(), Code::FailedPrecondition);
        assert_eq!(reason_of(&status), "MODEL_MISSING");
        *keep.lock().unwrap() = key;
    })
    .await
    .unwrap();
    assert_eq!(drained, Drained::All);

    let key = first.lock().unwrap().clone();
    with_server(&config, |uri, none| async move {
        assert!(none.is_none(), "only the first start makes a key");
        let mut audit = AuditServiceClient::connect(uri).await.unwrap();
        let ask = with_key(proto::GetAuditHeadRequest {}, &key);
        let head = audit.get_audit_head(ask).await.unwrap().into_inner();
        // Tenant, key, subject; all under the checkpoint that stopping signed.
        assert_eq!((head.sequence, head.unanchored), (3, 0));
    })
    .await
    .unwrap();
    let report = admin::verify_audit(&config, &config.audit.checkpoint_file, None).await.unwrap();
    assert_eq!((report.finding, report.records), (None, 3));
}

#[tokio::test]
async fn the_built_in_model_serves_from_the_first_start() {
    let dir = tempfile::tempdir().unwrap();
    let mut config = config(dir.path());
    config.models = Config::default().models;
    config.models.dir = Some(dir.path().join("models"));
    with_server(&config, |uri, key| async move {
        let key = key.expect("the first start makes a key");
        let channel = tonic::transport::Channel::from_shared(uri.clone()).unwrap();
        let mut health = HealthClient::new(channel.connect().await.unwrap());
        let request = HealthCheckRequest { service: String::new() };
        let answer = health.check(request).await.unwrap().into_inner();
        assert_eq!(answer.status, ServingStatus::Serving as i32);
        let mut models = ModelServiceClient::connect(uri.clone()).await.unwrap();
        let list = with_key(proto::ListModelsRequest {}, &key);
        let known = models.list_models(list).await.unwrap().into_inner();
        let default = known.models.iter().find(|m| m.is_default).unwrap();
        assert!(default.installed);
        assert_eq!(known.versions.unwrap().model, default.id);
        let mut voice = VerificationServiceClient::connect(uri).await.unwrap();
        let answer = voice.verify(with_key(verify("nobody", 500), &key)).await.unwrap();
        let result = answer.into_inner().result.unwrap();
        assert_eq!(result.decision, proto::Decision::NotEnrolled as i32);
    })
    .await
    .unwrap();
}

#[tokio::test]
async fn keys_are_made_rotated_and_revoked_from_the_command_line() {
    let dir = tempfile::tempdir().unwrap();
    let config = config(dir.path());
    let old = admin::create_key(&config, "default", Role::Client, "ivr", None).await.unwrap();
    let new = admin::rotate_key(&config, "default", old.id.as_str()).await.unwrap();
    let keys = admin::keys(&config, "default").await.unwrap();
    let state: Vec<_> = keys.iter().map(|k| (k.label.as_str(), k.revoked_at.is_some())).collect();
    assert_eq!(state.len(), 2);
    assert!(state.contains(&("ivr", true)) && state.contains(&("ivr", false)), "{state:?}");
    admin::create_tenant(&config, "bank").await.unwrap();
    assert_eq!(admin::tenants(&config).await.unwrap().len(), 2);
    assert!(admin::create_tenant(&config, "bank").await.is_err());
    assert!(admin::revoke_key(&config, "bank", new.id.as_str()).await.is_err());
    with_server(&config, |uri, none| async move {
        assert!(none.is_none());
        let mut subjects = SubjectServiceClient::connect(uri).await.unwrap();
        let list = || proto::ListSubjectsRequest::default();
        let refused = subjects.list_subjects(with_key(list(), &old.text)).await;
        assert_eq!(refused.unwrap_err().code(), Code::Unauthenticated);
        assert!(subjects.list_subjects(with_key(list(), &new.text)).await.is_ok());
    })
    .await
    .unwrap();
}

#[tokio::test]
async fn a_lost_master_key_is_not_replaced() {
    let dir = tempfile::tempdir().unwrap();
    let config = config(dir.path());
    admin::create_tenant(&config, "bank").await.unwrap();
    std::fs::remove_file(&config.keys.master_key_file).unwrap();
    let error = with_server(&config, |_, _| async {}).await.unwrap_err();
    assert!(matches!(error, AppError::LostMasterKey { .. }), "{error}");
    assert!(!config.keys.master_key_file.exists());
}
