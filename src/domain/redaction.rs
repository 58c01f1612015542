//! How personal data is taken out of texts that are kept.

/// What takes the place of personal data in a text that is stored, logged or exported.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, Default, serde::Serialize, serde::Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum RedactionMode {
    /// A placeholder that is the same whenever the same value comes again, under a key of the tenant:
    /// records stay linkable (pseudonymous data, GDPR Art. 4(5)).
    #[default]
    Pseudonymize,
    /// Its kind and nothing else: nothing links two records by it.
    Anonymize,
}

impl RedactionMode {
    /// Every mode, in order of declaration.
    pub const ALL: [Self; 2] = [Self::Pseudonymize, Self::Anonymize];

    /// The name in files and records.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pseudonymize => "pseudonymize",
            Self::Anonymize => "anonymize",
        }
    }
}
