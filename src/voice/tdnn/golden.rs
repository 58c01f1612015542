//! The shipped model on a real recording, from samples to embedding, against its definition in another
//! language (`fixtures/mfcc-tdnn/make_golden.py`).

use crate::voice::{Extractor, MIN_FRAMES, Manifest, Scratch, VoiceError};

use super::shape::CEPS;

/// The lowest cosine to the definition that counts as agreement.
const MIN_COSINE: f64 = 0.99999;
/// Largest difference of a value, relative to the largest value.
const MAX_ERROR: f32 = 1e-4;
/// Largest difference of a cepstrum; their magnitudes reach 100.
const MAX_CEPSTRUM_ERROR: f32 = 1e-3;
/// Bytes before the samples of the fixture, a plain WAV file.
const WAV_HEADER_BYTES: usize = 44;
/// Most bytes of the weights file, so that the program stays small.
const MAX_WEIGHTS_BYTES: usize = 4_000_000;

fn floats(bytes: &[u8]) -> Vec<f32> {
    bytes.as_chunks::<4>().0.iter().map(|&word| f32::from_le_bytes(word)).collect()
}

fn cepstra() -> Vec<f32> {
    let wav = include_bytes!("../../../fixtures/campplus/clip.wav");
    let words = wav[WAV_HEADER_BYTES..].as_chunks::<2>().0;
    let samples: Vec<f32> = words.iter().map(|&word| f32::from(i16::from_le_bytes(word))).collect();
    let manifest = Manifest::built_in("mfcc-tdnn").unwrap();
    let mut frames = Vec::new();
    manifest.front_end.plan().unwrap().compute(&samples, &mut frames).unwrap();
    frames
}

fn extractor() -> Extractor {
    let manifest = Manifest::built_in("mfcc-tdnn").unwrap();
    let weights = manifest.built_in_weights().unwrap();
    assert!(weights.len() < MAX_WEIGHTS_BYTES, "{} bytes", weights.len());
    Extractor::from_safetensors(manifest, weights, None).unwrap()
}

/// Largest difference between two lists of one length.
fn apart(a: &[f32], b: &[f32]) -> f32 {
    assert_eq!(a.len(), b.len());
    a.iter().zip(b).fold(0.0, |most, (a, b)| most.max((a - b).abs()))
}

#[test]
fn the_front_end_agrees_with_its_definition() {
    let golden = floats(include_bytes!("../../../fixtures/mfcc-tdnn/clip.mfcc.f32"));
    let error = apart(&cepstra(), &golden);
    assert!(error < MAX_CEPSTRUM_ERROR, "off by {error}");
}

#[test]
fn the_embedding_agrees_with_its_definition() {
    let golden = floats(include_bytes!("../../../fixtures/mfcc-tdnn/clip.embedding.f32"));
    let embedding = extractor().embed(&cepstra(), &mut Scratch::default()).unwrap();
    let values = embedding.values();
    let dot = |a: &[f32], b: &[f32]| -> f64 {
        a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum()
    };
    let cosine = dot(values, &golden) / (dot(values, values) * dot(&golden, &golden)).sqrt();
    assert!(cosine >= MIN_COSINE, "cosine {cosine}");
    let largest = golden.iter().fold(0.0f32, |most, v| most.max(v.abs()));
    let error = apart(values, &golden) / largest;
    assert!(error < MAX_ERROR, "off by {error}");
    assert_eq!(embedding.extractor().id, "mfcc-tdnn");
}

#[test]
fn a_stream_is_the_recording_and_an_estimate_nearly() {
    let (extractor, frames, scratch) = (extractor(), cepstra(), &mut Scratch::default());
    let whole = extractor.embed(&frames, scratch).unwrap();
    let mut stream = extractor.stream();
    for piece in frames.chunks(7 * CEPS) {
        extractor.push(&mut stream, piece, scratch).unwrap();
    }
    assert_eq!(stream.frames(), frames.len() / CEPS);
    assert!(extractor.embedding(&stream, scratch).unwrap() == whole);
    // Three whole blocks are more than nine tenths of 305 frames: the rest need not be computed.
    let settled = extractor.embed(&frames[..300 * CEPS], scratch).unwrap();
    assert!(extractor.estimate(&stream, scratch).unwrap() == settled);
    // Of 150 frames one block is not.
    let mut short = extractor.stream();
    extractor.push(&mut short, &frames[..150 * CEPS], scratch).unwrap();
    let half = extractor.embed(&frames[..150 * CEPS], scratch).unwrap();
    assert!(extractor.estimate(&short, scratch).unwrap() == half);
}

#[test]
fn odd_input_is_refused_by_name_and_changes_nothing() {
    let (extractor, mut frames, scratch) = (extractor(), cepstra(), &mut Scratch::default());
    let mut stream = extractor.stream();
    extractor.push(&mut stream, &frames[..(MIN_FRAMES - 1) * CEPS], scratch).unwrap();
    let short = extractor.embedding(&stream, scratch);
    assert!(matches!(short, Err(VoiceError::TooShort { minimum: MIN_FRAMES, found: 9 })));
    let short = extractor.embed(&frames[..(MIN_FRAMES - 1) * CEPS], scratch);
    assert!(matches!(short, Err(VoiceError::TooShort { minimum: MIN_FRAMES, found: 9 })));
    let ragged = extractor.push(&mut stream, &frames[1..CEPS], scratch);
    assert!(matches!(ragged, Err(VoiceError::RaggedFrames { values: 39, bins: 40 })));
    frames[5 * CEPS + 2] = f32::NAN;
    let odd = extractor.push(&mut stream, &frames, scratch);
    assert!(matches!(odd, Err(VoiceError::NotFinite { index: 202 })));
    assert_eq!(stream.frames(), MIN_FRAMES - 1);
    let other = Manifest { version: 9, ..extractor.manifest().clone() };
    let weights = extractor.manifest().built_in_weights().unwrap();
    let other = Extractor::from_safetensors(other, weights, None).unwrap();
    let crossed = other.push(&mut stream, &[], scratch);
    assert!(matches!(crossed, Err(VoiceError::ModelMismatch { .. })));
}
