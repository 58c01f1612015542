//! Settings of the server and their limits. Durations are milliseconds, sizes are bytes.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;

/// Section `[server]` of `vouch.toml`.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ServerSettings {
    /// Address and port; port 0 takes a free one. Anything but loopback needs TLS and an API key.
    pub listen: SocketAddr,
    /// TLS; plain text when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tls: Option<TlsSettings>,
    /// Largest message received; a whole recording is one.
    pub max_message_bytes: usize,
    /// Largest header list of a request.
    pub max_header_bytes: u32,
    /// Connections open at the same time; more are closed at once.
    pub max_connections: usize,
    /// Calls running at the same time; more are answered RESOURCE_EXHAUSTED.
    pub max_calls: usize,
    /// Calls running at the same time on one connection; more are answered RESOURCE_EXHAUSTED.
    pub max_calls_per_connection: usize,
    /// Longest unary call; a shorter `grpc-timeout` of the client wins.
    pub request_timeout_ms: u64,
    /// A live stream without a message for this long is finished with what was heard.
    pub stream_idle_ms: u64,
    /// A live stream is finished after this long, whatever comes.
    pub stream_total_ms: u64,
    /// Live audio received and not yet processed; more is answered RESOURCE_EXHAUSTED.
    pub max_backlog_ms: u64,
    /// HTTP/2 pings on a quiet connection, at this interval.
    pub keepalive_interval_ms: u64,
    /// A ping without an answer for this long closes the connection. One that never begins HTTP/2 is closed after
    /// interval and timeout together.
    pub keepalive_timeout_ms: u64,
    /// HTTP/2 flow-control window of one stream.
    pub stream_window_bytes: u32,
    /// HTTP/2 flow-control window of one connection.
    pub connection_window_bytes: u32,
    /// On shutdown, how long calls may take to end.
    pub shutdown_grace_ms: u64,
}

/// Section `[server.tls]`: PEM files.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TlsSettings {
    /// Certificate chain.
    pub cert_file: PathBuf,
    /// Private key.
    pub key_file: PathBuf,
    /// Clients must present a certificate of this authority; any client may connect when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_ca_file: Option<PathBuf>,
}

impl Default for ServerSettings {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 50_051)),
            tls: None,
            max_message_bytes: 8 * 1024 * 1024,
            max_header_bytes: 16 * 1024,
            max_connections: 1_000,
            max_calls: 512,
            max_calls_per_connection: 64,
            request_timeout_ms: 30_000,
            stream_idle_ms: 10_000,
            stream_total_ms: 180_000,
            max_backlog_ms: 2_000,
            keepalive_interval_ms: 20_000,
            keepalive_timeout_ms: 10_000,
            stream_window_bytes: 256 * 1024,
            connection_window_bytes: 1024 * 1024,
            shutdown_grace_ms: 10_000,
        }
    }
}

/// A setting outside its range.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("server.{key}: {low} to {high}, got {got}")]
pub struct OutOfRange {
    /// Name of the setting.
    pub key: &'static str,
    /// Least value.
    pub low: u64,
    /// Greatest value.
    pub high: u64,
    /// What came.
    pub got: u64,
}

impl ServerSettings {
    /// Checks every number against its range.
    pub fn check(&self) -> Result<(), OutOfRange> {
        const KIB: u64 = 1024;
        const MIB: u64 = 1024 * KIB;
        const HOUR_MS: u64 = 3_600_000;
        // HTTP/2 windows have 31 bits and start at 65,535 bytes (RFC 9113, 6.9.2).
        const WINDOW: (u64, u64) = (65_535, (1 << 31) - 1);
        let table = [
            ("max_message_bytes", self.max_message_bytes as u64, 64 * KIB, 64 * MIB),
            ("max_header_bytes", self.max_header_bytes.into(), KIB, MIB),
            ("max_connections", self.max_connections as u64, 1, 100_000),
            ("max_calls", self.max_calls as u64, 1, 100_000),
            ("max_calls_per_connection", self.max_calls_per_connection as u64, 1, 10_000),
            ("request_timeout_ms", self.request_timeout_ms, 100, HOUR_MS),
            ("stream_idle_ms", self.stream_idle_ms, 100, HOUR_MS),
            ("stream_total_ms", self.stream_total_ms, 100, HOUR_MS),
            ("max_backlog_ms", self.max_backlog_ms, 100, 2_000),
            ("keepalive_interval_ms", self.keepalive_interval_ms, 1_000, HOUR_MS),
            ("keepalive_timeout_ms", self.keepalive_timeout_ms, 1_000, HOUR_MS),
            ("stream_window_bytes", self.stream_window_bytes.into(), WINDOW.0, WINDOW.1),
            ("connection_window_bytes", self.connection_window_bytes.into(), WINDOW.0, WINDOW.1),
            ("shutdown_grace_ms", self.shutdown_grace_ms, 0, HOUR_MS),
        ];
        let bad = table.into_iter().find(|&(_, got, low, high)| got < low || got > high);
        match bad {
            None => Ok(()),
            Some((key, got, low, high)) => Err(OutOfRange { key, low, high, got }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_within_their_ranges() {
        assert_eq!(ServerSettings::default().check(), Ok(()));
    }

    #[test]
    fn a_number_out_of_range_is_named_with_its_limits() {
        let settings = ServerSettings { max_backlog_ms: 2_001, ..Default::default() };
        let error = settings.check().expect_err("over the limit");
        assert_eq!(error.to_string(), "server.max_backlog_ms: 100 to 2000, got 2001");
    }
}
