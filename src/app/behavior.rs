//! The models of behavior, as far as their license is allowed.

use std::sync::Arc;

use crate::app::AppError;
use crate::behavior::builtin;
use crate::config::Config;
use crate::usecase::UseCaseError;
use crate::usecase::behavior::{BehaviorModels, Fitted};
use crate::usecase::conversation::Conversation;

/// The backgrounds that ship, or the fallbacks; those of `[models] behavior` in place of them.
///
/// # Errors
/// A background cannot be read or used.
pub fn find(config: &Config) -> Result<Arc<dyn BehaviorModels>, AppError> {
    let license = &config.models.license;
    if license.allows(builtin::LICENSE) {
        tracing::info!(target: "vouch::app", "behavior backgrounds of license class research");
    }
    let mut fitted = Fitted::shipped(|class| license.allows(class))?;
    if let Some(folder) = &config.models.behavior {
        fitted = fitted.with_folder(folder)?;
        tracing::info!(target: "vouch::app", folder = %folder.display(), "own behavior backgrounds");
    }
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
