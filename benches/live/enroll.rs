//! Everybody who can be found, put into the store through the application itself, with a stand-in for the
//! network.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use vouch::app::{WallClock, admin};
use vouch::audio::AudioLimits;
use vouch::behavior::kinds::Backgrounds;
use vouch::config::Config;
use vouch::crypto::{MasterKey, SystemEntropy};
use vouch::domain::{ArtifactRef, Authorization, Purpose, Role, SubjectId, TenantId};
use vouch::engine::Engine;
use vouch::features::Frontend;
use vouch::policy::session::SHIPPED;
use vouch::scoring::fusion::Fusion;
use vouch::store::sqlite::SqliteStore;
use vouch::usecase::behavior::Fitted;
use vouch::usecase::command::{
    Caller, CreateSubject, Enroll, IdempotencyKey, RecordConsent, Recording,
};
use vouch::usecase::conversation::Conversation;
use vouch::usecase::extractor_pool::ExtractorPool;
use vouch::usecase::model_dir::models_dir_from_environment;
use vouch::usecase::parts::{ExtractError, ExtractStream};
use vouch::usecase::port::Application as _;
use vouch::usecase::{Anchors, Extract, Parts, VoiceParts, Vouch, back_end, install_model};

use crate::SUBJECTS;
use crate::speech::telephone;

/// Stands in for the network while subjects are enrolled: some direction for everybody.
struct Directions {
    artifact: ArtifactRef,
    dim: usize,
    count: AtomicU64,
    front_end: Frontend,
}

impl Extract for Directions {
    fn artifact(&self) -> ArtifactRef {
        self.artifact.clone()
    }

    fn front_end(&self) -> &Frontend {
        &self.front_end
    }

    fn stream(self: Arc<Self>) -> Box<dyn ExtractStream> {
        Box::new(NotLive)
    }

    fn embed(&self, _: &[f32]) -> Result<Vec<f32>, ExtractError> {
        let seed = self.count.fetch_add(1, Ordering::Relaxed) as f32;
        let wave = |i: usize| ((i * i) as f32 * 0.37 + seed * (i as f32 + 1.0) * 1.3).sin();
        Ok((0..self.dim).map(wave).collect())
    }
}

/// Nobody enrolls live here.
struct NotLive;

impl ExtractStream for NotLive {
    fn push(&mut self, _: &[f32]) -> Result<(), ExtractError> {
        Err("recordings only".into())
    }

    fn estimate(&self) -> Result<Vec<f32>, ExtractError> {
        Err("recordings only".into())
    }

    fn embedding(&self) -> Result<Vec<f32>, ExtractError> {
        Err("recordings only".into())
    }
}

struct NoAnchors;

impl Anchors for NoAnchors {
    fn checkpoint_sequence(&self) -> u64 {
        0
    }
}

/// Name of a subject.
pub fn subject(n: usize) -> String {
    format!("subject-{n}")
}

/// Enrolls everybody; gives an API key.
pub async fn enroll(config: &Config, speech: &[u8]) -> String {
    let key = admin::create_key(config, "default", Role::Admin, "bench", None).await.unwrap();
    let dir = models_dir_from_environment(config.models.dir.clone());
    let id = &config.models.default;
    let models = install_model::list(&dir);
    let status = models.into_iter().find(|s| s.manifest.id == *id && s.installed);
    let manifest = status.unwrap_or_else(|| panic!("run `vouch model install {id}`")).manifest;
    let network = ExtractorPool::new(install_model::load(id, &dir).unwrap()).unwrap();
    let extractor = Directions {
        front_end: network.front_end().clone(),
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
            age: Default::default(),
        }),
        behavior: Arc::new(Fitted::new(Backgrounds::default(), Vec::new())),
        conversation: Arc::new(Conversation::shipped().expect("it ships")),
        fusion: Fusion::cautious(),
        session_policy: SHIPPED[0].1.to_owned(),
        pinned: Vec::new(),
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
