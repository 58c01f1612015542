//! Counts of sources in the store.

use super::fixture::{Fixture, at, tamper, tenant};
use super::phone_numbers::number;
use crate::domain::{ApiKeyId, AuditKind, Reason, Source, Timestamp};
use crate::policy::{Outcome, SourceAttempts, SourceLimits, SourceRules};
use crate::store::{
    AuditLog as _, DecisionFilter, DecisionRecord, Effect, PageRequest, StoreError, Subjects as _,
};

const CALLER: &str = "+4930123456";

fn caller() -> Source {
    Source::PhoneNumber(number(CALLER))
}

fn app() -> Source {
    Source::ApiKey(ApiKeyId::parse("app").unwrap())
}

fn rules() -> SourceRules {
    SourceRules { delays: 1, ..SourceLimits::default().phone_number }
}

/// A source fails.
pub fn fails(source: Source) -> Effect {
    Effect::CountSource { source, outcome: Outcome::Failed, rules: rules() }
}

async fn known(f: &Fixture, source: &Source) -> Result<SourceAttempts, StoreError> {
    f.store.source(&tenant(), source).await
}

/// Fails at a time of its own.
async fn fails_at(f: &Fixture, source: Source, time: Timestamp) -> Result<(), StoreError> {
    let mut transaction = f.transaction(None, vec![fails(source)]);
    transaction.audit.at = time;
    f.commit(transaction).await.map(|_| ())
}

async fn records(f: &Fixture) -> Vec<DecisionRecord> {
    let filter = DecisionFilter { kind: Some(AuditKind::Source), ..DecisionFilter::default() };
    let page = PageRequest { size: 10, token: None };
    f.store.decisions(&tenant(), &filter, page).await.unwrap().items
}

#[tokio::test]
async fn failures_are_counted_lock_and_survive_a_restart_and_the_number_stands_nowhere() {
    let mut f = Fixture::new().await;
    for n in 1..=3 {
        f.act(None, vec![fails(caller())]).await.unwrap();
        assert_eq!(known(&f, &caller()).await.unwrap().current.rejected, n);
    }
    // The next one is the last before the lock.
    let slowed = f.act(None, vec![fails(caller()), fails(app())]).await.unwrap().applied.decision;
    f.reopen().await.unwrap();
    let held = known(&f, &caller()).await.unwrap();
    assert!(held.is_held(f.now()));
    let late = f.act(None, vec![fails(caller())]).await;
    assert_eq!(late.unwrap_err(), StoreError::SourceHeld);
    assert_eq!(known(&f, &app()).await.unwrap().current.rejected, 1);
    fails_at(&f, caller(), held.held_until.unwrap()).await.unwrap();
    f.reopen().await.unwrap();
    let locked = known(&f, &caller()).await.unwrap();
    assert_eq!(locked.locks, 1);
    let found = records(&f).await;
    let acts: Vec<_> = found.iter().map(|r| r.event.as_ref().unwrap()).collect();
    assert_eq!([&acts[0].act, &acts[1].act], ["source locked", "source slowed down"]);
    assert_eq!(acts[0].reasons, [Reason::SourceLocked]);
    assert_eq!(acts[0].details["until"], locked.held_until.unwrap().to_string());
    assert_eq!(acts[0].details["kind"], "phone_number");
    assert_eq!(acts[0].details["source"], acts[1].details["source"]);
    assert_eq!(acts[1].details["decision"], slowed.as_str());
    assert_eq!(acts[1].subject, None);
    for entry in std::fs::read_dir(f.folder.path()).unwrap() {
        let bytes = std::fs::read(entry.unwrap().path()).unwrap();
        assert!(!bytes.windows(9).any(|w| w == b"930123456"));
    }
}

#[tokio::test]
async fn what_is_over_is_forgotten() {
    let mut f = Fixture::new().await;
    f.act(None, vec![fails(caller())]).await.unwrap();
    let over = known(&f, &caller()).await.unwrap().forgotten_at(&rules()).unwrap();
    fails_at(&f, app(), at(over.unix_ms() - 1)).await.unwrap();
    assert_ne!(known(&f, &caller()).await.unwrap(), SourceAttempts::default());
    fails_at(&f, app(), over).await.unwrap();
    for _ in 0..2 {
        assert_eq!(known(&f, &caller()).await.unwrap(), SourceAttempts::default());
        assert_eq!(known(&f, &app()).await.unwrap().current.rejected, 2);
        f.reopen().await.unwrap();
    }
    fails_at(&f, caller(), over).await.unwrap();
    assert_eq!(known(&f, &caller()).await.unwrap().current.rejected, 1);
}

#[tokio::test]
async fn of_many_at_once_none_is_lost_and_tenants_do_not_share() {
    let f = Fixture::new().await;
    let one = || f.act(None, vec![fails(caller())]);
    let (a, b, c) = tokio::join!(one(), one(), one());
    for done in [a, b, c] {
        done.unwrap();
    }
    assert_eq!(known(&f, &caller()).await.unwrap().current.rejected, 3);
    let other = crate::domain::TenantId::parse("other").unwrap();
    let mut transaction = f.transaction(None, vec![Effect::CreateTenant]);
    transaction.tenant = other.clone();
    f.commit(transaction).await.unwrap();
    let found = f.store.source(&other, &caller()).await.unwrap();
    assert_eq!(found, SourceAttempts::default());
}

#[tokio::test]
async fn counts_put_back_or_taken_away_are_refused_also_while_running() {
    let broken = |answer: Result<SourceAttempts, StoreError>| {
        assert!(matches!(answer, Err(StoreError::Integrity { table: "source", .. })), "{answer:?}");
    };
    let f = Fixture::new().await;
    f.act(None, vec![fails(caller())]).await.unwrap();
    tamper(&f.path(), "CREATE TABLE old AS SELECT * FROM source").await;
    f.act(None, vec![fails(caller())]).await.unwrap();
    tamper(&f.path(), "DELETE FROM source").await;
    broken(known(&f, &caller()).await);
    tamper(&f.path(), "INSERT INTO source SELECT * FROM old").await;
    broken(known(&f, &caller()).await);
    let refused = f.act(None, vec![fails(caller())]).await;
    assert!(matches!(refused, Err(StoreError::Integrity { table: "source", .. })), "{refused:?}");
}
