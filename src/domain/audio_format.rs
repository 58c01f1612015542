//! What a client says about its audio bytes.

/// How bytes become samples.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AudioEncoding {
    /// RIFF/WAVE; rate and channels from its header.
    Wav,
    /// Headerless signed 16-bit little-endian.
    PcmS16Le,
    /// ITU-T G.711 mu-law, 8 kHz.
    G711Ulaw,
    /// ITU-T G.711 A-law, 8 kHz.
    G711Alaw,
    /// FLAC file.
    Flac,
    /// Ogg-Vorbis file.
    OggVorbis,
    /// MP3 file.
    Mp3,
    /// Recognized and refused for now.
    Opus,
}

/// Claimed format of an audio payload; `audio` checks it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct AudioFormat {
    /// How bytes become samples.
    pub encoding: AudioEncoding,
    /// Samples per second and channel; `None` where the encoding or the file says it.
    pub sample_rate_hz: Option<u32>,
    /// Interleaved channels; `None` means one, or what the file says.
    pub channels: Option<u16>,
    /// The channel to take, from 0; needed when there are several.
    pub channel: Option<u16>,
}
