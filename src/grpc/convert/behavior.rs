//! Behavior: requests and answers.

use crate::domain::{BehaviorProfileId, Finding, SubjectId};
use crate::grpc::convert::{self, Read};
use crate::grpc::proto;
use crate::grpc::status::BadField;
use crate::usecase::command::{
    DeleteBehaviorProfile, Device, EnrollBehavior, MotionEvent, ObserveBehavior, OtherFactor,
    Phase, RawCapture, RawEvents, RawKey, RawPoint, Screen, VerifyBehavior,
};
use crate::usecase::output::{self, BehaviorFinding, BehaviorKind};

fn device_class(value: i32, field: &str) -> Read<Device> {
    use proto::DeviceClass as P;
    match P::try_from(value) {
        Ok(P::Desktop) => Ok(Device::Desktop),
        Ok(P::Phone) => Ok(Device::Phone),
        Ok(P::Tablet) => Ok(Device::Tablet),
        Ok(P::Unspecified) => Err(BadField::new(field, "is required, got UNSPECIFIED")),
        Err(_) => Err(BadField::new(field, format!("{value} is not a known value"))),
    }
}

fn phase(value: i32, field: &str) -> Read<Phase> {
    use proto::PointPhase as P;
    match P::try_from(value) {
        Ok(P::Down) => Ok(Phase::Down),
        Ok(P::Move) => Ok(Phase::Move),
        Ok(P::Up) => Ok(Phase::Up),
        Ok(P::Unspecified) => Err(BadField::new(field, "is required, got UNSPECIFIED")),
        Err(_) => Err(BadField::new(field, format!("{value} is not a known value"))),
    }
}

fn key(value: proto::KeyEvent) -> RawKey {
    RawKey {
        key: value.key,
        down_ms: value.down_ms,
        up_ms: value.up_ms,
        pressure: value.pressure,
        size: value.size,
        x: value.x,
        y: value.y,
    }
}

fn points(value: proto::PointEvents, field: &str) -> Read<Vec<RawPoint>> {
    let point = |(i, p): (usize, proto::PointEvent)| {
        Ok(RawPoint {
            phase: phase(p.phase, &format!("{field}.events[{i}].phase"))?,
            t_ms: p.t_ms,
            x: p.x,
            y: p.y,
            pressure: p.pressure,
            size: p.size,
            button: (!p.button.is_empty()).then_some(p.button),
        })
    };
    value.events.into_iter().enumerate().map(point).collect()
}

/// Three values or none.
fn axes(values: &[f32], field: impl FnOnce() -> String) -> Read<Option<[f32; 3]>> {
    match values {
        [] => Ok(None),
        [x, y, z] => Ok(Some([*x, *y, *z])),
        other => Err(BadField::new(field(), format!("needs 0 or 3 values, got {}", other.len()))),
    }
}

fn motion(values: Vec<proto::MotionEvent>, field: &str) -> Read<Vec<MotionEvent>> {
    let one = |(i, m): (usize, proto::MotionEvent)| {
        Ok(MotionEvent {
            t_ms: m.t_ms,
            accel: axes(&m.accel, || format!("{field}.motion[{i}].accel"))?,
            gyro: axes(&m.gyro, || format!("{field}.motion[{i}].gyro"))?,
        })
    };
    values.into_iter().enumerate().map(one).collect()
}

/// A capture as it came; `behavior` checks its numbers. `number` names it if the client does not.
pub fn behavior_capture(
    value: proto::BehaviorCapture,
    subject: &SubjectId,
    number: usize,
    field: &str,
) -> Read<RawCapture> {
    use proto::behavior_capture::Events as P;
    let events = match convert::required(value.events, &format!("{field}.events"))? {
        P::Keystroke(keys) => RawEvents::Keystroke(keys.events.into_iter().map(key).collect()),
        P::Touch(all) => RawEvents::Touch(points(all, &format!("{field}.touch"))?),
        P::Pointer(all) => RawEvents::Pointer(points(all, &format!("{field}.pointer"))?),
    };
    let named = !value.capture_id.is_empty();
    let screen =
        value.screen.map(|s| Screen { width_px: s.width_px, height_px: s.height_px, dpi: s.dpi });
    Ok(RawCapture {
        subject: subject.as_str().to_owned(),
        capture: if named { value.capture_id } else { number.to_string() },
        session: None,
        device: device_class(value.device, &format!("{field}.device"))?,
        text_id: (!value.text_id.is_empty()).then_some(value.text_id),
        screen,
        events,
        motion: motion(value.motion, field)?,
    })
}

fn captures(values: Vec<proto::BehaviorCapture>, subject: &SubjectId) -> Read<Vec<RawCapture>> {
    let one = |(i, capture): (usize, proto::BehaviorCapture)| {
        behavior_capture(capture, subject, i + 1, &format!("captures[{i}]"))
    };
    values.into_iter().enumerate().map(one).collect()
}

/// `before` is what precedes the fields' names: nothing, or `config.`.
pub(super) fn other_factor(
    value: Option<proto::Authorization>,
    adapt: bool,
    before: &str,
) -> Read<Option<OtherFactor>> {
    if value.is_none() {
        let field = format!("{before}adapt");
        return if adapt { Err(BadField::new(field, "needs another factor")) } else { Ok(None) };
    }
    let checked = convert::authorization(value, &format!("{before}other_factor"))?;
    Ok(Some(OtherFactor { checked, adapt }))
}

/// EnrollBehavior.
pub fn enroll_behavior(request: proto::EnrollBehaviorRequest) -> Read<EnrollBehavior> {
    let subject = convert::subject_id(&request.subject_id, "subject_id")?;
    Ok(EnrollBehavior {
        captures: captures(request.captures, &subject)?,
        subject,
        authorization: convert::authorization(request.authorization, "authorization")?,
        reenroll: request.reenroll,
        key: convert::idempotency_key(&request.idempotency_key, "idempotency_key")?,
    })
}

/// VerifyBehavior.
pub fn verify_behavior(request: proto::VerifyBehaviorRequest) -> Read<VerifyBehavior> {
    let subject = convert::subject_id(&request.subject_id, "subject_id")?;
    Ok(VerifyBehavior {
        captures: captures(request.captures, &subject)?,
        subject,
        other: other_factor(request.other_factor, request.adapt, "")?,
        key: convert::idempotency_key(&request.idempotency_key, "idempotency_key")?,
    })
}

/// The first message of ObserveBehavior.
pub fn observe_behavior(config: proto::ObserveBehaviorConfig) -> Read<ObserveBehavior> {
    Ok(ObserveBehavior {
        subject: convert::subject_id(&config.subject_id, "config.subject_id")?,
        other: other_factor(config.other_factor, config.adapt, "config.")?,
        key: convert::idempotency_key(&config.idempotency_key, "config.idempotency_key")?,
    })
}

/// GetBehaviorProfiles.
pub fn get_behavior_profiles(request: proto::GetBehaviorProfilesRequest) -> Read<SubjectId> {
    convert::subject_id(&request.subject_id, "subject_id")
}

/// DeleteBehaviorProfile.
pub fn delete_behavior_profile(
    request: proto::DeleteBehaviorProfileRequest,
) -> Read<DeleteBehaviorProfile> {
    Ok(DeleteBehaviorProfile {
        subject: convert::subject_id(&request.subject_id, "subject_id")?,
        profile: convert::id(&request.profile_id, "profile_id", BehaviorProfileId::parse)?,
        key: convert::idempotency_key(&request.idempotency_key, "idempotency_key")?,
    })
}

fn kind(value: BehaviorKind) -> proto::BehaviorKind {
    use proto::BehaviorKind as P;
    match value {
        BehaviorKind::FixedText => P::FixedText,
        BehaviorKind::FreeText => P::FreeText,
        BehaviorKind::Touch => P::Touch,
        BehaviorKind::Pointer => P::Pointer,
    }
}

fn device(value: Device) -> proto::DeviceClass {
    use proto::DeviceClass as P;
    match value {
        Device::Desktop => P::Desktop,
        Device::Phone => P::Phone,
        Device::Tablet => P::Tablet,
    }
}

fn progress(value: &output::BehaviorProgress) -> proto::BehaviorProgress {
    proto::BehaviorProgress {
        captures: value.captures,
        required_captures: value.required_captures,
        units: value.units,
        required_units: value.required_units,
        text: value.text(),
    }
}

/// Outcome of captures offered to a profile.
pub fn behavior_enrollment(value: output::BehaviorEnrollment) -> proto::EnrollBehaviorResponse {
    let outcome = |o: output::CaptureOutcome| proto::CaptureOutcome {
        capture_id: o.capture,
        accepted: o.accepted,
        reasons: convert::reasons(&o.reasons),
    };
    proto::EnrollBehaviorResponse {
        state: convert::enrollment_state(value.state),
        progress: Some(progress(&value.progress)),
        captures: value.captures.into_iter().map(outcome).collect(),
        reasons: convert::reasons(&value.reasons),
        profile_id: value.profile.map(String::from).unwrap_or_default(),
        kind: kind(value.kind) as i32,
        device: device(value.device) as i32,
        decision_id: value.decision_id.into(),
        versions: Some(convert::versions(&value.versions)),
    }
}

fn finding(value: output::ShownFinding) -> proto::BehaviorFinding {
    use proto::BehaviorFindingKind as K;
    use proto::FindingState as S;
    let kind = match value.kind {
        BehaviorFinding::Replay => K::Replay,
        BehaviorFinding::Scripted => K::Scripted,
        BehaviorFinding::Paste => K::Paste,
        BehaviorFinding::RemoteControl => K::RemoteControl,
        BehaviorFinding::Hesitation => K::Hesitation,
        BehaviorFinding::CoarseClock => K::CoarseClock,
    };
    let state = match value.state {
        Finding::Present => S::Detected,
        Finding::Absent => S::NotDetected,
        Finding::Unknown => S::Unknown,
    };
    proto::BehaviorFinding { kind: kind as i32, state: state as i32, detail: value.detail }
}

fn findings(values: Vec<output::ShownFinding>) -> Vec<proto::BehaviorFinding> {
    values.into_iter().map(finding).collect()
}

/// A final decision.
pub fn behavior_result(value: output::BehaviorVerification) -> proto::BehaviorResult {
    let habit = |h: output::ShownHabit| proto::Habit {
        what: h.what,
        position: h.position.map(u32::from),
        deviation: h.deviation,
        llr: h.llr,
    };
    let (no_kind, no_device) = (proto::BehaviorKind::Unspecified, proto::DeviceClass::Unspecified);
    proto::BehaviorResult {
        decision: convert::decision(value.decision) as i32,
        reasons: convert::reasons(&value.reasons),
        score: value.score.map(convert::score),
        findings: findings(value.findings),
        habits: value.habits.into_iter().map(habit).collect(),
        kind: value.kind.map_or(no_kind, kind) as i32,
        device: value.device.map_or(no_device, device) as i32,
        captures: value.captures,
        units: value.units,
        enough: value.enough,
        adapted: value.adapted,
        decision_id: value.decision_id.into(),
        versions: Some(convert::versions(&value.versions)),
    }
}

/// Evidence on the way.
pub fn behavior_update(value: output::BehaviorUpdate) -> proto::BehaviorUpdate {
    proto::BehaviorUpdate {
        decision: convert::decision(value.decision) as i32,
        reasons: convert::reasons(&value.reasons),
        score: value.score.map(convert::score),
        findings: findings(value.findings),
        captures: value.captures,
        units: value.units,
        enough: value.enough,
        versions: Some(convert::versions(&value.versions)),
    }
}

/// A profile without its content.
pub fn behavior_profile(value: output::BehaviorProfileInfo) -> proto::BehaviorProfile {
    proto::BehaviorProfile {
        profile_id: value.id.into(),
        subject_id: value.subject.into(),
        kind: kind(value.kind) as i32,
        device: device(value.device) as i32,
        state: convert::enrollment_state(value.state),
        progress: Some(progress(&value.progress)),
        adapted: value.adapted,
        created_at: Some(convert::timestamp_out(value.created_at)),
        completed_at: value.completed_at.map(convert::timestamp_out),
        expires_at: value.expires_at.map(convert::timestamp_out),
        authorization: Some(proto::Authorization {
            agent: value.authorization.agent,
            factor: value.authorization.factor,
        }),
        background: value.background.to_string(),
        bytes: value.bytes,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn capture(events: proto::behavior_capture::Events) -> proto::BehaviorCapture {
        let device = proto::DeviceClass::Phone as i32;
        proto::BehaviorCapture { device, events: Some(events), ..Default::default() }
    }

    fn read(value: proto::BehaviorCapture) -> Read<RawCapture> {
        let subject = SubjectId::parse("s").unwrap();
        behavior_capture(value, &subject, 3, "captures[2]")
    }

    #[test]
    fn a_capture_is_read_as_it_came() {
        let point = proto::PointEvent {
            phase: proto::PointPhase::Down as i32,
            t_ms: 1.5,
            x: 2.0,
            y: f64::NAN,
            button: "left".into(),
            ..Default::default()
        };
        let all = proto::PointEvents { events: vec![point] };
        let mut value = capture(proto::behavior_capture::Events::Pointer(all));
        value.motion =
            vec![proto::MotionEvent { t_ms: 0.0, accel: vec![0.0, 0.0, 9.8], gyro: vec![] }];
        let raw = read(value).unwrap();
        assert_eq!((raw.capture.as_str(), raw.device, raw.text_id), ("3", Device::Phone, None));
        assert_eq!(raw.motion[0].accel, Some([0.0, 0.0, 9.8]));
        assert_eq!(raw.motion[0].gyro, None);
        let RawEvents::Pointer(points) = raw.events else { panic!("points went in") };
        assert_eq!((points[0].phase, points[0].button.as_deref()), (Phase::Down, Some("left")));
        assert!(points[0].y.is_nan(), "numbers are checked behind this door");
    }

    #[test]
    fn what_is_missing_or_unknown_is_named() {
        let keys = || proto::behavior_capture::Events::Keystroke(proto::KeyEvents::default());
        let bare = proto::BehaviorCapture { events: None, ..capture(keys()) };
        assert_eq!(read(bare).unwrap_err().field, "captures[2].events");
        let nowhere = proto::BehaviorCapture { device: 0, ..capture(keys()) };
        assert_eq!(read(nowhere).unwrap_err().field, "captures[2].device");
        let strange = proto::PointEvent { phase: 77, ..Default::default() };
        let touch = proto::PointEvents { events: vec![strange] };
        let touch = capture(proto::behavior_capture::Events::Touch(touch));
        assert_eq!(read(touch).unwrap_err().field, "captures[2].touch.events[0].phase");
        let mut odd = capture(keys());
        odd.motion = vec![proto::MotionEvent { accel: vec![1.0], ..Default::default() }];
        assert_eq!(read(odd).unwrap_err().field, "captures[2].motion[0].accel");
        assert_eq!(other_factor(None, true, "config.").unwrap_err().field, "config.adapt");
        assert_eq!(other_factor(None, false, "").unwrap(), None);
    }
}
