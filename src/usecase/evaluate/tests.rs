use std::collections::BTreeMap;

use super::*;
use crate::scoring::backend::testing::{back_end, calibration};
use crate::scoring::metrics::figures;
use crate::usecase::embed_file::testing::ByName;

fn options(folder: &Path) -> EvaluateOptions {
    let data = folder.join("data");
    std::fs::create_dir_all(&data).unwrap();
    let mut manifest = "corpus\tspeaker\tfile\tseconds\tgender\tage\n".to_owned();
    for speaker in 1..=6 {
        let gender = if speaker % 2 == 0 { "F" } else { "M" };
        for take in 0..4 {
            manifest += &format!("x\ts{speaker}\t{speaker}{take}.wav\t10\t{gender}\t3{speaker}\n");
        }
        for take in 5..8 {
            let language = ["la", "lb", "lc"][speaker / 3];
            let file = format!("common_voice_{language}_{speaker}{take}.wav");
            manifest += &format!("y\ts{speaker}\t{file}\t10\t{gender}\t\n");
        }
    }
    manifest += "x\ts7\t70.wav\t10\tF\t\nx\ts7\t7bad1.wav\t10\tF\t\n";
    manifest += "alone\ts1\t90.wav\t10\t\t\n";
    std::fs::write(data.join("manifest.tsv"), manifest).unwrap();
    let protocol = Protocol {
        corpora: vec!["x".into()],
        listed: BTreeMap::new(),
        replicates: 20,
        net_speech_s: vec![1, 5],
        ..Protocol::built_in().unwrap()
    };
    EvaluateOptions {
        data,
        protocol,
        by: vec![GroupBy::Sex, GroupBy::Channel, GroupBy::Age],
        out: folder.join("out"),
    }
}

fn systems() -> Systems {
    Systems { plain: Scorer::Plain(calibration()), full: Scorer::Full(Box::new(back_end())) }
}

fn judge(baseline: &Baseline<'_>, options: &EvaluateOptions) -> Result<Evaluation, EvaluateError> {
    let (systems, embed) = (systems(), ByName::default());
    let model = EvaluatedModel {
        name: "by-name@1".into(),
        systems: &systems,
        embed: Some(&embed),
        cache: None,
    };
    run(&model, baseline, options, &mut Vec::new())
}

fn files(folder: &Path) -> BTreeMap<std::ffi::OsString, Vec<u8>> {
    let entries = std::fs::read_dir(folder).unwrap().map(|e| e.unwrap().path());
    entries.map(|p| (p.file_name().unwrap().to_owned(), std::fs::read(&p).unwrap())).collect()
}

#[test]
fn an_evaluation_repeats_to_the_digit_from_what_it_wrote() {
    let folder = tempfile::tempdir().unwrap();
    let mut options = options(folder.path());
    let first = judge(&Baseline::Own(System::Plain), &options).unwrap();
    let written = files(&options.out);
    // 3 conditions × (trials, scores, det, reliability), the protocol, its list, the JSON.
    assert_eq!(written.len(), 15);
    options.protocol = Protocol::load(&options.out.join(protocol::PROTOCOL_FILE)).unwrap();
    // The list decides, not the order of the manifest.
    let manifest = options.data.join("manifest.tsv");
    let text = std::fs::read_to_string(&manifest).unwrap();
    let mut lines: Vec<&str> = text.lines().collect();
    lines[1..].reverse();
    std::fs::write(&manifest, lines.join("\n")).unwrap();
    options.out = folder.path().join("again");
    let second = judge(&Baseline::Own(System::Plain), &options).unwrap();
    assert_eq!((&first.rows, &first.failed), (&second.rows, &second.failed));
    for (name, content) in files(&options.out) {
        if name != "evaluation.json" {
            assert_eq!(content, written[&name], "{name:?}");
        }
    }
    // The bad recording is named once for each channel it was wanted in.
    assert_eq!(first.failed.len(), 2);
    assert!(first.failed[0].contains("7bad1.wav") && first.failed[0].ends_with("unreadable"));
    let all: Vec<&Row> = first.rows.iter().filter(|r| r.group == "all").collect();
    assert_eq!(all.len(), 3);
    // 7 templates × 18 tests that can be embedded.
    assert!(all.iter().all(|r| (r.targets, r.non_targets) == (18, 108)));
    let groups: BTreeSet<&str> = first.rows.iter().map(|r| r.group.as_str()).collect();
    assert!(groups.contains("sex F") && groups.contains("wide and narrow"), "{groups:?}");
    assert!(groups.contains("age 30-39"));
    let read = Evaluation::read(&options.out.join(EVALUATION_FILE)).unwrap();
    assert_eq!(read.rows, second.rows);
}

#[test]
fn the_figures_are_those_of_the_written_scores() {
    let folder = tempfile::tempdir().unwrap();
    let options = options(folder.path());
    let evaluation = judge(&Baseline::None, &options).unwrap();
    let row = &evaluation.rows[0];
    let text = std::fs::read_to_string(options.out.join("scores-x-clean.tsv")).unwrap();
    let list = std::fs::read_to_string(options.out.join("trials-x-clean.tsv")).unwrap();
    let list: Vec<&str> = list.lines().collect();
    let trials: Vec<_> = text
        .lines()
        .skip(1)
        .map(|line| {
            let f: Vec<&str> = line.split('\t').collect();
            let number: usize = f[0].parse().unwrap();
            assert!(list[number - 1].ends_with(&format!(" {}", f[3])), "{line}");
            assert_eq!(f[3] == "target", f[4] == f[5]);
            let score = f[2].parse().unwrap();
            crate::scoring::metrics::Trial { score, target: f[3] == "target", speakers: [0, 1] }
        })
        .collect();
    let expected = figures(&trials).unwrap();
    assert!((expected.eer - row.full.figures.eer).abs() < 1e-9);
    assert!((expected.cllr - row.full.figures.cllr).abs() < 1e-6);
    assert_eq!(row.full.act_over_min_dcf, {
        let [min, act] = [row.full.figures.min_dcf[0], row.full.figures.act_dcf[0]];
        (min > 0.0).then(|| act / min)
    });
    assert!(row.baseline.is_none() && row.full_over_baseline.is_none());
    assert!(row.notes.iter().any(|n| n.contains("rule of 3")), "{:?}", row.notes);
}

#[test]
fn earlier_scores_of_the_same_trials_are_a_baseline() {
    let folder = tempfile::tempdir().unwrap();
    let mut options = options(folder.path());
    options.protocol.corpora = vec!["x".into(), "y".into()];
    let own = judge(&Baseline::Own(System::Plain), &options).unwrap();
    let results = options.out.clone();
    options.out = folder.path().join("again");
    let earlier = |folder: &Path, model: &str| Baseline::Earlier {
        folder: folder.to_owned(),
        model: model.to_owned(),
        system: System::Plain,
    };
    let again = judge(&earlier(&results, "by-name"), &options).unwrap();
    assert_eq!(again.baseline.as_deref(), Some("by-name:plain"));
    for (a, b) in own.rows.iter().zip(&again.rows) {
        let close = |x: f64, y: f64| (x - y).abs() < 1e-9 || x == y;
        let (a, b) = (a.full_over_baseline.unwrap(), b.full_over_baseline.unwrap());
        assert!(close(a.ratio, b.ratio) && close(a.interval.high, b.interval.high));
    }
    let (systems, embed) = (systems(), ByName::default());
    let other = EvaluatedModel {
        name: "other@2".into(),
        systems: &systems,
        embed: Some(&embed),
        cache: None,
    };
    let scored = judge(&Baseline::Model(other, System::Full), &options).unwrap();
    assert_eq!(scored.baseline.as_deref(), Some("other:full"));
    assert_eq!(scored.baseline_model.as_deref(), Some("other@2"));
    let even = scored.rows[0].full_over_baseline.unwrap();
    assert_eq!((even.ratio, even.interval.high), (1.0, 1.0), "the same system");
    assert!(matches!(
        judge(&earlier(&results, "campplus"), &options),
        Err(EvaluateError::Scores(_, found)) if found.contains("by-name@1")
    ));
    options.protocol.enroll_ms = 2_000;
    options.protocol.listed.clear();
    assert!(matches!(
        judge(&earlier(&results, "by-name"), &options),
        Err(EvaluateError::OtherTrials(_))
    ));
}

#[test]
fn means_are_over_data_sets_and_pools_under_one_threshold() {
    let folder = tempfile::tempdir().unwrap();
    let mut options = options(folder.path());
    options.protocol.corpora = vec!["x".into(), "y".into()];
    options.protocol.telephone = vec!["y".into()];
    let evaluation = judge(&Baseline::Own(System::Plain), &options).unwrap();
    let of = |corpus: &str, condition: &str| {
        let mut rows = evaluation.rows.iter().filter(|r| r.group == "all");
        rows.find(|r| r.corpus == corpus && r.condition == condition)
    };
    let (x, y, all) = (of("x", "clean"), of("y", "clean"), of("all", "clean").unwrap());
    let (x, y) = (x.unwrap(), y.unwrap());
    assert_eq!(all.targets, x.targets + y.targets);
    assert_eq!(all.speakers, x.speakers + y.speakers, "people of two sets are two people");
    assert_eq!(evaluation.macro_means.len(), 1, "one set alone in the other conditions");
    let mean = &evaluation.macro_means[0];
    let expected = 0.5 * (x.full.figures.cllr + y.full.figures.cllr);
    assert!((mean.full.cllr - expected).abs() < 1e-12);
    assert!(of("y", "phone").is_none() && of("all", "phone").is_none(), "calls are not degraded");
    let same: Vec<&Row> = evaluation.rows.iter().filter(|r| r.group == "same language").collect();
    assert!(same.iter().all(|r| r.corpus == "y") && same.len() == 1);
    assert!(same[0].non_targets < y.non_targets && same[0].targets == y.targets);
    options.protocol.degrade_telephone = true;
    let degraded = judge(&Baseline::None, &options).unwrap();
    assert_eq!(degraded.macro_means.len(), 3);
}

#[test]
fn tests_are_cut_to_net_speech() {
    let folder = tempfile::tempdir().unwrap();
    let mut options = options(folder.path());
    options.by = vec![GroupBy::NetSpeech];
    let evaluation = judge(&Baseline::None, &options).unwrap();
    let row = |group: &str| evaluation.rows.iter().find(|r| r.group == group).unwrap();
    // 10 s of audio is more than twice 1 s and exactly twice 5 s: a test for each recording.
    assert_eq!(row("net speech  1 s").targets, 18);
    assert_eq!(row("net speech  5 s").targets, 18);
    assert!(files(&options.out).contains_key(std::ffi::OsStr::new("scores-x-clean-5s.tsv")));
}

#[test]
fn groups_too_small_for_figures_are_said() {
    let folder = tempfile::tempdir().unwrap();
    let mut options = options(folder.path());
    options.protocol.corpora = vec!["y".into()];
    options.by = vec![GroupBy::Language];
    let evaluation = judge(&Baseline::None, &options).unwrap();
    // Only one speaker speaks `lc`.
    let small = evaluation.small_groups.iter().find(|s| s.group == "language lc").unwrap();
    assert_eq!((small.speakers, small.non_targets), (1, 0));
    assert!(tables::text(&evaluation).contains("language lc"));
}

#[test]
fn tables_show_every_set_and_the_mean() {
    let folder = tempfile::tempdir().unwrap();
    let mut options = options(folder.path());
    options.protocol.corpora = vec!["x".into(), "y".into()];
    let evaluation = judge(&Baseline::Own(System::Plain), &options).unwrap();
    let text = tables::text(&evaluation);
    for part in ["by-name@1", "macro (2)", "sex F", "minCllr", "rule of 30"] {
        assert!(text.contains(part), "{part} in\n{text}");
    }
    let page = tables::markdown(&[evaluation.clone(), evaluation]);
    assert_eq!(page.matches("Equal error rate, %").count(), 2);
    assert!(page.contains("| clean | x | "));
}

#[test]
fn a_corpus_without_trials_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let mut options = options(folder.path());
    for corpus in ["alone", "absent"] {
        options.protocol.corpora = vec![corpus.into()];
        let result = judge(&Baseline::None, &options);
        assert!(matches!(result, Err(EvaluateError::NoTrials(name)) if name == corpus));
    }
    options.protocol.corpora = vec!["x".into()];
    let systems = systems();
    let model = EvaluatedModel { name: "m@1".into(), systems: &systems, embed: None, cache: None };
    let nothing = run(&model, &Baseline::None, &options, &mut Vec::new());
    assert!(matches!(nothing, Err(EvaluateError::Embed(_))));
}
