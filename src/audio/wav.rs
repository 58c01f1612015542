//! RIFF/WAVE (Microsoft/IBM 1991, with WAVE_FORMAT_EXTENSIBLE), read in any chunking.
//!
//! One reader serves files and streams, so that both agree by construction.

use crate::audio::AudioError;
use crate::audio::samples::SampleKind;

/// Bytes of the `fmt ` chunk that are looked at; the rest is skipped.
const MAX_FMT_BYTES: usize = 40;
/// Smallest `fmt ` chunk.
const MIN_FMT_BYTES: usize = 16;
/// Most bytes of headers before the samples: cover art and the like, not endless padding.
pub const MAX_HEADER_BYTES: u64 = 1024 * 1024;
/// From this size on the `data` chunk's length is a placeholder of a writer that could not seek. Zero is one too where the
/// size of the whole leaves no room for what follows.
const UNKNOWN_SIZE: u32 = 0x7fff_f000;
/// Bytes of the file that its size in the header does not count.
const RIFF_PREFIX_BYTES: u64 = 8;

const TAG_PCM: u16 = 1;
const TAG_FLOAT: u16 = 3;
const TAG_ALAW: u16 = 6;
const TAG_ULAW: u16 = 7;
const TAG_EXTENSIBLE: u16 = 0xfffe;

/// What the `fmt ` chunk says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WavFormat {
    /// How one sample is written.
    pub kind: SampleKind,
    /// Interleaved channels.
    pub channels: u16,
    /// Samples per second and channel; not checked here.
    pub sample_rate_hz: u32,
}

/// What a step of the reader found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WavStep {
    /// More bytes are needed.
    More,
    /// The header is complete; samples follow.
    Format(WavFormat),
    /// This many bytes, the first of those left, are samples.
    Samples(usize),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Riff,
    ChunkHeader,
    Fmt { size: u32 },
    Skip { left_bytes: u64 },
    Data { left_bytes: Option<u64> },
    Trailer,
}

/// Finds format and samples in WAV bytes.
#[derive(Debug, Clone)]
pub struct WavReader {
    state: State,
    gathered: [u8; MAX_FMT_BYTES],
    have: usize,
    header_bytes: u64,
    riff_bytes: u64,
    format: Option<WavFormat>,
    data_bytes: u64,
}

impl Default for WavReader {
    fn default() -> Self {
        Self {
            state: State::Riff,
            gathered: [0; MAX_FMT_BYTES],
            have: 0,
            header_bytes: 0,
            riff_bytes: 0,
            format: None,
            data_bytes: 0,
        }
    }
}

impl WavReader {
    /// Consumes from the front of `bytes` and says what was found; [`WavStep::Samples`] leaves its
    /// bytes in place, the caller takes them.
    ///
    /// # Errors
    /// Wrong magic numbers, a missing or unsupported `fmt ` chunk, endless headers.
    pub fn step(&mut self, bytes: &mut &[u8]) -> Result<WavStep, AudioError> {
        while !bytes.is_empty() {
            match self.state {
                State::Riff => self.read_riff(bytes)?,
                State::ChunkHeader => {
                    if let Some(format) = self.read_chunk_header(bytes)? {
                        return Ok(WavStep::Format(format));
                    }
                }
                State::Fmt { size } => self.read_fmt(bytes, size)?,
                State::Skip { left_bytes } => {
                    let take = left_bytes.min(bytes.len() as u64);
                    self.header_bytes += take;
                    *bytes = &bytes[take as usize..];
                    self.state = match left_bytes - take {
                        0 => State::ChunkHeader,
                        left_bytes => State::Skip { left_bytes },
                    };
                    self.check_header_size()?;
                }
                State::Data { left_bytes } => return Ok(self.take_data(bytes.len(), left_bytes)),
                State::Trailer => *bytes = &[],
            }
        }
        Ok(WavStep::More)
    }

    /// Says whether the bytes so far are a whole file.
    ///
    /// # Errors
    /// The end came before the samples, or before all of them.
    pub fn finish(&self) -> Result<(), AudioError> {
        match self.state {
            State::Trailer | State::Data { left_bytes: None } => Ok(()),
            State::Data { left_bytes: Some(0) } => Ok(()),
            State::Data { left_bytes: Some(left) } => Err(AudioError::Truncated {
                expected_bytes: self.data_bytes + left,
                came_bytes: self.data_bytes,
            }),
            _ if self.header_bytes == 0 && self.have == 0 => Err(AudioError::Empty),
            _ => Err(wrong("it ends before the samples")),
        }
    }

    fn take_data(&mut self, available: usize, left_bytes: Option<u64>) -> WavStep {
        let take = match left_bytes {
            None => available,
            Some(left) => left.min(available as u64) as usize,
        };
        self.data_bytes += take as u64;
        self.state = match left_bytes.map(|left| left - take as u64) {
            Some(0) => State::Trailer,
            left_bytes => State::Data { left_bytes },
        };
        WavStep::Samples(take)
    }

    /// Gathers `need` bytes over any number of pieces; true when they are there.
    fn gather(&mut self, bytes: &mut &[u8], need: usize) -> bool {
        let take = (need - self.have).min(bytes.len());
        self.gathered[self.have..self.have + take].copy_from_slice(&bytes[..take]);
        *bytes = &bytes[take..];
        self.have += take;
        self.header_bytes += take as u64;
        if self.have < need {
            return false;
        }
        self.have = 0;
        true
    }

    fn read_riff(&mut self, bytes: &mut &[u8]) -> Result<(), AudioError> {
        if !self.gather(bytes, 12) {
            return Ok(());
        }
        if &self.gathered[..4] != b"RIFF" || &self.gathered[8..12] != b"WAVE" {
            return Err(wrong("it does not begin with RIFF and WAVE"));
        }
        self.riff_bytes = u64::from(le32(&self.gathered[4..8]));
        self.state = State::ChunkHeader;
        Ok(())
    }

    fn read_chunk_header(&mut self, bytes: &mut &[u8]) -> Result<Option<WavFormat>, AudioError> {
        if !self.gather(bytes, 8) {
            return Ok(None);
        }
        self.check_header_size()?;
        let size = le32(&self.gathered[4..8]);
        // Chunks are padded to an even length.
        let padded = u64::from(size) + u64::from(size & 1);
        match &self.gathered[..4] {
            b"fmt " if self.format.is_some() => Err(wrong("it has two fmt chunks")),
            b"fmt " if (size as usize) < MIN_FMT_BYTES => Err(wrong("its fmt chunk is too short")),
            b"fmt " => {
                self.state = State::Fmt { size };
                Ok(None)
            }
            b"data" => {
                let format = self.format.ok_or(wrong("its samples come before its fmt chunk"))?;
                let ends_here = self.riff_bytes + RIFF_PREFIX_BYTES <= self.header_bytes;
                let unknown = size >= UNKNOWN_SIZE || (size == 0 && ends_here);
                let left_bytes = (!unknown).then_some(u64::from(size));
                self.state = match left_bytes {
                    Some(0) => State::Trailer,
                    left_bytes => State::Data { left_bytes },
                };
                Ok(Some(format))
            }
            _ => {
                self.state = match padded {
                    0 => State::ChunkHeader,
                    left_bytes => State::Skip { left_bytes },
                };
                Ok(None)
            }
        }
    }

    fn read_fmt(&mut self, bytes: &mut &[u8], size: u32) -> Result<(), AudioError> {
        let need = (size as usize).min(MAX_FMT_BYTES);
        if !self.gather(bytes, need) {
            return Ok(());
        }
        self.format = Some(parse_fmt(&self.gathered[..need])?);
        let rest = u64::from(size) + u64::from(size & 1) - need as u64;
        self.state = match rest {
            0 => State::ChunkHeader,
            left_bytes => State::Skip { left_bytes },
        };
        Ok(())
    }

    fn check_header_size(&self) -> Result<(), AudioError> {
        if self.header_bytes > MAX_HEADER_BYTES {
            return Err(wrong("more than 1 MiB of headers come before the samples"));
        }
        Ok(())
    }
}

fn parse_fmt(fmt: &[u8]) -> Result<WavFormat, AudioError> {
    let mut tag = le16(&fmt[0..2]);
    let channels = le16(&fmt[2..4]);
    let sample_rate_hz = le32(&fmt[4..8]);
    let block_align = le16(&fmt[12..14]);
    let bits = le16(&fmt[14..16]);
    if channels == 0 {
        return Err(AudioError::ChannelsOutOfRange { came: 0 });
    }
    if block_align == 0 || !block_align.is_multiple_of(channels) {
        return Err(wrong("its block size does not fit its channels"));
    }
    // Samples are left-justified in their container, so the container's width is what counts.
    let container_bits = u32::from(block_align / channels) * 8;
    if bits == 0 || u32::from(bits) > container_bits {
        return Err(wrong("its bits do not fit its block size"));
    }
    if tag == TAG_EXTENSIBLE {
        if fmt.len() < MAX_FMT_BYTES {
            return Err(wrong("its extensible fmt chunk is too short"));
        }
        // The first two bytes of the sub-format GUID are the plain tag.
        tag = le16(&fmt[24..26]);
    }
    let kind = match (tag, container_bits) {
        (TAG_PCM, 8) => SampleKind::U8,
        (TAG_PCM, 16) => SampleKind::S16,
        (TAG_PCM, 24) => SampleKind::S24,
        (TAG_PCM, 32) => SampleKind::S32,
        (TAG_FLOAT, 32) => SampleKind::F32,
        (TAG_FLOAT, 64) => SampleKind::F64,
        (TAG_ULAW, 8) => SampleKind::Ulaw,
        (TAG_ALAW, 8) => SampleKind::Alaw,
        (tag, bits) => return Err(AudioError::WavFormat { tag, bits }),
    };
    Ok(WavFormat { kind, channels, sample_rate_hz })
}

fn wrong(why: &'static str) -> AudioError {
    AudioError::WrongHeader { format: "WAV", why }
}

fn le16(b: &[u8]) -> u16 {
    u16::from_le_bytes([b[0], b[1]])
}

fn le32(b: &[u8]) -> u32 {
    u32::from_le_bytes([b[0], b[1], b[2], b[3]])
}
