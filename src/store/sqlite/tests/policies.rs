//! Policies of a tenant: kept, limited, and refused when somebody changed them.

use super::fixture::{Fixture, tamper, tenant};
use crate::crypto::sha256_hex;
use crate::domain::{ApiKeyId, ArtifactRef, TenantId};
use crate::policy::session::change::MAX_KEPT_FILES;
use crate::policy::session::{
    MAX_POLICY_BYTES, PolicyAct, PolicyBytes, PolicyChangeError, PolicyStanding,
};
use crate::store::{Committed, Directory as _, Effect, StoreError};

fn text(version: u32) -> String {
    format!("policy {version}")
}

fn bytes(version: u32) -> PolicyBytes {
    let sha256 = sha256_hex(text(version).as_bytes());
    PolicyBytes { version: ArtifactRef::new("bank", version), sha256 }
}

async fn act(
    f: &Fixture,
    act: PolicyAct,
    by: &str,
    file: Option<String>,
) -> Result<Committed, StoreError> {
    let by = ApiKeyId::parse(by).unwrap();
    f.act(None, vec![Effect::ChangePolicy { act, by, file }]).await
}

pub(super) async fn propose(f: &Fixture, version: u32, by: &str) -> Result<Committed, StoreError> {
    act(f, PolicyAct::Propose(bytes(version)), by, Some(text(version))).await
}

async fn approve(f: &Fixture, version: u32, by: &str) -> Result<Committed, StoreError> {
    act(f, PolicyAct::Approve(bytes(version)), by, None).await
}

#[tokio::test]
async fn versions_and_files_survive_a_restart() {
    let mut f = Fixture::new().await;
    assert_eq!(f.store.policies(&tenant()).versions, []);
    propose(&f, 1, "ann").await.unwrap();
    let alone = approve(&f, 1, "ann").await;
    assert_eq!(alone.err(), Some(StoreError::PolicyChange(PolicyChangeError::SamePerson)));
    approve(&f, 1, "bob").await.unwrap();
    propose(&f, 2, "bob").await.unwrap();
    f.reopen().await.unwrap();
    let ledger = f.store.policies(&tenant());
    let standing: Vec<_> = ledger.versions.iter().map(|known| known.standing).collect();
    assert_eq!(standing, [PolicyStanding::Active, PolicyStanding::Proposed]);
    for version in [1, 2] {
        let sha256 = bytes(version).sha256;
        assert_eq!(f.store.policy_file(&tenant(), &sha256).await, Ok(text(version)));
    }
    let other = f.store.policy_file(&tenant(), &bytes(3).sha256).await;
    assert_eq!(other, Err(StoreError::NoPolicyFile));
}

#[tokio::test]
async fn of_two_who_approve_at_once_one_is_told_that_it_is_done() {
    let f = Fixture::new().await;
    propose(&f, 1, "ann").await.unwrap();
    let (a, b) = tokio::join!(approve(&f, 1, "bob"), approve(&f, 1, "cleo"));
    let late = StoreError::PolicyChange(PolicyChangeError::NotPending(bytes(1).version));
    assert_eq!([a.err(), b.err()], [None, Some(late)]);
}

#[tokio::test]
async fn tenants_have_their_own() {
    let f = Fixture::new().await;
    propose(&f, 1, "ann").await.unwrap();
    let other = TenantId::parse("other").unwrap();
    let mut create = f.transaction(None, vec![Effect::CreateTenant]);
    create.tenant = other.clone();
    f.commit(create).await.unwrap();
    assert_eq!(f.store.policies(&other).versions, []);
    let sha256 = bytes(1).sha256;
    assert_eq!(f.store.policy_file(&other, &sha256).await, Err(StoreError::NoPolicyFile));
}

#[tokio::test]
async fn what_is_proposed_is_bounded_and_is_what_it_is_named() {
    let f = Fixture::new().await;
    let long = "x".repeat(MAX_POLICY_BYTES + 1);
    let sha256 = sha256_hex(long.as_bytes());
    let policy = PolicyBytes { sha256, ..bytes(1) };
    let refused = act(&f, PolicyAct::Propose(policy), "ann", Some(long)).await;
    assert!(matches!(refused, Err(StoreError::TooLarge { limit: MAX_POLICY_BYTES, .. })));
    let other = act(&f, PolicyAct::Propose(bytes(1)), "ann", Some(text(2))).await;
    assert!(matches!(other, Err(StoreError::Invalid(_))));
    assert_eq!(f.store.policies(&tenant()).versions, []);
    propose(&f, 1, "ann").await.unwrap();
    approve(&f, 1, "bob").await.unwrap();
    for version in 2..=u32::try_from(MAX_KEPT_FILES).unwrap() + 2 {
        propose(&f, version, "ann").await.unwrap();
        let reject = PolicyAct::Reject(bytes(version).version);
        act(&f, reject, "bob", None).await.unwrap();
    }
    assert!(f.store.policy_file(&tenant(), &bytes(1).sha256).await.is_ok(), "it is in force");
    let gone = f.store.policy_file(&tenant(), &bytes(2).sha256).await;
    assert_eq!(gone, Err(StoreError::NoPolicyFile));
    assert_eq!(f.store.policies(&tenant()).kept().count(), MAX_KEPT_FILES);
}

#[tokio::test]
async fn an_old_ledger_put_back_is_refused() {
    let f = Fixture::new().await;
    propose(&f, 1, "ann").await.unwrap();
    tamper(&f.path(), "CREATE TABLE old AS SELECT * FROM policy_ledger").await;
    approve(&f, 1, "bob").await.unwrap();
    f.store.close().await;
    let sql = "UPDATE policy_ledger SET (sealed, version, mac) = \
               (SELECT sealed, version, mac FROM old)";
    tamper(&f.path(), sql).await;
    tamper(&f.path(), "DROP TABLE old").await;
    let refused = Fixture::open(&f.path(), &f.master).await;
    assert_eq!(refused.err(), Some(StoreError::RowSet));
}

#[tokio::test]
async fn a_file_in_the_place_of_another_does_not_open() {
    let f = Fixture::new().await;
    propose(&f, 1, "ann").await.unwrap();
    approve(&f, 1, "bob").await.unwrap();
    propose(&f, 2, "ann").await.unwrap();
    let sql = format!(
        "UPDATE policy_file SET (sealed, version, mac) = (SELECT sealed, version, mac FROM \
         policy_file WHERE id LIKE '%/{}') WHERE id LIKE '%/{}'",
        bytes(2).sha256,
        bytes(1).sha256
    );
    tamper(&f.path(), &sql).await;
    let moved = f.store.policy_file(&tenant(), &bytes(1).sha256).await;
    assert!(matches!(moved, Err(StoreError::Integrity { table: "policy_file", .. })));
    assert_eq!(f.store.policy_file(&tenant(), &bytes(2).sha256).await, Ok(text(2)));
}
