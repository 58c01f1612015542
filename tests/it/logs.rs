//! The log of a whole run names nobody.

use std::sync::{Arc, Mutex};

use vouch::config::{LogFormat, LogLevel, TelemetrySettings};
use vouch::telemetry;

use crate::double::{KEY, manner};
use crate::server::{self, audio, config, keyed, open, read, settings, verify, with_key};

#[derive(Clone, Default)]
struct Buffer(Arc<Mutex<Vec<u8>>>);

impl std::io::Write for Buffer {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn neither_subjects_nor_secrets_are_in_the_log() {
    let buffer = Buffer::default();
    let writer = buffer.clone();
    let settings_of_log = TelemetrySettings { format: LogFormat::Json, level: LogLevel::Debug };
    let subscriber = telemetry::subscriber(&settings_of_log, move || writer.clone());
    // The test's runtime has one thread, so that every task of the server logs here.
    let _guard = tracing::subscriber::set_default(subscriber);

    let mut server = server::start(settings()).await;
    let mut client = server.verification().await;
    let subject = "subject-of-the-log";
    assert!(client.verify(keyed(verify(subject, 100))).await.is_ok());
    let wrong = with_key(verify(subject, 100), "vk_wrong_secret");
    assert!(client.verify(wrong).await.is_err());
    assert!(client.verify(keyed(verify("not an id", 1))).await.is_err());
    for failing in [manner::STORE_DOWN, manner::BUSY] {
        assert!(client.verify(keyed(verify(failing, 1))).await.is_err());
    }
    let (sender, mut answers) = open(&mut client).await;
    sender.send(config(subject)).await.unwrap();
    sender.send(audio(100)).await.unwrap();
    drop(sender);
    assert!(read(&mut answers).await.1.is_ok());
    drop((client, answers));
    server.ask_to_stop();
    server.stopped().await;

    let log = String::from_utf8(buffer.0.lock().unwrap().clone()).unwrap();
    let calls = log.lines().filter(|l| l.contains("\"message\":\"call\"")).count();
    assert_eq!(calls, 6, "{log}");
    for told in ["tenant-1", "k-1", "VerificationService/VerifyStream", "UNAUTHENTICATED"] {
        assert!(log.contains(told), "{told} is not in {log}");
    }
    for secret in [subject, "not an id", manner::STORE_DOWN, KEY, "vk_wrong", "Bearer"] {
        assert!(!log.contains(secret), "{secret} is in {log}");
    }
}
