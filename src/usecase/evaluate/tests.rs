use super::*;
use crate::scoring::backend::testing::{back_end, calibration};
use crate::usecase::embed_file::testing::ByName;

fn options(folder: &Path) -> EvaluateOptions {
    let data = folder.join("data");
    std::fs::create_dir_all(&data).unwrap();
    let mut manifest = "corpus\tspeaker\tfile\tseconds\tgender\n".to_owned();
    for speaker in 1..=6 {
        let gender = if speaker % 2 == 0 { "F" } else { "M" };
        for take in 0..4 {
            manifest += &format!("x\ts{speaker}\t{speaker}{take}.wav\t10\t{gender}\n");
        }
    }
    manifest += "x\ts7\t70.wav\t10\tF\nx\ts7\t7bad1.wav\t10\tF\n";
    manifest += "alone\ts1\t90.wav\t10\t\n";
    std::fs::write(data.join("manifest.tsv"), manifest).unwrap();
    EvaluateOptions {
        data,
        corpora: vec!["x".into()],
        telephone_corpora: Vec::new(),
        conditions: Condition::ALL.to_vec(),
        by: vec![GroupBy::Gender, GroupBy::Bandwidth],
        out: folder.join("out"),
        cache: None,
        seed: 1,
        judging: Judging { replicates: 20, ..Judging::default() },
    }
}

fn systems() -> Systems {
    Systems { plain: Scorer::Plain(calibration()), full: Scorer::Full(Box::new(back_end(true))) }
}

#[test]
fn an_evaluation_repeats_to_the_digit() {
    let folder = tempfile::tempdir().unwrap();
    let mut options = options(folder.path());
    let (mut one, mut two) = (Vec::new(), Vec::new());
    let first = run(Some(&ByName::default()), &systems(), &options, &mut one).unwrap();
    let files: BTreeMap<_, _> = std::fs::read_dir(&options.out)
        .unwrap()
        .map(|e| e.unwrap().path())
        .map(|p| (p.file_name().unwrap().to_owned(), std::fs::read(&p).unwrap()))
        .collect();
    options.out = folder.path().join("again");
    let second = run(Some(&ByName::default()), &systems(), &options, &mut two).unwrap();
    assert_eq!((&first, &one), (&second, &two));
    for (name, content) in &files {
        assert_eq!(&std::fs::read(options.out.join(name)).unwrap(), content, "{name:?}");
    }
    // 3 conditions × (trials, scores, det, reliability) and the JSON.
    assert_eq!(files.len(), 13);
    // The bad recording is named once for each channel it was wanted in.
    assert_eq!(first.failed.len(), 2);
    assert!(first.failed[0].contains("7bad1.wav") && first.failed[0].ends_with("unreadable"));
    let all: Vec<&Row> = first.rows.iter().filter(|r| r.group == "all").collect();
    assert_eq!(all.len(), 3);
    // 7 templates × 18 tests that can be embedded.
    assert!(all.iter().all(|r| (r.targets, r.non_targets) == (18, 108)));
    let groups: BTreeSet<&str> = first.rows.iter().map(|r| r.group.as_str()).collect();
    assert!(groups.contains("gender F") && groups.contains("wide-narrow"));
}

#[test]
fn a_corpus_of_calls_is_not_degraded() {
    let folder = tempfile::tempdir().unwrap();
    let mut options = options(folder.path());
    options.telephone_corpora = vec!["x".into()];
    let evaluation = run(Some(&ByName::default()), &systems(), &options, &mut Vec::new()).unwrap();
    assert!(evaluation.rows.iter().all(|r| r.condition == "clean"));
}

#[test]
fn a_corpus_without_trials_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let mut options = options(folder.path());
    for corpus in ["alone", "absent"] {
        options.corpora = vec![corpus.into()];
        let result = run(Some(&ByName::default()), &systems(), &options, &mut Vec::new());
        assert!(matches!(result, Err(EvaluateError::NoTrials(name)) if name == corpus));
    }
    options.corpora = vec!["x".into()];
    assert!(matches!(
        run(None, &systems(), &options, &mut Vec::new()),
        Err(EvaluateError::NoEmbeddings)
    ));
}
