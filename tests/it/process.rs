//! The real program as a process of its own, that can be killed, and a client of it.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use tonic::transport::Channel;
use tonic::{Request, Status};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;
use vouch::grpc::proto;
use vouch::grpc::proto::audit_service_client::AuditServiceClient;
use vouch::grpc::proto::enrollment_service_client::EnrollmentServiceClient;
use vouch::grpc::proto::subject_service_client::SubjectServiceClient;
use vouch::grpc::proto::verification_service_client::VerificationServiceClient;

use crate::server::with_key;

/// Longest wait for the server to start or for a call, on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// A folder with everything the program keeps.
pub struct Place {
    pub dir: tempfile::TempDir,
    pub config: PathBuf,
}

impl Place {
    /// `settings` follows the sections that say where things lie.
    pub fn new(models: &Path, settings: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name).display().to_string();
        let text = format!(
            "[server]\nlisten = \"127.0.0.1:0\"\n[store]\npath = {:?}\n\
             [keys]\nmaster_key_file = {:?}\n[models]\ndir = {:?}\n\
             [audit]\ncheckpoint_file = {:?}\n{settings}",
            at("data/vouch.db"),
            at("keys/master.key"),
            models.display().to_string(),
            at("checkpoints/audit.jsonl"),
        );
        let config = dir.path().join("vouch.toml");
        std::fs::write(&config, text).unwrap();
        Self { dir, config }
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_vouch"));
        command.args(arguments).arg("--config").arg(&self.config);
        command
    }

    /// Runs a command of the program to its end.
    pub fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    /// The same; its stdout, after it succeeded.
    pub fn done(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        let (out, err) = (text(&output.stdout), text(&output.stderr));
        assert!(output.status.success(), "{arguments:?}: {out}\n{err}");
        out
    }

    /// Starts the server and does not wait for it.
    pub fn spawn(&self) -> Process {
        let log = self.dir.path().join("log");
        let log = std::fs::File::options().append(true).create(true).open(log).unwrap();
        let child = self.command(&["serve"]).stdout(Stdio::piped()).stderr(log).spawn();
        Process(child.unwrap())
    }

    /// Starts the server and waits until it listens; its address.
    pub async fn serve(&self) -> (Process, String) {
        let mut process = self.spawn();
        let out = process.0.stdout.take().unwrap();
        let line = tokio::task::spawn_blocking(move || BufReader::new(out).lines().next());
        let line = tokio::time::timeout(PATIENCE, line).await.expect("it starts").unwrap();
        let line = line.and_then(Result::ok).unwrap_or_default();
        let address = line.strip_prefix("vouch: listening on ").unwrap_or_else(|| {
            let log = std::fs::read_to_string(self.dir.path().join("log")).unwrap_or_default();
            panic!("the server did not start: {line:?}\n{log}")
        });
        (process, format!("http://{address}"))
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// A running server; killed when dropped.
pub struct Process(Child);

impl Process {
    /// SIGKILL, and waits until it is gone.
    pub fn kill(&mut self) {
        // An error means that it is gone already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

/// A connection with an API key.
#[derive(Clone)]
pub struct Wire {
    channel: Channel,
    key: String,
}

impl Wire {
    pub async fn connect(address: &str, key: &str) -> Self {
        let endpoint = Channel::from_shared(address.to_owned()).unwrap().timeout(PATIENCE);
        Self { channel: endpoint.connect().await.unwrap(), key: key.to_owned() }
    }

    fn keyed<T>(&self, message: T) -> Request<T> {
        with_key(message, &self.key)
    }

    /// Whether a voice model is ready.
    pub async fn hears(&self) -> bool {
        let service = "vouch.v1.VerificationService".to_owned();
        let mut client = HealthClient::new(self.channel.clone());
        let answer = client.check(HealthCheckRequest { service }).await.unwrap();
        answer.into_inner().status == ServingStatus::Serving as i32
    }

    pub async fn enrollment(&self, subject: &str) -> Result<proto::GetEnrollmentResponse, Status> {
        let mut client = EnrollmentServiceClient::new(self.channel.clone());
        let ask = proto::GetEnrollmentRequest { subject_id: subject.into() };
        Ok(client.get_enrollment(self.keyed(ask)).await?.into_inner())
    }

    pub async fn voiceprints(&self, subject: &str) -> Vec<proto::Voiceprint> {
        let mut client = EnrollmentServiceClient::new(self.channel.clone());
        let ask = proto::ListVoiceprintsRequest { subject_id: subject.into() };
        client.list_voiceprints(self.keyed(ask)).await.unwrap().into_inner().voiceprints
    }

    /// Every record of the tenant, newest first.
    pub async fn decisions(&self) -> Vec<proto::DecisionRecord> {
        let mut client = AuditServiceClient::new(self.channel.clone());
        let mut records = Vec::new();
        let mut page_token = String::new();
        loop {
            let ask =
                proto::ListDecisionsRequest { page_size: 50, page_token, ..Default::default() };
            let page = client.list_decisions(self.keyed(ask)).await.unwrap().into_inner();
            records.extend(page.decisions);
            page_token = page.next_page_token;
            if page_token.is_empty() {
                return records;
            }
        }
    }

    /// Position of the last record.
    pub async fn head(&self) -> u64 {
        let mut client = AuditServiceClient::new(self.channel.clone());
        let head = client.get_audit_head(self.keyed(proto::GetAuditHeadRequest {})).await;
        head.unwrap().into_inner().sequence
    }

    pub async fn send(&self, sent: &Sent) -> Result<Answer, Status> {
        let channel = self.channel.clone();
        Ok(match sent.clone() {
            Sent::Create(m) => {
                let mut client = SubjectServiceClient::new(channel);
                Answer::Create(client.create_subject(self.keyed(m)).await?.into_inner())
            }
            Sent::Consent(m) => {
                let mut client = SubjectServiceClient::new(channel);
                Answer::Consent(client.record_consent(self.keyed(m)).await?.into_inner())
            }
            Sent::Enroll(m) => {
                let mut client = EnrollmentServiceClient::new(channel);
                let answer = client.enroll_utterance(self.keyed(m)).await?.into_inner();
                Answer::Enroll(answer.result.unwrap())
            }
            Sent::Verify(m) => {
                let mut client = VerificationServiceClient::new(channel);
                let answer = client.verify(self.keyed(m)).await?.into_inner();
                Answer::Verify(answer.result.unwrap())
            }
        })
    }
}

/// A request that changes something.
#[derive(Clone)]
pub enum Sent {
    Create(proto::CreateSubjectRequest),
    Consent(proto::RecordConsentRequest),
    Enroll(proto::EnrollUtteranceRequest),
    Verify(proto::VerifyRequest),
}

impl Sent {
    pub fn subject(&self) -> &str {
        match self {
            Self::Create(m) => &m.subject_id,
            Self::Consent(m) => &m.subject_id,
            Self::Enroll(m) => m.config.as_ref().map_or("", |c| &c.subject_id),
            Self::Verify(m) => &m.subject_id,
        }
    }

    pub fn kind(&self) -> proto::AuditKind {
        match self {
            Self::Create(_) => proto::AuditKind::Subject,
            Self::Consent(_) => proto::AuditKind::Consent,
            Self::Enroll(_) => proto::AuditKind::Enrollment,
            Self::Verify(_) => proto::AuditKind::Verification,
        }
    }
}

/// What the server said to it.
#[derive(Debug, Clone, PartialEq)]
pub enum Answer {
    Create(proto::CreateSubjectResponse),
    Consent(proto::RecordConsentResponse),
    Enroll(proto::EnrollmentResult),
    Verify(proto::VerificationResult),
}

impl Answer {
    pub fn decision_id(&self) -> &str {
        match self {
            Self::Create(m) => &m.decision_id,
            Self::Consent(m) => &m.decision_id,
            Self::Enroll(m) => &m.decision_id,
            Self::Verify(m) => &m.decision_id,
        }
    }
}
