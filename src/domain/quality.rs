//! What a recording is worth.

use crate::domain::Reason;

/// Measured bandwidth of the speech, whatever the sample rate says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Bandwidth {
    /// Telephone band (nothing of note above about 4 kHz). Scored as the telephone channel.
    Narrow,
    /// Beyond 4 kHz. Scored as the microphone channel.
    Wide,
}

/// Quality of one recording, or of a stream so far.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Quality {
    /// Speech left after voice activity detection, in milliseconds.
    pub net_speech_ms: u32,
    /// Everything received, in milliseconds.
    pub total_ms: u32,
    /// Speech-to-noise ratio in dB; absent without speech or without a pause to measure noise on.
    pub snr_db: Option<f32>,
    /// Active speech level in dB relative to full scale; absent without speech.
    pub level_dbfs: Option<f32>,
    /// Share of speech samples at full scale, 0 to 1.
    pub clipped_share: f32,
    /// Measured bandwidth.
    pub bandwidth: Bandwidth,
    /// Packets missing, from the sequence numbers.
    pub packets_lost: u64,
    /// Packets that came again and were dropped.
    pub packets_repeated: u64,
    /// What the speaker or client can do about it; empty when nothing is wrong.
    pub reasons: Vec<Reason>,
}
