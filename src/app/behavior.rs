//! The models of behavior, as far as their license is allowed.

use std::sync::Arc;

use crate::behavior::builtin;
use crate::config::Config;
use crate::usecase::UseCaseError;
use crate::usecase::behavior::{BehaviorModels, Fitted};
use crate::usecase::conversation::Conversation;

/// The backgrounds that ship, or the fallbacks.
///
/// # Errors
/// A shipped background cannot be used.
pub fn find(config: &Config) -> Result<Arc<dyn BehaviorModels>, UseCaseError> {
    let license = &config.models.license;
    if license.allows(builtin::LICENSE) {
        tracing::info!(target: "vouch::app", "behavior backgrounds of license class research");
    }
    let fitted = Fitted::shipped(|class| license.allows(class))?;
    Ok(Arc::new(fitted.with_motion(config.policy.behavior.motion_weight)))
}

/// The models of conversation that ship; their license class is open.
///
/// # Errors
/// A shipped file cannot be used.
pub fn conversation() -> Result<Arc<Conversation>, UseCaseError> {
    let shipped = Conversation::shipped().map_err(|e| UseCaseError::Internal(Box::new(e)))?;
    Ok(Arc::new(shipped))
}
