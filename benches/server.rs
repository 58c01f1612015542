//! The real server over loopback: latency of unary verification, of streaming updates, and memory.
//!
//! `VOUCH_VOICES=DIR cargo bench --bench server` (default `fixtures/voices`); needs an installed model.
//! For one core: `taskset -c 0 cargo bench --bench server`.

#![expect(
    clippy::print_stdout,
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "a bench measures time, prints, and stops at the first thing that is wrong"
)]

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use tokio::sync::oneshot;
use vouch::app::serve;
use vouch::config::Config;
use vouch::grpc::client::{Client, LiveAudio};
use vouch::grpc::proto as pb;
use vouch::usecase::recordings::as_telephone;

/// G.711 bytes a second.
const BYTES_PER_S: usize = 8_000;
/// Seconds of audio in a unary verification.
const UNARY_S: usize = 5;
/// Unary verifications measured.
const UNARY_CALLS: usize = 200;
/// Live calls at the same time.
const LIVE_CALLS: usize = 10;
/// Seconds of audio in a live call.
const LIVE_S: usize = 10;

fn main() {
    let root = std::env::var_os("VOUCH_VOICES").map_or("fixtures/voices".into(), PathBuf::from);
    let Some(speech) = speech(&root) else {
        println!("SKIPPED: no recordings in {}: run fixtures/voices.sh", root.display());
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let mut config = Config::default();
    config.server.listen = "127.0.0.1:0".parse().unwrap();
    config.store.path = folder.path().join("data").join("vouch.db");
    config.keys.master_key_file = folder.path().join("master.key");
    config.audit.checkpoint_file = folder.path().join("audit.jsonl");
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let (told, started) = oneshot::channel();
        let (stop, stopped) = oneshot::channel::<()>();
        let server = serve::run(&config, |s| drop(told.send(s)), async { drop(stopped.await) });
        let work = async {
            let _stop = stop;
            let started = started.await.unwrap();
            let address = format!("http://{}", started.address);
            let client = Client::connect(&address, &started.first_key.unwrap().text).await.unwrap();
            measure(&client, &speech).await;
        };
        let (served, ()) = tokio::join!(server, work);
        served.unwrap();
    });
}

/// The longest recordings of the first folder, one after another, as mu-law.
fn speech(root: &Path) -> Option<Vec<u8>> {
    let mut folders: Vec<PathBuf> =
        std::fs::read_dir(root).ok()?.map(|e| e.unwrap().path()).collect();
    folders.sort();
    let folder = folders.into_iter().find(|path| path.is_dir())?;
    let mut clips: Vec<Vec<u8>> = std::fs::read_dir(folder)
        .ok()?
        .filter_map(|entry| as_telephone(&entry.unwrap().path()).ok())
        .filter(|clip| (4 * BYTES_PER_S..20 * BYTES_PER_S).contains(&clip.len()))
        .collect();
    clips.sort();
    let all = clips.concat();
    (all.len() > 120 * BYTES_PER_S).then_some(all)
}

async fn measure(client: &Client, speech: &[u8]) {
    enroll(client, speech).await;
    println!("memory after enrollment: {} MiB resident", resident_mib());
    unary(client, speech).await;
    live(client, speech).await;
    println!("memory at the end: {} MiB resident", resident_mib());
}

async fn enroll(client: &Client, speech: &[u8]) {
    let subject_id = "bench".to_owned();
    let create =
        pb::CreateSubjectRequest { subject_id: subject_id.clone(), idempotency_key: "c".into() };
    client.create_subject(create).await.unwrap();
    let consent = pb::Consent {
        notice_id: "bench".into(),
        notice_version: "1".into(),
        purpose: pb::ConsentPurpose::VoiceAuthentication as i32,
        channel: "call".into(),
        collector: "bench".into(),
        given_at: None,
        expires_at: None,
    };
    let record = pb::RecordConsentRequest {
        subject_id: subject_id.clone(),
        consent: Some(consent),
        idempotency_key: "r".into(),
    };
    client.record_consent(record).await.unwrap();
    for (n, clip) in speech.chunks(10 * BYTES_PER_S).take(8).enumerate() {
        let config = pb::EnrollStreamConfig {
            enrollment: Some(pb::EnrollmentConfig {
                subject_id: subject_id.clone(),
                idempotency_key: format!("e{n}"),
                authorization: Some(pb::Authorization {
                    agent: "bench".into(),
                    factor: "bench".into(),
                }),
                reenroll: false,
            }),
            audio: Some(telephone()),
        };
        let audio = LiveAudio {
            packets: clip.chunks(160).map(<[u8]>::to_vec).collect(),
            interval: Duration::from_millis(2),
        };
        let result = client.enroll_stream(config, audio, |_| {}).await.unwrap();
        if result.state == pb::EnrollmentState::Enrolled as i32 {
            return;
        }
    }
    panic!("the enrollment is not complete");
}

async fn unary(client: &Client, speech: &[u8]) {
    let mut times = Vec::new();
    let clips = speech.chunks_exact(UNARY_S * BYTES_PER_S).cycle();
    for (n, clip) in clips.take(UNARY_CALLS).enumerate() {
        let request = pb::VerifyRequest {
            subject_id: "bench".into(),
            audio: Some(pb::Audio { config: Some(telephone()), content: clip.to_vec() }),
            idempotency_key: format!("v{n}"),
            ..Default::default()
        };
        let begun = Instant::now();
        client.verify(request).await.unwrap();
        times.push(begun.elapsed());
    }
    report(&format!("unary verification of {UNARY_S} s, one at a time"), &mut times);
}

/// Live calls in real time. Latency of an update: from when its last packet was due to be sent to its
/// arrival.
async fn live(client: &Client, speech: &[u8]) {
    let calls = (0..LIVE_CALLS).map(|n| {
        let client = client.clone();
        let from = n * LIVE_S * BYTES_PER_S % (speech.len() - LIVE_S * BYTES_PER_S);
        let packets: Vec<Vec<u8>> =
            speech[from..from + LIVE_S * BYTES_PER_S].chunks(160).map(<[u8]>::to_vec).collect();
        tokio::spawn(async move {
            tokio::time::sleep(Duration::from_millis(97 * n as u64)).await;
            let config = pb::VerifyStreamConfig {
                subject_id: "bench".into(),
                audio: Some(telephone()),
                idempotency_key: format!("l{n}"),
                no_early_decision: true,
                ..Default::default()
            };
            let audio = LiveAudio { packets, interval: Duration::from_millis(20) };
            let begun = Instant::now();
            let mut times = Vec::new();
            let see = |update: pb::VerificationUpdate| {
                let heard = update.quality.map_or(0, |q| u64::from(q.total_ms));
                times.push(begun.elapsed().saturating_sub(Duration::from_millis(heard)));
            };
            client.verify_stream(config, audio, see).await.unwrap();
            times
        })
    });
    let calls: Vec<_> = calls.collect();
    let mut times = Vec::new();
    for call in calls {
        times.extend(call.await.unwrap());
    }
    report(&format!("streaming update, {LIVE_CALLS} live calls of {LIVE_S} s"), &mut times);
}

fn telephone() -> pb::AudioConfig {
    pb::AudioConfig {
        encoding: pb::AudioEncoding::G711Ulaw as i32,
        sample_rate_hz: 8_000,
        channels: 1,
        channel: None,
    }
}

fn report(what: &str, times: &mut [Duration]) {
    times.sort();
    let at = |share: f64| times[((times.len() - 1) as f64 * share) as usize].as_secs_f64() * 1e3;
    println!("{what}: n {}, p50 {:.1} ms, p99 {:.1} ms", times.len(), at(0.5), at(0.99));
}

fn resident_mib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap_or("0");
    line.chars().filter(char::is_ascii_digit).collect::<String>().parse::<u64>().unwrap_or(0) / 1024
}
