use super::*;
use crate::behavior::event::Device;
use crate::behavior::pointer::Template;

/// Deterministic, close to normal.
fn noise(seed: u64) -> f32 {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let mut sum = 0.0;
    for _ in 0..12 {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        sum += state as f64 / u64::MAX as f64;
    }
    (sum - 6.0) as f32
}

/// How far people lie apart in every third feature, in deviations of an action.
const SPREAD: [f32; 3] = [0.5, 0.0, 0.0];

/// Made people differ in the mean of every third feature; features 18 and 19 exist for clicks only.
pub(in crate::behavior::pointer) fn made(person: u32, session: u32, actions: usize) -> Sample {
    let mut rows = Vec::with_capacity(actions * ROW);
    for a in 0..actions {
        let at = |i: usize| {
            noise(
                u64::from(person) * 1_000_003
                    + u64::from(session) * 500_009
                    + (a * ROW + i) as u64
                    + 1,
            )
        };
        let kind = a % 3;
        let length = at(1);
        rows.extend([kind as f32, length]);
        for i in 0..FEATURES {
            let own = noise(u64::from(person) * 7_919 + i as u64 + 77) * SPREAD[i % 3];
            let absent = (i == 18 || i == 19) && kind != 1;
            let value = own + at(i + 2) + 0.5 * length;
            rows.push(if absent { crate::behavior::pointer::features::MISSING } else { value });
        }
    }
    Sample {
        kind: SampleKind::Pointer,
        device: Device::Desktop,
        text: None,
        dim: ROW,
        units: actions as u32,
        held: None,
        rows,
    }
}

pub(in crate::behavior::pointer) fn trained() -> Background {
    let samples: Vec<(u32, u32, Sample)> =
        (0..40).flat_map(|p| [(p, 0, made(p, 0, 150)), (p, 1, made(p, 1, 60))]).collect();
    Background::train(&samples.iter().map(|(p, s, x)| (*p, *s, x)).collect::<Vec<_>>()).unwrap()
}

#[test]
fn strangers_of_the_background_are_told_apart() {
    let background = trained();
    let (mut misranked, mut wrong) = (0, 0);
    for person in 100..120 {
        let template = Template::new(&[made(person, 0, 150)], Some(&background)).unwrap();
        let own = template.score(&[made(person, 1, 60)]).unwrap();
        let other = template.score(&[made(person + 50, 1, 60)]).unwrap();
        assert!(own.enough);
        misranked += usize::from(own.raw.0 <= other.raw.0);
        wrong += usize::from(own.llr.0 < 0.0) + usize::from(other.llr.0 > 0.0);
    }
    assert!(misranked <= 2 && wrong <= 8, "{misranked} of 20, {wrong} of 40");
}

#[test]
fn a_background_survives_its_file_and_damage_is_refused() {
    let background = trained();
    let text = serde_json::to_string(&background).unwrap();
    let back: Background = serde_json::from_str(&text).unwrap();
    back.check().unwrap();
    let mut bad = background.clone();
    bad.version = 9;
    assert!(bad.check().is_err());
    bad = background.clone();
    bad.scale.pop();
    assert!(bad.check().is_err());
    bad = background.clone();
    bad.length_fit[3] = f32::NAN;
    assert!(bad.check().is_err());
    bad = background.clone();
    bad.plda.mean.push(0.0);
    assert!(bad.check().is_err());
    bad = background;
    bad.calibration.weights.pop();
    assert!(bad.check().is_err());
}

#[test]
fn too_few_people_and_other_samples_are_refused() {
    let few: Vec<Sample> = (0..6).map(|p| made(p, 0, 50)).collect();
    let of = |samples: &[Sample]| {
        Background::train(&samples.iter().map(|s| (0, 0, s)).collect::<Vec<_>>())
    };
    assert!(matches!(of(&few), Err(BehaviorError::TooFew { needed: MIN_PEOPLE, .. })));
    assert!(of(&[]).is_err());
    let mut odd = made(0, 0, 3);
    odd.rows.pop();
    assert!(matches!(of(&[odd]), Err(BehaviorError::Sample { .. })));
    let mut odd = made(0, 0, 3);
    odd.kind = SampleKind::Touch;
    assert!(matches!(of(&[odd]), Err(BehaviorError::Sample { .. })));
}
