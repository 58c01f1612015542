//! The age class: off by default, a right of its own, one record, nothing kept.

use std::sync::Arc;

use super::world::*;
use crate::domain::*;
use crate::store::AuditLog;
use crate::usecase::UseCaseError;
use crate::usecase::age_head::AgeHeads;
use crate::usecase::command::*;
use crate::usecase::output::*;
use crate::usecase::port::Application;
use crate::voice::AgeHead;
use crate::voice::age::testing::{Named, always, head};

/// Values of the test extractor's embeddings.
const DIM: usize = 80;

fn of(tensors: Named, class: LicenseClass) -> Arc<AgeHead> {
    Arc::new(head(&tensors, &ArtifactRef::new("color", 1), class))
}

/// The open head hears seniors everywhere, the one for research adults.
pub(super) fn heads() -> AgeHeads {
    AgeHeads {
        open: Some(of(always(DIM, 3, 9.0), LicenseClass::Open)),
        research: Some(of(always(DIM, 1, 9.0), LicenseClass::Research)),
    }
}

async fn world(age: AgeHeads) -> World {
    World::with(Setting { age, ..Setting::default() }).await
}

pub(super) async fn enable(
    world: &World,
    research: bool,
) -> Result<Done<AgeClassStatus>, UseCaseError> {
    let c = EnableAgeClass {
        notice_id: "age-notice".into(),
        notice_version: "4".into(),
        research,
        key: world.key(),
    };
    world.vouch.enable_age_class(&world.by(Role::Admin), c).await
}

async fn classify(
    world: &World,
    role: Role,
    seconds: f32,
) -> Result<AgeClassification, UseCaseError> {
    world.vouch.classify_age(&world.by(role), recording(speak(ANNA, seconds))).await
}

async fn event(world: &World, decision: &DecisionId) -> Event {
    let tenant = tenant();
    let found = AuditLog::decision(world.store.as_ref(), &tenant, decision).await;
    found.unwrap().unwrap().event.unwrap()
}

async fn record(world: &World, decision: &DecisionId) -> (DecisionInfo, String) {
    let c = ExplainDecision { decision: decision.clone(), audience: None };
    let (info, sentences) = world.vouch.explain(&world.by(Role::Auditor), c).await.unwrap();
    (info, sentences.join("\n"))
}

#[tokio::test]
async fn it_is_off_until_an_admin_enables_it_and_can_be_disabled_again() {
    let world = world(heads()).await;
    let off = classify(&world, Role::Router, 8.0).await;
    assert!(matches!(off, Err(UseCaseError::AgeClassDisabled)));
    assert_eq!(world.asked(), 0, "nothing is heard while it is off");
    for role in Role::ALL.iter().copied().filter(|r| *r != Role::Admin) {
        let c = DisableAgeClass { key: world.key() };
        let refused = world.vouch.disable_age_class(&world.by(role), c).await;
        assert!(matches!(refused, Err(UseCaseError::PermissionDenied { needs: "admin" })));
        let refused = world.vouch.age_class_status(&world.by(role)).await;
        assert!(matches!(refused, Err(UseCaseError::PermissionDenied { .. })));
    }
    let done = enable(&world, false).await.unwrap();
    let status = world.vouch.age_class_status(&world.by(Role::Admin)).await.unwrap();
    assert_eq!(done.value, status);
    assert_eq!(status.setting.unwrap().notice_id, "age-notice");
    let (info, text) = record(&world, &done.decision_id).await;
    assert_eq!((info.kind, info.act.as_str()), (AuditKind::Categorization, "age class enabled"));
    assert!(text.contains("age-notice@4"), "{text}");
    assert!(classify(&world, Role::Router, 8.0).await.is_ok());
    let c = DisableAgeClass { key: world.key() };
    let by = world.by(Role::Admin);
    let done = world.vouch.disable_age_class(&by, c.clone()).await.unwrap();
    assert_eq!(world.vouch.disable_age_class(&by, c).await.unwrap(), done, "a repeated request");
    assert_eq!(record(&world, &done.decision_id).await.0.act, "age class disabled");
    let off = classify(&world, Role::Router, 8.0).await;
    assert!(matches!(off, Err(UseCaseError::AgeClassDisabled)));
}

#[tokio::test]
async fn it_has_a_role_of_its_own_and_fine_figures_need_another() {
    let world = world(heads()).await;
    enable(&world, false).await.unwrap();
    for role in Role::ALL {
        let may = matches!(role, Role::Router | Role::Admin);
        assert_eq!(classify(&world, *role, 8.0).await.is_ok(), may, "{role:?}");
    }
    let coarse = classify(&world, Role::Router, 8.0).await.unwrap();
    assert_eq!((coarse.class, coarse.estimate), (AgeClass::Senior, None));
    let hint = coarse.routing.unwrap();
    assert_eq!((hint.queue, hint.band), (RoutingQueue::Priority, ConfidenceBand::High));
    assert_eq!((hint.reason, hint.confidence), (Reason::SeniorLikely, None));
    let fine = classify(&world, Role::Admin, 8.0).await.unwrap();
    let estimate = fine.estimate.unwrap();
    assert!((65.0..80.0).contains(&estimate.years.estimate), "{estimate:?}");
    assert_eq!(fine.routing.unwrap().confidence, Some(estimate.p_senior));
}

#[tokio::test]
async fn the_record_holds_the_class_and_no_age() {
    let world = world(heads()).await;
    enable(&world, false).await.unwrap();
    let answer = classify(&world, Role::Admin, 8.0).await.unwrap();
    let event = event(&world, &answer.decision_id).await;
    assert_eq!(event.kind, AuditKind::Categorization);
    assert_eq!((event.subject.clone(), event.score, event.decision), (None, None, None));
    let kept: Vec<(&str, &str)> =
        event.details.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
    assert_eq!(
        kept,
        [
            ("age_class", "SENIOR"),
            ("age_head", "test-age-open@2"),
            ("notice", "age-notice@4"),
            ("research", "false"),
            ("routing", "priority"),
        ]
    );
    assert_eq!(event.quality, Some(answer.quality));
    let filter = DecisionFilter {
        kind: Some(AuditKind::Categorization),
        page_size: 10,
        ..DecisionFilter::default()
    };
    let page = world.vouch.decisions(&world.by(Role::Auditor), filter).await.unwrap();
    assert_eq!(page.items.len(), 2);
    let text = record(&world, &answer.decision_id).await.1;
    assert!(text.contains("age class is SENIOR, by age head test-age-open@2"), "{text}");
}

#[tokio::test]
async fn too_little_speech_is_undetermined_and_not_even_embedded() {
    let world = world(heads()).await;
    enable(&world, false).await.unwrap();
    let by = world.by(Role::Admin);
    let mut content = speak(ANNA, 1.0);
    content.extend(silence(4.0));
    let answer = world.vouch.classify_age(&by, recording(content)).await.unwrap();
    assert_eq!(answer.class, AgeClass::Undetermined);
    assert!(answer.reasons.contains(&Reason::SpeakLonger), "{answer:?}");
    assert_eq!((answer.estimate, answer.routing), (None, None));
    assert_eq!(world.asked(), 0);
    let noise = Recording { format: format(), content: vec![1, 2, 3] };
    let refused = world.vouch.classify_age(&by, noise).await;
    assert!(matches!(refused, Err(UseCaseError::BadAudio { .. })));
}

#[tokio::test]
async fn the_research_head_needs_the_tenants_word() {
    let both = world(heads()).await;
    let done = enable(&both, true).await.unwrap();
    let named = done.value.head.unwrap();
    assert_eq!(named.license_class, LicenseClass::Research);
    assert_eq!(named.data, ["nobody"]);
    let answer = classify(&both, Role::Admin, 8.0).await.unwrap();
    assert_eq!((answer.class, answer.head), (AgeClass::Adult, named));
    assert_eq!(answer.routing, None);

    let without = world(AgeHeads { research: None, ..heads() }).await;
    let refused = enable(&without, true).await;
    let missing = |r: &Result<Done<AgeClassStatus>, UseCaseError>, class: &str| matches!(r, Err(UseCaseError::AgeHeadMissing { class: c, .. }) if *c == class);
    assert!(missing(&refused, "research"));
    let none = world(AgeHeads::default()).await;
    assert!(missing(&enable(&none, false).await, "open"));
    let bare = World::with(Setting { installed: false, ..Setting::default() }).await;
    assert!(matches!(enable(&bare, false).await, Err(UseCaseError::ModelMissing { .. })));
}

#[tokio::test]
async fn a_notice_is_needed() {
    let world = world(heads()).await;
    let long = "x".repeat(129);
    for (id, version) in [("", "1"), ("age", ""), ("a\nb", "1"), (long.as_str(), "1")] {
        let c = EnableAgeClass {
            notice_id: id.into(),
            notice_version: version.into(),
            research: false,
            key: world.key(),
        };
        let refused = world.vouch.enable_age_class(&world.by(Role::Admin), c).await;
        assert!(matches!(refused, Err(UseCaseError::InvalidArgument { .. })), "{id} {version}");
    }
}

#[tokio::test]
async fn verification_neither_uses_nor_records_an_age() {
    let world = world(heads()).await;
    world.enrolled("anna", ANNA).await;
    enable(&world, false).await.unwrap();
    classify(&world, Role::Router, 8.0).await.unwrap();
    let answer = world.verify("anna", speak(ANNA, 8.0)).await;
    let event = event(&world, &answer.decision_id).await;
    assert!(!event.details.keys().any(|k| k.contains("age")), "{:?}", event.details);
}
