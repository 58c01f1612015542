//! Policies of a tenant with the real program: two people change what the next session is held to, without a restart;
//! what they did stands in the record and on the command line.

use std::process::{Command, Output};

use tokio_stream::wrappers::ReceiverStream;
use tonic::transport::Channel;
use tonic::{Code, Request, Response, Status};
use vouch::grpc::proto::audit_service_client::AuditServiceClient;
use vouch::grpc::proto::policy_service_client::PolicyServiceClient;
use vouch::grpc::proto::session_service_client::SessionServiceClient;
use vouch::grpc::proto::{self, PolicyState, run_request, run_response};

use crate::process::Place;
use crate::server::{self, keyed, reason_of, with_key};

const SHIPPED: &str =
    include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/models/policies/contact-centre.toml"));

/// A policy of the bank.
fn file(version: u32) -> String {
    let own = format!("version = {{ id = \"bank\", version = {version} }}");
    let text = SHIPPED.replacen("version = { id = \"contact-centre\", version = 1 }", &own, 1);
    assert!(text.contains(&own));
    text
}

fn named(version: u32) -> Option<proto::PolicyRef> {
    Some(proto::PolicyRef { id: "bank".into(), version, sha256: String::new() })
}

/// People with an API key each, and a server.
struct Story {
    place: Place,
    keys: Vec<(&'static str, String)>,
    channel: Channel,
    server: crate::process::Process,
}

impl Story {
    async fn begin() -> Self {
        let models = tempfile::tempdir().unwrap();
        let place = Place::new(models.path(), "");
        let roles = [("ann", "admin"), ("bob", "admin"), ("eve", "client"), ("cleo", "auditor")];
        let made = |(name, role)| {
            let key = place.done(&["key", "create", "--role", role, "--label", name]);
            (name, key.trim().to_owned())
        };
        let keys = roles.map(made).to_vec();
        let (server, address) = place.serve().await;
        let channel = Channel::from_shared(address).unwrap().connect().await.unwrap();
        Self { place, keys, channel, server }
    }

    fn key(&self, name: &str) -> &str {
        &self.keys.iter().find(|(known, _)| *known == name).unwrap().1
    }

    fn by<T>(&self, name: &str, message: T) -> Request<T> {
        with_key(message, self.key(name))
    }

    fn client(&self) -> PolicyServiceClient<Channel> {
        PolicyServiceClient::new(self.channel.clone())
    }

    async fn propose(
        &self,
        by: &str,
        policy_toml: String,
        key: &str,
    ) -> Result<Response<proto::ProposePolicyResponse>, Status> {
        let request = proto::ProposePolicyRequest { policy_toml, idempotency_key: key.into() };
        self.client().propose_policy(self.by(by, request)).await
    }

    async fn approve(
        &self,
        by: &str,
        policy: Option<proto::PolicyRef>,
        key: &str,
    ) -> Result<proto::PolicyOverview, Status> {
        let request = proto::ApprovePolicyRequest { policy, idempotency_key: key.into() };
        let answer = self.client().approve_policy(self.by(by, request)).await?;
        Ok(answer.into_inner().overview.unwrap())
    }

    /// A session without audio, to its end; its decision.
    async fn session(&self, key: &str) -> proto::SessionDecision {
        let open = proto::OpenSession {
            channel: proto::SessionChannel::Phone as i32,
            idempotency_key: key.into(),
            ..Default::default()
        };
        let close = run_request::Message::Close(proto::CloseSession {});
        let messages = [run_request::Message::Open(open), close];
        let (sender, receiver) = tokio::sync::mpsc::channel(2);
        for (sequence, message) in (0..).zip(messages) {
            let request = proto::RunRequest { sequence, message: Some(message) };
            sender.send(request).await.unwrap();
        }
        let mut sessions = SessionServiceClient::new(self.channel.clone());
        let answers = sessions.run(self.by("eve", ReceiverStream::new(receiver))).await;
        let mut answers = answers.unwrap().into_inner();
        let mut decided = None;
        while let Some(answer) = answers.message().await.unwrap() {
            if let Some(run_response::Message::Decision(decision)) = answer.message {
                decided = Some(decision);
            }
        }
        decided.expect("a session ends with a decision")
    }

    async fn used(&self, key: &str) -> String {
        self.session(key).await.assessment.unwrap().versions.unwrap().policy
    }

    /// A command of somebody, with the server stopped.
    fn command(&self, by: &str, arguments: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_vouch"));
        command.args(arguments).arg("--config").arg(&self.place.config);
        command.env("VOUCH_API_KEY", self.key(by)).output().unwrap()
    }
}

#[tokio::test]
async fn two_people_change_what_the_next_session_is_held_to() {
    let mut story = Story::begin().await;
    assert_eq!(story.used("s-0").await, "contact-centre@1");
    let denied = story.propose("eve", file(1), "p-0").await.unwrap_err();
    assert_eq!(denied.code(), Code::PermissionDenied);
    let wrong = file(1).replacen("genuine = 0.998", "genuine = 1.5", 1);
    let check = proto::ValidatePolicyRequest { policy_toml: wrong };
    let check = story.client().validate_policy(story.by("cleo", check)).await.unwrap();
    let problem = check.into_inner().problems.remove(0);
    assert_eq!(problem.path, "prior.genuine");
    assert!(problem.line > 1 && problem.column == 1, "{problem:?}");

    let proposed = story.propose("ann", file(1), "p-1").await.unwrap().into_inner();
    let pending = proposed.overview.unwrap().pending.unwrap();
    let alone = story.approve("ann", pending.policy.clone(), "a-0").await.unwrap_err();
    assert_eq!(
        (alone.code(), &*reason_of(&alone)),
        (Code::FailedPrecondition, "SECOND_PERSON_NEEDED")
    );
    let blind = Some(proto::PolicyRef { sha256: "0".repeat(64), ..named(1).unwrap() });
    let blind = story.approve("bob", blind, "a-1").await.unwrap_err();
    assert_eq!(reason_of(&blind), "POLICY_OTHER_BYTES");
    // In shadow first.
    let shadow = proto::ActivateShadowRequest { policy: named(1), idempotency_key: "sh".into() };
    story.client().activate_shadow(story.by("ann", shadow)).await.unwrap();
    assert_eq!(story.used("s-1").await, "contact-centre@1");
    let overview = story.approve("bob", pending.policy, "a-2").await.unwrap();
    assert!(overview.shadow.is_none() && !overview.server_default);
    // The same server, the next session.
    let decided = story.session("s-2").await;
    assert_eq!(decided.assessment.unwrap().versions.unwrap().policy, "bank@1");
    let mut audit = AuditServiceClient::new(story.channel.clone());
    let ask = proto::ExplainDecisionRequest { decision_id: decided.decision_id, audience: 0 };
    let record = audit.explain_decision(story.by("cleo", ask)).await.unwrap().into_inner();
    assert_eq!(record.decision.unwrap().versions.unwrap().policy, "bank@1");

    let what_if = proto::WhatIfRequest {
        candidate: Some(proto::what_if_request::Candidate::PolicyToml(file(2))),
        from: None,
        until: None,
    };
    let report = story.client().what_if(story.by("cleo", what_if)).await.unwrap().into_inner();
    assert_eq!((report.before.as_str(), report.after.as_str()), ("bank@1", "bank@2"));
    assert_eq!((report.decisions, report.replayed, report.changed), (3, 3, 0));
    assert_eq!((report.intents.len(), report.currency.as_str()), (1, "EUR"));
    let seen = &report.shadow[0];
    assert_eq!((seen.shadow.as_str(), seen.decisions, seen.agreed), ("bank@1", 1, 1));

    let list = proto::ListPoliciesRequest::default();
    let list = story.client().list_policies(story.by("cleo", list)).await.unwrap().into_inner();
    assert_eq!(list.policies[0].state, PolicyState::Active as i32);
    assert_ne!(list.policies[0].proposed_by, list.policies[0].decided_by);
    let ask = story.by("cleo", proto::GetPolicyRequest::default());
    let found = story.client().get_policy(ask).await.unwrap().into_inner();
    assert_eq!(found.policy_toml, file(1));

    story.server.kill();
    on_the_command_line(&story);
    let (server, address) = story.place.serve().await;
    story.channel = Channel::from_shared(address).unwrap().connect().await.unwrap();
    assert_eq!(story.used("s-3").await, "bank@2");
    drop(server);
}

/// The next version is proposed and approved on a stopped server, by two people as well.
fn on_the_command_line(story: &Story) {
    let path = story.place.dir.path().join("bank.toml");
    let path = path.to_str().unwrap();
    std::fs::write(path, file(2)).unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let out = |output: Output| {
        assert!(output.status.success(), "{}", text(&output.stderr));
        text(&output.stdout)
    };
    let checked = out(story.command("eve", &["policy", "check", path]));
    let sha256 = checked.trim().split('\t').nth(1).unwrap().to_owned();
    let report = out(story.command("eve", &["policy", "what-if", path]));
    assert!(report.contains("bank@2 for bank@1 over 3 decisions"), "{report}");
    let refused = story.command("eve", &["policy", "propose", path]);
    assert!(text(&refused.stderr).contains("role admin"), "{}", text(&refused.stderr));
    out(story.command("ann", &["policy", "propose", path]));
    let approve = ["policy", "approve", "bank@2", "--sha256", &sha256];
    let alone = story.command("ann", &approve);
    assert!(text(&alone.stderr).contains("second person"), "{}", text(&alone.stderr));
    out(story.command("bob", &approve));
    let list = out(story.command("bob", &["policy", "list"]));
    let lines: Vec<&str> = list.lines().collect();
    assert!(lines[1].starts_with("bank@2\tactive") && lines[2].starts_with("bank@1\tretired"));
    std::fs::write(path, "= no policy").unwrap();
    let unsound = story.command("eve", &["policy", "check", path]);
    assert_eq!(unsound.status.code(), Some(3));
    assert!(text(&unsound.stderr).contains("line 1"), "{}", text(&unsound.stderr));
}

#[tokio::test]
async fn what_is_no_policy_is_named() {
    let running = server::start(server::settings()).await;
    let mut client = PolicyServiceClient::new(running.channel().await);
    let bad = [
        (None, "policy"),
        (named(0), "policy.sha256"),
        (Some(proto::PolicyRef { sha256: "A".repeat(64), ..named(1).unwrap() }), "policy.sha256"),
        (
            Some(proto::PolicyRef { version: 1, sha256: "0".repeat(64), ..Default::default() }),
            "policy.id",
        ),
        (Some(proto::PolicyRef { sha256: "0".repeat(64), ..named(0).unwrap() }), "policy.version"),
    ];
    for (policy, field) in bad {
        let request = proto::ApprovePolicyRequest { policy, idempotency_key: "k".into() };
        let status = client.approve_policy(keyed(request)).await.unwrap_err();
        assert_eq!(status.code(), Code::InvalidArgument, "{field}");
        assert!(status.message().starts_with(field), "{field}: {status:?}");
    }
    let request = proto::ProposePolicyRequest::default();
    let status = client.propose_policy(keyed(request)).await.unwrap_err();
    assert!(status.message().starts_with("idempotency_key"), "{status:?}");
    let status = client.what_if(keyed(proto::WhatIfRequest::default())).await.unwrap_err();
    assert!(status.message().starts_with("candidate"), "{status:?}");
    let policy = Some(proto::PolicyRef { sha256: "0".repeat(64), ..named(1).unwrap() });
    let request = proto::ApprovePolicyRequest { policy, idempotency_key: "k".into() };
    let status = client.approve_policy(keyed(request)).await.unwrap_err();
    assert_eq!(reason_of(&status), "SECOND_PERSON_NEEDED");
}
