use super::*;
use crate::domain::{AgeEstimate, AgeYears, ArtifactRef, LicenseClass, Probability};
use crate::usecase::embed_file::Samples;
use crate::usecase::embed_file::testing::{ByName, DIM};
use crate::voice::age::testing::{head, random};

fn case(speaker: u32, age: &str, p_senior: f64, estimate: f64) -> Case {
    let p = |value: f64| Probability::new(value).unwrap();
    Case {
        speaker,
        sex: "F".into(),
        narrow: false,
        net_speech_ms: 4_000,
        age: Age::parse(age).unwrap(),
        estimate: AgeEstimate {
            years: AgeYears { estimate, low: estimate - 10.0, high: estimate + 10.0 },
            p_minor: p(0.0),
            p_senior: p(p_senior),
        },
    }
}

const DRAWS: Draws = Draws { replicates: 200, seed: 7 };

#[test]
fn figures_have_closed_forms() {
    let cases = [
        case(0, "70", 0.9, 60.0),
        case(1, "80-89", 0.4, 75.0),
        case(2, "30", 0.5, 34.0),
        case(3, "40", 0.1, 52.0),
        case(4, "20-29", 0.0, 25.0),
        case(4, "20-29", 0.0, 33.0),
        case(5, "60-69", 0.99, 66.0),
    ];
    let f = figures::figures(&cases, DRAWS).unwrap();
    assert_eq!((f.recordings, f.speakers, f.seniors, f.exact_recordings), (7, 6, 2, 3));
    assert!(f.few_seniors);
    let near = |figure: Option<Figure>, due: f64| {
        let value = figure.unwrap().value;
        assert!((value - due).abs() < 1e-12, "{value} {due}");
    };
    near(f.mae_years, (10.0 + 4.0 + 12.0) / 3.0);
    // 40 lies outside of 42 to 62; the ends belong to the interval.
    near(f.coverage, 2.0 / 3.0);
    near(f.band_distance_years, (5.0 + 0.0 + 3.0 + 0.0) / 4.0);
    // Of 2 × 4 pairs one is in the wrong order; the band 60-69 counts for neither.
    near(f.auc_senior, 7.0 / 8.0);
    // At 0.4 one of four others is let through, and between 0.5 and 0.4 the share of missed seniors falls from 0.5 to 0.
    near(f.eer_senior, 0.25);
    // One false priority of four is more than 15 %, so only 0.9 is let through.
    near(f.recall_at_15, 0.5);
    assert_eq!(f.threshold_at_15, Some(0.9));
    // The policy's default of 0.2 lets both through, and the one at 0.5.
    near(f.recall_at_policy, 1.0);
    near(f.false_priority_at_policy, 0.25);
    near(f.brier, (0.01 + 0.36 + 0.25 + 0.01) / 6.0);
    near(f.bias, (1.9 - 2.0) / 6.0);
    let bins: Vec<(usize, f64)> =
        f.reliability.iter().map(|b| (b.recordings, b.observed)).collect();
    assert_eq!(bins, [(2, 0.0), (1, 0.0), (1, 1.0), (1, 0.0), (1, 1.0)]);
    assert_eq!(
        figures::roc(&cases),
        [(0.0, 0.0), (0.0, 0.5), (0.25, 0.5), (0.25, 1.0), (0.5, 1.0), (1.0, 1.0)]
    );
}

#[test]
fn intervals_resample_people_and_repeat() {
    // Ten people with one error each, 1 to 10 years, told ten times: recordings add no certainty.
    let people = |times: u32| -> Vec<Case> {
        let of = |i: u32| case(i % 10, "30", 0.0, 31.0 + f64::from(i % 10));
        (0..10 * times).map(of).collect()
    };
    let interval = |cases: &[Case], seed: u64| {
        let draws = Draws { replicates: 500, seed };
        figures::figures(cases, draws).unwrap().mae_years.unwrap().interval.unwrap()
    };
    let (once, often) = (interval(&people(1), 1), interval(&people(10), 1));
    assert!((once.low - often.low).abs() < 1e-9 && (once.high - often.high).abs() < 1e-9);
    assert!(once.low < 5.5 && once.high > 5.5 && once.high - once.low > 2.0, "{once:?}");
    assert_eq!(once, interval(&people(1), 1));
    assert_ne!(once, interval(&people(1), 2));
    let none = figures::figures(&people(1), DRAWS).unwrap();
    assert_eq!((none.auc_senior, none.eer_senior, none.recall_at_15), (None, None, None));
    assert!(figures::figures(&[], DRAWS).is_none());
}

/// All but the first second is speech.
fn find(samples: &Samples) -> Result<Vec<bool>, EmbedError> {
    let frames = samples.mono.len() * 100 / samples.rate_hz as usize;
    Ok((0..frames).map(|i| i >= 100).collect())
}

fn options(folder: &Path) -> EvaluateAgeOptions {
    let data = folder.join("data");
    std::fs::create_dir_all(&data).unwrap();
    let mut manifest = "corpus\tspeaker\tfile\tseconds\tage\tgender\n".to_owned();
    for (speaker, age) in [(1, "20"), (2, "35-44"), (3, "50"), (4, "66"), (5, "70-79"), (6, "")] {
        for take in 0..2 {
            manifest += &format!("x\ts{speaker}\t{speaker}{take}.wav\t10\t{age}\tM\n");
        }
    }
    manifest += "y\ts1\t70.wav\t10\t30\tF\ny\ts2\t7bad1.wav\t10\t60\tF\n";
    manifest += "z\ts1\t80.wav\t10\t\tF\n";
    std::fs::write(data.join("manifest.tsv"), manifest).unwrap();
    EvaluateAgeOptions {
        data,
        corpora: vec!["x".into(), "y".into()],
        conditions: vec![Condition::Clean, Condition::Phone],
        by: vec![GroupBy::Sex, GroupBy::Channel, GroupBy::NetSpeech],
        out: folder.join("out"),
        cache: Some(folder.join("cache.safetensors")),
        seed: 1,
        draws: Draws { replicates: 20, seed: 1 },
    }
}

#[test]
fn an_evaluation_repeats_to_the_digit_and_uses_its_cache() {
    let folder = tempfile::tempdir().unwrap();
    let options = options(folder.path());
    let head = head(&random(DIM), &ArtifactRef::new("m", 1), LicenseClass::Open);
    let embed = ByName::default();
    let mut tables = [Vec::new(), Vec::new()];
    let done = run(&embed, &head, &find, &options, &mut tables[0]).unwrap();
    let embedded = embed.embedded.load(std::sync::atomic::Ordering::Relaxed);
    // 11 readable recordings, 2 conditions, 10 s of audio: whole, and cut to 1, 3 and 5 s of speech.
    assert_eq!(embedded, 11 * 2 * 4);
    let file = |name: &str| std::fs::read_to_string(options.out.join(name)).unwrap();
    let names = ["estimates.tsv", "evaluation.json", "roc-seniors.svg", "mae-net-speech.svg"];
    let first: Vec<String> = names.iter().map(|n| file(n)).collect();
    let again = run(&embed, &head, &find, &options, &mut tables[1]).unwrap();
    assert_eq!(done, again);
    assert_eq!(tables[0], tables[1]);
    assert_eq!(first, names.map(file));
    assert_eq!(embed.embedded.load(std::sync::atomic::Ordering::Relaxed), embedded);
    // The one that cannot be read is named, for each condition.
    assert_eq!(done.failed.len(), 2);
    assert!(done.failed[0].contains("7bad1.wav"), "{:?}", done.failed);
    assert_eq!(first[0].lines().count(), 1 + 11 * 2 * 4);
    assert!(first[1].contains("\"head\": \"test-age-open@2\""));
    assert!(first[2].ends_with("</svg>\n") && first[3].ends_with("</svg>\n"));
}

#[test]
fn rows_name_their_sets() {
    let folder = tempfile::tempdir().unwrap();
    let options = options(folder.path());
    let head = head(&random(DIM), &ArtifactRef::new("m", 1), LicenseClass::Open);
    let done = run(&ByName::default(), &head, &find, &options, &mut Vec::new()).unwrap();
    let row = |corpus: &str, condition, group: &str, cut_s| {
        let wanted = (corpus, condition, group, cut_s);
        let found = done
            .rows
            .iter()
            .find(|r| (r.corpus.as_str(), r.condition, r.group.as_str(), r.cut_s) == wanted);
        found.map(|r| &r.figures)
    };
    let all = row("all", Condition::Clean, "all", None).unwrap();
    assert_eq!((all.recordings, all.speakers, all.seniors), (11, 6, 2));
    assert_eq!(row("x", Condition::Phone, "all", None).unwrap().recordings, 10);
    assert_eq!(row("all", Condition::Phone, "sex M", None).unwrap().recordings, 10);
    assert_eq!(row("all", Condition::Clean, "channel narrow", None), None);
    assert_eq!(row("all", Condition::Phone, "channel narrow", None).unwrap().recordings, 11);
    assert_eq!(row("y", Condition::Clean, "all", Some(5)).unwrap().recordings, 1);
    assert_eq!(row("y", Condition::Clean, "all", Some(10)), None, "there are 9 s of speech");
    let unknown = EvaluateAgeOptions { corpora: vec!["z".into()], ..options };
    let refused = run(&ByName::default(), &head, &find, &unknown, &mut Vec::new());
    assert!(matches!(refused, Err(EvaluateAgeError::NoAges(c)) if c == "z"));
}

#[test]
fn cuts_end_with_the_speech_they_are_to_have() {
    let embed = ByName::default();
    let cuts = |condition| plan::cuts(&embed, &find, Path::new("11.wav"), condition, 1).unwrap();
    // The 100th frame with speech is the 200th; it ends 15 ms after the next one begins.
    assert_eq!(cuts(Condition::Clean), [Some(2_015), Some(4_015), Some(6_015), None]);
    assert_eq!(cuts(Condition::Phone), cuts(Condition::Clean));
}
