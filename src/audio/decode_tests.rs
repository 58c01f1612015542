//! Round trips, limits and refusals of whole and streamed decoding.

use std::io::Cursor;

use proptest::prelude::*;

use crate::audio::{
    AudioError, AudioLimits, Pcm, StreamDecoder, decode, decode_file, g711, read_file, sniff,
};
use crate::domain::{AudioEncoding, AudioFormat};

const LIMITS: AudioLimits = AudioLimits {
    max_seconds: AudioLimits::DEFAULT_MAX_SECONDS,
    max_bytes: AudioLimits::DEFAULT_MAX_BYTES,
    max_chunk_bytes: AudioLimits::DEFAULT_MAX_CHUNK_BYTES,
};

fn format(encoding: AudioEncoding) -> AudioFormat {
    AudioFormat { encoding, sample_rate_hz: None, channels: None, channel: None }
}

fn pcm_format(rate: u32) -> AudioFormat {
    AudioFormat { sample_rate_hz: Some(rate), ..format(AudioEncoding::PcmS16Le) }
}

fn ramp(n: usize) -> Vec<i32> {
    (0..n as i32).map(|i| (i * 7919) % 65_536 - 32_768).collect()
}

/// hound writes, so that the reader is held against another implementation.
fn hound_wav(bits: u16, channels: u16, rate: u32, samples: &[i32]) -> Vec<u8> {
    let spec = hound::WavSpec {
        channels,
        sample_rate: rate,
        bits_per_sample: bits,
        sample_format: hound::SampleFormat::Int,
    };
    let mut bytes = Cursor::new(Vec::new());
    let mut writer = hound::WavWriter::new(&mut bytes, spec).unwrap();
    for &s in samples {
        writer.write_sample(s).unwrap();
    }
    writer.finalize().unwrap();
    bytes.into_inner()
}

fn float_wav(samples: &[f32]) -> Vec<u8> {
    let spec = hound::WavSpec {
        channels: 1,
        sample_rate: 16_000,
        bits_per_sample: 32,
        sample_format: hound::SampleFormat::Float,
    };
    let mut bytes = Cursor::new(Vec::new());
    let mut writer = hound::WavWriter::new(&mut bytes, spec).unwrap();
    for &s in samples {
        writer.write_sample(s).unwrap();
    }
    writer.finalize().unwrap();
    bytes.into_inner()
}

/// A plain 16-byte `fmt ` chunk and the data.
fn raw_wav(tag: u16, bits: u16, channels: u16, rate: u32, data: &[u8]) -> Vec<u8> {
    let block = channels * bits.div_ceil(8);
    let mut wav = b"RIFF\0\0\0\0WAVEfmt \x10\0\0\0".to_vec();
    wav.extend(tag.to_le_bytes());
    wav.extend(channels.to_le_bytes());
    wav.extend(rate.to_le_bytes());
    wav.extend((rate * u32::from(block)).to_le_bytes());
    wav.extend(block.to_le_bytes());
    wav.extend(bits.to_le_bytes());
    wav.extend(b"data");
    wav.extend((data.len() as u32).to_le_bytes());
    wav.extend(data);
    wav
}

/// Decodes through a stream whose chunks have the sizes given, in turn.
fn stream(bytes: &[u8], format: AudioFormat, sizes: &[usize]) -> Result<Pcm, AudioError> {
    let mut decoder = StreamDecoder::new(format, LIMITS)?;
    let mut samples = Vec::new();
    let mut rest = bytes;
    let mut sizes = sizes.iter().cycle();
    while !rest.is_empty() {
        let take = (*sizes.next().unwrap()).clamp(1, rest.len());
        decoder.push(&rest[..take], &mut samples)?;
        rest = &rest[take..];
    }
    decoder.finish()?;
    Ok(Pcm { sample_rate_hz: decoder.sample_rate_hz().unwrap(), samples })
}

#[test]
fn wav_integers_of_every_depth_come_back() {
    for bits in [8u16, 16, 24, 32] {
        let half = 1i64 << (bits - 1);
        let samples: Vec<i32> =
            ramp(500).iter().map(|&s| ((i64::from(s) << 16) >> (32 - bits)) as i32).collect();
        let wav = hound_wav(bits, 1, 22_050, &samples);
        let pcm = decode(&wav, &format(AudioEncoding::Wav), &LIMITS).unwrap();
        assert_eq!(pcm.sample_rate_hz, 22_050);
        assert_eq!(pcm.samples.len(), samples.len());
        for (&got, &want) in pcm.samples.iter().zip(&samples) {
            assert_eq!(got, (f64::from(want) / half as f64) as f32, "{bits} bits");
        }
    }
}

#[test]
fn wav_floats_come_back_and_are_held_in_range() {
    let wav = float_wav(&[0.0, 0.25, -1.0, 1.5, -7.0]);
    let pcm = decode_file(&wav, None, &LIMITS).unwrap();
    assert_eq!(pcm.samples, [0.0, 0.25, -1.0, 1.0, -1.0]);
    for bad in [f32::NAN, f32::INFINITY] {
        let error = decode_file(&float_wav(&[0.0, bad]), None, &LIMITS).unwrap_err();
        assert!(matches!(error, AudioError::NotFinite { position: 1 }), "{error}");
    }
    let double: Vec<u8> = [0.5f64, -0.125].iter().flat_map(|x| x.to_le_bytes()).collect();
    let pcm = decode_file(&raw_wav(3, 64, 1, 16_000, &double), None, &LIMITS).unwrap();
    assert_eq!(pcm.samples, [0.5, -0.125]);
}

#[test]
fn g711_raw_and_in_wav_agree() {
    let codes: Vec<u8> = (0..=255).collect();
    for (tag, encoding, table) in
        [(7u16, AudioEncoding::G711Ulaw, &g711::ULAW), (6, AudioEncoding::G711Alaw, &g711::ALAW)]
    {
        let want: Vec<f32> = table.iter().map(|&s| f32::from(s) / 32_768.0).collect();
        let raw = decode(&codes, &format(encoding), &LIMITS).unwrap();
        assert_eq!((raw.sample_rate_hz, &raw.samples), (8_000, &want));
        let wav = raw_wav(tag, 8, 1, 8_000, &codes);
        assert_eq!(decode_file(&wav, None, &LIMITS).unwrap(), raw);
    }
}

#[test]
fn a_channel_must_be_chosen_where_there_are_several() {
    let wav = hound_wav(16, 2, 8_000, &[1, -1, 2, -2, 3, -3]);
    let error = decode_file(&wav, None, &LIMITS).unwrap_err();
    assert!(error.to_string().contains("--channel"), "{error}");
    let right = decode_file(&wav, Some(1), &LIMITS).unwrap();
    assert_eq!(right.samples, [-1.0 / 32_768.0, -2.0 / 32_768.0, -3.0 / 32_768.0]);
    let error = decode_file(&wav, Some(2), &LIMITS).unwrap_err();
    assert!(matches!(error, AudioError::NoSuchChannel { channel: 2, channels: 2 }));
    let raw = AudioFormat { channels: Some(2), ..pcm_format(8_000) };
    assert!(matches!(
        decode(&[0; 8], &raw, &LIMITS),
        Err(AudioError::ChannelRequired { channels: 2 })
    ));
    for channels in [0, 33] {
        let raw = AudioFormat { channels: Some(channels), channel: Some(0), ..pcm_format(8_000) };
        assert!(matches!(
            decode(&[0; 8], &raw, &LIMITS),
            Err(AudioError::ChannelsOutOfRange { .. })
        ));
    }
}

#[test]
fn limits_are_held_and_named() {
    let short = AudioLimits { max_seconds: 1, ..LIMITS };
    assert!(decode(&vec![0; 16_000], &pcm_format(8_000), &short).is_ok());
    let error = decode(&vec![0; 16_002], &pcm_format(8_000), &short).unwrap_err();
    assert!(matches!(error, AudioError::TooLong { limit_s: 1 }));
    let small = AudioLimits { max_bytes: 10, ..LIMITS };
    let error = decode(&[0; 12], &pcm_format(8_000), &small).unwrap_err();
    assert_eq!(error.to_string(), "the audio may have 10 bytes, 12 came");
    let chunky = AudioLimits { max_chunk_bytes: 10, ..LIMITS };
    let mut decoder = StreamDecoder::new(pcm_format(8_000), chunky).unwrap();
    let mut out = Vec::new();
    decoder.push(&[0; 10], &mut out).unwrap();
    let error = decoder.push(&[0; 11], &mut out).unwrap_err();
    assert!(matches!(error, AudioError::ChunkTooLarge { limit_bytes: 10, came_bytes: 11 }));
    assert!(matches!(decoder.push(&[0; 2], &mut out), Err(AudioError::Ended)));
}

#[test]
fn wrong_rates_are_refused() {
    for rate in [0, 7_999, 48_001, u32::MAX] {
        let error = decode(&[0; 8], &pcm_format(rate), &LIMITS).unwrap_err();
        assert!(matches!(error, AudioError::RateOutOfRange { came_hz } if came_hz == rate));
        let wav = raw_wav(1, 8, 1, rate.min(1 << 24), &[0; 4]);
        assert!(matches!(decode_file(&wav, None, &LIMITS), Err(AudioError::RateOutOfRange { .. })));
    }
    let error = decode(&[0; 8], &format(AudioEncoding::PcmS16Le), &LIMITS).unwrap_err();
    assert!(matches!(error, AudioError::RateMissing));
    let g711 = AudioFormat { sample_rate_hz: Some(16_000), ..format(AudioEncoding::G711Ulaw) };
    assert!(matches!(
        decode(&[0; 8], &g711, &LIMITS),
        Err(AudioError::RateMismatch { claimed_hz: 16_000, actual_hz: 8_000 })
    ));
}

#[test]
fn damaged_wav_headers_are_refused() {
    let wav = hound_wav(16, 1, 8_000, &ramp(100));
    for cut in 0..wav.len() {
        let error = decode(&wav[..cut], &format(AudioEncoding::Wav), &LIMITS).unwrap_err();
        assert!(
            matches!(
                error,
                AudioError::Empty | AudioError::WrongHeader { .. } | AudioError::Truncated { .. }
            ),
            "cut at {cut}: {error}"
        );
    }
    let refused = |wav: &[u8]| decode(wav, &format(AudioEncoding::Wav), &LIMITS).unwrap_err();
    assert!(matches!(refused(b"RIFX....WAVE"), AudioError::WrongHeader { .. }));
    assert!(matches!(
        refused(&raw_wav(2, 8, 1, 8_000, &[0; 4])),
        AudioError::WavFormat { tag: 2, bits: 8 }
    ));
    assert!(matches!(refused(&raw_wav(1, 16, 1, 8_000, &[])), AudioError::Empty));
    let mut no_format = b"RIFF\0\0\0\0WAVEdata\x04\0\0\0".to_vec();
    no_format.extend([0; 4]);
    assert!(matches!(refused(&no_format), AudioError::WrongHeader { .. }));
    let mut endless = b"RIFF\0\0\0\0WAVEjunk\0\0\0\x40".to_vec();
    endless.resize(2_000_000, 0);
    assert!(matches!(refused(&endless), AudioError::WrongHeader { .. }));
}

#[test]
fn a_wav_of_unknown_length_lasts_until_the_end() {
    let mut wav = raw_wav(1, 16, 1, 8_000, &[1, 0, 2, 0]);
    wav[40..44].copy_from_slice(&u32::MAX.to_le_bytes());
    assert_eq!(decode_file(&wav, None, &LIMITS).unwrap().samples.len(), 2);
    wav.push(9);
    assert!(matches!(
        decode_file(&wav, None, &LIMITS),
        Err(AudioError::PartialSample { frame_bytes: 2, left_bytes: 1 })
    ));
}

#[test]
fn a_wav_whose_sizes_were_never_filled_in_lasts_until_the_end() {
    let mut wav = raw_wav(1, 16, 1, 8_000, &[1, 0, 2, 0]);
    wav[40..44].fill(0);
    wav[4..8].copy_from_slice(&40u32.to_le_bytes());
    // The size of the whole says that something follows: other chunks, after no samples.
    assert!(matches!(decode_file(&wav, None, &LIMITS), Err(AudioError::Empty)));
    for riff_bytes in [0u32, 36] {
        wav[4..8].copy_from_slice(&riff_bytes.to_le_bytes());
        assert_eq!(decode_file(&wav, None, &LIMITS).unwrap().samples.len(), 2);
        assert_eq!(stream(&wav, format(AudioEncoding::Wav), &[3, 1]).unwrap().samples.len(), 2);
    }
}

#[test]
fn files_are_told_apart_by_their_first_bytes() {
    assert_eq!(sniff(b"fLaC....").unwrap(), AudioEncoding::Flac);
    assert_eq!(sniff(b"ID3\x04...").unwrap(), AudioEncoding::Mp3);
    assert_eq!(sniff(b"\xff\xfb\x90\x00").unwrap(), AudioEncoding::Mp3);
    assert_eq!(sniff(b"OggS....\x01vorbis").unwrap(), AudioEncoding::OggVorbis);
    assert!(matches!(sniff(b"OggS....OpusHead"), Err(AudioError::Opus)));
    assert!(matches!(sniff(b"OggS....Speex"), Err(AudioError::WrongHeader { .. })));
    assert!(matches!(sniff(b"hello"), Err(AudioError::Unrecognized)));
    assert!(matches!(sniff(b""), Err(AudioError::Empty)));
    let as_flac = decode(b"ID3\x04...", &format(AudioEncoding::Flac), &LIMITS);
    assert!(matches!(as_flac, Err(AudioError::WrongHeader { format: "FLAC", .. })));
}

#[test]
fn opus_and_whole_file_formats_are_refused_in_streams() {
    let new = |encoding| StreamDecoder::new(format(encoding), LIMITS).unwrap_err();
    assert!(matches!(new(AudioEncoding::Opus), AudioError::Opus));
    assert!(matches!(decode(b"x", &format(AudioEncoding::Opus), &LIMITS), Err(AudioError::Opus)));
    for encoding in [AudioEncoding::Flac, AudioEncoding::OggVorbis, AudioEncoding::Mp3] {
        assert!(matches!(new(encoding), AudioError::NotStreamable { .. }));
    }
}

/// 0.1 s of a 1 kHz sine of amplitude 0.5 at 16 kHz (MP3, Vorbis: 0.2 s, 16 kHz), see
/// `fixtures/audio/PROVENANCE.md`.
#[test]
fn compressed_files_hold_the_sine_they_were_made_of() {
    let files: [(&[u8], usize, f32); 3] = [
        (include_bytes!("../../fixtures/audio/sine.flac"), 1_600, 1e-4),
        (include_bytes!("../../fixtures/audio/sine.ogg"), 8_000, 0.1),
        (include_bytes!("../../fixtures/audio/sine.mp3"), 8_000, 0.1),
    ];
    for (bytes, about, tolerance) in files {
        let pcm = decode_file(bytes, None, &LIMITS).unwrap();
        assert_eq!(pcm.sample_rate_hz, 16_000);
        assert!(pcm.samples.len().abs_diff(about) <= 2_500, "{}", pcm.samples.len());
        let middle = &pcm.samples[pcm.samples.len() / 4..][..640];
        let rms = (middle.iter().map(|x| x * x).sum::<f32>() / 640.0).sqrt();
        assert!((rms - 0.5 / 2f32.sqrt()).abs() < tolerance, "rms {rms}");
        // A fixture cut or overwritten anywhere is an error or audio, never a panic.
        for cut in (0..bytes.len()).step_by(97) {
            let _ = decode_file(&bytes[..cut], None, &LIMITS);
            let mut dirty = bytes.to_vec();
            dirty[cut] ^= 0x5a;
            let _ = decode_file(&dirty, None, &LIMITS);
        }
    }
}

#[test]
fn a_compressed_file_that_ends_early_is_damaged() {
    let mp3 = include_bytes!("../../fixtures/audio/sine.mp3");
    let mut flac = include_bytes!("../../fixtures/audio/sine.flac").to_vec();
    let refused = |bytes: &[u8]| decode_file(bytes, None, &LIMITS).unwrap_err().to_string();
    let whole = decode_file(mp3, None, &LIMITS).unwrap().samples.len();
    let said = refused(&mp3[..mp3.len() / 2]);
    assert!(said.contains("the MP3 file is damaged: it is cut off"), "{said} of {whole}");
    // The number of samples is in the last 36 bits before the checksum of 16 bytes in the first block: twice as many are said
    // to come, and then none.
    assert_eq!(flac[22..26], 1_600u32.to_be_bytes());
    flac[22..26].copy_from_slice(&3_200u32.to_be_bytes());
    let said = refused(&flac);
    assert!(said.contains("the FLAC file is damaged"), "{said}");
    flac[22..26].copy_from_slice(&0u32.to_be_bytes());
    assert_eq!(decode_file(&flac, None, &LIMITS).unwrap().samples.len(), 1_600);
}

#[test]
fn a_file_is_read_up_to_the_limit() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.wav");
    let wav = hound_wav(16, 1, 8_000, &ramp(100));
    std::fs::write(&path, &wav).unwrap();
    assert_eq!(read_file(&path, None, &LIMITS).unwrap().samples.len(), 100);
    let small = AudioLimits { max_bytes: 100, ..LIMITS };
    assert!(matches!(read_file(&path, None, &small), Err(AudioError::TooManyBytes { .. })));
    let missing = folder.path().join("b.wav");
    assert!(matches!(read_file(&missing, None, &LIMITS), Err(AudioError::File(_))));
}

#[test]
fn a_gap_drops_the_unfinished_sample() {
    let mut decoder = StreamDecoder::new(pcm_format(8_000), LIMITS).unwrap();
    let mut out = Vec::new();
    decoder.push(&[0, 0, 9], &mut out).unwrap();
    decoder.skip_gap();
    decoder.push(&[0, 0x40], &mut out).unwrap();
    assert_eq!(out, [0.0, 0.5]);
}

fn streamable() -> impl Strategy<Value = (Vec<u8>, AudioFormat)> {
    let data = prop::collection::vec(any::<u8>(), 1..400);
    let kinds = prop::sample::select(vec![(1u16, 8u16), (1, 16), (1, 24), (1, 32), (7, 8), (6, 8)]);
    (data, kinds, 1u16..4, 0usize..4).prop_map(|(data, (tag, bits), channels, which)| {
        let chosen = |f| AudioFormat { channels: Some(channels), channel: Some(channels - 1), ..f };
        match which {
            0 => (data, chosen(pcm_format(11_025))),
            1 => (data, chosen(format(AudioEncoding::G711Ulaw))),
            2 => (data, chosen(format(AudioEncoding::G711Alaw))),
            _ => {
                let wav = raw_wav(tag, bits, channels, 44_100, &data);
                (wav, chosen(format(AudioEncoding::Wav)))
            }
        }
    })
}

proptest! {
    #[test]
    fn any_chunking_equals_the_whole(
        (bytes, format) in streamable(),
        sizes in prop::collection::vec(1usize..70, 1..8),
    ) {
        let whole = decode(&bytes, &format, &LIMITS);
        let pieces = stream(&bytes, format, &sizes);
        match (whole, pieces) {
            (Ok(whole), Ok(pieces)) => prop_assert_eq!(whole, pieces),
            (Err(whole), Err(pieces)) => prop_assert_eq!(whole.to_string(), pieces.to_string()),
            (whole, pieces) => prop_assert!(false, "{:?} against {:?}", whole, pieces),
        }
    }

    #[test]
    fn random_bytes_never_panic(
        mut bytes in prop::collection::vec(any::<u8>(), 0..600),
        magic in prop::sample::select(vec![
            &b""[..], b"RIFF\0\0\0\0WAVEfmt \x10\0\0\0\x01\0", b"RIFF\0\0\0\0WAVE", b"fLaC\0\0\0\x22",
            b"OggS\0\x02\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x01\x1e\x01vorbis", b"ID3\x04\0\0",
            b"\xff\xfb\x90\x40",
        ]),
    ) {
        bytes.splice(0..0, magic.iter().copied());
        let _ = decode_file(&bytes, Some(0), &LIMITS);
        let _ = stream(&bytes, AudioFormat { channel: Some(0), ..format(AudioEncoding::Wav) }, &[13]);
    }
}
