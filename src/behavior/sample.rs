//! Samples: the features of one capture. They are what a profile keeps: numbers, never keys, texts or paths.

use crate::behavior::BehaviorError;
use crate::behavior::event::Device;
use crate::behavior::limits::{MAX_ID_BYTES, MAX_SAMPLE_VALUES};
use crate::behavior::motion::Held;

/// What a sample was made from, and so what it can be compared with.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum SampleKind {
    /// One typing of a fixed text.
    FixedText,
    /// Typing of any text.
    FreeText,
    /// A stroke.
    Touch,
    /// A while of a pointer.
    Pointer,
}

impl SampleKind {
    /// Every kind.
    pub const ALL: [Self; 4] = [Self::FixedText, Self::FreeText, Self::Touch, Self::Pointer];

    /// The name in files and records.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::FixedText => "fixed_text",
            Self::FreeText => "free_text",
            Self::Touch => "touch",
            Self::Pointer => "pointer",
        }
    }

    /// What [`Sample::units`] counts.
    pub fn unit(self) -> &'static str {
        match self {
            Self::FixedText | Self::FreeText => "keys",
            Self::Touch => "strokes",
            Self::Pointer => "actions",
        }
    }
}

/// The features of one capture.
#[derive(Debug, Clone, PartialEq)]
pub struct Sample {
    /// What it is.
    pub kind: SampleKind,
    /// Where it was made.
    pub device: Device,
    /// The text of a background model that it was recognized as.
    pub text: Option<String>,
    /// Values of a row.
    pub dim: usize,
    /// Row-major, a whole number of rows of `dim` values.
    pub rows: Vec<f32>,
    /// How many keys, strokes or actions it stands for.
    pub units: u32,
    /// How the device was held, where the client said: see [`crate::behavior::motion::Held`].
    pub held: Option<Held>,
}

/// First byte of a stored sample: its layout, without and with how the device was held.
const LAYOUT: u8 = 1;
const LAYOUT_HELD: u8 = 2;

impl Sample {
    /// The rows.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &[f32]> {
        self.rows.chunks_exact(self.dim.max(1))
    }

    /// Refuses a sample of another kind or class of device: such are never compared.
    ///
    /// # Errors
    /// [`BehaviorError::Mismatch`] with both.
    pub fn check_like(&self, kind: SampleKind, device: Device) -> Result<(), BehaviorError> {
        let (what, enrolled, got) = if self.kind != kind {
            ("kinds of capture", kind.as_str(), self.kind.as_str())
        } else if self.device != device {
            ("device classes", device.as_str(), self.device.as_str())
        } else {
            return Ok(());
        };
        let (enrolled, got) = (enrolled.to_owned(), got.to_owned());
        Err(BehaviorError::Mismatch { what, enrolled, got })
    }

    /// Its bytes, little-endian: layout, kind, device, units, text, dim, how it was held, values.
    ///
    /// # Errors
    /// More values than [`MAX_SAMPLE_VALUES`], or a text with a name longer than an id.
    pub fn to_bytes(&self) -> Result<Vec<u8>, BehaviorError> {
        let (limit, got) = (MAX_SAMPLE_VALUES, self.rows.len());
        if got > limit {
            return Err(BehaviorError::TooMuch { what: "a sample", unit: "values", limit, got });
        }
        let text = self.text.as_deref().unwrap_or_default();
        if text.len() > MAX_ID_BYTES {
            return Err(BehaviorError::Id { what: "text", limit: MAX_ID_BYTES });
        }
        let mut bytes = Vec::with_capacity(24 + text.len() + 4 * got);
        bytes.push(if self.held.is_some() { LAYOUT_HELD } else { LAYOUT });
        bytes.push(SampleKind::ALL.iter().position(|k| *k == self.kind).unwrap_or(0) as u8);
        bytes.push(DEVICES.iter().position(|d| *d == self.device).unwrap_or(0) as u8);
        bytes.push(text.len() as u8);
        bytes.extend(self.units.to_le_bytes());
        bytes.extend((self.dim as u32).to_le_bytes());
        bytes.extend((got as u32).to_le_bytes());
        if let Some(held) = self.held {
            bytes.extend(held.0.iter().flat_map(|x| x.to_le_bytes()));
        }
        bytes.extend(text.as_bytes());
        bytes.extend(self.rows.iter().flat_map(|x| x.to_le_bytes()));
        Ok(bytes)
    }

    /// Reads [`Self::to_bytes`].
    ///
    /// # Errors
    /// Anything else.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, BehaviorError> {
        read(bytes).ok_or(BehaviorError::Background("a stored sample is damaged".to_owned()))
    }
}

const DEVICES: [Device; 3] = [Device::Desktop, Device::Phone, Device::Tablet];

fn read(bytes: &[u8]) -> Option<Sample> {
    let ([layout, kind, device, text_bytes], rest) = bytes.split_first_chunk::<4>()?;
    let (units, rest) = rest.split_first_chunk::<4>()?;
    let (dim, rest) = rest.split_first_chunk::<4>()?;
    let (count, rest) = rest.split_first_chunk::<4>()?;
    let (held, rest) = match *layout {
        LAYOUT => (None, rest),
        LAYOUT_HELD => {
            let (bytes, rest) = rest.split_first_chunk::<8>()?;
            (Some(Held::from_bytes(*bytes)?), rest)
        }
        _ => return None,
    };
    let (text, values) = rest.split_at_checked(usize::from(*text_bytes))?;
    let text = std::str::from_utf8(text).ok()?;
    let (words, left) = values.as_chunks::<4>();
    let count = u32::from_le_bytes(*count) as usize;
    let dim = u32::from_le_bytes(*dim) as usize;
    let rows: Vec<f32> = words.iter().map(|w| f32::from_le_bytes(*w)).collect();
    let whole = dim > 0 && rows.len().is_multiple_of(dim) && rows.len() == count && left.is_empty();
    if !whole || count > MAX_SAMPLE_VALUES || !rows.iter().all(|x| x.is_finite()) {
        return None;
    }
    Some(Sample {
        kind: *SampleKind::ALL.get(usize::from(*kind))?,
        device: *DEVICES.get(usize::from(*device))?,
        text: (!text.is_empty()).then(|| text.to_owned()),
        dim,
        rows,
        units: u32::from_le_bytes(*units),
        held,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(text: Option<&str>) -> Sample {
        Sample {
            kind: SampleKind::Touch,
            device: Device::Phone,
            text: text.map(str::to_owned),
            dim: 3,
            rows: vec![1.0, -2.5, 3.0e-9, 0.0, 7.0, 1.0e9],
            units: 2,
            held: None,
        }
    }

    #[test]
    fn a_sample_survives_its_bytes() {
        for text in [None, Some("pin")] {
            for held in [None, Some(Held([-3.5, 41.0]))] {
                let before = Sample { held, ..sample(text) };
                let bytes = before.to_bytes().unwrap();
                assert_eq!(Sample::from_bytes(&bytes).unwrap(), before);
                assert!(Sample::from_bytes(&bytes[..bytes.len() - 1]).is_err());
            }
        }
        let nowhere = Sample { held: Some(Held([f32::NAN, 0.0])), ..sample(None) };
        assert!(Sample::from_bytes(&nowhere.to_bytes().unwrap()).is_err());
    }

    #[test]
    fn damaged_bytes_are_refused() {
        let good = sample(Some("pin")).to_bytes().unwrap();
        for end in 0..good.len() {
            assert!(Sample::from_bytes(&good[..end]).is_err(), "{end}");
        }
        for (at, byte) in [(0, 9), (1, 9), (2, 9), (3, 200), (8, 4), (12, 5)] {
            let mut bad = good.clone();
            bad[at] = byte;
            assert!(Sample::from_bytes(&bad).is_err(), "{at}");
        }
        let mut odd = sample(None);
        odd.rows[0] = f32::NAN;
        assert!(Sample::from_bytes(&odd.to_bytes().unwrap()).is_err());
        odd.rows = vec![0.0; MAX_SAMPLE_VALUES + 1];
        assert!(odd.to_bytes().is_err());
    }
}
