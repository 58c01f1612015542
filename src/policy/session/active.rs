//! A policy that was checked and compiled.

use crate::domain::{Amount, ArtifactRef, RuleName};
use crate::policy::session::check::{Problems, check};
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
    /// The first problem, and where.
    pub fn from_toml(text: &str, fusion: Fusion) -> Result<Self, SessionPolicyError> {
        Self::examine_toml(text, fusion).map_err(first)
    }

    /// The same, with all that is wrong.
    ///
    /// # Errors
    /// Up to [`MAX_PROBLEMS`](super::MAX_PROBLEMS) problems; one where the file is too long or not of this shape.
    pub fn examine_toml(text: &str, fusion: Fusion) -> Result<Self, Vec<SessionPolicyError>> {
        if text.len() > MAX_POLICY_BYTES {
            let got = text.len();
            return Err(vec![SessionPolicyError::TooLarge { limit: MAX_POLICY_BYTES, got }]);
        }
        let shape = |e: toml::de::Error| vec![SessionPolicyError::Shape(e.to_string())];
        Self::examine(toml::from_str(text).map_err(shape)?, fusion)
    }

    /// Checks and compiles a policy.
    ///
    /// # Errors
    /// The first problem.
    pub fn from_file(file: SessionPolicyFile, fusion: Fusion) -> Result<Self, SessionPolicyError> {
        Self::examine(file, fusion).map_err(first)
    }

    fn examine(file: SessionPolicyFile, fusion: Fusion) -> Result<Self, Vec<SessionPolicyError>> {
        let mut found = Problems::default();
        check(&file, &mut found);
        let fused = fusion.check().map_err(|e| SessionPolicyError::unfit("fusion", e.to_string()));
        found.take(fused);
        let mut policy = Self { file, fusion, rules: Vec::new(), routing: Vec::new() };
        // Conditions are tried on what a sound policy says; those of another one are read only.
        let samples = if found.is_empty() { Samples::of(&policy) } else { Samples::none() };
        policy.compile(&samples, &mut found);
        if found.is_empty() { Ok(policy) } else { Err(found.into_all()) }
    }

    fn compile(&mut self, samples: &Samples, found: &mut Problems) {
        let text = |name: &dyn std::fmt::Display| name.to_string();
        let names = Names {
            intents: self.file.intents.keys().map(|k| text(k)).collect(),
            factors: self.file.factors.keys().map(|k| text(k)).collect(),
        };
        let mut compiled = |name: &RuleName, when: &str, scope: Scope| {
            let read = Condition::compile(when, scope, &names, samples);
            let Fault { line, column, why } = match read {
                Ok(condition) => return Some(condition),
                Err(fault) => fault,
            };
            let rule = name.clone();
            found.take(Err(SessionPolicyError::Rule { rule, line, column, why }));
            None
        };
        let mut rules = Vec::new();
        for rule in &self.file.rules {
            let condition = compiled(&rule.name, &rule.when, DECISION_SCOPE);
            rules.extend(condition.map(|condition| (rule.clone(), condition)));
        }
        let mut routing = Vec::new();
        for rule in &self.file.routing {
            let condition = compiled(&rule.name, &rule.when, ROUTING_SCOPE);
            routing.extend(condition.map(|condition| (rule.clone(), condition)));
        }
        (self.rules, self.routing) = (rules, routing);
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

/// The first of several problems.
fn first(mut all: Vec<SessionPolicyError>) -> SessionPolicyError {
    if all.is_empty() {
        // Whoever refuses a file says why.
        return SessionPolicyError::unfit("", "unsound");
    }
    all.swap_remove(0)
}
