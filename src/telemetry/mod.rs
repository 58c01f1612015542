//! Logs: lines on stderr, as text or JSON, without personal data.
//!
//! A call is one line: request id, method, code, duration, tenant, key id. Subject ids, audio, scores
//! and secrets are in no line; a test holds this over a whole run. Lines of libraries below `warn` are
//! left out whatever the level, since a transport at its finest level prints what it carries.

use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;

use crate::config::{LogFormat, LogLevel, TelemetrySettings};

/// Why logging cannot begin.
#[derive(Debug, thiserror::Error)]
#[error("logging has begun already")]
pub struct AlreadyBegun;

/// Begins logging for the whole process, on stderr.
pub fn begin(settings: &TelemetrySettings) -> Result<(), AlreadyBegun> {
    let subscriber = subscriber(settings, std::io::stderr);
    tracing::subscriber::set_global_default(subscriber).map_err(|_| AlreadyBegun)
}

/// A subscriber that writes to `writer`.
pub fn subscriber<W>(
    settings: &TelemetrySettings,
    writer: W,
) -> Box<dyn tracing::Subscriber + Send + Sync>
where
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter(settings.level))
        .with_writer(writer)
        .with_ansi(false);
    match settings.format {
        LogFormat::Text => Box::new(builder.finish()),
        LogFormat::Json => Box::new(builder.json().flatten_event(true).finish()),
    }
}

fn filter(level: LogLevel) -> EnvFilter {
    EnvFilter::new(match level {
        LogLevel::Error => "error",
        LogLevel::Warn => "warn",
        LogLevel::Info => "warn,vouch=info",
        LogLevel::Debug => "warn,vouch=debug",
    })
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    fn lines(level: LogLevel, format: LogFormat) -> String {
        let buffer = Arc::new(Mutex::new(Vec::new()));
        let writer = {
            let buffer = Arc::clone(&buffer);
            move || Writer(Arc::clone(&buffer))
        };
        let subscriber = subscriber(&TelemetrySettings { format, level }, writer);
        tracing::subscriber::with_default(subscriber, || {
            tracing::info!(target: "vouch::grpc", code = "OK", "call");
            tracing::debug!(target: "h2", "frame with headers");
            tracing::warn!(target: "h2", "connection");
        });
        String::from_utf8(buffer.lock().unwrap().clone()).unwrap()
    }

    struct Writer(Arc<Mutex<Vec<u8>>>);

    impl std::io::Write for Writer {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn libraries_are_held_to_warnings() {
        let text = lines(LogLevel::Debug, LogFormat::Text);
        assert!(text.contains("call") && text.contains("connection"));
        assert!(!text.contains("frame with headers"));
        assert!(!lines(LogLevel::Warn, LogFormat::Text).contains("call"));
    }

    #[test]
    fn json_is_one_object_a_line() {
        let text = lines(LogLevel::Info, LogFormat::Json);
        let first: serde_json::Value = serde_json::from_str(text.lines().next().unwrap()).unwrap();
        assert_eq!(first["code"], "OK");
        assert_eq!(first["target"], "vouch::grpc");
    }
}
