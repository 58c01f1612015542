//! Roles of API keys.

/// What the holder of a key may do. Each right names the roles that have it, in `usecase::access`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// A contact-centre platform or app backend: enrolls, verifies, identifies; coarse scores.
    Client,
    /// A human agent's desktop: as client, and records consent.
    Agent,
    /// Fraud analyst: reads decisions with fine scores.
    Analyst,
    /// Human review of single decisions; fine scores.
    Reviewer,
    /// Reads the audit chain; no biometric operation.
    Auditor,
    /// Data protection: consent, opt-out, erasure.
    Privacy,
    /// Everything within the tenant.
    Admin,
}
