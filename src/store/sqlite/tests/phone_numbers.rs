//! The directory of numbers in the store.

use super::fixture::{Fixture, subject, tamper, tenant};
use crate::domain::{PhoneNumber, ReceiptId, SubjectId};
use crate::store::{Effect, StoreError, Subjects as _};

pub fn number(text: &str) -> PhoneNumber {
    PhoneNumber::parse(text).unwrap()
}

pub fn add(text: &str) -> Effect {
    Effect::AddPhoneNumber { number: number(text), remembered: false }
}

fn remove(text: &str) -> Effect {
    Effect::RemovePhoneNumber { number: number(text) }
}

const HOME: &str = "+4930123456";

async fn behind(f: &Fixture, text: &str) -> Result<Vec<SubjectId>, StoreError> {
    let mut found = f.store.household(&tenant(), &number(text)).await?;
    found.sort();
    Ok(found)
}

/// Anna and Bert, who share a number.
async fn household() -> Fixture {
    let f = Fixture::new().await;
    for id in ["anna", "bert"] {
        f.act(Some(id), vec![Effect::CreateSubject, add(HOME)]).await.unwrap();
    }
    f
}

#[tokio::test]
async fn a_household_is_found_also_after_a_restart_and_the_number_stands_nowhere() {
    let mut f = household().await;
    let done = f.act(Some("anna"), vec![add("+491701234567")]).await.unwrap();
    assert_eq!(done.applied.phone_numbers, 2);
    for _ in 0..2 {
        assert_eq!(behind(&f, HOME).await.unwrap(), [subject("anna"), subject("bert")]);
        assert_eq!(behind(&f, "+491701234567").await.unwrap(), [subject("anna")]);
        assert_eq!(behind(&f, "+491701234568").await.unwrap(), []);
        assert_eq!(f.snapshot("anna").await.phone_numbers, 2);
        f.reopen().await.unwrap();
    }
    let done = f.act(Some("anna"), vec![remove(HOME)]).await.unwrap();
    assert_eq!(done.applied.phone_numbers, 1);
    assert_eq!(behind(&f, HOME).await.unwrap(), [subject("bert")]);
    let gone = f.act(Some("anna"), vec![remove(HOME)]).await;
    assert_eq!(gone.unwrap_err(), StoreError::NoPhoneNumber);
    for entry in std::fs::read_dir(f.folder.path()).unwrap() {
        let bytes = std::fs::read(entry.unwrap().path()).unwrap();
        assert!(!bytes.windows(9).any(|w| w == b"930123456"));
    }
}

#[tokio::test]
async fn a_number_is_on_record_once_and_numbers_are_limited() {
    let f = household().await;
    let again = f.act(Some("anna"), vec![add(HOME)]).await;
    assert_eq!(again.unwrap_err(), StoreError::PhoneNumberExists);
    let remembered = || Effect::AddPhoneNumber { number: number(HOME), remembered: true };
    let done = f.act(Some("anna"), vec![remembered()]).await.unwrap();
    assert_eq!(done.applied.phone_numbers, 1);
    for n in 1..8 {
        f.act(Some("anna"), vec![add(&format!("+49170123456{n}"))]).await.unwrap();
    }
    let over = f.act(Some("anna"), vec![add("+491701234569")]).await;
    assert!(matches!(over, Err(StoreError::Limit { limit: 8, got: 9, .. })), "{over:?}");
    for n in 0..14 {
        let id = format!("flatmate-{n}");
        f.act(Some(&id), vec![Effect::CreateSubject, add(HOME)]).await.unwrap();
    }
    f.act(Some("late"), vec![Effect::CreateSubject]).await.unwrap();
    let over = f.act(Some("late"), vec![add(HOME)]).await;
    assert!(matches!(over, Err(StoreError::Limit { limit: 16, got: 17, .. })), "{over:?}");
    // What is only remembered is passed over instead.
    let done = f.act(Some("late"), vec![remembered()]).await.unwrap();
    assert_eq!(done.applied.phone_numbers, 0);
    assert_eq!(behind(&f, HOME).await.unwrap().len(), 16);
}

#[tokio::test]
async fn an_erasure_takes_the_numbers_along() {
    let mut f = household().await;
    let receipt = ReceiptId::parse("r1").unwrap();
    let done = f.act(Some("anna"), vec![Effect::EraseSubject { receipt }]).await.unwrap();
    // The subject, the record of its creation, the number.
    assert_eq!(done.applied.erasure.map(|e| e.rows_destroyed), Some(3));
    for _ in 0..2 {
        assert_eq!(behind(&f, HOME).await.unwrap(), [subject("bert")]);
        f.reopen().await.unwrap();
    }
}

#[tokio::test]
async fn a_number_put_back_or_moved_is_refused_also_while_running() {
    let f = household().await;
    tamper(&f.path(), "CREATE TABLE old AS SELECT * FROM phone_number").await;
    f.act(Some("anna"), vec![remove(HOME)]).await.unwrap();
    tamper(
        &f.path(),
        "INSERT INTO phone_number SELECT * FROM old WHERE id NOT IN (SELECT id FROM phone_number)",
    )
    .await;
    let refused = behind(&f, HOME).await;
    assert!(matches!(refused, Err(StoreError::Integrity { table: "phone_number", .. })));
    let f = household().await;
    // Anna's row is handed to Bert.
    tamper(&f.path(), "UPDATE phone_number SET subject = (SELECT max(handle) FROM subject)").await;
    let refused = behind(&f, HOME).await;
    assert!(matches!(refused, Err(StoreError::Integrity { table: "phone_number", .. })));
}
