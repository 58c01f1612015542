//! Names that a policy gives: intents, factors, queues, rules.

use std::fmt;

use crate::domain::IdError;

/// Longest name of an intent, factor, queue or rule, in bytes.
pub const MAX_NAME_LEN: usize = 64;

macro_rules! names {
    ($($(#[$doc:meta])* $name:ident),+ $(,)?) => {$(
        $(#[$doc])*
        #[derive(
            Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize,
        )]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// Checks a name from outside: 1 to [`MAX_NAME_LEN`] of `[a-z0-9_]`, a letter first.
            pub fn parse(text: &str) -> Result<Self, IdError> {
                check_name(text)?;
                Ok(Self(text.to_owned()))
            }

            /// The name as text.
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
                check_name(&text)?;
                Ok(Self(text))
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> String {
                name.0
            }
        }
    )+};
}

names!(
    /// What somebody wants to do, as named by a policy, e.g. `sim_swap`.
    IntentId,
    /// An authentication factor other than a biometric of ours, as named by a policy, e.g. `otp_app`.
    FactorName,
    /// A queue of a contact centre, as named by a policy.
    QueueName,
    /// A rule of a policy.
    RuleName,
);

fn check_name(text: &str) -> Result<(), IdError> {
    if text.is_empty() {
        return Err(IdError::Empty);
    }
    if text.len() > MAX_NAME_LEN {
        return Err(IdError::TooLong(text.len()));
    }
    let ok = |(i, c): (usize, char)| {
        c.is_ascii_lowercase() || (i > 0 && (c.is_ascii_digit() || c == '_'))
    };
    match text.chars().enumerate().position(|at| !ok(at)) {
        Some(position) => Err(IdError::BadCharacter(position)),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_checked() {
        assert!(IntentId::parse("sim_swap2").is_ok());
        assert_eq!(IntentId::parse(""), Err(IdError::Empty));
        assert_eq!(FactorName::parse("2fa"), Err(IdError::BadCharacter(0)));
        assert_eq!(QueueName::parse("Priority"), Err(IdError::BadCharacter(0)));
        assert_eq!(RuleName::parse(&"a".repeat(65)), Err(IdError::TooLong(65)));
        assert!(serde_json::from_str::<IntentId>("\"a b\"").is_err());
    }
}
