use super::*;
use crate::scoring::backend::testing::{back_end, calibration};
use crate::usecase::embed_file::testing::ByName;
use crate::usecase::evaluate::Systems;

fn trials(targets: &[f64], non_targets: &[f64]) -> Vec<Trial> {
    let number = |i: usize| u32::try_from(i).unwrap();
    let same = targets.iter().enumerate().map(|(i, s)| Trial {
        score: *s,
        target: true,
        speakers: [number(i); 2],
    });
    let other = non_targets.iter().enumerate().map(|(i, s)| Trial {
        score: *s,
        target: false,
        speakers: [number(i), number(i) + 1],
    });
    same.chain(other).collect()
}

#[test]
fn the_bound_refuses_no_more_than_stated() {
    let scores: Vec<f64> = (1..=200).map(f64::from).collect();
    let all = trials(&scores, &[1.5, 3.5, 250.0]);
    let weights = vec![1.0; all.len()];
    for (rate, bound) in [(0.01, 3.0), (0.005, 2.0), (0.004, 1.0), (0.5, 101.0)] {
        let llr = highest_bound(&all, &weights, rate).unwrap();
        assert_eq!(llr, bound, "{rate}");
        let refused = share(&all, &weights, true, |s| s < llr).unwrap();
        assert!(refused <= rate);
        let higher = share(&all, &weights, true, |s| s < llr + 0.5).unwrap();
        assert!(higher > rate, "no higher bound would do");
    }
    assert_eq!(share(&all, &weights, false, |s| s >= 3.0), Some(2.0 / 3.0));
    assert_eq!(highest_bound(&all[200..], &weights, 0.01), None);
    // A weight counts like copies.
    let mut double = weights.clone();
    double[0] = 3.0;
    assert_eq!(highest_bound(&all, &double, 0.01), Some(1.0));
}

fn options(folder: &std::path::Path, choose: &[&str]) -> EnrollmentOptions {
    let data = folder.join("data");
    std::fs::create_dir_all(&data).unwrap();
    let mut manifest = "corpus\tspeaker\tfile\tseconds\tgender\n".to_owned();
    for speaker in 1..=6 {
        let gender = if speaker % 2 == 0 { "F" } else { "M" };
        for take in 0..4 {
            manifest += &format!("x\ts{speaker}\t{speaker}{take}.wav\t20\t{gender}\n");
        }
        for take in 0..2 {
            manifest += &format!("z\tz{speaker}\t{speaker}{take}long.wav\t30\t{gender}\n");
        }
    }
    manifest += "x\ts7\t7bad1.wav\t20\tF\n";
    std::fs::write(data.join("manifest.tsv"), manifest).unwrap();
    let mut protocol = Protocol::built_in().unwrap();
    protocol.enrollment.choose = choose.iter().map(|c| (*c).to_owned()).collect();
    protocol.enrollment.report = Vec::new();
    protocol.replicates = 50;
    EnrollmentOptions { data, protocol, out: folder.join("out"), false_refusal: 0.05 }
}

fn measure(
    options: &EnrollmentOptions,
    embed: Option<&ByName>,
) -> Result<(EnrollmentEvaluation, String), EvaluateError> {
    let systems =
        Systems { plain: Scorer::Plain(calibration()), full: Scorer::Full(Box::new(back_end())) };
    let model = EvaluatedModel {
        name: "by-name@1".into(),
        systems: &systems,
        embed: embed.map(|e| e as _),
        cache: Some(options.data.join("cache")),
    };
    let mut table = Vec::new();
    let evaluation = run(&model, options, &mut table)?;
    Ok((evaluation, String::from_utf8(table).unwrap()))
}

#[test]
fn both_checks_are_measured_and_repeat_from_the_cache() {
    let folder = tempfile::tempdir().unwrap();
    let options = options(folder.path(), &["x"]);
    let (first, table) = measure(&options, Some(&ByName::default())).unwrap();
    assert_eq!(first.failed.len(), 2, "the bad recording in both channels");
    let of = |check: &str, condition: &str, before: Option<usize>| {
        let row = first.rows.iter().find(|r| {
            (r.check.as_str(), r.condition.as_str(), r.before) == (check, condition, before)
        });
        row.unwrap_or_else(|| panic!("{check} {condition} {before:?}"))
    };
    // 6 speakers with 4 utterances: 3, 2, 1 windows; 3 speakers of either sex, so 2 others each.
    for (before, targets) in [(1, 18), (2, 12), (3, 6)] {
        let row = of("consistency", "clean", Some(before));
        assert_eq!((row.targets, row.non_targets, row.speakers), (targets, 12, 6));
        assert!(row.chooses && row.bound.is_some());
    }
    let all = of("consistency", "all", None);
    assert_eq!((all.targets, all.non_targets), (2 * 36, 2 * 36));
    // Every recording has 5 s of speech of 10 s (its parts are too short), as the test embedder hears.
    assert!(first.rows.iter().all(|r| r.check != "same recording"));
    assert!(!table.contains("same_recording_llr for"));
    let at = all.at_bounds.last().unwrap();
    assert_eq!(at.llr, first.default_bounds[0]);
    assert!(at.false_acceptance_interval.is_some());
    assert!(table.contains("consistency_llr for 5.0 % false refusals"), "{table}");
    let (again, _) = measure(&options, None).unwrap();
    assert_eq!(again.rows, first.rows);
    let written = std::fs::read_to_string(options.out.join("enrollment.json")).unwrap();
    let written: serde_json::Value = serde_json::from_str(&written).unwrap();
    assert_eq!(written["rows"].as_array().unwrap().len(), first.rows.len());
}

#[test]
fn a_second_speaker_within_a_recording_lowers_its_llr() {
    let folder = tempfile::tempdir().unwrap();
    let options = options(folder.path(), &["z"]);
    let (first, table) = measure(&options, Some(&ByName::default())).unwrap();
    let rows: Vec<&CheckRow> = first.rows.iter().filter(|r| r.check == "same recording").collect();
    assert_eq!(rows.len(), 3, "all, clean, phone");
    let clean = rows.iter().find(|r| r.condition == "clean").unwrap();
    // Each of 12 recordings as it is, and spliced with one of another speaker.
    assert_eq!((clean.targets, clean.non_targets), (12, 12));
    let bound = clean.bound.as_ref().unwrap();
    // The parts of a test recording are all alike, those of two speakers are not.
    assert!(bound.false_acceptance.unwrap() < 0.5, "{clean:?}");
    assert_eq!(bound.support, Support::TooFewTrials);
    assert!(table.contains("same_recording_llr for 5.0 % false refusals"), "{table}");
    let (again, _) = measure(&options, None).unwrap();
    assert_eq!(again.rows, first.rows);
}

#[test]
fn wrong_rates_and_absent_data_sets_are_errors() {
    let folder = tempfile::tempdir().unwrap();
    let mut options = options(folder.path(), &["absent"]);
    let none = measure(&options, Some(&ByName::default()));
    assert!(matches!(none, Err(EvaluateError::NoTrials(names)) if names == "absent"));
    for rate in [0.0, 1.0, f64::NAN] {
        options.false_refusal = rate;
        let refused = measure(&options, Some(&ByName::default()));
        assert!(matches!(refused, Err(EvaluateError::Scoring(_))));
    }
}
