//! Health follows models and store.

use std::sync::atomic::Ordering;

use tonic::transport::Channel;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;

use crate::server;

async fn status(client: &mut HealthClient<Channel>, service: &str) -> ServingStatus {
    let request = HealthCheckRequest { service: service.into() };
    let answer = client.check(request).await.unwrap().into_inner();
    ServingStatus::try_from(answer.status).unwrap()
}

async fn becomes(client: &mut HealthClient<Channel>, service: &str, wanted: ServingStatus) {
    for _ in 0..200 {
        if status(client, service).await == wanted {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    panic!("{service:?} did not become {wanted:?} within 2 s");
}

#[tokio::test]
async fn health_needs_no_key_and_follows_the_application() {
    use ServingStatus::{NotServing, Serving};
    let server = server::start(server::settings()).await;
    let mut client = HealthClient::new(server.channel().await);
    for service in ["", "vouch.v1.VerificationService", "vouch.v1.SubjectService"] {
        assert_eq!(status(&mut client, service).await, Serving, "{service:?}");
    }

    server.app.ready.store(false, Ordering::SeqCst);
    for service in ["", "vouch.v1.EnrollmentService", "vouch.v1.AuditService"] {
        becomes(&mut client, service, NotServing).await;
    }

    // Without a model the rest serves, if the store is ready.
    server.app.model.store(false, Ordering::SeqCst);
    tokio::time::sleep(std::time::Duration::from_millis(500)).await;
    assert_eq!(status(&mut client, "vouch.v1.AuditService").await, NotServing);
    server.app.ready.store(true, Ordering::SeqCst);
    becomes(&mut client, "vouch.v1.AuditService", Serving).await;
    for service in ["", "vouch.v1.VerificationService", "vouch.v1.IdentificationService"] {
        becomes(&mut client, service, NotServing).await;
    }
    assert_eq!(server.app.count(|c| &c.authenticated), 0);
}
