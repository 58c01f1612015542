//! A live stream of any bytes in any chunking gives the samples of the same bytes at once.
#![no_main]

use libfuzzer_sys::fuzz_target;
use vouch::audio::{AudioLimits, StreamDecoder};
use vouch::domain::{AudioEncoding, AudioFormat};

fn run<'a>(format: AudioFormat, chunks: impl Iterator<Item = &'a [u8]>) -> (Vec<f32>, bool) {
    let limits = AudioLimits { max_seconds: 10, max_bytes: 1 << 20, max_chunk_bytes: 1 << 16 };
    let mut out = Vec::new();
    let Ok(mut decoder) = StreamDecoder::new(format, limits) else { return (out, false) };
    let mut fine = true;
    for chunk in chunks {
        fine = fine && decoder.push(chunk, &mut out).is_ok();
    }
    fine = fine && decoder.finish().is_ok();
    (out, fine)
}

fuzz_target!(|data: &[u8]| {
    let [kind, channels, step, bytes @ ..] = data else { return };
    let encoding = match kind % 4 {
        0 => AudioEncoding::Wav,
        1 => AudioEncoding::PcmS16Le,
        2 => AudioEncoding::G711Ulaw,
        _ => AudioEncoding::G711Alaw,
    };
    let format = AudioFormat {
        encoding,
        sample_rate_hz: (encoding == AudioEncoding::PcmS16Le).then_some(16_000),
        channels: (encoding != AudioEncoding::Wav).then_some(u16::from(channels % 3) + 1),
        channel: Some(0),
    };
    let (whole, whole_fine) = run(format, std::iter::once(bytes));
    let (pieces, pieces_fine) = run(format, bytes.chunks(usize::from(*step).max(1)));
    assert_eq!(whole_fine, pieces_fine);
    if whole_fine {
        assert_eq!(whole, pieces);
    }
});
