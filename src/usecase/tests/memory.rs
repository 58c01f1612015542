//! A store in memory that keeps the promises of the store's traits and can be told to fail.

use std::collections::{BTreeMap, HashMap};
use std::sync::Mutex;

use tokio::sync::watch;

use crate::domain::*;
use crate::store::{self, *};

#[derive(Default)]
struct State {
    subjects: BTreeMap<SubjectId, SubjectSnapshot>,
    answers: HashMap<(String, String), ([u8; 32], Vec<u8>)>,
    records: Vec<DecisionRecord>,
    erasures: HashMap<ReceiptId, store::Erasure>,
    generation: u32,
    extractor: Option<ArtifactRef>,
    fail: Vec<StoreError>,
}

/// One tenant in memory.
pub(super) struct MemoryStore {
    tenant: TenantId,
    state: Mutex<State>,
    head: watch::Sender<AuditHead>,
    /// Erasures stay pending.
    pub(super) pending_erasures: bool,
}

impl MemoryStore {
    pub(super) fn new(tenant: TenantId) -> Self {
        Self {
            tenant,
            state: Mutex::default(),
            head: watch::Sender::new(AuditHead::default()),
            pending_erasures: false,
        }
    }

    /// The next commits fail with these, last first.
    pub(super) fn fail_next(&self, errors: Vec<StoreError>) {
        self.state.lock().unwrap().fail = errors;
    }
}

fn add_effect(
    snapshot: &mut SubjectSnapshot,
    effect: Effect,
    at: Timestamp,
    applied: &mut Applied,
) -> Result<(), StoreError> {
    match effect {
        Effect::PutConsent(record) => snapshot.consents.push(record),
        Effect::WithdrawConsents(purpose) => {
            for c in &mut snapshot.consents {
                if c.purpose == purpose && c.withdrawn_at.is_none() {
                    c.withdrawn_at = Some(at);
                    applied.withdrawn += 1;
                }
            }
        }
        Effect::SetOptOut(out) => snapshot.opted_out = out,
        Effect::AddUtterance {
            enrollment,
            reenroll,
            utterance: u,
            consent,
        } => {
            if snapshot.voiceprint.is_some() && !reenroll {
                return Err(StoreError::VoiceprintExists);
            }
            let pending = snapshot.enrollment.get_or_insert(PendingEnrollment {
                id: enrollment.clone(),
                started_at: at,
                reenroll,
                utterances: vec![],
            });
            if pending.id != enrollment {
                return Err(StoreError::OtherEnrollment);
            }
            pending.utterances.push(EnrolledUtterance {
                id: u.id,
                captured_at: u.captured_at,
                embedding: u.embedding,
                extractor: u.extractor,
                bandwidth: u.bandwidth,
                net_speech_ms: u.net_speech_ms,
                quality: u.quality,
                authorization: u.authorization,
                consent: consent.consent_id().clone(),
            });
        }
        Effect::CancelEnrollment => {
            let pending = snapshot.enrollment.take().ok_or(StoreError::NoEnrollment)?;
            applied.utterances_dropped = pending.utterances.len() as u32;
        }
        Effect::CompleteEnrollment {
            voiceprint,
            expires_at,
            authorization,
            consent,
        } => {
            let pending = snapshot.enrollment.take().ok_or(StoreError::NoEnrollment)?;
            snapshot.voiceprint = Some(Voiceprint {
                id: voiceprint,
                extractor: pending.utterances[0].extractor.clone(),
                created_at: at,
                expires_at,
                authorization,
                consent: consent.consent_id().clone(),
                utterances: pending.utterances,
            });
        }
        Effect::DeleteVoiceprint { voiceprint } => {
            let found = snapshot.voiceprint.take_if(|p| p.id == voiceprint);
            found.ok_or(StoreError::NoVoiceprint)?;
        }
        Effect::SetAttempts(attempts) => snapshot.attempts = attempts,
        other => panic!("not an effect on a subject that is here: {other:?}"),
    }
    Ok(())
}

impl State {
    fn apply(&mut self, t: &mut Transaction, applied: &mut Applied) -> Result<(), StoreError> {
        let at = t.audit.at;
        let id = t.subject.as_ref().map(|s| s.id.clone());
        let effects = std::mem::take(&mut t.effects);
        if let [Effect::CreateSubject] = effects[..] {
            let id = id.expect("a subject");
            if self.subjects.contains_key(&id) {
                return Err(StoreError::SubjectExists(id));
            }
            let fresh = SubjectSnapshot {
                id: id.clone(),
                version: 1,
                created_at: at,
                opted_out: false,
                consents: vec![],
                enrollment: None,
                voiceprint: None,
                attempts: Attempts::default(),
            };
            self.subjects.insert(id, fresh);
            return Ok(());
        }
        if let [Effect::RenewRotation { expected_generation }] = effects[..] {
            assert_eq!(expected_generation, self.generation);
            self.generation += 1;
            let prints = self.subjects.values().filter(|s| s.voiceprint.is_some());
            applied.renewed = prints.count() as u32;
            applied.rotation_generation = self.generation;
            return Ok(());
        }
        let Some(target) = &t.subject else {
            assert!(effects.is_empty(), "effects without a subject");
            return Ok(());
        };
        let found = self.subjects.get(&target.id).cloned();
        let mut snapshot = found.ok_or(StoreError::NoSubject(target.id.clone()))?;
        if let Some(expected) = target.expected_version.filter(|v| *v != snapshot.version) {
            let found = snapshot.version;
            return Err(StoreError::Conflict { expected, found });
        }
        if let [Effect::EraseSubject { receipt }] = &effects[..] {
            self.subjects.remove(&target.id);
            for r in &mut self.records {
                let about = r.event.as_ref().and_then(|e| e.subject.as_ref());
                if about == Some(&target.id) {
                    r.event = None;
                }
            }
            applied.erasure = Some(store::Erasure {
                receipt: receipt.clone(),
                state: ErasureState::Pending,
                erased_at: at,
                rows_destroyed: 1,
                decision: t.audit.decision.clone(),
            });
            return Ok(());
        }
        let changes = !effects.is_empty();
        for effect in effects {
            if let Effect::AddUtterance { utterance, .. } = &effect {
                self.extractor.get_or_insert(utterance.extractor.clone());
            }
            add_effect(&mut snapshot, effect, at, applied)?;
        }
        snapshot.version += u64::from(changes);
        self.subjects.insert(target.id.clone(), snapshot);
        Ok(())
    }

    fn commit(
        &mut self,
        mut t: Transaction,
        pending_erasures: bool,
    ) -> Result<Outcome, StoreError> {
        if let Some(error) = self.fail.pop() {
            return Err(error);
        }
        let name = t.idempotency.as_ref().map(|i| i.key.clone());
        if let Some(key) = &name
            && let Some(known) = self.replay(key)?
        {
            return Ok(Outcome::Replayed(known));
        }
        let mut applied = Applied {
            decision: t.audit.decision.clone(),
            sequence: self.records.len() as u64 + 1,
            subject_version: None,
            withdrawn: 0,
            utterances_dropped: 0,
            renewed: 0,
            rotation_generation: self.generation,
            erasure: None,
        };
        self.apply(&mut t, &mut applied)?;
        let mut event = t.audit.event;
        let known = |s: &SubjectId| self.subjects.contains_key(s);
        event.subject = event.subject.filter(known);
        self.records.push(DecisionRecord {
            id: t.audit.decision,
            sequence: applied.sequence,
            at: t.audit.at,
            kind: event.kind,
            decision: event.decision,
            reasons: event.reasons.clone(),
            event: Some(event),
        });
        if let Some(mut erasure) = applied.erasure.clone() {
            if !pending_erasures {
                erasure.state = ErasureState::Done;
            }
            self.erasures.insert(erasure.receipt.clone(), erasure);
        }
        let response = match t.idempotency.map(|i| i.response) {
            Some(Response::Bytes(bytes)) => bytes,
            Some(Response::Build(build)) => build(&applied),
            None => vec![],
        };
        if let Some(key) = name {
            let value = (key.body_hash, response.clone());
            self.answers.insert((key.method.to_owned(), key.key), value);
        }
        Ok(Outcome::Committed(Box::new(Committed { applied, response })))
    }

    fn replay(&self, key: &IdempotencyKey) -> Result<Option<Vec<u8>>, StoreError> {
        match self.answers.get(&(key.method.to_owned(), key.key.clone())) {
            Some((hash, _)) if *hash != key.body_hash => Err(StoreError::IdempotencyMismatch),
            Some((_, answer)) => Ok(Some(answer.clone())),
            None => Ok(None),
        }
    }
}

impl Commits for MemoryStore {
    fn commit(&self, transaction: Transaction) -> StoreFuture<'_, Outcome> {
        assert_eq!(transaction.tenant, self.tenant);
        let mut state = self.state.lock().unwrap();
        let outcome = state.commit(transaction, self.pending_erasures);
        let sequence = state.records.len() as u64;
        self.head.send_replace(AuditHead {
            sequence,
            hash: [7; 32],
        });
        Box::pin(async move { outcome })
    }

    fn replay<'a>(
        &'a self,
        _: &'a TenantId,
        key: &'a IdempotencyKey,
        _: Timestamp,
    ) -> StoreFuture<'a, Option<Vec<u8>>> {
        let found = self.state.lock().unwrap().replay(key);
        Box::pin(async move { found })
    }

    fn erasure<'a>(
        &'a self,
        _: &'a TenantId,
        receipt: &'a ReceiptId,
    ) -> StoreFuture<'a, Option<store::Erasure>> {
        let found = self.state.lock().unwrap().erasures.get(receipt).cloned();
        Box::pin(async move { Ok(found) })
    }
}

impl Subjects for MemoryStore {
    fn subject<'a>(
        &'a self,
        tenant: &'a TenantId,
        subject: &'a SubjectId,
    ) -> StoreFuture<'a, Option<SubjectSnapshot>> {
        let found = self.state.lock().unwrap().subjects.get(subject).cloned();
        Box::pin(async move { Ok(found.filter(|_| *tenant == self.tenant)) })
    }

    fn subjects<'a>(
        &'a self,
        _: &'a TenantId,
        _: PageRequest,
    ) -> StoreFuture<'a, Page<SubjectSummary>> {
        let state = self.state.lock().unwrap();
        let all = state.subjects.values().cloned().map(|s| SubjectSummary {
            id: s.id,
            version: s.version,
            created_at: s.created_at,
            opted_out: s.opted_out,
            consents: s.consents,
            enrolled: s.voiceprint.is_some(),
        });
        let items = all.collect();
        Box::pin(async move { Ok(Page { items, next: None }) })
    }

    fn voiceprints<'a>(
        &'a self,
        _: &'a TenantId,
        _: PageRequest,
    ) -> StoreFuture<'a, Page<StoredVoiceprint>> {
        let state = self.state.lock().unwrap();
        let all = state.subjects.values().cloned().filter_map(|s| {
            Some(StoredVoiceprint {
                subject: s.id,
                subject_version: s.version,
                opted_out: s.opted_out,
                consents: s.consents,
                voiceprint: s.voiceprint?,
            })
        });
        let items = all.collect();
        Box::pin(async move { Ok(Page { items, next: None }) })
    }
}

impl Directory for MemoryStore {
    fn authenticate(&self, presented: &str, _: Timestamp) -> Option<Caller> {
        let role = Role::parse(presented)?;
        Some(Caller {
            tenant: self.tenant.clone(),
            key: ApiKeyId::parse(presented).unwrap(),
            role,
        })
    }

    fn tenants(&self) -> Vec<TenantInfo> {
        self.tenant(&self.tenant).into_iter().collect()
    }

    fn tenant(&self, tenant: &TenantId) -> Option<TenantInfo> {
        let state = self.state.lock().unwrap();
        (*tenant == self.tenant).then(|| TenantInfo {
            id: tenant.clone(),
            created_at: Timestamp::from_unix_ms(0),
            extractor: state.extractor.clone(),
            rotation: RotationInfo {
                generation: state.generation,
            },
        })
    }

    fn api_keys(&self, _: &TenantId) -> Vec<ApiKeyInfo> {
        vec![]
    }
}

impl AuditLog for MemoryStore {
    fn decisions<'a>(
        &'a self,
        _: &'a TenantId,
        filter: &'a DecisionFilter,
        _: PageRequest,
    ) -> StoreFuture<'a, Page<DecisionRecord>> {
        let state = self.state.lock().unwrap();
        let about = |r: &DecisionRecord| r.event.as_ref().and_then(|e| e.subject.clone());
        let wanted = |r: &&DecisionRecord| {
            filter.subject.is_none() || filter.subject == about(r)
        };
        let chosen = |r: &&DecisionRecord| {
            filter.decision.is_none_or(|d| r.decision == Some(d))
                && filter.reason.is_none_or(|x| r.reasons.contains(&x))
                && filter.kind.is_none_or(|k| r.kind == k)
        };
        let newest = state.records.iter().rev().filter(wanted).filter(chosen);
        let items = newest.cloned().collect();
        Box::pin(async move { Ok(Page { items, next: None }) })
    }

    fn decision<'a>(
        &'a self,
        _: &'a TenantId,
        decision: &'a DecisionId,
    ) -> StoreFuture<'a, Option<DecisionRecord>> {
        let state = self.state.lock().unwrap();
        let found = state.records.iter().find(|r| r.id == *decision).cloned();
        Box::pin(async move { Ok(found) })
    }

    fn head(&self) -> AuditHead {
        *self.head.borrow()
    }

    fn watch_head(&self) -> watch::Receiver<AuditHead> {
        self.head.subscribe()
    }
}
