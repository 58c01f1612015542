//! Answers about age classes.

use vouch::domain::*;
use vouch::usecase::command::*;
use vouch::usecase::output::*;

use super::voice::quality;
use super::{decision_id, versions};

pub fn age_head() -> AgeHeadRef {
    AgeHeadRef {
        artifact: ArtifactRef::new("campplus-age-research", 1),
        license_class: LicenseClass::Research,
        data: vec!["coswara".into()],
    }
}

pub fn age_classification() -> AgeClassification {
    AgeClassification {
        class: AgeClass::Senior,
        reasons: vec![Reason::NarrowBand],
        estimate: None,
        routing: Some(ShownHint {
            queue: RoutingQueue::Priority,
            reason: Reason::SeniorLikely,
            band: ConfidenceBand::High,
            confidence: None,
        }),
        quality: quality(5_000),
        head: age_head(),
        decision_id: decision_id(),
        versions: versions(),
    }
}

pub fn age_class_status(c: EnableAgeClass) -> AgeClassStatus {
    let setting = AgeClassSetting {
        notice_id: c.notice_id,
        notice_version: c.notice_version,
        research: c.research,
        enabled_at: Timestamp::from_unix_ms(1_500),
    };
    AgeClassStatus { setting: Some(setting), head: Some(age_head()) }
}
