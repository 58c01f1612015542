//! Stopping loses no decision.

use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_client::HealthClient;
use vouch::grpc::{Drained, ServerSettings};

use crate::double::manner;
use crate::server::{self, audio, config, keyed, open, read, settings, until, verify};

#[tokio::test]
async fn running_calls_end_and_live_streams_get_their_decision() {
    let mut server = server::start(settings()).await;
    let mut client = server.verification().await;
    let (sender, mut answers) = open(&mut client).await;
    sender.send(config("s-1")).await.unwrap();
    sender.send(audio(300)).await.unwrap();
    answers.message().await.unwrap();
    let mut other = server.verification().await;
    let slow = tokio::spawn(async move { other.verify(keyed(verify(manner::SLOW, 1))).await });
    until("both run", || server.app.count(|c| &c.begun) == 2).await;

    server.ask_to_stop();
    let (_, result) = read(&mut answers).await;
    assert_eq!(result.unwrap().quality.unwrap().total_ms, 300);
    assert!(slow.await.unwrap().is_ok());
    let app = std::sync::Arc::clone(&server.app);
    assert_eq!(server.stopped().await, Drained::All);
    assert_eq!(app.count(|c| &c.finished), 1);
}

#[tokio::test]
async fn a_watcher_of_the_health_does_not_hold_the_server() {
    let mut server = server::start(settings()).await;
    let mut client = HealthClient::new(server.channel().await);
    let request = HealthCheckRequest { service: String::new() };
    let mut watch = client.watch(request).await.unwrap().into_inner();
    watch.message().await.unwrap();
    server.ask_to_stop();
    let started = tokio::time::Instant::now();
    assert_eq!(server.stopped().await, Drained::All);
    assert!(started.elapsed() < std::time::Duration::from_millis(1_500));
}

#[tokio::test]
async fn work_beyond_the_grace_time_is_cut_and_said() {
    let mut server = server::start(ServerSettings { shutdown_grace_ms: 100, ..settings() }).await;
    let mut client = server.verification().await;
    tokio::spawn(async move { client.verify(keyed(verify(manner::SLOW, 1))).await });
    until("the call runs", || server.app.count(|c| &c.begun) == 1).await;
    server.ask_to_stop();
    assert_eq!(server.stopped().await, Drained::Cut(1));
}
