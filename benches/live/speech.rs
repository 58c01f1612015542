//! What every call says.

use vouch::audio::{AudioLimits, QualityLimits, decode_file, g711, listen};
use vouch::domain::{AudioEncoding, AudioFormat};
use vouch::features::{FbankSpec, Frontend};
use vouch::usecase::hear::{Capture, Keep};

/// Bytes of a packet of 20 ms.
const PACKET: usize = 160;

/// What every call says, and when its seconds are complete.
pub struct Speech {
    pub packets: Vec<Vec<u8>>,
    /// Net speech after each packet, in milliseconds.
    pub net_ms: Vec<u32>,
}

/// The speech of one word (fixtures/features/PROVENANCE.md) again and again, as mu-law.
pub fn speech(seconds: usize) -> Speech {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/features/clip_16k.wav");
    let pcm = decode_file(&std::fs::read(path).unwrap(), None, &AudioLimits::default()).unwrap();
    let heard = listen(&pcm, QualityLimits::default()).unwrap();
    let first = heard.speech.iter().position(|&s| s).unwrap();
    let last = heard.speech.iter().rposition(|&s| s).unwrap();
    // Every second sample is enough for a bench: what folds over is sound, too.
    let word = heard.audio.samples()[first * 160..last * 160].iter().step_by(2);
    let word: Vec<u8> = word.map(|&sample| g711::encode_ulaw(sample)).collect();
    let bytes: Vec<u8> = word.iter().copied().cycle().take(seconds * 8_000).collect();
    let packets: Vec<Vec<u8>> = bytes.chunks(PACKET).map(<[u8]>::to_vec).collect();
    let mut capture = Capture::new(
        &Frontend::fbank(FbankSpec::new(16_000)).unwrap(),
        telephone(),
        AudioLimits::default(),
        QualityLimits::default(),
        Keep::Frames,
    )
    .unwrap();
    let mut net_ms = Vec::new();
    for packet in &packets {
        capture.push(None, packet).unwrap();
        net_ms.push(capture.quality().net_speech_ms);
    }
    let share = f64::from(*net_ms.last().unwrap()) / (seconds * 10) as f64;
    println!("calls of {seconds} s, {share:.0} % of it speech");
    Speech { packets, net_ms }
}

pub fn telephone() -> AudioFormat {
    AudioFormat {
        encoding: AudioEncoding::G711Ulaw,
        sample_rate_hz: None,
        channels: None,
        channel: None,
    }
}
