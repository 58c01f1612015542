//! The identity of a live call. What it will hear is not known when it opens, so its key is taken while it runs,
//! and what it heard is remembered with its answer: a repeat with other audio is another request.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};

use crate::crypto::RunningSha256;
use crate::domain::TenantId;
use crate::usecase::UseCaseError;
use crate::usecase::command::Chunk;
use crate::usecase::request::Request;

/// Tenant, method and idempotency key.
type Name = (TenantId, &'static str, String);

/// Keys of the live calls that run: one entry a call, and the edge bounds how many there are.
#[derive(Default)]
pub(super) struct LiveKeys(Mutex<HashSet<Name>>);

/// The key of a live call; free again when dropped.
pub(super) struct Reserved {
    keys: Arc<LiveKeys>,
    name: Name,
}

impl LiveKeys {
    fn taken(&self) -> MutexGuard<'_, HashSet<Name>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes the key of a live call, before what is remembered under it is looked up. Of calls side by side under
    /// one key only the first could be counted and recorded.
    ///
    /// # Errors
    /// [`UseCaseError::KeyInUse`] while another call has it.
    pub(super) fn reserve(
        self: &Arc<Self>,
        tenant: &TenantId,
        request: &Request,
    ) -> Result<Reserved, UseCaseError> {
        let name = (tenant.clone(), request.0.method, request.0.key.clone());
        if !self.taken().insert(name.clone()) {
            return Err(UseCaseError::KeyInUse);
        }
        Ok(Reserved { keys: Arc::clone(self), name })
    }
}

impl Drop for Reserved {
    fn drop(&mut self) {
        self.keys.taken().remove(&self.name);
    }
}

/// The audio that an answer was given for.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct HeardAudio {
    bytes: u64,
    sha256: [u8; 32],
    /// It was all there was: the client ended it. Else more may have come that was not heard.
    ended: bool,
}

/// Audio as it comes, whatever its packets: cut otherwise it is the same audio.
#[derive(Default)]
pub(super) struct Hearing {
    bytes: u64,
    digest: RunningSha256,
    ended: bool,
}

impl Hearing {
    fn add(&mut self, bytes: &[u8]) {
        self.bytes += bytes.len() as u64;
        self.digest.update(bytes);
    }

    /// Takes chunks. Far cheaper than taking them off the wire was, so not worth a job in the engine.
    pub(super) fn hear(&mut self, chunks: &[Chunk]) {
        chunks.iter().for_each(|chunk| self.add(&chunk.content));
    }

    /// The client ended it.
    pub(super) fn end(&mut self) {
        self.ended = true;
    }

    /// Names what came so far.
    pub(super) fn heard(&self) -> HeardAudio {
        HeardAudio { bytes: self.bytes, sha256: self.digest.so_far(), ended: self.ended }
    }
}

/// An answer as it is remembered for a repeated request.
#[derive(Serialize, Deserialize)]
pub(super) struct Remembered<T> {
    pub(super) answer: T,
    /// What a live call heard; absent where the audio is part of the request.
    pub(super) heard: Option<HeardAudio>,
}

/// A repeated live call: the answer is known, and goes to the same audio only.
pub(super) struct Repeat<T> {
    answer: T,
    heard: HeardAudio,
    so_far: Hearing,
}

impl<T: Clone> Repeat<T> {
    /// Of a call that was remembered.
    pub(super) fn new(answer: T, heard: Option<HeardAudio>) -> Self {
        Self { answer, heard: heard.unwrap_or_default(), so_far: Hearing::default() }
    }

    /// Takes chunks; the answer once what the first call heard has come, if that did not wait for the end.
    ///
    /// # Errors
    /// [`UseCaseError::IdempotencyMismatch`] when it is other audio.
    pub(super) fn hear(&mut self, chunks: &[Chunk]) -> Result<Option<T>, UseCaseError> {
        for Chunk { content, .. } in chunks {
            let left = self.heard.bytes.saturating_sub(self.so_far.bytes);
            let first = usize::try_from(left).map_or(content.len(), |left| left.min(content.len()));
            let (same, more) = content.split_at(first);
            if self.heard.ended && !more.is_empty() {
                return Err(UseCaseError::IdempotencyMismatch);
            }
            self.so_far.add(same);
        }
        if self.so_far.bytes < self.heard.bytes {
            return Ok(None);
        }
        let answer = self.checked()?;
        Ok(Some(answer).filter(|_| !self.heard.ended))
    }

    /// The answer, at the end of the audio.
    ///
    /// # Errors
    /// [`UseCaseError::IdempotencyMismatch`] when it was other audio, or not all of it.
    pub(super) fn checked(&self) -> Result<T, UseCaseError> {
        let so_far = HeardAudio { ended: self.heard.ended, ..self.so_far.heard() };
        // Where nothing was heard the answer did not depend on it.
        if self.heard.bytes == 0 || so_far == self.heard {
            Ok(self.answer.clone())
        } else {
            Err(UseCaseError::IdempotencyMismatch)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::usecase::command::IdempotencyKey;
    use crate::usecase::request::Content;

    fn chunk(content: &[u8]) -> Chunk {
        Chunk { sequence: None, content: content.to_vec() }
    }

    fn heard(content: &[u8], ended: bool) -> Option<HeardAudio> {
        let mut hearing = Hearing::default();
        hearing.hear(&[chunk(content)]);
        if ended {
            hearing.end();
        }
        Some(hearing.heard())
    }

    #[test]
    fn a_key_is_taken_while_its_call_runs_for_its_tenant_and_method() {
        let keys = Arc::new(LiveKeys::default());
        let tenant = |name| TenantId::parse(name).expect("an id");
        let request = |method, flag| {
            let key = IdempotencyKey::parse("k").expect("a key");
            Content::new().flag(flag).request(method, &key)
        };
        let first = keys.reserve(&tenant("a"), &request("m", true)).expect("free");
        for content in [true, false] {
            let second = keys.reserve(&tenant("a"), &request("m", content));
            assert!(matches!(second, Err(UseCaseError::KeyInUse)));
        }
        assert!(keys.reserve(&tenant("b"), &request("m", true)).is_ok());
        assert!(keys.reserve(&tenant("a"), &request("n", true)).is_ok());
        drop(first);
        assert!(keys.reserve(&tenant("a"), &request("m", true)).is_ok());
        assert!(keys.taken().is_empty());
    }

    #[test]
    fn a_repeat_gets_the_answer_for_what_was_heard() {
        let mut early = Repeat::new(7, heard(b"abcd", false));
        assert!(matches!(early.hear(&[chunk(b"ab")]), Ok(None)));
        assert!(early.checked().is_err());
        assert!(matches!(early.hear(&[chunk(b"cde"), chunk(b"f")]), Ok(Some(7))));
        assert!(matches!(early.checked(), Ok(7)));
        let mut other = Repeat::new(7, heard(b"abcd", false));
        assert!(matches!(other.hear(&[chunk(b"abcx")]), Err(UseCaseError::IdempotencyMismatch)));
    }

    #[test]
    fn a_whole_call_is_repeated_as_a_whole() {
        let mut whole = Repeat::new(7, heard(b"abcd", true));
        assert!(matches!(whole.hear(&[chunk(b"a"), chunk(b"bcd")]), Ok(None)));
        assert!(matches!(whole.checked(), Ok(7)));
        assert!(matches!(whole.hear(&[chunk(b"e")]), Err(UseCaseError::IdempotencyMismatch)));
    }

    #[test]
    fn where_nothing_was_heard_any_audio_is_the_same() {
        for mut repeat in [Repeat::new(7, None), Repeat::new(7, heard(b"", false))] {
            assert!(matches!(repeat.checked(), Ok(7)));
            assert!(matches!(repeat.hear(&[chunk(b"abc")]), Ok(Some(7))));
        }
    }
}
