//! Who can be found: the prepared sides of each tenant in memory, kept in step with the store.

use std::collections::{BinaryHeap, HashMap};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};

use crate::domain::{ConsentRecord, Purpose, SubjectId, TenantId, Timestamp};
use crate::scoring::{BackEnd, Side};
use crate::store::{PageRequest, Store, SubjectSnapshot, Voiceprint};
use crate::usecase::UseCaseError;
use crate::usecase::parts::VoiceParts;

/// Voiceprints read at once when a tenant is loaded.
const LOAD_PAGE: u32 = 500;
/// Candidates that are re-ranked with normalized scores.
pub const RERANK: usize = 100;

/// One subject's side and when it may be used.
#[derive(Clone)]
struct Entry {
    side: Side,
    until: Option<Timestamp>,
    /// When consent was given and when it ends.
    consents: Vec<(Timestamp, Option<Timestamp>)>,
}

impl Entry {
    fn usable(&self, now: Timestamp) -> bool {
        let open = |end: Option<Timestamp>| end.is_none_or(|end| now < end);
        open(self.until)
            && self
                .consents
                .iter()
                .any(|(from, end)| *from <= now && open(*end))
    }
}

/// The sides of one tenant.
#[derive(Default)]
pub(super) struct Gallery {
    /// One refresh at a time, so that the last one has read the newest state.
    refreshing: tokio::sync::Mutex<()>,
    entries: RwLock<HashMap<SubjectId, Entry>>,
}

/// What a search found.
pub(super) struct Found {
    /// Voiceprints compared.
    pub(super) searched: usize,
    /// The nearest by back-end cosine, best first; at most [`RERANK`].
    pub(super) nearest: Vec<(SubjectId, Side)>,
}

/// All tenants.
#[derive(Default)]
pub(super) struct Galleries(RwLock<HashMap<TenantId, Arc<Gallery>>>);

impl Galleries {
    /// A tenant's gallery; an unknown tenant has an empty one.
    pub(super) fn of(&self, tenant: &TenantId) -> Arc<Gallery> {
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(gallery) = known.get(tenant) {
            return Arc::clone(gallery);
        }
        drop(known);
        let mut all = self.0.write().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(all.entry(tenant.clone()).or_default())
    }

    /// Loads every tenant.
    pub(super) async fn load(store: &dyn Store, voice: &VoiceParts) -> Result<Self, UseCaseError> {
        let all = Self::default();
        for tenant in store.tenants() {
            let gallery = all.of(&tenant.id);
            let mut token = None;
            loop {
                let request = PageRequest {
                    size: LOAD_PAGE,
                    token,
                };
                let page = store.voiceprints(&tenant.id, request).await?;
                for row in page.items {
                    let entry = entry(voice, row.opted_out, &row.consents, &row.voiceprint)?;
                    gallery.put(row.subject, entry);
                }
                token = page.next;
                if token.is_none() {
                    break;
                }
            }
        }
        Ok(all)
    }
}

impl Gallery {
    /// Reads a subject anew; call it after every commit that touches what decides whether the subject
    /// can be found.
    pub(super) async fn refresh(
        &self,
        store: &dyn Store,
        voice: &VoiceParts,
        tenant: &TenantId,
        subject: &SubjectId,
    ) -> Result<(), UseCaseError> {
        let _one_at_a_time = self.refreshing.lock().await;
        let read = async {
            match store.subject(tenant, subject).await? {
                Some(snapshot) => from_snapshot(voice, &snapshot),
                None => Ok(None),
            }
        };
        match read.await {
            Ok(entry) => {
                self.put(subject.clone(), entry);
                Ok(())
            }
            Err(error) => {
                // What cannot be read cannot be found: an old side must not stay.
                self.put(subject.clone(), None);
                Err(error)
            }
        }
    }

    fn put(&self, subject: SubjectId, entry: Option<Entry>) {
        let mut entries = self.entries.write().unwrap_or_else(PoisonError::into_inner);
        match entry {
            Some(entry) => entries.insert(subject, entry),
            None => entries.remove(&subject),
        };
    }

    fn read(&self) -> RwLockReadGuard<'_, HashMap<SubjectId, Entry>> {
        self.entries.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether a subject can be found at all.
    pub(super) fn contains(&self, subject: &SubjectId) -> bool {
        self.read().contains_key(subject)
    }

    /// Compares a probe with the usable sides of a list, or of everybody. Exact.
    pub(super) fn search(
        &self,
        back_end: &BackEnd,
        probe: &Side,
        list: Option<&[SubjectId]>,
        now: Timestamp,
    ) -> Found {
        let entries = self.read();
        let mut best = Nearest::default();
        let mut consider = |(subject, entry): (&SubjectId, &Entry)| {
            if entry.usable(now) {
                best.offer(back_end.cosine(probe, &entry.side), subject);
            }
        };
        match list {
            Some(list) => list
                .iter()
                .filter_map(|s| entries.get_key_value(s))
                .for_each(&mut consider),
            None => entries.iter().for_each(&mut consider),
        }
        let searched = best.offered;
        let nearest = best.into_subjects();
        let with_side = |s: SubjectId| entries.get(&s).map(|e| (s.clone(), e.side.clone()));
        Found {
            searched,
            nearest: nearest.into_iter().filter_map(with_side).collect(),
        }
    }
}

fn from_snapshot(
    voice: &VoiceParts,
    snapshot: &SubjectSnapshot,
) -> Result<Option<Entry>, UseCaseError> {
    match &snapshot.voiceprint {
        Some(print) => entry(voice, snapshot.opted_out, &snapshot.consents, print),
        None => Ok(None),
    }
}

/// A side, unless the print belongs to another model or the subject opted out.
fn entry(
    voice: &VoiceParts,
    opted_out: bool,
    consents: &[ConsentRecord],
    print: &Voiceprint,
) -> Result<Option<Entry>, UseCaseError> {
    if opted_out || print.extractor != voice.extractor.artifact() {
        return Ok(None);
    }
    let ends = |c: &ConsentRecord| match (c.expires_at, c.withdrawn_at) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (a, b) => a.or(b),
    };
    let for_voice = consents
        .iter()
        .filter(|c| c.purpose == Purpose::VoiceAuthentication);
    Ok(Some(Entry {
        side: voice.voiceprint_side(print)?,
        until: print.expires_at,
        consents: for_voice.map(|c| (c.given_at, ends(c))).collect(),
    }))
}

/// The best [`RERANK`] of a stream of candidates.
#[derive(Default)]
struct Nearest {
    heap: BinaryHeap<Worst>,
    offered: usize,
}

/// Ordered so that the heap's top is the worst one kept.
struct Worst {
    cosine: f64,
    subject: SubjectId,
}

impl Ord for Worst {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        let by_cosine = other.cosine.total_cmp(&self.cosine);
        by_cosine.then_with(|| self.subject.cmp(&other.subject))
    }
}

impl PartialOrd for Worst {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Worst {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Worst {}

impl Nearest {
    fn offer(&mut self, cosine: f64, subject: &SubjectId) {
        self.offered += 1;
        let full = self.heap.len() == RERANK;
        if full && self.heap.peek().is_some_and(|w| w.cosine >= cosine) {
            return;
        }
        if full {
            self.heap.pop();
        }
        self.heap.push(Worst {
            cosine,
            subject: subject.clone(),
        });
    }

    fn into_subjects(self) -> Vec<SubjectId> {
        let sorted = self.heap.into_sorted_vec();
        sorted.into_iter().map(|w| w.subject).collect()
    }
}
