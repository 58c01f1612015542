//! Sessions: a call or an app session with all its signals. The machine of [`crate::session::call`] says what
//! is to be done; each session has a task that does it and lives on while its client is away. What a session
//! opened, decided and ended with stands in the audit; what it heard stands in memory alone, so that a restart
//! ends it as incomplete.

mod adapt;
mod age;
mod answer;
mod audio;
mod bind;
mod captures;
mod claim;
mod compare;
mod count;
mod hearing;
mod own_voice;
mod policy;
pub(in crate::usecase) mod record;
mod registry;
mod report;
mod service;
mod shown;
pub mod simulate;
mod standing;
mod texts;
mod token;
mod words;
mod worker;

pub use policy::SessionPolicy;
pub use record::{ACT_CHANGED, ACT_DECIDED, ACT_ENDED, ACT_FOUND, ACT_OPENED};
pub use registry::MAX_SESSIONS;
pub use report::ReportContext;
pub(super) use service::Sessions;
pub use token::{
    DEFAULT_TOKEN_LIFETIME_MS, MAX_SESSION_TOKENS, MintSessionToken, MintedToken,
    SESSION_TOKEN_PREFIX, SessionGrant, TOKEN_LIFETIME_MS,
};
pub use words::*;
