//! The one place that reads the wall clock.

use crate::domain::Timestamp;

/// Now.
#[expect(
    clippy::disallowed_methods,
    reason = "the clock of the whole program is read here and handed on as an argument"
)]
pub fn now() -> Timestamp {
    let since_epoch = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let ms = since_epoch.map_or(0, |d| i64::try_from(d.as_millis()).unwrap_or(i64::MAX));
    Timestamp::from_unix_ms(ms)
}
