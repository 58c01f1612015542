//! Limits of captures.

/// Most bytes of a line of a capture file. A million events are over it.
pub const MAX_LINE_BYTES: usize = 8 << 20;
/// Most events of a capture: hours of typing, or six minutes of a pointer at 140 Hz.
pub const MAX_EVENTS: usize = 50_000;
/// Most readings of the motion sensors in a capture.
pub const MAX_MOTION: usize = 20_000;
/// Most bytes of the ids of subject, capture, session and text.
pub const MAX_ID_BYTES: usize = 128;
/// Most bytes of the name of a key or button.
pub const MAX_KEY_BYTES: usize = 128;
/// Latest time in milliseconds: some 3,000 years after 1970, so times may be counted from then or from anywhere later.
pub const MAX_TIME_MS: f64 = 1e14;
/// Longest capture in milliseconds: a day.
pub const MAX_SPAN_MS: f64 = 86_400_000.0;
/// Events may come in the wrong order by so many milliseconds, as packets overtake each other; they are put in order.
pub const MAX_DISORDER_MS: f64 = 2_000.0;
/// Largest coordinate in pixels, either side of 0.
pub const MAX_PIXELS: f64 = 1e6;
/// Largest pressure or contact size, in whatever unit the device counts.
pub const MAX_CONTACT: f64 = 1e4;
/// Largest acceleration (m/s²) and turn rate (rad/s).
pub const MAX_MOTION_VALUE: f64 = 1e4;
/// Most values of a sample's features: 512 strokes of 64 values.
pub const MAX_SAMPLE_VALUES: usize = 1 << 15;
/// Most bytes of the file of a background model.
pub const MAX_BACKGROUND_BYTES: usize = 16 << 20;
