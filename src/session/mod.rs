//! Live calls as state machines without I/O: (state, event) -> effects. Who drives them hears the
//! audio, computes embeddings and sends answers; what to do when is decided here.

pub mod call;
pub mod enrollment;
pub mod verification;

pub use enrollment::{EnrollmentEffect, EnrollmentEvent, EnrollmentSession};
pub use verification::{VerificationEffect, VerificationEvent, VerificationSession};
