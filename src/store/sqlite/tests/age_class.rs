//! The switch of the age class in the tenant's row.

use super::fixture::{Fixture, at, extractor, tamper, tenant};
use crate::domain::AgeClassSetting;
use crate::store::{Directory as _, Effect, StoreError};

#[tokio::test]
async fn the_age_class_is_off_until_set_and_survives() {
    let mut f = Fixture::new().await;
    let now = |f: &Fixture| f.store.tenant(&tenant()).unwrap().age_class;
    assert_eq!(now(&f), None);
    let setting = AgeClassSetting {
        notice_id: "age".into(),
        notice_version: "3".into(),
        research: true,
        enabled_at: at(1_700_000_000_000),
    };
    let set = |setting: Option<&AgeClassSetting>| {
        vec![Effect::SetAgeClass(setting.map(|s| Box::new(s.clone())))]
    };
    f.act(None, set(Some(&setting))).await.unwrap();
    assert_eq!(now(&f), Some(setting.clone()));
    f.reopen().await.unwrap();
    assert_eq!(now(&f), Some(setting));
    // What else stands in the tenant's row is kept.
    f.enroll("anna", 5).await;
    f.act(None, set(None)).await.unwrap();
    f.reopen().await.unwrap();
    assert_eq!(now(&f), None);
    assert_eq!(f.store.tenant(&tenant()).unwrap().extractor, Some(extractor()));
}

#[tokio::test]
async fn an_age_class_put_back_is_refused() {
    let f = Fixture::new().await;
    let setting = AgeClassSetting {
        notice_id: "age".into(),
        notice_version: "3".into(),
        research: false,
        enabled_at: at(1_700_000_000_000),
    };
    f.act(None, vec![Effect::SetAgeClass(Some(Box::new(setting)))]).await.unwrap();
    tamper(&f.path(), "CREATE TABLE old AS SELECT * FROM tenant").await;
    f.act(None, vec![Effect::SetAgeClass(None)]).await.unwrap();
    f.store.close().await;
    let sql = "UPDATE tenant SET (sealed, version, mac) = (SELECT sealed, version, mac FROM old)";
    tamper(&f.path(), sql).await;
    tamper(&f.path(), "DROP TABLE old").await;
    let refused = Fixture::open(&f.path(), &f.master).await;
    assert_eq!(refused.err(), Some(StoreError::RowSet));
}
