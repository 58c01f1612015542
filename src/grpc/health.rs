//! Health: what the application says, told to `grpc.health.v1`. The server as a whole (name "") and
//! the voice services serve when there is a model and the store takes commits; the others serve without a model.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tonic::server::NamedService;
use tonic_health::ServingStatus;
use tonic_health::server::HealthReporter;

use crate::grpc::proto::age_service_server::AgeServiceServer;
use crate::grpc::proto::audit_service_server::AuditServiceServer;
use crate::grpc::proto::enrollment_service_server::EnrollmentServiceServer;
use crate::grpc::proto::identification_service_server::IdentificationServiceServer;
use crate::grpc::proto::model_service_server::ModelServiceServer;
use crate::grpc::proto::policy_service_server::PolicyServiceServer;
use crate::grpc::proto::subject_service_server::SubjectServiceServer;
use crate::grpc::proto::verification_service_server::VerificationServiceServer;
use crate::grpc::{
    age, audit, enrollment, identification, models, policies, subjects, verification,
};
use crate::usecase::port::Application;

/// How often the application is asked.
const PERIOD: Duration = Duration::from_millis(200);

/// Names whose health follows the models as well.
const VOICE: [&str; 5] = [
    "",
    EnrollmentServiceServer::<enrollment::Service>::NAME,
    VerificationServiceServer::<verification::Service>::NAME,
    IdentificationServiceServer::<identification::Service>::NAME,
    AgeServiceServer::<age::Service>::NAME,
];

/// Names whose health does not.
const OTHERS: [&str; 4] = [
    SubjectServiceServer::<subjects::Service>::NAME,
    AuditServiceServer::<audit::Service>::NAME,
    ModelServiceServer::<models::Service>::NAME,
    PolicyServiceServer::<policies::Service>::NAME,
];

/// Sets every name to what the application says now.
pub async fn report(reporter: &HealthReporter, app: &Arc<dyn Application>) {
    let ready = app.ready();
    let voice = ready && app.versions(None).model.is_some();
    for (names, serving) in [(&VOICE[..], voice), (&OTHERS[..], ready)] {
        let status = match serving {
            true => ServingStatus::Serving,
            false => ServingStatus::NotServing,
        };
        for &name in names {
            reporter.set_service_status(name, status).await;
        }
    }
}

/// Keeps the health up to date until the server stops; then nothing serves, and watchers are let go.
pub async fn follow(
    mut reporter: HealthReporter,
    app: Arc<dyn Application>,
    mut stop: watch::Receiver<bool>,
) {
    loop {
        report(&reporter, &app).await;
        tokio::select! {
            _ = stop.wait_for(|&stop| stop) => break,
            () = tokio::time::sleep(PERIOD) => {}
        }
    }
    for name in VOICE.into_iter().chain(OTHERS) {
        reporter.set_service_status(name, ServingStatus::NotServing).await;
        reporter.clear_service_status(name).await;
    }
}
