//! A policy that was checked and compiled.

use crate::domain::{Amount, ArtifactRef};
use crate::policy::session::check::check;
use crate::policy::session::error::SessionPolicyError;
use crate::policy::session::file::{DecisionRule, RoutingRule, SessionPolicyFile};
use crate::policy::session::rule::{
    Condition, DECISION_SCOPE, Fault, Names, ROUTING_SCOPE, Samples, Scope,
};
use crate::scoring::fusion::Fusion;

/// Longest policy file, in bytes.
pub const MAX_POLICY_BYTES: usize = 64 * 1024;

/// A policy in force, or one beside it. Only [`ActivePolicy::from_toml`] and
/// [`ActivePolicy::from_file`] make one, so whatever has one has a sound one.
#[derive(Debug, Clone)]
pub struct ActivePolicy {
    file: SessionPolicyFile,
    fusion: Fusion,
    rules: Vec<(DecisionRule, Condition)>,
    routing: Vec<(RoutingRule, Condition)>,
}

impl ActivePolicy {
    /// Reads, checks and compiles a policy file.
    ///
    /// # Errors
    /// What is wrong with it, and where.
    pub fn from_toml(text: &str, fusion: Fusion) -> Result<Self, SessionPolicyError> {
        if text.len() > MAX_POLICY_BYTES {
            let got = text.len();
            return Err(SessionPolicyError::TooLarge { limit: MAX_POLICY_BYTES, got });
        }
        let file = toml::from_str(text).map_err(|e| SessionPolicyError::Shape(e.to_string()))?;
        Self::from_file(file, fusion)
    }

    /// Checks and compiles a policy.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn from_file(file: SessionPolicyFile, fusion: Fusion) -> Result<Self, SessionPolicyError> {
        check(&file)?;
        fusion.check().map_err(|e| SessionPolicyError::unfit("fusion", e.to_string()))?;
        let mut policy = Self { file, fusion, rules: Vec::new(), routing: Vec::new() };
        policy.compile()?;
        Ok(policy)
    }

    fn compile(&mut self) -> Result<(), SessionPolicyError> {
        let text = |name: &dyn std::fmt::Display| name.to_string();
        let names = Names {
            intents: self.file.intents.keys().map(|k| text(k)).collect(),
            factors: self.file.factors.keys().map(|k| text(k)).collect(),
        };
        let samples = Samples::of(self);
        let compiled = |name: &_, when: &str, scope: Scope| {
            Condition::compile(when, scope, &names, &samples).map_err(|fault| {
                let Fault { line, column, why } = fault;
                SessionPolicyError::Rule { rule: Clone::clone(name), line, column, why }
            })
        };
        let mut rules = Vec::new();
        for rule in &self.file.rules {
            rules.push((rule.clone(), compiled(&rule.name, &rule.when, DECISION_SCOPE)?));
        }
        let mut routing = Vec::new();
        for rule in &self.file.routing {
            routing.push((rule.clone(), compiled(&rule.name, &rule.when, ROUTING_SCOPE)?));
        }
        (self.rules, self.routing) = (rules, routing);
        Ok(())
    }

    /// The policy as it stands in its file.
    pub fn file(&self) -> &SessionPolicyFile {
        &self.file
    }

    /// Name and version.
    pub fn version(&self) -> &ArtifactRef {
        &self.file.version
    }

    /// The fusion it decides with.
    pub fn fusion(&self) -> &Fusion {
        &self.fusion
    }

    /// What a sum is worth in the currency of the policy; `None` for a currency it does not price.
    pub fn price(&self, amount: &Amount) -> Option<f64> {
        if amount.currency() == self.file.currency {
            return Some(amount.value());
        }
        Some(amount.value() * self.file.rates.get(amount.currency())?)
    }

    /// Rules that cap decisions.
    pub(super) fn rules(&self) -> &[(DecisionRule, Condition)] {
        &self.rules
    }

    /// Rules that route.
    pub(super) fn routing(&self) -> &[(RoutingRule, Condition)] {
        &self.routing
    }
}
