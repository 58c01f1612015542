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
    /// Routes calls: asks for the age class of a caller, and nothing else.
    Router,
}

impl Role {
    /// Every role, in order of declaration.
    pub const ALL: &'static [Role] = &[
        Role::Client,
        Role::Agent,
        Role::Analyst,
        Role::Reviewer,
        Role::Auditor,
        Role::Privacy,
        Role::Admin,
        Role::Router,
    ];

    /// The name in configuration, on the command line and in the store.
    pub fn as_str(self) -> &'static str {
        match self {
            Role::Client => "client",
            Role::Agent => "agent",
            Role::Analyst => "analyst",
            Role::Reviewer => "reviewer",
            Role::Auditor => "auditor",
            Role::Privacy => "privacy",
            Role::Admin => "admin",
            Role::Router => "router",
        }
    }

    /// The role with that name.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|r| r.as_str() == text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_round_trip() {
        for role in Role::ALL {
            assert_eq!(Role::parse(role.as_str()), Some(*role));
        }
        assert_eq!(Role::parse("root"), None);
    }
}
