//! Policies of a tenant: two people, the next session, shadow, what if.

use super::sessions::{Client, opening};
use super::world::*;
use crate::domain::*;
use crate::policy::session::PolicyAct;
use crate::policy::session::SHIPPED;
use crate::store::{AuditLog as _, Commits as _};
use crate::usecase::command::DecisionFilter;
use crate::usecase::output::Done;
use crate::usecase::policies::*;
use crate::usecase::port::Application;
use crate::usecase::sessions::{OpenSession, ShownDecision};
use crate::usecase::{Clock as _, UseCaseError};

/// A policy of the bank: that of a contact center, with another of its lines.
pub(super) fn file(version: u32, (from, to): (&str, &str)) -> String {
    let (_, shipped) = SHIPPED[0];
    let own = format!("version = {{ id = \"bank\", version = {version} }}");
    let text = shipped.replacen("version = { id = \"contact-centre\", version = 1 }", &own, 1);
    assert!(text.contains(&own) && text.contains(from));
    text.replacen(from, to, 1)
}

/// Nothing is different but the name.
const SAME: (&str, &str) = ("genuine = 0.998", "genuine = 0.998");
/// Somebody who says nothing is trusted less.
const DOUBT: (&str, &str) = ("genuine = 0.998", "genuine = 0.52");

fn bank(version: u32) -> ArtifactRef {
    ArtifactRef::new("bank", version)
}

fn admin(world: &World, name: &str) -> crate::usecase::command::Caller {
    crate::usecase::command::Caller { key: ApiKeyId::parse(name).unwrap(), ..world.by(Role::Admin) }
}

type Answer = Result<Done<PolicyOverview>, UseCaseError>;

async fn propose(world: &World, by: &str, file: &str) -> Answer {
    let c = ProposePolicy { file: file.to_owned(), key: world.key() };
    world.vouch.propose_policy(&admin(world, by), c).await
}

/// Approves what is on its way.
async fn approve(world: &World, by: &str) -> Answer {
    let info = world.vouch.policy(&admin(world, by), None).await.unwrap();
    let policy = info.overview.pending.expect("a change on its way").policy;
    let c = ApprovePolicy { policy, key: world.key() };
    world.vouch.approve_policy(&admin(world, by), c).await
}

/// Proposed by Ann, approved by Bob.
pub(super) async fn put(world: &World, file: &str) {
    propose(world, "ann", file).await.unwrap();
    approve(world, "bob").await.unwrap();
}

/// What a session without audio ends with.
async fn session(world: &World) -> ShownDecision {
    let quiet = OpenSession { audio: None, ..opening(world, Some("anna")) };
    let mut client = Client::open(world, quiet, Role::Admin).await;
    client.close().await.0
}

fn used(decided: &ShownDecision) -> ArtifactRef {
    decided.assessment.versions.policy.clone()
}

fn server() -> ArtifactRef {
    ArtifactRef::new("contact-centre", 1)
}

#[tokio::test]
async fn two_people_change_the_policy_of_the_next_session() {
    let world = World::new().await;
    world.subject("anna").await;
    assert_eq!(used(&session(&world).await), server());
    let quiet = OpenSession { audio: None, ..opening(&world, Some("anna")) };
    let mut before = Client::open(&world, quiet, Role::Admin).await;
    let proposed = propose(&world, "ann", &file(1, SAME)).await.unwrap();
    assert!(proposed.value.server_default && proposed.value.pending.is_some());
    assert_eq!(used(&session(&world).await), server(), "a proposal decides nothing");
    let alone = approve(&world, "ann").await;
    assert!(matches!(alone, Err(UseCaseError::PolicyChange(PolicyChangeError::SamePerson))));
    let done = approve(&world, "bob").await.unwrap();
    assert_eq!(done.value.active.version, bank(1));
    assert_eq!(done.value.approved_by, Some(ApiKeyId::parse("bob").unwrap()));
    let decided = session(&world).await;
    assert_eq!(used(&decided), bank(1));
    let record = world.store.decision(&tenant(), &decided.decision).await.unwrap().unwrap();
    assert_eq!(record.event.unwrap().versions.unwrap().policy, bank(1));
    // The session that ran keeps what it was opened with.
    assert_eq!(used(&before.close().await.0), server());
    let filter = DecisionFilter {
        kind: Some(AuditKind::Policy),
        page_size: 10,
        ..DecisionFilter::default()
    };
    let records = world.vouch.decisions(&world.by(Role::Auditor), filter).await.unwrap().items;
    let acts: Vec<&str> = records.iter().map(|r| r.act.as_str()).collect();
    assert_eq!(acts, ["policy approved and in force", "policy proposed"]);
    assert_eq!([&*records[0].actor, &*records[1].actor], ["bob", "ann"]);
    // Another server on the same store uses it as well.
    let store = Some(world.store.clone());
    let again = World::with(Setting { store, ..Setting::default() }).await;
    assert_eq!(used(&session(&again).await), bank(1));
}

#[tokio::test]
async fn a_way_back_takes_two_as_well() {
    let world = World::new().await;
    world.subject("anna").await;
    put(&world, &file(1, SAME)).await;
    put(&world, &file(2, DOUBT)).await;
    assert_eq!(used(&session(&world).await), bank(2));
    let back = |to| {
        let (c, by) = (RollBackPolicy { to, key: world.key() }, admin(&world, "ann"));
        let vouch = &world.vouch;
        async move { vouch.roll_back_policy(&by, c).await }
    };
    back(Some(bank(1))).await.unwrap();
    assert_eq!(used(&session(&world).await), bank(2), "asked for, not approved");
    assert!(approve(&world, "ann").await.is_err());
    approve(&world, "bob").await.unwrap();
    assert_eq!(used(&session(&world).await), bank(1));
    back(None).await.unwrap();
    approve(&world, "bob").await.unwrap();
    assert_eq!(used(&session(&world).await), server());
    let reader = world.by(Role::Auditor);
    let list = world.vouch.policies(&reader, 1, None).await.unwrap();
    assert_eq!(list.versions.items[0].policy.version, bank(2));
    assert_eq!(list.versions.items[0].standing, PolicyStanding::Retired);
    let next = world.vouch.policies(&reader, 1, list.versions.next).await.unwrap();
    assert_eq!(next.versions.items[0].policy.version, bank(1));
    assert_eq!(next.versions.next, None);
}

#[tokio::test]
async fn what_is_wrong_is_refused_with_its_place_and_changes_nothing() {
    let world = World::new().await;
    let wrong = file(1, ("genuine = 0.998", "genuine = 1.5"));
    let check = world.vouch.check_policy(&world.by(Role::Analyst), wrong.clone()).await.unwrap();
    let problem = &check.problems[0];
    assert_eq!(problem.path.as_deref(), Some("prior.genuine"));
    assert!(problem.place.is_some_and(|p| p.line > 1), "{problem}");
    let refused = propose(&world, "ann", &wrong).await.unwrap_err();
    assert!(refused.to_string().contains("line"), "{refused}");
    // All that is wrong is told at once.
    let worse = wrong.replacen("watchlist == 'present'", "watchlist == 'there'", 1);
    let worse = worse.replacen("step_up = 1.0", "step_up = 15.0", 1);
    let check = world.vouch.check_policy(&world.by(Role::Analyst), worse).await.unwrap();
    let paths: Vec<_> = check.problems.iter().filter_map(|p| p.path.as_deref()).collect();
    assert_eq!(paths, ["prior.genuine", "intents.session.step_up", "rules.watchlist.when"]);
    assert!(check.problems.iter().all(|p| p.place.is_some()), "{:?}", check.problems);
    assert_eq!(check.policy, None);
    // A version that ships names the file that ships.
    let (_, shipped) = SHIPPED[1];
    let taken = propose(&world, "ann", &format!("{shipped}\n# mine")).await;
    let used = |answer: &Answer| {
        matches!(answer, Err(UseCaseError::PolicyChange(PolicyChangeError::UsedVersion(_))))
    };
    assert!(used(&taken), "{taken:?}");
    let long = "#".repeat(64 * 1024 + 1);
    let refused = propose(&world, "ann", &long).await.unwrap_err();
    assert!(refused.to_string().contains("65536"), "{refused}");
    let list = world.vouch.policies(&world.by(Role::Admin), 10, None).await.unwrap();
    assert_eq!(list.versions.items, []);
    propose(&world, "ann", shipped).await.unwrap();
    let second = propose(&world, "bob", &file(1, SAME)).await;
    assert!(matches!(second, Err(UseCaseError::PolicyChange(PolicyChangeError::Pending(_)))));
    // What is approved is what was read.
    let policy = PolicyBytes { version: ArtifactRef::new("psd2-sca", 1), sha256: "0".repeat(64) };
    let c = ApprovePolicy { policy, key: world.key() };
    let blind = world.vouch.approve_policy(&admin(&world, "bob"), c).await;
    assert!(matches!(blind, Err(UseCaseError::PolicyChange(PolicyChangeError::OtherBytes(_)))));
}

#[tokio::test]
async fn a_policy_in_force_that_cannot_be_used_is_no_other_policy() {
    let world = World::new().await;
    world.subject("anna").await;
    put(&world, &file(1, SAME)).await;
    // A file that an earlier server found sound and this one does not, past the check of this one.
    let unsound = file(2, ("genuine = 0.998", "genuine = 1.5"));
    let sha256 = crate::crypto::sha256_hex(unsound.as_bytes());
    let policy = PolicyBytes { version: bank(2), sha256 };
    let acts = [
        ("ann", PolicyAct::Propose(policy.clone()), Some(unsound)),
        ("bob", PolicyAct::Approve(policy), None),
    ];
    for (n, (by, act, file)) in (0u8..).zip(acts) {
        let (by, at) = (ApiKeyId::parse(by).unwrap(), world.clock.now());
        let draft = crate::store::AuditDraft {
            decision: DecisionId::new(at, [n; 10]),
            at,
            event: Event::new(AuditKind::Policy, "past the check"),
        };
        let transaction = crate::store::Transaction {
            tenant: tenant(),
            idempotency: None,
            subject: None,
            effects: vec![crate::store::Effect::ChangePolicy { act, by, file }],
            audit: draft,
        };
        world.store.commit(transaction).await.unwrap();
    }
    let quiet = || OpenSession { audio: None, ..opening(&world, Some("anna")) };
    let opened = world.vouch.open_session(&world.by(Role::Admin), quiet()).await;
    let refused = opened.map(|_| ()).unwrap_err();
    assert!(matches!(&refused, UseCaseError::PolicyUnusable(version) if *version == bank(2)));
    // The way out takes two people like any other.
    put(&world, &file(3, SAME)).await;
    assert_eq!(used(&session(&world).await), bank(3));
}

#[tokio::test]
async fn a_repeated_request_is_answered_once() {
    let world = World::new().await;
    let c = ProposePolicy { file: file(1, SAME), key: world.key() };
    let by = admin(&world, "ann");
    let first = world.vouch.propose_policy(&by, c.clone()).await.unwrap();
    assert_eq!(world.vouch.propose_policy(&by, c.clone()).await.unwrap(), first);
    let other = ProposePolicy { file: file(2, SAME), ..c };
    let refused = world.vouch.propose_policy(&by, other).await;
    assert!(matches!(refused, Err(UseCaseError::IdempotencyMismatch)));
}

#[tokio::test]
async fn roles_follow_the_task() {
    let world = World::new().await;
    let denied =
        |r: Result<(), UseCaseError>| matches!(r, Err(UseCaseError::PermissionDenied { .. }));
    for role in Role::ALL.iter().copied() {
        let by = world.by(role);
        let c = ProposePolicy { file: String::new(), key: world.key() };
        let change = world.vouch.propose_policy(&by, c).await.map(drop);
        assert_eq!(denied(change), role != Role::Admin, "{role:?}");
        let reads = matches!(role, Role::Admin | Role::Analyst | Role::Auditor);
        let read = world.vouch.policy(&by, None).await.map(drop);
        assert_eq!(denied(read), !reads, "{role:?}");
        let candidate = Candidate::Version(server());
        let ask = AskWhatIf { candidate, from: None, until: None };
        let asked = world.vouch.what_if(&by, ask).await.map(drop);
        assert_eq!(denied(asked), !reads, "{role:?}");
    }
}

#[tokio::test]
async fn a_shadow_is_recorded_and_changes_nothing_and_what_if_agrees_with_it() {
    let world = World::new().await;
    world.subject("anna").await;
    // Before the shadow.
    session(&world).await;
    propose(&world, "ann", &file(1, DOUBT)).await.unwrap();
    let shadow = |version| {
        let (c, by) = (ShadowPolicy { version, key: world.key() }, admin(&world, "ann"));
        let vouch = &world.vouch;
        async move { vouch.shadow_policy(&by, c).await }
    };
    let on = shadow(Some(bank(1))).await.unwrap();
    assert_eq!(on.value.shadow.map(|s| s.policy.version), Some(bank(1)));
    let decided = session(&world).await;
    assert_eq!(used(&decided), server());
    let record = world.store.decision(&tenant(), &decided.decision).await.unwrap().unwrap();
    let told = record.event.unwrap().details["shadow"].clone();
    assert!(told.contains("bank") && !told.contains("anna"), "{told}");
    shadow(None).await.unwrap();
    session(&world).await;
    let ask = |candidate| AskWhatIf { candidate, from: None, until: None };
    let reader = world.by(Role::Auditor);
    let report = world.vouch.what_if(&reader, ask(Candidate::Version(bank(1)))).await.unwrap();
    assert_eq!((report.decisions, report.not_replayable, report.more), (3, 0, false));
    assert_eq!((report.what_if.before.clone(), report.what_if.after.clone()), (server(), bank(1)));
    assert_eq!(report.what_if.decisions, 3);
    let seen = &report.agreement[..];
    assert_eq!((seen.len(), seen[0].decisions, &seen[0].shadow), (1, 1, &bank(1)));
    // Of the one decision both tell the same: what the shadow said, and what the replay says.
    let differs = report.what_if.changed > 0;
    let pair = seen[0].pairs[0].0;
    assert_eq!(pair[0] != pair[1], differs);
    // The policy in force over its own decisions changes nothing.
    let same = world.vouch.what_if(&reader, ask(Candidate::Version(server()))).await.unwrap();
    assert_eq!((same.what_if.changed, same.what_if.cost_per_mille()), (0, 0.0));
    let file = ask(Candidate::File(file(7, SAME)));
    let same = world.vouch.what_if(&reader, file).await.unwrap();
    assert_eq!((same.what_if.changed, same.what_if.after), (0, bank(7)));
    let none = world.vouch.what_if(&reader, ask(Candidate::Version(bank(9)))).await;
    assert!(matches!(none, Err(UseCaseError::NotFound { .. })));
}

#[tokio::test]
async fn what_if_says_what_it_could_not_replay() {
    let world = World::new().await;
    world.subject("anna").await;
    world.subject("bert").await;
    session(&world).await;
    let quiet = OpenSession { audio: None, ..opening(&world, Some("bert")) };
    Client::open(&world, quiet, Role::Admin).await.close().await;
    let c = crate::usecase::command::OnSubject { subject: id("bert"), key: world.key() };
    world.vouch.erase_subject(&world.by(Role::Privacy), c).await.unwrap();
    let ask = |from, until| AskWhatIf { candidate: Candidate::File(file(1, SAME)), from, until };
    let reader = world.by(Role::Analyst);
    let report = world.vouch.what_if(&reader, ask(None, None)).await.unwrap();
    assert_eq!((report.decisions, report.what_if.decisions, report.not_replayable), (2, 1, 1));
    let later = Timestamp::from_unix_ms(1_900_000_000_000);
    let report = world.vouch.what_if(&reader, ask(Some(later), None)).await.unwrap();
    assert_eq!(report.decisions, 0);
    assert!(report.what_if.by_intent.is_empty());
}
