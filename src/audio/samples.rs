//! Interleaved frames in any chunking to one channel of samples.

use crate::audio::AudioError;
use crate::audio::g711;

/// Most channels taken.
pub const MAX_CHANNELS: u16 = 32;
/// Bytes of the largest frame: every channel as 64-bit float.
const MAX_FRAME_BYTES: usize = MAX_CHANNELS as usize * 8;

/// How one sample is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SampleKind {
    /// Unsigned 8-bit, 128 is zero.
    U8,
    /// Signed 16-bit little-endian.
    S16,
    /// Signed 24-bit little-endian in 3 bytes.
    S24,
    /// Signed 32-bit little-endian.
    S32,
    /// IEEE 754 binary32, little-endian.
    F32,
    /// IEEE 754 binary64, little-endian.
    F64,
    /// G.711 mu-law.
    Ulaw,
    /// G.711 A-law.
    Alaw,
}

impl SampleKind {
    /// Bytes of one sample.
    pub fn bytes(self) -> usize {
        match self {
            Self::U8 | Self::Ulaw | Self::Alaw => 1,
            Self::S16 => 2,
            Self::S24 => 3,
            Self::S32 | Self::F32 => 4,
            Self::F64 => 8,
        }
    }

    /// What each byte stands for, where a sample is one that is looked up.
    fn table(self) -> Option<&'static [i16; 256]> {
        match self {
            Self::Ulaw => Some(&g711::ULAW),
            Self::Alaw => Some(&g711::ALAW),
            _ => None,
        }
    }

    /// One sample in `[-1, 1]`; `None` where it is not a finite number. `b` has
    /// [`SampleKind::bytes`] bytes.
    #[inline]
    fn read(self, b: &[u8]) -> Option<f32> {
        let value = match self {
            Self::U8 => (f32::from(b[0]) - 128.0) / 128.0,
            Self::S16 => f32::from(i16::from_le_bytes([b[0], b[1]])) / 32_768.0,
            Self::S24 => (i32::from_le_bytes([0, b[0], b[1], b[2]]) >> 8) as f32 / 8_388_608.0,
            Self::S32 => {
                (f64::from(i32::from_le_bytes([b[0], b[1], b[2], b[3]])) / 2_147_483_648.0) as f32
            }
            Self::F32 => f32::from_le_bytes([b[0], b[1], b[2], b[3]]),
            Self::F64 => {
                f64::from_le_bytes([b[0], b[1], b[2], b[3], b[4], b[5], b[6], b[7]]) as f32
            }
            Self::Ulaw => f32::from(g711::ULAW[usize::from(b[0])]) / 32_768.0,
            Self::Alaw => f32::from(g711::ALAW[usize::from(b[0])]) / 32_768.0,
        };
        value.is_finite().then(|| value.clamp(-1.0, 1.0))
    }
}

/// Takes interleaved frames in pieces; keeps an unfinished frame for the next piece.
#[derive(Debug, Clone)]
pub struct FrameReader {
    kind: SampleKind,
    offset: usize,
    frame_bytes: usize,
    carry: [u8; MAX_FRAME_BYTES],
    carried: usize,
    frames: u64,
}

impl FrameReader {
    /// A reader of channel `channel` of `channels`.
    ///
    /// # Errors
    /// No or too many channels, no choice where there are several, a choice beyond the last.
    pub fn new(kind: SampleKind, channels: u16, channel: Option<u16>) -> Result<Self, AudioError> {
        let channel = choose_channel(channels, channel)?;
        Ok(Self {
            kind,
            offset: usize::from(channel) * kind.bytes(),
            frame_bytes: usize::from(channels) * kind.bytes(),
            carry: [0; MAX_FRAME_BYTES],
            carried: 0,
            frames: 0,
        })
    }

    /// Appends the samples that `bytes` complete to `out`.
    ///
    /// # Errors
    /// A sample that is not finite.
    pub fn push(&mut self, mut bytes: &[u8], out: &mut Vec<f32>) -> Result<(), AudioError> {
        if self.carried > 0 {
            let take = (self.frame_bytes - self.carried).min(bytes.len());
            self.carry[self.carried..self.carried + take].copy_from_slice(&bytes[..take]);
            self.carried += take;
            bytes = &bytes[take..];
            if self.carried < self.frame_bytes {
                return Ok(());
            }
            let frame = self.carry;
            self.carried = 0;
            self.read_frame(&frame[..self.frame_bytes], out)?;
        }
        if let (1, Some(table)) = (self.frame_bytes, self.kind.table()) {
            // Telephone calls: every byte is a sample, and all of them are finite.
            out.extend(bytes.iter().map(|&b| f32::from(table[usize::from(b)]) / 32_768.0));
            self.frames += bytes.len() as u64;
            return Ok(());
        }
        let whole = bytes.len() / self.frame_bytes * self.frame_bytes;
        for frame in bytes[..whole].chunks_exact(self.frame_bytes) {
            self.read_frame(frame, out)?;
        }
        let rest = &bytes[whole..];
        self.carry[..rest.len()].copy_from_slice(rest);
        self.carried = rest.len();
        Ok(())
    }

    #[inline]
    fn read_frame(&mut self, frame: &[u8], out: &mut Vec<f32>) -> Result<(), AudioError> {
        let sample = self.kind.read(&frame[self.offset..]);
        out.push(sample.ok_or(AudioError::NotFinite { position: self.frames })?);
        self.frames += 1;
        Ok(())
    }

    /// Frames read so far.
    pub fn frames(&self) -> u64 {
        self.frames
    }

    /// Bytes of one sample of every channel.
    pub fn frame_bytes(&self) -> usize {
        self.frame_bytes
    }

    /// Bytes of an unfinished frame.
    pub fn left_bytes(&self) -> usize {
        self.carried
    }

    /// Drops an unfinished frame: its rest was lost.
    pub fn drop_partial(&mut self) {
        self.carried = 0;
    }
}

/// The channel to take, from 0.
///
/// # Errors
/// No or too many channels, no choice where there are several, a choice beyond the last.
pub fn choose_channel(channels: u16, channel: Option<u16>) -> Result<u16, AudioError> {
    if !(1..=MAX_CHANNELS).contains(&channels) {
        return Err(AudioError::ChannelsOutOfRange { came: channels.into() });
    }
    match channel {
        Some(channel) if channel >= channels => {
            Err(AudioError::NoSuchChannel { channel, channels })
        }
        Some(channel) => Ok(channel),
        None if channels == 1 => Ok(0),
        None => Err(AudioError::ChannelRequired { channels }),
    }
}
