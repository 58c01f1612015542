//! Captures: what a client saw of one typing of a text, one stroke, or a while of a pointer. A [`Capture`] comes
//! from [`RawCapture::check`] alone: bounded, finite, in order of time, without repeated events.

use crate::behavior::key::Key;
pub use crate::behavior::raw::{RawCapture, RawEvents, RawKey, RawPoint};

/// Class of device. Profiles are never compared across classes.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize,
)]
#[serde(rename_all = "lowercase")]
pub enum Device {
    /// Keyboard and mouse.
    Desktop,
    /// Held in one hand.
    Phone,
    /// Larger, touched.
    Tablet,
}

impl Device {
    /// The name in files and records.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Desktop => "desktop",
            Self::Phone => "phone",
            Self::Tablet => "tablet",
        }
    }
}

/// What a capture holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CaptureKind {
    /// Keys.
    Keystroke,
    /// A finger's stroke.
    Touch,
    /// A mouse or the like.
    Pointer,
}

impl CaptureKind {
    /// The name in files and records.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Keystroke => "keystroke",
            Self::Touch => "touch",
            Self::Pointer => "pointer",
        }
    }
}

/// The screen that coordinates refer to.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Screen {
    /// Pixels across.
    pub width_px: f32,
    /// Pixels down.
    pub height_px: f32,
    /// Pixels an inch, where the client knows it.
    #[serde(default)]
    pub dpi: Option<f32>,
}

/// One key.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct KeyEvent {
    /// Which, or its class, or an opaque code.
    pub key: Key,
    /// When it went down, ms.
    pub down_ms: f64,
    /// When it came up, ms; never before `down_ms`.
    pub up_ms: f64,
    /// On a touch screen, in the device's unit.
    pub pressure: Option<f32>,
    /// Contact size, in the device's unit.
    pub size: Option<f32>,
    /// Pixels from the left.
    pub x: Option<f32>,
    /// Pixels from the top.
    pub y: Option<f32>,
}

/// Where a finger or a button is in its movement.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Phase {
    /// It touches, or a button is pressed.
    Down,
    /// It moves.
    Move,
    /// It leaves, or a button is released.
    Up,
}

/// One point of a finger or pointer.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PointEvent {
    /// What happened.
    pub phase: Phase,
    /// When, ms.
    pub t_ms: f64,
    /// Pixels from the left.
    pub x: f32,
    /// Pixels from the top.
    pub y: f32,
    /// In the device's unit.
    pub pressure: Option<f32>,
    /// Contact size, in the device's unit.
    pub size: Option<f32>,
    /// Which button of a pointer.
    pub button: Option<Button>,
}

/// A button of a pointer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Button {
    /// The first.
    Left,
    /// The second.
    Right,
    /// The wheel, pressed or turned.
    Middle,
    /// Another.
    Other,
}

impl Button {
    /// Reads a client's name; `none`, `NoButton` and the like are no button.
    pub fn parse(name: &str) -> Option<Self> {
        match name.to_ascii_lowercase().as_str() {
            "" | "none" | "nobutton" | "no_button" => None,
            "left" | "primary" | "0" => Some(Self::Left),
            "right" | "secondary" | "2" => Some(Self::Right),
            "middle" | "auxiliary" | "scroll" | "wheel" | "1" => Some(Self::Middle),
            _ => Some(Self::Other),
        }
    }
}

/// One reading of the motion sensors.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MotionEvent {
    /// When, ms.
    pub t_ms: f64,
    /// Acceleration with gravity, m/s².
    pub accel: Option<[f32; 3]>,
    /// Turn rate, rad/s.
    pub gyro: Option<[f32; 3]>,
}

/// The events of a capture, in order of time.
#[derive(Debug, Clone, PartialEq)]
pub enum Events {
    /// Keys, by their going down.
    Keystroke(Vec<KeyEvent>),
    /// Points of one stroke.
    Touch(Vec<PointEvent>),
    /// Points of a pointer.
    Pointer(Vec<PointEvent>),
}

impl Events {
    /// How many.
    pub fn len(&self) -> usize {
        match self {
            Self::Keystroke(events) => events.len(),
            Self::Touch(events) | Self::Pointer(events) => events.len(),
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// What they are.
    pub fn kind(&self) -> CaptureKind {
        match self {
            Self::Keystroke(_) => CaptureKind::Keystroke,
            Self::Touch(_) => CaptureKind::Touch,
            Self::Pointer(_) => CaptureKind::Pointer,
        }
    }
}

/// What was mended when the capture was checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Mended {
    /// Events that came in the wrong order.
    pub reordered: u32,
    /// Events that came twice.
    pub duplicates: u32,
}

/// A checked capture.
#[derive(Debug, Clone, PartialEq)]
pub struct Capture {
    /// Whose it is said to be.
    pub subject: String,
    /// Its id.
    pub capture: String,
    /// The sitting it belongs to.
    pub session: Option<String>,
    /// Where it was made.
    pub device: Device,
    /// Names a fixed text; free text has none.
    pub text_id: Option<String>,
    /// The screen.
    pub screen: Option<Screen>,
    /// At least one.
    pub events: Events,
    /// How the device was held and moved.
    pub motion: Vec<MotionEvent>,
    /// What was mended.
    pub mended: Mended,
}
