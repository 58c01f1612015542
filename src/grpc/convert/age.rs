//! Age class: requests and answers.

use crate::domain::{AgeClass, AgeEstimate, ConfidenceBand, LicenseClass, RoutingQueue};
use crate::grpc::convert::{self, Read};
use crate::grpc::proto;
use crate::usecase::command::{DisableAgeClass, EnableAgeClass};
use crate::usecase::output;

/// EnableAgeClass.
pub fn enable_age_class(request: proto::EnableAgeClassRequest) -> Read<EnableAgeClass> {
    Ok(EnableAgeClass {
        notice_id: convert::text(request.notice_id, "notice_id")?,
        notice_version: convert::text(request.notice_version, "notice_version")?,
        research: request.research,
        key: convert::idempotency_key(&request.idempotency_key, "idempotency_key")?,
    })
}

/// DisableAgeClass.
pub fn disable_age_class(request: proto::DisableAgeClassRequest) -> Read<DisableAgeClass> {
    let key = convert::idempotency_key(&request.idempotency_key, "idempotency_key")?;
    Ok(DisableAgeClass { key })
}

/// A class.
pub fn age_class(value: AgeClass) -> proto::AgeClass {
    use proto::AgeClass as P;
    match value {
        AgeClass::Minor => P::Minor,
        AgeClass::Adult => P::Adult,
        AgeClass::Senior => P::Senior,
        AgeClass::Undetermined => P::Undetermined,
    }
}

fn routing_hint(value: output::ShownHint) -> proto::RoutingHint {
    use proto::ConfidenceBand as P;
    let queue = match value.queue {
        RoutingQueue::Priority => proto::RoutingQueue::Priority,
    };
    let band = match value.band {
        ConfidenceBand::Low => P::Low,
        ConfidenceBand::Medium => P::Medium,
        ConfidenceBand::High => P::High,
    };
    proto::RoutingHint {
        queue: queue as i32,
        reason: convert::reason(value.reason) as i32,
        band: band as i32,
        confidence: value.confidence.map(|p| p.value()),
    }
}

fn age_head(value: output::AgeHeadRef) -> proto::AgeHead {
    let license_class = match value.license_class {
        LicenseClass::Open => proto::LicenseClass::Open,
        LicenseClass::Research => proto::LicenseClass::Research,
    };
    proto::AgeHead {
        id: value.artifact.to_string(),
        license_class: license_class as i32,
        data: value.data,
    }
}

/// A categorization.
pub fn age_classification(value: output::AgeClassification) -> proto::ClassifyAgeResponse {
    let years = |e: &AgeEstimate| proto::AgeYears {
        estimate: e.years.estimate,
        low: e.years.low,
        high: e.years.high,
    };
    proto::ClassifyAgeResponse {
        age_class: age_class(value.class) as i32,
        reasons: convert::reasons(&value.reasons),
        p_senior: value.estimate.map(|e| e.p_senior.value()),
        years: value.estimate.as_ref().map(years),
        routing_hint: value.routing.map(routing_hint),
        quality: Some(convert::quality(value.quality)),
        head: Some(age_head(value.head)),
        decision_id: value.decision_id.into(),
        versions: Some(convert::versions(&value.versions)),
    }
}

/// Whether it is enabled.
pub fn age_class_status(value: output::AgeClassStatus) -> proto::AgeClassStatus {
    let head = value.head.map(age_head);
    let Some(setting) = value.setting else {
        return proto::AgeClassStatus { head, ..Default::default() };
    };
    proto::AgeClassStatus {
        enabled: true,
        notice_id: setting.notice_id,
        notice_version: setting.notice_version,
        research: setting.research,
        enabled_at: Some(convert::timestamp_out(setting.enabled_at)),
        head,
    }
}
