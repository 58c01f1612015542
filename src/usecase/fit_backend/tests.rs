use super::*;
use crate::domain::{Bandwidth, RawScore};
use crate::usecase::embed_file::{Channel, Embedded, Item};
use rand::RngExt;

/// Speakers on random directions, with noise and a channel shift.
fn made_up(speakers: usize) -> (Vec<Recording>, Embeddings) {
    let mut rng = ChaCha8Rng::seed_from_u64(4);
    let mut direction =
        |size: f32| -> Vec<f32> { (0..16).map(|_| size * (rng.random::<f32>() - 0.5)).collect() };
    let (mut recordings, mut embeddings) = (Vec::new(), Embeddings::new());
    for speaker in 0..speakers {
        let own = direction(2.0);
        for take in 0..3 {
            let recording = Recording {
                corpus: "made-up".into(),
                speaker: format!("s{speaker}"),
                file: format!("s{speaker}/{take}.wav"),
                seconds: 9.0,
                gender: String::new(),
                age: String::new(),
                session: String::new(),
            };
            for item in pieces(&recording, 1) {
                let narrow = item.channel == Channel::Journey;
                let noise = direction(if is_long(&item) { 0.8 } else { 1.4 });
                let embedding =
                    (0..16).map(|i| own[i] + noise[i] + if narrow { 0.5 } else { -0.2 }).collect();
                if let (Some(rendition), true) = (item.rendition(), is_long(&item)) {
                    let noise = direction(1.0);
                    let called = Embedded {
                        embedding: (0..16).map(|i| own[i] + noise[i] + 0.5).collect(),
                        bandwidth: Bandwidth::Narrow,
                        net_speech_ms: 8_000,
                        snr_db: None,
                    };
                    embeddings.insert(rendition, Ok(called));
                }
                let embedded = Embedded {
                    embedding,
                    bandwidth: if narrow { Bandwidth::Narrow } else { Bandwidth::Wide },
                    net_speech_ms: if is_long(&item) { 8_000 } else { 1_500 },
                    snr_db: None,
                };
                embeddings.insert(item, Ok(embedded));
            }
            recordings.push(recording);
        }
    }
    (recordings, embeddings)
}

fn options(folder: &Path) -> FitBackEndOptions {
    let model = ArtifactRef::new("tiny", 1);
    FitBackEndOptions {
        corpora: vec!["made-up".into()],
        doubtful_corpora: Vec::new(),
        cohort: 30,
        top_k: 10,
        cache: Some(folder.join("cache.safetensors")),
        ..FitBackEndOptions::shipped(folder.join("data"), folder.join("out"), model)
    }
}

#[test]
fn an_artefact_is_fitted_written_and_read() {
    let folder = tempfile::tempdir().unwrap();
    let (recordings, embeddings) = made_up(100);
    let options = options(folder.path());
    std::fs::create_dir(&options.data).unwrap();
    let mut manifest = "corpus\tspeaker\tfile\tseconds\tgender\n".to_owned();
    for r in &recordings {
        manifest += &format!("{}\t{}\t{}\t{}\t\n", r.corpus, r.speaker, r.file, r.seconds);
    }
    std::fs::write(options.data.join("manifest.tsv"), manifest).unwrap();
    assert!(matches!(run(None, None, &options), Err(FitBackEndError::Embed(_))));
    let origin = Origin { model: options.model.to_string(), seed: options.seed };
    embedding_cache::save(options.cache.as_ref().unwrap(), &origin, &embeddings).unwrap();
    let report = run(None, None, &options).unwrap();
    assert_eq!(report.speakers, 100);
    // Parts of 34, 34 and 32.
    assert_eq!(report.non_target_trials, 4 * (2 * 34 * 33 + 32 * 31) / 2);
    assert!(report.full.cross_validated.cllr < 0.7, "{report:?}");
    assert!(report.failed.is_empty(), "{:?}", report.failed);

    let read = |name: &str| std::fs::read(options.out.join(name)).unwrap();
    let text = |name: &str| String::from_utf8(read(name)).unwrap();
    let (manifest, tensors) = (text(MANIFEST_FILE), read(TENSORS_FILE));
    let loaded = BackEnd::from_files(&manifest, &tensors, &text(CALIBRATION_FILE)).unwrap();
    assert_eq!(loaded.info().license, LicenseClass::Open);
    Calibration::from_json(&text(PLAIN_CALIBRATION_FILE)).unwrap();
    let again = run(None, None, &options).unwrap();
    assert_eq!(again, report);
    assert_eq!(read(TENSORS_FILE), tensors, "repeats to the byte");
    let without = FitBackEndOptions { held_back: vec!["made-up".into()], ..options.clone() };
    let held = (0..100).filter(|i| held_back(&format!("s{i}"))).count();
    assert!(held > 0);
    let fewer = run(None, None, &without).unwrap();
    assert_eq!(fewer.speakers, 100 - held);

    let side = |name: &str| {
        let e = embeddings[&Item::whole(name)].as_ref().ok().unwrap();
        loaded.side(&[e.view()]).unwrap()
    };
    let (a, b, c) = (side("s1/0.wav"), side("s1/1.wav"), side("s2/0.wav"));
    let llr = |x, y| loaded.llr(loaded.raw(x, y), x, y);
    assert!(llr(&a, &b).0 > 0.0 && llr(&a, &c).0 < llr(&a, &b).0);
    assert!(llr(&a, &b) > loaded.llr(RawScore(loaded.raw(&a, &b).0 - 1.0), &a, &b));
}

#[test]
fn a_second_id_of_a_person_is_left_out() {
    let folder = tempfile::tempdir().unwrap();
    let (recordings, mut embeddings) = made_up(100);
    for recording in recordings.iter().filter(|r| r.speaker == "s7") {
        for item in pieces(recording, 1) {
            let twin: Item = item.to_string().replace("s7/", "s3/").parse().unwrap();
            let found = embeddings.range(twin..).next().unwrap().1.clone();
            embeddings.insert(item, found);
        }
    }
    let doubtful =
        FitBackEndOptions { doubtful_corpora: vec!["made-up".into()], ..options(folder.path()) };
    let (_, _, report) = fit_artifact(&recordings, &embeddings, &doubtful).unwrap();
    assert!(report.left_out.contains(&"made-up/s7".to_owned()));
    assert!(report.left_out.len() < 50, "{}", report.left_out.len());
}

#[test]
fn the_population_has_the_language() {
    let of = |file: &str| {
        population(&Recording {
            corpus: "c".into(),
            speaker: "s".into(),
            file: file.into(),
            seconds: 1.0,
            gender: String::new(),
            age: String::new(),
            session: String::new(),
        })
    };
    assert_eq!(of("c/s/common_voice_sv-SE_20729765.wav"), "c/sv-SE");
    assert_eq!(of("c/s/other_1.wav"), "c/");
}

#[test]
fn llrs_of_unseen_sets_lose_their_excess() {
    let mut rng = ChaCha8Rng::seed_from_u64(7);
    let mut normal = || (0..12).map(|_| rng.random::<f64>()).sum::<f64>() - 6.0;
    let mut of_set = |count: usize, excess: f64| -> Vec<Trial> {
        // Scores of two normal distributions with deviation 2, 4 apart, are their own LLRs.
        let side = |target: bool| if target { 2.0 } else { -2.0 };
        let trials = (0..count).map(|n| (n % 2 == 0, 2.0 * normal()));
        let trials = trials.map(|(target, noise)| (target, excess * (side(target) + noise) + 1.0));
        trials.map(|(target, score)| Trial { score, target, speakers: [0, 1] }).collect()
    };
    let options = FitOptions { version: 1, ridge: 1e-3, prior: 0.5, speakers: 2, pairs: 1 };
    let sure = [("a", of_set(4_000, 2.0)), ("b", of_set(400, 2.0))];
    let sure: BTreeMap<_, _> = sure.into_iter().map(|(n, t)| (n.to_owned(), t)).collect();
    let (scale, shift) = toward_unseen(&sure, 4_400, &options).unwrap();
    assert!((scale - 0.5).abs() < 0.06 && (shift + 0.5).abs() < 0.2, "{scale} {shift}");
    // Too modest ones are left as they are, and so is what nothing is known of.
    let modest = BTreeMap::from([("c".to_owned(), of_set(2_000, 0.5))]);
    assert_eq!(toward_unseen(&modest, 4_000, &options).unwrap(), (1.0, 0.0));
    assert_eq!(toward_unseen(&BTreeMap::new(), 4_000, &options).unwrap(), (1.0, 0.0));
}
