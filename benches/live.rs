//! Live calls at the same time through the real server over loopback: how many one core sustains.
//!
//! `cargo bench --bench live -- [--calls N] [--seconds S] [--model ID] [--mode identify|verify]
//! [--without-network] [--server PATH]`. Each call sends G.711 in packets of 20 ms, all of it speech, and
//! is identified against a list of 1,000 enrolled subjects (or verified); an estimate comes every second
//! of speech, and a final, audited decision at the end. The server is a process of its own on core 0,
//! the load comes from core 1. Without `--calls`, the largest number is searched for at which 99 % of the
//! updates arrive within 50 ms of the packet that completes their second. `--without-network` asks for
//! more speech than a call has before the first comparison: what is left is everything but the embedding.

#![expect(
    clippy::print_stdout,
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "a bench measures time, prints, and stops at the first thing that is wrong"
)]

use std::collections::BTreeMap;
use std::io::BufRead as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::transport::{Channel, Endpoint};
use vouch::app::{WallClock, admin};
use vouch::audio::{AudioLimits, QualityLimits, decode_file, g711, listen};
use vouch::config::Config;
use vouch::crypto::{MasterKey, SystemEntropy};
use vouch::domain::{
    ArtifactRef, AudioEncoding, AudioFormat, Authorization, Purpose, Role, SubjectId, TenantId,
};
use vouch::engine::Engine;
use vouch::grpc::proto as pb;
use vouch::store::sqlite::SqliteStore;
use vouch::usecase::command::{
    Caller, CreateSubject, Enroll, IdempotencyKey, RecordConsent, Recording,
};
use vouch::usecase::hear::{Capture, front_end};
use vouch::usecase::model_dir::models_dir_from_environment;
use vouch::usecase::port::Application as _;
use vouch::usecase::{Anchors, Extract, Parts, VoiceParts, Vouch, back_end, install_model};

/// Bytes of a packet of 20 ms.
const PACKET: usize = 160;
/// Time from packet to packet.
const PACKET_TIME: Duration = Duration::from_millis(20);
/// Enrolled subjects, all of them on the candidate list.
const SUBJECTS: usize = 1_000;
/// Calls a connection carries.
const CALLS_PER_CONNECTION: usize = 50;
/// Updates must arrive within this, 99 of 100.
const LIMIT: Duration = Duration::from_millis(50);
/// More net speech than a call of this bench has, in milliseconds.
const NEVER_MS: u32 = 30_000;
/// Net speech between estimates, and between messages before the first (`session::verification`).
const COMPARE_EVERY_MS: u32 = 1_000;
const PROGRESS_EVERY_MS: u32 = 500;

struct Options {
    calls: Option<usize>,
    seconds: usize,
    model: String,
    identify: bool,
    network: bool,
    server: PathBuf,
}

fn options() -> Options {
    let mut options = Options {
        calls: None,
        seconds: 12,
        model: "campplus".into(),
        identify: true,
        network: true,
        server: env!("CARGO_BIN_EXE_vouch").into(),
    };
    let mut args = std::env::args().skip(1);
    while let Some(arg) = args.next() {
        let mut value = || args.next().unwrap_or_else(|| panic!("{arg} needs a value"));
        match arg.as_str() {
            "--calls" => options.calls = Some(value().parse().unwrap()),
            "--seconds" => options.seconds = value().parse().unwrap(),
            "--model" => options.model = value(),
            "--mode" => options.identify = value() == "identify",
            "--without-network" => options.network = false,
            "--server" => options.server = value().into(),
            "--bench" => {}
            _ => panic!("unknown argument {arg}"),
        }
    }
    options
}

fn main() {
    let options = options();
    pin("1", std::process::id());
    let folder = tempfile::tempdir().unwrap();
    let mut config = Config::default();
    config.server.listen = "127.0.0.1:0".parse().unwrap();
    config.server.max_calls = 10_000;
    config.server.max_calls_per_connection = 1_000;
    config.store.path = folder.path().join("data").join("vouch.db");
    config.keys.master_key_file = folder.path().join("master.key");
    config.audit.checkpoint_file = folder.path().join("audit.jsonl");
    config.models.default.clone_from(&options.model);
    config.models.dir = Some(models_dir_from_environment(None).canonicalize().unwrap());
    config.telemetry.level = vouch::config::LogLevel::Info;
    if !options.network {
        config.policy.verification.min_net_speech_ms = NEVER_MS;
        config.policy.verification.early_reject_net_speech_ms = NEVER_MS;
    }
    let speech = speech(options.seconds);
    let first_ms = config.policy.verification.min_net_speech_ms;
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
    runtime.unwrap().block_on(async {
        let key = enroll(&config, &speech.packets.concat()).await;
        let bench = Arc::new(Bench { speech, first_ms, key, asked: AtomicU64::new(0) });
        match options.calls {
            Some(calls) => {
                trial(&bench, &options, &config, folder.path(), calls).await;
            }
            None => search(&bench, &options, &config, folder.path()).await,
        }
    });
}

/// Lets the process (and the threads it will make) run on one core, where `taskset` can do that.
fn pin(core: &str, process: u32) {
    let done = Command::new("taskset")
        .args(["-pc", core, &process.to_string()])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    if !done.is_ok_and(|status| status.success()) {
        println!("process {process} is not pinned to core {core}");
    }
}

/// What every call says, and when its seconds are complete.
struct Speech {
    packets: Vec<Vec<u8>>,
    /// Net speech after each packet, in milliseconds.
    net_ms: Vec<u32>,
}

/// The speech of one word (fixtures/features/PROVENANCE.md) again and again, as mu-law.
fn speech(seconds: usize) -> Speech {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/features/clip_16k.wav");
    let pcm = decode_file(&std::fs::read(path).unwrap(), None, &AudioLimits::default()).unwrap();
    let heard = listen(&pcm, QualityLimits::default()).unwrap();
    let first = heard.speech.iter().position(|&s| s).unwrap();
    let last = heard.speech.iter().rposition(|&s| s).unwrap();
    // Every second sample is enough for a bench: what folds over is sound, too.
    let word = heard.audio.samples()[first * 160..last * 160].iter().step_by(2);
    let word: Vec<u8> = word.map(|&sample| g711::encode_ulaw(sample)).collect();
    let bytes: Vec<u8> = word.iter().copied().cycle().take(seconds * 8_000).collect();
    let packets: Vec<Vec<u8>> = bytes.chunks(PACKET).map(<[u8]>::to_vec).collect();
    let mut capture = Capture::new(
        &front_end().unwrap(),
        telephone(),
        AudioLimits::default(),
        QualityLimits::default(),
    )
    .unwrap();
    let mut net_ms = Vec::new();
    for packet in &packets {
        capture.push(None, packet).unwrap();
        net_ms.push(capture.quality().net_speech_ms);
    }
    let share = f64::from(*net_ms.last().unwrap()) / (seconds * 10) as f64;
    println!("calls of {seconds} s, {share:.0} % of it speech");
    Speech { packets, net_ms }
}

fn telephone() -> AudioFormat {
    AudioFormat {
        encoding: AudioEncoding::G711Ulaw,
        sample_rate_hz: None,
        channels: None,
        channel: None,
    }
}

/// Stands in for the network while subjects are enrolled: some direction for everybody.
struct Directions {
    artifact: ArtifactRef,
    dim: usize,
    count: AtomicU64,
}

impl Extract for Directions {
    fn artifact(&self) -> ArtifactRef {
        self.artifact.clone()
    }

    fn embed(&self, _: &[f32]) -> Result<Vec<f32>, Box<dyn std::error::Error + Send + Sync>> {
        let seed = self.count.fetch_add(1, Ordering::Relaxed) as f32;
        let wave = |i: usize| ((i * i) as f32 * 0.37 + seed * (i as f32 + 1.0) * 1.3).sin();
        Ok((0..self.dim).map(wave).collect())
    }
}

struct NoAnchors;

impl Anchors for NoAnchors {
    fn checkpoint_sequence(&self) -> u64 {
        0
    }
}

fn subject(n: usize) -> String {
    format!("subject-{n}")
}

/// Enrolls everybody; gives an API key.
async fn enroll(config: &Config, speech: &[u8]) -> String {
    let key = admin::create_key(config, "default", Role::Admin, "bench", None).await.unwrap();
    let dir = models_dir_from_environment(config.models.dir.clone());
    let id = &config.models.default;
    let models = install_model::list(&dir);
    let status = models.into_iter().find(|s| s.manifest.id == *id && s.installed);
    let manifest = status.unwrap_or_else(|| panic!("run `vouch model install {id}`")).manifest;
    let extractor = Directions {
        artifact: manifest.artifact(),
        dim: manifest.dimensions,
        count: AtomicU64::new(0),
    };
    let master = MasterKey::load(&config.keys.master_key_file).unwrap();
    let store = SqliteStore::open(&config.store.path, &master, Arc::new(SystemEntropy)).await;
    let store = store.unwrap();
    let mut policy = config.policy.clone();
    policy.enrollment.min_utterances = 1;
    policy.enrollment.required_net_speech_ms = 500;
    policy.enrollment.min_utterance_net_speech_ms = 500;
    policy.enrollment.min_snr_db = -20.0;
    let parts = Parts {
        store: Arc::new(store.clone()),
        engine: Arc::new(Engine::start(1, 2 * SUBJECTS).unwrap()),
        voice: Some(VoiceParts {
            extractor: Arc::new(extractor),
            back_end: Arc::new(back_end::load(id, &dir).unwrap()),
        }),
        configured_model: id.clone(),
        models: Vec::new(),
        policy,
        audio_limits: AudioLimits::default(),
        clock: Arc::new(WallClock),
        entropy: Arc::new(SystemEntropy),
        anchors: Arc::new(NoAnchors),
    };
    let by = Caller { tenant: TenantId::parse("default").unwrap(), key: key.id, role: Role::Admin };
    let app = Vouch::start(parts).await.unwrap();
    let begun = Instant::now();
    let all = (0..SUBJECTS).map(|n| {
        let (app, by, content) = (app.clone(), by.clone(), speech[..12_000].to_vec());
        tokio::spawn(async move { enroll_one(&app, &by, n, content).await })
    });
    for one in all.collect::<Vec<_>>() {
        one.await.unwrap();
    }
    println!("{SUBJECTS} subjects enrolled in {:.1} s", begun.elapsed().as_secs_f64());
    drop(app);
    store.close().await;
    key.text.to_string()
}

async fn enroll_one(app: &Vouch, by: &Caller, n: usize, content: Vec<u8>) {
    let key = |what: &str| IdempotencyKey::parse(&format!("{what}-{n}")).unwrap();
    let id = SubjectId::parse(&subject(n)).unwrap();
    let create = CreateSubject { subject: Some(id.clone()), key: key("create") };
    app.create_subject(by, create).await.unwrap();
    let consent = RecordConsent {
        subject: id.clone(),
        notice_id: "bench".into(),
        notice_version: "1".into(),
        purpose: Purpose::VoiceAuthentication,
        channel: "call".into(),
        collector: "bench".into(),
        given_at: None,
        expires_at: None,
        key: key("consent"),
    };
    app.record_consent(by, consent).await.unwrap();
    let command = Enroll {
        subject: id,
        authorization: Authorization { agent: "bench".into(), factor: "bench".into() },
        reenroll: false,
        key: key("enroll"),
    };
    let audio = Recording { format: telephone(), content };
    let outcome = app.enroll(by, command, audio).await.unwrap();
    assert!(outcome.voiceprint.is_some(), "{outcome:?}");
}

/// What all trials share.
struct Bench {
    speech: Speech,
    /// Net speech at the first comparison, in milliseconds.
    first_ms: u32,
    key: String,
    /// Calls so far, for names that were not used before.
    asked: AtomicU64,
}

/// The server, on core 0; killed when dropped.
struct Server {
    child: Child,
    address: String,
}

impl Server {
    fn start(binary: &Path, config: &Config, folder: &Path) -> Self {
        let file = folder.join("vouch.toml");
        std::fs::write(&file, config.to_toml()).unwrap();
        let log = std::fs::File::create(folder.join("log")).unwrap();
        let mut child = Command::new("taskset")
            .args(["-c", "0"])
            .arg(binary)
            .args(["serve", "--config"])
            .arg(&file)
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .unwrap();
        let mut line = String::new();
        let mut stdout = std::io::BufReader::new(child.stdout.take().unwrap());
        stdout.read_line(&mut line).unwrap();
        let address = line.trim().rsplit(' ').next().unwrap_or_default();
        Self { address: format!("http://{address}"), child }
    }

    /// User and system time so far.
    fn cpu(&self) -> Duration {
        let text = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id())).unwrap();
        let fields: Vec<&str> = text.rsplit(')').next().unwrap().split_whitespace().collect();
        // In ticks of 10 ms; the 14th and 15th field, two of which stand before the last bracket.
        let ticks: u64 = fields[11..13].iter().map(|f| f.parse::<u64>().unwrap()).sum();
        Duration::from_millis(10 * ticks)
    }

    fn resident_kib(&self) -> u64 {
        let text = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = text.lines().find(|line| line.starts_with("VmRSS:")).unwrap_or("0");
        line.chars().filter(char::is_ascii_digit).collect::<String>().parse().unwrap_or(0)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It is of no use any more, whatever comes of this.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What one call saw.
#[derive(Default)]
struct Seen {
    /// From the packet that completes a second to the update.
    updates: Vec<Duration>,
    /// How late packets were sent.
    late: Vec<Duration>,
    decision: String,
}

/// Doubles the number of calls until it is too many, then halves the difference.
async fn search(bench: &Arc<Bench>, options: &Options, config: &Config, folder: &Path) {
    let (mut good, mut bad, mut calls) = (0usize, None, 8);
    while bad.is_none_or(|bad| bad > good + good.div_ceil(16)) {
        if trial(bench, options, config, folder, calls).await {
            good = calls;
        } else {
            bad = Some(calls);
        }
        calls = match bad {
            Some(bad) => good.midpoint(bad),
            None => 2 * calls,
        };
        if calls == good {
            break;
        }
    }
    println!("sustained on one core: {good} calls with 99 % of updates within {LIMIT:?}");
}

/// Runs so many calls on a fresh server; whether all went well and in time.
async fn trial(
    bench: &Arc<Bench>,
    options: &Options,
    config: &Config,
    folder: &Path,
    calls: usize,
) -> bool {
    let server = Server::start(&options.server, config, folder);
    let mut channels = Vec::new();
    for _ in 0..calls.div_ceil(CALLS_PER_CONNECTION) {
        channels
            .push(Endpoint::from_shared(server.address.clone()).unwrap().connect().await.unwrap());
    }
    let before_kib = server.resident_kib();
    // All begin within a second.
    let start = Instant::now() + Duration::from_millis(100);
    let tasks: Vec<_> = (0..calls)
        .map(|n| {
            let (bench, channel) = (Arc::clone(bench), channels[n / CALLS_PER_CONNECTION].clone());
            let begin = start + Duration::from_secs(1) * n as u32 / calls as u32;
            let identify = options.identify;
            tokio::spawn(async move { call(&bench, channel, begin, identify).await })
        })
        .collect();
    // From when all have begun until the first ends.
    let sleep = |at: Instant| tokio::time::sleep_until(at.into());
    sleep(start + Duration::from_secs(2)).await;
    let (from, cpu_from) = (Instant::now(), server.cpu());
    sleep(start + Duration::from_secs(options.seconds as u64 - 1)).await;
    let (span, cpu) = (from.elapsed(), server.cpu() - cpu_from);
    let kib = server.resident_kib().saturating_sub(before_kib) as f64 / calls as f64;
    let (mut updates, mut late, mut failed) = (Vec::new(), Vec::new(), 0);
    let mut decisions = BTreeMap::<String, usize>::new();
    for task in tasks {
        match task.await.unwrap() {
            Ok(seen) => {
                updates.extend(seen.updates);
                late.extend(seen.late);
                *decisions.entry(seen.decision).or_default() += 1;
            }
            Err(status) => {
                failed += 1;
                *decisions.entry(format!("{:?}", status.code())).or_default() += 1;
            }
        }
    }
    updates.sort();
    late.sort();
    let at = |of: &[Duration], share: f64| {
        let n = (of.len().max(1) - 1) as f64 * share;
        of.get(n as usize).map_or(f64::NAN, |d| d.as_secs_f64() * 1e3)
    };
    let per_call = cpu.as_secs_f64() * 1e3 / span.as_secs_f64() / calls as f64;
    println!(
        "{calls} calls: {} updates, p50 {:.1} p99 {:.1} ms; {:.2} ms of server CPU a call and second,          {:.0} % of a core; {kib:.0} KiB a call; {failed} failed {decisions:?}; load late p99 {:.1} ms",
        updates.len(),
        at(&updates, 0.5),
        at(&updates, 0.99),
        per_call,
        100.0 * cpu.as_secs_f64() / span.as_secs_f64(),
        at(&late, 0.99),
    );
    failed == 0 && at(&updates, 0.99) <= LIMIT.as_secs_f64() * 1e3
}

/// An update as far as the bench is concerned.
struct Update {
    net_speech_ms: u32,
    compared: bool,
}

enum Received {
    Update(Update),
    Decision(i32),
}

/// One call, from its configuration to its decision.
async fn call(
    bench: &Bench,
    channel: Channel,
    begin: Instant,
    identify: bool,
) -> Result<Seen, tonic::Status> {
    tokio::time::sleep_until(begin.into()).await;
    let number = bench.asked.fetch_add(1, Ordering::Relaxed) as usize;
    // Depth: nothing waits here when the server keeps up.
    let (sender, receiver) = mpsc::channel(64);
    let mut answers = if identify {
        identify_answers(bench, channel, number, receiver).await?
    } else {
        verify_answers(bench, channel, number, receiver).await?
    };
    let first = Instant::now();
    let packets = bench.speech.packets.clone();
    let feeder = tokio::spawn(async move {
        let mut late = Vec::with_capacity(packets.len());
        for (n, content) in packets.into_iter().enumerate() {
            let due = first + PACKET_TIME * n as u32;
            tokio::time::sleep_until(due.into()).await;
            late.push(due.elapsed());
            if sender.send(pb::AudioChunk { sequence: n as u64 + 1, content }).await.is_err() {
                break;
            }
        }
        late
    });
    let mut seen = Seen::default();
    let (mut told_ms, mut compared) = (0, false);
    while let Some(received) = answers.recv().await {
        match received? {
            Received::Update(update) => {
                let due_ms = match (update.compared, compared) {
                    (true, false) => bench.first_ms,
                    (true, true) => told_ms + COMPARE_EVERY_MS,
                    (false, _) => told_ms + PROGRESS_EVERY_MS,
                };
                (told_ms, compared) = (update.net_speech_ms, update.compared);
                let packet = bench.speech.net_ms.iter().position(|&net| net >= due_ms);
                let due = first + PACKET_TIME * packet.unwrap_or(0) as u32;
                seen.updates.push(due.elapsed());
            }
            Received::Decision(decision) => {
                let decision = pb::Decision::try_from(decision).unwrap_or_default();
                seen.decision = decision.as_str_name().to_owned();
            }
        }
    }
    seen.late = feeder.await.unwrap();
    Ok(seen)
}

type Answers = mpsc::Receiver<Result<Received, tonic::Status>>;

fn keyed<T>(bench: &Bench, message: T) -> tonic::Request<T> {
    let mut request = tonic::Request::new(message);
    let value = format!("Bearer {}", bench.key).parse().unwrap();
    request.metadata_mut().insert("authorization", value);
    request
}

fn audio_config() -> pb::AudioConfig {
    pb::AudioConfig {
        encoding: pb::AudioEncoding::G711Ulaw as i32,
        sample_rate_hz: 8_000,
        channels: 1,
        channel: None,
    }
}

/// Passes answers on, read in the bench's own words.
fn forward<T: Send + 'static>(
    mut stream: tonic::Streaming<T>,
    read: impl Fn(T) -> Option<Received> + Send + 'static,
) -> Answers {
    let (sender, receiver) = mpsc::channel(64);
    tokio::spawn(async move {
        loop {
            let next = match stream.message().await {
                Ok(None) => break,
                Ok(Some(message)) => read(message).map(Ok),
                Err(status) => Some(Err(status)),
            };
            let failed = matches!(next, Some(Err(_)));
            if let Some(next) = next {
                // Nobody listens any more when the call has failed.
                let _ = sender.send(next).await;
            }
            if failed {
                break;
            }
        }
    });
    receiver
}

async fn identify_answers(
    bench: &Bench,
    channel: Channel,
    number: usize,
    audio: mpsc::Receiver<pb::AudioChunk>,
) -> Result<Answers, tonic::Status> {
    use pb::identify_stream_config::Candidates;
    use pb::identify_stream_request::Message as Sent;
    use pb::identify_stream_response::Message as Answer;
    use tokio_stream::StreamExt as _;
    let list = pb::CandidateList { subject_ids: (0..SUBJECTS).map(subject).collect() };
    let config = pb::IdentifyStreamConfig {
        audio: Some(audio_config()),
        candidates: Some(Candidates::CandidateList(list)),
        max_results: 10,
        idempotency_key: format!("live-{number}"),
        no_early_decision: true,
    };
    let message = |sent| pb::IdentifyStreamRequest { message: Some(sent) };
    let audio = ReceiverStream::new(audio).map(move |chunk| message(Sent::Audio(chunk)));
    let requests = tokio_stream::once(message(Sent::Config(config))).chain(audio);
    let mut client = pb::identification_service_client::IdentificationServiceClient::new(channel);
    let stream = client.identify_stream(keyed(bench, requests)).await?.into_inner();
    Ok(forward(stream, |answer| match answer.message? {
        Answer::Update(update) => Some(Received::Update(Update {
            net_speech_ms: update.quality?.net_speech_ms,
            compared: !update.candidates.is_empty(),
        })),
        Answer::Result(result) => Some(Received::Decision(result.decision)),
    }))
}

async fn verify_answers(
    bench: &Bench,
    channel: Channel,
    number: usize,
    audio: mpsc::Receiver<pb::AudioChunk>,
) -> Result<Answers, tonic::Status> {
    use pb::verify_stream_request::Message as Sent;
    use pb::verify_stream_response::Message as Answer;
    use tokio_stream::StreamExt as _;
    let config = pb::VerifyStreamConfig {
        subject_id: subject(number % SUBJECTS),
        audio: Some(audio_config()),
        idempotency_key: format!("live-{number}"),
        no_early_decision: true,
    };
    let message = |sent| pb::VerifyStreamRequest { message: Some(sent) };
    let audio = ReceiverStream::new(audio).map(move |chunk| message(Sent::Audio(chunk)));
    let requests = tokio_stream::once(message(Sent::Config(config))).chain(audio);
    let mut client = pb::verification_service_client::VerificationServiceClient::new(channel);
    let stream = client.verify_stream(keyed(bench, requests)).await?.into_inner();
    Ok(forward(stream, |answer| match answer.message? {
        Answer::Update(update) => Some(Received::Update(Update {
            net_speech_ms: update.quality?.net_speech_ms,
            compared: update.score.is_some(),
        })),
        Answer::Result(result) => Some(Received::Decision(result.decision)),
    }))
}
