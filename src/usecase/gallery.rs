//! Who can be found: the prepared sides of each tenant in memory, kept in step with the store.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use crate::domain::{ConsentRecord, Purpose, SubjectId, TenantId, Timestamp};
use crate::scoring::Side;
use crate::scoring::search::{Hit, SearchError, SearchIndex, SearchScratch};
use crate::store::{PageRequest, Store, SubjectSnapshot, Voiceprint};
use crate::usecase::UseCaseError;
use crate::usecase::parts::{Parts, VoiceParts};

/// Values of a side where no model is installed, so that there is no side: any permitted number.
const NO_MODEL_DIM: usize = 1;
/// Voiceprints read at once when a tenant is loaded.
const LOAD_PAGE: u32 = 500;
/// Candidates that are re-ranked by the score of the back-end.
pub const RERANK: usize = 100;

/// One subject's side and when it may be used.
struct Entry {
    side: Side,
    until: Option<Timestamp>,
    /// When consent was given and when it ends.
    consents: Vec<(Timestamp, Option<Timestamp>)>,
}

impl Entry {
    fn usable(&self, now: Timestamp) -> bool {
        let open = |end: Option<Timestamp>| end.is_none_or(|end| now < end);
        open(self.until) && self.consents.iter().any(|(from, end)| *from <= now && open(*end))
    }

    /// The next moment at which the clock alone may change whether it is usable.
    fn next_change(&self, now: Timestamp) -> Option<Timestamp> {
        let bounds = self.consents.iter();
        let moments = bounds.flat_map(|(from, end)| [Some(*from), *end]);
        let all = moments.chain([self.until]).flatten();
        all.filter(|moment| *moment > now).min()
    }
}

/// Everybody with a voiceprint, and the index of those who may be found.
struct State {
    numbers: HashMap<SubjectId, u32>,
    entries: HashMap<u32, (SubjectId, Entry)>,
    index: SearchIndex<u32>,
    next_number: u32,
    /// When the clock next changes who may be found.
    sweep_at: Option<Timestamp>,
    /// Subjects that could not be read again after a change.
    unread: HashSet<SubjectId>,
}

/// The sides of one tenant.
pub(super) struct Gallery {
    /// One refresh at a time, so that the last one has read the newest state.
    refreshing: tokio::sync::Mutex<()>,
    state: RwLock<State>,
}

/// What a search found.
pub(super) struct Found {
    /// Voiceprints compared, each of the list once.
    pub(super) searched: usize,
    /// The nearest in the space of the back-end, by cosine, best first; at most [`RERANK`].
    pub(super) nearest: Vec<(SubjectId, Side)>,
}

/// All tenants.
pub(super) struct Galleries {
    /// Values of a side of the configured model, which new tenants get.
    dim: usize,
    of: RwLock<HashMap<TenantId, Arc<Gallery>>>,
}

impl Galleries {
    /// New tenants get sides of `dim` values.
    fn empty(dim: usize) -> Self {
        Self { dim, of: RwLock::default() }
    }

    /// A tenant's gallery; an unknown tenant has an empty one.
    pub(super) fn of(&self, tenant: &TenantId) -> Result<Arc<Gallery>, UseCaseError> {
        let known = self.of.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(gallery) = known.get(tenant) {
            return Ok(Arc::clone(gallery));
        }
        drop(known);
        let fresh = Arc::new(Gallery::new(self.dim)?);
        let mut all = self.of.write().unwrap_or_else(PoisonError::into_inner);
        Ok(Arc::clone(all.entry(tenant.clone()).or_insert(fresh)))
    }

    /// Loads every tenant whose model is there.
    pub(super) async fn load(parts: &Parts) -> Result<Self, UseCaseError> {
        let (store, now) = (parts.store.as_ref(), parts.clock.now());
        let dim = |voice: &VoiceParts| voice.back_end.dim();
        let mut all = Self::empty(parts.voice.as_ref().map_or(NO_MODEL_DIM, dim));
        for tenant in store.tenants() {
            let Some(voice) = parts.voice_of(tenant.extractor.as_ref()) else {
                continue;
            };
            let gallery = Arc::new(Gallery::new(dim(voice))?);
            let known = all.of.get_mut().unwrap_or_else(PoisonError::into_inner);
            known.insert(tenant.id.clone(), Arc::clone(&gallery));
            let mut token = None;
            loop {
                let request = PageRequest { size: LOAD_PAGE, token };
                let page = store.voiceprints(&tenant.id, request).await?;
                for row in page.items {
                    let entry = entry(voice, row.opted_out, &row.consents, &row.voiceprint)?;
                    gallery.write().put(row.subject, entry, now)?;
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

impl State {
    fn put(
        &mut self,
        subject: SubjectId,
        entry: Option<Entry>,
        now: Timestamp,
    ) -> Result<(), SearchError> {
        let Some(entry) = entry else {
            if let Some(number) = self.numbers.remove(&subject) {
                self.entries.remove(&number);
                self.index.remove(&number);
            }
            return Ok(());
        };
        let number = match self.numbers.get(&subject) {
            Some(number) => *number,
            None => {
                let number = self.next_number;
                self.next_number = number.checked_add(1).ok_or(SearchError::Full)?;
                self.numbers.insert(subject.clone(), number);
                number
            }
        };
        if let Some(change) = entry.next_change(now) {
            self.sweep_at = Some(self.sweep_at.map_or(change, |at| at.min(change)));
        }
        if entry.usable(now) {
            self.index.insert(number, &entry.side.unit())?;
        } else {
            self.index.remove(&number);
        }
        self.entries.insert(number, (subject, entry));
        Ok(())
    }

    /// Takes those out whose time has come, and those in.
    fn sweep(&mut self, now: Timestamp) -> Result<(), SearchError> {
        self.sweep_at = None;
        for (number, (_, entry)) in &self.entries {
            if !entry.usable(now) {
                self.index.remove(number);
            } else if self.index.get(number).is_none() {
                self.index.insert(*number, &entry.side.unit())?;
            }
            if let Some(change) = entry.next_change(now) {
                self.sweep_at = Some(self.sweep_at.map_or(change, |at| at.min(change)));
            }
        }
        Ok(())
    }
}

impl Gallery {
    fn new(dim: usize) -> Result<Self, SearchError> {
        let state = State {
            numbers: HashMap::new(),
            entries: HashMap::new(),
            index: SearchIndex::new(dim)?,
            next_number: 0,
            sweep_at: None,
            unread: HashSet::new(),
        };
        Ok(Self { refreshing: tokio::sync::Mutex::default(), state: RwLock::new(state) })
    }

    /// Reads a subject anew; call it after every commit that touches what decides whether the subject
    /// can be found.
    pub(super) async fn refresh(
        &self,
        store: &dyn Store,
        voice: &VoiceParts,
        (tenant, subject): (&TenantId, &SubjectId),
        now: Timestamp,
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
                let mut state = self.write();
                state.unread.remove(subject);
                Ok(state.put(subject.clone(), entry, now)?)
            }
            Err(error) => {
                // What cannot be read cannot be found: an old side must not stay.
                let mut state = self.write();
                state.unread.insert(subject.clone());
                state.put(subject.clone(), None, now)?;
                Err(error)
            }
        }
    }

    /// Subjects that could not be read again after a change.
    pub(super) fn unread(&self) -> Vec<SubjectId> {
        self.read().unread.iter().cloned().collect()
    }

    fn write(&self) -> RwLockWriteGuard<'_, State> {
        self.state.write().unwrap_or_else(PoisonError::into_inner)
    }

    fn read(&self) -> RwLockReadGuard<'_, State> {
        self.state.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether a subject has a side here.
    pub(super) fn contains(&self, subject: &SubjectId) -> bool {
        self.read().numbers.contains_key(subject)
    }

    /// Compares a probe with the usable sides of a list, or of everybody; how sure the nearest are the
    /// nearest is said in [`crate::scoring::search`].
    pub(super) fn search(
        &self,
        probe: &Side,
        list: Option<&[SubjectId]>,
        now: Timestamp,
    ) -> Result<Found, SearchError> {
        if self.read().sweep_at.is_some_and(|at| at <= now) {
            self.write().sweep(now)?;
        }
        let (query, state) = (probe.unit(), self.read());
        let (mut scratch, mut hits) = (SearchScratch::default(), Vec::new());
        let searched = match list {
            Some(list) => {
                // Those who may not be found now have a number, but are not in the index.
                let known: Vec<u32> =
                    list.iter().filter_map(|s| state.numbers.get(s).copied()).collect();
                state.index.search_among(&query, &known, RERANK, &mut scratch, &mut hits)?
            }
            None => {
                state.index.search(&query, RERANK, &mut scratch, &mut hits)?;
                state.index.len()
            }
        };
        let with_side = |hit: &Hit<u32>| {
            let found = state.entries.get(&hit.key);
            found.map(|(subject, entry)| (subject.clone(), entry.side.clone()))
        };
        Ok(Found { searched, nearest: hits.iter().filter_map(with_side).collect() })
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
    let for_voice = consents.iter().filter(|c| c.purpose == Purpose::VoiceAuthentication);
    Ok(Some(Entry {
        side: voice.voiceprint_side(print)?,
        until: print.expires_at,
        consents: for_voice.map(|c| (c.given_at, ends(c))).collect(),
    }))
}
