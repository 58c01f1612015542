//! Policies that come with the server.

use crate::policy::session::ActivePolicy;
use crate::policy::session::error::SessionPolicyError;
use crate::scoring::fusion::Fusion;

/// Every shipped policy: its name and its file.
pub const SHIPPED: [(&str, &str); 3] = [
    ("contact-centre", include_str!("../../../models/policies/contact-centre.toml")),
    ("psd2-sca", include_str!("../../../models/policies/psd2-sca.toml")),
    ("nist-800-63b", include_str!("../../../models/policies/nist-800-63b.toml")),
];

/// Name of the policy of a tenant that has chosen none.
pub const DEFAULT_POLICY: &str = "contact-centre";

/// A shipped policy by its name, with a fusion; `None` for a name that is not shipped.
pub fn shipped(name: &str, fusion: Fusion) -> Option<Result<ActivePolicy, SessionPolicyError>> {
    let (_, text) = SHIPPED.iter().find(|(known, _)| *known == name)?;
    Some(ActivePolicy::from_toml(text, fusion))
}
