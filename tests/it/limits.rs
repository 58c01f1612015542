//! Limits on sizes, calls and time.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use tonic::Code;
use tonic_types::StatusExt;
use vouch::grpc::{ServeError, Server, ServerSettings};

use crate::double::{Double, SLOW, manner};
use crate::server::{self, has_retry, keyed, reason_of, settings, until, verify};

#[tokio::test]
async fn a_message_over_the_limit_is_refused() {
    let server = server::start(ServerSettings { max_message_bytes: 64 * 1024, ..settings() }).await;
    let mut client = server.verification().await;
    assert!(client.verify(keyed(verify("s-1", 1_000))).await.is_ok());
    let status = client.verify(keyed(verify("s-1", 3_000))).await.unwrap_err();
    too_large(&status, 96_000);
    assert_eq!(server.app.count(|c| &c.begun), 1);
    assert!(client.verify(keyed(verify("s-1", 1_000))).await.is_ok(), "the connection goes on");
}

/// Says the limit of 64 KiB and what came: this much audio and a few bytes of fields.
fn too_large(status: &tonic::Status, audio_bytes: usize) {
    assert_eq!(status.code(), Code::ResourceExhausted);
    assert!(!has_retry(status));
    let info = status.get_details_error_info().unwrap();
    assert_eq!(info.reason, "MESSAGE_TOO_LARGE");
    assert_eq!(info.metadata["limit_bytes"], "65536");
    let got: usize = info.metadata["got_bytes"].parse().unwrap();
    assert!((audio_bytes..audio_bytes + 200).contains(&got), "{got}");
    assert!(status.message().contains("65536") && status.message().contains(&got.to_string()));
}

#[tokio::test]
async fn a_message_of_a_stream_over_the_limit_ends_it() {
    let server = server::start(ServerSettings { max_message_bytes: 64 * 1024, ..settings() }).await;
    let mut client = server.verification().await;
    let (sender, mut answers) = server::open(&mut client).await;
    sender.send(server::config("s-1")).await.unwrap();
    sender.send(server::audio(100)).await.unwrap();
    sender.send(server::audio(3_000)).await.unwrap();
    let (_, outcome) = server::read(&mut answers).await;
    too_large(&outcome.unwrap_err(), 96_000);
}

#[tokio::test]
async fn headers_over_the_limit_are_refused() {
    let server = server::start(ServerSettings { max_header_bytes: 2_048, ..settings() }).await;
    let mut client = server.verification().await;
    let mut request = keyed(verify("s-1", 100));
    let long = "a".repeat(4_096).parse().unwrap();
    request.metadata_mut().insert("x-long", long);
    assert!(client.verify(request).await.is_err());
    assert_eq!(server.app.count(|c| &c.authenticated), 0);
}

#[tokio::test]
async fn calls_over_the_limit_of_a_connection_are_told_to_come_back() {
    let server = server::start(ServerSettings { max_calls_per_connection: 1, ..settings() }).await;
    let mut first = server.verification().await;
    let mut second = first.clone();
    let slow = tokio::spawn(async move { first.verify(keyed(verify(manner::SLOW, 1))).await });
    until("the first call runs", || server.app.count(|c| &c.begun) == 1).await;
    let status = second.verify(keyed(verify("s-1", 1))).await.unwrap_err();
    assert_eq!(status.code(), Code::ResourceExhausted);
    assert_eq!(reason_of(&status), "BUSY");
    assert!(has_retry(&status));
    // Another connection has its own places; and the place comes back.
    let mut other = server.verification().await;
    assert!(other.verify(keyed(verify("s-1", 1))).await.is_ok());
    assert!(slow.await.unwrap().is_ok());
    assert!(second.verify(keyed(verify("s-1", 1))).await.is_ok());
}

#[tokio::test]
async fn calls_over_the_limit_of_the_server_are_told_to_come_back() {
    let server = server::start(ServerSettings { max_calls: 1, ..settings() }).await;
    let mut first = server.verification().await;
    let mut second = server.verification().await;
    let slow = tokio::spawn(async move { first.verify(keyed(verify(manner::SLOW, 1))).await });
    until("the first call runs", || server.app.count(|c| &c.begun) == 1).await;
    let status = second.verify(keyed(verify("s-1", 1))).await.unwrap_err();
    assert_eq!((status.code(), has_retry(&status)), (Code::ResourceExhausted, true));
    assert!(slow.await.unwrap().is_ok());
}

#[tokio::test]
async fn connections_over_the_limit_are_closed() {
    let server = server::start(ServerSettings { max_connections: 1, ..settings() }).await;
    let mut first = server.verification().await;
    assert!(first.verify(keyed(verify("s-1", 1))).await.is_ok());
    let uri = format!("http://{}", server.address);
    let channel = tonic::transport::Channel::from_shared(uri).unwrap().connect_lazy();
    let mut second =
        vouch::grpc::proto::verification_service_client::VerificationServiceClient::new(channel);
    assert!(second.verify(keyed(verify("s-1", 1))).await.is_err());
    assert!(first.verify(keyed(verify("s-1", 1))).await.is_ok());
}

#[tokio::test]
async fn a_connection_that_says_nothing_gives_its_place_back() {
    let short = ServerSettings {
        max_connections: 1,
        keepalive_interval_ms: 1_000,
        keepalive_timeout_ms: 1_000,
        ..settings()
    };
    let server = server::start(short).await;
    let _silent = tokio::net::TcpStream::connect(server.address).await.unwrap();
    let uri = format!("http://{}", server.address);
    let connect = || tonic::transport::Channel::from_shared(uri.clone()).unwrap().connect_lazy();
    let call = async || {
        let mut client =
            vouch::grpc::proto::verification_service_client::VerificationServiceClient::new(
                connect(),
            );
        client.verify(keyed(verify("s-1", 1))).await.is_ok()
    };
    assert!(!call().await, "its place is taken");
    let begun = Instant::now();
    while !call().await {
        assert!(begun.elapsed() < Duration::from_secs(10), "its place is taken for ever");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

#[tokio::test]
async fn a_deadline_ends_the_call_but_not_the_use_case() {
    let server = server::start(ServerSettings { request_timeout_ms: 200, ..settings() }).await;
    let mut client = server.verification().await;
    let started = Instant::now();
    let status = client.verify(keyed(verify(manner::SLOW, 1))).await.unwrap_err();
    assert_eq!(status.code(), Code::DeadlineExceeded);
    assert_eq!(reason_of(&status), "DEADLINE_EXCEEDED");
    assert!(started.elapsed() < SLOW, "{:?}", started.elapsed());
    assert_eq!(server.app.count(|c| &c.ended), 0);
    until("the use-case ends", || server.app.count(|c| &c.ended) == 1).await;
}

#[tokio::test]
async fn the_clients_deadline_counts_when_it_is_shorter() {
    let server = server::start(settings()).await;
    let mut client = server.verification().await;
    let mut request = keyed(verify(manner::SLOW, 1));
    request.metadata_mut().insert("grpc-timeout", "150m".parse().unwrap());
    let status = client.verify(request).await.unwrap_err();
    // The client holds its own deadline, too; where it is first it says Cancelled.
    assert!(matches!(status.code(), Code::DeadlineExceeded | Code::Cancelled), "{status}");
    until("the use-case ends", || server.app.count(|c| &c.ended) == 1).await;
}

async fn bind(listen: &str, has_api_key: bool) -> Result<Server, ServeError> {
    let listen: SocketAddr = listen.parse().unwrap();
    let settings = ServerSettings { listen, ..settings() };
    Server::bind(settings, Arc::new(Double::default()), has_api_key).await
}

#[tokio::test]
async fn others_can_reach_it_only_over_tls() {
    for listen in ["0.0.0.0:0", "[::]:0", "192.0.2.1:0"] {
        let error = bind(listen, true).await.err().unwrap();
        assert!(matches!(error, ServeError::NeedsTls(_)), "{error}");
        assert!(error.to_string().contains("server.tls.cert_file"));
    }
    assert!(bind("127.0.0.1:0", false).await.is_ok());
}

#[tokio::test]
async fn a_call_that_hangs_up_is_carried_out() {
    let server = server::start(settings()).await;
    let mut client = server.verification().await;
    let call = client.verify(keyed(verify(manner::SLOW, 1)));
    let gone = tokio::time::timeout(Duration::from_millis(100), call).await;
    assert!(gone.is_err(), "the client hung up");
    until("the use-case ends", || server.app.count(|c| &c.ended) == 1).await;
}
