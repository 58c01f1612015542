//! Why a change is refused.

use crate::domain::ArtifactRef;

/// Why an act is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PolicyChangeError {
    /// Another change is on its way.
    #[error("a change to {0} is on its way already: approve or reject it first")]
    Pending(ArtifactRef),
    /// No change to that policy is on its way, or it has lapsed.
    #[error("no change to {0} is on its way")]
    NotPending(ArtifactRef),
    /// Whoever asked for a change wants to approve or reject it, too.
    #[error(
        "a change of policy needs a second person: another API key than the one that asked for it"
    )]
    SamePerson,
    /// What is approved is not what is proposed.
    #[error("the digest is not that of the file of {0}")]
    OtherBytes(ArtifactRef),
    /// The version was proposed already, or ships with the server.
    #[error("{0} names another file already: give the file a new version")]
    UsedVersion(ArtifactRef),
    /// There is no such version.
    #[error("the tenant has no policy {0}")]
    NoSuchVersion(ArtifactRef),
    /// It cannot be gone back to: it was never in force.
    #[error("{0} was never in force")]
    NeverInForce(ArtifactRef),
    /// It is in force already.
    #[error("{0} is in force already")]
    AlreadyActive(ArtifactRef),
    /// Its file is kept no more.
    #[error("the file of {version} is kept no more: the latest {limit} are; propose it anew")]
    NotKept {
        /// Which.
        version: ArtifactRef,
        /// How many files are kept.
        limit: usize,
    },
    /// Nothing runs in shadow.
    #[error("no policy runs in shadow")]
    NoShadow,
    /// Too many versions.
    #[error("a tenant proposes at most {limit} versions of policies")]
    TooMany {
        /// The limit.
        limit: usize,
    },
}
