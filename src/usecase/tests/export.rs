//! Everything held on a subject.

use serde_json::Value;

use super::world::*;
use crate::domain::*;
use crate::store::AuditLog as _;
use crate::usecase::UseCaseError;
use crate::usecase::command::*;
use crate::usecase::export::{Export, Exported};
use crate::usecase::port::Application;

impl World {
    async fn export(&self, subject: &str, embeddings: bool) -> Result<Exported, UseCaseError> {
        let c = ExportSubject { subject: id(subject), embeddings };
        self.vouch.export_subject(&self.by(Role::Privacy), c).await
    }

    async fn lines(&self, subject: &str, embeddings: bool) -> Vec<Value> {
        let mut exported = self.export(subject, embeddings).await.unwrap();
        let mut lines = Vec::new();
        while let Some(page) = exported.pages.recv().await {
            for line in page.unwrap() {
                lines.push(serde_json::from_str(&line).unwrap());
            }
        }
        lines
    }
}

fn of<'l>(lines: &'l [Value], section: &str) -> Vec<&'l Value> {
    lines.iter().filter(|line| line["section"] == section).collect()
}

#[tokio::test]
async fn it_holds_what_is_held_and_names_nobody_else() {
    let world = World::new().await;
    world.enrolled("anna", ANNA).await;
    world.enrolled("bert", BERT).await;
    let decided = world.verify("anna", speak(ANNA, 25.0)).await.decision_id;
    let c = RecordOutcome {
        decision: decided.clone(),
        kind: FeedbackKind::ConfirmedGenuine,
        instead: None,
        reviewer: "reviewer-3".into(),
        reason: Some("called back".into()),
        key: world.key(),
    };
    world.vouch.record_outcome(&world.by(Role::Reviewer), c).await.unwrap();
    let lines = world.lines("anna", false).await;
    let [head] = of(&lines, "subject")[..] else { panic!("{lines:?}") };
    assert_eq!((&head["id"], &head["enrolled"]), (&"anna".into(), &true.into()));
    assert_eq!(of(&lines, "consent").len(), 1);
    let [print] = of(&lines, "voiceprint")[..] else { panic!("{lines:?}") };
    let utterances = of(&lines, "utterance");
    assert_eq!(print["utterances"], utterances.len());
    assert!(utterances.iter().all(|u| u["embedding"].is_null() && u["net_speech_ms"].is_u64()));
    assert!(utterances.iter().all(|u| u["telephone_embedding"].is_null()));
    let decisions = of(&lines, "decision");
    let id = decided.as_str();
    let verified = decisions.iter().find(|d| d["id"] == id).expect("the verification is there");
    assert_eq!(verified["explanation"][0], "We could tell that it is you.");
    assert!(verified["band"].is_string());
    assert!(decisions.iter().any(|d| d["act"] == "subject exported"));
    let [outcome] = of(&lines, "outcome")[..] else { panic!("{lines:?}") };
    assert_eq!(outcome["decision"], id);
    assert_eq!(outcome["current"]["reason"], "called back");
    let text = lines.iter().map(Value::to_string).collect::<String>();
    for other in ["bert", "reviewer-3", "llr"] {
        assert!(!text.contains(other), "{other}");
    }
    let with = world.lines("anna", true).await;
    let utterances = of(&with, "utterance");
    for name in ["embedding", "telephone_embedding"] {
        assert!(
            utterances.iter().all(|u| u[name].as_array().is_some_and(|e| e.len() == 80)),
            "{name}"
        );
    }
}

#[tokio::test]
async fn it_comes_in_pages_and_is_audited() {
    let world = World::new().await;
    world.subject("anna").await;
    world.consent("anna", None).await;
    for _ in 0..150 {
        world.verify("anna", speak(ANNA, 0.5)).await;
    }
    let mut exported = world.export("anna", false).await.unwrap();
    let record = world.store.decision(&tenant(), &exported.decision_id).await.unwrap().unwrap();
    let event = record.event.unwrap();
    assert_eq!((record.kind, event.subject), (AuditKind::Export, Some(id("anna"))));
    assert_eq!(event.details["embeddings"], "false");
    let mut sizes = Vec::new();
    while let Some(page) = exported.pages.recv().await {
        sizes.push(page.unwrap().len());
    }
    // Subject and consent; decisions: created, consent, 150 verifications, the export; no outcome.
    assert_eq!(sizes, [2, 100, 53, 0]);
}

#[tokio::test]
async fn it_needs_its_role_and_a_subject() {
    let world = World::new().await;
    world.subject("anna").await;
    for role in [Role::Client, Role::Agent, Role::Analyst, Role::Reviewer, Role::Auditor] {
        let c = ExportSubject { subject: id("anna"), embeddings: false };
        let refused = world.vouch.export_subject(&world.by(role), c).await;
        assert!(matches!(refused, Err(UseCaseError::PermissionDenied { .. })), "{role:?}");
    }
    let missing = world.export("nobody", false).await;
    assert!(matches!(missing, Err(UseCaseError::NotFound { what: "subject" })));
}

#[tokio::test]
async fn who_is_erased_meanwhile_is_not_exported_whole() {
    let world = World::new().await;
    world.subject("anna").await;
    let mut export = Export::new(tenant(), id("anna"), false);
    let store = world.store.as_ref();
    assert_eq!(export.page(store).await.unwrap().map(|lines| lines.len()), Some(1));
    let c = OnSubject { subject: id("anna"), key: world.key() };
    world.vouch.erase_subject(&world.by(Role::Privacy), c).await.unwrap();
    for _ in ["decisions", "outcomes"] {
        assert_eq!(export.page(store).await.unwrap().map(|lines| lines.len()), Some(0));
    }
    let end = export.page(store).await;
    assert!(matches!(end, Err(UseCaseError::NotFound { what: "subject" })));
}
