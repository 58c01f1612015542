//! Who makes claims, as far as they are counted and limited apart from whom the claims are about.

use crate::domain::{ApiKeyId, PhoneNumber};

/// Where a claim comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// The API key that made it; for an app's session token the key that minted the token.
    ApiKey(ApiKeyId),
    /// The number a call comes from.
    PhoneNumber(PhoneNumber),
}

/// The kinds of sources, each with limits of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SourceKind {
    /// An API key.
    ApiKey,
    /// A telephone number.
    PhoneNumber,
}

impl Source {
    /// Its kind.
    pub fn kind(&self) -> SourceKind {
        match self {
            Self::ApiKey(_) => SourceKind::ApiKey,
            Self::PhoneNumber(_) => SourceKind::PhoneNumber,
        }
    }

    /// What names it among its kind. For digests alone: a number is personal data.
    pub fn as_str(&self) -> &str {
        match self {
            Self::ApiKey(key) => key.as_str(),
            Self::PhoneNumber(number) => number.as_str(),
        }
    }
}

impl SourceKind {
    /// Name in the policy file and in records.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ApiKey => "api_key",
            Self::PhoneNumber => "phone_number",
        }
    }
}
