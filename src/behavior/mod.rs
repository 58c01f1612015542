//! Behavioral biometrics: raw events of keys, touches and pointers become features, features become
//! profiles, and a comparison becomes an LLR with the habits that spoke for and against.

pub mod builtin;
pub mod datasets;
pub mod error;
pub mod event;
pub mod evidence;
pub mod finding;
pub mod key;
pub mod keystroke;
pub mod kinds;
pub mod limits;
pub mod motion;
pub mod parse;
pub mod pointer;
pub mod raw;
pub mod sample;
pub mod touch;
pub mod trial;

pub use error::BehaviorError;
pub use event::{Capture, CaptureKind, Device, Events, KeyEvent, Phase, PointEvent, RawCapture};
pub use evidence::{Evidence, Habit};
pub use key::{Key, KeyClass};
pub use sample::{Sample, SampleKind};
