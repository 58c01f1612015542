use super::*;
use crate::behavior::pointer::features::MISSING;
use crate::behavior::pointer::fit::tests::{made, trained};

#[test]
fn more_actions_say_more() {
    let background = trained();
    let template = Template::new(&[made(200, 0, 150)], Some(&background)).unwrap();
    let llr = |actions| template.score(&[made(200, 1, actions)]).unwrap().llr.0;
    let mean = |actions: usize| {
        (201..215)
            .map(|p| {
                let template = Template::new(&[made(p, 0, 150)], Some(&background)).unwrap();
                template.score(&[made(p, 1, actions)]).unwrap().llr.0
            })
            .sum::<f64>()
            / 14.0
    };
    assert!(mean(60) > mean(6), "{} {}", mean(60), mean(6));
    assert!(llr(60).abs() <= MAX_LLR);
    assert!(!template.score(&[made(200, 1, 5)]).unwrap().enough);
}

#[test]
fn samples_of_a_window_count_together() {
    let background = trained();
    let template = Template::new(&[made(3, 0, 100)], Some(&background)).unwrap();
    let whole = made(3, 1, 60);
    let part = |range: std::ops::Range<usize>| {
        let dim = whole.dim;
        Sample { rows: whole.rows[range.start * dim..range.end * dim].to_vec(), ..whole.clone() }
    };
    let mut parts = [part(0..20), part(20..40), part(40..60)];
    let together = template.score(&parts).unwrap();
    let whole = template.score(std::slice::from_ref(&whole)).unwrap();
    assert!((together.llr.0 - whole.llr.0).abs() < 0.5, "{together:?} {whole:?}");
    assert!(together.enough);
    parts.reverse();
    assert_eq!(template.score(&parts).unwrap(), together);
}

#[test]
fn the_order_of_enrollment_says_nothing() {
    let background = trained();
    let enrolled: Vec<Sample> = (0..8).map(|i| made(3, i, 17)).collect();
    let probe = [made(3, 20, 60)];
    for known in [Some(&background), None] {
        let first = Template::new(&enrolled, known).unwrap().score(&probe).unwrap();
        for turn in 1..8 {
            let mut turned = enrolled.clone();
            turned.rotate_left(turn);
            turned.swap(0, 3);
            let again = Template::new(&turned, known).unwrap().score(&probe).unwrap();
            assert_eq!(again, first);
        }
    }
}

#[test]
fn habits_name_what_differs() {
    let background = trained();
    let template = Template::new(&[made(5, 0, 150)], Some(&background)).unwrap();
    let mut probe = made(5, 1, 60);
    // Holds twice as long as ever.
    let at = 2;
    let dim = probe.dim;
    probe.rows.chunks_exact_mut(dim).for_each(|row| row[at] += 4.0);
    let evidence = template.score(&[probe]).unwrap();
    assert!(evidence.habits.len() <= Evidence::MAX_HABITS);
    let found = evidence.habits.iter().find(|h| h.what == NAMES[0]).unwrap();
    assert!(found.deviation > 2.0 && found.llr < 0.0, "{found:?}");
}

#[test]
fn the_fallback_answers_without_a_background() {
    let mut right = 0;
    for person in 300..320 {
        let template = Template::new(&[made(person, 0, 150)], None).unwrap();
        let own = template.score(&[made(person, 1, 60)]).unwrap();
        let other = template.score(&[made(person + 50, 1, 60)]).unwrap();
        right += usize::from(own.llr.0 > other.llr.0);
        assert!(own.llr.0.abs() <= MAX_LLR);
    }
    assert!(right >= 18, "{right} of 20");
}

#[test]
fn what_cannot_be_compared_is_refused() {
    let template = Template::new(&[made(1, 0, 100)], None).unwrap();
    assert!(matches!(template.score(&[]), Err(BehaviorError::TooFew { .. })));
    assert!(Template::new(&[], None).is_err());
    let mut tablet = made(1, 1, 20);
    tablet.device = Device::Tablet;
    assert!(matches!(template.score(&[tablet]), Err(BehaviorError::Mismatch { .. })));
    let known = trained();
    let mut empty = made(1, 1, 20);
    let dim = empty.dim;
    empty.rows.chunks_exact_mut(dim).for_each(|row| row[2..].fill(MISSING));
    for background in [Some(&known), None] {
        let template = Template::new(&[made(1, 0, 100)], background).unwrap();
        let nothing = template.score(std::slice::from_ref(&empty));
        assert!(matches!(nothing, Err(BehaviorError::TooFew { .. })), "{nothing:?}");
    }
    let mut odd = made(1, 1, 20);
    odd.rows[5] = f32::INFINITY;
    assert!(matches!(template.score(&[odd]), Err(BehaviorError::Sample { .. })));
}
