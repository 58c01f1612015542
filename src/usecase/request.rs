//! The identity of a request, by which its repetition is recognized.

use crate::crypto::sha256;
use crate::domain::{Authorization, DurationMs, SubjectId};
use crate::store;
use crate::usecase::command::IdempotencyKey;

/// How long an answer is remembered, in milliseconds: one day.
pub const REMEMBER_MS: DurationMs = 86_400_000;

/// The content of a request, field by field; the key is not part of it. Fields are separated by
/// their lengths, so that no two contents give the same bytes.
#[derive(Default)]
pub(super) struct Content(Vec<u8>);

impl Content {
    pub(super) fn new() -> Self {
        Self::default()
    }

    pub(super) fn bytes(mut self, field: &[u8]) -> Self {
        self.0.extend((field.len() as u64).to_le_bytes());
        self.0.extend(field);
        self
    }

    pub(super) fn text(self, field: &str) -> Self {
        self.bytes(field.as_bytes())
    }

    pub(super) fn subject(self, subject: &SubjectId) -> Self {
        self.text(subject.as_str())
    }

    pub(super) fn flag(self, field: bool) -> Self {
        self.bytes(&[u8::from(field)])
    }

    pub(super) fn optional(self, field: Option<&str>) -> Self {
        match field {
            Some(field) => self.flag(true).text(field),
            None => self.flag(false),
        }
    }

    pub(super) fn authorization(self, who: &Authorization) -> Self {
        self.text(&who.agent).text(&who.factor)
    }

    /// Names the request.
    pub(super) fn request(self, method: &'static str, key: &IdempotencyKey) -> Request {
        Request(store::IdempotencyKey {
            method,
            key: key.as_str().to_owned(),
            body_hash: sha256(&self.0),
        })
    }
}

/// A named request.
#[derive(Debug, Clone)]
pub(super) struct Request(pub(super) store::IdempotencyKey);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_do_not_run_into_each_other() {
        let key = IdempotencyKey::parse("k").expect("a key");
        let hash = |content: Content| content.request("m", &key).0.body_hash;
        let ab_c = hash(Content::new().text("ab").text("c"));
        assert_ne!(ab_c, hash(Content::new().text("a").text("bc")));
        assert_ne!(ab_c, hash(Content::new().text("abc")));
        assert_eq!(ab_c, hash(Content::new().text("ab").text("c")));
        assert_ne!(hash(Content::new().optional(None)), hash(Content::new().optional(Some(""))));
    }
}
