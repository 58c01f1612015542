//! Identifiers: pseudonymous strings that are safe in file names, logs and SQL.

use std::fmt;

use crate::domain::Timestamp;

/// Longest identifier, in bytes.
pub const MAX_ID_LEN: usize = 64;

/// Why a string is not an identifier.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IdError {
    /// Nothing was given.
    #[error("an id needs at least 1 character")]
    Empty,
    /// More than [`MAX_ID_LEN`] bytes.
    #[error("an id has at most {MAX_ID_LEN} bytes, this one has {0}")]
    TooLong(usize),
    /// Something other than ASCII letters, digits, `-`, `_`, `.`.
    #[error(
        "an id has only letters, digits, '-', '_' and '.'; the character at position {0} is another"
    )]
    BadCharacter(usize),
}

fn check(text: &str) -> Result<(), IdError> {
    if text.is_empty() {
        return Err(IdError::Empty);
    }
    if text.len() > MAX_ID_LEN {
        return Err(IdError::TooLong(text.len()));
    }
    let ok = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    match text.chars().position(|c| !ok(c)) {
        Some(position) => Err(IdError::BadCharacter(position)),
        None => Ok(()),
    }
}

/// A version-7 UUID (RFC 9562) from a given time and given randomness: sorts by time.
fn uuid_v7(now: Timestamp, random: [u8; 10]) -> String {
    let millis = u64::try_from(now.unix_ms()).unwrap_or(0);
    uuid::Builder::from_unix_timestamp_millis(millis, &random).into_uuid().to_string()
}

macro_rules! string_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// Checks a string from outside: 1 to 64 of `[A-Za-z0-9._-]`.
            pub fn parse(text: &str) -> Result<Self, IdError> {
                check(text)?;
                Ok(Self(text.to_owned()))
            }

            /// A new id that sorts by time; `random` comes from the caller's generator.
            pub fn new(now: Timestamp, random: [u8; 10]) -> Self {
                Self(uuid_v7(now, random))
            }

            /// The id as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl TryFrom<String> for $name {
            type Error = IdError;
            fn try_from(text: String) -> Result<Self, IdError> {
                check(&text)?;
                Ok(Self(text))
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> String {
                id.0
            }
        }
    };
}

string_id!(
    /// An isolated customer of the server.
    TenantId
);
string_id!(
    /// An enrolled person, pseudonymous.
    SubjectId
);
string_id!(
    /// A template of a voice.
    VoiceprintId
);
string_id!(
    /// An enrollment on the way.
    EnrollmentId
);
string_id!(
    /// One enrolled utterance.
    UtteranceId
);
string_id!(
    /// A record of the audit chain.
    DecisionId
);
string_id!(
    /// A consent record.
    ConsentId
);
string_id!(
    /// Proof of an erasure.
    ReceiptId
);
string_id!(
    /// A template of behavior.
    BehaviorProfileId
);
string_id!(
    /// An API key, without its secret.
    ApiKeyId
);
string_id!(
    /// One call or app session.
    SessionId
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_from_outside_are_checked() {
        assert!(SubjectId::parse("caller-7_b.x").is_ok());
        assert_eq!(SubjectId::parse(""), Err(IdError::Empty));
        assert_eq!(SubjectId::parse(&"a".repeat(65)), Err(IdError::TooLong(65)));
        assert_eq!(SubjectId::parse("a b"), Err(IdError::BadCharacter(1)));
        assert_eq!(SubjectId::parse("Zoë"), Err(IdError::BadCharacter(2)));
    }

    #[test]
    fn new_ids_sort_by_time() {
        let early = DecisionId::new(Timestamp::from_unix_ms(1_000), [255; 10]);
        let late = DecisionId::new(Timestamp::from_unix_ms(2_000), [0; 10]);
        assert!(early < late);
        assert_eq!(DecisionId::parse(early.as_str()), Ok(early));
    }
}
